"""A database of an engine that keeps SQLite's file format: what SQLite, libSQL and Turso share, and SQLite's own."""

from __future__ import annotations

import contextlib
from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Final, TypeVar

from simdsl.backends.dbapi.database import DATABASE_IS_LOCKED, FileDatabase, FileLocation
from simdsl.backends.dbapi.session import BlockingSession, quote_name
from simdsl.backends.protocol import BackendUnavailable
from simdsl.backends.sqlite.errors import failed
from simdsl.backends.sqlite.session import SqliteDriver, SqliteSession
from simdsl.core.choices import fresh_name
from simdsl.plan.outcomes import Failed
from simdsl.plan.plan import Reset, ResetMode

if TYPE_CHECKING:
    import sqlite3

B = TypeVar("B", bound=BlockingSession)

_TABLES: Final = "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name"
_DEFINITIONS: Final = (
    "SELECT sql FROM sqlite_schema WHERE tbl_name = ? COLLATE NOCASE AND type <> 'view' AND sql IS NOT NULL "
    "ORDER BY type <> 'table', rowid"
)


class SqliteFamilyDatabase(FileDatabase[B]):
    """See ``protocol.Database``. For SQLite and for engines with its file format and its catalog.

    The admin connection stays open between sessions: SQLite folds a write-ahead log into its file whenever the last
    connection closes, and that costs more than to keep one open.
    """

    side_files: tuple[str, ...] = ("-wal", "-shm", "-journal")
    own_tables: ClassVar[tuple[str, ...]] = ("sqlite_",)
    """Prefixes of the tables that are the engine's own."""

    def __init__(self, driver: SqliteDriver, location: FileLocation, pool: str | None) -> None:
        self._driver = driver
        super().__init__(location, pool)

    @abstractmethod
    def wrap_connection(self, connection: Any, number: int) -> B:
        """The session over a new connection."""

    def make_session(self, number: int) -> B:
        """A session over a new connection."""
        connection = self.connect_driver()
        if self._location.workspace is not None:
            # A throwaway never survives a crash, so no commit has to wait for the disk.
            connection.execute("PRAGMA synchronous = OFF")
        return self.wrap_connection(connection, number)

    def connect_driver(self) -> Any:
        """Raises the driver's errors."""
        return self._driver.connect(self._target)

    def table_names(self) -> Sequence[str]:
        """The user's tables."""
        names = (str(name) for (name,) in self._admin.execute(_TABLES).fetchall())
        return [name for name in names if not name.lower().startswith(self.own_tables)]

    def reset(self, reset: Reset) -> Failed | None:
        """Empty the tables in one transaction, foreign keys unchecked: the plan names every table that it wants empty."""
        try:
            self._admin.execute("BEGIN IMMEDIATE")
            for table in reset.tables:
                self._reset_table(table, reset.mode)
            self._admin.execute("COMMIT")
        except Exception as error:  # any driver error
            # The error may have ended the connection too; then the next statement says so.
            with contextlib.suppress(Exception):
                if self._admin.in_transaction:
                    self._admin.execute("ROLLBACK")
            return self.failed(error)
        return None

    def _reset_table(self, table: str, mode: ResetMode) -> None:
        known = self._admin.execute(
            "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ? COLLATE NOCASE", (table,)
        ).fetchall()
        if not known:
            return
        if mode is not ResetMode.RECREATE:
            self._admin.execute(f"DELETE FROM {quote_name(table)}")
            return
        definitions = [sql for (sql,) in self._admin.execute(_DEFINITIONS, (table,)).fetchall()]
        self._admin.execute(f"DROP TABLE {quote_name(table)}")
        for sql in definitions:
            self._admin.execute(sql)

    def _open_admin(self, *, is_new: bool = False) -> Any:
        admin = None
        try:
            admin = self.connect_driver()
            # Bytes that are not UTF-8 fail in a session, but must not hide an end state.
            admin.text_factory = _lenient_text
            # Only once: the plan's setup may have chosen another mode, and a file remembers its own.
            if is_new and self._location.journal_mode is not None:
                self._set_journal_mode(admin, self._location.journal_mode)
            admin.execute("SELECT count(*) FROM sqlite_schema").fetchall()
        except Exception as error:  # any driver error
            if admin is not None:
                admin.close()
            if self._location.workspace is not None:
                self._location.workspace.close()
            raise self.unavailable(error) from error
        return admin

    def _set_journal_mode(self, admin: Any, mode: str) -> None:
        (got,) = admin.execute(f"PRAGMA journal_mode = {mode}").fetchone()
        if got != mode:
            raise ValueError(f"the journal mode stays {got}, not {mode}")

    def _flush(self) -> None:
        (is_busy, *_) = self._admin.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if is_busy:
            raise BackendUnavailable(DATABASE_IS_LOCKED)

    def _check_unlocked(self) -> None:
        if self._location.workspace is not None:
            return
        try:
            self._admin.execute("BEGIN EXCLUSIVE")
            self._admin.execute("ROLLBACK")
        except Exception as error:  # any driver error
            raise BackendUnavailable(f"{DATABASE_IS_LOCKED}: {error}") from error


