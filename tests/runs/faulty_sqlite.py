"""Drivers that wrap the stdlib's sqlite3 and have one fault each, for ``sqlite?driver=...``.

``install(fault)`` gives the name of a module that can be imported from then on. A fault shows in what sessions do; what the
backend itself reads at the end is left alone, as far as the fault did not spoil it.
"""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Callable, Mapping
from types import MappingProxyType, ModuleType
from typing import Any, Final

Rows = list[tuple[Any, ...]]


class Faithful(sqlite3.Cursor):
    """No fault: what wrapping alone does."""

    said = ""

    def execute(self, sql: str, parameters: Any = ()) -> Any:
        self.said = sql
        return super().execute(sql, parameters)

    def fetchall(self) -> Rows:
        rows = super().fetchall()
        return self.changed(rows) if self.said.startswith("SELECT") else rows

    def changed(self, rows: Rows) -> Rows:
        """What a query gives instead of these."""
        return rows


class DropsARow(Faithful):
    def changed(self, rows: Rows) -> Rows:
        return rows[:-1] if len(rows) > 1 else rows


class DuplicatesARow(Faithful):
    def changed(self, rows: Rows) -> Rows:
        return [*rows, rows[0]] if len(rows) > 1 else rows


class GivesText(Faithful):
    def changed(self, rows: Rows) -> Rows:
        return [tuple(str(cell) if isinstance(cell, int) and cell > 9 else cell for cell in row) for row in rows]


class GivesReals(Faithful):
    def changed(self, rows: Rows) -> Rows:
        return [tuple(float(cell) if isinstance(cell, int) and cell > 9 else cell for cell in row) for row in rows]


class LosesNull(Faithful):
    def changed(self, rows: Rows) -> Rows:
        return [tuple("" if cell is None else cell for cell in row) for row in rows]


class LosesACommit(Faithful):
    def execute(self, sql: str, parameters: Any = ()) -> Any:
        return super().execute("ROLLBACK" if sql == "COMMIT" else sql, parameters)


class IgnoresARollback(Faithful):
    def execute(self, sql: str, parameters: Any = ()) -> Any:
        return super().execute("COMMIT" if sql == "ROLLBACK" else sql, parameters)


class IgnoresARollbackToASavepoint(Faithful):
    def execute(self, sql: str, parameters: Any = ()) -> Any:
        return super().execute(sql.replace("ROLLBACK TO ", "RELEASE "), parameters)


class ReadsWhatWas(Faithful):
    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._seen: dict[str, Rows] = {}

    def changed(self, rows: Rows) -> Rows:
        return self._seen.setdefault(self.said, rows)


class SwapsColumns(Faithful):
    def changed(self, rows: Rows) -> Rows:
        return [(*row[:-2], row[-1], row[-2]) if len(row) > 1 else row for row in rows]


class MisSorts(Faithful):
    def changed(self, rows: Rows) -> Rows:
        return rows[::-1] if "ORDER BY" in self.said else rows


class Miscounts(Faithful):
    @property
    def rowcount(self) -> int:
        return super().rowcount + (1 if self.said.startswith("UPDATE") else 0)


class RaisesTheWrongError(Faithful):
    def execute(self, sql: str, parameters: Any = ()) -> Any:
        try:
            return super().execute(sql, parameters)
        except sqlite3.IntegrityError as error:
            if error.sqlite_errorcode not in (sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY):
                raise
            wrong = sqlite3.IntegrityError("CHECK constraint failed")
            wrong.sqlite_errorcode = sqlite3.SQLITE_CONSTRAINT_CHECK
            wrong.sqlite_errorname = "SQLITE_CONSTRAINT_CHECK"
            raise wrong from error


class SwallowsAnError(Faithful):
    def execute(self, sql: str, parameters: Any = ()) -> Any:
        try:
            return super().execute(sql, parameters)
        except sqlite3.IntegrityError:
            return self


FAULTS: Final[Mapping[str, type[Faithful]]] = MappingProxyType(
    {
        "drops_a_row": DropsARow,
        "duplicates_a_row": DuplicatesARow,
        "gives_text_for_integers": GivesText,
        "gives_reals_for_integers": GivesReals,
        "gives_empty_text_for_null": LosesNull,
        "loses_a_commit": LosesACommit,
        "ignores_a_rollback": IgnoresARollback,
        "ignores_a_rollback_to_a_savepoint": IgnoresARollbackToASavepoint,
        "reads_what_was": ReadsWhatWas,
        "swaps_two_columns": SwapsColumns,
        "mis_sorts": MisSorts,
        "miscounts": Miscounts,
        "raises_the_wrong_error": RaisesTheWrongError,
        "swallows_an_error": SwallowsAnError,
    }
)


def install(fault: str | None) -> str:
    """The name of the driver with this fault; without one, of a driver that only wraps."""
    return install_class(fault or "faithful", FAULTS[fault] if fault is not None else Faithful)


def install_class(name: str, kind: type[Faithful]) -> str:
    """The name of the driver whose cursors are of this kind."""
    name = f"simdsl_tests_faulty_{name}"
    if name not in sys.modules:
        module = ModuleType(name)
        module.__dict__.update(connect=_connector(kind), __version__="1.0")
        module.__dict__["sqlite_version"] = sqlite3.sqlite_version
        sys.modules[name] = module
    return name


def _connector(kind: type[Faithful]) -> Callable[..., sqlite3.Connection]:
    class Connection(sqlite3.Connection):
        def cursor(self, factory: Any = kind) -> Any:
            return super().cursor(factory)

        def execute(self, sql: str, parameters: Any = ()) -> sqlite3.Cursor:
            return super().cursor(sqlite3.Cursor).execute(sql, parameters)

    def connect(database: str, **options: Any) -> sqlite3.Connection:
        return sqlite3.connect(database, factory=Connection, **options)

    return connect
