"""Queries over one or two tables, and the rows that they must give, which is known for nearly all of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import TypeAlias

from simdsl.generation.conditions import Condition, Conditions
from simdsl.generation.draws import Draws
from simdsl.generation.schema import Table
from simdsl.generation.statements import Bank, Read, State, sql, these
from simdsl.generation.values import Plain, Row
from simdsl.plan.ir import SqlKind
from simdsl.profiles.profile import Queries

Cellular: TypeAlias = Callable[[Row, int], Plain]
"""The cell of a result for a row, which is the so-manieth by id (from 1)."""


def draw_query(draws: Draws, tables: Sequence[Table], state: State, rates: Queries, bank: Bank, depth: int) -> Read:
    """A query that reads ``state``."""
    number = draws.below(len(tables))
    other = draws.below(len(tables))
    query = _Query(draws, tables, number, other, state, rates, bank, depth)
    if draws.below(8) == 0:
        return query.totals()
    if draws.chance(rates.join):
        return query.join()
    if draws.chance(rates.group_by):
        return query.grouped()
    if draws.chance(rates.set_operation):
        return query.combined()
    if draws.chance(rates.distinct):
        return query.distinct()
    return query.plain()


class _Query:
    """What the forms share."""

    __slots__ = ("_bank", "_depth", "_draws", "_mine", "_other", "_rates", "_table", "_theirs")

    def __init__(
        self,
        draws: Draws,
        tables: Sequence[Table],
        number: int,
        other: int,
        state: State,
        rates: Queries,
        bank: Bank,
        depth: int,
    ) -> None:
        self._draws = draws
        self._table, self._other = tables[number], tables[other]
        self._mine, self._theirs = state[number], state[other]
        self._rates, self._bank, self._depth = rates, bank, depth

    def totals(self) -> Read:
        """The same text every time, so that an answer that is out of date is seen."""
        ids = sorted(self._mine)
        row: Row = (len(ids), ids[0], ids[-1]) if ids else (0, None, None)
        return _read(f"SELECT count(*), min(id), max(id) FROM {self._table.name}", [row])

    def plain(self) -> Read:
        """Columns of one table, what is made of them, perhaps in a total order, perhaps some of them."""
        draws, rates, table = self._draws, self._rates, self._table
        parts: list[str] = ["id"]
        cells: list[Cellular] = [lambda row, i: row[0]]
        for _ in range(draws.below(3)):
            position = draws.below(len(table.columns))
            parts.append(table.columns[position].name)
            cells.append(_column(position))
        known = True
        if draws.chance(rates.case):
            condition = Conditions(table, self._mine, rates, self._bank).drawn(draws, self._depth - 1)
            parts.append(f"CASE WHEN {condition.text} THEN 1 ELSE 0 END")
            known = condition.test is not None
            cells.append(_case(condition))
        if draws.chance(rates.cast):
            parts.append("CAST(id AS TEXT) AS said")
            cells.append(lambda row, i: str(row[0]))
        if draws.chance(rates.window):
            parts.append("row_number() OVER (ORDER BY id)")
            cells.append(lambda row, i: i)
        where, rows = self._where()
        source, head = table.name, ""
        if draws.chance(rates.cte):
            head, source, where = f"WITH q AS (SELECT {table.names} FROM {table.name}{where}) ", "q", ""
        text = f"{head}SELECT {', '.join(parts)} FROM {source}{where}"
        return self._ordered(text, rows, cells if known else None)

    def join(self) -> Read:
        """Rows of two tables whose ids are equal."""
        draws, left_too = self._draws, self._draws.below(3) == 0
        word = "LEFT JOIN" if left_too else "JOIN"
        text = f"SELECT a.id, b.id FROM {self._table.name} AS a {word} {self._other.name} AS b ON a.id = b.id"
        where, rows = self._where("a.")
        pairs: list[Row] = []
        for row in rows or ():
            key: int = row[0]  # type: ignore[assignment]  # a row begins with its key, an integer
            if key in self._theirs or left_too:
                pairs.append((key, key if key in self._theirs else None))
        order = ""
        if draws.chance(self._rates.order_by):
            order = " ORDER BY a.id"
            pairs.sort(key=lambda pair: pair[0])  # type: ignore[arg-type,return-value]  # a row begins with its key, an integer
        return _read(text + where + order, None if rows is None else pairs, ordered=order != "")

    def grouped(self) -> Read:
        """How many rows there are of each value of a column."""
        draws = self._draws
        position = draws.below(len(self._table.columns))
        name = self._table.columns[position].name
        where, rows = self._where()
        text = f"SELECT {name}, count(*) FROM {self._table.name}{where} GROUP BY {name}"
        least = 1
        if draws.chance(self._rates.having):
            least = 1 + draws.below(3)
            text += f" HAVING count(*) >= {least}"
        if rows is None:
            return _read(text, None)
        counted = Counter(row[position] for row in rows)
        return _read(text, [(value, n) for value, n in counted.items() if n >= least])

    def combined(self) -> Read:
        """The ids of two tables as bags or sets."""
        operation = self._draws.one_of(("UNION ALL", "UNION", "INTERSECT", "EXCEPT"))
        where, rows = self._where()
        text = f"SELECT id FROM {self._table.name}{where} {operation} SELECT id FROM {self._other.name}"
        if rows is None:
            return _read(text, None)
        mine: list[Plain] = [row[0] for row in rows]
        theirs: list[Plain] = list(self._theirs)
        match operation:
            case "UNION ALL":
                keys = mine + theirs
            case "UNION":
                keys = list(dict.fromkeys(mine + theirs))
            case "INTERSECT":
                keys = [key for key in mine if key in self._theirs]
            case _:
                keys = [key for key in mine if key not in self._theirs]
        return _read(text, [(key,) for key in keys])

    def distinct(self) -> Read:
        """The values of a column, each once."""
        position = self._draws.below(len(self._table.columns))
        where, rows = self._where()
        text = f"SELECT DISTINCT {self._table.columns[position].name} FROM {self._table.name}{where}"
        return _read(text, None if rows is None else [(value,) for value in dict.fromkeys(row[position] for row in rows)])

    def _where(self, prefix: str = "") -> tuple[str, list[Row] | None]:
        """A WHERE or nothing, and the rows that it leaves, by id; None where nobody says."""
        draws, rates = self._draws, self._rates
        texts: list[str] = []
        rows: list[Row] | None = list(self._mine.values())
        if draws.chance(rates.where):
            conditions = Conditions(self._table, self._mine, rates, self._bank, prefix=prefix)
            condition = conditions.drawn(draws, self._depth)
            texts.append(condition.text)
            test = condition.test
            rows = None if test is None else [row for row in self._mine.values() if test(row)]
        if draws.chance(rates.subquery):
            texts.append(f"{prefix}id IN (SELECT id FROM {self._other.name})")
            rows = None if rows is None else [row for row in rows if row[0] in self._theirs]
        match texts:
            case []:
                return "", rows
            case [one]:
                return f" WHERE {one}", rows
            case _:
                return f" WHERE ({texts[0]}) AND {texts[1]}", rows

    def _ordered(self, text: str, rows: list[Row] | None, cells: list[Cellular] | None) -> Read:
        """With ORDER BY and LIMIT, which stands behind a total order only. NULL is less than everything."""
        draws, rates = self._draws, self._rates
        has_limit = draws.chance(rates.limit)
        numbered: list[tuple[Row, int]] = []
        if rows is not None:
            rows.sort(key=lambda row: row[0])  # type: ignore[arg-type,return-value]  # a row begins with its key, an integer
            numbered = [(row, i) for i, row in enumerate(rows, 1)]
        if ordered := draws.chance(rates.order_by) or has_limit:
            position = draws.below(len(self._table.columns))
            descends = draws.below(2) == 1
            name = self._table.columns[position].name
            text += f" ORDER BY {name}{' DESC' if descends else ''}{', id' if position else ''}"
            numbered.sort(key=lambda pair: _sort_key(pair[0][position]), reverse=descends)
        if has_limit:
            count, skipped = 1 + draws.below(5), draws.below(3)
            text += f" LIMIT {count}{f' OFFSET {skipped}' if skipped else ''}"
            numbered = numbered[skipped : skipped + count]
        if rows is None or cells is None:
            return _read(text, None, ordered=ordered)
        return _read(text, [tuple(make(row, i) for make in cells) for row, i in numbered], ordered=ordered)


def _read(text: str, rows: Sequence[Row] | None, *, ordered: bool = False) -> Read:
    return Read(sql=sql(text, SqlKind.QUERY, ordered=ordered), expect=None if rows is None else these(rows))


def _column(position: int) -> Cellular:
    return lambda row, i: row[position]


def _case(condition: Condition) -> Cellular:
    test = condition.test
    return lambda row, i: 1 if test is not None and test(row) else 0


def _sort_key(value: Plain) -> tuple[bool, Plain]:
    return (value is not None, 0 if value is None else value)
