"""What was rolled back is visible to nobody.

Claim: after a ROLLBACK no query shows what the transaction wrote, neither on the same connection nor on another one.

Steps: BEGIN, writes, random steps, ROLLBACK (a few commit instead), random steps, a query on the same
connection; meanwhile other tasks write to the same row, and one reads. There are more tasks than connections.

Violated when: a query shows a value that only a transaction wrote that was rolled back.

Evidence: the write, the ROLLBACK, and the query.
"""

from __future__ import annotations

from simdsl.properties.plan_builder import OK, PlanBuilder
from simdsl.properties.property import Requirement
from simdsl.properties.registry import register
from simdsl.properties.row_history import WriteOutcome
from simdsl.properties.row_visibility import invisible_rows_checker


@register(
    "tx-rollback-invisible",
    specification=__doc__,
    summary="What is rolled back is seen by nobody.",
    check=invisible_rows_checker(WriteOutcome.ROLLED_BACK),
    requires=(Requirement.POOLS,),
    unchecked="no query came after a ROLLBACK that undid something",
)
def tx_rollback_invisible(plan: PlanBuilder) -> None:
    """Writers that roll back, and a reader."""
    plan.use_keyed_tables()
    for task in plan.writers():
        for turn in range(plan.size.rounds):
            # A few commit, for a value that is overwritten by a committed one must not come back either.
            rolls_back = turn == 0 or plan.choose(4, "end", task.number, turn)
            end = task.rollback(OK) if rolls_back else task.commit()
            task.add(task.checkout(), task.begin(), *task.writes(task.number, turn), *task.extras(in_transaction=True))
            task.add(end, *task.extras(), task.read_all(), task.release())
    plan.add_reader()
