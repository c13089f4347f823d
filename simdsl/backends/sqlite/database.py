"""One database of an engine that keeps SQLite's file format, and SQLite's own, whose snapshot lies in memory."""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final, Generic, TypeVar

from simdsl.backends.protocol import NOTHING_PENDING, BackendUnavailable, Pool, Session, Settled
from simdsl.backends.sqlite.driver import SqliteDriver
from simdsl.backends.sqlite.errors import failed
from simdsl.backends.sqlite.location import FileLocation
from simdsl.backends.sqlite.session import BlockingSession, SqliteSession
from simdsl.backends.sqlite.statements import quote_name
from simdsl.core.choices import fresh_name
from simdsl.core.clock import Clock
from simdsl.plan.outcomes import Failed, Rows
from simdsl.plan.plan import PoolSpec, Reset, ResetMode
from simdsl.plan.values import sorted_rows

if TYPE_CHECKING:
    import sqlite3


S = TypeVar("S", bound=BlockingSession)


_TABLES: Final = "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name"


_DEFINITIONS: Final = (
    "SELECT sql FROM sqlite_schema WHERE tbl_name = ? COLLATE NOCASE AND type <> 'view' AND sql IS NOT NULL "
    "ORDER BY type <> 'table', rowid"
)


DATABASE_IS_LOCKED: Final = "the database is locked by another process, or by a session that was left open"


