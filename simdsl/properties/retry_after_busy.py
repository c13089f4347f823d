"""Who is refused because of another writer succeeds when that one has gone, and no update is lost.

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

from simdsl.core.trace import BlockReason, StepCompleted, TaskBlocked, TraceEvent
from simdsl.plan.outcomes import ErrorClass, Failed
from simdsl.plan.plan import Plan
from simdsl.properties.plan_builder import KEYED_TABLES, PlanBuilder, StepText
from simdsl.properties.property import PlanSize, Property, PropertyFinding, PropertyHeld, PropertyViolation, Requirement
from simdsl.properties.row_history import RowVersion, VersionHistory, WriteOutcome, told

_CLASSES = "busy or snapshot_conflict or serialization_failure or deadlock_detected or lock_not_available"
_REFUSED = frozenset((ErrorClass.BUSY, ErrorClass.LOCK_NOT_AVAILABLE))


def make(seed: int, size: PlanSize) -> Plan:
    """Tasks that add, and repeat what was refused. The sum is known, so the plan expects it too."""
    draft = PlanBuilder("retry-after-busy", "Who repeats what was refused succeeds, and nothing is lost.", seed, size)
    tasks: dict[str, list[StepText]] = {}
    total = 1
    attempts = 4 * (size.writers + 1) * size.rounds
    for number in range(1, size.writers + 2):
        steps: list[StepText] = []
        for turn in range(size.rounds):
            delta = 1 + draft.pick(50, "delta", number, turn)
            total += delta
            begin: StepText = {"sql": "BEGIN IMMEDIATE", "postgres": "BEGIN", "mssql": "BEGIN"}
            body = [begin if draft.pick(2, "begin", number, turn) else "BEGIN"]
            body += [f"UPDATE t SET v = v + {delta} WHERE id = 1 => 1 affected", *_look(draft, number, turn), "COMMIT"]
            head = f"{attempts} times on {_CLASSES} every {1 + draft.pick(5, 'every', number, turn)}ms"
            steps += [{"checkout": "from main"}, {"retry": head, "do": body}, {"return": f"w{number}"}]
        tasks[f"w{number}"] = steps
    last = [f"SELECT id, v FROM t ORDER BY id => (1, {total}), (2, 2), (3, 3)"]
    return draft.finish(tasks, pool=max(1, size.writers), setup=KEYED_TABLES[:2], last=last)


def _look(draft: PlanBuilder, *place: int) -> list[StepText]:
    return ["SELECT id, v FROM t WHERE id = 1 => 1 row or error busy"] if draft.pick(2, "look", *place) else []


def judge(plan: Plan, events: Iterable[TraceEvent]) -> Iterator[PropertyFinding]:
    """Sums are judged only if writers met: two of them at once prove something, one after the other nothing."""
    book, waiting = VersionHistory(), _Waiting()
    met = False
    for event in events:
        others = [task for task in book.open_tasks if task != getattr(event, "task", "")]
        met = met or waiting.locks(event) or (isinstance(event, StepCompleted) and _refused(event) and bool(others))
        if isinstance(event, StepCompleted) and _refused(event):
            if others or waiting.somebody_but(event.task):
                yield PropertyHeld(path=event.path)
            else:
                yield _nobody(event, waiting.last)
        waiting.follow(event)
        for seen in book.read([event]):
            sums = [change for change in seen.history if change.is_sum and change.fate is WriteOutcome.COMMITTED]
            if seen.holds:
                if met and len({change.by.task for change in sums}) > 1:
                    yield PropertyHeld(path=seen.read.path)
            elif sums and seen.allowed[-1].is_sum and (seen.culprit is None or seen.culprit.fate is WriteOutcome.COMMITTED):
                message = f"an update is lost: {seen.read.task} sees {seen.shown(seen.got)} of table {seen.table}, and the "
                message += f"committed updates make {seen.shown(seen.allowed[-1].cell)}"
                yield PropertyViolation(
                    message=message, evidence=_sums(sums, seen.evidence()), path=seen.read.path, task=seen.read.task
                )


class _Waiting:
    """Who waits for a lock, and who ended a transaction last."""

    def __init__(self) -> None:
        self.last: StepCompleted | None = None
        self._parked: dict[str, None] = {}

    def locks(self, event: TraceEvent) -> bool:
        return isinstance(event, TaskBlocked) and event.wait is BlockReason.LOCK

    def somebody_but(self, task: str) -> bool:
        return any(other != task for other in self._parked)

    def follow(self, event: TraceEvent) -> None:
        if isinstance(event, TaskBlocked) and event.wait is BlockReason.LOCK:
            self._parked[event.task] = None
        elif isinstance(event, StepCompleted):
            self._parked.pop(event.task, None)
            if event.what.upper().startswith(("COMMIT", "ROLLBACK")) and not isinstance(event.outcome, Failed):
                self.last = event


def _refused(event: StepCompleted) -> bool:
    return isinstance(event.outcome, Failed) and event.outcome.error_class in _REFUSED


def _nobody(event: StepCompleted, last: StepCompleted | None) -> PropertyViolation:
    return PropertyViolation(
        message=f"{event.task} is refused, and nobody else has a transaction",
        evidence=(*((told(last),) if last is not None else ()), told(event)),
        path=event.path,
        task=event.task,
    )


def _sums(sums: Sequence[RowVersion], query: tuple[str, ...]) -> tuple[str, ...]:
    steps = [told(step) for change in sums for step in (change.by, change.sealed) if step is not None]
    return (*steps, *query)


PROPERTY = Property(
    name="retry-after-busy",
    specification=__doc__,
    make=make,
    judge=judge,
    needs=(Requirement.POOLS,),
    never="no two writers met",
)
