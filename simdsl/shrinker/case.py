"""The plan that is being shrunk, what smaller means, and the tester of candidates."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import field, replace
from enum import Enum
from itertools import pairwise
from typing import Any, TypeAlias, TypeVar

from simdsl.language.dump import dump_json
from simdsl.language.load import check_text
from simdsl.plan.deferred import dataclass
from simdsl.plan.diagnostics import Path
from simdsl.plan.plan import ExplicitSchedule, Plan, Task
from simdsl.plan.steps import BlockStep, SqlStep, Step

_Any = TypeVar("_Any", bound=Step)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShrinkCase:
    """A plan, and for a plan of `tasks:` the step that each entry of its schedule starts, in the order of the run.

    A schedule names tasks, not steps, so it means something else as soon as a step is deleted: every later entry of that
    task would start the step behind the one it started before. ``order`` keeps the steps themselves; after every edit the
    schedule is derived from it again.
    """

    plan: Plan
    order: tuple[Path, ...] = ()

    def places(self) -> Iterator[tuple[Path, Step]]:
        """Every step with its path, in file order; a loop comes before its body. Invariants count as steps."""
        plan = self.plan
        yield from _within(("setup",), plan.setup)
        yield from _within(("steps",), plan.steps or ())
        for task in plan.tasks or ():
            yield from _within(("tasks", task.name), task.steps)
        yield from _within(("finally",), plan.finally_)
        yield from _within(("invariants",), plan.invariants)

    def without(self, gone: Set[Path]) -> ShrinkCase | None:
        """The case without these steps, and without the loops and tasks that become empty. None if no step is left."""
        return self.edited(dict.fromkeys(gone, ()))

    def edited(self, changes: Mapping[Path, Sequence[Step]]) -> ShrinkCase | None:
        """The case with some steps replaced by others, each by any number. A loop may be replaced by its body."""
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

        A task without loops needs one entry for each of its steps, so steps that the order leaves out come last. A task
        with loops runs a step as often as its data says, which nothing here knows, so its entries are taken as they are.
        """
        tasks = self.plan.tasks
        if tasks is None:
            return self
        looping = {task.name for task in tasks if any(isinstance(step, BlockStep) for step in task.steps)}
        plain: list[Path] = [("tasks", task.name, i) for task in tasks for i in range(len(task.steps))]
        plain = [path for path in plain if path[1] not in looping]
        made = _each_once(order, looping, plain) or (("tasks", tasks[0].name, 0),)
        return ShrinkCase(plan=replace(self.plan, schedule=explicit_schedule(made)), order=made)


def _each_once(order: Iterable[Path], looping: Set[str], plain: Iterable[Path]) -> tuple[Path, ...]:
    """The order with each of the ``plain`` steps once, and the steps of ``looping`` tasks as often as it has them."""
    found: list[Path] = []
    seen: set[Path] = set()
    for path in (*order, *plain):
        if path[1] in looping or path not in seen:
            found.append(path)
        seen.add(path)
    return tuple(found)


def explicit_schedule(order: Sequence[Path]) -> ExplicitSchedule:
    """The schedule in which the steps start in this order."""
    return ExplicitSchedule(entries=tuple(str(path[1]) for path in order))


def task_of(path: Path, step: Step) -> str | None:
    """The task that a step belongs to; None for steps of the plan itself."""
    return str(path[1]) if path[0] == "tasks" else getattr(step, "task", None)


def _within(at: Path, steps: tuple[Step, ...]) -> Iterator[tuple[Path, Step]]:
    for i, step in enumerate(steps):
        yield (*at, i), step
        if isinstance(step, BlockStep):
            yield from _within((*at, i, "do"), step.body)


