"""PostgreSQL through ODBC: a test's backend, and the proof of `simdsl.backends.odbc` on a real driver and a real engine.

What is SQL Server's in the backend `mssql` is PostgreSQL's here: how it tells the state of a transaction, who waits for
whom, its errors, its databases. Everything else is the same code. The driver is Debian's ``odbc-postgresql``.

Transactions are SQL text. The driver keeps the engine's warnings to itself, such as that there is no transaction to
commit, so the state is asked before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from simdsl.backends.dbapi.session import TransactionSyntax, compile_statement, quote_name
from simdsl.backends.odbc import driver
from simdsl.backends.odbc.driver import OdbcConnection, class_by_sqlstate, class_without_sqlstate, parse_diagnostic
from simdsl.backends.odbc.session import OdbcDatabase, OdbcSession
from simdsl.backends.pools import describe_pool
from simdsl.backends.postgres.embedded_server import shared
from simdsl.backends.protocol import (
    BackendUnavailable,
    Capabilities,
    Database,
    Description,
    Refusal,
    Statement,
    Tx,
)
from simdsl.core.choices import fresh_name
from simdsl.plan.outcomes import ErrorClass, Failed, Outcome, Rows
from simdsl.plan.plan import Reset
from simdsl.plan.sql import Dialect, IsolationLevel, Sql, TransactionAction, TransactionControl
from simdsl.plan.values import sorted_rows

DRIVER: Final = "PostgreSQL Unicode"
DECLARED: Final = frozenset(
    {
        ErrorClass.UNIQUE_VIOLATION,
        ErrorClass.NOT_NULL_VIOLATION,
        ErrorClass.FOREIGN_KEY_VIOLATION,
        ErrorClass.CHECK_VIOLATION,
        ErrorClass.SYNTAX_ERROR,
        ErrorClass.UNDEFINED_TABLE,
        ErrorClass.UNDEFINED_COLUMN,
        ErrorClass.UNDEFINED_FUNCTION,
        ErrorClass.UNDEFINED_OBJECT,
        ErrorClass.DUPLICATE_TABLE,
        ErrorClass.DUPLICATE_OBJECT,
        ErrorClass.DATATYPE_MISMATCH,
        ErrorClass.NUMERIC_VALUE_OUT_OF_RANGE,
        ErrorClass.DIVISION_BY_ZERO,
        ErrorClass.STRING_DATA_RIGHT_TRUNCATION,
        ErrorClass.INVALID_TEXT_REPRESENTATION,
        ErrorClass.LOCK_NOT_AVAILABLE,
        ErrorClass.SERIALIZATION_FAILURE,
        ErrorClass.IN_FAILED_SQL_TRANSACTION,
        ErrorClass.NO_ACTIVE_TRANSACTION,
        ErrorClass.ACTIVE_SQL_TRANSACTION,
        ErrorClass.INVALID_SAVEPOINT_SPECIFICATION,
        ErrorClass.QUERY_CANCELED,
        ErrorClass.CONNECTION_LOST,
        ErrorClass.CONNECTION_CLOSED,
        ErrorClass.POOL_TIMEOUT,
        ErrorClass.READ_ONLY,
        ErrorClass.INSUFFICIENT_PRIVILEGE,
        ErrorClass.FEATURE_NOT_SUPPORTED,
    }
)

# What the driver would do by itself: savepoints around each statement, server-side statements that make every parameter a
# text, other line ends, booleans and blobs as text.
_OPTIONS: Final = {
    "Protocol": "7.4-0",
    "UseServerSidePrepare": "0",
    "LFConversion": "0",
    "BoolsAsChar": "0",
    "ByteaAsLongVarBinary": "1",
    "MaxLongVarcharSize": "1000000",
}
_TABLES: Final = "SELECT tablename FROM pg_catalog.pg_tables WHERE schemaname = 'public' ORDER BY tablename"
_SYNTAX: Final = TransactionSyntax(
    engine="PostgreSQL", levels=frozenset(IsolationLevel) - {IsolationLevel.SNAPSHOT}, names_levels=True, access_modes=True
)
_STATES: Final = {
    "idle": Tx.IDLE,
    "idle in transaction": Tx.OPEN,
    "idle in transaction (aborted)": Tx.FAILED,
}


def make(pool: str | None = None) -> OdbcPostgresBackend:
    """The factory: ``python:tests.backends.odbc_postgres:make``."""
    return OdbcPostgresBackend(pool)


class OdbcPostgresBackend:
    """See ``protocol.Backend``."""

    name = "odbc"
    url = "python:tests.backends.odbc_postgres:make"
    dialect = Dialect.POSTGRES

    def __init__(self, pool: str | None = None) -> None:
        self.pool = pool

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(
            error_classes=DECLARED,
            isolation_levels=_SYNTAX.levels,
            begin_modes=frozenset(),
            blocks_on_locks=True,
            snapshot_reads=True,
            savepoints=True,
            transactional_ddl=True,
            returning=True,
            upsert=True,
            boolean_type=True,
            deferred_constraints=True,
            nulls_first=False,
            integer_division=True,
            cancel=True,
        )

    def describe(self) -> Description:
        connection = connect("postgres")
        ((version,),) = connection.execute("SHOW server_version").fetchall()
        connection.close()
        return Description(
            driver=f"pyodbc over {DRIVER}",
            driver_version=driver.version(),
            engine="PostgreSQL",
            engine_version=str(version),
            pool=describe_pool(self.pool),
        )

    def compile(self, sql: Sql, identifiers: Mapping[str, str]) -> Statement | Refusal:
        return compile_statement(sql, identifiers, _SYNTAX)

    def create(self) -> Database:
        return OdbcPostgresDatabase(self.pool)


class OdbcPostgresDatabase(OdbcDatabase):
    """A database of its own. The snapshot is a template of it."""

    def __init__(self, pool: str | None) -> None:
        self.database = f"odbc_{fresh_name()}"
        self.kept = f"{self.database}_kept"
        self.admin = connect("postgres")
        self.admin.execute(f"CREATE DATABASE {self.database}")
        super().__init__(PostgresEngine(self.admin), pool)
        self._is_closed = False

    @property
    def label(self) -> str:
        return self.database

    def reset(self, reset: Reset) -> Failed | None:
        """Every mode empties, with foreign keys unchecked."""
        connection = connect(self.database)
        try:
            known = {name for (name,) in connection.execute(_TABLES).fetchall()}
            connection.execute("SET session_replication_role = replica")
            for table in reset.tables:
                if table in known:
                    connection.execute(f"DELETE FROM {quote_name(table)}")
        finally:
            connection.close()
        return None

    def snapshot(self) -> None:
        self.forget_sessions()
        self.admin.execute(f"CREATE DATABASE {self.kept} TEMPLATE {self.database} STRATEGY file_copy")

    def restore(self) -> None:
        self.forget_sessions()
        self.admin.execute(f"DROP DATABASE {self.database} WITH (FORCE)")
        self.admin.execute(f"CREATE DATABASE {self.database} TEMPLATE {self.kept} STRATEGY file_copy")

    def end_state(self) -> Mapping[str, Rows]:
        connection = connect(self.database)
        state: dict[str, Rows] = {}
        for (name,) in connection.execute(_TABLES).fetchall():
            cursor = connection.execute(f"SELECT * FROM {quote_name(name)}")
            state[name] = Rows(len(cursor.description or ()), sorted_rows([tuple(row) for row in cursor.fetchall()]))
        connection.close()
        return state

    def close(self) -> None:
        if self._is_closed:
            return
        self._is_closed = True
        self.forget_sessions()
        for name in (self.database, self.kept):
            self.admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        self.admin.close()

    def connect_driver(self, number: int) -> tuple[OdbcConnection, int]:
        connection = connect(self.database)
        ((process,),) = connection.execute("SELECT pg_backend_pid()").fetchall()
        return connection, process

    def find_blockers(self, engine_ids: Sequence[int]) -> Mapping[int, frozenset[int]]:
        rows = self.admin.execute(
            f"SELECT p, unnest(pg_blocking_pids(p)) FROM unnest(ARRAY[{','.join(map(str, engine_ids))}]) AS p"
        ).fetchall()
        return {process: frozenset(other for p, other in rows if p == process) for process, _ in rows}


class PostgresEngine:
    """See ``odbc.session.OdbcEngine``. Another connection tells the state: a failed transaction answers no query."""

    rollback = "ROLLBACK"
    after_cancel = None
    asks_before_control = True

    def __init__(self, observer: OdbcConnection) -> None:
        self._observer = observer

    def failed(self, error: BaseException) -> Failed:
        sqlstate, _, text = parse_diagnostic(error)
        text = text.partition("\n")[0].removesuffix(";")
        error_class = class_by_sqlstate(sqlstate) or class_without_sqlstate(error, text) or ErrorClass.OTHER
        return Failed(error_class, text, sqlstate)

    def controlled(self, transaction: TransactionControl, before: Tx | None, outcome: Outcome) -> Outcome:
        match transaction.action, before:
            case TransactionAction.BEGIN, Tx.OPEN:
                return _refused(ErrorClass.ACTIVE_SQL_TRANSACTION)
            case ((TransactionAction.COMMIT | TransactionAction.ROLLBACK), Tx.IDLE):
                return _refused(ErrorClass.NO_ACTIVE_TRANSACTION)
            case TransactionAction.COMMIT, Tx.FAILED:
                return _refused(ErrorClass.IN_FAILED_SQL_TRANSACTION)
            case _:
                return outcome

    def tx(self, session: OdbcSession) -> Tx:
        rows = self._observer.execute(f"SELECT state FROM pg_stat_activity WHERE pid = {session.engine_id}").fetchall()
        return _STATES.get(rows[0][0], Tx.OPEN) if rows else Tx.LOST


def connect(database: str, **attributes: str) -> OdbcConnection:
    """A connection to the tests' server, or to wherever the attributes say."""
    server = shared()
    place = {
        "DRIVER": DRIVER,
        "SERVER": str(server.host),
        "PORT": str(server.port),
        "UID": server.user,
        "DATABASE": database,
    }
    return driver.connect(driver.connection_string({**place, **_OPTIONS, **attributes}))


def problem() -> str | None:
    """Why these tests cannot run on this machine, with what to install; or None."""
    packages = "apt-get install unixodbc odbc-postgresql"
    try:
        if DRIVER not in driver.drivers():
            return f"there is no ODBC driver for PostgreSQL: {packages}"
        shared()
    except BackendUnavailable as error:
        return f"{error} ({packages})"
    return None


def _refused(error_class: ErrorClass) -> Failed:
    return Failed(error_class, str(error_class).replace("_", " "), error_class.sqlstate)
