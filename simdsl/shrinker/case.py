"""The plan that is being shrunk, what smaller means, and the tester of candidates."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import field, replace
from enum import Enum
from itertools import pairwise
from typing import Any, TypeAlias, TypeVar

from simdsl.dialect.sqlglot_adapter import SqlGenerationError, SqlParseError, SqlTree, generate_sql, parse_tree
from simdsl.language.dump import dump_json
from simdsl.language.load import check_text
from simdsl.plan.dataclasses import dataclass
from simdsl.plan.expectations import Expectation
from simdsl.plan.plan import Plan, Task
from simdsl.plan.schedules import ExplicitSchedule
from simdsl.plan.source import Path
from simdsl.plan.sql import Dialect
from simdsl.plan.steps import BlockStep, SqlStep, Step
from simdsl.syntax.problems import ParseError
from simdsl.syntax.sql_lexer import parse_sql
from simdsl.verbs.check import Check

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
        looping = {task.name for task in tasks if any(isinstance(step, BlockStep) for step in task.steps)}
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
        if isinstance(step, BlockStep):
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
            if isinstance(step, BlockStep):
                body = self.made((*before, "do"), step.body, (*after, "do"))
                if not body:
                    continue
                step = replace(step, body=body)
            self.moved[before] = after
            left.append(step)
        return tuple(left)

    def _replaced(self, before: Path, after: Path, step: Step, by: Sequence[Step]) -> None:
        """A loop may be another one, or its body: then what is in it is where it was, or beside it."""
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


def dialect_of(case: ShrinkCase) -> Dialect:
    """The dialect that the plan is written in; where it says none, the one that is nearest to all."""
    return case.plan.dialect or Dialect.SQLITE


def parsed_statements(case: ShrinkCase) -> Iterator[tuple[Path, SqlStep, SqlTree]]:
    """The statements that can be read. Transaction control is none."""
    for path, step in sql_steps(case):
        if step.sql.transaction is not None:
            continue
        try:
            yield path, step, parse_tree(step.sql.text, dialect_of(case))
        except SqlParseError:
            continue


def with_statements(
    case: ShrinkCase, changes: Mapping[Path, SqlTree], expects: Mapping[Path, Expectation | None] | None = None
) -> ShrinkCase | None:
    """The case with other statements; None where one cannot be written, or where none is another one."""
    steps = dict(sql_steps(case))
    edits = {}
    for path, tree in changes.items():
        step = steps[path]
        try:
            sql = parse_sql(generate_sql(tree, dialect_of(case)), dialect_of(case))
        except (SqlGenerationError, ParseError):
            return None
        expect = (expects or {}).get(path, step.expect)
        if sql.text != step.sql.text:
            edits[path] = (replace(step, sql=sql, expect=expect),)
    return case.edited(edits) if edits else None


def compares_statements(case: ShrinkCase) -> bool:
    """Whether statements are judged against each other, so that one must not change alone."""
    return bool(case.plan.properties) or any(isinstance(step, Check) for _, step in case.places())


class CandidateResult(Enum):
    """What a candidate came to."""

    SAME = "it fails with the same fingerprint"
    OTHER = "it fails with another one: another bug"
    HOLDS = "it does not fail"


InterestingnessTest: TypeAlias = Callable[[ShrinkCase], CandidateResult]


def is_loadable(case: ShrinkCase) -> bool:
    """Whether it is a plan at all: a file of it can be read."""
    return check_text(dump_json(case.plan), "candidate.json").plan == case.plan


class BudgetExhausted(Exception):
    """No further question may be asked."""


@dataclass(slots=True, eq=False)
class CandidateTester:
    """The predicate, with a memory. ``best`` is the smallest case so far that fails alike."""

    ask: InterestingnessTest
    best: ShrinkCase
    limit: int | None = None  # questions, at most
    is_over: Callable[[], bool] = lambda: False  # whether time is up
    asked: int = 0
    known: dict[Plan, CandidateResult] = field(default_factory=dict)

    def fails(self, candidate: ShrinkCase | None) -> bool:
        """Whether a candidate is smaller and fails alike; then it is the best one. Raises ``BudgetExhausted``."""
        if candidate is None or not is_smaller(candidate, self.best):
            return False
        answer = self.known.get(candidate.plan)
        if answer is None and not is_loadable(candidate):
            answer = self.known[candidate.plan] = CandidateResult.HOLDS
        if answer is None:
            if self.is_over() or (self.limit is not None and self.asked >= self.limit):
                raise BudgetExhausted
            self.asked += 1
            answer = self.known[candidate.plan] = self.ask(candidate)
        if answer is CandidateResult.SAME:
            self.best = candidate
        return answer is CandidateResult.SAME
