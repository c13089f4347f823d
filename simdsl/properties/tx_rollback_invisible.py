"""What was rolled back is seen by nobody.

Claim: after a ROLLBACK no query shows what the transaction wrote, neither on the same connection nor on another one.

Steps: BEGIN, writes, random steps, ROLLBACK (a few commit instead), random steps, a query on the same
connection; meanwhile other tasks write to the same row, and one reads. There are more tasks than connections.

Violated when: a query shows a value that only a transaction wrote that was rolled back.

Evidence: the write, the ROLLBACK, and the query.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from simdsl.core.trace import Event
from simdsl.plan.ir import Plan
from simdsl.properties.book import Fate
from simdsl.properties.making import READ, Draft, Line
from simdsl.properties.property import Finding, Need, Property, Size
from simdsl.properties.undone import judge_undone


def make(seed: int, size: Size) -> Plan:
    """Writers that roll back, and a reader."""
    draft = Draft("tx-rollback-invisible", "What is rolled back is seen by nobody.", seed, size)
    tasks: dict[str, list[Line]] = {}
    for number in range(1, size.writers + 1):
        steps: list[Line] = []
        for turn in range(size.rounds):
            end = "ROLLBACK => ok" if turn == 0 or draft.pick(4, "end", number, turn) else "COMMIT => ok or error busy"
            steps += [{"checkout": "from main"}, "BEGIN", *draft.write(number, turn), *draft.extras(in_transaction=True)]
            steps += [end, *draft.extras(), READ, {"return": f"w{number}"}]
        tasks[f"w{number}"] = steps
    tasks["reader"] = draft.reader()
    return draft.finish(tasks, pool=max(1, size.writers))


def judge(plan: Plan, events: Iterable[Event]) -> Iterator[Finding]:
    """Look for what was rolled back."""
    return judge_undone(events, Fate.ROLLED_BACK)


PROPERTY = Property(
    name="tx-rollback-invisible",
    specification=__doc__,
    make=make,
    judge=judge,
    needs=(Need.POOLS,),
    never="no query came after a ROLLBACK that undid something",
)
