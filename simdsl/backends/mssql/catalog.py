"""What is in a database: its tables, in an order in which they can be filled, and the text that brings their rows back.

All of this is text of Transact-SQL made from what the catalog says, so it can be read and tested without a server.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from simdsl.plan.dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class MssqlTable:
    """A user table. ``columns`` are those that can be written; ``identity`` is (seed, increment) where it has one."""

    schema: str
    name: str
    columns: tuple[str, ...]
    refers_to: frozenset[str] = frozenset()  # the quoted names of other tables, not of itself
    identity: tuple[int, int] | None = None
    last_identity: int | None = None  # None: none was given out yet
    is_plain: bool = True  # no triggers, no history, no sparse column set: deleting and inserting is all there is to it

    @property
    def quoted(self) -> str:
        """``[schema].[name]``."""
        return f"{quote_name(self.schema)}.{quote_name(self.name)}"

    @property
    def shown(self) -> str:
        """How an end state calls it."""
        return self.name if self.schema == "dbo" else f"{self.schema}.{self.name}"


# One row a column that can be written. Three-part names, so that a connection to another database can ask.
COLUMNS: Final = """
SELECT s.name, t.name, c.name,
  CONVERT(bigint, i.seed_value), CONVERT(bigint, i.increment_value), CONVERT(bigint, i.last_value),
  CASE WHEN t.temporal_type = 0 AND t.is_memory_optimized = 0
    AND NOT EXISTS (SELECT 1 FROM {db}.sys.triggers AS r WHERE r.parent_id = t.object_id) THEN 1 ELSE 0 END
FROM {db}.sys.tables AS t
JOIN {db}.sys.schemas AS s ON s.schema_id = t.schema_id
LEFT JOIN {db}.sys.columns AS c ON c.object_id = t.object_id
  AND c.is_computed = 0 AND c.generated_always_type = 0 AND c.system_type_id <> 189
LEFT JOIN {db}.sys.identity_columns AS i ON i.object_id = t.object_id
WHERE t.is_ms_shipped = 0
ORDER BY s.name, t.name, c.column_id"""

REFERENCES: Final = """
SELECT s.name, t.name, r.name, u.name
FROM {db}.sys.foreign_keys AS f
JOIN {db}.sys.tables AS t ON t.object_id = f.parent_object_id
JOIN {db}.sys.schemas AS s ON s.schema_id = t.schema_id
JOIN {db}.sys.tables AS u ON u.object_id = f.referenced_object_id
JOIN {db}.sys.schemas AS r ON r.schema_id = u.schema_id"""

# Whatever is made, dropped or altered changes this; what is not an object there (users, options) is told by the statement.
FINGERPRINT: Final = """
SELECT COUNT_BIG(*), CHECKSUM_AGG(BINARY_CHECKSUM(object_id, name, type, modify_date)),
  (SELECT CHECKSUM_AGG(BINARY_CHECKSUM(object_id, CONVERT(varchar(40), current_value))) FROM {db}.sys.sequences)
