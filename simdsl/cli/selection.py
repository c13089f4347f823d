"""The plans that a call runs: those of files or generated ones, filtered, and with what the command line overrides.

Filters (``-k 'pool and not slow'`` over names and files, ``--tag`` over tags) are words, ``and``, ``or``, ``not`` and
parentheses; ``and`` binds tighter than ``or``, and two words without an operator between them must both match.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from typing import TYPE_CHECKING, Final, TypeAlias

from simdsl.cli.exits import Exit, Stop
from simdsl.cli.option_groups import ScheduleOptions
from simdsl.cli.output import print_diagnostics, usage
from simdsl.cli.plan_files import OpenedPlan, find_files, open_plans
from simdsl.cli.requests import RunRequest
from simdsl.language.sections import parse_schedule
from simdsl.plan.codes import Code
from simdsl.plan.dataclasses import dataclass
from simdsl.plan.diagnostics import Severity
from simdsl.plan.plan import (
    ExplicitSchedule,
    PctSchedule,
    Plan,
    RandomSchedule,
    RecordedSchedule,
    Reset,
    ResetMode,
    Schedule,
    strip_seeds,
)
from simdsl.plan.regexes import lazy_regex
from simdsl.syntax.document import Document
from simdsl.syntax.problems import ParseError

if TYPE_CHECKING:
    from simdsl.cli.generate import GeneratedPlans

DEFAULT_RUNS: Final = 3
"""How many plans are generated, of each property, unless the call says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectedPlan:
    """A plan that will run. ``original`` is what its file says, ``plan`` what the command line makes of it."""

    name: str  # how the command line names it: its file with `:LINE`, or the name of its generator and seed
    file: str
    read: Callable[[], Document]  # its text; that of a generated plan is only written for a report
    original: Plan
    plan: Plan
    seed: int
    arguments: tuple[str, ...] = ()  # for a generated plan: what selects it on the command line, in place of the name
    generator: str | None = None  # the profile or the property of a generated plan

    @property
    def document(self) -> Document:
        """The text of the plan, with the positions of everything in it."""
        return self.read()


@dataclass(slots=True, kw_only=True)
class Selection:
    """The plans of a call in their order; generated ones are made one by one, as they are asked for."""

    plans: Iterator[SelectedPlan]
    count: int  # how many there will be
    generators: Mapping[str, str] = field(default_factory=dict)  # of generated plans, by their names
    _seen: dict[str, SelectedPlan] = field(default_factory=dict)

    def __iter__(self) -> Iterator[SelectedPlan]:
        for plan in self.plans:
            # Listeners ask for a plan by its name, when it has failed and in reports at the end of the call.
            self._seen[plan.name] = plan
            yield plan

    def __getitem__(self, name: str) -> SelectedPlan:
        """A plan that was given out, by its name."""
        return self._seen[name]

    def all(self) -> list[SelectedPlan]:
        """All of them at once; they can be iterated over again afterwards."""
        found = list(self.plans)
        self.plans = iter(found)
        self.count = len(found)
        self.generators = {one.name: one.generator for one in found if one.generator is not None}
        return found


def select_plans(request: RunRequest, seed: int, generated: GeneratedPlans | None = None) -> Selection:
    """The plans that the call names, as the command line wants them. Raises ``Stop`` if one is invalid.

    ``seed`` is for plans that have none of their own; ``generated`` makes the plans if they are not in files.
    """
    matches = _matcher(request)
    reset = _reset(request)
    if generated is not None:
        runs = request.runs or DEFAULT_RUNS
        made = _generated(generated, request, seed, runs, reset)
        generators = generated.names(seed, runs)
        selected = (one for one in made if matches(one.name, one.original))
        selection = Selection(plans=selected, count=len(generators), generators=generators)
        if request.keyword is not None or request.tags:
            selection.all()  # only the plans themselves tell how many match
        return selection
    opened = open_files(request.paths, every_run_is_checked=bool(request.differential) or request.doublecheck)
    chosen = [one for one in opened if one.plan is not None and matches(one.target.file, one.plan)]
    plans = [select(one, request, seed, reset) for one in chosen]
    return Selection(plans=iter(plans), count=len(plans))


