"""Bugs of transactions, savepoints and isolation."""

from __future__ import annotations

from typing import Any, Final

from tests.mutation.bug import Bug, Kind, driver, fault
from tests.properties.planted import ForgetsAfterBusy, StopsHalfWay
from tests.runs.faulty_sqlite import Faithful

MEMORY: Final = "sqlite:///:memory:"
WRITES: Final = ("INSERT", "UPDATE", "DELETE")


class KeepsWhatCameAfter(Faithful):
    """The savepoint begins anew, behind what was to be undone."""

    def execute(self, sql: str, parameters: Any = ()) -> Any:
        if sql.startswith("ROLLBACK TO "):
            super().execute(sql.replace("ROLLBACK TO ", "RELEASE "))
            sql = sql.replace("ROLLBACK TO ", "SAVEPOINT ")
        return super().execute(sql, parameters)


class UndoesTooMuch(Faithful):
    def execute(self, sql: str, parameters: Any = ()) -> Any:
        if not sql.startswith("ROLLBACK TO "):
            return super().execute(sql, parameters)
        super().execute("ROLLBACK")
        super().execute("BEGIN")
        return super().execute(sql.replace("ROLLBACK TO ", "SAVEPOINT "))


class UndoesOnRelease(Faithful):
    """A savepoint that is given up is undone."""

    def execute(self, sql: str, parameters: Any = ()) -> Any:
        if sql.startswith("RELEASE ") and self.connection.in_transaction:
            super().execute(sql.replace("RELEASE ", "ROLLBACK TO "))
        return super().execute(sql, parameters)


class CommitsInBatches(Faithful):
    """Two writes fill a batch."""

    def execute(self, sql: str, parameters: Any = ()) -> Any:
        own = vars(self.connection)
        if sql.startswith("BEGIN"):
            own["batched"] = 0
        elif sql.startswith(WRITES) and self.connection.in_transaction:
            own["batched"] = own.get("batched", 0) + 1
            if own["batched"] == 3:
                super().execute("COMMIT")
                super().execute("BEGIN")
        return super().execute(sql, parameters)


class LosesTheThirdCommit(Faithful):
    def execute(self, sql: str, parameters: Any = ()) -> Any:
        if sql == "COMMIT":
            own = vars(self.connection)
            own["commits"] = own.get("commits", 0) + 1
            sql = "ROLLBACK" if own["commits"] % 3 == 0 else sql
        return super().execute(sql, parameters)


class CommitsDefinitions(Faithful):
    def execute(self, sql: str, parameters: Any = ()) -> Any:
        is_definition = sql.startswith(("CREATE TABLE", "DROP TABLE")) and self.connection.in_transaction
        done = super().execute(sql, parameters)
        if is_definition:
            super().execute("COMMIT")
            super().execute("BEGIN")
        return done


class ReadsUncommitted(Faithful):
    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        super().execute("PRAGMA read_uncommitted = ON")


BUGS: Final = (
    Bug(
        name="lost-commit",
        kind=Kind.TRANSACTION,
        does="COMMIT undoes the transaction and says that it is done.",
        model="lost durability",
        expected="tx-commit-visible",
        make=fault("loses_a_commit"),
    ),
    Bug(
        name="lost-third-commit",
        kind=Kind.TRANSACTION,
        does="Every third COMMIT of a connection undoes its transaction.",
        model="lost durability, now and then",
        expected="tx-commit-visible",
        make=driver("lost-third-commit", LosesTheThirdCommit),
    ),
    Bug(
        name="rollback-commits",
        kind=Kind.TRANSACTION,
        does="ROLLBACK commits.",
        model="a connection left in autocommit",
        expected="tx-rollback-invisible",
        make=fault("ignores_a_rollback"),
    ),
    Bug(
        name="batched-commit",
        kind=Kind.TRANSACTION,
        does="In a transaction the third write commits the two before it.",
        model="a client that commits in batches",
        expected="tx-rollback-invisible",
        make=driver("batched-commit", CommitsInBatches),
    ),
    Bug(
        name="dirty-read",
        kind=Kind.TRANSACTION,
        does="A reader sees what others have written and not committed.",
        model="SQLite's PRAGMA read_uncommitted, in a shared cache; phenomenon P1 of SQL",
        expected="tx-commit-visible",
        make=driver("dirty-read", ReadsUncommitted, MEMORY),
        sound=MEMORY,
    ),
    Bug(
        name="stale-read",
        kind=Kind.TRANSACTION,
        does="A connection that has read once is given the same rows again, whatever was written since.",
        model="a cache of results that nobody invalidates",
        expected="tx-commit-visible",
        make=fault("reads_what_was"),
    ),
    Bug(
        name="rollback-to-keeps",
        kind=Kind.TRANSACTION,
        does="ROLLBACK TO keeps what came after the savepoint.",
        model="nested transactions that are only counted",
        expected="savepoint-rollback",
        make=driver("rollback-to-keeps", KeepsWhatCameAfter),
    ),
    Bug(
        name="rollback-to-undoes-all",
        kind=Kind.TRANSACTION,
        does="ROLLBACK TO also undoes what came before the savepoint.",
        model="nested transactions that are one",
        expected="savepoint-rollback",
        make=driver("rollback-to-undoes-all", UndoesTooMuch),
    ),
    Bug(
        name="release-undoes",
        kind=Kind.TRANSACTION,
        does="RELEASE undoes what came after the savepoint.",
        model="nested transactions whose end is taken for their failure",
        expected="savepoint-rollback",
        make=driver("release-undoes", UndoesOnRelease),
    ),
    Bug(
        name="definitions-commit",
        kind=Kind.TRANSACTION,
        does="CREATE TABLE and DROP TABLE commit the transaction that they are in.",
        model="the implicit commits of MySQL and Oracle",
        expected="drop-select",
        make=driver("definitions-commit", CommitsDefinitions),
    ),
    Bug(
        name="half-a-statement",
        kind=Kind.TRANSACTION,
        does="A statement that fails keeps the rows that it has done.",
        model="SQLite's ON CONFLICT FAIL; MySQL's tables without transactions",
        expected="statement-atomicity",
        make=driver("half-a-statement", StopsHalfWay),
    ),
    Bug(
        name="lost-update-after-busy",
        kind=Kind.TRANSACTION,
        does="A connection that was refused once changes nothing with its next UPDATE, and says that it did.",
        model="an error path that forgets its statement",
        expected="retry-after-busy",
        make=driver("lost-update-after-busy", ForgetsAfterBusy),
    ),
)
