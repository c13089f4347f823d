"""One database on a SQL Server, made for a plan and dropped after it, and the way back to its snapshot.

The database is always of simdsl's own making: the one that the URL names is only where it logs in. Nothing else on the
server is touched, but for one database more, the *kept* one: SQL Server's own snapshot of the first.

``restore`` has two ways. Where nothing but queries, DML and transactions has run and no object has changed, the rows are
brought back from the kept database in one round trip. Else, and where tables have triggers, a history or refer to each other
in a circle, the database is reverted to its snapshot as a whole, which is slow and always right.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from simdsl.backends.dbapi.session import fetch_values
from simdsl.backends.mssql.dsn import MssqlDsn, connect, session_setup_sql
from simdsl.backends.mssql.engine import MssqlEngine
from simdsl.backends.odbc.driver import OdbcConnection
from simdsl.backends.odbc.session import OdbcDatabase
from simdsl.backends.protocol import BackendUnavailable, Session, Settled, Statement
from simdsl.core.choices import fresh_name
from simdsl.plan.deferred import dataclass, lazy_regex
from simdsl.plan.outcomes import Failed, Rows
from simdsl.plan.plan import Reset, ResetMode
from simdsl.plan.sql import SqlKind
from simdsl.plan.values import sorted_rows


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

# Changes when an object is created, dropped or altered. For what is not an object (users, options), the statement's kind
# decides.
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
    name = f"{database}.{table.quoted}"
    insert = f"INSERT INTO {name} ({columns}) SELECT {columns} FROM {kept}.{table.quoted}"
    if table.identity is None:
        return [insert] if columns else []
    return [
        f"SET IDENTITY_INSERT {name} ON",
        insert,
        f"SET IDENTITY_INSERT {name} OFF",
        *reseed_statements(table, database, table.last_identity),
    ]


def _reseed(name: str, at: int) -> str:
    return f"DBCC CHECKIDENT ({name}, RESEED, {at}) WITH NO_INFOMSGS"


def _integer(value: object) -> int:
    assert isinstance(value, int), "the catalog was asked for a bigint"
    return value


_RIGHTS: Final = (
    "SELECT HAS_PERMS_BY_NAME(NULL, NULL, 'CREATE ANY DATABASE'), HAS_PERMS_BY_NAME(NULL, NULL, 'VIEW SERVER STATE')"
)

# What may change more than rows, and more than objects, whose changes the catalog dates: users, options, settings.
_HARMLESS: Final = frozenset({SqlKind.QUERY, SqlKind.DML, SqlKind.TRANSACTION})
_EXECUTES: Final = lazy_regex(r"\bEXEC(?:UTE)?\b", re.IGNORECASE)

_BLOCKERS: Final = (
    "SELECT session_id, blocking_session_id FROM sys.dm_exec_requests WHERE status = N'suspended' "
    "AND blocking_session_id > 0 AND blocking_session_id <> session_id AND session_id IN ({sessions})"
)

# English, as in the sessions. Every session is closed when this connection writes, so only a process outside of the plan can
# make it wait so long.
_ADMIN: Final = "SET LANGUAGE us_english; SET LOCK_TIMEOUT 30000"


class MssqlDatabase(OdbcDatabase):
    """See ``protocol.Database``."""

    looks = 2  # a view of the scheduler is not the lock table: a waiter may have been served and not yet have run

    def __init__(self, dsn: MssqlDsn, driver: str, engine: MssqlEngine, pool: str | None) -> None:
        super().__init__(engine, pool)
        self._dsn = dsn
        self._driver = driver
        self._name = f"simdsl_{fresh_name()}"
        self._kept = f"{self._name}_kept"
        self._is_changed = False
        self._refill: str | None = None
        self._fingerprint: object = None
        self._is_closed = False
        try:
            self._admin = connect(dsn, driver, dsn.database)
            self._do(_ADMIN)
        except Exception as error:  # any driver error
            raise self.unavailable(error) from None
        try:
            self._make()
        except Exception as error:  # any driver error
            problem = self.unavailable(error)
            self.close()
            raise problem from error

    @property
    def label(self) -> str:
        """The server's address."""
        return f"mssql: {self._dsn.address}"

    def settle(self, pending: Sequence[Session], limit_us: int) -> Settled:
        """By what the engine's scheduler says of this database's sessions."""
        try:
            return super().settle(pending, limit_us)
        except Exception as error:  # the engine cannot be asked any more
            raise self.unavailable(error) from error

    def reset(self, reset: Reset) -> Failed | None:
        """Delete the rows in an order that foreign keys allow; except for ``delete``, identities start over.

        A table that another one refers to cannot be truncated, and no statement gives its definition back: what
        ``truncate`` and ``recreate`` mean for the rows and the identity is done without either.
        """
        try:
            names = {name.casefold() for name in reset.tables}
            found = [table for table in self._tables(self._name) if table.shown.casefold() in names]
            ordered = foreign_key_order(found) or tuple(found)
            texts = delete_statements(ordered, quote_name(self._name))
            if reset.mode is not ResetMode.DELETE:
                for table in ordered:
                    texts += reseed_statements(table, quote_name(self._name), None)
            if texts:
                self._do(";\n".join(["SET XACT_ABORT ON", "BEGIN TRANSACTION", *texts, "COMMIT TRANSACTION"]))
        except Exception as error:  # any driver error
            return self.failed(error)
        finally:
            with contextlib.suppress(Exception):  # a lost connection has said so above
                self._do(f"{self._engine.rollback}; SET XACT_ABORT OFF")
        return None

    def snapshot(self) -> None:
        """Make the kept database. Raises ``BackendUnavailable``."""
        self.forget_sessions()
        try:
            self._keep()
            found = self._tables(self._name)
            ordered = foreign_key_order(found)
            if ordered is not None and all(table.is_plain for table in ordered):
                self._refill = refill_batch(ordered, quote_name(self._name), quote_name(self._kept))
            self._fingerprint = self._look_at_objects()
        except Exception as error:  # any driver error
            raise self.unavailable(error) from error
        self._is_changed = False

    def restore(self) -> None:
        """Bring the rows back, or revert the database as a whole."""
        self.forget_sessions()
        try:
            if self._refill is not None and not self._is_changed and self._look_at_objects() == self._fingerprint:
                self._do(self._refill)
            else:
                self._revert()
        except Exception as error:  # any driver error
            raise self.unavailable(error) from error
        self._is_changed = False

    def end_state(self) -> Mapping[str, Rows]:
        """Read under snapshot isolation: committed rows only, and without waiting for locks."""
        state: dict[str, Rows] = {}
        try:
            self._do("SET TRANSACTION ISOLATION LEVEL SNAPSHOT")
            for table in self._tables(self._name):
                cursor = self._admin.execute(f"SELECT * FROM {quote_name(self._name)}.{table.quoted}")
                description = cursor.description or ()
                state[table.shown] = Rows(len(description), sorted_rows(fetch_values(cursor)))
            self._do("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
        except Exception as error:  # any driver error
            raise self.unavailable(error) from error
        return state

    def close(self) -> None:
        """Drop the two databases that were made here. Idempotent."""
        if self._is_closed:
            return
        self._is_closed = True
        self.forget_sessions()
        name = quote_name(self._name)
        for text in (
            f"DROP DATABASE IF EXISTS {quote_name(self._kept)}",
            f"IF DB_ID({literal(self._name)}) IS NOT NULL ALTER DATABASE {name} SET SINGLE_USER WITH ROLLBACK IMMEDIATE",
            f"DROP DATABASE IF EXISTS {name}",
        ):
            with contextlib.suppress(Exception):  # a server that is lost keeps them; the names say whose they are
                self._do(text)
        with contextlib.suppress(Exception):  # a lost connection may refuse even that
            self._admin.close()

    def _make(self) -> None:
        ((may_create, may_look),) = self._admin.execute(_RIGHTS).fetchall()
        if not may_create:
            raise BackendUnavailable("mssql: the login needs the right CREATE ANY DATABASE, for a database of its own")
        if not may_look:
            raise BackendUnavailable(
                "mssql: the login needs the right VIEW SERVER STATE, to see which session waits for which"
            )
        self._do(f"CREATE DATABASE {quote_name(self._name)}")
        # The defaults of a new server, whatever this one's model database says. A crash may lose everything here.
        for option in (
            "READ_COMMITTED_SNAPSHOT OFF",
            "ALLOW_SNAPSHOT_ISOLATION ON",
            "RECOVERY SIMPLE",
            "DELAYED_DURABILITY = FORCED",
        ):
            self._do(f"ALTER DATABASE {quote_name(self._name)} SET {option}")

    def _keep(self) -> None:
        # Commits are delayed here, and a snapshot is made of what is on the disk.
        self._do(f"EXEC {quote_name(self._name)}.sys.sp_flush_log")
        files = self._admin.execute(
            f"SELECT name, physical_name FROM {quote_name(self._name)}.sys.database_files WHERE type = 0"
        ).fetchall()
        places = ", ".join(f"(NAME = {quote_name(name)}, FILENAME = {literal(f'{path}.kept')})" for name, path in files)
        self._do(f"CREATE DATABASE {quote_name(self._kept)} ON {places} AS SNAPSHOT OF {quote_name(self._name)}")

    def _revert(self) -> None:
        name = quote_name(self._name)
        self._do(f"ALTER DATABASE {name} SET SINGLE_USER WITH ROLLBACK IMMEDIATE")
        self._do(f"RESTORE DATABASE {name} FROM DATABASE_SNAPSHOT = {literal(self._kept)}")
        self._do(f"ALTER DATABASE {name} SET MULTI_USER")
        self._fingerprint = self._look_at_objects()

    def _tables(self, database: str) -> tuple[MssqlTable, ...]:
        name = quote_name(database)
        columns = self._admin.execute(COLUMNS.format(db=name)).fetchall()
        return read_tables(columns, self._admin.execute(REFERENCES.format(db=name)).fetchall())

    def _look_at_objects(self) -> object:
        (row,) = self._admin.execute(FINGERPRINT.format(db=quote_name(self._name))).fetchall()
        return tuple(row)

    def note_statement(self, statement: Statement) -> None:
        """After a statement that may change more than rows, ``restore`` takes the slow way."""
        if statement.kind not in _HARMLESS or (statement.kind is SqlKind.DML and _EXECUTES.search(statement.text)):
            self._is_changed = True

    def connect_driver(self, number: int) -> tuple[OdbcConnection, int]:
        """A connection to this database, set up for the session of this number."""
        connection = connect(self._dsn, self._driver, self._name)
        connection.execute(session_setup_sql(number)).close()
        ((engine_id,),) = connection.execute("SELECT @@SPID").fetchall()
        return connection, engine_id

    def find_blockers(self, engine_ids: Sequence[int]) -> Mapping[int, frozenset[int]]:
        """As the engine's scheduler sees it."""
        rows = self._admin.execute(_BLOCKERS.format(sessions=", ".join(map(str, engine_ids)))).fetchall()
        return {waiter: frozenset({blocker}) for waiter, blocker in rows}

    def unavailable(self, error: BaseException) -> BackendUnavailable:
        """With the engine's own message, without secrets."""
        if isinstance(error, BackendUnavailable):
            return error
        return BackendUnavailable(f"{self.label}: {self.failed(error).text}")

    def _do(self, text: str) -> None:
        """Run a batch to its end: an error in a later part of it comes with its result."""
        cursor = self._admin.execute(text)
        while cursor.nextset():
            pass
        cursor.close()