def open_files(paths: Sequence[str], *, show_warnings: bool = True, every_run_is_checked: bool = False) -> list[OpenedPlan]:
    """The plans of files. Raises ``Stop`` with everything that is wrong if any of them is invalid.

    Warnings are printed. ``every_run_is_checked`` says that runs are compared anyway, so that a plan without expectations
    deserves no warning.
    """
    found = find_files(paths, lines=True)
    opened = open_plans(found)
    diagnostics = [*found.problems, *(diagnostic for one in opened for diagnostic in one.diagnostics)]
    # All or nothing: results of some plans would hide that others never ran.
    if any(diagnostic.severity is Severity.ERROR for diagnostic in diagnostics):
        raise Stop(Exit.BAD_INPUT, *diagnostics)
    if show_warnings:
        shown = [one for one in diagnostics if not (every_run_is_checked and one.code is Code.W002)]
        print_diagnostics(shown, sys.stderr)
    return opened


def select(opened: OpenedPlan, overrides: ScheduleOptions, seed: int, reset: Reset | None = None) -> SelectedPlan:
    """A plan of a file with what the command line overrides. Raises ``Stop`` where the two do not fit."""
    document, original, target = opened.document, opened.plan, opened.target
    assert document is not None
    assert original is not None
    plan = original
    # The line is one of the file, so it is looked up before anything else changes the plan.
    if target.line is not None:
        plan = _up_to_line(plan, document, target.file, target.line)
    plan = _overridden(plan, overrides, target.file, reset)
    return SelectedPlan(
        name=target.text,
        file=target.file,
        read=lambda: document,
        original=original,
        plan=strip_seeds(plan),  # one seed decides, the one chosen here; otherwise --seed would lose to the plan's own
        seed=_seed(plan, overrides.seed, seed),
    )


def _generated(
    generated: GeneratedPlans, request: RunRequest, seed: int, runs: int, reset: Reset | None
) -> Iterator[SelectedPlan]:
    for one in generated.plans(seed, runs):
        plan = _overridden(one.plan, request, one.name, reset)
        yield SelectedPlan(
            name=one.name,
            file=one.name,
            read=one.document,
            original=one.plan,
            plan=strip_seeds(plan),
            seed=_seed(plan, one.seed, seed),
            arguments=one.arguments,
            generator=one.generator,
        )


def _overridden(plan: Plan, overrides: ScheduleOptions, file: str, reset: Reset | None) -> Plan:
    if overrides.schedule is not None:
        plan = _scheduled(plan, overrides.schedule, file)
    if reset is not None:
        plan = replace(plan, reset=reset)
    return plan if overrides.params is None else _with_params(plan, overrides.params, file)


def _up_to_line(plan: Plan, document: Document, file: str, line: int) -> Plan:
    if plan.steps is None:
        raise usage(
            Code.U003,
            "only a plan with `steps:` has a single order that can be cut at a line",
            about=f"{file}:{line}",
            help="`--unroll FILE` writes one of its runs as `steps:`",
        )
    path = document.path_at(line)
    if path is None or path[0] != "steps" or not isinstance(path[1], int):
        raise usage(Code.U003, "there is no step of `steps:` at this line or below it", about=f"{file}:{line}")
    return replace(plan, steps=plan.steps[: path[1] + 1])


def _scheduled(plan: Plan, text: str, file: str) -> Plan:
    if plan.steps is not None:
        raise usage(Code.U005, "a plan with `steps:` has no schedule; the order of its steps is one", about=file)
    try:
        found: Schedule = parse_schedule(text)
    except ParseError as error:
        trouble = error.issues[0]
        raise usage(Code.U005, f"--schedule `{text}`: {trouble.message}", about=file, help=trouble.help) from None
    # Checked here, where the option can be named: at run time the plan would be blamed.
    names = [task.name for task in plan.tasks or ()] if plan.workload is None else list(plan.workload.tasks)
    for entry in found.entries if isinstance(found, ExplicitSchedule) else ():
        if entry not in names:
            known = f"the tasks are {', '.join(f'`{name}`' for name in names)}"
            raise usage(Code.U005, f"--schedule `{text}`: there is no task `{entry}`", about=file, help=known)
    for choice in found.choices if isinstance(found, RecordedSchedule) else ():
        if not 1 <= choice <= len(names):
            raise usage(Code.U005, f"--schedule `{text}`: tasks are numbered from 1 to {len(names)}", about=file)
    return replace(plan, schedule=found)


