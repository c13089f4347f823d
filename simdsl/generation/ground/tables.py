"""Tables whose rows the generator knows: columns, constraints and indexes in the types that expressions have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final, TypeAlias

from simdsl.generation.draws import Draws
from simdsl.generation.expressions.drawing import draw_expression
from simdsl.generation.expressions.ir import Column, Literal, SqlType
from simdsl.generation.expressions.values import Rates, draw_value
from simdsl.generation.ground.both import Both, join, say
from simdsl.plan.dataclasses import dataclass
from simdsl.plan.values import Value
from simdsl.profiles.profile import ColumnType, IndexKind, Profile
from simdsl.profiles.profile import Values as ValueRates

Cells: TypeAlias = Mapping[str, Value]
"""A row: every column by its name."""

KEY: Final = "id"
MARK: Final = "mark"
"""A column of every table that no predicate reads. It is 0 until a statement says otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table with its rows. Every table has a key ``id`` from 1 upwards and a ``mark``, which ``columns`` leave out."""

    name: str
    columns: tuple[Column, ...]  # by their bare names
    constraints: Mapping[str, str]  # of a column, in both dialects alike
    rows: tuple[Cells, ...]  # ``id`` among the cells

    @property
    def names(self) -> tuple[str, ...]:
        """All columns but the mark, as a SELECT lists them."""
        return (KEY, *(column.name for column in self.columns))

    def called(self, alias: str) -> tuple[Column, ...]:
        """The columns by the names that they have under an alias, the key first."""
        return tuple(replace(column, name=f"{alias}.{column.name}") for column in (_KEY_COLUMN, *self.columns))

    @property
    def keyed(self) -> tuple[Column, ...]:
        """The columns, the key first."""
        return (_KEY_COLUMN, *self.columns)

    def create(self) -> Both:
        """CREATE TABLE with all constraints."""
        columns = self._declared()
        return say("CREATE TABLE {name} (id {key} PRIMARY KEY, {columns})", name=self.name, key=_KEY, columns=columns)

    def create_copy(self, name: str) -> Both:
        """CREATE TABLE of a table with the same columns and nothing else."""
        plain = replace(self, constraints={})
        return say("CREATE TABLE {name} (id {key}, {columns})", name=name, key=_KEY, columns=plain._declared())

    def insert(self, rows: tuple[Cells, ...]) -> Both:
        """INSERT of these rows."""
        values = join(", ", [say("({cells})", cells=join(", ", list(self._cells(row)))) for row in rows])
        names = ", ".join(self.names)
        return say("INSERT INTO {name} ({names}) VALUES {values}", name=self.name, names=names, values=values)

    def _declared(self) -> Both:
        columns = [
            say("{name} {type}{rest}", name=one.name, type=_TYPES[one.type], rest=self.constraints.get(one.name, ""))
            for one in self.columns
        ]
        return join(", ", [*columns, say("{mark} {type} DEFAULT 0", mark=MARK, type=_TYPES[SqlType.INTEGER])])

    def _cells(self, row: Cells) -> Iterator[Both]:
        for column in self.keyed:
            yield say("{value}", value=Literal(type=column.type, value=row[column.name]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """Tables ``t1``, ``t2`` ... and the statements that make their indexes."""

    seed: int
    profile: Profile
    tables: tuple[Table, ...]
    indexes: tuple[Both, ...]
    rates: Rates  # of values and of expressions

    def setup(self) -> Iterator[Both]:
        """The tables with their rows, then the indexes: some engines build them in another way."""
        for table in self.tables:
            yield table.create()
            if table.rows:
                yield table.insert(table.rows)
        yield from self.indexes


def draw_ground(seed: int, profile: Profile) -> Ground:
    """The ground of a seed: the same one for the same profile, in every process."""
    rates = _rates(profile.values)
    count = Draws(seed, "ground").below(min(profile.schema.tables, _TABLES)) + 1
    tables = tuple(_table(seed, profile, rates, number) for number in range(1, count + 1))
    indexes: list[Both] = []
    for number, table in enumerate(tables):
        many = Draws(seed, "indexes", number).below(profile.schema.indexes + 1) if profile.schema.index_kinds else 0
        indexes += [draw_index(seed, profile, rates, table, f"{table.name}_{i}", ("index", number, i)) for i in range(many)]
    return Ground(seed=seed, profile=profile, tables=tables, indexes=tuple(indexes), rates=rates)


def draw_index(seed: int, profile: Profile, rates: Rates, table: Table, name: str, place: tuple[int | str, ...]) -> Both:
    """CREATE INDEX of a kind that the profile allows."""
    draws = Draws(seed, "index", *place)
    kind = draws.one_of(profile.schema.index_kinds)
    column, other = draws.one_of(table.columns).name, draws.one_of(table.keyed).name
    on: Both = say("{column}", column=column)
    match kind:
        case IndexKind.UNIQUE:
            on = say("{column}, id", column=column)
        case IndexKind.COMPOSITE if other != column:
            on = say("{column}, {other}", column=column, other=other)
        case IndexKind.DESCENDING:
            on = say("{column} DESC", column=column)
        case IndexKind.EXPRESSION:
            on = say("({value})", value=_of(seed, draws, rates, table, draws.one_of(list(SqlType)), place))
        case _:
            pass
    where = say("")
    if kind is IndexKind.PARTIAL:
        where = say(" WHERE {test}", test=_of(seed, draws, rates, table, SqlType.BOOLEAN, place))
    unique = "UNIQUE " if kind is IndexKind.UNIQUE else ""
    begin = f"CREATE {unique}INDEX {name} ON {table.name}"
    return say("{begin} ({on}){where}", begin=begin, on=on, where=where)


def _of(seed: int, draws: Draws, rates: Rates, table: Table, wanted: SqlType, place: tuple[int | str, ...]) -> Both:
    drawn = draw_expression(seed=seed, place=("index", *place), wanted=wanted, columns=table.columns, depth=1, rates=rates)
    return say("{drawn}", drawn=drawn)


def _table(seed: int, profile: Profile, rates: Rates, number: int) -> Table:
    schema = profile.schema
    draws = Draws(seed, "ground", number)
    types = [_KINDS[one] for one in schema.types if one in _KINDS] or [SqlType.INTEGER]
    columns: list[Column] = []
    constraints: dict[str, str] = {}
    unique: set[str] = set()
    for i in range(1, 2 + draws.below(max(schema.columns, 1))):
        name, of = f"c{i}", draws.one_of(types)
        nullable = not draws.chance(schema.not_null)
        constraint = "" if nullable else " NOT NULL"
        if of in (SqlType.INTEGER, SqlType.TEXT) and draws.chance(schema.unique):
            constraint += " UNIQUE"
            unique.add(name)
        if of is SqlType.INTEGER and draws.chance(schema.check):
            constraint += f" CHECK ({name} <> {_FORBIDDEN})"
        columns.append(Column(name=name, type=of, nullable=nullable, narrow=True))
        if constraint:
            constraints[name] = constraint
    rows = [
        {KEY: i, **{column.name: _value(seed, rates, number, i, column) for column in columns}}
        for i in range(1, draws.below(max(schema.rows, 1) * 2) + 2)
    ]
    for name in unique:
        _apart(rows, name)
    return Table(name=f"t{number}", columns=tuple(columns), constraints=MappingProxyType(constraints), rows=tuple(rows))


def _value(seed: int, rates: Rates, number: int, row: int, column: Column) -> Value:
    place = ("ground", number, row, column.name)
    return draw_value(seed=seed, place=place, of=column.type, rates=rates, nullable=column.nullable, narrow=True)


def _apart(rows: list[dict[str, Value]], name: str) -> None:
    """No value twice: the second one is another one, of the same type."""
    seen: set[Value] = set()
    for row in rows:
        value = row[name]
        if value is not None and value in seen:
            row[name] = value = f"{value}#{len(seen)}" if isinstance(value, str) else _APART + len(seen)
        seen.add(value)


def _rates(values: ValueRates) -> Rates:
    """A profile's rates, in a thousand. What is more than all is cut off at the end."""
    left = 1000
    mille: dict[str, int] = {}
    for name in ("null", "duplicate", "zero", "limit", "empty", "unicode", "long"):
        mille[name] = min(round(getattr(values, name) * 1000), left)
        left -= mille[name]
    return Rates(**mille)


_TABLES: Final = 3
_FORBIDDEN: Final = 777_777_777
_APART: Final = 50_000_000  # larger than any value that is drawn, but for limits
_TYPES: Final = MappingProxyType(
    {
        SqlType.INTEGER: Both(sqlite="INTEGER", postgres="BIGINT"),
        SqlType.REAL: Both(sqlite="REAL", postgres="DOUBLE PRECISION"),
        SqlType.TEXT: Both(sqlite="TEXT", postgres='TEXT COLLATE "C"'),
        SqlType.BOOLEAN: Both(sqlite="BOOLEAN", postgres="BOOLEAN"),
        SqlType.BLOB: Both(sqlite="BLOB", postgres="BYTEA"),
    }
)
_KEY: Final = _TYPES[SqlType.INTEGER]
_KEY_COLUMN: Final = Column(name=KEY, type=SqlType.INTEGER, nullable=False, narrow=True)
# Dates, times and decimals are texts and reals in SQLite: expressions over them are not the same everywhere.
_KINDS: Final = MappingProxyType(
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
