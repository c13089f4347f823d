"""ROLLBACK TO a savepoint undoes what came after it, and nothing else.

Claim: after ROLLBACK TO every table is what it was before the savepoint, for the transaction itself and, once that is
committed, for everybody. RELEASE undoes nothing.

Steps: BEGIN, writes, SAVEPOINT, writes, ROLLBACK TO and perhaps RELEASE, or RELEASE alone, a query, COMMIT, a query;
meanwhile another task does the same, and one reads. There are more tasks than connections. SQLite is asked for its
integrity at the end.

Violated when: a query shows a value that was rolled back to a savepoint, or does not show one that the same transaction
had written before it or had released; or the engine complains about its own tables.

Evidence: the write, the ROLLBACK TO or the RELEASE, and the query.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from simdsl.core.trace import TraceEvent
from simdsl.generation.statements import expect_rows
from simdsl.plan.plan import Plan
from simdsl.properties.plan_builder import OK, OK_OR_BUSY, PlanBuilder
from simdsl.properties.property import PropertyFinding, PropertyHeld, PropertyViolation, Requirement
from simdsl.properties.registry import register
from simdsl.properties.row_history import VersionHistory, WriteOutcome
from simdsl.properties.row_visibility import check_invisible_rows


def _check(plan: Plan, events: Iterable[TraceEvent]) -> Iterator[PropertyFinding]:
    """Look for what was rolled back to a savepoint, and then for what should have stayed."""
    known = list(events)
    yield from check_invisible_rows(known, WriteOutcome.TO_SAVEPOINT)
    for seen in VersionHistory().read(known):
        last = seen.allowed[-1]
        if last.kept_by is None:
            continue
        if seen.holds:
            yield PropertyHeld(path=seen.read.path)
        elif seen.culprit is None or seen.culprit.outcome is WriteOutcome.COMMITTED:
            message = f"{seen.read.task} does not see {seen.shown(last.values)} of table {seen.table}, "
            message += f"which {last.kept_by.what} does not undo"
            yield PropertyViolation(message=message, evidence=seen.evidence(last), path=seen.read.path, task=seen.read.task)


@register(
    "savepoint-rollback",
    specification=__doc__,
    summary="What came after a savepoint can be undone alone.",
    check=_check,
    requires=(Requirement.POOLS,),
    unchecked="no query came after a ROLLBACK TO that undid something",
)
def savepoint_rollback(plan: PlanBuilder) -> None:
    """Writers with savepoints, and a reader."""
    plan.use_keyed_tables()
    for task in plan.writers():
        for turn in range(plan.size.rounds):
            task.add(task.checkout(), task.begin())
            if plan.choose(2, "before", task.number, turn):
                task.add(task.sql(f"INSERT INTO t VALUES ({plan.new_row()})", OK_OR_BUSY))
            task.add(task.sql("SAVEPOINT s", OK), *task.writes(task.number, turn), *task.extras(in_transaction=True))
            end = plan.choose(5, "end", task.number, turn)
            if end < 4:
                task.add(task.sql("ROLLBACK TO s", OK))
            if end > 1:
                task.add(task.sql("RELEASE s", OK))
            task.add(task.read_all(), task.commit(), task.read_all(), task.release())
    plan.add_reader()
    # A savepoint's journal is what ROLLBACK TO writes back: a mistake there shows in the pages before it shows in rows.
    plan.finally_.steps.insert(0, plan.finally_.sql("PRAGMA integrity_check", expect_rows([("ok",)]), only=("sqlite",)))
