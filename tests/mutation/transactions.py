"""Transactions that do not keep what they promise, and drivers that control them wrongly."""

from __future__ import annotations

import sqlite3
from typing import Any, Final

from simdsl.plan.outcomes import Failed, Outcome, Rows
from simdsl.plan.values import Value
from simdsl.backends.protocol import Session, Statement
from simdsl.backends.wrapping import WrappedSession
from tests.modes.faulty_sqlite import Faithful, IgnoresARollback, IgnoresARollbackToASavepoint, ReadsWhatWas
from tests.mutation.bug import Bug, Kind, driver, wrapped
from tests.properties.planted import ForgetsAfterBusy, StopsHalfWay

WRITES: Final = ("INSERT", "UPDATE", "DELETE")


class LosesEveryThirdCommit(Faithful):
    commits = 0

    def execute(self, sql: str, parameters: Any = ()) -> Any:
        if sql == "COMMIT":
            self.commits += 1
            sql = "ROLLBACK" if self.commits % 3 == 0 else sql
        return super().execute(sql, parameters)


class CommitsLate(Faithful):
    """COMMIT is acknowledged at once and done before the connection's next statement."""

    owed = False

    def execute(self, sql: str, parameters: Any = ()) -> Any:
        if self.owed:
            self.owed = False
            super().execute("COMMIT")
        if sql == "COMMIT" and self.connection.in_transaction:
            self.owed = True
            return super().execute("SELECT 1 WHERE 0")
        return super().execute(sql, parameters)


class BeginsLate(Faithful):
    """BEGIN is done before the second write: the first one stands for itself."""

    wanted = ""
    writes = 0

    def execute(self, sql: str, parameters: Any = ()) -> Any:
        if sql.startswith("BEGIN"):
            self.wanted, self.writes = sql, 0
            return self
        if self.wanted and sql.startswith(WRITES):
            self.writes += 1
        if self.wanted and (self.writes > 1 or sql.startswith(("COMMIT", "ROLLBACK", "SAVEPOINT"))):
            super().execute(self.wanted)
            self.wanted = ""
        return super().execute(sql, parameters)


