"""Random tables whose rows the generator knows, and random queries over them, in every dialect that expressions have.

Properties about SQL stand on such a fixture. Nothing is translated between dialects: what differs is printed in each
(see `expressions.printing.DialectText`), so that no mistake of a translation is taken for one of an engine.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Final, TypeAlias

from simdsl.core.choices import Sampler
from simdsl.generation.expressions.drawing import draw_expression
from simdsl.generation.expressions.evaluation import evaluate
from simdsl.generation.expressions.ir import ColumnRef, Literal, SqlExpression, SqlType
from simdsl.generation.expressions.printing import DialectText, join_texts, render
from simdsl.generation.expressions.values import SamplingRates, draw_value
from simdsl.plan.deferred import dataclass
from simdsl.plan.values import Value
from simdsl.profiles.profile import ColumnType, IndexKind, Profile, ValueRates

RowCells: TypeAlias = Mapping[str, Value]
"""A row: every column by its name."""

KEY: Final = "id"

MARK: Final = "mark"
"""A column of every table that no condition reads, so that an UPDATE of it cannot change what its own condition keeps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FixtureTable:
    """A table with its rows. Every table has a key ``id`` from 1 upwards and a ``mark``, which ``columns`` leave out."""

    name: str
    columns: tuple[ColumnRef, ...]  # by their bare names
    constraints: Mapping[str, str]  # by column, the same text in both dialects
    rows: tuple[RowCells, ...]  # ``id`` among the cells

    @property
    def names(self) -> tuple[str, ...]:
        """All columns but the mark, as a SELECT lists them."""
        return (KEY, *(column.name for column in self.columns))

    def aliased(self, alias: str) -> tuple[ColumnRef, ...]:
        """The columns under an alias of the table (``a.c1``), the key first."""
        return tuple(replace(column, name=f"{alias}.{column.name}") for column in (_KEY_COLUMN, *self.columns))

    @property
    def keyed(self) -> tuple[ColumnRef, ...]:
        """The columns, the key first."""
        return (_KEY_COLUMN, *self.columns)

    def create(self) -> DialectText:
        """CREATE TABLE with all constraints."""
        columns = self._declared()
        return render("CREATE TABLE {name} (id {key} PRIMARY KEY, {columns})", name=self.name, key=_KEY, columns=columns)

    def create_copy(self, name: str) -> DialectText:
        """CREATE TABLE of a table with the same columns and no constraints, not even a key."""
        plain = replace(self, constraints={})
        return render("CREATE TABLE {name} (id {key}, {columns})", name=name, key=_KEY, columns=plain._declared())

    def insert(self, rows: tuple[RowCells, ...]) -> DialectText:
        """INSERT of these rows."""
        values = join_texts(", ", [render("({cells})", cells=join_texts(", ", list(self._cells(row)))) for row in rows])
        names = ", ".join(self.names)
        return render("INSERT INTO {name} ({names}) VALUES {values}", name=self.name, names=names, values=values)

    def _declared(self) -> DialectText:
        columns = [
            render("{name} {type}{rest}", name=one.name, type=_TYPES[one.type], rest=self.constraints.get(one.name, ""))
            for one in self.columns
        ]
        return join_texts(", ", [*columns, render("{mark} {type} DEFAULT 0", mark=MARK, type=_TYPES[SqlType.INTEGER])])

    def _cells(self, row: RowCells) -> Iterator[DialectText]:
        for column in self.keyed:
            yield render("{value}", value=Literal(type=column.type, value=row[column.name]))


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaFixture:
    """Tables ``t1``, ``t2`` ... and the statements that make their indexes."""

    seed: int
    profile: Profile
    tables: tuple[FixtureTable, ...]
    indexes: tuple[DialectText, ...]
    rates: SamplingRates  # of values and of expressions

    def setup(self) -> Iterator[DialectText]:
        """The tables with their rows, then the indexes."""
        for table in self.tables:
            yield table.create()
            if table.rows:
                yield table.insert(table.rows)
        # After the rows: engines build an index over existing rows by another path than row by row. Writes cover the latter.
        yield from self.indexes


