"""Turso through ``pyturso``: SQLite's file format, SQL and messages, rewritten in Rust.

``turso`` is a throwaway file, ``turso:///file.db`` (relative) and ``turso:////dir/file.db`` (absolute) are used in place and
never deleted; no other process can open a file at the same time. What the URL may add:

* ``journal_mode=wal|mvcc``: by default a throwaway is in WAL mode, and a user's file stays as it is. ``BEGIN CONCURRENT``
  needs ``mvcc``: it is snapshot isolation, and a write that meets another transaction's is ``serialization_failure`` and
  ends its own transaction. A plain ``BEGIN`` still has one writer at a time;
* ``pool=module:factory``: another pool (see ``backends.pools``).

The engine aborts its process when it panics, so it has one of its own (docs/adr/0023). Its death is the outcome
``driver_panic`` of the running statement, with what the engine printed about it; other sessions are lost, and connections
that are opened after that run in a new process.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Final

from simdsl.backends import pools as pool_names
from simdsl.backends.dbapi.database import FileLocation, locate
from simdsl.backends.dbapi.session import (
    NOTHING,
    BlockingSession,
    TransactionSyntax,
    compile_statement,
    counts_rows,
    wrong_argument_count,
)
from simdsl.backends.protocol import (
    Backend,
    BackendUnavailable,
    Capabilities,
    Database,
    Description,
    Refusal,
    Statement,
)
from simdsl.backends.sqlite.backend import SqliteFamilyBackend, family_arguments, family_capabilities, transaction_syntax
from simdsl.backends.sqlite.database import SqliteFamilyDatabase
from simdsl.backends.sqlite.session import SqliteDriver, fit_values, package_version
from simdsl.backends.turso import FACTS
from simdsl.backends.turso.process import LIMIT_US, EngineSupervisor, failed
from simdsl.plan.outcomes import Affected, ErrorClass, Failed, Outcome, Rows
from simdsl.plan.plan import Reset
from simdsl.plan.sql import Sql, SqlKind
from simdsl.plan.values import Value


class TursoSession(BlockingSession):
    """One connection, a ``TursoConnection``."""

    __slots__ = ()

    def start(self, statement: Statement, arguments: Sequence[Value]) -> Outcome:
        """Run the statement to its end."""
        refusal = wrong_argument_count(statement, arguments)
        if refusal is not None:
            return refusal
        connection: Any = self.connection
        is_dml = statement.kind is SqlKind.DML
        try:
            width, rows, count = connection.run(statement.text, fit_values(arguments) if arguments else (), is_dml)
        except Exception as error:  # every error of a connection is an outcome of the statement
            return failed(error)
        if width:
            return Rows(width, rows, count if is_dml else None)
        return Affected(count) if counts_rows(statement) else NOTHING


class TursoDatabase(SqliteFamilyDatabase[TursoSession]):
    """See ``protocol.Database``.

    When the engine's process dies, its sessions are lost and stay lost. Sessions that are opened after that, and the
    database's own work, run in a new process over what the old one left on disk.
    """

    side_files: tuple[str, ...] = (*SqliteFamilyDatabase.side_files, "-log")
    own_tables: ClassVar[tuple[str, ...]] = (*SqliteFamilyDatabase.own_tables, "__turso_internal_")

    def __init__(self, location: FileLocation, pool: str | None, version: str, limit_us: int) -> None:
        self._engine = EngineSupervisor(limit_us)
        driver = SqliteDriver(
            name="pyturso",
            version=version,
            engine_version=version,
            module_connect=self._engine.connect,
            tells_codes=False,
        )
        try:
            super().__init__(driver, location, pool)
        except BaseException:  # Ctrl-C too: the process must not outlive a database that was never made
            self._engine.close()
            raise

    @property
    def process_id(self) -> int:
        """Of the process in which the engine runs now."""
        return self._engine.pid

    def wrap_connection(self, connection: Any, number: int) -> TursoSession:
        """The session over a new connection."""
        return TursoSession(connection, number)

    def failed(self, error: BaseException) -> Failed:
        """By the name of the exception, and by the message."""
        return failed(error)

    def reset(self, reset: Reset) -> Failed | None:
        """As for all, in a new process where the old one has died."""
        self._revive()
        return super().reset(reset)

    def snapshot(self) -> None:
        """As for all, in a new process where the old one has died."""
        self._revive()
        super().snapshot()

    def restore(self) -> None:
        """As for all, in a new process where the old one has died."""
        self._revive()
        super().restore()

    def end_state(self) -> Mapping[str, Rows]:
        """As for all, in a new process where the old one has died: after a death, what the engine can recover."""
        self._revive()
        return super().end_state()

    def close(self) -> None:
        """Close everything and end the process. Idempotent."""
        try:
            super().close()
        finally:
            self._engine.close()

    def _revive(self) -> None:
        if self._admin.is_lost:
            self._admin = self._open_admin()


JOURNAL_MODES: Final = ("wal", "mvcc")
_MVCC: Final = "mvcc"

_COMMON: Final = frozenset(
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
        ErrorClass.STRING_DATA_RIGHT_TRUNCATION,
        ErrorClass.INVALID_TEXT_REPRESENTATION,
        ErrorClass.BUSY,
        ErrorClass.NO_ACTIVE_TRANSACTION,
        ErrorClass.ACTIVE_SQL_TRANSACTION,
        ErrorClass.INVALID_SAVEPOINT_SPECIFICATION,
        ErrorClass.CONNECTION_CLOSED,
        ErrorClass.CONNECTION_LOST,
        ErrorClass.POOL_TIMEOUT,
        ErrorClass.READ_ONLY,
        ErrorClass.IO_ERROR,
        ErrorClass.DATA_CORRUPTED,
        ErrorClass.INSUFFICIENT_PRIVILEGE,
        ErrorClass.FEATURE_NOT_SUPPORTED,
        ErrorClass.DRIVER_PANIC,
    }
)
# In MVCC mode rows go to a log, which max_page_count does not limit, and a stale snapshot is ``busy`` as any other lock.
DECLARED: Final = _COMMON | {ErrorClass.SNAPSHOT_CONFLICT, ErrorClass.DISK_FULL}
MVCC_DECLARED: Final = _COMMON | {ErrorClass.SERIALIZATION_FAILURE}


def from_url(head: str, query: Mapping[str, str]) -> Backend:
    """The backend that a URL selects. Raises ``BackendUnavailable``."""
    arguments = family_arguments(FACTS, head, query, journal_modes=JOURNAL_MODES)
    backend = TursoBackend(**arguments)
    backend.load()
    return backend


@dataclass(frozen=True, kw_only=True)
class TursoBackend(SqliteFamilyBackend):
    """See ``protocol.Backend``. ``limit_us`` is how long a statement may take in real time before its process is killed."""

    name: str = FACTS.name
    path: str | None = None
    journal_mode: str | None = None
    pool: str | None = None
    limit_us: int = LIMIT_US

    @property
    def capabilities(self) -> Capabilities:
        """What 0.8 can do, each tested."""
        return family_capabilities(self._syntax, MVCC_DECLARED if self._is_mvcc else DECLARED)

    def describe(self) -> Description:
        """Versions, without starting the engine: it is compiled into its driver and has the same."""
        version = self._version
        return Description(
            driver="pyturso, in a process of its own",
            driver_version=version,
            engine=FACTS.engine,
            engine_version=version,
            pool=pool_names.describe_pool(self.pool),
        )

    def compile(self, sql: Sql, identifiers: Mapping[str, str]) -> Statement | Refusal:
        """Variables that name things become quoted names, all others become ``?`` in text order."""
        return compile_statement(sql, identifiers, self._syntax)

    def create(self) -> Database:
        """A database: made, or opened in place."""
        location = locate(self.path, FACTS.name, journal_mode=self.journal_mode, throwaway_mode="wal")
        return TursoDatabase(location, self.pool, self._version, self.limit_us)

    def load(self) -> None:
        """Look now for what the URL names. Raises ``BackendUnavailable``."""
        _ = self._version
        super().load()

    @property
    def _is_mvcc(self) -> bool:
        return self.journal_mode == _MVCC

    @cached_property
    def _syntax(self) -> TransactionSyntax:
        engine = FACTS.engine if self._is_mvcc else f"{FACTS.engine} without journal_mode=mvcc"
        return transaction_syntax(engine, concurrent=self._is_mvcc)

    @cached_property  # a directory is searched, and the trace of every run asks
    def _version(self) -> str:
        version = package_version("turso", "pyturso")
        if version is None:
            raise BackendUnavailable("turso: its driver is not installed: pip install 'simdsl[turso]'")
        return version
