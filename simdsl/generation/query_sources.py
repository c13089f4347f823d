"""What a query selects from, and what it asks there: one table, a join, a derived table; predicates and values over them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from simdsl.generation.expressions.drawing import draw_expression
from simdsl.generation.expressions.evaluation import evaluate
from simdsl.generation.expressions.ir import ColumnRef, SqlExpression, SqlType
from simdsl.generation.expressions.printing import DialectText, join_texts, render
from simdsl.generation.fixture import FixtureTable, RowCells, SchemaFixture
from simdsl.generation.sampler import Sampler
from simdsl.plan.dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class QuerySource:
    """What stands behind FROM, the columns that can be named there, and some of the rows that may come of it."""

    text: DialectText
    columns: tuple[ColumnRef, ...]
    tables: tuple[FixtureTable, ...]
    sample: tuple[RowCells, ...]

    @property
    def table(self) -> FixtureTable:
        """The first table, or the only one."""
        return self.tables[0]

    def over(self, names: dict[str, str]) -> DialectText:
        """The same source over tables of other names."""
        sqlite, postgres = self.text.sqlite, self.text.postgres
        for old, new in names.items():
            sqlite, postgres = _with_table(sqlite, old, new), _with_table(postgres, old, new)
        return DialectText(sqlite=sqlite, postgres=postgres)


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryShape:
    """A query but for what it reads, and which rows."""

    head: DialectText
    tail: DialectText

    def over(self, source: DialectText, where: SqlExpression) -> DialectText:
        """The query, with a condition."""
        return render("{head} FROM {s} WHERE {p}{tail}", head=self.head, s=source, p=where, tail=self.tail)


class QuerySampler:
    """Everything that is drawn for one query: a function of the seed, the property and the place."""

    def __init__(self, ground: SchemaFixture, purpose: str, *place: int | str) -> None:
        self.ground = ground
        self.draws = Sampler(ground.seed, purpose, *place)
        self._place: tuple[int | str, ...] = (purpose, *place)
        self._drawn = 0

    def table(self) -> QuerySource:
        """One table, its columns by their bare names."""
        table = self.draws.one_of(self.ground.tables)
        return QuerySource(text=render(table.name), columns=table.keyed, tables=(table,), sample=table.rows[:_SAMPLE])

    def source(self) -> QuerySource:
        """A table, a join at the profile's rate, or a derived table at the rate of subqueries."""
        queries = self.ground.profile.queries
        if self.draws.chance(queries.join):
            return self.joined()
        single = self.table()
        if self.draws.chance(queries.subquery):
            return self._derived(single)
        return single

    def joined(self) -> QuerySource:
        """Two tables, or one with itself, as ``a`` and ``b``."""
        left, right = self.draws.one_of(self.ground.tables), self.draws.one_of(self.ground.tables)
        columns = (*left.called("a"), *right.called("b"))
        kind = self.draws.one_of(("JOIN", "LEFT JOIN", "CROSS JOIN"))
        said = render("{left} AS a {kind} {right} AS b", left=left.name, kind=kind, right=right.name)
        if kind != "CROSS JOIN":
            said = render("{said} ON {test}", said=said, test=self.predicate(columns))
        pairs = tuple(
            {**aliased_row("a", one), **aliased_row("b", other)} for one in left.rows[:3] for other in right.rows[:2]
        )
        return QuerySource(text=said, columns=columns, tables=(left, right), sample=pairs)

    def predicate(self, columns: Sequence[ColumnRef], *, depth: int | None = None) -> SqlExpression:
        """A condition over the columns."""
        return self.value(SqlType.BOOLEAN, columns, depth=depth)

    def condition(self, source: QuerySource) -> SqlExpression:
        """A condition over a source: of a few, the first that does not say the same of all rows in the sample.

        Most conditions that nobody chose keep all rows or none, and little can go wrong with those.
        """
        drawn = self.predicate(source.columns)
        for _ in range(_TRIES):
            if _distinguishes_rows(drawn, source.sample):
                break
            drawn = self.predicate(source.columns)
        return drawn

    def value(self, wanted: SqlType, columns: Sequence[ColumnRef], *, depth: int | None = None) -> SqlExpression:
        """An expression of a type, mostly of depth 1 or 2, at most as deep as the profile says."""
        deepest = max(self.ground.profile.expression_depth, 1)
        if depth is None:
            depth = min(1 + self.draws.below(3) // 2 + self.draws.below(4) // 3, deepest)
        self._drawn += 1
        return draw_expression(
            seed=self.ground.seed,
            place=(*self._place, self._drawn),
            wanted=wanted,
            columns=columns,
            depth=depth,
            rates=self.ground.rates,
        )

    def selected(self, columns: Sequence[ColumnRef]) -> DialectText:
        """What stands behind SELECT: one to three columns or expressions."""
        parts: list[DialectText] = []
        for i in range(1 + self.draws.below(3)):
            if self.draws.below(4):
                parts.append(render("{column} AS s{i}", column=self.draws.one_of(columns), i=i))
            else:
                value = self.value(self.draws.one_of(_TYPES), columns, depth=1)
                parts.append(render("{value} AS s{i}", value=value, i=i))
        return join_texts(", ", parts)

    def shape(self, source: QuerySource) -> QueryShape:
        """What stands around FROM and WHERE: a plain query mostly, else DISTINCT or GROUP BY."""
        match self.draws.below(6):
            case 0:
                return QueryShape(head=render("SELECT DISTINCT {c}", c=self.selected(source.columns)), tail=render(""))
            case 1:
                column = self.draws.one_of(source.columns)
                return QueryShape(
                    head=render("SELECT {c} AS s0, count(*) AS s1", c=column), tail=render(" GROUP BY {c}", c=column)
                )
            case _:
                return QueryShape(head=render("SELECT {c}", c=self.selected(source.columns)), tail=render(""))

    def _derived(self, single: QuerySource) -> QuerySource:
        inner = self.predicate(single.columns, depth=1)
        names = ", ".join(single.table.names)
        text = render("(SELECT {names} FROM {table} WHERE {inner}) AS s", names=names, table=single.text, inner=inner)
        return QuerySource(text=text, columns=single.columns, tables=single.tables, sample=single.sample)


def _with_table(text: str, old: str, new: str) -> str:
    """A table's name where one stands: behind FROM, behind JOIN, or all of the text."""
    if text == old:
        return new
    for before in ("FROM ", "JOIN "):
        text = text.replace(f"{before}{old} ", f"{before}{new} ")
    return f"{new}{text[len(old) :]}" if text.startswith(f"{old} ") else text


def aliased_row(alias: str, row: RowCells) -> RowCells:
    """The row by the names that its columns have under an alias."""
    return {f"{alias}.{name}": value for name, value in row.items()}


def _distinguishes_rows(test: SqlExpression, rows: Sequence[RowCells]) -> bool:
    """Whether there are two rows of which it says different things; so too where there are not two rows."""
    if len(rows) < 2:
        return True
    first = evaluate(test, rows[0])
    return any(evaluate(test, row) != first for row in rows[1:])


_TYPES: Final = tuple(SqlType)


_SAMPLE: Final = 6


_TRIES: Final = 4