class FileDatabase(ABC, Generic[S]):
    """See ``protocol.World``. The snapshot is the content of the file.

    One connection, the keeper, stays open between sessions, for SQLite folds a write-ahead log into its file whenever the
    last connection closes, which costs more than to keep it. The keeper holds no lock while it is idle.

    A descendant makes the sessions, knows the driver's errors, and names what lies beside the file and the tables that
    are the engine's own.
    """

    side_files: ClassVar[tuple[str, ...]] = ("-wal", "-shm", "-journal")
    own_tables: ClassVar[tuple[str, ...]] = ("sqlite_",)

    def __init__(self, driver: SqliteDriver, place: FileLocation, pool: str | None) -> None:
        self._driver = driver
        self._place = place
        self._pool = pool
        self._target = self._named()
        self._sessions: list[S] = []
        self._pools: list[Pool] = []
        self._content: bytes | None = None
        self._keeper = self._keep(is_new=True)

    @abstractmethod
    def make_session(self, connection: Any, number: int) -> S:
        """The session around a new connection."""

    @abstractmethod
    def failed(self, error: BaseException) -> Failed:
        """What the driver raised, as an outcome."""

    def open(self) -> S:
        """Raises ``BackendUnavailable`` where the file cannot be opened any more."""
        try:
            return self.connect()
        except Exception as error:  # whatever the driver raises
            raise BackendUnavailable(f"{self._target}: {error}") from error

    def connect(self) -> S:
        """As ``open``, with the driver's own exception: what a pool's creator may raise."""
        connection = self._driver.connect(self._target)
        if self._place.workspace is not None:
            # A throwaway never survives a crash, so nobody waits for its disk.
            connection.execute("PRAGMA synchronous = OFF")
        session = self.make_session(connection, len(self._sessions) + 1)
        self._sessions.append(session)
        return session

    def pool(self, spec: PoolSpec, clock: Clock) -> Pool:
        """A pool whose connections are sessions of this world."""
        from simdsl.backends.pools.factory import make_pool
        from simdsl.backends.pools.virtual_pool import ConnectionSource

        source = ConnectionSource(connect=lambda: self.connect().connection, session_of=self.session_of, failed=self.failed)
        pool = make_pool(spec, clock, source, spec.driver or self._pool)
        self._pools.append(pool)
        return pool

    def session_of(self, connection: object) -> Session:
        """The session of a driver's connection that ``connect`` made."""
        for session in self._sessions:
            if session.connection is connection:
                return session
        raise LookupError("the pool lent a connection that was not made for it")

    def settle(self, pending: Sequence[Session], limit_us: int) -> Settled:
        """Nothing is ever pending."""
        return NOTHING_PENDING

    def reset(self, reset: Reset) -> Failed | None:
        """Empty the tables in one transaction, foreign keys unchecked (the plan names all that it wants empty)."""
        try:
            self._keeper.execute("BEGIN IMMEDIATE")
            for table in reset.tables:
                self._reset_table(table, reset.mode)
            self._keeper.execute("COMMIT")
        except Exception as error:  # whatever the driver raises
            # What was refused may have ended the connection too, which then says so in its own way.
            with contextlib.suppress(Exception):
                if self._keeper.in_transaction:
                    self._keeper.execute("ROLLBACK")
            return self.failed(error)
        return None

    def snapshot(self) -> None:
        """Keep the content of the file."""
        self._forget_sessions()
        self._content = self._read()

    def restore(self) -> None:
        """Write the content back. Sessions number from 1 again."""
        self._forget_sessions()
        if self._content is None:
            raise RuntimeError("restore before snapshot")
        self._refuse_what_is_held()
        self._rewrite(self._content)

    def end_state(self) -> Mapping[str, Rows]:
        """Read through the keeper, so committed rows only."""
        state: dict[str, Rows] = {}
        try:
            for (name,) in self._keeper.execute(_TABLES).fetchall():
                if not name.lower().startswith(self.own_tables):
                    state[name] = self._rows_of(name)
        except Exception as error:  # another process may hold the user's file
            raise BackendUnavailable(f"{self._target}: {error}") from error
        return state

    def close(self) -> None:
        """Close everything and remove the throwaway directory. Idempotent."""
        try:
            self._forget_sessions()
            self._keeper.close()
        finally:
            if self._place.workspace is not None:
                self._place.workspace.close()

    def _rows_of(self, table: str) -> Rows:
        cursor = self._keeper.execute(f"SELECT * FROM {quote_name(table)}")
        return Rows(len(cursor.description), sorted_rows(cursor.fetchall()))

    def _named(self) -> str:
        assert self._place.file is not None, "only SQLite itself has databases in memory that sessions share"
        return str(self._place.file)

    def _keep(self, *, is_new: bool = False) -> Any:
        keeper = None
        try:
            keeper = self._driver.connect(self._target)
            # Bytes that are no UTF-8 are a failure for a session, but must not hide an end state.
            keeper.text_factory = _lenient_text
            # Only once: a setup may have chosen another, and a file knows its own.
            if is_new and self._place.journal_mode is not None:
                self._set_journal_mode(keeper, self._place.journal_mode)
            keeper.execute("SELECT count(*) FROM sqlite_schema").fetchall()
        except Exception as error:  # whatever the driver raises
            if keeper is not None:
                keeper.close()
            if self._place.workspace is not None:
                self._place.workspace.close()
            raise BackendUnavailable(f"{self._target}: {error}") from error
        return keeper

    def _set_journal_mode(self, keeper: Any, mode: str) -> None:
        (got,) = keeper.execute(f"PRAGMA journal_mode = {mode}").fetchone()
        if got != mode:
            raise ValueError(f"the journal mode stays {got}, not {mode}")

    def _reset_table(self, table: str, mode: ResetMode) -> None:
        known = self._keeper.execute(
            "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ? COLLATE NOCASE", (table,)
        ).fetchall()
        if not known:
            return
        if mode is not ResetMode.RECREATE:
            self._keeper.execute(f"DELETE FROM {quote_name(table)}")
            return
        definitions = [sql for (sql,) in self._keeper.execute(_DEFINITIONS, (table,)).fetchall()]
        self._keeper.execute(f"DROP TABLE {quote_name(table)}")
        for sql in definitions:
            self._keeper.execute(sql)

    def _read(self) -> bytes:
        if self._place.file is None:
            raise BackendUnavailable(
                f"the driver {self._driver.name} has no backup, so an in-memory database cannot be restored"
            )
        (is_busy, *_) = self._keeper.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if is_busy:
            raise BackendUnavailable(DATABASE_IS_LOCKED)
        # Closed while it is read: POSIX drops a process's locks on a file as soon as it closes any descriptor of it.
        self._keeper.close()
        content = self._place.file.read_bytes()
        self._keeper = self._keep()
        return content

    def _refuse_what_is_held(self) -> None:
        if self._place.workspace is not None:
            return
        try:
            self._keeper.execute("BEGIN EXCLUSIVE")
            self._keeper.execute("ROLLBACK")
        except Exception as error:  # whatever the driver raises
            raise BackendUnavailable(f"{DATABASE_IS_LOCKED}: {error}") from error

    def _rewrite(self, content: bytes) -> None:
        file = self._place.file
        assert file is not None, "a database in memory is never rewritten"
        self._keeper.close()
        for suffix in self.side_files:
            Path(f"{file}{suffix}").unlink(missing_ok=True)
        file.write_bytes(content)
        self._keeper = self._keep(is_new=not content)

    def _forget_sessions(self) -> None:
        for pool in self._pools:
            pool.close()
        self._pools.clear()
        for session in self._sessions:
            session.close()
        self._sessions.clear()


