"""Properties of whole tables: what they hold, and whether they exist."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from simdsl.core.trace import StepCompleted, TraceEvent
from simdsl.generation.statements import expect_affected, expect_column_count, expect_error
from simdsl.plan.outcomes import ErrorClass, Failed, Rows
from simdsl.plan.plan import Plan
from simdsl.plan.steps import Step
from simdsl.properties.keyed_tables import (
    CREATE_TABLE,
    NOT_EXECUTED,
    SELECT_ONE_TABLE,
    ChangeIndex,
    CreateKeyed,
    Presence,
    TableCatalog,
    TableState,
    parse_keyed_statement,
)
from simdsl.properties.owned_rows import check_table_content
from simdsl.properties.plan_builder import KEYED_COLUMNS, OK, ONE_WRITTEN, OR_BUSY, OR_CONFLICT, PlanBuilder, Script
from simdsl.properties.property import PropertyFinding, PropertyHeld, PropertyViolation, Requirement
from simdsl.properties.registry import register
from simdsl.properties.row_history import Observation, VersionHistory, describe_step

# table-has-expected-content


def _check_content(plan: Plan, events: Iterable[TraceEvent]) -> Iterator[PropertyFinding]:
    """Compare every query of a whole table with the history of its rows."""
    history = VersionHistory()
    for event in events:
        for _, finding in check_table_content(history, event):
            yield finding


@register(
    "table-has-expected-content",
    summary="A table holds what was written to it.",
    check=_check_content,
    requires=(Requirement.POOLS,),
    unchecked="nobody read a whole table whose rows are known",
)
def table_has_expected_content(plan: PlanBuilder) -> None:
    """A table holds what was written to it, all of it and nothing else.

    Claim: a query of a whole table returns, as a bag, the rows whose last committed value is known; within a transaction
    those that it wrote itself instead of them.

    Steps: tasks insert, update and delete rows, in transactions that commit or roll back and in none, with random steps in
    between, and read the table on the same connection and on another one. At the end it is read again. There are more tasks
    than connections.

    Violated when: a row is missing, is there twice or has another value, or is there though nobody wrote it. Within a
    transaction any value committed since its first statement counts as the last, for it may have a snapshot.

    Evidence: the last change of the row that is wrong, what became of it, and the query.
    """
    plan.use_keyed_tables()
    for task in plan.writers():
        for turn in range(plan.size.rounds):
            task.add(task.checkout(), *_turn_content(plan, task, turn), *task.extras(), task.read_all(), task.release())
    plan.add_reader()


def _turn_content(plan: PlanBuilder, task: Script, turn: int) -> list[Step]:
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


# all-tables-have-expected-content


_SECOND: Final = "u"


def _check_all_tables(plan: Plan, events: Iterable[TraceEvent]) -> Iterator[PropertyFinding]:
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
    summary="Tables hold their rows while others come and go.",
    check=_check_all_tables,
    requires=(Requirement.POOLS,),
    unchecked="nobody read a whole table after another one, or an index, had come or gone",
)
def all_tables_have_expected_content(plan: PlanBuilder) -> None:
    """What is done to one table, or to an index, leaves the rows of all others as they were.

    Claim: when tables and indexes come and go, every table still holds, as a bag, the rows whose last committed value is
    known.

    Steps: tasks write to the same tables, some rows in transactions that commit or roll back, and meanwhile create tables,
    drop their own, and create and drop indexes on those that all of them write to; then they read a table, and at the end
    all of them are read. There are more tasks than connections.

    Violated when: after such a statement a query of a whole table lacks a row, shows one twice or with another value, or
    shows one that nobody wrote.

    Evidence: the last change of the row that is wrong, what became of it, and the query.
    """
    plan.use_keyed_tables(read_at_end=False)
    plan.setup.add(plan.setup.sql(f"CREATE TABLE {_SECOND} {KEYED_COLUMNS}"))
    plan.setup.add(plan.setup.sql(f"INSERT INTO {_SECOND} VALUES (1, 1), (2, 2)", expect_affected(2)))
    for task in plan.writers():
        for turn in range(plan.size.rounds):
            task.add(task.checkout(), *_turn_all_tables(plan, task, turn), task.release())
    reader = plan.task("reader")
    reader.add(reader.checkout())
    for _ in range(plan.size.rounds + 1):
        reader.add(reader.read_all(), *reader.extras(), reader.read_all(_SECOND))
    reader.add(reader.release())
    plan.finally_.add(*map(plan.finally_.read_all, ("t", _SECOND, "noise")))


def _turn_all_tables(plan: PlanBuilder, task: Script, turn: int) -> list[Step]:
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


# double-create-failure


_KEYED: Final = "id INTEGER PRIMARY KEY, v INTEGER"
_FORMS: Final = (_KEYED, "id INTEGER PRIMARY KEY, v INTEGER, w INTEGER", "v INTEGER", "other TEXT, id INTEGER")


def _check_double_create(plan: Plan, events: Iterable[TraceEvent]) -> Iterator[PropertyFinding]:
    """Look for a second CREATE that was not refused, and for what it left behind."""
    catalog, history = TableCatalog(), VersionHistory()
    refused: dict[str, StepCompleted] = {}  # the last second CREATE of each table
    for event in events:
        if isinstance(event, StepCompleted):
            created = CREATE_TABLE.match(" ".join(event.what.split()))
            if created is not None:
                table = created[1].lower()
                known = catalog.known(event.task, table)
                if known is not None and known.presence is Presence.EXISTS:
                    yield from _second_create(event, table, known)
                    refused[table] = event
                elif not isinstance(event.outcome, Failed):
                    refused.pop(table, None)
            else:
                yield from _columns(event, catalog, refused)
        for seen in history.read([event]):
            if seen.table in refused:
                yield from _rows(seen, refused[seen.table])
        catalog.follow(event)


def _second_create(step: StepCompleted, table: str, known: TableState) -> Iterator[PropertyFinding]:
    if isinstance(step.outcome, Failed):
        if step.outcome.error_class is ErrorClass.DUPLICATE_TABLE:
            yield PropertyHeld(path=step.path)
            return
        if step.outcome.error_class in NOT_EXECUTED:
            return
        message = f"{step.task} cannot create table {table}, which exists, and is told {step.outcome.error_class}"
    else:
        message = f"{step.task} creates table {table}, which exists"
    evidence = (*map(describe_step, known.because), describe_step(step))
    yield PropertyViolation(message=message, evidence=evidence, path=step.path, task=step.task)


def _columns(step: StepCompleted, catalog: TableCatalog, refused: dict[str, StepCompleted]) -> Iterator[PropertyFinding]:
    """A query of all columns returns those of the first CREATE, which are two in a keyed table."""
    match = SELECT_ONE_TABLE.fullmatch(" ".join(step.what.split()))
    if match is None or match[1].lower() not in refused:
        return
    table = match[1].lower()
    known = catalog.known(step.task, table)
    if known is None or known.presence is not Presence.EXISTS:
        return
    evidence = (*map(describe_step, known.because), describe_step(refused[table]), describe_step(step))
    if isinstance(step.outcome, Failed) and step.outcome.error_class in (
        ErrorClass.UNDEFINED_COLUMN,
        ErrorClass.UNDEFINED_TABLE,
    ):
        message = f"table {table} is another one after it was created again: {step.task} is told {step.outcome.error_class}"
        yield PropertyViolation(message=message, evidence=evidence, path=step.path, task=step.task)
    elif isinstance(step.outcome, Rows) and step.what.upper().startswith("SELECT *"):
        if step.outcome.columns == _width(known):
            yield PropertyHeld(path=step.path)
        else:
            message = f"table {table} has {step.outcome.columns} columns after it was created again"
            yield PropertyViolation(message=message, evidence=evidence, path=step.path, task=step.task)


def _width(known: TableState) -> int:
    """The number of columns of the CREATE that succeeded: it has no other commas than those between columns."""
    created = next(step for step in known.because if CREATE_TABLE.match(" ".join(step.what.split())))
    return created.what.count(",") + 1


def _rows(seen: Observation, again: StepCompleted) -> Iterator[PropertyFinding]:
    if seen.holds:
        yield PropertyHeld(path=seen.read.path)
    elif seen.culprit is None:
        # A row that nobody wrote, or none where one was written: a value that somebody wrote is another property's.
        message = f"{seen.read.task} sees {seen.shown(seen.got)} of table {seen.table} after it was created again"
        last = seen.allowed[-1]
        evidence = (describe_step(again), *seen.evidence(last if last.by is not seen.read else None))
        yield PropertyViolation(message=message, evidence=evidence, path=seen.read.path, task=seen.read.task)


@register(
    "double-create-failure",
    summary="What exists is not created again.",
    check=_check_double_create,
    requires=(Requirement.POOLS,),
    unchecked="nobody created a table that existed for certain",
)
def double_create_failure(plan: PlanBuilder) -> None:
    """A table that exists is not created again, and stays as it is.

    Claim: a CREATE TABLE of a name that a table has already fails as `duplicate_table`, whichever task says it, and the
    table keeps its columns and its rows.

    Steps: CREATE TABLE and rows, random steps, CREATE TABLE again, with the same columns or with others, in a transaction or
    in none; then queries of the table. Tasks do so with tables of their own, with one that was there before, and with one
    that all of them want to make. There are more tasks than connections. In PostgreSQL the error fails the whole
    transaction, so there a savepoint recovers it.

    Violated when: the second CREATE succeeds or fails in another way; or a query after it shows other rows or other columns.

    Evidence: what made the table, the second CREATE, and the query.
    """
    plan.use_keyed_tables()
    for task in plan.writers():
        for turn in range(plan.size.rounds):
            task.add(task.checkout(), *_turn_double_create(plan, task, turn), task.release())
    plan.add_reader()


def _turn_double_create(plan: PlanBuilder, task: Script, turn: int) -> list[Step]:
    place = (task.number, turn)
    again = f"CREATE TABLE {{}} ({_FORMS[plan.choose(len(_FORMS), 'form', *place)]})"
    kind = plan.choose(4, "kind", *place)
    if kind == 0 and turn:
        return [task.sql(again.format("t"), _REFUSED_OR_BUSY), *task.extras(), *_look(task, "t")]
    if kind == 1 and turn:
        create = task.sql(f"CREATE TABLE shared ({_KEYED})", (*OK, *_REFUSED))
        first = task.retry([create], *place, "first")
        return [first, *task.extras(), task.retry([task.sql(again.format("shared"), _REFUSED)], *place)]
    own = f"made_{task.number}_{turn}"
    create = task.sql(f"CREATE TABLE {own} ({_KEYED})")
    rows = ", ".join(f"({plan.new_row()})" for _ in range(1 + plan.choose(2, "rows", *place)))
    insert = task.sql(f"INSERT INTO {own} VALUES {rows}")
    if plan.choose(2, "in transaction", *place):
        body: list[Step] = [task.begin(), create, insert]
        body += [task.guard(), task.sql(again.format(own), _REFUSED), task.recover()]
        body += task.extras(in_transaction=True)
        body += [task.sql(f"SELECT id, v FROM {own} ORDER BY id", ordered=True), task.commit(None)]
        return [task.retry(body, *place), *_look(task, own)]
    made: list[Step] = [task.retry([create], *place), task.retry([insert], *place)]
    # In upper case: the name of a table is the same name whatever its case.
    second = again.format(own.upper())
    return [*made, *task.extras(), task.sql(second, _REFUSED_OR_BUSY), *task.extras(), *_look(task, own)]


def _look(task: Script, table: str) -> list[Step]:
    every_column = task.sql(f"SELECT * FROM {table} ORDER BY id", (*expect_column_count(2), *OR_BUSY), ordered=True)
    return [task.read_all(table), every_column]


_REFUSED: Final = expect_error(ErrorClass.DUPLICATE_TABLE)
_REFUSED_OR_BUSY: Final = (*_REFUSED, *OR_BUSY)


# drop-select


def _check_drop(plan: Plan, events: Iterable[TraceEvent]) -> Iterator[PropertyFinding]:
    """Compare the queries of tables that were dropped with what became of the DROP."""
    catalog = TableCatalog()
    for event in events:
        if isinstance(event, StepCompleted):
            match = SELECT_ONE_TABLE.fullmatch(" ".join(event.what.split()))
            known = catalog.known(event.task, match[1]) if match is not None else None
            if match is not None and known is not None:
                yield from _check_query(event, match[1].lower(), known)
        catalog.follow(event)


def _check_query(step: StepCompleted, table: str, known: TableState) -> Iterator[PropertyFinding]:
    failed = step.outcome.error_class if isinstance(step.outcome, Failed) else None
    if failed in NOT_EXECUTED:
        return
    evidence = (*map(describe_step, known.because), describe_step(step))
    if known.presence is Presence.EXISTS:
        if failed is ErrorClass.UNDEFINED_TABLE:
            message = f"{step.task} finds no table {table}, which exists"
            yield PropertyViolation(message=message, evidence=evidence, path=step.path, task=step.task)
        elif known.undone:
            yield PropertyHeld(path=step.path)
    elif failed is ErrorClass.UNDEFINED_TABLE:
        yield PropertyHeld(path=step.path)
    else:
        came = "reads" if failed is None else f"is told {failed} of"
        message = f"{step.task} {came} table {table}, which was dropped"
        yield PropertyViolation(message=message, evidence=evidence, path=step.path, task=step.task)


@register(
    "drop-select",
    summary="What is dropped is gone.",
    check=_check_drop,
    requires=(Requirement.POOLS,),
    unchecked="no query came after a DROP TABLE whose end is known",
)
def drop_select(plan: PlanBuilder) -> None:
    """A table that was dropped is gone, and one whose DROP was rolled back is not.

    Claim: a query of a table fails as `undefined_table` after its DROP, at once for the task that dropped it and for
    everybody when that is committed. After a ROLLBACK of the DROP nobody is told so.

    Steps: CREATE TABLE and rows, random steps, DROP TABLE, in a transaction that commits or rolls back or in none, random
    steps, queries of the same task and on another connection; meanwhile all tasks query tables that some of them drop. There
    are more tasks than connections. In PostgreSQL the error fails the whole transaction, so there a savepoint recovers it.

    Violated when: a query of a table that is gone succeeds or fails in another way, or one of a table that exists is told
    `undefined_table`.

    Evidence: what made the table or dropped it, the COMMIT or ROLLBACK, and the query.
    """
    plan.use_keyed_tables(read_at_end=False)
    for task in plan.writers():
        plan.setup.add(plan.setup.sql(f"CREATE TABLE {_table(task.number, 0)} {KEYED_COLUMNS}"))
        for turn in range(plan.size.rounds):
            task.add(task.checkout(), *_turn_drop(plan, task, turn), task.release())
            if plan.choose(2, "another", task.number, turn):
                # On whichever connection the pool lends next: it may have a prepared statement or a schema from before.
                task.add(task.checkout(), _query(task, task.number, turn, "another"), task.release())
    reader = plan.task("reader")
    reader.add(reader.checkout())
    for turn in range(plan.size.rounds + 1):
        writer = 1 + plan.choose(plan.size.writers, "whose", turn)
        reader.add(_query(reader, writer, 0, "reader", turn), *reader.extras())
    reader.add(reader.release())


def _turn_drop(plan: PlanBuilder, task: Script, turn: int) -> list[Step]:
    place = (task.number, turn)
    table = _table(*place)
    insert = task.sql(f"INSERT INTO {table} VALUES ({plan.new_row()})", expect_affected(1))
    # The first table of each task is made by the setup, so that the reader has something to query from the first.
    create: list[Step] = [task.retry([task.sql(f"CREATE TABLE {table} {KEYED_COLUMNS}")], *place)] if turn else []
    steps: list[Step] = [*create, task.retry([insert], *place), *task.extras()]
    drop = task.sql(f"DROP TABLE {table}")
    kind = plan.choose(3, "kind", *place)
    if kind == 0:
        return [*steps, task.retry([drop], *place), *task.extras(), _query(task, *place)]
    body: list[Step] = [task.begin(), drop, task.guard(), *task.extras(in_transaction=True)]
    body += [task.sql(f"SELECT id, v FROM {table}", expect_error(ErrorClass.UNDEFINED_TABLE)), task.recover()]
    body.append(task.commit(None) if kind == 1 else task.rollback())
    return [*steps, task.retry(body, *place), *task.extras(), _query(task, *place)]


def _query(task: Script, number: int, turn: int, *place: int | str) -> Step:
    """A query of a table that may be gone, in one of a few texts: an engine may keep the plan of each."""
    columns = ("id, v", "*", "v")[task.plan.choose(3, "columns", number, turn, *place)]
    return task.sql(f"SELECT {columns} FROM {_table(number, turn)}", _FOUND_OR_GONE)


def _table(number: int, turn: int) -> str:
    return f"made_{number}_{turn}"


_FOUND_OR_GONE: Final = (*OK, *expect_error(ErrorClass.UNDEFINED_TABLE, ErrorClass.BUSY))
