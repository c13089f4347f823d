"""A run as a plan: its pin, which replays exactly this run, and its unrolled view, which reads like a transcript."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field, fields, is_dataclass, replace
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, Final, assert_never

from simdsl.core.choices import sample_actions, steps_for_task
from simdsl.core.trace import (
    BlockReason,
    ClockAdvanced,
    PoolChanged,
    SessionRolledBack,
    StepCompleted,
    TaskBlocked,
    TraceEvent,
)
from simdsl.core.verdicts import RunReport
from simdsl.plan.backend_facts import BACKEND_NAMES
from simdsl.plan.deferred import dataclass, lazy_regex
from simdsl.plan.diagnostics import Path
from simdsl.plan.expectations import (
    Binding,
    Blocks,
    Cell,
    ComparisonOperator,
    Count,
    CountUnit,
    ExactRows,
    Expectation,
    ExpectedError,
    FixedPoint,
    LiteralType,
    RowOrder,
    Scalar,
    TypedLiteral,
)
from simdsl.plan.outcomes import Affected, Failed, Outcome, Rows
from simdsl.plan.plan import (
    ExplicitSchedule,
    Identifier,
    Param,
    Plan,
    RandomSchedule,
    RecordedSchedule,
    Schedule,
    Task,
)
from simdsl.plan.sql import Sql, SqlKind, TransactionAction, TransactionControl, Variable
from simdsl.plan.steps import BlockStep, SqlStep, Step
from simdsl.plan.values import Value, as_text, same
from simdsl.verbs.await_ import Await
from simdsl.verbs.base import verb_of
from simdsl.verbs.for_ import For
from simdsl.verbs.return_ import Return
from simdsl.verbs.sleep import Sleep


def pin_run(plan: Plan, report: RunReport, seed: int) -> Plan:
    """The plan with this run's params and, under ``tasks:``, its recorded schedule: it runs once, and in the same order.

    A workload becomes the tasks that were sampled from it.
    """
    schedule = _recorded_schedule(plan, report)
    if plan.workload is not None:
        return replace(materialize_workload(plan, report.params, report.seed or 0), schedule=schedule, seed=seed)
    return replace(plan, params=(report.params,) if report.params else (), schedule=schedule, seed=seed)


def _recorded_schedule(plan: Plan, report: RunReport) -> Schedule | None:
    """The choices of a run as a schedule.

    A run whose setup failed made no choices; the plan keeps its schedule then. Only an explicit one cannot be kept for a
    workload: its entries name more steps than the sampled tasks may have.
    """
    if plan.schedule is None:
        return None
    if report.choices:
        return RecordedSchedule(choices=report.choices)
    return (
        RandomSchedule(runs=1)
        if plan.workload is not None and isinstance(plan.schedule, ExplicitSchedule)
        else plan.schedule
    )


def materialize_workload(plan: Plan, params: tuple[Param, ...], seed: int) -> Plan:
    """The plan with its workload replaced by tasks: the actions that a run with these params and this seed samples.

    Sampled values become params. One has the name that it has in its action, with a number appended where another value
    has that name already. The schedule stays.
    """
    workload = plan.workload
    assert workload is not None
    # A `?x` anywhere in the plan binds x in every task that runs it, so no param may have that name.
    taken = frozenset(_bound_names(plan))
    loops = _renamed_loops(plan, taken.union(param.name for param in params))
    taken = taken.union(loops.values())
    made = list(params)
    tasks: list[Task] = []
    for name in workload.tasks:
        steps: list[Step] = []
        # The same call that the run made, so the pin needs nothing from the trace but the schedule.
        for act in sample_actions(workload, seed, name):
            names = {own: bind_param(made, own, value, taken) for own, value in act.values}
            steps += steps_for_task(_renamed(act.action.body, names, loops), name)
        tasks.append(Task(name=name, steps=tuple(steps)))
    return replace(plan, params=(tuple(made),) if made else (), workload=None, tasks=tuple(tasks))


def bind_param(params: list[Param], name: str, value: Value, taken: frozenset[str] = frozenset()) -> str:
    """The name of a param with this value: ``name`` if that is free or has this value already, else a numbered one.

    A new param is appended to ``params``. ``taken`` are names that no param may have.
    """
    number = 1
    while True:
        candidate = name if number == 1 else f"{name}_{number}"
        number += 1
        # A reader recognizes `id` and `id_2`; a fresh counter over all names would say less.
        if candidate in taken:
            continue
        other = next((param for param in params if param.name == candidate), None)
        if other is None:
            params.append(Param(name=candidate, value=value))
            return candidate
        if not isinstance(other.value, Identifier) and same(other.value, value):
            return candidate


def _renamed_loops(plan: Plan, taken: frozenset[str]) -> Mapping[str, str]:
    """New names for loop variables that a `?x` binds elsewhere.

    In a workload an action never sees what another one bound. In the list of steps of a task it does, and a loop must not
    use a name that is bound already.
    """
    bound = frozenset(node.name for node in _binders(plan) if isinstance(node, Binding))
    found: dict[str, str] = {}
    for node in _binders(plan):
        if isinstance(node, For) and node.variable in bound and node.variable not in found:
            number = 2
            while (other := f"{node.variable}_{number}") in taken or other in found.values():
                number += 1
            found[node.variable] = other
    return found


def _renamed(node: Any, names: Mapping[str, str], loops: Mapping[str, str]) -> Any:
    """A node with its variables renamed, and with its loop variables renamed within their loops.

    ``node`` is any part of the IR. The walk is over the fields of dataclasses, so a new kind of step needs nothing here.
    """
    if isinstance(node, Variable):
        return Variable(name=names.get(node.name, node.name))
    if isinstance(node, tuple):
        return tuple(_renamed(item, names, loops) for item in node)
    if not is_dataclass(node) or isinstance(node, type):
        return node
    if isinstance(node, For) and node.variable in loops:
        own = loops[node.variable]
        # The range is evaluated outside of the loop, where its variable does not exist yet.
        body = _renamed(node.body, {**names, node.variable: own}, loops)
        return replace(node, variable=own, over=_renamed(node.over, names, loops), body=body)
    return replace(node, **{one.name: _renamed(getattr(node, one.name), names, loops) for one in fields(node)})


def _bound_names(plan: Plan) -> Iterator[str]:
    """The names that expectations and loops bind."""
    for node in _binders(plan):
        yield node.name if isinstance(node, Binding) else node.variable


def _binders(node: Any) -> Iterator[Binding | For]:
    if isinstance(node, Binding | For):
        yield node
    if isinstance(node, tuple):
        for item in node:
            yield from _binders(item)
    elif is_dataclass(node):
        for one in fields(node):
            yield from _binders(getattr(node, one.name))


_FIXED: Final = lazy_regex(r"-?[0-9]+\.[0-9]+")


def unroll_run(plan: Plan, report: RunReport) -> Plan:
    """A run of ``tasks:`` or of a ``workload:`` as ``steps:``, in the order in which they ran, each with its outcome.

    Running the result gives the same (task, statement, outcome) sequence: loops and retries are written out, waits become
    `=> blocks` and `await`, advances of the virtual clock become `sleep`. Checks are left out; setup, invariants and
    finally stay. A plan that has ``steps:`` already is pinned.
    """
    if plan.steps is not None:
        # Its steps are one order already; a seed is needed by nothing in it, so the number of the run will do.
        return pin_run(plan, report, report.run)
    unrolling = _Unroller(plan=plan, params=list(report.params), backend=report.backend)
    steps = tuple(unrolling.steps(_task_events(report.trace)))
    params = (tuple(unrolling.params),) if unrolling.params else ()
    # What is expected now is what this backend did. A backend with a name of its own cannot be named in a plan.
    backends = (report.backend,) if report.backend in BACKEND_NAMES else ()
    return replace(plan, backends=backends, params=params, tasks=None, workload=None, schedule=None, steps=steps, seed=None)


def expectation_of(outcome: Outcome, *, kind: SqlKind | None, ordered: bool) -> Expectation | None:
    """The expectation that this outcome, and no other, meets; None if all that can be said is that it did not fail."""
    match outcome:
        case Failed(error_class=error_class):
            return (ExpectedError(error_class=error_class),)
        # `empty` rather than a row count: it reads better, and the two are the same expectation.
        case Rows(rows=[]):
            return (Count(what=CountUnit.ROWS, comparison=ComparisonOperator.EQ, n=0),)
        case Rows(rows=rows):
            # Without ORDER BY, rows are compared as a bag; the order that came is not promised by the statement.
            order = RowOrder.IN_ORDER if len(rows) > 1 and not ordered else None
            return (ExactRows(rows=tuple(tuple(map(_cell, row)) for row in rows), order=order),)
        case Affected(n=int(n)) if kind is SqlKind.DML:
            return (Count(what=CountUnit.AFFECTED, comparison=ComparisonOperator.EQ, n=n),)
        case _:  # a row of a query that may change, or nothing to say
            return None


def step_at(plan: Plan, path: Path) -> Step:
    """The step at a path such as ``("tasks", "a", 1, "do", 0)``. Raises ``KeyError`` if there is none."""
    steps, rest = _section(plan, path)
    while True:
        index = rest[0]
        if not isinstance(index, int) or index >= len(steps):
            raise KeyError(path)
        step = steps[index]
        if len(rest) == 1:
            return step
        # Only the body of a loop or retry is a list within a list: ..., index of the step, "do", index in the body.
        if not isinstance(step, BlockStep):
            raise KeyError(path)
        steps, rest = step.body, rest[2:]


def _section(plan: Plan, path: Path) -> tuple[tuple[Step, ...], Path]:
    match path[0]:
        case "setup":
            return plan.setup, path[1:]
        case "finally":
            return plan.finally_, path[1:]
        case "invariants":
            return plan.invariants, path[1:]
        case "steps":
            return plan.steps or (), path[1:]
        case "workload":
            # ("workload", "actions", name, "do", index)
            actions = plan.workload.actions if plan.workload is not None else ()
            return next(action.body for action in actions if action.name == path[2]), path[4:]
        case _:
            return next(task.steps for task in plan.tasks or () if task.name == path[1]), path[2:]


def _task_events(trace: Iterable[TraceEvent]) -> list[TraceEvent]:
    """The events of the tasks up to the last step: the end of a run returns connections, which the new plan will do too."""
    events = [
        e for e in trace if not isinstance(e, StepCompleted | TaskBlocked) or (e.path and e.path[0] in ("tasks", "workload"))
    ]
    last = max((i for i, event in enumerate(events) if isinstance(event, StepCompleted | TaskBlocked)), default=-1)
    return events[: last + 1]


@dataclass(slots=True, kw_only=True)
class _Unroller:
    plan: Plan
    params: list[Param]
    backend: str
    now_us: int = 0
    waiting: set[str] = field(default_factory=set)

    def steps(self, events: list[TraceEvent]) -> Iterator[Step]:
        for i, event in enumerate(events):
            match event:
                case StepCompleted():
                    yield self._ended(event)
                case TaskBlocked(wait=BlockReason.LOCK | BlockReason.POOL, task=task, arguments=arguments):
                    self.waiting.add(task)
                    # The step starts here and is blocked; its outcome comes with an `await` when it completes.
                    yield self._step(event.path, task, arguments, (Blocks(),))
                case ClockAdvanced(now_us=now_us):
                    # Whose sleep, timeout or retry it was does not matter: in `steps:` everything happens in this order.
                    yield Sleep(duration_us=now_us - self.now_us)
                    self.now_us = now_us
                case SessionRolledBack(task=task):
                    # A retry rolls its session back by itself; in a list of steps that has to be written.
                    control = TransactionControl(action=TransactionAction.ROLLBACK)
                    yield SqlStep(task=task, sql=Sql(fragments=("ROLLBACK",), kind=SqlKind.TRANSACTION, transaction=control))
                # The end of a task releases its connection without a `return` step.
                case PoolChanged(checked_out=False, task=task) if not _is_return(events[i + 1], task):
                    yield Return(task=task)
                case _:  # choices, checks, checkouts and races are no steps
                    pass

    def _ended(self, event: StepCompleted) -> Step:
        source = step_at(self.plan, event.path)
        # `1 affected` is an outcome of DML only; drivers report some number for DDL too.
        kind = self._sql(source).kind if isinstance(source, SqlStep) else None
        expect = expectation_of(event.outcome, kind=kind, ordered=event.ordered)
        if event.task in self.waiting:
            self.waiting.remove(event.task)
            return Await(task=event.task, expect=expect)
        return self._step(event.path, event.task, event.arguments, expect, event.names)

    def _step(
        self, path: Path, task: str, arguments: tuple[Value, ...], expect: Expectation | None, names: tuple[str, ...] = ()
    ) -> Step:
        source = step_at(self.plan, path)
        if not isinstance(source, SqlStep):
            return verb_of(source).unrolled(source, task, expect)
        sql = self._sql(source)
        # A blocked statement is recorded without its names; an identifier is part of the text, not an argument.
        if not names:
            identifiers = {p.name for p in self.params if isinstance(p.value, Identifier)}
            names = tuple(f.name for f in sql.fragments if isinstance(f, Variable) and f.name not in identifiers)
        renamed = {name: bind_param(self.params, name, value) for name, value in zip(names, arguments, strict=True)}
        return SqlStep(task=task, sql=_with_names(sql, renamed), expect=expect)

    def _sql(self, step: SqlStep) -> Sql:
        override = next((o for o in step.options.overrides if o.backend == self.backend), None)
        return (override and override.sql) or step.sql


def _is_return(event: TraceEvent, task: str) -> bool:
    return isinstance(event, StepCompleted) and event.what == "return" and event.task == task


def _with_names(sql: Sql, names: dict[str, str]) -> Sql:
    fragments = tuple(Variable(name=names.get(f.name, f.name)) if isinstance(f, Variable) else f for f in sql.fragments)
    return replace(sql, fragments=fragments)


def _cell(value: Value) -> Cell:
    match value:
        case Decimal():
            return TypedLiteral(kind=LiteralType.DECIMAL, text=str(value))
        case datetime():
            return TypedLiteral(kind=LiteralType.TIMESTAMP, text=as_text(value) or "")
        case date():
            return TypedLiteral(kind=LiteralType.DATE, text=value.isoformat())
        case time():
            return TypedLiteral(kind=LiteralType.TIME, text=as_text(value) or "")
        case float() if _FIXED.fullmatch(repr(value)):
            return FixedPoint(text=repr(value))  # `1.5` reads better than `1.5e0`, and both match this value
        case None | bool() | int() | float() | str() | bytes():
            return Scalar(value=value)
        case _:
            assert_never(value)
