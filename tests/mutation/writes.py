"""Writes that touch the wrong rows, or report what they did not do."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any, Final

from sqlglot import exp

from simdsl.backends.protocol import Backend
from tests.modes.faulty_sqlite import Faithful, Miscounts, RaisesTheWrongError
from tests.mutation.bug import Bug, Kind, driver
from tests.mutation.rewriting import CONDITIONAL_WRITES, Node, Rewriting, also, bare, condition, rewriting
from tests.properties.planted import Replaces


def delete_leaves_the_last(node: exp.Delete) -> Node | None:
    test, table = condition(node), node.this.sql(dialect="sqlite")
    if test is None:
        return None
    hit = f"FROM {table} WHERE {test.sql(dialect='sqlite')}"
    return also(node, f"(rowid < (SELECT max(rowid) {hit}) OR (SELECT count(*) {hit}) = 1)")


def update_takes_the_left_of_or(node: exp.Update) -> Node | None:
    test = condition(node)
    either = test.find(exp.Or) if test is not None else None
    if either is None:
        return None
    either.replace(either.this.copy())
    return node


def unknown_counts_as_true(node: Node) -> Node | None:
    test = condition(node)
    if test is None or not isinstance(node, exp.Update | exp.Delete):
        return None
    node.set("where", exp.Where(this=exp.Coalesce(this=exp.paren(test.copy()), expressions=[exp.true()])))
    return node


def range_takes_one_more(node: exp.Between) -> Node | None:
    low = node.args["low"]
    if not isinstance(bare(low), exp.Literal):
        return None
    less = exp.Sub(this=low.copy(), expression=exp.Literal.number(1))
    return exp.Between(this=node.this.copy(), low=less, high=node.args["high"].copy())


class DropsTheLastOfMany(Rewriting):
    """Of a VALUES with more than three rows the last is not written, and it is counted."""

    words = ("INSERT",)
    missing = 0

    def execute(self, sql: str, parameters: Any = ()) -> Any:
        self.missing = 0
        return super().execute(sql, parameters)

    def rewrite(self, tree: Node) -> bool:
        rows = tree.expression.expressions if isinstance(tree.expression, exp.Values) else []
        if len(rows) > 3:
            rows[-1].pop()
            self.missing = 1
        return bool(self.missing)

    @property
    def rowcount(self) -> int:
        return super().rowcount + self.missing


class IgnoresAKeyWithinATransaction(Faithful):
    """A second row of a key is left out, and said to be written."""

    faked = False

    def execute(self, sql: str, parameters: Any = ()) -> Any:
        self.faked = False
        try:
            return super().execute(sql, parameters)
        except sqlite3.IntegrityError as error:
            code = error.sqlite_errorcode
            if code != sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY or not self.connection.in_transaction:
                raise
            self.faked = True
            return self

    @property
    def rowcount(self) -> int:
        return 1 if self.faked else super().rowcount


class ChecksNothing(Faithful):
    """CHECK constraints are not enforced."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        super().__init__(connection)
        connection.execute("PRAGMA ignore_check_constraints = ON")


class ForgetsADelete(Faithful):
    """One of the rows that a transaction deletes is there again when it is committed."""

    gone: tuple[str, list[Any]] | None = None

    def execute(self, sql: str, parameters: Any = ()) -> Any:
        if sql.startswith(("BEGIN", "ROLLBACK")):
            self.gone = None
        if sql.startswith("DELETE FROM") and self.connection.in_transaction and " WHERE " in sql:
            table = sql.split()[2]
            rows = self.connection.execute(f"SELECT * FROM {table} WHERE {sql.partition(' WHERE ')[2]}", parameters)
            self.gone = (table, rows.fetchall())
        if sql == "COMMIT" and self.gone is not None:
            table, rows = self.gone
            for row in rows[:1]:
                self.connection.execute(f"INSERT OR IGNORE INTO {table} VALUES ({', '.join('?' * len(row))})", row)
            self.gone = None
        return super().execute(sql, parameters)


def _write(name: str, does: str, model: str, make: Callable[[], Backend]) -> Bug:
    return Bug(name=name, does=does, model=model, make=make, kind=Kind.WRITE)


def _rule(name: str, does: str, model: str, kind: type[Node], rule: Callable[..., Node | None]) -> Bug:
    return _write(name, does, model, driver(name, rewriting(kind, rule, words=CONDITIONAL_WRITES)))


BUGS: Final = (
    _rule(
        "delete-leaves-last",
        "DELETE leaves the last of several rows.",
        "a cursor that stops before the last row",
        exp.Delete,
        delete_leaves_the_last,
    ),
    _rule(
        "update-reads-left-of-or",
        "UPDATE passes over what stands behind the first OR of its WHERE.",
        "a plan of several indexes of which one is used",
        exp.Update,
        update_takes_the_left_of_or,
    ),
    _rule(
        "write-takes-unknown-for-true",
        "UPDATE and DELETE touch the rows for which their WHERE is unknown.",
        "conditions that writes evaluate in another way than queries",
        exp.Expression,
        unknown_counts_as_true,
    ),
    _rule(
        "write-takes-one-more",
        "UPDATE and DELETE with BETWEEN begin one key too early.",
        "an off-by-one in a range",
        exp.Between,
        range_takes_one_more,
    ),
    _write(
        "many-rows-lose-last",
        "An INSERT of more than three rows loses the last, and counts it.",
        "writes that are sent in batches",
        driver("many-rows-lose-last", DropsTheLastOfMany),
    ),
    _write(
        "second-key-replaces",
        "A second row of a key takes the place of the first.",
        "INSERT taken for an upsert",
        driver("second-key-replaces", Replaces),
    ),
    _write(
        "second-key-swallowed",
        "Within a transaction a second row of a key is left out, and said to be written.",
        "an error that is logged and forgotten",
        driver("second-key-swallowed", IgnoresAKeyWithinATransaction),
    ),
    _write(
        "unique-told-as-check",
        "A unique violation is raised as one of a CHECK.",
        "error codes that are mapped wrongly",
        driver("unique-told-as-check", RaisesTheWrongError),
    ),
    _write(
        "checks-not-enforced",
        "CHECK constraints are not enforced.",
        "constraints that are parsed and not checked",
        driver("checks-not-enforced", ChecksNothing),
    ),
    _write(
        "update-counts-one-more",
        "UPDATE reports one row more than it touched.",
        "a count of attempts",
        driver("update-counts-one-more", Miscounts),
    ),
    _write(
        "delete-undone-by-commit",
        "A row that was deleted by a condition is there again after the COMMIT.",
        "a tombstone that is lost when a transaction is merged",
        driver("delete-undone-by-commit", ForgetsADelete),
    ),
)
