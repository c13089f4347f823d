"""pyodbc's only door. It is loaded when it is first needed, and what is missing is said in one sentence.

pyodbc itself is a wheel, but it loads the driver manager of the system (unixODBC's ``libodbc.so.2``), which in turn loads
the driver that a connection string names: by a name that is registered with the manager, or by its path.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

from simdsl.backends.protocol import BackendUnavailable

LOGIN_S: Final = 15  # a server that does not answer for so long is not there
_SPECIAL: Final = frozenset("[]{}(),;?*=!@\"'\\")


class OdbcCursor(Protocol):
    """What is used of ``pyodbc.Cursor``."""

    @property
    def description(self) -> Sequence[Sequence[Any]] | None:
        """The columns of the result at hand, None where it has none."""

    @property
    def rowcount(self) -> int:
        """The count of the result at hand, -1 where the driver knows none."""

    def execute(self, text: str, /, *parameters: Any) -> OdbcCursor:
        """Run a statement."""

    def fetchall(self) -> list[Any]:
        """The rows that are left."""

    def nextset(self) -> bool:
        """Go to the next result of a batch; raises the error that ended it."""

    def cancel(self) -> None:
        """``SQLCancel``: the only call that another thread may make while a statement runs."""

    def close(self) -> None:
        """Forget what is left of a result."""


class OdbcConnection(Protocol):
    """What is used of ``pyodbc.Connection``."""

    def cursor(self) -> OdbcCursor:
        """A new statement handle."""

    def execute(self, text: str, /, *parameters: Any) -> OdbcCursor:
        """Run a statement on a cursor of its own."""

    def close(self) -> None:
        """Disconnect."""

    def add_output_converter(self, sql_type: int, convert: Any) -> None:
        """Read a column type that pyodbc does not know."""


def connect(connection_string: str) -> OdbcConnection:
    """A connection that begins no transaction by itself. Raises the driver's errors, and ``BackendUnavailable``."""
    connection: OdbcConnection = _pyodbc().connect(connection_string, autocommit=True, timeout=LOGIN_S)
    return connection


def drivers() -> tuple[str, ...]:
    """The drivers that are registered with the driver manager. Raises ``BackendUnavailable``."""
    return tuple(_pyodbc().drivers())


def version() -> str:
    """Of pyodbc. Raises ``BackendUnavailable``."""
    return str(_pyodbc().version)


def connection_string(attributes: Mapping[str, str], *, doubles_braces: bool = True) -> str:
    """Attributes as ODBC wants them: a value that could be read as syntax stands in braces, a brace in it is doubled.

    ``doubles_braces`` False is for drivers that read a value up to ``};`` and no doubled brace as one. Raises
    ``BackendUnavailable`` for what cannot be written.
    """
    # Each one ends in a semicolon: FreeTDS takes the closing brace of the last value for a part of it.
    return "".join(f"{key}={_escaped(value, doubles_braces)};" for key, value in attributes.items())


def missing(error: ImportError) -> str:
    """What to do about a pyodbc that cannot be imported."""
    if "odbc" in str(error) and not isinstance(error, ModuleNotFoundError):
        return f"pyodbc finds no ODBC driver manager ({error}): install it with `apt-get install unixodbc`"
    return "pyodbc is not installed: `pip install pyodbc`"


def _pyodbc() -> Any:
    try:
        import pyodbc
    except ImportError as error:
        raise BackendUnavailable(missing(error)) from error
    # The manager's own pool would hand a connection on behind the back of the pool under test. Read at the first connect.
    pyodbc.pooling = False
    # Else a UUID comes as text in capitals.
    pyodbc.native_uuid = True
    return pyodbc


def _escaped(value: str, doubles_braces: bool) -> str:
    if "\x00" in value or (not doubles_braces and "};" in value):
        raise BackendUnavailable("a connection attribute holds what this ODBC driver cannot be told")
    if value and value == value.strip() and not _SPECIAL & set(value):
        return value
    return "{" + (value.replace("}", "}}") if doubles_braces else value) + "}"