@dataclass(slots=True, kw_only=True, eq=False)
class _Edit:
    """Applies changes to lists of steps. ``moved`` maps the old path of every remaining step to its new one."""

    changes: Mapping[Path, Sequence[Step]]
    moved: dict[Path, Path] = field(default_factory=dict)

    def made(self, at: Path, steps: tuple[_Any, ...], to: Path | None = None) -> tuple[_Any, ...]:
        """The edited list at a path, which is at ``to`` now."""
        to = at if to is None else to
        # Paths change while steps go, so the old path is looked up and the new one noted in the same walk.
        left: list[Any] = []
        for i, step in enumerate(steps):
            before, after = (*at, i), (*to, len(left))
            changed = self.changes.get(before)
            if changed is not None:
                self._replaced(before, (*to, len(left)), step, changed)
                left += changed
                continue
            if isinstance(step, BlockStep):
                body = self.made((*before, "do"), step.body, (*after, "do"))
                # An empty loop is no valid step, so it goes with the last step of its body.
                if not body:
                    continue
                step = replace(step, body=body)
            self.moved[before] = after
            left.append(step)
        return tuple(left)

    def _replaced(self, before: Path, after: Path, step: Step, by: Sequence[Step]) -> None:
        """Note where the steps of a replaced loop are now: in another loop of the same length, or in the place of the loop.

        Any other replacement has no steps that the order of the run could still mean.
        """
        if not isinstance(step, BlockStep):
            if len(by) == 1:
                self.moved[before] = after
        elif len(by) == 1 and isinstance(by[0], BlockStep) and len(by[0].body) == len(step.body):
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
    """Fewer steps, else fewer switches between tasks, else fewer characters, else the first in alphabetical order.

    This is a total order, so every accepted candidate is a step down and the shrinker cannot go round in circles. Switches
    come before characters since they are what makes an interleaving hard to follow.
    """
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
    actions = sum(len(action.body) for action in plan.workload.actions) if plan.workload is not None else 0
    return len(plan.setup) + len(plan.steps or ()) + tasks + actions + len(plan.finally_)


def count_switches(tasks: Sequence[str | None]) -> int:
    """How often the next step belongs to another task. Steps without a task do not count."""
    whose = [task for task in tasks if task is not None]
    return sum(one != other for one, other in pairwise(whose))


class CandidateResult(Enum):
    """What running a candidate came to."""

    SAME_FAILURE = "it fails with the fingerprint that is being shrunk"
    OTHER_FAILURE = "it fails with another fingerprint, which is another bug"
    PASSES = "it does not fail, or is not a valid plan"


# Runs a candidate and says whether it still shows the failure. The shrinker itself never runs a plan.
InterestingnessTest: TypeAlias = Callable[[ShrinkCase], CandidateResult]


def is_loadable(case: ShrinkCase) -> bool:
    """Whether the case is a valid plan: written out and read back it is the same.

    A pass may delete the step that binds a variable, or leave a loop without a body. The loader knows all such rules, so
    no pass repeats them: what it proposes is simply not tried if it cannot be read.
    """
    return check_text(dump_json(case.plan), "candidate.json").plan == case.plan


class BudgetExhausted(Exception):
    """No further candidate may be run."""


@dataclass(slots=True, eq=False)
class CandidateTester:
    """The interestingness test with a memory. ``best`` is the smallest case so far with the same failure."""

    test: InterestingnessTest
    best: ShrinkCase
    limit: int | None = None  # candidates that may be run
    is_over: Callable[[], bool] = lambda: False  # whether time is up
    tried: int = 0  # candidates that were run
    # Passes come to the same plan on different ways, and every round proposes what the one before it did. To look a plan
    # up costs microseconds, to run it milliseconds.
    known: dict[Plan, CandidateResult] = field(default_factory=dict)

    def accepts(self, candidate: ShrinkCase | None) -> bool:
        """Whether a candidate is smaller and has the same failure; then it is the best one. Raises ``BudgetExhausted``.

        None, which editing gives where nothing would be left of a plan, is not accepted.
        """
        if candidate is None or not is_smaller(candidate, self.best):
            return False
        result = self.known.get(candidate.plan)
        if result is None and not is_loadable(candidate):
            result = self.known[candidate.plan] = CandidateResult.PASSES
        if result is None:
            if self.is_over() or (self.limit is not None and self.tried >= self.limit):
                raise BudgetExhausted
            self.tried += 1
            result = self.known[candidate.plan] = self.test(candidate)
        if result is CandidateResult.SAME_FAILURE:
            self.best = candidate
        return result is CandidateResult.SAME_FAILURE
