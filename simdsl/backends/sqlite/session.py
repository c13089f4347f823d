"""The DB-API module under the sqlite backend, ``sqlite3`` or one that takes its place, and sessions over it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from simdsl.backends.dbapi.session import NOTHING, BlockingSession, counts_rows
from simdsl.backends.protocol import BackendUnavailable, Statement, Tx
from simdsl.backends.sqlite.errors import control_failed, failed
from simdsl.plan.deferred import dataclass
from simdsl.plan.outcomes import Affected, ErrorClass, Failed, Outcome, Rows
from simdsl.plan.sql import SqlKind
from simdsl.plan.values import INT64_MAX, INT64_MIN, Value

if TYPE_CHECKING:
    import sqlite3

STDLIB: Final = "sqlite3"
APSW: Final = "apsw"
_ADAPTED: Final = MappingProxyType({APSW: "simdsl.backends.sqlite.apsw_driver"})
"""Drivers that speak another way, and the modules that make them speak as the stdlib does."""

_SHARED_CACHE: Final = "file:{name}?mode=memory&cache=shared"
_ARGUMENTS: Final = MappingProxyType({"timeout": 0, "isolation_level": None, "check_same_thread": False})


@dataclass(frozen=True, slots=True, kw_only=True)
class SqliteDriver:
    """What the backend needs of a module that speaks PEP 249 as the stdlib's ``sqlite3`` does."""

    name: str
    version: str
    engine_version: str
    module_connect: Callable[..., Any]
    tells_codes: bool  # its exceptions carry ``sqlite_errorcode``; without it, messages classify
    memory: str = _SHARED_CACHE  # where a database in memory is that several connections share, with ``{name}`` in it

    def connect(self, target: str) -> sqlite3.Connection:
        """A connection that begins no transaction by itself and never waits. ``target`` is a file or a URI."""
        connection: sqlite3.Connection = self.module_connect(target, uri=target.startswith("file:"), **_ARGUMENTS)
        return connection

    @property
    def label(self) -> str:
        """How reports call it, with what it lacks."""
        if self.name == STDLIB:
            return "sqlite3 (stdlib)"
        return self.name if self.tells_codes else f"{self.name} (no error codes: messages classify)"


def load_driver(name: str) -> SqliteDriver:
    """The driver of this module name. Raises ``BackendUnavailable``."""
    try:
        module = import_module(_ADAPTED.get(name, name))
    except ImportError as error:
        if name == APSW:
            raise BackendUnavailable("the driver `apsw` is not installed: pip install 'simdsl[apsw]'") from None
        raise BackendUnavailable(f"the driver `{name}` cannot be imported: {error}") from None
    except Exception as error:  # a module of the user's may fail in any way while it loads
        raise BackendUnavailable(f"the driver `{name}` fails to load: {type(error).__name__}: {error}") from None
    connect = getattr(module, "connect", None)
    if not callable(connect):
        raise BackendUnavailable(f"the driver `{name}` is no DB-API module: it has no `connect`")
    return SqliteDriver(
        name=name,
        version=_module_version(module),
        engine_version=str(getattr(module, "sqlite_version", "unknown")),
        module_connect=connect,
        memory=module.MEMORY if name in _ADAPTED else _SHARED_CACHE,
        tells_codes=name == STDLIB or _tells_codes(name, connect),
    )


def _tells_codes(name: str, connect: Callable[..., Any]) -> bool:
    try:
        connection = connect(":memory:", **_ARGUMENTS)
    except Exception as error:  # the user's own code
        reason = f"{type(error).__name__}: {error}"
        raise BackendUnavailable(f"the driver `{name}` cannot open a database as sqlite3 does: {reason}") from error
    try:
        connection.cursor().execute("no statement")
    except Exception as error:  # the module has its own class for it
        return hasattr(error, "sqlite_errorcode")
    finally:
        connection.close()
    raise BackendUnavailable(f"the driver `{name}` is no SQLite: it runs what is no statement")


def _module_version(module: Any) -> str:
    if module.__name__ == STDLIB:
        return ".".join(map(str, sys.version_info[:3]))
    return str(getattr(module, "__version__", "unknown"))


def package_version(module: str, distribution: str) -> str | None:
    """The version of the distribution that brought this module; None where it is not installed."""
    directory = package_directory(module)
    if directory is None:
        return None
    found = sorted(directory.glob(f"{distribution}-*.dist-info"))
    return found[-1].name.removesuffix(".dist-info").partition("-")[2] if found else "unknown"


