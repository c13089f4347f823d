"""One libSQL database."""

from __future__ import annotations

from typing import Any

from simdsl.backends.libsql.driver import Panicked, failed
from simdsl.backends.libsql.session import LibsqlSession
from simdsl.backends.sqlite.files import FileWorld
from simdsl.backends.sqlite.texts import quoted_name
from simdsl.plan.outcomes import Failed, Rows
from simdsl.plan.values import Value, sorted_rows


class LibsqlWorld(FileWorld[LibsqlSession]):
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
        except Panicked:
            # Text that is no UTF-8: a failure for a session, but it must not hide an end state.
            return self._rows_as_bytes(table)

    def _rows_as_bytes(self, table: str) -> Rows:
        name = quoted_name(table)
        known = self._keeper.execute("SELECT name FROM pragma_table_info(?)", (table,)).rows
        columns = [quoted_name(column) for (column,) in known]
        cells = ", ".join(
            f"typeof({column}) = 'text', CASE typeof({column}) WHEN 'text' THEN CAST({column} AS BLOB) ELSE {column} END"
            for column in columns
        )
        rows = self._keeper.execute(f"SELECT {cells} FROM {name}").rows
        return Rows(len(columns), sorted_rows([tuple(map(_decoded, row[::2], row[1::2])) for row in rows]))


def _decoded(is_text: Value, value: Value) -> Value:
    return value.decode("utf-8", "backslashreplace") if is_text and isinstance(value, bytes) else value