def _lenient_text(raw: bytes) -> str:
    return raw.decode("utf-8", "backslashreplace")


class SqliteDatabase(FileDatabase[SqliteSession]):
    """See ``protocol.World``. The keeper also keeps a database in memory alive, that lives only while it is connected to."""

    def __init__(self, driver: SqliteDriver, place: FileLocation, pool: str | None) -> None:
        self._memory: sqlite3.Connection | None = None
        super().__init__(driver, place, pool)

    def make_session(self, connection: Any, number: int) -> SqliteSession:
        """The session around a new connection."""
        return SqliteSession(connection, number)

    def failed(self, error: BaseException) -> Failed:
        """By code, where the driver tells it."""
        return failed(error)

    def snapshot(self) -> None:
        """Copy the database into memory."""
        self._forget_sessions()
        memory = self._driver.connect(":memory:")
        try:
            _back_up(self._keeper, memory)
            self._memory = memory
        except (AttributeError, TypeError):
            # A module that wraps connections cannot pass one to SQLite's backup: the file itself is copied.
            memory.close()
            super().snapshot()

    def restore(self) -> None:
        """Copy the snapshot back. Sessions number from 1 again."""
        if self._memory is None:
            super().restore()
            return
        self._forget_sessions()
        self._restore_from(self._memory)

    def close(self) -> None:
        """Close everything and remove the throwaway directory. Idempotent."""
        try:
            super().close()
        finally:
            if self._memory is not None:
                self._memory.close()

    def _named(self) -> str:
        # A name of its own, for no two worlds may meet in one database, however long their connections live.
        return str(self._place.file) if self._place.file else self._driver.memory.format(name=f"simdsl-{fresh_name()}")

    def _restore_from(self, memory: sqlite3.Connection) -> None:
        if self._place.journal_mode in ("wal", "delete"):
            # A plan may have switched the file; a switch of the page size makes the copy below fail in WAL mode.
            (mode,) = self._keeper.execute("PRAGMA journal_mode").fetchone()
            if mode != self._place.journal_mode:
                self._set_journal_mode(self._keeper, self._place.journal_mode)
        try:
            _back_up(memory, self._keeper)
        except Exception:
            if self._place.workspace is None or self._place.file is None:
                raise
            # A plan can leave a throwaway in a state that nothing can be copied into: then it begins anew.
            self._rewrite(b"")
            _back_up(memory, self._keeper)


def _back_up(source: sqlite3.Connection, target: sqlite3.Connection) -> None:
    source.backup(target, pages=-1, progress=_refuse_to_wait, sleep=0)


def _refuse_to_wait(status: int, remaining: int, total: int) -> None:
    # The driver repeats a step that meets a lock for ever. Here it means that a session was left open.
    if status & 0xFF in (5, 6):
        raise BackendUnavailable(DATABASE_IS_LOCKED)
