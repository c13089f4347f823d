"""The plans of a call of ``simdsl run``: those of files, or those that are made."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from simdsl.cli import filters
from simdsl.cli.errors import usage
from simdsl.cli.exits import Exit, Stop
from simdsl.cli.filters import BadExpression, Filter
from simdsl.cli.output import print_diagnostics
from simdsl.cli.overrides import SelectedPlan, select
from simdsl.cli.plan_files import find_files, open_plans
from simdsl.cli.request import Request
from simdsl.plan.codes import Code
from simdsl.plan.diagnostics import Severity
from simdsl.plan.plan import Plan, Reset, ResetMode

if TYPE_CHECKING:
    from simdsl.cli.generated_plans import GeneratedPlans


def select_all(request: Request, fresh: int, making: GeneratedPlans | None = None) -> list[SelectedPlan]:
    """The plans that the call names, as the command line wants them. Raises ``Stop`` if one is bad."""
    keyword = _filter("-k", request.keyword) if request.keyword is not None else None
    tags = [_filter("--tag", tag) for tag in request.tags]
    reset = _reset(request)
    if making is not None:
        return [one for one in _made(making, request, fresh, reset) if _matches(one.name, one.original, keyword, tags)]
    found = find_files(request.paths, lines=True)
    opened = open_plans(found)
    diagnostics = [*found.problems, *(diagnostic for one in opened for diagnostic in one.diagnostics)]
    if any(diagnostic.severity is Severity.ERROR for diagnostic in diagnostics):
        raise Stop(Exit.BAD_INPUT, *diagnostics)
    if request.differential or request.doublecheck:  # there, every run is judged
        diagnostics = [diagnostic for diagnostic in diagnostics if diagnostic.code is not Code.W002]
    print_diagnostics(diagnostics, sys.stderr)
    chosen = [one for one in opened if one.plan is not None and _matches(one.target.file, one.plan, keyword, tags)]
    return [
        select(one, seed=request.seed, fresh=fresh, schedule=request.schedule, params=request.params, reset=reset)
        for one in chosen
    ]


def _reset(request: Request) -> Reset | None:
    modes = [mode.value for mode in ResetMode]
    if request.reset_mode is not None and request.reset_mode not in modes:
        raise usage(Code.U008, f"--reset-mode is {', '.join(modes[:-1])} or {modes[-1]}, not `{request.reset_mode}`")
    if request.reset_tables:
        return Reset(tables=request.reset_tables, mode=ResetMode(request.reset_mode or ResetMode.DELETE))
    if request.reset_mode is not None:
        raise usage(Code.U008, "--reset-mode says how, and no --reset-table says what", help="give `--reset-table NAME` too")
    return None


def _made(making: GeneratedPlans, request: Request, fresh: int, reset: Reset | None) -> Iterator[SelectedPlan]:
    """The plans of each maker, for as many seeds."""
    from simdsl.cli.generated_plans import DEFAULT_RUNS

    for made in making.plans(fresh, request.runs or DEFAULT_RUNS):
        selected = select(
            made.opened, seed=made.seed, fresh=fresh, schedule=request.schedule, params=request.params, reset=reset
        )
        yield replace(selected, again=made.maker.again, maker=made.maker.name)


def _matches(file: str, plan: Plan, keyword: Filter | None, tags: list[Filter]) -> bool:
    names = (plan.name.lower(), file.lower())
    if keyword is not None and not keyword(lambda word: any(word.lower() in name for name in names)):
        return False
    return not tags or any(tag(lambda word: word in plan.tags) for tag in tags)


def _filter(option: str, text: str) -> Filter:
    try:
        return filters.parse(text)
    except BadExpression as error:
        raise usage(Code.U004, f"{option} `{text}`: {error}", help="for example: pool and not slow") from None
