"""A table holds what was written to it, all of it and nothing else.

Claim: a query of a whole table gives, as a bag, the rows whose last committed value is known; within a transaction those
that it wrote itself instead of them.

Steps: tasks insert, update and delete rows, in transactions that commit or roll back and in none, with random steps in
between, and read the table on the same connection and on another one. At the end it is read again. There are more tasks
than connections.

Violated when: a row is missing, is there twice or has another value, or is there though nobody wrote it. Within a
transaction any value committed since its first statement counts as the last, for it may have a snapshot.

Evidence: the last change of the row that is wrong, what became of it, and the query.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from simdsl.core.trace import TraceEvent
from simdsl.plan.plan import Plan
from simdsl.properties.plan_builder import OR_CONFLICT, READ_ALL, PlanBuilder, StepText
from simdsl.properties.property import PlanSize, Property, PropertyFinding, Requirement
from simdsl.properties.row_history import VersionHistory
from simdsl.properties.row_visibility import check_table_content


def make(seed: int, size: PlanSize) -> Plan:
    """Writers of every kind, and a reader."""
    draft = PlanBuilder("table-has-expected-content", "A table holds what was written to it.", seed, size)
    tasks: dict[str, list[StepText]] = {}
    for number in range(1, size.writers + 1):
        steps: list[StepText] = []
        for turn in range(size.rounds):
            steps += [{"checkout": "from main"}, *_turn(draft, number, turn), *draft.extras(), READ_ALL]
            steps.append({"return": f"w{number}"})
        tasks[f"w{number}"] = steps
    tasks["reader"] = draft.reader()
    return draft.finish(tasks, pool=max(1, size.writers))


def _turn(draft: PlanBuilder, number: int, turn: int) -> list[StepText]:
    place = (number, turn)
    own = draft.key()
    writes = [f"INSERT INTO t VALUES ({own}, {draft.value()}) => 1 affected{OR_CONFLICT}", *draft.write(*place)]
    kind = draft.pick(3, "delete", *place)
    if kind:
        key = own if kind == 1 else 3
        writes.append(f"DELETE FROM t WHERE id = {key} => ok{OR_CONFLICT}")
    if draft.pick(3, "in transaction", *place) == 0:
        return writes
    end = "COMMIT => ok or error busy" if draft.pick(4, "end", *place) else "ROLLBACK"
    return ["BEGIN", *writes, *draft.extras(in_transaction=True), READ_ALL, end]


def judge(plan: Plan, events: Iterable[TraceEvent]) -> Iterator[PropertyFinding]:
    """Compare every query of a whole table with the model."""
    book = VersionHistory()
    for event in events:
        for _, finding in check_table_content(book, event):
            yield finding


PROPERTY = Property(
    name="table-has-expected-content",
    specification=__doc__,
    make=make,
    judge=judge,
    needs=(Requirement.POOLS,),
    never="nobody read a whole table whose rows are known",
)
