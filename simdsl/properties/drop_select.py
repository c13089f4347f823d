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

from simdsl.core.trace import Event, Stepped
from simdsl.plan.ir import Plan
from simdsl.plan.outcomes import ErrorClass, Failed
from simdsl.properties.book import told
from simdsl.properties.catalog import NOT_TRIED, SELECT, Catalog, Known, Presence
from simdsl.properties.making import SETUP, Draft, Line
from simdsl.properties.property import Finding, Held, Need, Property, Size, Violation

_KEYED = "(id INTEGER PRIMARY KEY, v INTEGER)"


def make(seed: int, size: Size) -> Plan:
    """Tasks that drop tables, and a reader of what they drop."""
    draft = Draft("drop-select", "What is dropped is gone.", seed, size)
    tasks: dict[str, list[Line]] = {}
    for number in range(1, size.writers + 1):
        steps: list[Line] = []
        for turn in range(size.rounds):
            steps += [{"checkout": "from main"}, *_turn(draft, number, turn), {"return": f"w{number}"}]
            if draft.pick(2, "another", number, turn):
                steps += [{"checkout": "from main"}, _query(draft, number, turn, "another"), {"return": f"w{number}"}]
        tasks[f"w{number}"] = steps
    reader: list[Line] = [{"checkout": "from main"}]
    for turn in range(size.rounds + 1):
        reader += [_query(draft, 1 + draft.pick(size.writers, "whose", turn), 0, "reader", turn), *draft.extras()]
    tasks["reader"] = [*reader, {"return": "reader"}]
    setup = [*SETUP, *(f"CREATE TABLE made_{number}_0 {_KEYED}" for number in range(1, size.writers + 1))]
    return draft.finish(tasks, pool=max(1, size.writers), setup=setup)


def _turn(draft: Draft, number: int, turn: int) -> list[Line]:
    place = (number, turn)
    table = f"made_{number}_{turn}"
    rows = f"INSERT INTO {table} VALUES ({draft.key()}, {draft.value()}) => 1 affected"
    create: list[Line] = [draft.until_done([f"CREATE TABLE {table} {_KEYED}"], *place)] if turn else []
    steps: list[Line] = [*create, draft.until_done([rows], *place), *draft.extras()]
    kind = draft.pick(3, "kind", *place)
    if kind == 0:
        return [*steps, draft.until_done([f"DROP TABLE {table}"], *place), *draft.extras(), _query(draft, *place)]
    gone = f"SELECT id, v FROM {table} => error undefined_table"
    body: list[Line] = ["BEGIN", f"DROP TABLE {table}", {"sql": "SAVEPOINT s", "only": ["postgres"]}]
    body += [*draft.extras(in_transaction=True), gone, {"sql": "ROLLBACK TO s", "only": ["postgres"]}]
    end = "COMMIT" if kind == 1 else "ROLLBACK"
    return [*steps, draft.until_done([*body, end], *place), *draft.extras(), _query(draft, *place)]


def _query(draft: Draft, number: int, turn: int, *place: int | str) -> Line:
    table = f"made_{number}_{turn}"
    what = ("id, v", "*", "v")[draft.pick(3, "columns", number, turn, *place)]
    return f"SELECT {what} FROM {table} => ok or error undefined_table or error busy"


def judge(plan: Plan, events: Iterable[Event]) -> Iterator[Finding]:
    """Compare the queries of tables that were dropped with what became of that."""
    catalog = Catalog()
    for event in events:
        if isinstance(event, Stepped):
            match = SELECT.fullmatch(" ".join(event.what.split()))
            known = catalog.known(event.task, match[1]) if match is not None else None
            if match is not None and known is not None:
                yield from _query_of(event, match[1].lower(), known)
        catalog.follow(event)


def _query_of(step: Stepped, table: str, known: Known) -> Iterator[Finding]:
    failed = step.outcome.error_class if isinstance(step.outcome, Failed) else None
    if failed in NOT_TRIED:
        return
    evidence = (*map(told, known.because), told(step))
    if known.presence is Presence.THERE:
        if failed is ErrorClass.UNDEFINED_TABLE:
            message = f"{step.task} finds no table {table}, which exists"
            yield Violation(message=message, evidence=evidence, path=step.path, task=step.task)
        elif known.undone:
            yield Held(path=step.path)
    elif failed is ErrorClass.UNDEFINED_TABLE:
        yield Held(path=step.path)
    else:
        came = "reads" if failed is None else f"is told {failed} of"
        message = f"{step.task} {came} table {table}, which was dropped"
        yield Violation(message=message, evidence=evidence, path=step.path, task=step.task)


PROPERTY = Property(
    name="drop-select",
    specification=__doc__,
    make=make,
    judge=judge,
    needs=(Need.POOLS,),
    never="no query came after a DROP TABLE whose end is known",
)
