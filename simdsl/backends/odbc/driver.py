"""pyodbc's only door: connections, values on their way there and back, results as outcomes, and what its exceptions say.

pyodbc is loaded when it is first needed, and what is missing is said in one sentence. It is a wheel, but it loads the driver
manager of the system (unixODBC's ``libodbc.so.2``), which in turn loads the driver that a connection string names: by a name
that is registered with the manager, or by its path.

An exception holds the SQLSTATE and the messages of all diagnostic records in one text::

    [23000] [Microsoft][ODBC Driver 18 for SQL Server][SQL Server]Violation of ... (2627) (SQLExecDirectW); [01000] ...

SQLSTATEs: https://learn.microsoft.com/sql/odbc/reference/appendixes/appendix-a-odbc-error-codes
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, time
from decimal import Decimal
from typing import Any, Final, NamedTuple, Protocol

from simdsl.backends.dbapi.session import NOTHING, class_of_python_error, counts_rows, fetch_values
from simdsl.backends.protocol import BackendUnavailable, Statement
from simdsl.plan.deferred import lazy_regex
from simdsl.plan.outcomes import Affected, ErrorClass, Outcome, Rows
from simdsl.plan.sql import SqlKind
from simdsl.plan.values import Row, Value

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
        """Run a statement on a new cursor."""

    def close(self) -> None:
        """Disconnect."""

    def add_output_converter(self, _sql_type: int, _convert: Any, /) -> None:
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
        import pyodbc  # here, so that a missing driver manager is a sentence and not a traceback
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


_SENT_AS_IS: Final = frozenset({int, str, float, bytes, bool, type(None)})


def bind_values(values: Sequence[Value]) -> Sequence[Any]:
    """Parameters as pyodbc takes them. It refuses integers beyond 64 bits and lone surrogates by itself."""
    for value in values:
        if type(value) not in _SENT_AS_IS:
            return tuple(map(_bound, values))
    return values


def collect_outcome(cursor: OdbcCursor, statement: Statement) -> Outcome:
    """What an executed statement gave: the first result with columns, else its count. Reads all, raises what is left.

    A batch, and a statement with triggers, gives several results; the count of the statement itself comes last.
    """
    rows: list[Row] | None = None
    width = 0
    count = -1
    while True:
        description = cursor.description
        if description is None:
            count = cursor.rowcount if cursor.rowcount >= 0 else count
        elif rows is None:
            width, rows = len(description), fetch_values(cursor)
        if not cursor.nextset():
            break
    if rows is not None:
        if statement.kind is not SqlKind.DML:
            return Rows(width, rows)
        # RETURNING or OUTPUT gives a row for each affected row; only some drivers give the count too.
        return Rows(width, rows, count if count >= 0 else len(rows))
    return Affected(count) if count >= 0 and counts_rows(statement) else NOTHING


def _bound(value: Value) -> Any:
    match value:
        case Decimal() if not value.is_finite():
            return str(value)
        case datetime() if value.tzinfo is not None:
            return value.isoformat(sep=" ")  # pyodbc would drop the zone
        case time() if value.microsecond or value.tzinfo is not None:
            return value.isoformat()  # ODBC's own time has no fraction
        case _:
            return value


_SQLSTATE: Final = lazy_regex(r"[0-9A-Z]{5}")
_PREFIXES: Final = lazy_regex(r"^\[[0-9A-Z]{5}\]\s*(?:\[[^\]]*\]\s*)*")
_NATIVE: Final = lazy_regex(r" \((-?\d+)\) \(SQL\w+\)")

_BY_SQLSTATE: Final = {
    **{error_class.sqlstate: error_class for error_class in ErrorClass if error_class.sqlstate},
    "07001": ErrorClass.SYNTAX_ERROR,  # fewer parameters than markers
    "07002": ErrorClass.SYNTAX_ERROR,
    "22007": ErrorClass.INVALID_TEXT_REPRESENTATION,
    "22008": ErrorClass.NUMERIC_VALUE_OUT_OF_RANGE,
    "22018": ErrorClass.INVALID_TEXT_REPRESENTATION,
    "22021": ErrorClass.INVALID_TEXT_REPRESENTATION,
    "42S01": ErrorClass.DUPLICATE_TABLE,
    "42S02": ErrorClass.UNDEFINED_TABLE,
    "42S11": ErrorClass.DUPLICATE_OBJECT,
    "42S12": ErrorClass.UNDEFINED_OBJECT,
    "42S21": ErrorClass.DUPLICATE_OBJECT,
    "42S22": ErrorClass.UNDEFINED_COLUMN,
    "HY008": ErrorClass.QUERY_CANCELED,
    "HYC00": ErrorClass.FEATURE_NOT_SUPPORTED,
    "HYT00": ErrorClass.STATEMENT_TIMEOUT,
    "HYT01": ErrorClass.CONNECTION_LOST,
    "57P01": ErrorClass.CONNECTION_LOST,  # a server that shuts down says so before it hangs up
    "57P02": ErrorClass.CONNECTION_LOST,
    "57P03": ErrorClass.CONNECTION_LOST,
}

_LOST: Final = "08"


class OdbcDiagnostic(NamedTuple):
    """The first record of an error. ``native`` None: pyodbc's own, or the driver gave no number."""

    sqlstate: str | None
    native: int | None
    text: str


def parse_diagnostic(error: BaseException) -> OdbcDiagnostic:
    """What an exception says, without the names of the drivers it came through."""
    parts = [str(argument) for argument in error.args]
    # pyodbc's own complaints have the message before the state.
    state = next((part for part in parts if _SQLSTATE.fullmatch(part)), None)
    message = max((part for part in parts if part != state), key=len, default="") or type(error).__name__
    found = _NATIVE.search(message)
    text = message[: found.start()] if found else message
    return OdbcDiagnostic(state, int(found[1]) if found else None, _PREFIXES.sub("", text).strip())


def class_by_sqlstate(sqlstate: str | None) -> ErrorClass | None:
    """The class of a SQLSTATE that has one meaning."""
    if sqlstate is None:
        return None
    return ErrorClass.CONNECTION_LOST if _is_lost(sqlstate) else _BY_SQLSTATE.get(sqlstate)


def class_without_sqlstate(error: BaseException, text: str) -> ErrorClass | None:
    """The class of what Python and pyodbc raise by themselves."""
    return class_of_python_error(error) or (ErrorClass.CONNECTION_CLOSED if "closed" in text else None)


def _is_lost(sqlstate: str) -> bool:
    # 08003 is ODBC's "connection not open" too; a session that simdsl closed never comes so far.
    return sqlstate.startswith(_LOST)
