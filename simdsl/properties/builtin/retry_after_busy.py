"""A task that is refused because of another writer succeeds when that one has finished, and no update is lost.

Claim: nobody is told `busy` while nobody else has a transaction or waits. When all writers have ended, a row that all of
them added to holds the sum.

Steps: several tasks add to the same rows, each in a transaction that it repeats while the engine refuses it; where the
engine has locks on rows, they wait. At the end the rows are read.

Violated when: a statement is refused although nobody can hold a lock, or a query shows less or more than the sum of what
was committed.

Evidence: the refusal and who had been there last; or the additions, their COMMITs, and the query.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from simdsl.core.trace import BlockReason, StepCompleted, TaskBlocked, TraceEvent
from simdsl.generation.statements import expect_affected, expect_row_count, expect_rows
from simdsl.plan.outcomes import ErrorClass, Failed
from simdsl.plan.plan import Plan
from simdsl.plan.steps import Step
from simdsl.properties.plan_builder import OR_BUSY, PlanBuilder, Script
from simdsl.properties.property import PropertyFinding, PropertyHeld, PropertyViolation, Requirement
from simdsl.properties.registry import register
from simdsl.properties.row_history import RowVersion, VersionHistory, WriteOutcome, describe_step

_REFUSED: Final = frozenset((ErrorClass.BUSY, ErrorClass.LOCK_NOT_AVAILABLE))


def _check(plan: Plan, events: Iterable[TraceEvent]) -> Iterator[PropertyFinding]:
    """Sums are checked only if writers met: writers that ran one after the other prove nothing."""
    history, waiting = VersionHistory(), _LockWaits()
    met = False
    for event in events:
        others = [task for task in history.open_tasks if task != getattr(event, "task", "")]
        is_refused = isinstance(event, StepCompleted) and _is_refused(event)
        met = met or waiting.is_lock_wait(event) or (is_refused and bool(others))
        if isinstance(event, StepCompleted) and is_refused:
            if others or waiting.anybody_but(event.task):
                yield PropertyHeld(path=event.path)
            else:
                yield _refused_alone(event, waiting.last_end)
        waiting.follow(event)
        for seen in history.read([event]):
            sums = [one for one in seen.history if one.is_sum and one.outcome is WriteOutcome.COMMITTED]
            reader, last = seen.read.task, seen.allowed[-1]
            if seen.holds:
                if met and len({one.by.task for one in sums}) > 1:
                    yield PropertyHeld(path=seen.read.path)
            elif sums and last.is_sum and (seen.culprit is None or seen.culprit.outcome is WriteOutcome.COMMITTED):
                message = f"an update is lost: {reader} sees {seen.shown(seen.got)} of table {seen.table}, and the "
                message += f"committed updates make {seen.shown(last.values)}"
                evidence = _additions(sums, seen.evidence())
                yield PropertyViolation(message=message, evidence=evidence, path=seen.read.path, task=reader)


class _LockWaits:
    """The tasks that wait for a lock, and the last step that ended a transaction."""

    def __init__(self) -> None:
        self.last_end: StepCompleted | None = None
        self._blocked: dict[str, None] = {}

    def is_lock_wait(self, event: TraceEvent) -> bool:
        return isinstance(event, TaskBlocked) and event.wait is BlockReason.LOCK

    def anybody_but(self, task: str) -> bool:
        return any(other != task for other in self._blocked)

    def follow(self, event: TraceEvent) -> None:
        if isinstance(event, TaskBlocked) and event.wait is BlockReason.LOCK:
            self._blocked[event.task] = None
        elif isinstance(event, StepCompleted):
            self._blocked.pop(event.task, None)
            if event.what.upper().startswith(("COMMIT", "ROLLBACK")) and not isinstance(event.outcome, Failed):
                self.last_end = event


def _is_refused(event: StepCompleted) -> bool:
    return isinstance(event.outcome, Failed) and event.outcome.error_class in _REFUSED


def _refused_alone(event: StepCompleted, last: StepCompleted | None) -> PropertyViolation:
    return PropertyViolation(
        message=f"{event.task} is refused, and nobody else has a transaction",
        evidence=(*((describe_step(last),) if last is not None else ()), describe_step(event)),
        path=event.path,
        task=event.task,
    )


def _additions(sums: Sequence[RowVersion], query: tuple[str, ...]) -> tuple[str, ...]:
    steps = [describe_step(step) for one in sums for step in (one.by, one.ended_by) if step is not None]
    return (*steps, *query)


@register(
    "retry-after-busy",
    specification=__doc__,
    summary="Who repeats what was refused succeeds, and nothing is lost.",
    check=_check,
    requires=(Requirement.POOLS,),
    unchecked="no two writers met",
)
def retry_after_busy(plan: PlanBuilder) -> None:
    """Tasks that add, and repeat what was refused. The sum is known beforehand, so the plan expects it too."""
    size = plan.size
    plan.create_keyed_table("t")
    total = 1
    for number in range(1, size.writers + 2):
        task = plan.task(f"w{number}", number)
        for turn in range(size.rounds):
            amount = 1 + plan.choose(50, "delta", number, turn)
            total += amount
            body = [_begin(plan, task, turn)]
            body.append(task.sql(f"UPDATE t SET v = v + {amount} WHERE id = 1", expect_affected(1)))
            if plan.choose(2, "look", number, turn):
                # A read between the write and the COMMIT holds the lock across one more step of the others.
                body.append(task.sql("SELECT id, v FROM t WHERE id = 1", (*expect_row_count(1), *OR_BUSY)))
            body.append(task.commit(None))
            attempts = 4 * (size.writers + 1) * size.rounds
            task.add(task.checkout(), task.retry(body, number, turn, attempts=attempts), task.release())
    last = plan.finally_
    last.add(last.sql("SELECT id, v FROM t ORDER BY id", expect_rows([(1, total), (2, 2), (3, 3)]), ordered=True))


def _begin(plan: PlanBuilder, task: Script, turn: int) -> Step:
    """BEGIN, or BEGIN IMMEDIATE, which takes SQLite's lock before the snapshot and so is refused at another moment."""
    if plan.choose(2, "begin", task.number, turn):
        return task.sql("BEGIN IMMEDIATE", instead=(("postgres", "BEGIN"), ("mssql", "BEGIN")))
    return task.begin()