def package_directory(module: str) -> Path | None:
    """The directory from which this module would be imported."""
    spec = find_spec(module)
    return None if spec is None or spec.origin is None else Path(spec.origin).parent.parent


_BINDABLE: Final = frozenset({int, str, float, bytes, bool, type(None)})
_COUNTS: Final = tuple(Affected(n) for n in range(256))

# Looking a member up in its enum costs as much as the rest of a line; these names are looked up in every step.
_DML: Final = SqlKind.DML
_OTHER: Final = SqlKind.OTHER

# A named tuple's own constructor is a Python function; this is what it calls, in a third of the time.
_new: Final = tuple.__new__


class SqliteSession(BlockingSession):
    """One connection.

    ``start`` is the slow path of ``dbapi.session.DbapiSession`` written out for one driver, because it is the inner loop of
    every SQLite run: a SELECT by key takes 2.1 us, of which the driver's calls are 1.6, and 5.0 on the slow path.
    """

    __slots__ = ("_cursor", "_execute")

    def __init__(self, connection: Any, number: int) -> None:
        super().__init__(connection, number)
        # One cursor for the connection's life saves the making of one a step; every statement is read to its end.
        self._cursor = connection.cursor()
        self._execute = self._cursor.execute

    def start(self, statement: Statement, arguments: Sequence[Value]) -> Outcome:
        """Run the statement to its end."""
        try:
            for argument in arguments:
                if type(argument) not in _BINDABLE:
                    arguments = tuple(map(bind_value, arguments))
                    break
            cursor = self._execute(statement.text, arguments)
            kind, description = statement.kind, cursor.description
            if description is not None:
                if kind is not _DML:
                    return _new(Rows, (len(description), cursor.fetchall(), None))
                # The engine is asked: some modules set their count before the first row, when it is the last statement's.
                return Rows(len(description), cursor.fetchall(), self._changes())
            if kind is _DML:
                n = cursor.rowcount
                return _COUNTS[n] if 0 <= n < 256 else Affected(self._affected())
            if kind is _OTHER and counts_rows(statement):
                # The driver counts only what begins with INSERT, UPDATE, DELETE or REPLACE, and not what WITH leads to.
                return Affected(self._changes())
        except Exception as error:  # every driver error is an outcome of the statement
            return self._failed(error, statement)
        return NOTHING

    def _affected(self) -> int:
        n = self._cursor.rowcount
        return n if n >= 0 else self._changes()

    def _changes(self) -> int:
        (n,) = self.connection.execute("SELECT changes()").fetchone()
        return int(n)

    def _failed(self, error: Exception, statement: Statement) -> Failed:
        failure = failed(error)
        if statement.transaction is not None:
            return control_failed(failure, statement.transaction, self.tx() is Tx.OPEN)
        if failure.error_class is ErrorClass.OTHER and self.tx() is Tx.LOST:
            return failure._replace(error_class=ErrorClass.CONNECTION_CLOSED)
        return failure


def fit_values(arguments: Sequence[Value]) -> tuple[Value, ...]:
    """The values as ``bound`` gives them. Raises ``OverflowError`` for integers that SQLite has no room for.

    For drivers that would turn these into reals and say nothing.
    """
    for value in arguments:
        kind = type(value)
        if kind not in _BINDABLE or (kind is int and not INT64_MIN <= value <= INT64_MAX):  # type: ignore[operator]
            break
    else:
        return tuple(arguments)
    values = tuple(map(bind_value, arguments))
    if any(type(value) is int and not INT64_MIN <= value <= INT64_MAX for value in values):
        raise OverflowError("integer too large to convert to 64 bits")
    return values


def bind_value(value: Value) -> int | float | str | bytes | None:
    """A value in one of SQLite's five storage classes. A value without one is written as its canonical text."""
    match value:
        case bool():
            return int(value)
        case None | int() | float() | str() | bytes():
            return value
        case Decimal():
            return _decimal(value)
        case datetime():
            return value.isoformat(sep=" ")
        case date() | time():
            return value.isoformat()


def _decimal(value: Decimal) -> int | str:
    # Text, for a real would round. A NUMERIC column turns it into a number, as it does with a literal in quotes.
    if value == value.to_integral_value() and INT64_MIN <= value <= INT64_MAX:
        return int(value)
    return format(value, "f")
