"""One SQLite database: its sessions, its pools, and the way back to its snapshot."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from simdsl.backends.protocol import NOTHING_PENDING, BackendUnavailable, Pool, Session, Settled
from simdsl.backends.sqlite.driver import Driver
from simdsl.backends.sqlite.errors import failed
from simdsl.backends.sqlite.session import SqliteSession
from simdsl.backends.workspace import Workspace
from simdsl.core.choices import fresh_name
from simdsl.core.clock import Clock
from simdsl.plan.ir import PoolSpec, Reset, ResetMode
from simdsl.plan.outcomes import Failed, Rows
from simdsl.plan.values import sorted_rows

if TYPE_CHECKING:
    import sqlite3

_TABLES: Final = (
    "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name"
)
_DEFINITIONS: Final = (
    "SELECT sql FROM sqlite_schema WHERE tbl_name = ? COLLATE NOCASE AND type <> 'view' AND sql IS NOT NULL "
    "ORDER BY type <> 'table', rowid"
)
_SIDE_FILES: Final = ("-wal", "-shm", "-journal")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a database lies. ``workspace`` is the directory that goes away with it, None for what the user named."""

    file: Path | None  # None is in memory
    workspace: Workspace | None = None
    journal_mode: str | None = None  # None leaves the file as it is


