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
from simdsl.plan.plan import Plan
from simdsl.properties.plan_builder import READ_ALL, PlanBuilder, StepText
from simdsl.properties.property import PlanSize, Property, PropertyFinding, PropertyHeld, PropertyViolation, Requirement
from simdsl.properties.row_history import VersionHistory, WriteOutcome
from simdsl.properties.row_visibility import check_rolled_back_rows


def make(seed: int, size: PlanSize) -> Plan:
    """Writers with savepoints, and a reader."""
    draft = PlanBuilder("savepoint-rollback", "What came after a savepoint can be undone alone.", seed, size)
    tasks: dict[str, list[StepText]] = {}
    for number in range(1, size.writers + 1):
        steps: list[StepText] = []
        for turn in range(size.rounds):
            steps += [{"checkout": "from main"}, "BEGIN"]
            if draft.pick(2, "before", number, turn):
                steps.append(f"INSERT INTO t VALUES ({draft.key()}, {draft.value()}) => ok or error busy")
            steps += ["SAVEPOINT s => ok", *draft.write(number, turn), *draft.extras(in_transaction=True)]
            end = draft.pick(5, "end", number, turn)
            if end < 4:
                steps.append("ROLLBACK TO s => ok")
            if end > 1:
                steps.append("RELEASE s => ok")
            steps.append(READ_ALL)
            steps += ["COMMIT => ok or error busy", READ_ALL, {"return": f"w{number}"}]
        tasks[f"w{number}"] = steps
    tasks["reader"] = draft.reader()
    check: StepText = {"sql": "PRAGMA integrity_check => 'ok'", "only": ["sqlite"]}
    return draft.finish(tasks, pool=max(1, size.writers), last=[check])


def judge(plan: Plan, events: Iterable[TraceEvent]) -> Iterator[PropertyFinding]:
    """Look for what was rolled back to a savepoint, and then for what should have stayed."""
    known = list(events)
    yield from check_rolled_back_rows(known, WriteOutcome.TO_SAVEPOINT)
    for seen in VersionHistory().read(known):
        last = seen.allowed[-1]
        if last.kept is None:
            continue
        if seen.holds:
            yield PropertyHeld(path=seen.read.path)
        elif seen.culprit is None or seen.culprit.fate is WriteOutcome.COMMITTED:
            message = f"{seen.read.task} does not see {seen.shown(last.cell)} of table {seen.table}, "
            message += f"which {last.kept.what} does not undo"
            yield PropertyViolation(message=message, evidence=seen.evidence(last), path=seen.read.path, task=seen.read.task)


PROPERTY = Property(
    name="savepoint-rollback",
    specification=__doc__,
    make=make,
    judge=judge,
    needs=(Requirement.POOLS,),
    never="no query came after a ROLLBACK TO that undid something",
)
