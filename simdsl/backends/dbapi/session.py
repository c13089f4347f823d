"""Sessions over PEP 249 connections whose calls block until the statement has ended, and the errors that they raise.

``BlockingSession`` is the base of all of them, ``DbapiSession`` the one for any driver. A statement has ended when ``start``
returns, so nothing is ever pending and nothing can be cancelled; what meets a lock must fail at once, which is why
adapters connect with a busy timeout of zero.

Of an error, the code decides where the driver gives one, because messages change between versions and languages. Where it
gives none, the message decides and then the name of the exception's class: names, so that no driver is imported to compare
classes.

Statements are written as such drivers take them: placeholders in the driver's style, quoted names, transaction control."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import field
from datetime import date, datetime, time
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final, NamedTuple, Protocol, TypeAlias, assert_never

from simdsl.backends.protocol import Refusal, Statement, Tx
from simdsl.plan.deferred import dataclass
from simdsl.plan.outcomes import Affected, ErrorClass, Failed, Outcome, Rows
from simdsl.plan.sql import IsolationLevel, Sql, SqlKind, TransactionAction, TransactionControl, TransactionMode
from simdsl.plan.values import INT64_MAX, INT64_MIN, Row, Value


class ParameterStyle(StrEnum):
    """``paramstyle`` of PEP 249, and PostgreSQL's own ``$1``."""

    QMARK = "qmark"  # ?
    NUMERIC = "numeric"  # :1
    NAMED = "named"  # :name
    FORMAT = "format"  # %s
    PYFORMAT = "pyformat"  # %(name)s
    DOLLAR = "dollar"  # $1


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionSyntax:
    """How an engine writes transaction control. What it cannot write is refused, so that the plan is skipped there."""

    engine: str  # as a refusal names it
    levels: frozenset[IsolationLevel] = frozenset({IsolationLevel.SERIALIZABLE})
    names_levels: bool = False  # BEGIN may say ISOLATION LEVEL; otherwise the only level goes without saying
    modes: frozenset[TransactionMode] = frozenset()
    access_modes: bool = False  # BEGIN may say READ ONLY or READ WRITE
    savepoints: bool = True
    savepoint_word: bool = False  # ROLLBACK TO SAVEPOINT s, as the SQL standard has it, instead of ROLLBACK TO s


def compile_statement(
    sql: Sql,
    identifiers: Mapping[str, str],
    syntax: TransactionSyntax,
    style: ParameterStyle = ParameterStyle.QMARK,
    quote: Callable[[str], str] | None = None,
) -> Statement | Refusal:
    """A statement for a driver: variables in ``identifiers`` become quoted names, all others become placeholders."""
    if sql.transaction is not None:
        text = control_text(sql.transaction, syntax)
        if isinstance(text, Refusal):
            return text
        return Statement(text=text, parameters=(), kind=sql.kind, transaction=sql.transaction)
    pieces, parameters = split_at_parameters(sql, identifiers, quote or quote_name)
    return Statement(text=join_pieces(pieces, parameters, style), parameters=parameters, kind=sql.kind)


