"""What was committed is visible to everybody from then on, and to nobody else before.

Claim: after a COMMIT every query of another connection that begins later shows what the transaction wrote. Before the
COMMIT no query of another connection shows it, unless that one asked for READ UNCOMMITTED.

Steps: BEGIN, writes, random steps, COMMIT, random steps; meanwhile other tasks write to the same row, and one reads. There
are more tasks than connections.

Violated when: a query does not show the last committed value of a row, or shows one that is not committed. Within a
transaction any value committed since its first statement counts as the last, for it may have a snapshot.

Evidence: the write, its COMMIT, and the query.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from simdsl.core.trace import TraceEvent
from simdsl.plan.plan import Plan
from simdsl.properties.plan_builder import PlanBuilder
from simdsl.properties.property import PropertyFinding, PropertyHeld, PropertyViolation, Requirement
from simdsl.properties.registry import register
from simdsl.properties.row_history import VersionHistory, WriteOutcome

_OTHER_PROPERTIES = frozenset(
    (WriteOutcome.ROLLED_BACK, WriteOutcome.TO_SAVEPOINT, WriteOutcome.RETURNED, WriteOutcome.FAILED)
)


def _check(plan: Plan, events: Iterable[TraceEvent]) -> Iterator[PropertyFinding]:
    """Compare every query with what was committed."""
    for seen in VersionHistory().read(events):
        last = seen.allowed[-1]
        reader = seen.read.task
        if seen.holds:
            uncommitted = any(one.outcome is WriteOutcome.OPEN and one.by.task != reader for one in seen.history)
            # A row that nobody else has written lately could not have shown the wrong value.
            if uncommitted or (last.ended_by is not None and last.by.task != reader):
                yield PropertyHeld(path=seen.read.path)
            continue
        culprit = seen.culprit
        if seen.own:
            continue  # what a transaction sees of its own writes is not a question of COMMIT
        if culprit is not None and culprit.outcome in _OTHER_PROPERTIES:
            continue  # another property reports it, or one bug would have two fingerprints
        if culprit is not None and culprit.outcome is WriteOutcome.OPEN:
            value = seen.shown(seen.got)
            message = f"{reader} sees {value} of table {seen.table}, which {culprit.by.task} has not committed"
            evidence = seen.evidence(culprit)
        elif not last.values:
            message = f"{reader} sees {seen.shown(seen.got)} of table {seen.table}, and there is no such row any more"
            evidence = seen.evidence(last if last.by is not seen.read else None)
        else:
            message = f"{reader} does not see {seen.shown(last.values)} of table {seen.table}, which is committed"
            evidence = seen.evidence(last if last.by is not seen.read else None)
        yield PropertyViolation(message=message, evidence=evidence, path=seen.read.path, task=reader)


@register(
    "tx-commit-visible",
    specification=__doc__,
    summary="What is committed is seen, and not before.",
    check=_check,
    requires=(Requirement.POOLS,),
    unchecked="no query came after a COMMIT, or beside an open transaction",
)
def tx_commit_visible(plan: PlanBuilder) -> None:
    """Writers that commit, and a reader."""
    plan.use_keyed_tables()
    for task in plan.writers():
        for turn in range(plan.size.rounds):
            task.add(task.checkout(), task.begin(), *task.writes(task.number, turn), *task.extras(in_transaction=True))
            task.add(task.commit(), *task.extras(), task.read_all(), task.release())
    plan.add_reader()
