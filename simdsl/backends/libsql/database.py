"""One libSQL database, its sessions, and the statements that they take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from simdsl.backends.libsql.driver import LibsqlPanic, failed
from simdsl.backends.protocol import Refusal, Statement
from simdsl.backends.sqlite.database import FileDatabase
from simdsl.backends.sqlite.session import BlockingSession, fit_values
from simdsl.backends.sqlite.statements import control_text, has_second_statement, quote_name, split_at_parameters
from simdsl.plan.dataclasses import dataclass
from simdsl.plan.outcomes import Affected, ErrorClass, Failed, Outcome, Rows
from simdsl.plan.sql import Sql, SqlKind
from simdsl.plan.values import Value, sorted_rows

_NOTHING: Final = Affected(None)


_INT32_MAX: Final = 2**31 - 1


_INT32_MIN: Final = -(2**31)


# How an integer is bound that the driver would make a real of: as text, and SQLite makes it an integer again. The plus takes
# the affinity away that CAST gives, so that the expression compares as a plain parameter does
# (https://www.sqlite.org/datatype3.html#affinity_of_expressions).
_WIDE: Final = "(+CAST(? AS INTEGER))"


@dataclass(frozen=True, slots=True, kw_only=True)
class LibsqlStatement(Statement):
    """``pieces`` is the text cut at the parameters. ``problem`` is what the driver would not say."""

    pieces: tuple[str, ...]
    problem: Failed | None = None


def compile_statement(sql: Sql, identifiers: Mapping[str, str]) -> Statement | Refusal:
    """As for SQLite. Whether an integer has to be widened is known only when it is bound."""
    if sql.transaction is not None:
        text = control_text(sql.transaction, "libSQL")
        if isinstance(text, Refusal):
            return text
        return LibsqlStatement(text=text, parameters=(), kind=sql.kind, transaction=sql.transaction, pieces=(text,))
    pieces, parameters = split_at_parameters(sql, identifiers)
    text = "?".join(pieces)
    return LibsqlStatement(text=text, parameters=parameters, kind=sql.kind, pieces=pieces, problem=_problem(text))


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
        if len(arguments) != len(statement.parameters):
            # The driver would bind NULL to what is missing and leave out what is too much.
            text = f"{len(arguments)} values for {len(statement.parameters)} parameters"
            return Failed(ErrorClass.OTHER, text, by="simdsl")
        if not isinstance(statement, LibsqlStatement):
            return self._outcome(statement, statement.text, fit_values(arguments))
        if statement.problem is not None:
            return statement.problem
        text, values = _widened(statement, fit_values(arguments))
        return self._outcome(statement, text, values)

    def _outcome(self, statement: Statement, text: str, values: tuple[Value, ...]) -> Outcome:
        connection: Any = self.connection
        description, rows, count = connection.execute(text, values)
        is_dml = statement.kind is SqlKind.DML
        if description is not None:
            # The count was taken before the first row was read.
            return Rows(len(description), rows, self._changes() if is_dml else None)
        if is_dml or (statement.kind is SqlKind.OTHER and statement.text.lstrip()[:4].upper() == "WITH"):
            return Affected(count)
        return _NOTHING

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


class LibsqlDatabase(FileDatabase[LibsqlSession]):
    """See ``protocol.World``."""

    def make_session(self, connection: Any, number: int) -> LibsqlSession:
        """The session around a new connection."""
        return LibsqlSession(connection, number)

    def failed(self, error: BaseException) -> Failed:
        """By SQLite's message."""
        return failed(error)

    def _keep(self, *, is_new: bool = False) -> Any:
        keeper = super()._keep(is_new=is_new)
        # On by default here, and a reset checks none.
        keeper.execute("PRAGMA foreign_keys = OFF")
        return keeper

    def _rows_of(self, table: str) -> Rows:
        try:
            return super()._rows_of(table)
        except LibsqlPanic:
            # Text that is no UTF-8: a failure for a session, but it must not hide an end state.
            return self._rows_as_bytes(table)

    def _rows_as_bytes(self, table: str) -> Rows:
        name = quote_name(table)
        known = self._keeper.execute("SELECT name FROM pragma_table_info(?)", (table,)).rows
        columns = [quote_name(column) for (column,) in known]
        cells = ", ".join(
            f"typeof({column}) = 'text', CASE typeof({column}) WHEN 'text' THEN CAST({column} AS BLOB) ELSE {column} END"
            for column in columns
        )
        rows = self._keeper.execute(f"SELECT {cells} FROM {name}").rows
        return Rows(len(columns), sorted_rows([tuple(map(_decoded, row[::2], row[1::2])) for row in rows]))


def _decoded(is_text: Value, value: Value) -> Value:
    return value.decode("utf-8", "backslashreplace") if is_text and isinstance(value, bytes) else value