class SqliteDatabase(SqliteFamilyDatabase[SqliteSession]):
    """See ``protocol.Database``. The snapshot lies in memory, and SQLite's own backup copies it into the open file.

    The backup takes 0.05 ms for a few tables, where copying the file and opening it again takes 0.3: it leaves the admin
    connection's page cache and the log in place. The admin connection also keeps a database in memory alive, which exists
    only while a connection to it does.
    """

    def __init__(self, driver: SqliteDriver, location: FileLocation, pool: str | None) -> None:
        self._memory: sqlite3.Connection | None = None
        super().__init__(driver, location, pool)

    def wrap_connection(self, connection: Any, number: int) -> SqliteSession:
        """The session over a new connection."""
        return SqliteSession(connection, number)

    def failed(self, error: BaseException) -> Failed:
        """By code, where the driver gives one."""
        return failed(error)

    def snapshot(self) -> None:
        """Copy the database into memory."""
        self.forget_sessions()
        memory = self._driver.connect(":memory:")
        try:
            _back_up(self._admin, memory)
            self._memory = memory
        except (AttributeError, TypeError):
            # A module that wraps connections cannot pass one to SQLite's backup: then the file itself is copied.
            memory.close()
            super().snapshot()

    def restore(self) -> None:
        """Copy the snapshot back. Sessions number from 1 again."""
        if self._memory is None:
            super().restore()
            return
        self.forget_sessions()
        self._restore_from(self._memory)

    def close(self) -> None:
        """Close everything and remove the throwaway directory. Idempotent."""
        try:
            super().close()
        finally:
            if self._memory is not None:
                self._memory.close()

    def _make_target(self) -> str:
        # A unique name, because two runs must never meet in one database, however long their connections live.
        file = self._location.file
        return str(file) if file else self._driver.memory.format(name=f"simdsl-{fresh_name()}")

    def _restore_from(self, memory: sqlite3.Connection) -> None:
        if self._location.journal_mode in ("wal", "delete"):
            # The plan may have switched the file's mode; in WAL mode a changed page size makes the copy below fail.
            (mode,) = self._admin.execute("PRAGMA journal_mode").fetchone()
            if mode != self._location.journal_mode:
                self._set_journal_mode(self._admin, self._location.journal_mode)
        try:
            _back_up(memory, self._admin)
        except Exception:
            if self._location.workspace is None or self._location.file is None:
                raise
            # A plan can leave a throwaway in a state that nothing can be copied into: then it starts as an empty file.
            self._rewrite(b"")
            _back_up(memory, self._admin)


def _back_up(source: sqlite3.Connection, target: sqlite3.Connection) -> None:
    source.backup(target, pages=-1, progress=_refuse_to_wait, sleep=0)


def _refuse_to_wait(status: int, remaining: int, total: int) -> None:
    # The driver retries a step that meets a lock for ever. Here a lock means that a session was left open.
    if status & 0xFF in (5, 6):
        raise BackendUnavailable(DATABASE_IS_LOCKED)


def _lenient_text(raw: bytes) -> str:
    return raw.decode("utf-8", "backslashreplace")
