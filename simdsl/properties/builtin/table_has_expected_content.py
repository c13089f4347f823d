"""A table holds what was written to it, all of it and nothing else.

Claim: a query of a whole table returns, as a bag, the rows whose last committed value is known; within a transaction those
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
from simdsl.plan.steps import Step
from simdsl.properties.plan_builder import OK, ONE_WRITTEN, OR_CONFLICT, PlanBuilder, Script
from simdsl.properties.property import PropertyFinding, Requirement
from simdsl.properties.registry import register
from simdsl.properties.row_history import VersionHistory
from simdsl.properties.row_visibility import check_table_content


def _check(plan: Plan, events: Iterable[TraceEvent]) -> Iterator[PropertyFinding]:
    """Compare every query of a whole table with the history of its rows."""
    history = VersionHistory()
    for event in events:
        for _, finding in check_table_content(history, event):
            yield finding


@register(
    "table-has-expected-content",
    specification=__doc__,
    summary="A table holds what was written to it.",
    check=_check,
    requires=(Requirement.POOLS,),
    unchecked="nobody read a whole table whose rows are known",
)
def table_has_expected_content(plan: PlanBuilder) -> None:
    """Writers of every kind, and a reader."""
    plan.use_keyed_tables()
    for task in plan.writers():
        for turn in range(plan.size.rounds):
            task.add(task.checkout(), *_turn(plan, task, turn), *task.extras(), task.read_all(), task.release())
    plan.add_reader()


def _turn(plan: PlanBuilder, task: Script, turn: int) -> list[Step]:
    place = (task.number, turn)
    own = plan.new_key()
    writes: list[Step] = [task.sql(f"INSERT INTO t VALUES ({own}, {plan.new_value()})", ONE_WRITTEN)]
    writes += task.writes(*place)
    kind = plan.choose(3, "delete", *place)
    if kind:
        key = own if kind == 1 else 3  # its own row, or one that other tasks delete too
        writes.append(task.sql(f"DELETE FROM t WHERE id = {key}", (*OK, *OR_CONFLICT)))
    if plan.choose(3, "in transaction", *place) == 0:
        return writes
    end = task.commit() if plan.choose(4, "end", *place) else task.rollback()
    return [task.begin(), *writes, *task.extras(in_transaction=True), task.read_all(), end]
