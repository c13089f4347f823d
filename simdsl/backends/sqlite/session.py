"""A session over a connection of ``sqlite3``, or of a module that takes its place, and values for the whole family."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, Final

from simdsl.backends.dbapi.session import NOTHING, BlockingSession, counts_rows
from simdsl.backends.protocol import Statement, Tx
from simdsl.backends.sqlite.errors import control_failed, failed
from simdsl.plan.outcomes import Affected, ErrorClass, Failed, Outcome, Rows
from simdsl.plan.sql import SqlKind
from simdsl.plan.values import INT64_MAX, INT64_MIN, Value

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
    every SQLite run: 1.9 us a statement beside the engine's own 4, where the general one takes 4.5.
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
        except Exception as error:  # whatever a driver raises is an outcome of the statement
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
    """A value in one of SQLite's five storage classes. What has none of its own is written as its canonical text."""
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