class ReadsDirty(Faithful):
    """Sees what others have not committed; needs a shared page cache."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        super().__init__(connection)
        connection.execute("PRAGMA read_uncommitted = ON")


class ReadsFromAReplica(Faithful):
    """Reads go to a connection of their own, within transactions too."""

    def execute(self, sql: str, parameters: Any = ()) -> Any:
        if sql.startswith("SELECT") and self.connection.in_transaction:
            self.said = sql
            ((_, _, file),) = self.connection.execute("PRAGMA database_list").fetchall()[:1]
            replica = sqlite3.connect(file, isolation_level=None)
            try:
                self.fetched = replica.execute(sql, parameters).fetchall()
                return super().execute(sql, parameters)
            except sqlite3.OperationalError:
                return super().execute(sql, parameters)
            finally:
                replica.close()
        self.fetched = None
        return super().execute(sql, parameters)

    fetched: list[Any] | None = None

    def changed(self, rows: list[Any]) -> list[Any]:
        return rows if self.fetched is None else self.fetched


class RollsBackToTheStart(Faithful):
    """ROLLBACK TO undoes the whole transaction."""

    def execute(self, sql: str, parameters: Any = ()) -> Any:
        if sql.startswith("ROLLBACK TO ") and self.connection.in_transaction:
            super().execute("ROLLBACK")
            super().execute("BEGIN")
            super().execute(sql.replace("ROLLBACK TO ", "SAVEPOINT "))
        return super().execute(sql, parameters)


class SavesLate(Faithful):
    """A savepoint is set behind the write that follows it."""

    owed = ""

    def execute(self, sql: str, parameters: Any = ()) -> Any:
        if sql.startswith("SAVEPOINT ") and self.connection.in_transaction:
            self.owed = sql
            return self
        if self.owed and not sql.startswith(("SELECT", *WRITES)):
            super().execute(self.owed)
            self.owed = ""
        done = super().execute(sql, parameters)
        if self.owed and sql.startswith(WRITES):
            self.connection.execute(self.owed)
            self.owed = ""
        return done


class ForgetsTheTransactionWhenBusy(Faithful):
    """A write that is refused costs the transaction what it has done, and a new one is begun in silence."""

    def execute(self, sql: str, parameters: Any = ()) -> Any:
        try:
            return super().execute(sql, parameters)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY and self.connection.in_transaction:
                super().execute("ROLLBACK")
                super().execute("BEGIN")
            raise


class SwallowsBusy(Faithful):
    """An UPDATE that is refused because of another writer is reported as done."""

    faked = False

    def execute(self, sql: str, parameters: Any = ()) -> Any:
        self.faked = False
        try:
            return super().execute(sql, parameters)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or not sql.startswith("UPDATE"):
                raise
            self.faked = True
            return self

    @property
    def rowcount(self) -> int:
        return 1 if self.faked else super().rowcount


class OpensAfterAnError(Faithful):
    """A statement that fails outside of a transaction leaves one open."""

    def execute(self, sql: str, parameters: Any = ()) -> Any:
        alone = not self.connection.in_transaction
        try:
            return super().execute(sql, parameters)
        except sqlite3.IntegrityError:
            if alone:
                super().execute("BEGIN")
            raise


class RollsBackOnAnError(Faithful):
    """A constraint that fails ends the transaction around the statement; the COMMIT behind it is acknowledged."""

    ended = False

    def execute(self, sql: str, parameters: Any = ()) -> Any:
        if self.ended and sql == "COMMIT" and not self.connection.in_transaction:
            self.ended = False
            return self
        open_before = self.connection.in_transaction
        try:
            return super().execute(sql, parameters)
        except sqlite3.IntegrityError:
            if open_before:
                super().execute("ROLLBACK")
                self.ended = True
            raise


class CachesReads(WrappedSession):
    """Answers a query that it has answered before from memory, until it writes itself."""

    def __init__(self, inner: Session) -> None:
        super().__init__(inner)
        self._known: dict[tuple[object, ...], Outcome] = {}

    def start(self, statement: Statement, arguments: Any) -> Outcome | None:
        if not statement.text.startswith("SELECT"):
            self._known.clear()
            return super().start(statement, arguments)
        asked = (statement.text, *arguments)
        if asked not in self._known:
            outcome = super().start(statement, arguments)
            if not isinstance(outcome, Rows):
                return outcome
            self._known[asked] = outcome
        return self._known[asked]


class SendsTwiceAfterBusy(WrappedSession):
    """A statement that was refused is sent twice when it comes again, as a queue of retries does that keeps its entry."""

    def __init__(self, inner: Session) -> None:
        super().__init__(inner)
        self._refused: str | None = None

    def start(self, statement: Statement, arguments: tuple[Value, ...]) -> Outcome | None:  # type: ignore[override]
        outcome = super().start(statement, arguments)
        if isinstance(outcome, Failed):
            self._refused = statement.text if outcome.error_class == "busy" else self._refused
        elif statement.text == self._refused and statement.text.startswith("UPDATE"):
            self._refused = None
            return super().start(statement, arguments)
        return outcome


class AnswersLate(WrappedSession):
    """Behind an error the connection is one answer behind: a query is given what the query before it got."""

    def __init__(self, inner: Session) -> None:
        super().__init__(inner)
        self._last: Rows | None = None
        self._behind = False

    def start(self, statement: Statement, arguments: tuple[Value, ...]) -> Outcome | None:  # type: ignore[override]
        outcome = super().start(statement, arguments)
        if isinstance(outcome, Failed):
            self._behind = True
        elif isinstance(outcome, Rows):
            last, self._last = self._last, outcome
            if self._behind and last is not None and last[0] == outcome[0]:
                self._behind = False
                return last
        return outcome


def _bug(name: str, does: str, model: str, make: Any) -> Bug:
    if isinstance(make, type) and issubclass(make, WrappedSession):
        return Bug(name=name, does=does, model=model, make=wrapped(make), kind=Kind.TRANSACTION)
    memory = make is ReadsDirty
    return Bug(name=name, does=does, model=model, make=driver(name, make, memory=memory), kind=Kind.TRANSACTION)


BUGS: Final = (
    _bug(
        "third-commit-lost",
        "Every third COMMIT of a connection is a ROLLBACK.",
        "a log that is not flushed when it wraps",
        LosesEveryThirdCommit,
    ),
    _bug(
        "commit-acknowledged-early",
        "A COMMIT is answered at once and done before the connection's next statement.",
        "asynchronous commit that nobody asked for",
        CommitsLate,
    ),
    _bug("rollback-commits", "ROLLBACK is a COMMIT.", "autocommit that is switched back too early", IgnoresARollback),
    _bug(
        "begin-comes-late",
        "BEGIN is done before the second write, and the first one is committed alone.",
        "drivers that begin transactions by themselves",
        BeginsLate,
    ),
    _bug(
        "dirty-read",
        "A query sees what others have not committed.",
        "read uncommitted that a driver sets (sessions share a page cache here)",
        ReadsDirty,
    ),
    _bug(
        "reads-from-replica",
        "Within a transaction a query is answered by another connection.",
        "a proxy that sends reads to a replica",
        ReadsFromAReplica,
    ),
    _bug(
        "stale-read",
        "A query is answered by what it gave the first time.",
        "a result cache that is never invalidated",
        ReadsWhatWas,
    ),
    _bug(
        "stale-read-of-others",
        "A query is answered by what it gave before, until the connection writes itself.",
        "a result cache that sees the own writes only",
        CachesReads,
    ),
    _bug(
        "rollback-to-ignored",
        "ROLLBACK TO a savepoint releases it.",
        "nested transactions that are counted and not done",
        IgnoresARollbackToASavepoint,
    ),
    _bug(
        "rollback-to-undoes-all",
        "ROLLBACK TO a savepoint undoes the whole transaction.",
        "nested transactions that are not nested",
        RollsBackToTheStart,
    ),
    _bug(
        "savepoint-comes-late",
        "A savepoint is set behind the write that follows it.",
        "statements that are pipelined in the wrong order",
        SavesLate,
    ),
    _bug(
        "statement-stops-half-way",
        "A write of several rows that fails keeps what it has done so far.",
        "no rollback of single statements",
        StopsHalfWay,
    ),
    _bug(
        "error-ends-transaction",
        "A constraint that fails rolls back the transaction, and its COMMIT is answered as if it had been there.",
        "errors that poison a transaction in silence",
        RollsBackOnAnError,
    ),
    _bug(
        "error-opens-transaction",
        "A statement that fails outside of a transaction leaves one open.",
        "a transaction that a driver begins and nobody ends",
        OpensAfterAnError,
    ),
    _bug(
        "busy-forgets-transaction",
        "A statement that meets a lock costs the transaction what it has done, and a new one is begun.",
        "a retry in the driver that restarts the transaction but not its work",
        ForgetsTheTransactionWhenBusy,
    ),
    _bug(
        "busy-swallowed",
        "An UPDATE that meets a lock is reported as done.",
        "an error that is logged and forgotten",
        SwallowsBusy,
    ),
    _bug(
        "retry-does-nothing",
        "An addition behind a refusal adds nothing, and says that it did.",
        "a retry that works on a stale row",
        ForgetsAfterBusy,
    ),
    _bug(
        "retry-sent-twice",
        "An UPDATE that was refused is sent twice when it comes again.",
        "at-least-once delivery of what is not idempotent",
        SendsTwiceAfterBusy,
    ),
    _bug(
        "answers-come-late",
        "Behind an error a query is given the answer of the query before it.",
        "a connection that is out of step with its replies",
        AnswersLate,
    ),
)
