"""A statement that fails half-way has done nothing.

Claim: of a write of several rows that fails at one of them, no part stays, inside of a transaction or outside.

Steps: an INSERT whose last row has a key that exists, or an UPDATE of every row that a CHECK refuses for one; then a query
of the same task, in its transaction if it is in one, and after its COMMIT; meanwhile another task does the same, and one
reads. PostgreSQL fails the whole transaction, so there a savepoint heals it.

Violated when: a query shows a value that only a failed statement would have written.

Evidence: the statement that failed, and the query.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from simdsl.core.trace import TraceEvent
from simdsl.plan.plan import Plan
from simdsl.properties.plan_builder import CONTENDED_KEY, KEYED_TABLES, OR_CONFLICT, READ_ALL, PlanBuilder, StepText
from simdsl.properties.property import PlanSize, Property, PropertyFinding, Requirement
from simdsl.properties.row_history import WriteOutcome
from simdsl.properties.row_visibility import check_rolled_back_rows

_LARGEST = 999_999_999


def make(seed: int, size: PlanSize) -> Plan:
    """Writers that fail, and a reader."""
    draft = PlanBuilder("statement-atomicity", "A statement that fails half-way has done nothing.", seed, size)
    tasks: dict[str, list[StepText]] = {}
    for number in range(1, size.writers + 1):
        steps: list[StepText] = []
        for turn in range(size.rounds):
            steps += [{"checkout": "from main"}]
            if draft.pick(2, "in transaction", number, turn):
                steps += ["BEGIN", {"sql": "SAVEPOINT s", "only": ["postgres"]}, _failing(draft, number, turn)]
                steps += [{"sql": "ROLLBACK TO s", "only": ["postgres"]}, READ_ALL, "COMMIT => ok or error busy"]
            else:
                steps += [_failing(draft, number, turn)]
            steps += [READ_ALL, *draft.extras(), {"return": f"w{number}"}]
        tasks[f"w{number}"] = steps
    tasks["reader"] = draft.reader()
    setup = (
        f"CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER CHECK (v < {_LARGEST}))",
        f"INSERT INTO t VALUES (1, 1), (2, 2), (3, {_LARGEST - 1}) => 3 affected",
        *KEYED_TABLES[2:],
    )
    return draft.finish(tasks, pool=max(1, size.writers), setup=setup, last=[READ_ALL])


def _failing(draft: PlanBuilder, number: int, turn: int) -> StepText:
    if draft.pick(2, "update", number, turn):
        step = 10 + 10 * draft.pick(9, "by", number, turn) + number
        return f"UPDATE t SET v = v + {step} => error check_violation{OR_CONFLICT}"
    rows = [f"({draft.key()}, {draft.value()})" for _ in range(1 + draft.pick(3, "rows", number, turn))]
    rows.append(f"({CONTENDED_KEY}, {draft.value()})")
    return f"INSERT INTO t VALUES {', '.join(rows)} => error unique_violation{OR_CONFLICT}"


def judge(plan: Plan, events: Iterable[TraceEvent]) -> Iterator[PropertyFinding]:
    """Look for what only a failed statement would have written."""
    return check_rolled_back_rows(events, WriteOutcome.FAILED)


PROPERTY = Property(
    name="statement-atomicity",
    specification=__doc__,
    make=make,
    judge=judge,
    needs=(Requirement.POOLS,),
    never="no query came after a statement of several rows that failed at one of them",
)