def split_at_parameters(
    sql: Sql, identifiers: Mapping[str, str], quote: Callable[[str], str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The text split at what is bound, one piece more than there are parameters; and their names in text order."""
    pieces = [""]
    parameters: list[str] = []
    for part in sql.fragments:
        if isinstance(part, str):
            pieces[-1] += part
        elif part.name in identifiers:
            pieces[-1] += quote(identifiers[part.name])
        else:
            pieces.append("")
            parameters.append(part.name)
    return tuple(pieces), tuple(parameters)


def join_pieces(pieces: tuple[str, ...], parameters: tuple[str, ...], style: ParameterStyle) -> str:
    """The text with placeholders. A parameter that occurs twice is bound twice, so order alone decides in every style."""
    if style is ParameterStyle.QMARK:
        return "?".join(pieces)
    if style in (ParameterStyle.FORMAT, ParameterStyle.PYFORMAT) and parameters:
        # Such drivers format the text when there is something to bind, so a literal percent sign must be doubled.
        pieces = tuple(piece.replace("%", "%%") for piece in pieces)
    marks = (_placeholder(style, number, name) for number, name in enumerate(parameters, 1))
    return "".join(piece + next(marks, "") for piece in pieces)


def _placeholder(style: ParameterStyle, number: int, name: str) -> str:
    match style:
        case ParameterStyle.QMARK:
            return "?"
        case ParameterStyle.NUMERIC:
            return f":{number}"
        case ParameterStyle.DOLLAR:
            return f"${number}"
        case ParameterStyle.NAMED:
            return f":{name}"
        case ParameterStyle.FORMAT:
            return "%s"
        case ParameterStyle.PYFORMAT:
            return f"%({name})s"
    assert_never(style)


def quote_name(name: str) -> str:
    """A name as an identifier of the SQL standard."""
    return '"' + name.replace('"', '""') + '"'


def control_text(transaction: TransactionControl, syntax: TransactionSyntax) -> str | Refusal:
    """The text of a transaction statement, or why this engine has none."""
    if transaction.name is not None and not syntax.savepoints:
        return Refusal(reason=f"{syntax.engine} has no savepoints")
    word = "SAVEPOINT " if syntax.savepoint_word else ""
    match transaction.action:
        case TransactionAction.BEGIN:
            return _begin_text(transaction, syntax)
        case TransactionAction.COMMIT | TransactionAction.ROLLBACK as action:
            return action.name
        case TransactionAction.SAVEPOINT | TransactionAction.ROLLBACK_TO | TransactionAction.RELEASE if (
            not syntax.savepoints
        ):
            return Refusal(reason=f"{syntax.engine} has no savepoints")
        case TransactionAction.SAVEPOINT:
            return f"SAVEPOINT {transaction.name}"
        case TransactionAction.ROLLBACK_TO:
            return f"ROLLBACK TO {word}{transaction.name}"
        case TransactionAction.RELEASE:
            return f"RELEASE {word}{transaction.name}"


def _begin_text(transaction: TransactionControl, syntax: TransactionSyntax) -> str | Refusal:
    isolation, mode, read_only = transaction.isolation, transaction.mode, transaction.read_only
    if isolation is not None and isolation not in syntax.levels:
        only = "" if syntax.names_levels else f", only {', '.join(level.upper() for level in sorted(syntax.levels))}"
        return Refusal(reason=f"{syntax.engine} has no isolation level {isolation.upper()}{only}")
    if mode is not None and mode not in syntax.modes:
        return Refusal(reason=f"{syntax.engine} has no BEGIN {mode.name}")
    if read_only and not syntax.access_modes:
        return Refusal(reason=f"{syntax.engine} has no READ ONLY transactions")
    text = "BEGIN" if mode is None else f"BEGIN {mode.name}"
    if isolation is not None and syntax.names_levels:
        text += f" ISOLATION LEVEL {isolation.upper()}"
    if read_only is not None and syntax.access_modes:
        text += " READ ONLY" if read_only else " READ WRITE"
    return text


MessagePatterns: TypeAlias = tuple[tuple[str, ErrorClass], ...]
"""Regular expressions to search for in a message; the first that is found decides, so put the specific ones first."""


CLOSED: Final = Failed(ErrorClass.CONNECTION_CLOSED, "the connection is closed")


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorTable:
    """How an engine's errors are classified, for a driver that has no module for it.

    ``code_of`` reads the code from an exception (an SQLSTATE or a native number; None where it has none), ``codes`` gives
    its class, ``messages`` are searched next, and ``exceptions`` maps names of exception classes, base classes included.
    """

    codes: Mapping[str | int, ErrorClass] = field(default_factory=dict)
    messages: MessagePatterns = ()
    exceptions: Mapping[str, ErrorClass] = field(default_factory=dict)
    code_of: Callable[[BaseException], str | int | None] = lambda error: getattr(error, "sqlstate", None)

    @property
    def declared(self) -> frozenset[ErrorClass]:
        """Every class that the table can give."""
        return frozenset((*self.codes.values(), *(found for _, found in self.messages), *self.exceptions.values()))

    def failed(self, error: BaseException) -> Failed:
        """An exception as the outcome of its statement. What the table does not know is ``OTHER``."""
        text = first_line(error)
        code = self.code_of(error)
        found = None if code is None else self.codes.get(code)
        found = found or class_of_python_error(error) or first_match(self.messages, text)
        if found is None:
            names = (cls.__name__ for cls in type(error).__mro__)
            found = next((self.exceptions[name] for name in names if name in self.exceptions), ErrorClass.OTHER)
        return Failed(found, text, code if isinstance(code, str) else None, code if isinstance(code, int) else None)


def class_of_python_error(error: BaseException) -> ErrorClass | None:
    """The class of what Python raises while a driver converts a value, whatever its message says."""
    if isinstance(error, OverflowError):
        return ErrorClass.NUMERIC_VALUE_OUT_OF_RANGE
    return ErrorClass.INVALID_TEXT_REPRESENTATION if isinstance(error, UnicodeError) else None


def first_match(patterns: Iterable[tuple[str, ErrorClass]], text: str) -> ErrorClass | None:
    """The class of the first pattern that is found in the text."""
    for pattern, error_class in patterns:
        # Compiled by ``re`` on first use: most runs meet no error, and compiling all patterns costs 3 ms at start-up.
        if re.search(pattern, text):
            return error_class
    return None


def first_line(error: BaseException) -> str:
    """An exception's message without the lines below it, where drivers draw the statement and give hints."""
    return str(error).strip().partition("\n")[0] or type(error).__name__


NOTHING: Final = Affected(None)
"""The outcome of a statement that neither has rows nor counts any."""


# Looking a member up in its enum costs as much as the rest of a line; these names are looked up in every step.
_OPEN: Final = Tx.OPEN


_IDLE: Final = Tx.IDLE


_PLAIN: Final = frozenset({int, str, float, bytes, bool, type(None), Decimal, date, time, datetime})


_ROLLBACK: Final = Statement(
    text="ROLLBACK",
    parameters=(),
    kind=SqlKind.TRANSACTION,
    transaction=TransactionControl(action=TransactionAction.ROLLBACK),
)


class BlockingSession(ABC):
    """One connection whose statements have ended when ``start`` returns. ``connection`` is what a pool lends.

    The connection has ``in_transaction`` and ``close`` as the stdlib's ``sqlite3`` has them.
    """

    __slots__ = ("connection", "id")

    def __init__(self, connection: Any, number: int) -> None:
        self.id = number
        self.connection = connection

    @abstractmethod
    def start(self, statement: Statement, arguments: Sequence[Value]) -> Outcome:
        """Run the statement to its end."""

    def poll(self) -> Outcome | None:
        """None: nothing is ever pending."""
        return None

    def cancel(self) -> None:  # noqa: B027 - not abstract: there is nothing to do in any of them
        """Do nothing: nothing is ever pending."""

    def tx(self) -> Tx:
        """By the connection's own flag."""
        try:
            return _OPEN if self.connection.in_transaction else _IDLE
        except Exception:  # a closed connection refuses the question, each driver with its own error
            return Tx.LOST

    def quiesce(self) -> None:
        """Roll back an open transaction."""
        if self.tx() in (Tx.OPEN, Tx.FAILED):
            self.start(_ROLLBACK, ())

    def close(self) -> None:
        """Close the connection, which rolls back. Idempotent."""
        self.connection.close()


class DriverTraits(Protocol):
    """What a ``DbapiSession`` must know about its driver; ``dbapi.engine.DbapiEngine`` says what each means."""

    @property
    def errors(self) -> ErrorTable:
        """How its exceptions are classified."""

    @property
    def count_column(self) -> str | None:
        """The column in which DML returns its count as a row."""

    @property
    def uses_cursors(self) -> bool:
        """Whether ``cursor()`` gives a cursor of this connection."""

    @property
    def binds_by_name(self) -> bool:
        """Whether parameters go as a mapping."""


class DbapiSession(BlockingSession):
    """One connection of any PEP 249 driver, by what the engine's description says of it.

    PEP 249 has no call that tells the state of a transaction. Where the connection has no ``in_transaction`` either, the
    state follows from the outcomes of transaction statements; after an error within a transaction a probe finds out
    whether the transaction still answers.
    """

    __slots__ = ("_engine", "_is_closed", "_tx", "pooled")

    def __init__(self, connection: Any, number: int, engine: DriverTraits) -> None:
        super().__init__(connection, number)
        self._engine = engine
        self._is_closed = False
        self._tx = Tx.IDLE
        self.pooled = LendableConnection(self)

    def start(self, statement: Statement, arguments: Sequence[Value]) -> Outcome:
        """Run the statement to its end."""
        if self._is_closed:
            return CLOSED
        try:
            outcome = self._run(statement, arguments)
        except Exception as error:  # every driver error is an outcome of the statement
            outcome = self._engine.errors.failed(error)
        return self._track(statement, outcome)

    def tx(self) -> Tx:
        """By the connection's own flag, or by the statements that it has answered."""
        if self._is_closed:
            return Tx.LOST
        return super().tx() if hasattr(self.connection, "in_transaction") else self._tx

    def roll_back(self) -> None:
        """For a pool, which replaces what it cannot reset. Raises the driver's errors, and ``ConnectionError``."""
        if self._is_closed:
            raise ConnectionError(CLOSED.text)
        if self.tx() in (Tx.OPEN, Tx.FAILED):
            self._cursor().execute(_ROLLBACK.text)
            self._tx = Tx.IDLE

    def close(self) -> None:
        """Roll back and close. Idempotent."""
        if not self._is_closed:
            self.quiesce()
            self._is_closed = True
            self.connection.close()

    def _run(self, statement: Statement, arguments: Sequence[Value]) -> Outcome:
        cursor = self._cursor()
        values = self._bound(statement, arguments)
        cursor.execute(statement.text, values) if values else cursor.execute(statement.text)
        description = cursor.description
        counts = counts_rows(statement)
        if not description or statement.kind in (SqlKind.DDL, SqlKind.TRANSACTION):
            return Affected(cursor.rowcount) if counts and cursor.rowcount >= 0 else NOTHING
        rows = fetch_values(cursor)
        if counts and description[0][0] == self._engine.count_column:
            return Affected(sum(int(n) for (n,) in rows if isinstance(n, int)))
        # Of a statement with RETURNING, PEP 249 leaves open whether ``rowcount`` counts; each affected row is one row here.
        return Rows(len(description), rows, len(rows) if statement.kind is SqlKind.DML else None)

    def _cursor(self) -> Any:
        return self.connection.cursor() if self._engine.uses_cursors else self.connection

    def _bound(self, statement: Statement, arguments: Sequence[Value]) -> Any:
        for value in arguments:
            # Drivers with a wider type would store these; everywhere else in simdsl an integer has 64 bits.
            if type(value) is int and not INT64_MIN <= value <= INT64_MAX:
                raise OverflowError("integer too large for 64 bits")
        if self._engine.binds_by_name:
            return dict(zip(statement.parameters, arguments, strict=True))
        return tuple(arguments)

    def _track(self, statement: Statement, outcome: Outcome) -> Outcome:
        """Follow the transaction's state, and see through a COMMIT that reports success and has rolled back."""
        before, action = self._tx, statement.transaction and statement.transaction.action
        if isinstance(outcome, Failed):
            if outcome.error_class in (ErrorClass.CONNECTION_LOST, ErrorClass.CONNECTION_CLOSED):
                self._tx = Tx.LOST
            elif before is not Tx.IDLE:
                # A COMMIT that fails has ended its transaction in every engine known that cannot be asked.
                self._tx = Tx.IDLE if action is TransactionAction.COMMIT else self._probed()
        elif action is TransactionAction.BEGIN or action is TransactionAction.ROLLBACK_TO:
            self._tx = Tx.OPEN
        elif action in (TransactionAction.COMMIT, TransactionAction.ROLLBACK):
            self._tx = Tx.IDLE
            if action is TransactionAction.COMMIT and before is Tx.FAILED:
                text = "the transaction had failed, so it was rolled back"
                return Failed(ErrorClass.IN_FAILED_SQL_TRANSACTION, text, by="simdsl")
        return outcome

    def _probed(self) -> Tx:
        # A query without a table: it must not take a snapshot that the plan has not asked for.
        try:
            cursor = self._cursor()
            cursor.execute("SELECT 1")
            cursor.fetchall()
        except Exception:  # the engine refuses everything until a rollback
            return Tx.FAILED
        return Tx.OPEN


class PoolableSession(Protocol):
    """What a ``LendableConnection`` needs of its session."""

    @property
    def connection(self) -> Any:
        """The driver's connection."""

    def roll_back(self) -> None:
        """Roll back what is open, if anything is. Raises the driver's errors."""

    def close(self) -> None:
        """Close the connection. Idempotent."""


class LendableConnection:
    """A connection as a pool sees one: what a pool does to it happens to the session, and the session knows.

    Transactions are begun by SQL text, so a driver's own ``rollback`` may not know of them, or raise where none is open; a
    pool calls it on every return, and would take the error for a broken connection.
    """

    def __init__(self, session: PoolableSession) -> None:
        self.session = session

    def rollback(self) -> None:
        """Raises the driver's errors."""
        self.session.roll_back()

    def close(self) -> None:
        """Close the session."""
        self.session.close()

    def __getattr__(self, name: str) -> Any:
        """Everything else is the driver's: a user's pool may want a cursor to ping with."""
        return getattr(self.session.connection, name)


class BufferedResult(NamedTuple):
    """A result that was read to its end: what wrappers of drivers return where PEP 249 has a cursor."""

    description: Any  # a sequence as long as a row is wide, or None for a statement without a result set
    rows: list[Row]
    rowcount: int

    def fetchone(self) -> Row:
        """The only row, where there is certain to be one."""
        return self.rows[0]

    def fetchall(self) -> list[Row]:
        """Every row."""
        return self.rows


def wrong_argument_count(statement: Statement, arguments: Sequence[Value]) -> Failed | None:
    """The refusal of a statement for drivers that would bind NULL to what is missing and ignore what is too much."""
    if len(arguments) == len(statement.parameters):
        return None
    text = f"{len(arguments)} values for {len(statement.parameters)} parameters"
    return Failed(ErrorClass.OTHER, text, by="simdsl")


def counts_rows(statement: Statement) -> bool:
    """Whether a statement without a result set counts rows: DML, or a WITH that leads to DML.

    Anything else of unknown kind (PRAGMA, SET, ANALYZE ...) counts nothing, whatever ``rowcount`` says.
    """
    kind = statement.kind
    return kind is SqlKind.DML or (kind is SqlKind.OTHER and statement.text.lstrip()[:4].upper() == "WITH")


def fetch_values(cursor: Any) -> list[Row]:
    """The rows that are left, in simdsl's values. Values of other types (UUID, arrays ...) come as text."""
    rows = cursor.fetchall()
    for row in rows:
        for value in row:
            if type(value) not in _PLAIN:
                return [tuple(map(_plain, row)) for row in rows]
    return list(map(tuple, rows))


def _plain(value: Any) -> Value:
    if type(value) in _PLAIN:
        known: Value = value
        return known
    return bytes(value) if isinstance(value, (bytearray, memoryview)) else str(value)
