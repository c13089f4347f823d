"""The rows of a database: kept in memory, put back, emptied, read to the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import psycopg
from psycopg import sql

from simdsl.backends.postgres.provisioner import TargetDatabase
from simdsl.backends.postgres.values import ResultReader
from simdsl.plan.dataclasses import dataclass
from simdsl.plan.outcomes import Rows
from simdsl.plan.plan import Reset, ResetMode
from simdsl.plan.values import sorted_rows

_TABLES: Final = """
SELECT n.nspname, c.relname, c.oid::int8, c.relkind = 'p', c.relispartition
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND n.nspname = coalesce(%s, n.nspname)
ORDER BY 1, 2
"""

_SEQUENCES: Final = """
SELECT n.nspname, c.relname
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'S' AND c.relpersistence <> 't' AND n.nspname !~ '^pg_' AND n.nspname = coalesce(%s, n.nspname)
ORDER BY 1, 2
"""

# Tables, and what they refer to by foreign keys, themselves aside.
_REFERENCES: Final = "SELECT conrelid, confrelid FROM pg_constraint WHERE contype = 'f' AND conrelid <> confrelid"
_TRIGGERS: Final = "SELECT EXISTS (SELECT FROM pg_trigger WHERE NOT tgisinternal)"
_UNGUARDED: Final = "SET LOCAL session_replication_role = replica"  # no triggers, and so no foreign keys either
_LOCK_LIMIT: Final = "SET LOCAL lock_timeout = '10s'"
_PUBLIC: Final = "public"
_VACUUM_EVERY: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresTable:
    """A table of the user's. ``is_parent`` holds no rows itself, ``is_part`` is seen through its parent."""

    schema: str
    name: str
    oid: int
    is_parent: bool
    is_part: bool

    @property
    def identifier(self) -> sql.Identifier:
        """Its quoted, qualified name."""
        return sql.Identifier(self.schema, self.name)

    @property
    def shown(self) -> str:
        """Its name, with its schema if that is not the usual one."""
        return self.name if self.schema == _PUBLIC else f"{self.schema}.{self.name}"


class RowSnapshot:
    """The rows of every table in COPY's binary format, and the state of every sequence.

    Binary, because it brings back exactly what was there: text would pass through each type's input function, and values
    that print the same need not be the same.
    """

    def __init__(
        self,
        tables: Sequence[PostgresTable],
        rows: Mapping[PostgresTable, bytes],
        sequences: Sequence[tuple[Any, ...]],
        *,
        can_be_put_back: bool,
        unguarded: bool,
    ) -> None:
        """``tables`` are in the order in which foreign keys let rows in; ``unguarded`` turns those and triggers off."""
        self.can_be_put_back = can_be_put_back
        self._rows = rows
        self._order = [table for table in tables if table in rows]
        self._times = 0
        begin = f"BEGIN; {_LOCK_LIMIT}" + (f"; {_UNGUARDED}" if unguarded else "")
        self._emptying = sql.SQL("; ").join(
            [
                sql.SQL(begin),
                *(sql.SQL("DELETE FROM ONLY {}").format(table.identifier) for table in reversed(tables)),
                *(
                    sql.SQL("SELECT setval({}, {}, {})").format(
                        sql.Literal(sql.Identifier(schema, name).as_string(None)), last, called
                    )
                    for schema, name, last, called in sequences
                ),
            ]
        )

    @classmethod
    def of(cls, connection: psycopg.Connection[Any], target: TargetDatabase) -> RowSnapshot:
        """What is committed now."""
        tables, is_ordered = _in_order(connection, [t for t in _tables(connection, target) if not t.is_parent])
        rows: dict[PostgresTable, bytes] = {}
        for table in tables:
            (is_there,) = _one(connection, sql.SQL("SELECT EXISTS (SELECT FROM ONLY {})").format(table.identifier))
            if is_there:
                rows[table] = _copied_out(connection, table)
        sequences = []
        for schema, name in connection.execute(_SEQUENCES, (target.schema,)).fetchall():
            state = _one(connection, sql.SQL("SELECT last_value, is_called FROM {}").format(sql.Identifier(schema, name)))
            sequences.append((schema, name, *state))
        (has_triggers,) = _one(connection, sql.SQL(_TRIGGERS))
        # A superuser can tell foreign keys and triggers to look away; for others the order must do.
        can = target.is_superuser or (is_ordered and not has_triggers)
        return cls(tables, rows, sequences, can_be_put_back=can, unguarded=target.is_superuser)

    def put_back(self, connection: psycopg.Connection[Any]) -> None:
        """Bring all rows and sequences back in one transaction. Raises psycopg's errors, then nothing has changed."""
        try:
            connection.execute(self._emptying, prepare=False)
            for table in self._order:
                with (
                    connection.cursor() as cursor,
                    cursor.copy(sql.SQL("COPY {} FROM STDIN (FORMAT binary)").format(table.identifier)) as copy,
                ):
                    copy.write(self._rows[table])
            connection.execute(b"COMMIT")
        except psycopg.Error:
            if not connection.closed:
                connection.execute(b"ROLLBACK")
            raise
        self._times += 1
        if self._times % _VACUUM_EVERY == 0:
            # Autovacuum is off, so every run would scan the dead rows of all runs before it.
            connection.execute(b"VACUUM")