def draw_fixture(seed: int, profile: Profile) -> SchemaFixture:
    """The fixture of a seed: the same one for the same profile, in every process."""
    rates = _rates(profile.values)
    # The purposes "ground" and "index" are part of what a seed means, so they keep their names.
    count = Sampler(seed, "ground").below(min(profile.schema.tables, _MAX_TABLES)) + 1
    tables = tuple(_table(seed, profile, rates, number) for number in range(1, count + 1))
    indexes: list[DialectText] = []
    for number, table in enumerate(tables):
        many = Sampler(seed, "indexes", number).below(profile.schema.indexes + 1) if profile.schema.index_kinds else 0
        indexes += [
            draw_fixture_index(seed, profile, rates, table, f"{table.name}_{i}", ("index", number, i)) for i in range(many)
        ]
    return SchemaFixture(seed=seed, profile=profile, tables=tables, indexes=tuple(indexes), rates=rates)


def draw_fixture_index(
    seed: int, profile: Profile, rates: SamplingRates, table: FixtureTable, name: str, place: tuple[int | str, ...]
) -> DialectText:
    """CREATE INDEX of a kind that the profile allows."""
    sampler = Sampler(seed, "index", *place)
    kind = sampler.one_of(profile.schema.index_kinds)
    column, other = sampler.one_of(table.columns).name, sampler.one_of(table.keyed).name
    on: DialectText = render("{column}", column=column)
    match kind:
        case IndexKind.UNIQUE:
            on = render("{column}, id", column=column)  # unique whatever the column holds
        case IndexKind.COMPOSITE if other != column:
            on = render("{column}, {other}", column=column, other=other)
        case IndexKind.DESCENDING:
            on = render("{column} DESC", column=column)
        case IndexKind.EXPRESSION:
            on = render(
                "({value})", value=_index_expression(seed, sampler, rates, table, sampler.one_of(list(SqlType)), place)
            )
        case IndexKind.PLAIN | IndexKind.PARTIAL | IndexKind.COMPOSITE:
            pass  # on one column: also a composite index of which both columns are the same
    where = render("")
    if kind is IndexKind.PARTIAL:
        where = render(" WHERE {test}", test=_index_expression(seed, sampler, rates, table, SqlType.BOOLEAN, place))
    unique = "UNIQUE " if kind is IndexKind.UNIQUE else ""
    begin = f"CREATE {unique}INDEX {name} ON {table.name}"
    return render("{begin} ({on}){where}", begin=begin, on=on, where=where)


def _index_expression(
    seed: int, sampler: Sampler, rates: SamplingRates, table: FixtureTable, wanted: SqlType, place: tuple[int | str, ...]
) -> DialectText:
    drawn = draw_expression(seed=seed, place=("index", *place), wanted=wanted, columns=table.columns, depth=1, rates=rates)
    return render("{drawn}", drawn=drawn)


def _table(seed: int, profile: Profile, rates: SamplingRates, number: int) -> FixtureTable:
    schema = profile.schema
    sampler = Sampler(seed, "ground", number)
    types = [_EXPRESSION_TYPES[one] for one in schema.types if one in _EXPRESSION_TYPES] or [SqlType.INTEGER]
    columns: list[ColumnRef] = []
    constraints: dict[str, str] = {}
    unique: set[str] = set()
    for i in range(1, 2 + sampler.below(max(schema.columns, 1))):
        name, of = f"c{i}", sampler.one_of(types)
        nullable = not sampler.chance(schema.not_null)
        constraint = "" if nullable else " NOT NULL"
        if of in (SqlType.INTEGER, SqlType.TEXT) and sampler.chance(schema.unique):
            constraint += " UNIQUE"
            unique.add(name)
        if of is SqlType.INTEGER and sampler.chance(schema.check):
            constraint += f" CHECK ({name} <> {_FORBIDDEN})"
        # Narrow, so that arithmetic needs no guards: a clamped column is seldom one that an index can serve.
        columns.append(ColumnRef(name=name, type=of, nullable=nullable, narrow=True))
        if constraint:
            constraints[name] = constraint
    rows = [
        {KEY: i, **{column.name: _value(seed, rates, number, i, column) for column in columns}}
        for i in range(1, sampler.below(max(schema.rows, 1) * 2) + 2)
    ]
    for name in unique:
        _make_unique(rows, name)
    return FixtureTable(
        name=f"t{number}", columns=tuple(columns), constraints=MappingProxyType(constraints), rows=tuple(rows)
    )


def _value(seed: int, rates: SamplingRates, number: int, row: int, column: ColumnRef) -> Value:
    place = ("ground", number, row, column.name)
    return draw_value(seed=seed, place=place, of=column.type, rates=rates, nullable=column.nullable, narrow=True)


def _make_unique(rows: list[dict[str, Value]], name: str) -> None:
    """Replace every value that an earlier row has, by one of the same type that no row has."""
    seen: set[Value] = set()
    for row in rows:
        value = row[name]
        if value is not None and value in seen:
            row[name] = value = f"{value}#{len(seen)}" if isinstance(value, str) else _UNIQUE_FROM + len(seen)
        seen.add(value)


