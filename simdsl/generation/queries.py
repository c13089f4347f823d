"""Queries over one or two tables, and the rows that they must give."""

from __future__ import annotations

from collections.abc import Sequence

from simdsl.generation.conditions import Conditions, Test
from simdsl.generation.draws import Draws
from simdsl.generation.schema import Table
from simdsl.generation.statements import Bank, Read, State, sql, these
from simdsl.generation.summaries import Cellular, draw_aggregate, draw_window
from simdsl.generation.values import Plain, Row
from simdsl.plan.ir import SqlKind
from simdsl.profiles.profile import Queries


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

    __slots__ = ("_bank", "_depth", "_draws", "_mine", "_number_of_other", "_other", "_rates", "_table", "_theirs")

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
        self._table, self._other, self._number_of_other = tables[number], tables[other], other
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
        where, rows = self._where()
        if draws.chance(rates.case):
            condition = Conditions(table, self._mine, rates, self._bank).drawn(draws, self._depth - 1)
            position = draws.below(len(table.columns))
            says, make = ("1 ELSE 0", None) if draws.below(2) else (table.columns[position].name, position)
            parts.append(f"CASE WHEN {condition.text} THEN {says} END")
            cells.append(_case(condition.test, make))
        if draws.chance(rates.cast):
            parts.append("CAST(id AS TEXT) AS said")
            cells.append(lambda row, i: str(row[0]))
        if draws.chance(rates.window):
            position = draws.below(len(table.columns))
            text, cell = draw_window(draws, table.columns[position].name, position, rows)
            parts.append(text)
            cells.append(cell)
        source, head = table.name, ""
        if draws.chance(rates.cte):
            head, source, where = f"WITH q AS (SELECT {table.names} FROM {table.name}{where}) ", "q", ""
        text = f"{head}SELECT {', '.join(parts)} FROM {source}{where}"
        return self._ordered(text, rows, cells)

    def join(self) -> Read:
        """Rows of two tables whose ids are equal, or that refer to each other; or those that have no partner."""
        draws = self._draws
        parents = [i for i, column in enumerate(self._table.columns) if column.references == self._number_of_other]
        by = draws.one_of(parents) if parents and draws.below(2) else 0
        form = draws.below(5)
        word = "JOIN" if form < 3 else "LEFT JOIN"
        mine, other = self._table, self._other
        text = f"SELECT a.id, b.id FROM {mine.name} AS a {word} {other.name} AS b ON a.{mine.columns[by].name} = b.id"
        where, rows = self._where("a.", "b.id IS NULL" if form == 4 else "")
        pairs: list[Row] = [(row[0], row[by] if row[by] in self._theirs else None) for row in rows]
        if form == 4:
            pairs = [pair for pair in pairs if pair[1] is None]
        elif form < 3:
            pairs = [pair for pair in pairs if pair[1] is not None]
        if draws.chance(self._rates.order_by):
            pairs.sort(key=_key)
            return _read(f"{text}{where} ORDER BY a.id", pairs, ordered=True)
        return _read(text + where, pairs)

    def grouped(self) -> Read:
        """What there is of each value of a column; perhaps of those groups that are large or late enough."""
        draws, table = self._draws, self._table
        position, other = draws.below(len(table.columns)), draws.below(len(table.columns))
        name = table.columns[position].name
        said, made = draw_aggregate(draws, table.columns[other], other)
        where, rows = self._where()
        groups: dict[Plain, list[Row]] = {}
        for row in rows:
            groups.setdefault(row[position], []).append(row)
        having = ""
        if draws.chance(self._rates.having):
            least = 1 + draws.below(3)
            having = f" HAVING count(*) >= {least}"
            if draws.below(2):
                latest = max(self._mine, default=0) // 2
                having += f" AND max(id) > {latest}"
                groups = {value: group for value, group in groups.items() if max(map(_key, group)) > latest}
            groups = {value: group for value, group in groups.items() if len(group) >= least}
        text = f"SELECT {name}, count(*), {said} AS made FROM {table.name}{where} GROUP BY {name}{having}"
        if draws.chance(self._rates.cte):
            sizes = [len(group) for group in groups.values()]
            text = f"WITH q (v, n, made) AS ({text}) SELECT count(*), max(n) FROM q"
            return _read(text, [(len(sizes), max(sizes, default=None))])
        return _read(text, [(value, len(group), made(group)) for value, group in groups.items()])

    def combined(self) -> Read:
        """The ids of two tables, or values of columns of one type, as bags or sets."""
        draws = self._draws
        operation = draws.one_of(("UNION ALL", "UNION", "INTERSECT", "EXCEPT"))
        here = there = 0
        if draws.below(2):
            here = draws.below(len(self._table.columns))
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
        return _read(text, [(value,) for value in values])

    def distinct(self) -> Read:
        """The values of a column, each once."""
        position = self._draws.below(len(self._table.columns))
        where, rows = self._where()
        text = f"SELECT DISTINCT {self._table.columns[position].name} FROM {self._table.name}{where}"
        return _read(text, [(value,) for value in dict.fromkeys(row[position] for row in rows)])

    def _where(self, prefix: str = "", further: str = "") -> tuple[str, list[Row]]:
        """A WHERE or nothing, and the rows that it leaves but for what is ``further`` demanded."""
        draws, rates = self._draws, self._rates
        texts = [further] if further else []
        rows = list(self._mine.values())
        if draws.chance(rates.subquery):
            text, has_it = self._subquery(prefix)
            texts.append(text)
            rows = [row for row in rows if (row[0] in self._theirs) is has_it]
        if draws.chance(rates.where):
            condition = Conditions(self._table, self._mine, rates, self._bank, prefix=prefix).drawn(draws, self._depth)
            texts.insert(0, f"({condition.text})" if texts and condition.is_loose else condition.text)
            test = condition.test
            rows = [row for row in rows if test(row) is True]
        return (f" WHERE {' AND '.join(texts)}" if texts else "", rows)

    def _subquery(self, prefix: str) -> tuple[str, bool]:
        """A condition that the other table has the id, or has not, and which of the two."""
        other, has_it = self._other.name, self._draws.below(3) > 0
        if self._draws.below(2):
            return f"{prefix}id {'' if has_it else 'NOT '}IN (SELECT id FROM {other})", has_it
        outer = f"{prefix or f'{self._table.name}.'}id"
        return f"{'' if has_it else 'NOT '}EXISTS (SELECT 1 FROM {other} AS o WHERE o.id = {outer})", has_it

    def _ordered(self, text: str, rows: list[Row], cells: list[Cellular]) -> Read:
        """With ORDER BY and LIMIT, which stands behind a total order only. NULL is less than everything."""
        draws, rates = self._draws, self._rates
        has_limit = draws.chance(rates.limit)
        rows.sort(key=_key)
        numbered = list(enumerate(rows, 1))
        if ordered := draws.chance(rates.order_by) or has_limit:
            position = draws.below(len(self._table.columns))
            descends = draws.below(2) == 1
            name = self._table.columns[position].name
            text += f" ORDER BY {name}{' DESC' if descends else ''}{', id' if position else ''}"
            numbered.sort(key=lambda pair: _sort_key(pair[1][position]), reverse=descends)
        if has_limit:
            count, skipped = 1 + draws.below(5), draws.below(3)
            text += f" LIMIT {count}{f' OFFSET {skipped}' if skipped else ''}"
            numbered = numbered[skipped : skipped + count]
        return _read(text, [tuple(make(row, i) for make in cells) for i, row in numbered], ordered=ordered)


def _read(text: str, rows: Sequence[Row], *, ordered: bool = False) -> Read:
    return Read(sql=sql(text, SqlKind.QUERY, ordered=ordered), expect=these(rows))


def _column(position: int) -> Cellular:
    return lambda row, i: row[position]


def _case(test: Test, position: int | None) -> Cellular:
    """``1 ELSE 0`` without a position, else the column there or NULL."""
    if position is None:
        return lambda row, i: 1 if test(row) is True else 0
    return lambda row, i: row[position] if test(row) is True else None


def _key(row: Row) -> int:
    key: int = row[0]  # type: ignore[assignment]  # a row begins with its key, an integer
    return key


def _sort_key(value: Plain) -> tuple[bool, Plain]:
    return (value is not None, 0 if value is None else value)
