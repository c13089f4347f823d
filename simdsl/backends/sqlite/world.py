"""One SQLite database. Its snapshot lies in memory, and SQLite itself copies it back into the open file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simdsl.backends.protocol import BackendUnavailable
from simdsl.backends.sqlite.driver import Driver
from simdsl.backends.sqlite.errors import failed
from simdsl.backends.sqlite.files import HELD, FileWorld
from simdsl.backends.sqlite.place import Place
from simdsl.backends.sqlite.session import SqliteSession
from simdsl.core.choices import fresh_name
from simdsl.plan.outcomes import Failed

if TYPE_CHECKING:
    import sqlite3


class SqliteWorld(FileWorld[SqliteSession]):
    """See ``protocol.World``. The keeper also keeps a database in memory alive, that lives only while it is connected to."""

    def __init__(self, driver: Driver, place: Place, pool: str | None) -> None:
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
            _copy(self._keeper, memory)
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
            _copy(memory, self._keeper)
        except Exception:
            if self._place.workspace is None or self._place.file is None:
                raise
            # A plan can leave a throwaway in a state that nothing can be copied into: then it begins anew.
            self._rewrite(b"")
            _copy(memory, self._keeper)


def _copy(source: sqlite3.Connection, target: sqlite3.Connection) -> None:
    source.backup(target, pages=-1, progress=_refuse_to_wait, sleep=0)


def _refuse_to_wait(status: int, remaining: int, total: int) -> None:
    # The driver repeats a step that meets a lock for ever. Here it means that a session was left open.
    if status & 0xFF in (5, 6):
        raise BackendUnavailable(HELD)
