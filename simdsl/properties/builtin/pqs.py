"""Pivoted query synthesis: queries whose condition is known to be true for one row."""

from __future__ import annotations

from typing import Final

from simdsl.generation.column_values import expected_cell
from simdsl.generation.expressions.ir import ColumnRef
from simdsl.generation.expressions.printing import DialectText, render
from simdsl.generation.fixture import KEY, FixtureTable, RowCells, aliased_row
from simdsl.generation.statements import expect_affected
from simdsl.plan.deferred import dataclass
from simdsl.plan.expectations import Cell, ExactRows
from simdsl.plan.steps import Step
from simdsl.plan.values import Value
from simdsl.properties.owned_rows import OwnedRows, owned_by
from simdsl.properties.plan_builder import PlanBuilder, Script
from simdsl.properties.property import Requirement
from simdsl.properties.registry import register
from simdsl.properties.relations import all_of, bag, constant, equal, relation_checker, rows, subset

# insert-values-select


_MAX_ROWS: Final = 10
_FORMS: Final = ("table", "distinct", "ordered", "join")


@register(
    "insert-values-select",
    aliases=("pqs",),
    summary="A row is found by what is true for it.",
    check=relation_checker("pqs", "a row is not found by a condition that is true for it"),
    requires=(Requirement.POOLS,),
    unchecked="no query was asked for a row that was inserted",
)
def pqs(plan: PlanBuilder) -> None:
    """A row that was inserted is found by every condition that is true for it.

    Claim: a query contains a row of its tables if its condition, evaluated for that row by simdsl itself, is TRUE. This is
    pivoted query synthesis (PQS).

    Steps: INSERT of 1 to 10 rows, of which one is picked, random steps, and queries whose condition was drawn and then made
    true for that row: of the table, of a join with another table, with DISTINCT, and with ORDER BY; in a transaction and in
    none, on the same connection and on another one. Meanwhile other tasks do the same with rows of their own in the same
    tables. There are more tasks than connections.

    Violated when: the query does not contain the row, or the row itself is not there once by its key. By its key it must
    have the very values that were inserted, which is an expectation of the step.

    Evidence: the query of the row by its key, and the other one.

    Source: Rigger and Su, Testing Database Engines via Pivoted Query Synthesis, OSDI 2020.
    """
    plan.use_keyed_tables(read_at_end=False)
    owned = OwnedRows(plan, "pqs")
    for task in plan.writers():
        inserted = _Inserted(owned=owned, task=task, rows={})
        for turn in range(plan.size.rounds):
            task.add(task.checkout(), *_turn(inserted, turn), task.release())
    plan.add_reader()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Inserted:
    """What a task has inserted so far, by table."""

    owned: OwnedRows
    task: Script
    rows: dict[str, list[RowCells]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pivot:
    """What a query selects from, and the row (or the pair of rows) that it must return."""

    source: DialectText
    columns: tuple[ColumnRef, ...]
    row: RowCells
    names: tuple[str, ...]  # of the columns that are selected
    by_key: DialectText


def _turn(inserted: _Inserted, turn: int) -> list[Step]:
    owned, task = inserted.owned, inserted.task
    plan, place = owned.plan, (task.number, turn)
    table = owned.tables[plan.choose(len(owned.tables), "table", *place)]
    new = owned.new_rows(table, task.number, 1 + plan.choose(_MAX_ROWS, "rows", *place))
    inserted.rows.setdefault(table.name, []).extend(new)
    pivot = new[plan.choose(len(new), "pivot", *place)]
    insert = task.sql(table.insert(tuple(new)), expect_affected(len(new)))
    if plan.choose(2, "in transaction", *place):
        queries = [step for i in range(2) for step in _query(inserted, table, pivot, turn, i)]
        body = [task.begin(), insert, *task.extras(in_transaction=True), *queries, task.commit(None)]
        return [task.retry(body, *place)]
    steps: list[Step] = [task.retry([insert], *place)]
    for i in range(2):
        steps += [*task.extras(), task.retry(_query(inserted, table, pivot, turn, i), *place, i)]
        if i == 0 and plan.choose(2, "another", *place):
            steps += [task.release(), task.checkout()]
    return steps


def _query(inserted: _Inserted, table: FixtureTable, row: RowCells, turn: int, i: int) -> list[Step]:
    """The row by its key, a query that must contain it, and their relation."""
    owned, task = inserted.owned, inserted.task
    place = (task.number, turn, i)
    form = _FORMS[owned.plan.choose(len(_FORMS), "form", *place)]
    pivot = _joined(inserted, table, row, place) if form == "join" else _single(table, row)
    labels = owned.new_group()
    found = _selecting(owned, task, form, pivot, place)
    by_key = render(
        "SELECT {names} FROM {source} WHERE {one}",
        names=", ".join(pivot.names),
        source=pivot.source,
        one=pivot.by_key,
    )
    values = (ExactRows(rows=(tuple(_cell(pivot.row[name]) for name in pivot.names),)),)
    row_label, found_label = labels.of("row"), labels.of("found")
    contained = all_of(equal(rows(row_label), constant(1)), subset(bag(row_label), bag(found_label)))
    return [
        task.sql(by_key, values, label=row_label),
        task.sql(found, label=found_label, ordered=form == "ordered"),
        task.check(contained),
    ]


def _single(table: FixtureTable, row: RowCells) -> _Pivot:
    by_key = render("id = {key}", key=_key(row))
    return _Pivot(source=render(table.name), columns=table.keyed, row=row, names=table.names, by_key=by_key)


def _joined(inserted: _Inserted, table: FixtureTable, row: RowCells, place: tuple[int, ...]) -> _Pivot:
    """A pair of the row and another one that the task inserted, perhaps into the same table."""
    owned, plan = inserted.owned, inserted.owned.plan
    partners = [name for name in inserted.rows if inserted.rows[name]]
    partner = partners[plan.choose(len(partners), "partner", *place)]
    other = next(one for one in owned.tables if one.name == partner)
    rows_of_other = inserted.rows[partner]
    second = rows_of_other[plan.choose(len(rows_of_other), "second", *place)]
    left, right = table.aliased("a"), other.aliased("b")
    return _Pivot(
        source=render("{a} AS a CROSS JOIN {b} AS b", a=table.name, b=other.name),
        columns=(*left, *right),
        row={**aliased_row("a", row), **aliased_row("b", second)},
        names=tuple(dict.fromkeys(("a.id", "b.id", left[-1].name, right[-1].name))),
        by_key=render("a.id = {a} AND b.id = {b}", a=_key(row), b=_key(second)),
    )


def _selecting(owned: OwnedRows, task: Script, form: str, pivot: _Pivot, place: tuple[int, ...]) -> DialectText:
    """A query of a form whose condition is true for the pivot."""
    condition = render("{condition}", condition=owned.true_for(pivot.row, pivot.columns, *place))
    names = ", ".join(pivot.names)
    if form == "join":
        # Only pairs of the task's own rows: those of all tasks are too many to be compared in every run.
        pairs = f"{owned_by(task.number, 'a.')} AND {owned_by(task.number, 'b.')}"
        condition = render("{condition} AND {pairs}", condition=condition, pairs=pairs)
        if owned.plan.choose(2, "on", *place):
            joined = render("{text}", text=pivot.source.sqlite.replace(" CROSS JOIN ", " JOIN "))
            return render("SELECT {names} FROM {joined} ON {condition}", names=names, joined=joined, condition=condition)
    return render(
        "SELECT {distinct}{names} FROM {source} WHERE {condition}{order}",
        distinct="DISTINCT " if form == "distinct" else "",
        names=names,
        source=pivot.source,
        condition=condition,
        order=f" ORDER BY {pivot.names[-1]}" if form == "ordered" else "",
    )


def _cell(value: Value) -> Cell:
    assert value is None or isinstance(value, bool | int | float | str | bytes), "columns have the types of expressions"
    return expected_cell(value)


def _key(row: RowCells) -> int:
    return int(str(row[KEY]))
