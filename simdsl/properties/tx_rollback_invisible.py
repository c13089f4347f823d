"""What was rolled back is seen by nobody.

Claim: after a ROLLBACK no query shows what the transaction wrote, neither on the same connection nor on another one.

Steps: BEGIN, writes, random steps, ROLLBACK (a few commit instead), random steps, a query on the same
connection; meanwhile other tasks write to the same row, and one reads. There are more tasks than connections.

Violated when: a query shows a value that only a transaction wrote that was rolled back.

Evidence: the write, the ROLLBACK, and the query.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from simdsl.core.trace import TraceEvent
from simdsl.plan.plan import Plan
from simdsl.properties.plan_builder import READ_ALL, PlanBuilder, StepText
from simdsl.properties.property import PlanSize, Property, PropertyFinding, Requirement
from simdsl.properties.row_history import WriteOutcome
from simdsl.properties.row_visibility import check_rolled_back_rows


def make(seed: int, size: PlanSize) -> Plan:
    """Writers that roll back, and a reader."""
    draft = PlanBuilder("tx-rollback-invisible", "What is rolled back is seen by nobody.", seed, size)
    tasks: dict[str, list[StepText]] = {}
    for number in range(1, size.writers + 1):
        steps: list[StepText] = []
        for turn in range(size.rounds):
            end = "ROLLBACK => ok" if turn == 0 or draft.pick(4, "end", number, turn) else "COMMIT => ok or error busy"
            steps += [{"checkout": "from main"}, "BEGIN", *draft.write(number, turn), *draft.extras(in_transaction=True)]
            steps += [end, *draft.extras(), READ_ALL, {"return": f"w{number}"}]
        tasks[f"w{number}"] = steps
    tasks["reader"] = draft.reader()
    return draft.finish(tasks, pool=max(1, size.writers))


def judge(plan: Plan, events: Iterable[TraceEvent]) -> Iterator[PropertyFinding]:
    """Look for what was rolled back."""
    return check_rolled_back_rows(events, WriteOutcome.ROLLED_BACK)


PROPERTY = Property(
    name="tx-rollback-invisible",
    specification=__doc__,
    make=make,
    judge=judge,
    needs=(Requirement.POOLS,),
    never="no query came after a ROLLBACK that undid something",
)
