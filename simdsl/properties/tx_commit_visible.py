"""What was committed is seen by everybody from then on, and by nobody else before.

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
from simdsl.properties.plan_builder import READ_ALL, PlanBuilder, StepText
from simdsl.properties.property import PlanSize, Property, PropertyFinding, PropertyHeld, PropertyViolation, Requirement
from simdsl.properties.row_history import VersionHistory, WriteOutcome

_EXPLAINED = frozenset((WriteOutcome.ROLLED_BACK, WriteOutcome.TO_SAVEPOINT, WriteOutcome.RETURNED, WriteOutcome.FAILED))


def make(seed: int, size: PlanSize) -> Plan:
    """Writers that commit, or sometimes not, and a reader."""
    draft = PlanBuilder("tx-commit-visible", "What is committed is seen, and not before.", seed, size)
    tasks: dict[str, list[StepText]] = {}
    for number in range(1, size.writers + 1):
        steps: list[StepText] = []
        for turn in range(size.rounds):
            steps += [{"checkout": "from main"}, "BEGIN", *draft.write(number, turn), *draft.extras(in_transaction=True)]
            steps += ["COMMIT => ok or error busy", *draft.extras(), READ_ALL, {"return": f"w{number}"}]
        tasks[f"w{number}"] = steps
    tasks["reader"] = draft.reader()
    return draft.finish(tasks, pool=max(1, size.writers))


def judge(plan: Plan, events: Iterable[TraceEvent]) -> Iterator[PropertyFinding]:
    """Compare every query with what was committed."""
    for seen in VersionHistory().read(events):
        last = seen.allowed[-1]
        if seen.holds:
            pending = any(c.fate is WriteOutcome.OPEN and c.by.task != seen.read.task for c in seen.history)
            if pending or (last.sealed is not None and last.by.task != seen.read.task):
                yield PropertyHeld(path=seen.read.path)
            continue
        culprit = seen.culprit
        if seen.own:
            continue  # what a transaction sees of itself is no question of COMMIT
        if culprit is not None and culprit.fate in _EXPLAINED:
            continue  # it is another property that says so
        reader = seen.read.task
        if culprit is not None and culprit.fate is WriteOutcome.OPEN:
            message = (
                f"{reader} sees {seen.shown(seen.got)} of table {seen.table}, which {culprit.by.task} has not committed"
            )
            evidence = seen.evidence(culprit)
        elif not last.cell:
            message = f"{reader} sees {seen.shown(seen.got)} of table {seen.table}, and there is no such row any more"
            evidence = seen.evidence(last if last.by is not seen.read else None)
        else:
            message = f"{reader} does not see {seen.shown(last.cell)} of table {seen.table}, which is committed"
            evidence = seen.evidence(last if last.by is not seen.read else None)
        yield PropertyViolation(message=message, evidence=evidence, path=seen.read.path, task=reader)


PROPERTY = Property(
    name="tx-commit-visible",
    specification=__doc__,
    make=make,
    judge=judge,
    needs=(Requirement.POOLS,),
    never="no query came after a COMMIT, or beside an open transaction",
)
