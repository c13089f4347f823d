"""Bugs of INSERT, UPDATE, DELETE, and of the constraints that guard them."""

from __future__ import annotations

from typing import Any, Final

from tests.mutation.bug import Bug, Kind, driver, fault
from tests.mutation.texts import items, rewritten
from tests.properties.planted import Replaces, SkipsARow
from tests.runs.faulty_sqlite import Faithful


class InsertLosesTheLast(Faithful):
    """The count that it gives is that of all rows."""

    lost = 0

    def execute(self, sql: str, parameters: Any = ()) -> Any:
        self.lost = 0
        head, values, rows = sql.partition(" VALUES ")
        if sql.startswith("INSERT") and values and len(all_rows := items(rows)) > 2:
            sql = f"{head} VALUES {', '.join(all_rows[:-1])}"
            self.lost = 1
        return super().execute(sql, parameters)

    @property
    def rowcount(self) -> int:
        return super().rowcount + self.lost


class UpdateTouchesUnknown(Faithful):
    def execute(self, sql: str, parameters: Any = ()) -> Any:
        if sql.startswith("UPDATE"):
            sql = rewritten(sql, " WHERE ", lambda inner: f" WHERE (({inner}) IS NOT FALSE)")
        return super().execute(sql, parameters)


class DeleteLeavesTheLast(Faithful):
    def execute(self, sql: str, parameters: Any = ()) -> Any:
        if sql.startswith("DELETE FROM ") and " WHERE (" in sql:
            sql = f"{sql} AND id < (SELECT max(id) FROM {sql.split()[2]})"
        return super().execute(sql, parameters)


class DeleteTakesUnknown(Faithful):
    def execute(self, sql: str, parameters: Any = ()) -> Any:
        if sql.startswith("DELETE"):
            sql = rewritten(sql, " WHERE ", lambda inner: f" WHERE (({inner}) IS NOT FALSE)")
        return super().execute(sql, parameters)


class IgnoresChecks(Faithful):
    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        super().execute("PRAGMA ignore_check_constraints = ON")


class IgnoresConflicts(Faithful):
    """What violates a constraint is left out, and all is well."""

    def execute(self, sql: str, parameters: Any = ()) -> Any:
        return super().execute(sql.replace("INSERT INTO", "INSERT OR IGNORE INTO"), parameters)


class UpdatesTwice(Faithful):
    """A new value that depends on the old one is computed twice."""

    def execute(self, sql: str, parameters: Any = ()) -> Any:
        done = super().execute(sql, parameters)
        if sql.startswith("UPDATE") and " SET v = v " in sql and " WHERE id = 1" in sql:
            super().execute(sql, parameters)
        return done


class ForgetsTheThirdUpdate(Faithful):
    def execute(self, sql: str, parameters: Any = ()) -> Any:
        if sql.startswith("UPDATE t SET"):
            own = vars(self.connection)
            own["updates"] = own.get("updates", 0) + 1
            if own["updates"] % 3 == 0:
                column = sql.split()[3]
                _, _, where = sql.partition(" WHERE ")
                sql = f"UPDATE t SET {column} = {column}" + (f" WHERE {where}" if where else "")
        return super().execute(sql, parameters)


BUGS: Final = (
    Bug(
        name="insert-loses-last",
        kind=Kind.WRITE,
        does="An INSERT of three rows or more leaves out the last one, and counts it.",
        model="a batch that is cut at its end",
        expected="insert-values-select",
        make=driver("insert-loses-last", InsertLosesTheLast),
    ),
    Bug(
        name="update-touches-unknown",
        kind=Kind.WRITE,
        does="UPDATE also touches the rows for which its condition is NULL.",
        model="two paths through conditions, one for queries and one for writes",
        expected="dml-select-agreement",
        make=driver("update-touches-unknown", UpdateTouchesUnknown),
    ),
    Bug(
        name="delete-takes-unknown",
        kind=Kind.WRITE,
        does="DELETE also takes the rows for which its condition is NULL.",
        model="two paths through conditions, one for queries and one for writes",
        expected="delete-select",
        make=driver("delete-takes-unknown", DeleteTakesUnknown),
    ),
    Bug(
        name="delete-leaves-last",
        kind=Kind.WRITE,
        does="DELETE with a condition leaves the last row of the table.",
        model="a scan that ends one too early",
        expected="dml-select-agreement",
        make=driver("delete-leaves-last", DeleteLeavesTheLast),
    ),
    Bug(
        name="write-skips-rows",
        kind=Kind.WRITE,
        does="UPDATE and DELETE of a range of keys skip every third key.",
        model="a cursor that moves while it is written under",
        expected="read-your-updates-back",
        make=driver("write-skips-rows", SkipsARow),
    ),
    Bug(
        name="forgotten-update",
        kind=Kind.WRITE,
        does="Every third UPDATE of a connection changes nothing, and counts its rows.",
        model="a prepared statement with the values of the last time",
        expected="table-has-expected-content",
        make=driver("forgotten-update", ForgetsTheThirdUpdate),
    ),
    Bug(
        name="update-done-twice",
        kind=Kind.WRITE,
        does="An UPDATE that adds to a value adds twice.",
        model="the Halloween problem; a statement that is sent again",
        expected="retry-after-busy",
        make=driver("update-done-twice", UpdatesTwice),
    ),
    Bug(
        name="miscounted-update",
        kind=Kind.WRITE,
        does="UPDATE counts one row more than it touched.",
        model="a count that begins with 1",
        expected="read-your-updates-back",
        make=fault("miscounts"),
    ),
    Bug(
        name="unique-replaces",
        kind=Kind.WRITE,
        does="A second row of a key takes the place of the first.",
        model="SQLite's ON CONFLICT REPLACE",
        expected="unique-insert",
        make=driver("unique-replaces", Replaces),
    ),
    Bug(
        name="unique-ignored",
        kind=Kind.WRITE,
        does="A row that violates a constraint is left out, and nobody is told.",
        model="SQLite's ON CONFLICT IGNORE; MySQL's INSERT IGNORE",
        expected="unique-insert",
        make=driver("unique-ignored", IgnoresConflicts),
    ),
    Bug(
        name="swallowed-violation",
        kind=Kind.WRITE,
        does="The error of a violated constraint does not reach the caller.",
        model="a handler that catches too much",
        expected="unique-insert",
        make=fault("swallows_an_error"),
    ),
    Bug(
        name="wrong-violation",
        kind=Kind.WRITE,
        does="A key that is there already is reported as a violated CHECK.",
        model="error codes that are mixed up",
        expected="unique-insert",
        make=fault("raises_the_wrong_error"),
    ),
    Bug(
        name="ignored-check",
        kind=Kind.WRITE,
        does="CHECK constraints are not enforced.",
        model="SQLite's PRAGMA ignore_check_constraints; MySQL before 8.0.16",
        expected="statement-atomicity",
        make=driver("ignored-check", IgnoresChecks),
    ),
)
