"""A table that was dropped is gone, and one whose DROP was rolled back is not.

Claim: a query of a table fails as `undefined_table` after its DROP, at once for the task that dropped it and for everybody
when that is committed. After a ROLLBACK of the DROP nobody is told so.

Steps: CREATE TABLE and rows, random steps, DROP TABLE, in a transaction that commits or rolls back or in none, random steps,
queries of the same task and on another connection; meanwhile all tasks query tables that some of them drop. There are more
tasks than connections. PostgreSQL fails the whole transaction, so there a savepoint heals it.

Violated when: a query of a table that is gone succeeds or fails in another way, or one of a table that exists is told
`undefined_table`.

Evidence: what made the table or dropped it, the COMMIT or ROLLBACK, and the query.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from simdsl.core.trace import StepCompleted, TraceEvent
from simdsl.plan.outcomes import ErrorClass, Failed
from simdsl.plan.plan import Plan
from simdsl.properties.plan_builder import KEYED_TABLES, PlanBuilder, StepText
from simdsl.properties.property import PlanSize, Property, PropertyFinding, PropertyHeld, PropertyViolation, Requirement
from simdsl.properties.row_history import told
from simdsl.properties.table_catalog import NOT_EXECUTED, SELECT_ONE_TABLE, Presence, TableCatalog, TableState

_KEYED = "(id INTEGER PRIMARY KEY, v INTEGER)"


def make(seed: int, size: PlanSize) -> Plan:
    """Tasks that drop tables, and a reader of what they drop."""
    draft = PlanBuilder("drop-select", "What is dropped is gone.", seed, size)
    tasks: dict[str, list[StepText]] = {}
    for number in range(1, size.writers + 1):
        steps: list[StepText] = []
        for turn in range(size.rounds):
            steps += [{"checkout": "from main"}, *_turn(draft, number, turn), {"return": f"w{number}"}]
            if draft.pick(2, "another", number, turn):
                steps += [{"checkout": "from main"}, _query(draft, number, turn, "another"), {"return": f"w{number}"}]
        tasks[f"w{number}"] = steps
    reader: list[StepText] = [{"checkout": "from main"}]
    for turn in range(size.rounds + 1):
        reader += [_query(draft, 1 + draft.pick(size.writers, "whose", turn), 0, "reader", turn), *draft.extras()]
    tasks["reader"] = [*reader, {"return": "reader"}]
    setup = [*KEYED_TABLES, *(f"CREATE TABLE made_{number}_0 {_KEYED}" for number in range(1, size.writers + 1))]
    return draft.finish(tasks, pool=max(1, size.writers), setup=setup)


def _turn(draft: PlanBuilder, number: int, turn: int) -> list[StepText]:
    place = (number, turn)
    table = f"made_{number}_{turn}"
    rows = f"INSERT INTO {table} VALUES ({draft.key()}, {draft.value()}) => 1 affected"
    create: list[StepText] = [draft.until_done([f"CREATE TABLE {table} {_KEYED}"], *place)] if turn else []
    steps: list[StepText] = [*create, draft.until_done([rows], *place), *draft.extras()]
    kind = draft.pick(3, "kind", *place)
    if kind == 0:
        return [*steps, draft.until_done([f"DROP TABLE {table}"], *place), *draft.extras(), _query(draft, *place)]
    gone = f"SELECT id, v FROM {table} => error undefined_table"
    body: list[StepText] = ["BEGIN", f"DROP TABLE {table}", {"sql": "SAVEPOINT s", "only": ["postgres"]}]
    body += [*draft.extras(in_transaction=True), gone, {"sql": "ROLLBACK TO s", "only": ["postgres"]}]
    end = "COMMIT" if kind == 1 else "ROLLBACK"
    return [*steps, draft.until_done([*body, end], *place), *draft.extras(), _query(draft, *place)]


def _query(draft: PlanBuilder, number: int, turn: int, *place: int | str) -> StepText:
    table = f"made_{number}_{turn}"
    what = ("id, v", "*", "v")[draft.pick(3, "columns", number, turn, *place)]
    return f"SELECT {what} FROM {table} => ok or error undefined_table or error busy"


def judge(plan: Plan, events: Iterable[TraceEvent]) -> Iterator[PropertyFinding]:
    """Compare the queries of tables that were dropped with what became of that."""
    catalog = TableCatalog()
    for event in events:
        if isinstance(event, StepCompleted):
            match = SELECT_ONE_TABLE.fullmatch(" ".join(event.what.split()))
            known = catalog.known(event.task, match[1]) if match is not None else None
            if match is not None and known is not None:
                yield from _query_of(event, match[1].lower(), known)
        catalog.follow(event)


def _query_of(step: StepCompleted, table: str, known: TableState) -> Iterator[PropertyFinding]:
    failed = step.outcome.error_class if isinstance(step.outcome, Failed) else None
    if failed in NOT_EXECUTED:
        return
    evidence = (*map(told, known.because), told(step))
    if known.presence is Presence.THERE:
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


PROPERTY = Property(
    name="drop-select",
    specification=__doc__,
    make=make,
    judge=judge,
    needs=(Requirement.POOLS,),
    never="no query came after a DROP TABLE whose end is known",
)
