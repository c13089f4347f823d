"""One libSQL database, its sessions, and the statements that they take."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from simdsl.backends.dbapi.session import NOTHING, BlockingSession, counts_rows, wrong_argument_count
from simdsl.backends.dbapi.statements import control_text, quote_name, split_at_parameters
from simdsl.backends.libsql.driver import LibsqlPanic, failed
from simdsl.backends.protocol import Refusal, Statement
from simdsl.backends.sqlite.database import SqliteFamilyDatabase
from simdsl.backends.sqlite.family import transaction_syntax
from simdsl.backends.sqlite.session import fit_values
from simdsl.plan.dataclasses import dataclass
from simdsl.plan.outcomes import Affected, ErrorClass, Failed, Outcome, Rows
from simdsl.plan.regexes import lazy_regex
from simdsl.plan.sql import Sql, SqlKind
from simdsl.plan.values import Value, sorted_rows

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
        except Exception as error:  # whatever the driver raises is an outcome of the statement
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
