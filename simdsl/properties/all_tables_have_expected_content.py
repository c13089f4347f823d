"""What is done to one table, or to an index, leaves the rows of all others as they were.

Claim: when tables and indexes come and go, every table still holds, as a bag, the rows whose last committed value is known.

Steps: tasks write to the same tables, some rows in transactions that commit or roll back, and meanwhile create tables, drop
their own, and create and drop indexes on those that all of them write to; then they read a table, and at the end all of them
are read. There are more tasks than connections.

Violated when: after such a statement a query of a whole table lacks a row, shows one twice or with another value, or shows
one that nobody wrote.

Evidence: the last change of the row that is wrong, what became of it, and the query.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from simdsl.core.trace import StepCompleted, TraceEvent
from simdsl.plan.outcomes import Failed
from simdsl.plan.plan import Plan
from simdsl.properties.keyed_statements import ChangeIndex, CreateKeyed, parse_keyed_statement
from simdsl.properties.plan_builder import KEYED_TABLES, OR_CONFLICT, READ_ALL, PlanBuilder, StepText
from simdsl.properties.property import PlanSize, Property, PropertyFinding, Requirement
from simdsl.properties.row_history import VersionHistory
from simdsl.properties.row_visibility import check_table_content

_KEYED = "(id INTEGER PRIMARY KEY, v INTEGER)"
_OTHER = "u"


def make(seed: int, size: PlanSize) -> Plan:
    """Tasks that write and change the schema, and a reader."""
    draft = PlanBuilder("all-tables-have-expected-content", "Tables hold their rows while others come and go.", seed, size)
    tasks: dict[str, list[StepText]] = {}
    for number in range(1, size.writers + 1):
        steps: list[StepText] = []
        for turn in range(size.rounds):
            steps += [{"checkout": "from main"}, *_turn(draft, number, turn), {"return": f"w{number}"}]
        tasks[f"w{number}"] = steps
    reader: list[StepText] = [{"checkout": "from main"}]
    for _ in range(size.rounds + 1):
        reader += [READ_ALL, *draft.extras(), _read(_OTHER)]
    tasks["reader"] = [*reader, {"return": "reader"}]
    setup = [*KEYED_TABLES, f"CREATE TABLE {_OTHER} {_KEYED}", f"INSERT INTO {_OTHER} VALUES (1, 1), (2, 2) => 2 affected"]
    return draft.finish(tasks, pool=max(1, size.writers), setup=setup, last=[READ_ALL, _read(_OTHER), _read("noise")])


def _turn(draft: PlanBuilder, number: int, turn: int) -> list[StepText]:
    place = (number, turn)
    name = f"{number}_{turn}"
    table = ("t", _OTHER)[draft.pick(2, "table", *place)]
    index = (f"CREATE INDEX i_{name} ON {table} (v)", f"DROP INDEX i_{name}")
    changed = [draft.until_done([index[0]], *place)]
    if draft.pick(3, "drop index", *place) == 0:
        changed.append(draft.until_done([index[1]], *place))
    if draft.pick(2, "own", *place):
        own = f"own_{name}"
        row = f"INSERT INTO {own} VALUES ({draft.key()}, {draft.value()})"
        changed = [draft.until_done([f"CREATE TABLE {own} {_KEYED}"], *place), draft.until_done([row], *place), _read(own)]
        if draft.pick(2, "drop", *place):
            changed.append(draft.until_done([f"DROP TABLE {own}"], *place))
    writes = [
        *draft.write(*place),
        f"INSERT INTO {_OTHER} VALUES ({draft.key()}, {draft.value()}) => 1 affected{OR_CONFLICT}",
    ]
    writes.append(f"UPDATE {_OTHER} SET v = {draft.value()} WHERE id = 1 => 1 affected{OR_CONFLICT}")
    if draft.pick(2, "in transaction", *place):
        writes = ["BEGIN", *writes, "COMMIT => ok or error busy" if draft.pick(3, "end", *place) else "ROLLBACK"]
    first, second = (changed, writes) if draft.pick(2, "order", *place) else (writes, changed)
    return [*first, *second, *draft.extras(), _read(table)]


def _read(table: str) -> StepText:
    return f"SELECT id, v FROM {table} ORDER BY id => ok or error busy"


def judge(plan: Plan, events: Iterable[TraceEvent]) -> Iterator[PropertyFinding]:
    """Compare what is read of each table after the schema was changed beside it."""
    book = VersionHistory()
    tables: set[str] = set()
    changed: set[str] = set()  # tables that were there when something was created or dropped
    for event in events:
        if isinstance(event, StepCompleted) and not isinstance(event.outcome, Failed):
            said = parse_keyed_statement(event.what, {})
            if isinstance(said, CreateKeyed | ChangeIndex) or event.what.upper().startswith("DROP TABLE "):
                changed |= tables
            if isinstance(said, CreateKeyed):
                tables.add(said.table)
                changed.discard(said.table)
        for table, finding in check_table_content(book, event):
            if table in changed and len(tables) > 1:
                yield finding


PROPERTY = Property(
    name="all-tables-have-expected-content",
    specification=__doc__,
    make=make,
    judge=judge,
    needs=(Requirement.POOLS,),
    never="nobody read a whole table after another one, or an index, had come or gone",
)
