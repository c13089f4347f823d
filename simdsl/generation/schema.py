"""Generated tables, columns, constraints and indexes, in types that the dialects share, and statements that change them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from simdsl.core.choices import Sampler
from simdsl.generation.column_values import (
    INTEGER_TYPES,
    TEXT_TYPES,
    VARCHAR_LENGTH,
    ColumnValue,
    draw_typical,
    value_literal,
)
from simdsl.generation.statements import TableRows
from simdsl.plan.deferred import dataclass
from simdsl.profiles.profile import ColumnType, IndexKind, SchemaKnobs
from simdsl.profiles.profile import SchemaKnobs as Knobs


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnDef:
    """One column. The first one of a table is its ``id``, an integer that is different in every row."""

    name: str
    type: ColumnType
    unique: bool = False
    not_null: bool = False
    forbidden: ColumnValue = None  # CHECK (name <> forbidden)
    default: ColumnValue = None
    references: int | None = None  # the number of a table, and there its id
    added: bool = False  # by ALTER TABLE

    @property
    def ddl(self) -> str:
        """The column as CREATE TABLE and ADD COLUMN write it, but for REFERENCES."""
        text = f"{self.name} {_TYPE_NAMES[self.type]}"
        if self.default is not None:
            text += f" DEFAULT {value_literal(self.default)}"
        if self.not_null:
            text += " NOT NULL"
        if self.unique:
            text += " UNIQUE"
        if self.forbidden is not None:
            text += f" CHECK ({self.name} <> {value_literal(self.forbidden)})"
        return text


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexDef:
    """One index. ``columns`` are those that cannot be dropped while it exists."""

    name: str
    ddl: str
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TableDef:
    """One table; its number is its place in the list of tables. It has at least two columns, whatever the knobs say."""

    name: str
    has_key: bool
    columns: tuple[ColumnDef, ...]
    indexes: tuple[IndexDef, ...] = ()

    @property
    def names(self) -> str:
        """The columns, as a SELECT lists them."""
        return ", ".join(column.name for column in self.columns)

    def with_index(self, index: IndexDef) -> TableDef:
        """The table with one more index."""
        return replace(self, indexes=(*self.indexes, index))


def draw_schema(seed: int, knobs: Knobs) -> tuple[TableDef, ...]:
    """Tables ``t1``, ``t2`` ... A table refers only to earlier ones that have a primary key."""
    tables: list[TableDef] = []
    count = Sampler(seed, "schema").below(knobs.tables) + 1
    for number in range(count):
        tables.append(_table(seed, knobs, number, tables))
    return tuple(tables)


def draw_index(sampler: Sampler, knobs: Knobs, table: TableDef, name: str) -> IndexDef:
    """Another index of a table."""
    kind = sampler.one_of(knobs.index_kinds)
    column = sampler.one_of(table.columns[1:])
    on, unique = column.name, ""
    columns: tuple[str, ...] = (column.name,)
    match kind:
        case IndexKind.UNIQUE:
            # With the id it is unique whatever the column holds; rows are drawn without regard to it.
            on, unique = f"{column.name}, id", "UNIQUE "
        case IndexKind.COMPOSITE:
            other = sampler.one_of(table.columns)
            if other is not column:
                on, columns = f"{column.name}, {other.name}", (column.name, other.name)
        case IndexKind.DESCENDING:
            on = f"{column.name} DESC"
        case IndexKind.EXPRESSION:
            # Nothing that could overflow or fail for a value of the column: the INSERT would fail with it.
            on = f"lower({column.name})" if column.type in TEXT_TYPES else "(id * 2)"
        case IndexKind.PLAIN | IndexKind.PARTIAL:
            pass
    where = f" WHERE {column.name} IS NOT NULL" if kind is IndexKind.PARTIAL else ""
    return IndexDef(name=name, ddl=f"CREATE {unique}INDEX {name} ON {table.name} ({on}){where}", columns=columns)


def draw_column(sampler: Sampler, knobs: Knobs, name: str) -> ColumnDef:
    """A column that can be added to a table with rows: without constraints, which those rows would have to satisfy."""
    of = sampler.one_of(knobs.types)
    default = draw_typical(sampler, of) if sampler.chance(knobs.default) else None
    return ColumnDef(name=name, type=of, default=default, added=True)


def create_tables(tables: tuple[TableDef, ...]) -> Iterator[str]:
    """The statements that make the tables, without the indexes."""
    for table in tables:
        key = "id INTEGER PRIMARY KEY" if table.has_key else "id INTEGER NOT NULL"
        columns = [key, *(_reference(column, tables) for column in table.columns[1:])]
        yield f"CREATE TABLE {table.name} ({', '.join(columns)})"


def _reference(column: ColumnDef, tables: tuple[TableDef, ...]) -> str:
    if column.references is None:
        return column.ddl
    return f"{column.ddl} REFERENCES {tables[column.references].name} (id)"


def _table(seed: int, knobs: Knobs, number: int, earlier: list[TableDef]) -> TableDef:
    sampler = Sampler(seed, "table", number)
    has_key = sampler.chance(knobs.primary_key)
    columns = [ColumnDef(name="id", type=ColumnType.INTEGER, not_null=True)]
    columns += [_column(seed, knobs, number, i) for i in range(1, 2 + sampler.below(max(knobs.columns - 1, 1)))]
    parents = [i for i, table in enumerate(earlier) if table.has_key]
    if parents and len(columns) < knobs.columns and sampler.chance(knobs.foreign_key):
        columns.append(ColumnDef(name="parent", type=ColumnType.INTEGER, references=sampler.one_of(parents)))
    table = TableDef(name=f"t{number + 1}", has_key=has_key, columns=tuple(columns))
    for i in range(sampler.below(knobs.indexes + 1) if knobs.index_kinds else 0):
        table = table.with_index(draw_index(Sampler(seed, "index", number, i), knobs, table, f"i{number + 1}_{i}"))
    return table


def _column(seed: int, knobs: Knobs, number: int, i: int) -> ColumnDef:
    sampler = Sampler(seed, "column", number, i)
    of = sampler.one_of(knobs.types)
    unique = sampler.chance(knobs.unique) and of in _UNIQUE_TYPES
    not_null = sampler.chance(knobs.not_null)
    forbidden = _FORBIDDEN.get(of) if sampler.chance(knobs.check) else None
    default = draw_typical(sampler, of) if sampler.chance(knobs.default) and not unique else None
    return ColumnDef(name=f"c{i}", type=of, unique=unique, not_null=not_null, forbidden=forbidden, default=default)


_UNIQUE_TYPES: Final = (INTEGER_TYPES - {ColumnType.SMALLINT}) | TEXT_TYPES

# Values that no sampler draws, so that a CHECK refuses only the statements that are meant to fail.
_FORBIDDEN: Final = MappingProxyType[ColumnType, ColumnValue](
    {
        ColumnType.INTEGER: 7777,
        ColumnType.BIGINT: 7777,
        ColumnType.SMALLINT: 7777,
        ColumnType.REAL: 7777.5,
        ColumnType.TEXT: "forbidden",
        ColumnType.VARCHAR: "forbidden",
    }
)

_TYPE_NAMES: Final = MappingProxyType(
    {
        **{kind: kind.value.upper() for kind in ColumnType},
        ColumnType.DECIMAL: "DECIMAL(12, 2)",
        ColumnType.VARCHAR: f"VARCHAR({VARCHAR_LENGTH})",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaChange:
    """A statement, and the table and its rows afterwards. ``first`` is a query to run before, which returns no rows.

    In SQLite a connection that has not seen the latest schema finds no column to drop, and does not notice that its schema
    is out of date; a query of that column makes it read the schema again.
    """

    text: str
    first: str | None = None
    table: TableDef
    rows: TableRows


def draw_schema_change(
    sampler: Sampler, knobs: SchemaKnobs, table: TableDef, rows: TableRows, fresh: int
) -> SchemaChange | None:
    """CREATE INDEX, DROP INDEX, ADD COLUMN or DROP COLUMN; None if the knobs leave room for none.

    ``fresh`` makes a name that was never used: a dropped name that comes back could hide an engine's stale cache.
    """
    form = sampler.below(4)
    if form == 0 and table.indexes:
        index = sampler.one_of(table.indexes)
        left = tuple(one for one in table.indexes if one is not index)
        return SchemaChange(text=f"DROP INDEX {index.name}", table=replace(table, indexes=left), rows=rows)
    if form == 1:
        # Only columns that were added: they have no constraints, with which DROP COLUMN is refused.
        held = {name for index in table.indexes for name in index.columns}
        free = [i for i, column in enumerate(table.columns) if column.added and column.name not in held]
        if free:
            return _drop_column(table, rows, sampler.one_of(free))
    has_room = len(table.columns) < knobs.columns
    if form == 2 and has_room:
        return _add_column(sampler, knobs, table, rows, f"x{fresh}")
    if knobs.index_kinds and len(table.indexes) < knobs.indexes:
        index = draw_index(sampler, knobs, table, f"i{fresh}")
        return SchemaChange(text=index.ddl, table=table.with_index(index), rows=rows)
    if table.indexes:
        index = table.indexes[0]
        return SchemaChange(text=f"DROP INDEX {index.name}", table=replace(table, indexes=table.indexes[1:]), rows=rows)
    return _add_column(sampler, knobs, table, rows, f"x{fresh}") if has_room else None


def _add_column(sampler: Sampler, knobs: SchemaKnobs, table: TableDef, rows: TableRows, name: str) -> SchemaChange:
    column = draw_column(sampler, knobs, name)
    return SchemaChange(
        text=f"ALTER TABLE {table.name} ADD COLUMN {column.ddl}",
        table=replace(table, columns=(*table.columns, column)),
        rows={key: (*row, column.default) for key, row in rows.items()},
    )


def _drop_column(table: TableDef, rows: TableRows, i: int) -> SchemaChange:
    return SchemaChange(
        first=f"SELECT {table.columns[i].name} FROM {table.name} WHERE id = 0",
        text=f"ALTER TABLE {table.name} DROP COLUMN {table.columns[i].name}",
        table=replace(table, columns=(*table.columns[:i], *table.columns[i + 1 :])),
        rows={key: (*row[:i], *row[i + 1 :]) for key, row in rows.items()},
    )
