"""A run as one list of steps: the unrolled view, which reads like a transcript and expects exactly what happened."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import field, replace
from datetime import date, datetime, time
from decimal import Decimal
from typing import Final, assert_never

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
from simdsl.plan.dataclasses import dataclass
from simdsl.plan.expectations import (
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
from simdsl.plan.plan import Identifier, Param, Plan
from simdsl.plan.regexes import lazy_regex
from simdsl.plan.source import Path
from simdsl.plan.sql import Sql, SqlKind, TransactionAction, TransactionControl, Variable
from simdsl.plan.steps import BlockStep, SqlStep, Step
from simdsl.plan.values import Value, as_text
from simdsl.rewriting.pin import bind_param, pin_run
from simdsl.verbs.await_ import Await
from simdsl.verbs.base.registry import verb_of
from simdsl.verbs.return_ import Return
from simdsl.verbs.sleep import Sleep

_FIXED: Final = lazy_regex(r"-?[0-9]+\.[0-9]+")


def unroll_run(plan: Plan, report: RunReport) -> Plan:
    """A run of ``tasks:`` or of a ``workload:`` as ``steps:``, in the order in which they ran, each with its outcome.

    Running the result gives the same (task, statement, outcome) sequence: loops and retries are written out, waits become
    `=> blocks` and `await`, advances of the virtual clock become `sleep`. Checks are left out; setup, invariants and
    finally stay. A plan that has ``steps:`` already is pinned.
    """
    if plan.steps is not None:
        return pin_run(plan, report, report.run)
    unrolling = _Unroller(plan=plan, params=list(report.params), backend=report.backend)
    steps = tuple(unrolling.steps(_task_events(report.trace)))
    params = (tuple(unrolling.params),) if unrolling.params else ()
    backends = (report.backend,) if report.backend in BACKEND_NAMES else ()
    return replace(plan, backends=backends, params=params, tasks=None, workload=None, schedule=None, steps=steps, seed=None)


def expectation_of(outcome: Outcome, *, kind: SqlKind | None, ordered: bool) -> Expectation | None:
    """The expectation that this outcome, and no other, meets; None if all that can be said is that it did not fail."""
    match outcome:
        case Failed(error_class=error_class):
            return (ExpectedError(error_class=error_class),)
        case Rows(rows=[]):
            return (Count(what=CountUnit.ROWS, comparison=ComparisonOperator.EQ, n=0),)
        case Rows(rows=rows):
            order = RowOrder.IN_ORDER if len(rows) > 1 and not ordered else None
            return (ExactRows(rows=tuple(tuple(map(_cell, row)) for row in rows), order=order),)
        case Affected(n=int(n)) if kind is SqlKind.DML:
            return (Count(what=CountUnit.AFFECTED, comparison=ComparisonOperator.EQ, n=n),)
        case _:
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
            deeds = plan.workload.actions if plan.workload is not None else ()
            return next(deed.body for deed in deeds if deed.name == path[2]), path[4:]
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
                    yield self._step(event.path, task, arguments, (Blocks(),))
                case ClockAdvanced(now_us=now_us):
                    yield Sleep(duration_us=now_us - self.now_us)
                    self.now_us = now_us
                case SessionRolledBack(task=task):
                    control = TransactionControl(action=TransactionAction.ROLLBACK)
                    yield SqlStep(task=task, sql=Sql(fragments=("ROLLBACK",), kind=SqlKind.TRANSACTION, transaction=control))
                case PoolChanged(checked_out=False, task=task) if not _is_return(events[i + 1], task):
                    yield Return(task=task)
                case _:
                    pass

    def _ended(self, event: StepCompleted) -> Step:
        source = step_at(self.plan, event.path)
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
