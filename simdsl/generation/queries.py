"""Queries over one or two tables, and the rows that they must return.

Each form computes its result from the rows of the state, beside the text that asks for it: the generator is the model. A
query whose result differs between engines (an unspecified order behind LIMIT, a collation) is not generated.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import TypeAlias

from simdsl.core.choices import Sampler
from simdsl.generation.column_values import ORDERED_TYPES, ColumnValue, ColumnValues
from simdsl.generation.conditions import ConditionGenerator, RowTest
from simdsl.generation.schema import ColumnDef, TableDef
from simdsl.generation.statements import BoundParameters, DatabaseState, ReadQuery, expect_rows, sql
from simdsl.plan.sql import SqlKind
from simdsl.profiles.profile import QueryRates


def draw_query(
    sampler: Sampler,
    tables: Sequence[TableDef],
    state: DatabaseState,
    rates: QueryRates,
    parameters: BoundParameters,
    depth: int,
) -> ReadQuery:
    """A query of one of several forms, and its result in ``state``."""
    number = sampler.below(len(tables))
    other = sampler.below(len(tables))
    query = _QueryGenerator(sampler, tables, number, other, state, rates, parameters, depth)
    if sampler.below(8) == 0:
        return query.totals()
    if sampler.chance(rates.join):
        return query.join()
    if sampler.chance(rates.group_by):
        return query.grouped()
    if sampler.chance(rates.set_operation):
        return query.combined()
    if sampler.chance(rates.distinct):
        return query.distinct()
    return query.plain()


class _QueryGenerator:
    """The tables, rows and rates that the forms of a query share."""

    __slots__ = ("_depth", "_mine", "_number_of_other", "_other", "_parameters", "_rates", "_sampler", "_table", "_theirs")

    def __init__(
        self,
        sampler: Sampler,
        tables: Sequence[TableDef],
        number: int,
        other: int,
        state: DatabaseState,
        rates: QueryRates,
        parameters: BoundParameters,
        depth: int,
    ) -> None:
        self._sampler = sampler
        self._table, self._other, self._number_of_other = tables[number], tables[other], other
        self._mine, self._theirs = state[number], state[other]
        self._rates, self._parameters, self._depth = rates, parameters, depth

    def totals(self) -> ReadQuery:
        """The same text every time, so that a cached answer that is out of date is noticed."""
        ids = sorted(self._mine)
        row: ColumnValues = (len(ids), ids[0], ids[-1]) if ids else (0, None, None)
        return _query(f"SELECT count(*), min(id), max(id) FROM {self._table.name}", [row])

    def plain(self) -> ReadQuery:
        """Columns and computed columns of one table; perhaps sorted, perhaps cut by LIMIT."""
        sampler, rates, table = self._sampler, self._rates, self._table
        parts: list[str] = ["id"]
        cells: list[CellFunction] = [lambda row, i: row[0]]
        for _ in range(sampler.below(3)):
            position = sampler.below(len(table.columns))
            parts.append(table.columns[position].name)
            cells.append(_column_cell(position))
        where, rows = self._where()
        if sampler.chance(rates.case):
            condition = ConditionGenerator(table, self._mine, rates, self._parameters).draw(sampler, self._depth - 1)
            position = sampler.below(len(table.columns))
            says, make = ("1 ELSE 0", None) if sampler.below(2) else (table.columns[position].name, position)
            parts.append(f"CASE WHEN {condition.text} THEN {says} END")
            cells.append(_case_cell(condition.test, make))
        if sampler.chance(rates.cast):
            parts.append("CAST(id AS TEXT) AS said")
            cells.append(lambda row, i: str(row[0]))
        if sampler.chance(rates.window):
            position = sampler.below(len(table.columns))
            text, cell = draw_window(sampler, table.columns[position].name, position, rows)
            parts.append(text)
            cells.append(cell)
        source, head = table.name, ""
        if sampler.chance(rates.cte):
            head, source, where = f"WITH q AS (SELECT {table.names} FROM {table.name}{where}) ", "q", ""
        text = f"{head}SELECT {', '.join(parts)} FROM {source}{where}"
        return self._ordered(text, rows, cells)

    def join(self) -> ReadQuery:
        """A join of two tables, by id or by a foreign key, inner or left; or the rows without a partner."""
        sampler = self._sampler
        parents = [i for i, column in enumerate(self._table.columns) if column.references == self._number_of_other]
        by = sampler.one_of(parents) if parents and sampler.below(2) else 0
        form = sampler.below(5)
        word = "JOIN" if form < 3 else "LEFT JOIN"
        mine, other = self._table, self._other
        text = f"SELECT a.id, b.id FROM {mine.name} AS a {word} {other.name} AS b ON a.{mine.columns[by].name} = b.id"
        where, rows = self._where("a.", "b.id IS NULL" if form == 4 else "")
        pairs: list[ColumnValues] = [(row[0], row[by] if row[by] in self._theirs else None) for row in rows]
        if form == 4:
            pairs = [pair for pair in pairs if pair[1] is None]
        elif form < 3:
            pairs = [pair for pair in pairs if pair[1] is not None]
        if sampler.chance(self._rates.order_by):
            pairs.sort(key=_row_id)
            return _query(f"{text}{where} ORDER BY a.id", pairs, ordered=True)
        return _query(text + where, pairs)

    def grouped(self) -> ReadQuery:
        """Groups by the values of a column, perhaps only those that satisfy a HAVING."""
        sampler, table = self._sampler, self._table
        position, other = sampler.below(len(table.columns)), sampler.below(len(table.columns))
        name = table.columns[position].name
        text_of_aggregate, aggregate = draw_aggregate(sampler, table.columns[other], other)
        where, rows = self._where()
        groups: dict[ColumnValue, list[ColumnValues]] = {}
        for row in rows:
            groups.setdefault(row[position], []).append(row)
        having = ""
        if sampler.chance(self._rates.having):
            least = 1 + sampler.below(3)
            having = f" HAVING count(*) >= {least}"
            if sampler.below(2):
                latest = max(self._mine, default=0) // 2
                having += f" AND max(id) > {latest}"
                groups = {value: group for value, group in groups.items() if max(map(_row_id, group)) > latest}
            groups = {value: group for value, group in groups.items() if len(group) >= least}
        text = f"SELECT {name}, count(*), {text_of_aggregate} AS made FROM {table.name}{where} GROUP BY {name}{having}"
        if sampler.chance(self._rates.cte):
            sizes = [len(group) for group in groups.values()]
            text = f"WITH q (v, n, made) AS ({text}) SELECT count(*), max(n) FROM q"
            return _query(text, [(len(sizes), max(sizes, default=None))])
        return _query(text, [(value, len(group), aggregate(group)) for value, group in groups.items()])

    def combined(self) -> ReadQuery:
        """A set operation over the ids of two tables, or over columns of one type."""
        sampler = self._sampler
        operation = sampler.one_of(("UNION ALL", "UNION", "INTERSECT", "EXCEPT"))
        here = there = 0
        if sampler.below(2):
            here = sampler.below(len(self._table.columns))
            of = self._table.columns[here].type
            there = next((i for i, column in enumerate(self._other.columns) if i and column.type is of), 0)
            here = here if there else 0
        where, rows = self._where()
        names = self._table.columns[here].name, self._other.columns[there].name
        text = f"SELECT {names[0]} FROM {self._table.name}{where} {operation} SELECT {names[1]} FROM {self._other.name}"
        mine, theirs = [row[here] for row in rows], [row[there] for row in self._theirs.values()]
        match operation:
            case "UNION ALL":
                values = mine + theirs
            case "UNION":
                values = list(dict.fromkeys(mine + theirs))
            case "INTERSECT":
                values = [value for value in dict.fromkeys(mine) if value in theirs]
            case _:
                values = [value for value in dict.fromkeys(mine) if value not in theirs]
        return _query(text, [(value,) for value in values])

    def distinct(self) -> ReadQuery:
        """DISTINCT values of a column."""
        position = self._sampler.below(len(self._table.columns))
        where, rows = self._where()
        text = f"SELECT DISTINCT {self._table.columns[position].name} FROM {self._table.name}{where}"
        return _query(text, [(value,) for value in dict.fromkeys(row[position] for row in rows)])

    def _where(self, prefix: str = "", further: str = "") -> tuple[str, list[ColumnValues]]:
        """A WHERE or nothing, and the rows that it keeps, without regard to the ``further`` condition."""
        sampler, rates = self._sampler, self._rates
        texts = [further] if further else []
        rows = list(self._mine.values())
        if sampler.chance(rates.subquery):
            text, has_it = self._subquery(prefix)
            texts.append(text)
            rows = [row for row in rows if (row[0] in self._theirs) is has_it]
        if sampler.chance(rates.where):
            condition = ConditionGenerator(self._table, self._mine, rates, self._parameters, prefix=prefix).draw(
                sampler, self._depth
            )
            texts.insert(0, f"({condition.text})" if texts and condition.is_loose else condition.text)
            test = condition.test
            rows = [row for row in rows if test(row) is True]
        return (f" WHERE {' AND '.join(texts)}" if texts else "", rows)

    def _subquery(self, prefix: str) -> tuple[str, bool]:
        """A condition that the other table has the id, or that it has not, and which of the two."""
        other, has_it = self._other.name, self._sampler.below(3) > 0
        if self._sampler.below(2):
            return f"{prefix}id {'' if has_it else 'NOT '}IN (SELECT id FROM {other})", has_it
        outer = f"{prefix or f'{self._table.name}.'}id"
        return f"{'' if has_it else 'NOT '}EXISTS (SELECT 1 FROM {other} AS o WHERE o.id = {outer})", has_it

    def _ordered(self, text: str, rows: list[ColumnValues], cells: list[CellFunction]) -> ReadQuery:
        """The query with ORDER BY and LIMIT."""
        sampler, rates = self._sampler, self._rates
        has_limit = sampler.chance(rates.limit)
        # By id first: window functions number the rows so, and LIMIT is only used behind an order that ends with the id.
        rows.sort(key=_row_id)
        numbered = list(enumerate(rows, 1))
        if ordered := sampler.chance(rates.order_by) or has_limit:
            position = sampler.below(len(self._table.columns))
            descends = sampler.below(2) == 1
            name = self._table.columns[position].name
            text += f" ORDER BY {name}{' DESC' if descends else ''}{', id' if position else ''}"
            numbered.sort(key=lambda pair: _sort_key(pair[1][position]), reverse=descends)
        if has_limit:
            count, skipped = 1 + sampler.below(5), sampler.below(3)
            text += f" LIMIT {count}{f' OFFSET {skipped}' if skipped else ''}"
            numbered = numbered[skipped : skipped + count]
        return _query(text, [tuple(make(row, i) for make in cells) for i, row in numbered], ordered=ordered)


def _query(text: str, rows: Sequence[ColumnValues], *, ordered: bool = False) -> ReadQuery:
    return ReadQuery(sql=sql(text, SqlKind.QUERY, ordered=ordered), expect=expect_rows(rows))


def _column_cell(position: int) -> CellFunction:
    return lambda row, i: row[position]


def _case_cell(test: RowTest, position: int | None) -> CellFunction:
    """``1 ELSE 0`` without a position, else the column there or NULL."""
    if position is None:
        return lambda row, i: 1 if test(row) is True else 0
    return lambda row, i: row[position] if test(row) is True else None


def _row_id(row: ColumnValues) -> int:
    key: int = row[0]  # type: ignore[assignment]  # a row begins with its key, an integer
    return key


def _sort_key(value: ColumnValue) -> tuple[bool, ColumnValue]:
    # NULL sorts first, as in SQLite; for PostgreSQL the order is added when the statement is transpiled.
    return (value is not None, 0 if value is None else value)


CellFunction: TypeAlias = Callable[[ColumnValues, int], ColumnValue]
"""The cell of a result for a row and its number by id, from 1."""

AggregateFunction: TypeAlias = Callable[[Sequence[ColumnValues]], ColumnValue]
"""The value of an aggregate over at least one row."""


def draw_aggregate(sampler: Sampler, column: ColumnDef, position: int) -> tuple[str, AggregateFunction]:
    """An aggregate of the column at a position, or of the ids."""
    name = column.name

    def values(rows: Sequence[ColumnValues]) -> list[ColumnValue]:
        return [value for row in rows if (value := row[position]) is not None]

    match sampler.below(5):
        case 0 if column.type in ORDERED_TYPES:
            return f"min({name})", lambda rows: min(values(rows), default=None)  # type: ignore[type-var]  # of one type
        case 1 if column.type in ORDERED_TYPES:
            return f"max({name})", lambda rows: max(values(rows), default=None)  # type: ignore[type-var]  # of one type
        case 2:
            # Of ids only: a sum of a column may overflow, and PostgreSQL's is a NUMERIC.
            return "sum(id)", lambda rows: sum(map(_key_of, rows))
        case 3:
            return f"count(DISTINCT {name})", lambda rows: len(set(values(rows)))
        case _:
            return f"count({name})", lambda rows: len(values(rows))


def draw_window(sampler: Sampler, name: str, position: int, rows: Sequence[ColumnValues]) -> tuple[str, CellFunction]:
    """A window function over all rows of a query, ordered by id, or within partitions of equal values of a column."""
    ids = sorted(map(_key_of, rows))
    match sampler.below(5):
        case 0:
            return "row_number() OVER (ORDER BY id)", lambda row, i: i
        case 1:
            sums = tuple(accumulate(ids))
            return "sum(id) OVER (ORDER BY id)", lambda row, i: sums[i - 1]
        case 2:
            return "lag(id) OVER (ORDER BY id)", lambda row, i: ids[i - 2] if i > 1 else None
        case 3:
            return "lead(id, 1, 0) OVER (ORDER BY id)", lambda row, i: ids[i] if i < len(ids) else 0
        case _:
            counted = Counter(row[position] for row in rows)
            return f"count(*) OVER (PARTITION BY {name})", lambda row, i: counted[row[position]]


def _key_of(row: ColumnValues) -> int:
    key: int = row[0]  # type: ignore[assignment]  # a row begins with its key, an integer
    return key