def _with_params(plan: Plan, number: int, file: str) -> Plan:
    if number > len(plan.params):
        entries = "entry" if len(plan.params) == 1 else "entries"
        raise usage(Code.U005, f"--params {number}: the plan has {len(plan.params)} {entries}", about=file)
    return replace(plan, params=(plan.params[number - 1],))


def _seed(plan: Plan, given: int | None, fresh: int) -> int:
    """``--seed``, else the schedule's, else the plan's, else a new one (rules.md 36)."""
    if given is not None:
        return given
    # The schedule's own seed is more specific than the plan's.
    of_schedule = plan.schedule.seed if isinstance(plan.schedule, RandomSchedule | PctSchedule) else None
    return next((seed for seed in (of_schedule, plan.seed) if seed is not None), fresh)


def _reset(request: RunRequest) -> Reset | None:
    modes = [mode.value for mode in ResetMode]
    if request.reset_mode is not None and request.reset_mode not in modes:
        raise usage(Code.U008, f"--reset-mode must be {', '.join(modes[:-1])} or {modes[-1]}, not `{request.reset_mode}`")
    if request.reset_tables:
        return Reset(tables=request.reset_tables, mode=ResetMode(request.reset_mode or ResetMode.DELETE))
    if request.reset_mode is not None:
        raise usage(Code.U008, "--reset-mode has no effect without --reset-table", help="give `--reset-table NAME` too")
    return None


def _matcher(request: RunRequest) -> Callable[[str, Plan], bool]:
    """Whether a plan (by its file, and its content) is one of those that ``-k`` and ``--tag`` ask for."""
    keyword = None if request.keyword is None else _filter("-k", request.keyword)
    tags = [_filter("--tag", tag) for tag in request.tags]

    def matches(file: str, plan: Plan) -> bool:
        # Names are matched as parts and without case, as pytest's -k does; tags are words, so they are matched whole.
        names = (plan.name.lower(), file.lower())
        if keyword is not None and not keyword(lambda word: any(word.lower() in name for name in names)):
            return False
        return not tags or any(tag(lambda word: word in plan.tags) for tag in tags)

    return matches


def _filter(option: str, text: str) -> Filter:
    try:
        return parse_filter(text)
    except BadExpression as error:
        raise usage(Code.U004, f"{option} `{text}`: {error}", help="for example: pool and not slow") from None


Filter: TypeAlias = Callable[[Callable[[str], bool]], bool]
"""Given what it means that a word matches, whether the whole expression does."""

_TOKEN: Final = lazy_regex(r"\s*([()]|[^\s()]+)")
_OPERATORS: Final = frozenset({"and", "or", "not", "(", ")"})


class BadExpression(ValueError):
    """A filter cannot be parsed; the message says why."""


def parse_filter(text: str) -> Filter:
    """The filter that an expression means. Raises ``BadExpression``."""
    parser = _Parser(_TOKEN.findall(text))
    if not parser.tokens:
        raise BadExpression("the expression is empty")
    found = parser.alternatives()
    if parser.tokens:
        raise BadExpression(f"`{parser.tokens[0]}` is unexpected")
    return found


class _Parser:
    """Recursive descent over the tokens that are left."""

    def __init__(self, tokens: list[str]) -> None:
        self.tokens = tokens

    def alternatives(self) -> Filter:
        parts = [self._all()]
        while self._take("or"):
            parts.append(self._all())
        return parts[0] if len(parts) == 1 else lambda matches: any(part(matches) for part in parts)

    def _all(self) -> Filter:
        parts = [self._one()]
        # Two words side by side mean `and`: what most people try first.
        while self._take("and") or (self.tokens and self.tokens[0] not in ("or", ")")):
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else lambda matches: all(part(matches) for part in parts)

    def _one(self) -> Filter:
        if self._take("not"):
            negated = self._one()
            return lambda matches: not negated(matches)
        if self._take("("):
            inner = self.alternatives()
            if not self._take(")"):
                raise BadExpression("a parenthesis is not closed")
            return inner
        if not self.tokens or self.tokens[0] in _OPERATORS:
            raise BadExpression(
                f"a word is missing before `{self.tokens[0]}`" if self.tokens else "a word is missing at the end"
            )
        word = self.tokens.pop(0)
        return lambda matches: matches(word)

    def _take(self, token: str) -> bool:
        if self.tokens and self.tokens[0] == token:
            self.tokens.pop(0)
            return True
        return False
