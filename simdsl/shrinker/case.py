"""The plan that is being shrunk: its steps by path, the plan without some of them, and which of two is smaller."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import field, replace
from itertools import pairwise
from typing import Any, TypeVar

from simdsl.language.dump import dump_json
from simdsl.plan.dataclasses import dataclass
from simdsl.plan.plan import Plan, Task
from simdsl.plan.schedules import ExplicitSchedule
from simdsl.plan.source import Path
from simdsl.plan.steps import For, Retry, SqlStep, Step

_Any = TypeVar("_Any", bound=Step)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShrinkCase:
    """A plan, and for a plan of `tasks:` the step that each word of its schedule starts, in the order of the run.

    The words are kept in step with the plan: without a step its words are gone.
    """

    plan: Plan
    order: tuple[Path, ...] = ()

    def places(self) -> Iterator[tuple[Path, Step]]:
        """Every step with its path, in file order; a loop comes before what is in it. Invariants are steps too."""
        plan = self.plan
        yield from _within(("setup",), plan.setup)
        yield from _within(("steps",), plan.steps or ())
        for task in plan.tasks or ():
            yield from _within(("tasks", task.name), task.steps)
        yield from _within(("finally",), plan.finally_)
        yield from _within(("invariants",), plan.invariants)

    def without(self, gone: Set[Path]) -> ShrinkCase | None:
        """The case when these steps are gone; so do loops and tasks that hold nothing. None where nothing is left."""
        return self.edited(dict.fromkeys(gone, ()))

    def edited(self, changes: Mapping[Path, Sequence[Step]]) -> ShrinkCase | None:
        """The case with other steps in the place of some. A loop may be replaced by its body."""
        plan, edit = self.plan, _Edit(changes=changes)
        tasks = None
        if plan.tasks is not None:
            cut = [Task(name=task.name, steps=edit.made(("tasks", task.name), task.steps)) for task in plan.tasks]
            tasks = tuple(task for task in cut if task.steps)
        steps = None if plan.steps is None else edit.made(("steps",), plan.steps)
        if not tasks and not steps:
            return None
        smaller = replace(
            plan,
            setup=edit.made(("setup",), plan.setup),
            steps=steps,
            tasks=tasks,
            finally_=edit.made(("finally",), plan.finally_),
            invariants=edit.made(("invariants",), plan.invariants),
        )
        return ShrinkCase(plan=smaller).in_order(edit.moved[path] for path in self.order if path in edit.moved)

    def in_order(self, order: Iterable[Path]) -> ShrinkCase:
        """The case with its steps started in another order; a plan of `steps:` as it is.

        A task without loops needs a word for each step: what the order lacks of it comes last.
        """
        tasks = self.plan.tasks
        if tasks is None:
            return self
        looping = {task.name for task in tasks if any(isinstance(step, For | Retry) for step in task.steps)}
        plain: list[Path] = [("tasks", task.name, i) for task in tasks for i in range(len(task.steps))]
        plain = [path for path in plain if path[1] not in looping]
        made = _each_once(order, looping, plain) or (("tasks", tasks[0].name, 0),)
        return ShrinkCase(plan=replace(self.plan, schedule=explicit_schedule(made)), order=made)


def _each_once(order: Iterable[Path], looping: Set[str], plain: Iterable[Path]) -> tuple[Path, ...]:
    """The order with each of the ``plain`` steps once, and those of the ``looping`` tasks as often as it has them."""
    found: list[Path] = []
    seen: set[Path] = set()
    for path in (*order, *plain):
        if path[1] in looping or path not in seen:
            found.append(path)
        seen.add(path)
    return tuple(found)


def explicit_schedule(order: Sequence[Path]) -> ExplicitSchedule:
    """The schedule in which the steps start in this order."""
    return ExplicitSchedule(words=tuple(str(path[1]) for path in order))


def task_of(path: Path, step: Step) -> str | None:
    """Whose step it is; None for those of the plan itself."""
    return str(path[1]) if path[0] == "tasks" else getattr(step, "task", None)


def _within(at: Path, steps: tuple[Step, ...]) -> Iterator[tuple[Path, Step]]:
    for i, step in enumerate(steps):
        yield (*at, i), step
        if isinstance(step, For | Retry):
            yield from _within((*at, i, "do"), step.body)


@dataclass(slots=True, kw_only=True, eq=False)
class _Edit:
    """Lists of steps with changes. ``moved`` says of each step that is still there where it is now."""

    changes: Mapping[Path, Sequence[Step]]
    moved: dict[Path, Path] = field(default_factory=dict)

    def made(self, at: Path, steps: tuple[_Any, ...], to: Path | None = None) -> tuple[_Any, ...]:
        """What has become of the list at a path, which is at ``to`` now."""
        to = at if to is None else to
        left: list[Any] = []
        for i, step in enumerate(steps):
            before, after = (*at, i), (*to, len(left))
            changed = self.changes.get(before)
            if changed is not None:
                self._replaced(before, (*to, len(left)), step, changed)
                left += changed
                continue
            if isinstance(step, For | Retry):
                body = self.made((*before, "do"), step.body, (*after, "do"))
                if not body:
                    continue
                step = replace(step, body=body)
            self.moved[before] = after
            left.append(step)
        return tuple(left)

    def _replaced(self, before: Path, after: Path, step: Step, by: Sequence[Step]) -> None:
        """A loop may be another one, or its body: then what is in it is where it was, or beside it."""
        if not isinstance(step, For | Retry):
            if len(by) == 1:
                self.moved[before] = after
        elif len(by) == 1 and isinstance(by[0], For | Retry) and len(by[0].body) == len(step.body):
            self.moved[before] = after
            for path, _ in _within((*before, "do"), step.body):
                self.moved[path] = (*after, *path[len(before) :])
        elif len(by) == len(step.body):
            for path, _ in _within((*before, "do"), step.body):
                at, *rest = path[len(before) + 1 :]
                self.moved[path] = (*after[:-1], int(after[-1]) + int(at), *rest)


def sql_steps(case: ShrinkCase) -> Iterator[tuple[Path, SqlStep]]:
    """The steps that are SQL."""
    return ((path, step) for path, step in case.places() if isinstance(step, SqlStep))


def is_smaller(case: ShrinkCase, other: ShrinkCase) -> bool:
    """Fewer steps, else fewer switches between tasks, else fewer characters, else the first of them in the alphabet."""
    steps, others = _steps(case), _steps(other)
    return steps < others or (steps == others and _text(case) < _text(other))


def _steps(case: ShrinkCase) -> tuple[int, int]:
    places = list(case.places())
    if case.plan.tasks is None:
        tasks = [task_of(path, step) for path, step in places if path[0] == "steps"]
    else:
        tasks = [str(path[1]) for path in case.order]
    return len(places), count_switches(tasks)


def _text(case: ShrinkCase) -> tuple[int, str]:
    text = dump_json(case.plan)
    return len(text), text


def count_steps(plan: Plan) -> int:
    """The steps of a plan, those of setup and `finally` included; of a workload those of each action once."""
    tasks = sum(len(task.steps) for task in plan.tasks or ())
    actions = sum(len(deed.body) for deed in plan.workload.actions) if plan.workload is not None else 0
    return len(plan.setup) + len(plan.steps or ()) + tasks + actions + len(plan.finally_)


def count_switches(tasks: Sequence[str | None]) -> int:
    """How often the next step is another task's. What belongs to no task is no switch."""
    whose = [task for task in tasks if task is not None]
    return sum(one != other for one, other in pairwise(whose))
