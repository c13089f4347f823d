"""libSQL through ``libsql-experimental``, as a file on this machine: no server, no replica.

``libsql`` is a throwaway file, ``libsql:///file.db`` (relative) and ``libsql:////dir/file.db`` (absolute) are used in place
and never deleted. What the URL may add:

* ``journal_mode=wal|delete``: by default a throwaway is in WAL mode, and a user's file stays as it is;
* ``pool=module:factory``: another pool (see ``backends.pools``).

Foreign keys are enforced from the start, where SQLite wants ``PRAGMA foreign_keys = ON``. The driver tells no error codes,
so messages classify, and a stale snapshot is ``busy`` as any other lock. It makes reals of integers beyond 32 bits, which
simdsl prevents; it cuts text at a NUL, which simdsl refuses to send; and it panics over text that is not UTF-8, which is
``driver_panic``.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, Final

from simdsl.backends import pools as pool_names
from simdsl.backends.dbapi.database import locate
from simdsl.backends.dbapi.session import (
    NOTHING,
    BlockingSession,
    BufferedResult,
    control_text,
    counts_rows,
    quote_name,
    split_at_parameters,
    wrong_argument_count,
)
from simdsl.backends.libsql import FACTS
from simdsl.backends.protocol import Backend, BackendUnavailable, Capabilities, Database, Description, Refusal, Statement
from simdsl.backends.sqlite import errors as sqlite_errors
from simdsl.backends.sqlite.backend import SqliteFamilyBackend, family_arguments, family_capabilities, transaction_syntax
from simdsl.backends.sqlite.database import SqliteFamilyDatabase
from simdsl.backends.sqlite.errors import class_by_message
from simdsl.backends.sqlite.session import SqliteDriver, fit_values, package_version
from simdsl.plan.deferred import dataclass, lazy_regex
from simdsl.plan.outcomes import Affected, ErrorClass, Failed, Outcome, Rows
from simdsl.plan.sql import Sql, SqlKind
from simdsl.plan.values import Value, sorted_rows

NAME: Final = "libsql-experimental"

# A bound text with a lone surrogate is refused with this message; values of any other type are converted before.
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
        except BaseException as error:  # a panic is not an Exception
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
        except BaseException as error:  # a panic is not an Exception
            raise _ordinary(error) from None

    def _open(self) -> Any:
        if self._is_closed:
            raise LibsqlClosed("the connection is closed")
        return self._connection


def load_driver() -> SqliteDriver:
    """The driver. Raises ``BackendUnavailable`` where it is not installed."""
    try:
        import libsql_experimental  # here, so that a missing driver is a sentence and not a traceback
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
    # PyO3 creates the class of a panic in each module, and it can be imported from nowhere.
    return LibsqlPanic(str(error)) if type(error).__module__ == "pyo3_runtime" else error


SYNTAX: Final = transaction_syntax("libSQL")

_INT32_MAX: Final = 2**31 - 1
_INT32_MIN: Final = -(2**31)
# How an integer is bound that the driver would turn into a real: as text, which SQLite casts to an integer again. The plus
# removes the affinity that CAST gives, so that the expression compares like a plain parameter
# (https://www.sqlite.org/datatype3.html#affinity_of_expressions).
_WIDE: Final = "(+CAST(? AS INTEGER))"

# What may hold a semicolon that ends nothing.
_OPAQUE: Final = lazy_regex(r"""'[^']*'|"[^"]*"|`[^`]*`|\[[^]]*\]|--[^\n]*|/\*.*?(?:\*/|$)""", re.DOTALL)
_TRIGGER: Final = lazy_regex(r"\s*CREATE\s+(?:TEMP(?:ORARY)?\s+)?TRIGGER\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class LibsqlStatement(Statement):
    """``pieces`` is the text split at the parameters. ``problem`` is an error that the driver would not report."""

    pieces: tuple[str, ...]
    problem: Failed | None = None


def compile_libsql_statement(sql: Sql, identifiers: Mapping[str, str]) -> Statement | Refusal:
    """As for SQLite. Whether an integer has to be widened is known only when it is bound, so the pieces are kept."""
    if sql.transaction is not None:
        text = control_text(sql.transaction, SYNTAX)
        if isinstance(text, Refusal):
            return text
        return LibsqlStatement(text=text, parameters=(), kind=sql.kind, transaction=sql.transaction, pieces=(text,))
    pieces, parameters = split_at_parameters(sql, identifiers, quote_name)
    text = "?".join(pieces)
    return LibsqlStatement(text=text, parameters=parameters, kind=sql.kind, pieces=pieces, problem=_problem(text))


def has_second_statement(text: str) -> bool:
    """Whether a second statement begins behind a semicolon. A trigger's body is not a second statement."""
    code = _OPAQUE.sub(lambda found: " " if found[0][0] in "-/" else " x ", text)
    return not _TRIGGER.match(code) and bool(code.partition(";")[2].replace(";", "").strip())


class LibsqlSession(BlockingSession):
    """One connection, a ``LibsqlConnection``."""

    __slots__ = ()

    def start(self, statement: Statement, arguments: Sequence[Value]) -> Outcome:
        """Run the statement to its end."""
        try:
            if arguments or statement.parameters or statement.__class__ is not LibsqlStatement:
                return self._with_arguments(statement, arguments)
            if statement.problem is not None:
                return statement.problem
            return self._outcome(statement, statement.text, ())
        except Exception as error:  # every driver error is an outcome of the statement
            return failed(error)

    def _with_arguments(self, statement: Statement, arguments: Sequence[Value]) -> Outcome:
        refusal = wrong_argument_count(statement, arguments)
        if refusal is not None:
            return refusal
        if not isinstance(statement, LibsqlStatement):
            return self._outcome(statement, statement.text, fit_values(arguments))
        if statement.problem is not None:
            return statement.problem
        text, values = _widened(statement, fit_values(arguments))
        return self._outcome(statement, text, values)

    def _outcome(self, statement: Statement, text: str, values: tuple[Value, ...]) -> Outcome:
        connection: Any = self.connection
        description, rows, count = connection.execute(text, values)
        if description is not None:
            # The driver's count was taken before the first row was read, so the engine is asked.
            return Rows(len(description), rows, self._changes() if statement.kind is SqlKind.DML else None)
        return Affected(count) if counts_rows(statement) else NOTHING

    def _changes(self) -> int:
        ((n,),) = self.connection.execute("SELECT changes()").rows
        return int(n)


def _widened(statement: LibsqlStatement, values: tuple[Value, ...]) -> tuple[str, tuple[Value, ...]]:
    are_wide = False
    for value in values:
        if isinstance(value, int):
            are_wide = are_wide or not _INT32_MIN <= value <= _INT32_MAX
        elif isinstance(value, str) and "\0" in value:
            # The driver hands text over as C does, and would cut it here; and cut again what it reads.
            raise UnicodeError("the driver cuts text at a NUL")
    if not are_wide:
        return statement.text, values
    text = [statement.pieces[0]]
    bound: list[Value] = []
    for value, piece in zip(values, statement.pieces[1:], strict=True):
        is_wide = isinstance(value, int) and not _INT32_MIN <= value <= _INT32_MAX
        text += (_WIDE if is_wide else "?", piece)
        bound.append(str(value) if is_wide else value)
    return "".join(text), tuple(bound)


def _problem(text: str) -> Failed | None:
    # The driver runs the first of two statements and forgets the second, and reads no further than a NUL.
    if "\0" in text:
        return Failed(ErrorClass.SYNTAX_ERROR, "the statement contains a null character", by="simdsl")
    if ";" in text and has_second_statement(text):
        return Failed(ErrorClass.SYNTAX_ERROR, "the driver would run only the first of these statements", by="simdsl")
    return None


class LibsqlDatabase(SqliteFamilyDatabase[LibsqlSession]):
    """See ``protocol.Database``. Its snapshot is the file's content: the driver has no backup."""

    def wrap_connection(self, connection: Any, number: int) -> LibsqlSession:
        """The session over a new connection."""
        return LibsqlSession(connection, number)

    def failed(self, error: BaseException) -> Failed:
        """By SQLite's message."""
        return failed(error)

    def _open_admin(self, *, is_new: bool = False) -> Any:
        admin = super()._open_admin(is_new=is_new)
        # libSQL enforces them by default, and a reset must not.
        admin.execute("PRAGMA foreign_keys = OFF")
        return admin

    def _rows_of(self, table: str) -> Rows:
        try:
            return super()._rows_of(table)
        except LibsqlPanic:
            # Text that is not UTF-8 fails in a session, but must not hide an end state.
            return self._rows_as_bytes(table)

    def _rows_as_bytes(self, table: str) -> Rows:
        name = quote_name(table)
        known = self._admin.execute("SELECT name FROM pragma_table_info(?)", (table,)).rows
        columns = [quote_name(column) for (column,) in known]
        cells = ", ".join(
            f"typeof({column}) = 'text', CASE typeof({column}) WHEN 'text' THEN CAST({column} AS BLOB) ELSE {column} END"
            for column in columns
        )
        rows = self._admin.execute(f"SELECT {cells} FROM {name}").rows
        return Rows(len(columns), sorted_rows([tuple(map(_decoded, row[::2], row[1::2])) for row in rows]))


def _decoded(is_text: Value, value: Value) -> Value:
    return value.decode("utf-8", "backslashreplace") if is_text and isinstance(value, bytes) else value


JOURNAL_MODES: Final = ("wal", "delete")

# Without codes, a stale snapshot cannot be told from any other lock.
DECLARED: Final = sqlite_errors.DECLARED - {ErrorClass.SNAPSHOT_CONFLICT} | {ErrorClass.DRIVER_PANIC}


def from_url(head: str, query: Mapping[str, str]) -> Backend:
    """The backend that a URL selects. Raises ``BackendUnavailable``."""
    arguments = family_arguments(FACTS, head, query, journal_modes=JOURNAL_MODES)
    backend = LibsqlBackend(**arguments)
    backend.load()
    return backend


@dataclasses.dataclass(frozen=True, kw_only=True)
class LibsqlBackend(SqliteFamilyBackend):
    """See ``protocol.Backend``."""

    name: str = FACTS.name
    path: str | None = None
    journal_mode: str | None = None
    pool: str | None = None

    @property
    def capabilities(self) -> Capabilities:
        """SQLite's, but for codes."""
        return family_capabilities(SYNTAX, DECLARED)

    def describe(self) -> Description:
        """Versions, without loading the pool. The engine's is that of the SQLite in it; it does not tell its own."""
        return Description(
            driver=self._driver.label,
            driver_version=self._driver.version,
            engine=FACTS.engine,
            engine_version=f"SQLite {self._driver.engine_version}",
            pool=pool_names.describe_pool(self.pool),
        )

    def compile(self, sql: Sql, identifiers: Mapping[str, str]) -> Statement | Refusal:
        """Variables that name things become quoted names, all others become ``?`` in text order."""
        return compile_libsql_statement(sql, identifiers)

    def create(self) -> Database:
        """A database: made, or opened in place."""
        location = locate(self.path, FACTS.name, journal_mode=self.journal_mode, throwaway_mode="wal")
        return LibsqlDatabase(self._driver, location, self.pool)

    def load(self) -> None:
        """Import now what the URL names. Raises ``BackendUnavailable``."""
        _ = self._driver
        super().load()

    @cached_property
    def _driver(self) -> SqliteDriver:
        return load_driver()
