"""A table that was dropped is gone, and one whose DROP was rolled back is not.

Claim: a query of a table fails as `undefined_table` after its DROP, at once for the task that dropped it and for everybody
when that is committed. After a ROLLBACK of the DROP nobody is told so.

Steps: CREATE TABLE and rows, random steps, DROP TABLE, in a transaction that commits or rolls back or in none, random steps,
queries of the same task and on another connection; meanwhile all tasks query tables that some of them drop. There are more
tasks than connections. In PostgreSQL the error fails the whole transaction, so there a savepoint recovers it.

Violated when: a query of a table that is gone succeeds or fails in another way, or one of a table that exists is told
`undefined_table`.

Evidence: what made the table or dropped it, the COMMIT or ROLLBACK, and the query.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from simdsl.core.trace import StepCompleted, TraceEvent
from simdsl.generation.statements import expect_affected, expect_error
from simdsl.plan.outcomes import ErrorClass, Failed
from simdsl.plan.plan import Plan
from simdsl.plan.steps import Step
from simdsl.properties.plan_builder import KEYED_COLUMNS, OK, PlanBuilder, Script
from simdsl.properties.property import PropertyFinding, PropertyHeld, PropertyViolation, Requirement
from simdsl.properties.registry import register
from simdsl.properties.row_history import describe_step
from simdsl.properties.table_catalog import NOT_EXECUTED, SELECT_ONE_TABLE, Presence, TableCatalog, TableState


def _check(plan: Plan, events: Iterable[TraceEvent]) -> Iterator[PropertyFinding]:
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
    specification=__doc__,
    summary="What is dropped is gone.",
    check=_check,
    requires=(Requirement.POOLS,),
    unchecked="no query came after a DROP TABLE whose end is known",
)
def drop_select(plan: PlanBuilder) -> None:
    """Tasks that drop tables, and a reader of what they drop."""
    plan.use_keyed_tables(read_at_end=False)
    for task in plan.writers():
        plan.setup.add(plan.setup.sql(f"CREATE TABLE {_table(task.number, 0)} {KEYED_COLUMNS}"))
        for turn in range(plan.size.rounds):
            task.add(task.checkout(), *_turn(plan, task, turn), task.release())
            if plan.choose(2, "another", task.number, turn):
                # On whichever connection the pool lends next: it may have a prepared statement or a schema from before.
                task.add(task.checkout(), _query(task, task.number, turn, "another"), task.release())
    reader = plan.task("reader")
    reader.add(reader.checkout())
    for turn in range(plan.size.rounds + 1):
        writer = 1 + plan.choose(plan.size.writers, "whose", turn)
        reader.add(_query(reader, writer, 0, "reader", turn), *reader.extras())
    reader.add(reader.release())


def _turn(plan: PlanBuilder, task: Script, turn: int) -> list[Step]:
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