def _rates(values: ValueRates) -> SamplingRates:
    """A profile's rates, in a thousand. If they add up to more than 1, the last ones are cut off."""
    left = 1000
    mille: dict[str, int] = {}
    for name in ("null", "duplicate", "zero", "limit", "empty", "unicode", "long"):
        mille[name] = min(round(getattr(values, name) * 1000), left)
        left -= mille[name]
    return SamplingRates(**mille)


_MAX_TABLES: Final = 3
_FORBIDDEN: Final = 777_777_777  # never drawn, so the CHECK refuses nothing and only informs the planner
_UNIQUE_FROM: Final = 50_000_000  # above all values that are drawn, except the limits

_TYPES: Final = MappingProxyType(
    {
        SqlType.INTEGER: DialectText(sqlite="INTEGER", postgres="BIGINT"),
        SqlType.REAL: DialectText(sqlite="REAL", postgres="DOUBLE PRECISION"),
        SqlType.TEXT: DialectText(sqlite="TEXT", postgres='TEXT COLLATE "C"'),
        SqlType.BOOLEAN: DialectText(sqlite="BOOLEAN", postgres="BOOLEAN"),
        SqlType.BLOB: DialectText(sqlite="BLOB", postgres="BYTEA"),
    }
)

_KEY: Final = _TYPES[SqlType.INTEGER]
_KEY_COLUMN: Final = ColumnRef(name=KEY, type=SqlType.INTEGER, nullable=False, narrow=True)

