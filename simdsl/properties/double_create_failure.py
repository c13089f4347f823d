"""A table that exists is not created again, and stays as it is.

Claim: a CREATE TABLE of a name that a table has already fails as `duplicate_table`, whoever says it, and the table keeps its
columns and its rows.

Steps: CREATE TABLE and rows, random steps, CREATE TABLE again, with the same columns or with others, in a transaction or in
none; then queries of the table. Tasks do so with tables of their own, with one that was there before, and with one that all
of them want to make. There are more tasks than connections. PostgreSQL fails the whole transaction, so there a savepoint
heals it.

Violated when: the second CREATE succeeds or fails in another way; or a query after it shows other rows or other columns.

Evidence: what made the table, the second CREATE, and the query.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from simdsl.core.trace import StepCompleted, TraceEvent
from simdsl.plan.outcomes import ErrorClass, Failed, Rows
from simdsl.plan.plan import Plan
from simdsl.properties.plan_builder import PlanBuilder, StepText
from simdsl.properties.property import PlanSize, Property, PropertyFinding, PropertyHeld, PropertyViolation, Requirement
from simdsl.properties.row_history import Observation, VersionHistory, told
from simdsl.properties.table_catalog import CREATE_TABLE, NOT_EXECUTED, SELECT_ONE_TABLE, Presence, TableCatalog, TableState

_COLUMNS = "id INTEGER PRIMARY KEY, v INTEGER"
_FORMS = (_COLUMNS, "id INTEGER PRIMARY KEY, v INTEGER, w INTEGER", "v INTEGER", "other TEXT, id INTEGER")
_AGAIN = "=> error duplicate_table or error busy"


def make(seed: int, size: PlanSize) -> Plan:
    """Tasks that create what exists, and a reader."""
    draft = PlanBuilder("double-create-failure", "What exists is not created again.", seed, size)
    tasks: dict[str, list[StepText]] = {}
    for number in range(1, size.writers + 1):
        steps: list[StepText] = []
        for turn in range(size.rounds):
            steps += [{"checkout": "from main"}, *_turn(draft, number, turn), {"return": f"w{number}"}]
        tasks[f"w{number}"] = steps
    tasks["reader"] = draft.reader()
    return draft.finish(tasks, pool=max(1, size.writers))


def _turn(draft: PlanBuilder, number: int, turn: int) -> list[StepText]:
    place = (number, turn)
    again = f"CREATE TABLE {{}} ({_FORMS[draft.pick(len(_FORMS), 'form', *place)]})"
    kind = draft.pick(4, "kind", *place)
    if kind == 0 and turn:
        return [f"{again.format('t')} {_AGAIN}", *draft.extras(), *_look("t")]
    if kind == 1 and turn:
        first = draft.until_done([f"CREATE TABLE shared ({_COLUMNS}) => ok or error duplicate_table"], *place, "first")
        return [first, *draft.extras(), draft.until_done([f"{again.format('shared')} => error duplicate_table"], *place)]
    own = f"made_{number}_{turn}"
    create = f"CREATE TABLE {own} ({_COLUMNS})"
    rows = ", ".join(f"({draft.key()}, {draft.value()})" for _ in range(1 + draft.pick(2, "rows", *place)))
    if draft.pick(2, "in transaction", *place):
        body: list[StepText] = ["BEGIN", create, f"INSERT INTO {own} VALUES {rows}"]
        body += [{"sql": "SAVEPOINT s", "only": ["postgres"]}, f"{again.format(own)} => error duplicate_table"]
        body += [{"sql": "ROLLBACK TO s", "only": ["postgres"]}, *draft.extras(in_transaction=True)]
        return [draft.until_done([*body, f"SELECT id, v FROM {own} ORDER BY id", "COMMIT"], *place), *_look(own)]
    made: list[StepText] = [
        draft.until_done([create], *place),
        draft.until_done([f"INSERT INTO {own} VALUES {rows}"], *place),
    ]
    return [*made, *draft.extras(), f"{again.format(own.upper())} {_AGAIN}", *draft.extras(), *_look(own)]


def _look(table: str) -> list[StepText]:
    return [
        f"SELECT id, v FROM {table} ORDER BY id => ok or error busy",
        f"SELECT * FROM {table} ORDER BY id => 2 columns or error busy",
    ]


def judge(plan: Plan, events: Iterable[TraceEvent]) -> Iterator[PropertyFinding]:
    """Look for a second CREATE that was not refused, and for what it left behind."""
    catalog, book = TableCatalog(), VersionHistory()
    refused: dict[str, StepCompleted] = {}  # the last second CREATE of each table
    for event in events:
        if isinstance(event, StepCompleted):
            created = CREATE_TABLE.match(" ".join(event.what.split()))
            if created is not None:
                table = created[1].lower()
                known = catalog.known(event.task, table)
                if known is not None and known.presence is Presence.THERE:
                    yield from _second(event, table, known)
                    refused[table] = event
                elif not isinstance(event.outcome, Failed):
                    refused.pop(table, None)
            else:
                yield from _columns(event, catalog, refused)
        for seen in book.read([event]):
            if seen.table in refused:
                yield from _rows(seen, refused[seen.table])
        catalog.follow(event)


def _second(step: StepCompleted, table: str, known: TableState) -> Iterator[PropertyFinding]:
    if isinstance(step.outcome, Failed):
        if step.outcome.error_class is ErrorClass.DUPLICATE_TABLE:
            yield PropertyHeld(path=step.path)
            return
        if step.outcome.error_class in NOT_EXECUTED:
            return
        message = f"{step.task} cannot create table {table}, which exists, and is told {step.outcome.error_class}"
    else:
        message = f"{step.task} creates table {table}, which exists"
    evidence = (*map(told, known.because), told(step))
    yield PropertyViolation(message=message, evidence=evidence, path=step.path, task=step.task)


def _columns(step: StepCompleted, catalog: TableCatalog, refused: dict[str, StepCompleted]) -> Iterator[PropertyFinding]:
    """A query of everything has the columns that the first CREATE gave, which are two in a keyed table."""
    match = SELECT_ONE_TABLE.fullmatch(" ".join(step.what.split()))
    if match is None or match[1].lower() not in refused:
        return
    table = match[1].lower()
    known = catalog.known(step.task, table)
    if known is None or known.presence is not Presence.THERE:
        return
    evidence = (*map(told, known.because), told(refused[table]), told(step))
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
    """Of the CREATE that succeeded: a column each comma, where none stands in brackets."""
    created = next(step for step in known.because if CREATE_TABLE.match(" ".join(step.what.split())))
    return created.what.count(",") + 1


def _rows(seen: Observation, again: StepCompleted) -> Iterator[PropertyFinding]:
    if seen.holds:
        yield PropertyHeld(path=seen.read.path)
    elif seen.culprit is None:
        message = f"{seen.read.task} sees {seen.shown(seen.got)} of table {seen.table} after it was created again"
        evidence = (told(again), *seen.evidence(seen.allowed[-1] if seen.allowed[-1].by is not seen.read else None))
        yield PropertyViolation(message=message, evidence=evidence, path=seen.read.path, task=seen.read.task)


PROPERTY = Property(
    name="double-create-failure",
    specification=__doc__,
    make=make,
    judge=judge,
    needs=(Requirement.POOLS,),
    never="nobody created a table that existed for certain",
)
