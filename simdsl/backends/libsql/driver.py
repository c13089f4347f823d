"""libsql-experimental in armour: its only door, and what it does otherwise than PEP 249 says.

Measured on 0.0.55, which has SQLite 3.45.1 inside (its own ``sqlite_version_info`` says 3.42):

* every SQL error is a ``ValueError`` with SQLite's message and no code;
* a panic of the driver is a ``PanicException``, no ``Exception``, and an ordinary use after ``close`` is one. Here a closed
  connection is refused before the driver sees it, and what panics otherwise is ``LibsqlPanic``;
* a cursor that came to its end starts again, and one that has not come to it keeps a read lock: everything is fetched at
  once and the cursor dropped;
* ``execute`` never waits: the busy timeout is 0.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from simdsl.backends.dbapi.session import BufferedResult
from simdsl.backends.protocol import BackendUnavailable
from simdsl.backends.sqlite.driver import SqliteDriver, package_version
from simdsl.backends.sqlite.errors import class_by_message
from simdsl.plan.outcomes import ErrorClass, Failed

NAME: Final = "libsql-experimental"

# A bound text that is no Unicode is refused as if its type were unknown; of all other values the types are right already.
_UNSENDABLE: Final = "Unsupported parameter type"


class LibsqlPanic(Exception):
    """The driver's Rust code panicked; the message is the panic's."""


class LibsqlClosed(Exception):
    """The connection was closed, by a pool or by a session."""


class LibsqlConnection:
    """A connection of the driver's, with the face of the stdlib's ``sqlite3`` as far as databases and pools use it."""

    __slots__ = ("_connection", "_is_closed", "text_factory")

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._is_closed = False
        self.text_factory: Any = str  # the driver has none; databases may set it and get nothing by it

    @property
    def in_transaction(self) -> bool:
        """The driver's own flag. Raises ``LibsqlClosed``."""
        return bool(self._open().in_transaction)

    def execute(self, text: str, arguments: tuple[Any, ...] = ()) -> BufferedResult:
        """Run one statement and fetch all that it gives. Raises ``ValueError``, ``LibsqlClosed`` and ``LibsqlPanic``."""
        connection = self._open()
        try:
            cursor = connection.execute(text, arguments)
            description = cursor.description
            return BufferedResult(description or None, cursor.fetchall() if description else [], cursor.rowcount)
        except BaseException as error:  # a panic is no Exception
            raise _ordinary(error) from None

    def cursor(self) -> Any:
        """The driver's own, unguarded: for a pool that asks a connection whether it lives."""
        return self._open().cursor()

    def commit(self) -> None:
        """The driver's own. Raises as ``execute`` does."""
        self._guarded(self._open().commit)

    def rollback(self) -> None:
        """The driver's own: how a pool cleans what comes back. Raises as ``execute`` does."""
        self._guarded(self._open().rollback)

    def close(self) -> None:
        """Idempotent."""
        self._is_closed = True
        self._connection.close()

    def _guarded(self, call: Callable[[], object]) -> None:
        try:
            call()
        except BaseException as error:  # a panic is no Exception
            raise _ordinary(error) from None

    def _open(self) -> Any:
        if self._is_closed:
            raise LibsqlClosed("the connection is closed")
        return self._connection


def load_driver() -> SqliteDriver:
    """The driver. Raises ``BackendUnavailable`` where it is not installed."""
    try:
        import libsql_experimental
    except ImportError as error:
        raise BackendUnavailable(f"libsql: install the driver: pip install {NAME} ({error})") from None

    def connect(target: str, **_: object) -> LibsqlConnection:
        return LibsqlConnection(libsql_experimental.connect(target, isolation_level=None))

    probe = connect(":memory:")
    ((engine_version,),) = probe.execute("SELECT sqlite_version()").rows
    probe.close()
    return SqliteDriver(
        name=NAME,
        version=package_version("libsql_experimental", "libsql_experimental") or "unknown",
        engine_version=str(engine_version),
        module_connect=connect,
        tells_codes=False,
    )


def failed(error: BaseException) -> Failed:
    """What the driver raised, as an outcome."""
    text = str(error) or type(error).__name__
    match error:
        case LibsqlClosed():
            return Failed(ErrorClass.CONNECTION_CLOSED, text)
        case LibsqlPanic():
            return Failed(ErrorClass.DRIVER_PANIC, text)
        case OverflowError():
            return Failed(ErrorClass.NUMERIC_VALUE_OUT_OF_RANGE, text, by="simdsl")
        case UnicodeError():
            return Failed(ErrorClass.INVALID_TEXT_REPRESENTATION, text, by="simdsl")
    if text == _UNSENDABLE:
        return Failed(ErrorClass.INVALID_TEXT_REPRESENTATION, text)
    return Failed(class_by_message(text) or ErrorClass.OTHER, text)


def _ordinary(error: BaseException) -> BaseException:
    # The class of a panic is made by PyO3 for each module anew and can be imported from nowhere.
    return LibsqlPanic(str(error)) if type(error).__module__ == "pyo3_runtime" else error
