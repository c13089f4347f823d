"""Tables that nobody designed: columns, constraints and indexes, in types that the dialects share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from simdsl.generation.draws import Draws
from simdsl.generation.values import TEXTS, VARCHAR, WHOLE, Plain, literal, ordinary
from simdsl.plan.dataclasses import dataclass
from simdsl.profiles.profile import ColumnType, IndexKind
from simdsl.profiles.profile import Schema as Knobs


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column. The first one of a table is its ``id``, an integer that no two rows share."""

    name: str
    type: ColumnType
    unique: bool = False
    not_null: bool = False
    forbidden: Plain = None  # CHECK (name <> forbidden)
    default: Plain = None
    references: int | None = None  # the number of a table, and there its id
    added: bool = False  # by ALTER TABLE

    @property
    def ddl(self) -> str:
        """The column as CREATE TABLE and ADD COLUMN write it, but for REFERENCES."""
        text = f"{self.name} {_WORDS[self.type]}"
        if self.default is not None:
            text += f" DEFAULT {literal(self.default)}"
        if self.not_null:
            text += " NOT NULL"
        if self.unique:
            text += " UNIQUE"
        if self.forbidden is not None:
            text += f" CHECK ({self.name} <> {literal(self.forbidden)})"
        return text


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """One index, and the names of the columns that cannot be dropped while it is there."""

    name: str
    ddl: str
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One table; its number is its place in the list of tables. It has two columns at least, whatever the knobs say."""

    name: str
    has_key: bool
    columns: tuple[Column, ...]
    indexes: tuple[Index, ...] = ()

    @property
    def names(self) -> str:
        """The columns, as a SELECT lists them."""
        return ", ".join(column.name for column in self.columns)

    def with_index(self, index: Index) -> Table:
        """The table when the index is there."""
        return replace(self, indexes=(*self.indexes, index))


def draw_schema(seed: int, knobs: Knobs) -> tuple[Table, ...]:
    """Tables ``t1``, ``t2`` ... A table refers to earlier ones only, and to such as have a primary key."""
    tables: list[Table] = []
    count = Draws(seed, "schema").below(knobs.tables) + 1
    for number in range(count):
        tables.append(_table(seed, knobs, number, tables))
    return tuple(tables)


def draw_index(draws: Draws, knobs: Knobs, table: Table, name: str) -> Index:
    """A further index of a table."""
    kind = draws.one_of(knobs.index_kinds)
    column = draws.one_of(table.columns[1:])
    on, unique = column.name, ""
    columns: tuple[str, ...] = (column.name,)
    match kind:
        case IndexKind.UNIQUE:
            on, unique = f"{column.name}, id", "UNIQUE "
        case IndexKind.COMPOSITE:
            other = draws.one_of(table.columns)
            if other is not column:
                on, columns = f"{column.name}, {other.name}", (column.name, other.name)
        case IndexKind.DESCENDING:
            on = f"{column.name} DESC"
        case IndexKind.EXPRESSION:
            on = f"lower({column.name})" if column.type in TEXTS else "(id * 2)"
        case IndexKind.PLAIN | IndexKind.PARTIAL:
            pass
    where = f" WHERE {column.name} IS NOT NULL" if kind is IndexKind.PARTIAL else ""
    return Index(name=name, ddl=f"CREATE {unique}INDEX {name} ON {table.name} ({on}){where}", columns=columns)


def draw_column(draws: Draws, knobs: Knobs, name: str) -> Column:
    """A column that can be added to a table with rows."""
    of = draws.one_of(knobs.types)
    default = ordinary(draws, of) if draws.chance(knobs.default) else None
    return Column(name=name, type=of, default=default, added=True)


def create(tables: tuple[Table, ...]) -> Iterator[str]:
    """The statements that make the tables, without the indexes."""
    for table in tables:
        key = "id INTEGER PRIMARY KEY" if table.has_key else "id INTEGER NOT NULL"
        columns = [key, *(_reference(column, tables) for column in table.columns[1:])]
        yield f"CREATE TABLE {table.name} ({', '.join(columns)})"


def _reference(column: Column, tables: tuple[Table, ...]) -> str:
    if column.references is None:
        return column.ddl
    return f"{column.ddl} REFERENCES {tables[column.references].name} (id)"


def _table(seed: int, knobs: Knobs, number: int, earlier: list[Table]) -> Table:
    draws = Draws(seed, "table", number)
    has_key = draws.chance(knobs.primary_key)
    columns = [Column(name="id", type=ColumnType.INTEGER, not_null=True)]
    columns += [_column(seed, knobs, number, i) for i in range(1, 2 + draws.below(max(knobs.columns - 1, 1)))]
    parents = [i for i, table in enumerate(earlier) if table.has_key]
    if parents and len(columns) < knobs.columns and draws.chance(knobs.foreign_key):
        columns.append(Column(name="parent", type=ColumnType.INTEGER, references=draws.one_of(parents)))
    table = Table(name=f"t{number + 1}", has_key=has_key, columns=tuple(columns))
    for i in range(draws.below(knobs.indexes + 1) if knobs.index_kinds else 0):
        table = table.with_index(draw_index(Draws(seed, "index", number, i), knobs, table, f"i{number + 1}_{i}"))
    return table


def _column(seed: int, knobs: Knobs, number: int, i: int) -> Column:
    draws = Draws(seed, "column", number, i)
    of = draws.one_of(knobs.types)
    unique = draws.chance(knobs.unique) and of in _UNIQUE
    not_null = draws.chance(knobs.not_null)
    forbidden = _FORBIDDEN.get(of) if draws.chance(knobs.check) else None
    default = ordinary(draws, of) if draws.chance(knobs.default) and not unique else None
    return Column(name=f"c{i}", type=of, unique=unique, not_null=not_null, forbidden=forbidden, default=default)


_UNIQUE: Final = (WHOLE - {ColumnType.SMALLINT}) | TEXTS
# No value that is drawn is one of these.
_FORBIDDEN: Final = MappingProxyType[ColumnType, Plain](
    {
        ColumnType.INTEGER: 7777,
        ColumnType.BIGINT: 7777,
        ColumnType.SMALLINT: 7777,
        ColumnType.REAL: 7777.5,
        ColumnType.TEXT: "forbidden",
        ColumnType.VARCHAR: "forbidden",
    }
)
_WORDS: Final = MappingProxyType(
    {
        **{kind: kind.value.upper() for kind in ColumnType},
        ColumnType.DECIMAL: "DECIMAL(12, 2)",
        ColumnType.VARCHAR: f"VARCHAR({VARCHAR})",
    }
)
