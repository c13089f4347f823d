"""Statements with ODBC's placeholders, values on their way to pyodbc and back, and results as outcomes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, Final

from simdsl.backends.odbc.driver import OdbcCursor
from simdsl.backends.protocol import Statement
from simdsl.plan.outcomes import Affected, Outcome, Rows
from simdsl.plan.sql import Sql, SqlKind
from simdsl.plan.values import Row, Value


def compile_statement(sql: Sql, identifiers: Mapping[str, str], quoted: Callable[[str], str]) -> Statement:
    """Variables that name things are written as quoted names, all others become ``?`` in the order of the text."""
    text: list[str] = []
    parameters: list[str] = []
    for part in sql.fragments:
        if isinstance(part, str):
            text.append(part)
        elif part.name in identifiers:
            text.append(quoted(identifiers[part.name]))
        else:
            text.append("?")
            parameters.append(part.name)
    return Statement(text="".join(text), parameters=tuple(parameters), kind=sql.kind)


_SENT_AS_IS: Final = frozenset({int, str, float, bytes, bool, type(None)})


_RECEIVED_AS_IS: Final = frozenset({int, str, float, bytes, bool, Decimal, date, time, datetime})


_BEFORE_DML: Final = "WITH"


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
            width, rows = len(description), fetch_rows(cursor, description)
        if not cursor.nextset():
            break
    if rows is not None:
        if statement.kind is not SqlKind.DML:
            return Rows(width, rows)
        # A row of RETURNING or OUTPUT for each row that was affected: drivers do not agree on telling the count too.
        return Rows(width, rows, count if count >= 0 else len(rows))
    return Affected(count) if count >= 0 and _counts(statement) else Affected(None)


def fetch_rows(cursor: OdbcCursor, description: Sequence[Sequence[Any]]) -> list[Row]:
    """The rows of the result at hand, in simdsl's values."""
    rows = cursor.fetchall()
    if all(column[1] in _RECEIVED_AS_IS for column in description):
        return list(map(tuple, rows))
    return [tuple(map(_value, row)) for row in rows]


def _counts(statement: Statement) -> bool:
    if statement.kind is SqlKind.OTHER:
        return statement.text.lstrip()[:4].upper() == _BEFORE_DML
    return statement.kind is SqlKind.DML


def _value(value: Any) -> Value:
    if value is None or type(value) in _RECEIVED_AS_IS:
        known: Value = value
        return known
    if isinstance(value, (bytearray, memoryview)):
        return bytes(value)
    return str(value)  # a UUID


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
