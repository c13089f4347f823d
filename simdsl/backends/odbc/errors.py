"""What pyodbc raises, taken apart; and the error classes that ODBC's own SQLSTATEs stand for.

An exception holds the SQLSTATE and the messages of all diagnostic records in one text::

    [23000] [Microsoft][ODBC Driver 18 for SQL Server][SQL Server]Violation of ... (2627) (SQLExecDirectW); [01000] ...

SQLSTATEs: https://learn.microsoft.com/sql/odbc/reference/appendixes/appendix-a-odbc-error-codes
"""

from __future__ import annotations

from typing import Final, NamedTuple

from simdsl.plan.outcomes import ErrorClass
from simdsl.plan.regexes import lazy_regex

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
    match error:
        case OverflowError():
            return ErrorClass.NUMERIC_VALUE_OUT_OF_RANGE
        case UnicodeError():
            return ErrorClass.INVALID_TEXT_REPRESENTATION
        case _:
            return ErrorClass.CONNECTION_CLOSED if "closed" in text else None


def _is_lost(sqlstate: str) -> bool:
    # 08003 is ODBC's "connection not open" too; a session that simdsl closed never comes so far.
    return sqlstate.startswith(_LOST)