class SqliteWorld:
    """See ``protocol.World``.

    One connection, the keeper, stays open between sessions: an in-memory database lives only as long as a connection
    to it does, and SQLite folds a write-ahead log into its file whenever the last connection closes, which costs more
    than a restore. The keeper holds no lock while it is idle.
    """

    def __init__(self, driver: Driver, place: Place, make_pool: PoolMaker) -> None:
        self._driver = driver
        self._place = place
        # A name of its own, for no two worlds may meet in one database, however long their connections live.
        self._target = str(place.file) if place.file else f"file:simdsl-{fresh_name()}?mode=memory&cache=shared"
        self._make_pool = make_pool
        self._sessions: list[SqliteSession] = []
        self._pools: list[Pool] = []
        self._snapshot: sqlite3.Connection | bytes | None = None
        self._keeper = self._keep()

    def open(self) -> SqliteSession:
        """Raises ``BackendUnavailable`` where the file cannot be opened any more."""
        try:
            return self.connect()
        except Exception as error:  # whatever the driver raises
            raise BackendUnavailable(f"{self._target}: {error}") from error

    def connect(self) -> SqliteSession:
        """As ``open``, with the driver's own exception: what a pool's creator may raise."""
        connection = self._driver.connect(self._target)
        if self._place.workspace is not None:
            # A throwaway never survives a crash, so nobody waits for its disk.
            connection.execute("PRAGMA synchronous = OFF")
        session = SqliteSession(connection, len(self._sessions) + 1)
        self._sessions.append(session)
        return session

    def pool(self, spec: PoolSpec, clock: Clock) -> Pool:
        """A pool whose connections are sessions of this world."""
        pool = self._make_pool(self, spec, clock)
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
            return failed(error)
        finally:
            if self._keeper.in_transaction:
                self._keeper.execute("ROLLBACK")
        return None

    def snapshot(self) -> None:
        """Copy the database into memory."""
        self._forget_sessions()
        memory = self._driver.connect(":memory:")
        try:
            _copy(self._keeper, memory)
            self._snapshot = memory
        except (AttributeError, TypeError):
            # A module that wraps connections cannot pass one to SQLite's backup: the file itself is copied.
            memory.close()
            self._snapshot = self._file_content()

    def restore(self) -> None:
        """Copy the snapshot back. Sessions number from 1 again."""
        self._forget_sessions()
        match self._snapshot:
            case None:
                raise RuntimeError("restore before snapshot")
            case bytes() as content:
                self._rewrite(content)
            case memory:
                self._restore_from(memory)

    def end_state(self) -> Mapping[str, Rows]:
        """Read through the keeper, so committed rows only."""
        state: dict[str, Rows] = {}
        try:
            for (name,) in self._keeper.execute(_TABLES).fetchall():
                cursor = self._keeper.execute(f"SELECT * FROM {quoted_name(name)}")
                state[name] = Rows(len(cursor.description), sorted_rows(cursor.fetchall()))
        except Exception as error:  # another process may hold the user's file
            raise BackendUnavailable(f"{self._target}: {error}") from error
        return state

    def close(self) -> None:
        """Close everything and remove the throwaway directory. Idempotent."""
        try:
            self._forget_sessions()
            if self._snapshot is not None and not isinstance(self._snapshot, bytes):
                self._snapshot.close()
            self._keeper.close()
        finally:
            if self._place.workspace is not None:
                self._place.workspace.close()

    def _keep(self) -> sqlite3.Connection:
        keeper = None
        try:
            keeper = self._driver.connect(self._target)
            # Bytes that are no UTF-8 are a failure for a session, but must not hide an end state.
            keeper.text_factory = _lenient_text
            if self._place.journal_mode is not None:
                self._set_journal_mode(keeper, self._place.journal_mode)
            keeper.execute("SELECT count(*) FROM sqlite_schema").fetchall()
        except Exception as error:  # whatever the driver raises
            if keeper is not None:
                keeper.close()
            if self._place.workspace is not None:
                self._place.workspace.close()
            raise BackendUnavailable(f"{self._target}: {error}") from error
        return keeper

    def _set_journal_mode(self, keeper: sqlite3.Connection, mode: str) -> None:
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
            self._keeper.execute(f"DELETE FROM {quoted_name(table)}")
            return
        definitions = [sql for (sql,) in self._keeper.execute(_DEFINITIONS, (table,)).fetchall()]
        self._keeper.execute(f"DROP TABLE {quoted_name(table)}")
        for sql in definitions:
            self._keeper.execute(sql)

    def _restore_from(self, memory: sqlite3.Connection) -> None:
        if self._place.journal_mode in ("wal", "delete"):
            # A plan may have switched the file; a switch of the page size makes the copy below fail in WAL mode.
            (mode,) = self._keeper.execute("PRAGMA journal_mode").fetchone()
            if mode != self._place.journal_mode:
                self._set_journal_mode(self._keeper, self._place.journal_mode)
        try:
            _copy(memory, self._keeper)
        except Exception:
            if self._place.workspace is None or self._place.file is None:
                raise
            # A plan can leave a throwaway in a state that nothing can be copied into: then it begins anew.
            self._rewrite(b"")
            _copy(memory, self._keeper)

    def _file_content(self) -> bytes:
        if self._place.file is None:
            raise BackendUnavailable(
                f"the driver {self._driver.name} has no backup, so an in-memory database cannot be restored"
            )
        self._keeper.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        return self._place.file.read_bytes()

    def _rewrite(self, content: bytes) -> None:
        file = self._place.file
        assert file is not None, "a database in memory is never rewritten"
        self._keeper.close()
        for suffix in _SIDE_FILES:
            Path(f"{file}{suffix}").unlink(missing_ok=True)
        file.write_bytes(content)
        self._keeper = self._keep()

    def _forget_sessions(self) -> None:
        for pool in self._pools:
            pool.close()
        self._pools.clear()
        for session in self._sessions:
            session.close()
        self._sessions.clear()


PoolMaker = Callable[[SqliteWorld, PoolSpec, Clock], Pool]


def quoted_name(name: str) -> str:
    """A name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def _copy(source: sqlite3.Connection, target: sqlite3.Connection) -> None:
    source.backup(target, pages=-1, progress=_refuse_to_wait, sleep=0)


def _refuse_to_wait(status: int, remaining: int, total: int) -> None:
    # The driver repeats a step that meets a lock for ever. Here it means that a session was left open.
    if status & 0xFF in (5, 6):
        raise BackendUnavailable("the database is locked by another process, or by a session that was left open")


def _lenient_text(raw: bytes) -> str:
    return raw.decode("utf-8", "backslashreplace")
