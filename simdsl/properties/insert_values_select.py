"""A row that was inserted is found by every condition that is true for it.

Claim: a query contains a row of its tables if its condition, evaluated for that row by simdsl itself, is TRUE. This is
pivoted query synthesis (Rigger and Su, Testing Database Engines via Pivoted Query Synthesis, OSDI 2020).

Steps: INSERT of 1 to 10 rows, of which one is picked, random steps, and queries whose condition was drawn and then made
true for that row: of the table, of a join with another table, with DISTINCT, and with ORDER BY; in a transaction and in
none, on the same connection and on another one. Meanwhile other tasks do the same with rows of their own in the same
tables. There are more tasks than connections.

Violated when: the query does not contain the row, or the row itself is not there once by its key. By its key it must
have the very values that were inserted, which is an expectation of the step.

Evidence: the query of the row by its key, and the other one.
"""

from __future__ import annotations

from simdsl.generation.expressions.ir import ColumnRef
from simdsl.generation.expressions.printing import DialectText, TemplatePart, render
from simdsl.generation.fixture import FixtureTable, RowCells
from simdsl.plan.plan import Plan
from simdsl.plan.values import literal_row
from simdsl.properties.metamorphic import relation_checker
from simdsl.properties.owned_rows import BACKENDS, OwnedRows, check_step, owned_by, sql_step
from simdsl.properties.plan_builder import KEYED_TABLES, PlanBuilder, StepText
from simdsl.properties.property import PlanSize, Property, Requirement

_MOST = 10
_FORMS = ("table", "distinct", "ordered", "join")


def make(seed: int, size: PlanSize) -> Plan:
    """Tasks that insert rows and look for one of them."""
    draft = PlanBuilder("insert-values-select", "A row is found by what is true for it.", seed, size)
    owned = OwnedRows(draft, "pqs")
    tasks: dict[str, list[StepText]] = {}
    for number in range(1, size.writers + 1):
        steps: list[StepText] = []
        live: dict[str, list[RowCells]] = {}
        for turn in range(size.rounds):
            steps += [{"checkout": "from main"}, *_turn(owned, live, number, turn), {"return": f"w{number}"}]
        tasks[f"w{number}"] = steps
    tasks["reader"] = draft.reader()
    setup = [*KEYED_TABLES, *owned.setup(rows=True)]
    return draft.finish(tasks, pool=max(1, size.writers), setup=setup, dialect="sqlite", backends=BACKENDS)


def _turn(owned: OwnedRows, live: dict[str, list[RowCells]], number: int, turn: int) -> list[StepText]:
    draft, place = owned.draft, (number, turn)
    table = owned.tables[draft.pick(len(owned.tables), "table", *place)]
    new = owned.rows(table, number, 1 + draft.pick(_MOST, "rows", *place))
    live.setdefault(table.name, []).extend(new)
    pivot = new[draft.pick(len(new), "pivot", *place)]
    insert = sql_step(table.insert(tuple(new)), f"{len(new)} affected")
    if draft.pick(2, "in transaction", *place):
        queries = [one for i in range(2) for one in _query(owned, live, table, pivot, number, turn, i)]
        return [draft.until_done(["BEGIN", insert, *draft.extras(in_transaction=True), *queries, "COMMIT"], *place)]
    steps: list[StepText] = [draft.until_done([insert], *place)]
    for i in range(2):
        steps += [*draft.extras(), draft.until_done(_query(owned, live, table, pivot, number, turn, i), *place, i)]
        if i == 0 and draft.pick(2, "another", *place):
            steps += [{"return": f"w{number}"}, {"checkout": "from main"}]
    return steps


def _query(
    owned: OwnedRows, live: dict[str, list[RowCells]], table: FixtureTable, pivot: RowCells, number: int, turn: int, i: int
) -> list[StepText]:
    place = (number, turn, i)
    form = _FORMS[owned.draft.pick(len(_FORMS), "form", *place)]
    names, source, columns, row = ", ".join(table.names), render(table.name), table.keyed, pivot
    one: DialectText = render("id = {key}", key=int(str(pivot["id"])))
    if form == "join":
        partners = [name for name in live if live[name]]
        other = next(t for t in owned.tables if t.name == partners[owned.draft.pick(len(partners), "partner", *place)])
        rows = live[other.name]
        second = rows[owned.draft.pick(len(rows), "second", *place)]
        columns = (*table.called("a"), *other.called("b"))
        row = {**_called("a", pivot), **_called("b", second)}
        shown = dict.fromkeys(("a.id", "b.id", table.called("a")[-1].name, other.called("b")[-1].name))
        names, source = ", ".join(shown), render("{a} AS a CROSS JOIN {b} AS b", a=table.name, b=other.name)
        one = render("a.id = {a} AND b.id = {b}", a=int(str(pivot["id"])), b=int(str(second["id"])))
    return _asked(owned, form, names, source, one, columns, row, place)


def _asked(
    owned: OwnedRows,
    form: str,
    names: str,
    source: DialectText,
    one: DialectText,
    columns: tuple[ColumnRef, ...],
    row: RowCells,
    place: tuple[int, ...],
) -> list[StepText]:
    labels = owned.group()
    condition: TemplatePart = owned.true_for(row, columns, *place)
    if form == "join":  # of everybody's rows there are too many pairs
        pairs = f"{owned_by(place[0], 'a.')} AND {owned_by(place[0], 'b.')}"
        condition = render("{condition} AND {pairs}", condition=condition, pairs=pairs)
    if form == "join" and owned.draft.pick(2, "on", *place):
        joined = render("{text}", text=source.sqlite.replace(" CROSS JOIN ", " JOIN "))
        found = render("SELECT {names} FROM {joined} ON {condition}", names=names, joined=joined, condition=condition)
    else:
        distinct = "DISTINCT " if form == "distinct" else ""
        order = f" ORDER BY {names.rpartition(', ')[2]}" if form == "ordered" else ""
        found = render(
            "SELECT {distinct}{names} FROM {source} WHERE {condition}{order}",
            distinct=distinct,
            names=names,
            source=source,
            condition=condition,
            order=order,
        )
    pivot, rows = labels.of("row"), labels.of("found")
    inserted = literal_row([row[name] for name in names.split(", ")])
    return [
        sql_step(
            render("SELECT {names} FROM {source} WHERE {one}", names=names, source=source, one=one), inserted, label=pivot
        ),
        sql_step(found, label=rows),
        check_step(f"rows({pivot}) = 1 and bag({pivot}) subset of bag({rows})"),
    ]


def _called(alias: str, row: RowCells) -> RowCells:
    return {f"{alias}.{name}": value for name, value in row.items()}


PROPERTY = Property(
    name="insert-values-select",
    specification=__doc__,
    make=make,
    judge=relation_checker("pqs", "a row is not found by a condition that is true for it"),
    needs=(Requirement.POOLS,),
    never="no query was asked for a row that was inserted",
)
