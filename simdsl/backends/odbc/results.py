"""Values on their way to pyodbc, and the results of a statement as its outcome."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, time
from decimal import Decimal
from typing import Any, Final

from simdsl.backends.dbapi.session import NOTHING, counts_rows, fetch_values
from simdsl.backends.odbc.driver import OdbcCursor
from simdsl.backends.protocol import Statement
from simdsl.plan.outcomes import Affected, Outcome, Rows
from simdsl.plan.sql import SqlKind
from simdsl.plan.values import Row, Value

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
