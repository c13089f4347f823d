"""What the command line changes in a plan before it runs: the seed, the schedule, the entry of params, the last step."""

from __future__ import annotations

from dataclasses import replace

from simdsl.cli.errors import usage
from simdsl.cli.plan_files import OpenedPlan
from simdsl.plan.codes import Code
from simdsl.plan.dataclasses import dataclass
from simdsl.plan.plan import Plan, Reset
from simdsl.plan.schedules import PctSchedule, RandomSchedule, Schedule
from simdsl.rewriting.pin import strip_seeds
from simdsl.syntax.document import Document
from simdsl.syntax.problems import ParseError
from simdsl.syntax.verb_arguments import parse_schedule


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectedPlan:
    """A plan that will run. ``original`` is what its file says, ``plan`` what the command line makes of it."""

    name: str  # as the command line would name it again
    file: str
    document: Document
    original: Plan
    plan: Plan
    seed: int
    again: tuple[str, ...] = ()  # what stands on the command line in place of the name, for a plan that is in no file
    maker: str | None = None  # the profile or the property of such a plan


def select(
    opened: OpenedPlan, *, seed: int | None, fresh: int, schedule: str | None, params: int | None, reset: Reset | None = None
) -> SelectedPlan:
    """The plan with what the command line says instead. Raises ``Stop`` where the two do not fit."""
    document, original, target = opened.document, opened.plan, opened.target
    assert document is not None
    assert original is not None
    plan = original
    if target.line is not None:
        plan = _up_to(plan, document, target.file, target.line)
    if schedule is not None:
        plan = _scheduled(plan, schedule, target.file)
    if reset is not None:
        plan = replace(plan, reset=reset)
    if params is not None:
        plan = _with_params(plan, params, target.file)
    chosen = _seed(plan, seed, fresh)
    return SelectedPlan(
        name=target.text, file=target.file, document=document, original=original, plan=strip_seeds(plan), seed=chosen
    )


def _up_to(plan: Plan, document: Document, file: str, line: int) -> Plan:
    if plan.steps is None:
        raise usage(
            Code.U003,
            "only a plan with `steps:` has one order that can be cut at a line",
            about=f"{file}:{line}",
            help="`--unroll FILE` writes one of its runs as `steps:`",
        )
    path = document.path_at(line)
    if path is None or path[0] != "steps" or not isinstance(path[1], int):
        raise usage(Code.U003, "no step of `steps:` stands at this line or below it", about=f"{file}:{line}")
    return replace(plan, steps=plan.steps[: path[1] + 1])


def _scheduled(plan: Plan, text: str, file: str) -> Plan:
    if plan.steps is not None:
        raise usage(Code.U005, "a plan with `steps:` has no schedule; the order of its steps is one", about=file)
    try:
        found: Schedule = parse_schedule(text)
    except ParseError as refused:
        trouble = refused.troubles[0]
        raise usage(Code.U005, f"--schedule `{text}`: {trouble.message}", about=file, help=trouble.help) from None
    names = [task.name for task in plan.tasks or ()] if plan.workload is None else list(plan.workload.tasks)
    for word in getattr(found, "words", ()):
        if word not in names:
            raise usage(Code.U005, f"--schedule `{text}`: there is no task `{word}`", about=file, help=_list(names))
    for choice in getattr(found, "choices", ()):
        if not 1 <= choice <= len(names):
            raise usage(Code.U005, f"--schedule `{text}`: tasks are numbered from 1 to {len(names)}", about=file)
    return replace(plan, schedule=found)


def _with_params(plan: Plan, number: int, file: str) -> Plan:
    if number > len(plan.params):
        entries = "entry" if len(plan.params) == 1 else "entries"
        raise usage(Code.U005, f"--params {number}: the plan has {len(plan.params)} {entries}", about=file)
    return replace(plan, params=(plan.params[number - 1],))


def _seed(plan: Plan, seed: int | None, fresh: int) -> int:
    """``--seed``, else the schedule's, else the plan's, else a fresh one (rules.md 36)."""
    if seed is not None:
        return seed
    of_schedule = plan.schedule.seed if isinstance(plan.schedule, RandomSchedule | PctSchedule) else None
    return next((given for given in (of_schedule, plan.seed) if given is not None), fresh)


def _list(names: list[str]) -> str:
    return f"the tasks are {', '.join(f'`{name}`' for name in names)}"