FROM {db}.sys.objects WHERE is_ms_shipped = 0"""


def quote_name(name: str) -> str:
    """A name as an SQL identifier."""
    return "[" + name.replace("]", "]]") + "]"


def read_tables(columns: Iterable[Sequence[object]], references: Iterable[Sequence[object]]) -> tuple[MssqlTable, ...]:
    """The rows of ``COLUMNS`` and ``REFERENCES`` as tables, in the order of their names."""
    targets: dict[str, set[str]] = {}
    for schema, name, other_schema, other in references:
        one, two = (f"{quote_name(str(s))}.{quote_name(str(n))}" for s, n in ((schema, name), (other_schema, other)))
        if one != two:
            targets.setdefault(one, set()).add(two)
    grouped: dict[tuple[str, str], list[Sequence[object]]] = {}
    for row in columns:
        grouped.setdefault((str(row[0]), str(row[1])), []).append(row)
    return tuple(_table(schema, name, rows, targets) for (schema, name), rows in grouped.items())


def foreign_key_order(found: Sequence[MssqlTable]) -> tuple[MssqlTable, ...] | None:
    """Each table after those that it refers to; None where they refer to each other in a circle."""
    left = list(found)
    done: set[str] = set()
    names = {table.quoted for table in found}
    ordered: list[MssqlTable] = []
    while left:
        ready = [table for table in left if (table.refers_to & names) <= done]
        if not ready:
            return None
        ordered += ready
        done |= {table.quoted for table in ready}
        left = [table for table in left if table.quoted not in done]
    return tuple(ordered)


def delete_statements(ordered: Sequence[MssqlTable], database: str) -> list[str]:
    """Statements that delete all rows of tables in filling order."""
    return [f"DELETE FROM {database}.{table.quoted}" for table in reversed(ordered)]


def refill_batch(ordered: Sequence[MssqlTable], database: str, kept: str) -> str:
    """One batch, one transaction: the rows of ``kept`` in the place of those in ``database``."""
    parts = ["SET NOCOUNT ON", "SET XACT_ABORT ON", "BEGIN TRANSACTION", *delete_statements(ordered, database)]
    for table in ordered:
        parts += _filled(table, database, kept)
    return ";\n".join([*parts, "COMMIT TRANSACTION", "SET XACT_ABORT OFF", "SET NOCOUNT OFF"])


def reseed_statements(table: MssqlTable, database: str, last: int | None) -> list[str]:
    """Statements after which an identity goes on behind ``last``; None: as if none had been given out yet.

    DBCC CHECKIDENT: an identity that has given something out goes on at what it is told plus the increment; one that has
    not begins with what it is told. So one that already stands where it should is left alone.
    """
    if table.identity is None:
        return []
    seed, increment = table.identity
    name = literal(f"{database}.{table.quoted}")
    here = f"FROM {database}.sys.identity_columns WHERE object_id = OBJECT_ID({name}) AND"
    if last is None:
        return [f"IF EXISTS (SELECT 1 {here} last_value IS NOT NULL) {_reseed(name, seed - increment)}"]
    return [
        f"IF EXISTS (SELECT 1 {here} last_value IS NULL) {_reseed(name, last + increment)} "
        f"ELSE IF EXISTS (SELECT 1 {here} CONVERT(bigint, last_value) <> {last}) {_reseed(name, last)}"
    ]


def literal(text: str) -> str:
    """A text as Transact-SQL writes one, for names from the catalog only."""
    return "N'" + text.replace("'", "''") + "'"


def _table(schema: str, name: str, rows: Sequence[Sequence[object]], targets: Mapping[str, set[str]]) -> MssqlTable:
    seed, increment, last, is_plain = rows[0][3:7]
    quoted = f"{quote_name(schema)}.{quote_name(name)}"
    return MssqlTable(
        schema=schema,
        name=name,
        columns=tuple(str(row[2]) for row in rows if row[2] is not None),
        refers_to=frozenset(targets.get(quoted, ())),
        identity=None if seed is None or increment is None else (_integer(seed), _integer(increment)),
        last_identity=None if last is None else _integer(last),
        is_plain=bool(is_plain),
    )


def _filled(table: MssqlTable, database: str, kept: str) -> list[str]:
    columns = ", ".join(map(quote_name, table.columns))
    place = f"{database}.{table.quoted}"
    insert = f"INSERT INTO {place} ({columns}) SELECT {columns} FROM {kept}.{table.quoted}"
    if table.identity is None:
        return [insert] if columns else []
    return [
        f"SET IDENTITY_INSERT {place} ON",
        insert,
        f"SET IDENTITY_INSERT {place} OFF",
        *reseed_statements(table, database, table.last_identity),
    ]


def _reseed(name: str, at: int) -> str:
    return f"DBCC CHECKIDENT ({name}, RESEED, {at}) WITH NO_INFOMSGS"


def _integer(value: object) -> int:
    assert isinstance(value, int), "the catalog was asked for a bigint"
    return value
