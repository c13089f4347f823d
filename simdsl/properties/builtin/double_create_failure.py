"""A table that exists is not created again, and stays as it is.

Claim: a CREATE TABLE of a name that a table has already fails as `duplicate_table`, whichever task says it, and the table
keeps its columns and its rows.

Steps: CREATE TABLE and rows, random steps, CREATE TABLE again, with the same columns or with others, in a transaction or in
none; then queries of the table. Tasks do so with tables of their own, with one that was there before, and with one that all
of them want to make. There are more tasks than connections. In PostgreSQL the error fails the whole transaction, so there
a savepoint recovers it.

Violated when: the second CREATE succeeds or fails in another way; or a query after it shows other rows or other columns.

Evidence: what made the table, the second CREATE, and the query.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from simdsl.core.trace import StepCompleted, TraceEvent
from simdsl.generation.statements import expect_column_count, expect_error
from simdsl.plan.outcomes import ErrorClass, Failed, Rows
from simdsl.plan.plan import Plan
from simdsl.plan.steps import Step
from simdsl.properties.plan_builder import OK, OR_BUSY, PlanBuilder, Script
from simdsl.properties.property import PropertyFinding, PropertyHeld, PropertyViolation, Requirement
from simdsl.properties.registry import register
from simdsl.properties.row_history import Observation, VersionHistory, describe_step
from simdsl.properties.table_catalog import (
    CREATE_TABLE,
    NOT_EXECUTED,
    SELECT_ONE_TABLE,
    Presence,
    TableCatalog,
    TableState,
)

_KEYED: Final = "id INTEGER PRIMARY KEY, v INTEGER"
_FORMS: Final = (_KEYED, "id INTEGER PRIMARY KEY, v INTEGER, w INTEGER", "v INTEGER", "other TEXT, id INTEGER")


def _check(plan: Plan, events: Iterable[TraceEvent]) -> Iterator[PropertyFinding]:
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
    specification=__doc__,
    summary="What exists is not created again.",
    check=_check,
    requires=(Requirement.POOLS,),
    unchecked="nobody created a table that existed for certain",
)
def double_create_failure(plan: PlanBuilder) -> None:
    """Tasks that create what exists, and a reader."""
    plan.use_keyed_tables()
    for task in plan.writers():
        for turn in range(plan.size.rounds):
            task.add(task.checkout(), *_turn(plan, task, turn), task.release())
    plan.add_reader()


def _turn(plan: PlanBuilder, task: Script, turn: int) -> list[Step]:
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
