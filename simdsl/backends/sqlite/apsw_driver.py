"""apsw in the place of the stdlib's ``sqlite3``: it brings the newest SQLite (https://rogerbinns.github.io/apsw/).

apsw follows SQLite's own interface rather than PEP 249. What the databases of SQLite's family ask of a driver is given here
under the stdlib's names, error codes included. Text that is not UTF-8 is an error, in an end state too: apsw has no
``text_factory``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Final

import apsw

from simdsl.plan.deferred import lazy_regex
from simdsl.plan.values import Row

sqlite_version: Final = apsw.sqlite_lib_version()
__version__: Final = apsw.apsw_version()

MEMORY: Final = "file:/{name}?vfs=memdb"
"""Where a database in memory is that several connections share: apsw's SQLite has no shared cache
(https://www.sqlite.org/src/file/src/memdb.c)."""

_NOTHING_MORE: Final = lazy_regex(r"(?:[\s;]|--[^\n]*(?:\n|$)|/\*.*?(?:\*/|$))*", re.DOTALL)


class ApswError(Exception):
    """An error of SQLite's. ``sqlite_errorcode`` is its extended result code."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.sqlite_errorcode = code


class ApswProgrammingError(Exception):
    """A use of the driver that never reached SQLite."""


class ApswCursor:
    """As the stdlib's, for statements that are read to their end. One at a time."""

    __slots__ = ("_changes", "_cursor", "_execute", "_is_first", "_text", "description")

    def __init__(self, cursor: apsw.Cursor) -> None:
        self.description: Sequence[Any] | None = None
        self._text = ""
        self._is_first = True
        self._cursor = cursor
        self._changes = cursor.connection.changes
        self._execute = cursor.execute
        cursor.exec_trace = self._begins

    def execute(self, text: str, arguments: Sequence[Any] = ()) -> ApswCursor:
        """Run to the first row. Raises ``ApswError``, or what the driver's own conversions raise."""
        self._text = text
        self._is_first = True
        self.description = None
        try:
            self._execute(text, arguments)
        except apsw.Error as error:
            raise _as_stdlib(error) from None
        return self

    @property
    def rowcount(self) -> int:
        """How many rows the last INSERT, UPDATE or DELETE changed. Of no meaning after another statement."""
        return self._changes()

    def fetchone(self) -> Row | None:
        """The first row; the rest is read too, or the statement would keep its lock. None where there is none."""
        return next(iter(self.fetchall()), None)

    def fetchall(self) -> list[Row]:
        """All rows."""
        try:
            return self._cursor.fetchall()
        except apsw.Error as error:
            raise _as_stdlib(error) from None

    def _begins(self, cursor: apsw.Cursor, text: str, _bindings: object) -> bool:
        # apsw runs all statements of a text, and calls this before each; only here are the columns of an empty answer known.
        if self._is_first:
            if len(text) < len(self._text) and not _NOTHING_MORE.fullmatch(self._text, len(text)):
                raise ApswProgrammingError("You can only execute one statement at a time.")
            self._is_first = False
            self.description = cursor.get_description() or None
        return True


class ApswConnection:
    """As the stdlib's with ``isolation_level=None``: it begins no transaction by itself."""

    __slots__ = ("_connection", "text_factory")

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self.text_factory: Callable[[bytes], str] | None = None

    @property
    def in_transaction(self) -> bool:
        """Raises ``apsw.ConnectionClosedError`` after ``close``."""
        return self._connection.in_transaction

    def cursor(self) -> ApswCursor:
        """A new one."""
        try:
            return ApswCursor(self._connection.cursor())
        except apsw.Error as error:
            raise _as_stdlib(error) from None

    def execute(self, text: str, arguments: Sequence[Any] = ()) -> ApswCursor:
        """Run it on a new cursor."""
        return self.cursor().execute(text, arguments)

    def rollback(self) -> None:
        """Roll back what is open, if anything is."""
        if self._connection.in_transaction:
            self.execute("ROLLBACK")

    def backup(self, target: ApswConnection, *, pages: int, progress: Callable[[int, int, int], None], sleep: float) -> None:
        """Copy the database into the target's. ``progress`` is called after each step, with SQLite's result code."""
        del sleep  # ``progress`` decides what happens at a lock
        with target._connection.backup("main", self._connection, "main") as copy:
            while not copy.done:
                status = 0
                try:
                    copy.step(pages)
                except apsw.BusyError:
                    status = apsw.SQLITE_BUSY
                except apsw.LockedError:
                    status = apsw.SQLITE_LOCKED
                progress(status, copy.remaining, copy.page_count)

    def close(self) -> None:
        """Roll back what is open, and close. Idempotent."""
        self._connection.close()


def connect(
    target: str, *, timeout: float, isolation_level: None, check_same_thread: bool, uri: bool = False
) -> ApswConnection:
    """A connection that waits for no lock longer than ``timeout`` seconds. Raises ``ApswError``."""
    del isolation_level, check_same_thread  # apsw begins nothing by itself, and goes from thread to thread
    flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE | (apsw.SQLITE_OPEN_URI if uri else 0)
    try:
        connection = apsw.Connection(target, flags=flags)
    except apsw.Error as error:
        raise _as_stdlib(error) from None
    connection.set_busy_timeout(round(timeout * 1000))
    return ApswConnection(connection)


def _as_stdlib(error: apsw.Error) -> Exception:
    if isinstance(error, (apsw.ConnectionClosedError, apsw.CursorClosedError)):
        return ApswProgrammingError("Cannot operate on a closed database.")
    code = getattr(error, "extendedresult", None)
    return ApswError(str(error), code) if isinstance(code, int) else ApswProgrammingError(str(error))
