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
from typing import Final

from simdsl.core.trace import StepCompleted, TraceEvent
from simdsl.generation.statements import expect_affected
from simdsl.plan.outcomes import Failed
from simdsl.plan.plan import Plan
from simdsl.plan.steps import Step
from simdsl.properties.keyed_statements import ChangeIndex, CreateKeyed, parse_keyed_statement
from simdsl.properties.plan_builder import KEYED_COLUMNS, ONE_WRITTEN, PlanBuilder, Script
from simdsl.properties.property import PropertyFinding, Requirement
from simdsl.properties.registry import register
from simdsl.properties.row_history import VersionHistory
from simdsl.properties.row_visibility import check_table_content

_SECOND: Final = "u"


def _check(plan: Plan, events: Iterable[TraceEvent]) -> Iterator[PropertyFinding]:
    """Compare what is read of each table after the schema was changed beside it."""
    history = VersionHistory()
    tables: set[str] = set()
    affected: set[str] = set()  # tables that existed when another one, or an index, was created or dropped
    for event in events:
        if isinstance(event, StepCompleted) and not isinstance(event.outcome, Failed):
            statement = parse_keyed_statement(event.what, {})
            if isinstance(statement, CreateKeyed | ChangeIndex) or event.what.upper().startswith("DROP TABLE "):
                affected |= tables
            if isinstance(statement, CreateKeyed):
                tables.add(statement.table)
                affected.discard(statement.table)
        for table, finding in check_table_content(history, event):
            # With a single table nothing happened beside it, and `table-has-expected-content` covers the table itself.
            if table in affected and len(tables) > 1:
                yield finding


@register(
    "all-tables-have-expected-content",
    specification=__doc__,
    summary="Tables hold their rows while others come and go.",
    check=_check,
    requires=(Requirement.POOLS,),
    unchecked="nobody read a whole table after another one, or an index, had come or gone",
)
def all_tables_have_expected_content(plan: PlanBuilder) -> None:
    """Tasks that write and change the schema, and a reader."""
    plan.use_keyed_tables(read_at_end=False)
    plan.setup.add(plan.setup.sql(f"CREATE TABLE {_SECOND} {KEYED_COLUMNS}"))
    plan.setup.add(plan.setup.sql(f"INSERT INTO {_SECOND} VALUES (1, 1), (2, 2)", expect_affected(2)))
    for task in plan.writers():
        for turn in range(plan.size.rounds):
            task.add(task.checkout(), *_turn(plan, task, turn), task.release())
    reader = plan.task("reader")
    reader.add(reader.checkout())
    for _ in range(plan.size.rounds + 1):
        reader.add(reader.read_all(), *reader.extras(), reader.read_all(_SECOND))
    reader.add(reader.release())
    plan.finally_.add(*map(plan.finally_.read_all, ("t", _SECOND, "noise")))


def _turn(plan: PlanBuilder, task: Script, turn: int) -> list[Step]:
    place = (task.number, turn)
    name = f"{task.number}_{turn}"
    table = ("t", _SECOND)[plan.choose(2, "table", *place)]
    changes: list[Step] = [task.retry([task.sql(f"CREATE INDEX i_{name} ON {table} (v)")], *place)]
    if plan.choose(3, "drop index", *place) == 0:
        changes.append(task.retry([task.sql(f"DROP INDEX i_{name}")], *place))
    if plan.choose(2, "own", *place):
        own = f"own_{name}"
        insert = f"INSERT INTO {own} VALUES ({plan.new_row()})"
        changes = [task.retry([task.sql(f"CREATE TABLE {own} {KEYED_COLUMNS}")], *place)]
        changes += [task.retry([task.sql(insert)], *place), task.read_all(own)]
        if plan.choose(2, "drop", *place):
            changes.append(task.retry([task.sql(f"DROP TABLE {own}")], *place))
    writes = [*task.writes(*place), task.sql(f"INSERT INTO {_SECOND} VALUES ({plan.new_row()})", ONE_WRITTEN)]
    writes.append(task.sql(f"UPDATE {_SECOND} SET v = {plan.new_value()} WHERE id = 1", ONE_WRITTEN))
    if plan.choose(2, "in transaction", *place):
        writes = [task.begin(), *writes, task.commit() if plan.choose(3, "end", *place) else task.rollback()]
    first, second = (changes, writes) if plan.choose(2, "order", *place) else (writes, changes)
    return [*first, *second, *task.extras(), task.read_all(table)]