def empty_tables(connection: psycopg.Connection[Any], reset: Reset, target: TargetDatabase) -> None:
    """Empty the tables that the plan names and that are there, in one transaction. Raises psycopg's errors.

    ``recreate`` truncates and restarts identities: TRUNCATE gives a table and its indexes new files.
    """
    known = {table.shown: table for table in _tables(connection, target)} | {t.name: t for t in _tables(connection, target)}
    tables = [known[name].identifier for name in reset.tables if name in known]
    if not tables:
        return
    with connection.transaction():
        if target.is_superuser:
            connection.execute(_UNGUARDED.encode())
        if reset.mode is ResetMode.DELETE:
            for table in tables:
                connection.execute(sql.SQL("DELETE FROM {}").format(table))
        else:
            restart = sql.SQL(" RESTART IDENTITY" if reset.mode is ResetMode.RECREATE else "")
            connection.execute(sql.SQL("TRUNCATE {}").format(sql.SQL(", ").join(tables)) + restart)


def read_end_state(connection: psycopg.Connection[Any], target: TargetDatabase, reading: ResultReader) -> dict[str, Rows]:
    """Every table with its rows in the order of ``values.row_key``."""
    state: dict[str, Rows] = {}
    for table in _tables(connection, target):
        if not table.is_part:
            found = reading.rows(sql.SQL("SELECT * FROM {}").format(table.identifier))
            name = table.name if table.schema == (target.schema or _PUBLIC) else table.shown
            state[name] = found._replace(rows=sorted_rows(found.rows))
    return state


def _tables(connection: psycopg.Connection[Any], target: TargetDatabase) -> list[PostgresTable]:
    return [
        PostgresTable(schema=schema, name=name, oid=oid, is_parent=is_parent, is_part=is_part)
        for schema, name, oid, is_parent, is_part in connection.execute(_TABLES, (target.schema,)).fetchall()
    ]


def _in_order(connection: psycopg.Connection[Any], tables: Sequence[PostgresTable]) -> tuple[list[PostgresTable], bool]:
    """The tables, those that are referred to first; and whether there is such an order."""
    wanted: dict[int, set[int]] = {table.oid: set() for table in tables}
    for child, parent in connection.execute(_REFERENCES).fetchall():
        if child in wanted and parent in wanted:
            wanted[child].add(parent)
    ordered: list[PostgresTable] = []
    waiting = list(tables)
    while waiting:
        placed = {table.oid for table in ordered}
        free = next((table for table in waiting if wanted[table.oid] <= placed), None)
        if free is None:
            return [*ordered, *waiting], False
        ordered.append(free)
        waiting.remove(free)
    return ordered, True


def _copied_out(connection: psycopg.Connection[Any], table: PostgresTable) -> bytes:
    with (
        connection.cursor() as cursor,
        cursor.copy(sql.SQL("COPY {} TO STDOUT (FORMAT binary)").format(table.identifier)) as copy,
    ):
        return b"".join(bytes(part) for part in copy)


def _one(connection: psycopg.Connection[Any], query: sql.Composed | sql.SQL) -> tuple[Any, ...]:
    row: tuple[Any, ...] | None = connection.execute(query).fetchone()
    assert row is not None
    return row