# Without dates, times and decimals, which are texts and reals in SQLite: expressions over them differ between engines.
_EXPRESSION_TYPES: Final = MappingProxyType(
    {
        ColumnType.INTEGER: SqlType.INTEGER,
        ColumnType.BIGINT: SqlType.INTEGER,
        ColumnType.SMALLINT: SqlType.INTEGER,
        ColumnType.REAL: SqlType.REAL,
        ColumnType.TEXT: SqlType.TEXT,
        ColumnType.VARCHAR: SqlType.TEXT,
        ColumnType.BOOLEAN: SqlType.BOOLEAN,
        ColumnType.BLOB: SqlType.BLOB,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class QuerySource:
    """A FROM clause, the columns that can be named with it, and a sample of the rows that it may give."""

    text: DialectText
    columns: tuple[ColumnRef, ...]
    tables: tuple[FixtureTable, ...]
    sample: tuple[RowCells, ...]

    @property
    def table(self) -> FixtureTable:
        """The first table, or the only one."""
        return self.tables[0]

    def over(self, names: dict[str, str]) -> DialectText:
        """The FROM clause with other table names."""
        sqlite, postgres = self.text.sqlite, self.text.postgres
        for old, new in names.items():
            sqlite, postgres = _with_table(sqlite, old, new), _with_table(postgres, old, new)
        return DialectText(sqlite=sqlite, postgres=postgres)


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryShape:
    """A query without its FROM and WHERE."""

    head: DialectText
    tail: DialectText

    def over(self, source: DialectText, where: SqlExpression) -> DialectText:
        """The query of a source with a condition."""
        return render("{head} FROM {s} WHERE {p}{tail}", head=self.head, s=source, p=where, tail=self.tail)


class QuerySampler:
    """The random choices of one query: functions of the seed, the property and the place."""

    def __init__(self, fixture: SchemaFixture, purpose: str, *place: int | str) -> None:
        self.fixture = fixture
        self.choices = Sampler(fixture.seed, purpose, *place)
        self._place: tuple[int | str, ...] = (purpose, *place)
        self._drawn = 0

    def table(self) -> QuerySource:
        """One table, its columns by their bare names."""
        table = self.choices.one_of(self.fixture.tables)
        return QuerySource(text=render(table.name), columns=table.keyed, tables=(table,), sample=table.rows[:_SAMPLE])

    def source(self) -> QuerySource:
        """A table, a join at the profile's rate, or a derived table at the rate of subqueries."""
        queries = self.fixture.profile.queries
        if self.choices.chance(queries.join):
            return self.joined()
        single = self.table()
        if self.choices.chance(queries.subquery):
            return self._derived(single)
        return single

    def joined(self) -> QuerySource:
        """A join of two tables, or of one with itself, as ``a`` and ``b``."""
        left, right = self.choices.one_of(self.fixture.tables), self.choices.one_of(self.fixture.tables)
        columns = (*left.aliased("a"), *right.aliased("b"))
        kind = self.choices.one_of(("JOIN", "LEFT JOIN", "CROSS JOIN"))
        text = render("{left} AS a {kind} {right} AS b", left=left.name, kind=kind, right=right.name)
        if kind != "CROSS JOIN":
            text = render("{text} ON {test}", text=text, test=self.predicate(columns))
        pairs = tuple(
            {**aliased_row("a", one), **aliased_row("b", other)} for one in left.rows[:3] for other in right.rows[:2]
        )
        return QuerySource(text=text, columns=columns, tables=(left, right), sample=pairs)

    def predicate(self, columns: Sequence[ColumnRef], *, depth: int | None = None) -> SqlExpression:
        """A condition over the columns."""
        return self.value(SqlType.BOOLEAN, columns, depth=depth)

    def condition(self, source: QuerySource) -> SqlExpression:
        """A condition over a source, preferably one that keeps some rows of the sample and not others.

        Most random conditions keep all rows or none. A plan that loses a row of such a result is rarely noticed, so a few
        more are drawn.
        """
        drawn = self.predicate(source.columns)
        for _ in range(_TRIES):
            if _distinguishes_rows(drawn, source.sample):
                break
            drawn = self.predicate(source.columns)
        return drawn

    def value(self, wanted: SqlType, columns: Sequence[ColumnRef], *, depth: int | None = None) -> SqlExpression:
        """An expression of a type, mostly of depth 1 or 2, at most as deep as the profile says."""
        deepest = max(self.fixture.profile.expression_depth, 1)
        if depth is None:
            depth = min(1 + self.choices.below(3) // 2 + self.choices.below(4) // 3, deepest)
        self._drawn += 1
        return draw_expression(
            seed=self.fixture.seed,
            place=(*self._place, self._drawn),
            wanted=wanted,
            columns=columns,
            depth=depth,
            rates=self.fixture.rates,
        )

    def selected(self, columns: Sequence[ColumnRef]) -> DialectText:
        """A select list: one to three columns or expressions."""
        parts: list[DialectText] = []
        for i in range(1 + self.choices.below(3)):
            if self.choices.below(4):
                parts.append(render("{column} AS s{i}", column=self.choices.one_of(columns), i=i))
            else:
                value = self.value(self.choices.one_of(_ALL_TYPES), columns, depth=1)
                parts.append(render("{value} AS s{i}", value=value, i=i))
        return join_texts(", ", parts)

    def shape(self, source: QuerySource) -> QueryShape:
        """A plain query mostly, else DISTINCT or GROUP BY."""
        match self.choices.below(6):
            case 0:
                return QueryShape(head=render("SELECT DISTINCT {c}", c=self.selected(source.columns)), tail=render(""))
            case 1:
                column = self.choices.one_of(source.columns)
                return QueryShape(
                    head=render("SELECT {c} AS s0, count(*) AS s1", c=column), tail=render(" GROUP BY {c}", c=column)
                )
            case _:  # four of six: the plain form
                return QueryShape(head=render("SELECT {c}", c=self.selected(source.columns)), tail=render(""))

    def _derived(self, single: QuerySource) -> QuerySource:
        inner = self.predicate(single.columns, depth=1)
        names = ", ".join(single.table.names)
        text = render("(SELECT {names} FROM {table} WHERE {inner}) AS s", names=names, table=single.text, inner=inner)
        return QuerySource(text=text, columns=single.columns, tables=single.tables, sample=single.sample)


def _with_table(text: str, old: str, new: str) -> str:
    """Replace a table's name where it can stand: behind FROM or JOIN, at the beginning, or as the whole text."""
    if text == old:
        return new
    for before in ("FROM ", "JOIN "):
        text = text.replace(f"{before}{old} ", f"{before}{new} ")
    return f"{new}{text[len(old) :]}" if text.startswith(f"{old} ") else text


def aliased_row(alias: str, row: RowCells) -> RowCells:
    """The row by the names that its columns have under an alias."""
    return {f"{alias}.{name}": value for name, value in row.items()}


def _distinguishes_rows(test: SqlExpression, rows: Sequence[RowCells]) -> bool:
    """Whether the condition differs between two rows. With fewer than two rows nothing can be told: yes."""
    if len(rows) < 2:
        return True
    first = evaluate(test, rows[0])
    return any(evaluate(test, row) != first for row in rows[1:])


_ALL_TYPES: Final = tuple(SqlType)
_SAMPLE: Final = 6
_TRIES: Final = 4
