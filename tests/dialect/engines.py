"""Engines to run the corpus on: the backends of simdsl, and DuckDB, for which there is none yet."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Protocol

import duckdb

from simdsl.backends.protocol import Database, Refusal, Statement
from simdsl.backends.registry import resolve
from simdsl.plan.outcomes import Affected, ErrorClass, Failed, Outcome, Rows
from simdsl.plan.sql import Dialect, Sql, SqlKind, TransactionAction, TransactionControl, Variable
from simdsl.plan.values import Value
from tests.patience import PATIENCE_US

LIMIT_US = PATIENCE_US


class Engine(Protocol):
    """One connection to a database of its own."""

    def run(self, sql: Sql, values: Mapping[str, Value]) -> Outcome:
        """What a statement comes to."""

    def begin(self) -> None:
        """Begin a transaction."""

    def rollback(self) -> None:
        """Undo everything since then."""

    def close(self) -> None:
        """Give the database up."""


def make(dialect: Dialect) -> Engine:
    """The engine that speaks a dialect."""
    if dialect is Dialect.DUCKDB:
        return DuckDb()
    return OfBackend({Dialect.SQLITE: "sqlite", Dialect.POSTGRES: "postgres", Dialect.TSQL: "mssql"}[dialect])


class OfBackend:
    """A world of a backend with one session."""

    def __init__(self, name: str) -> None:
        self._backend = resolve(name)
        self._world: Database = self._backend.create()
        self._session = self._world.open()
        if name == "sqlite":
            self._say(Statement(text="PRAGMA foreign_keys = ON", parameters=(), kind=SqlKind.OTHER))

    def run(self, sql: Sql, values: Mapping[str, Value]) -> Outcome:
        """See ``Engine``."""
        statement = self._backend.compile(sql, {})
        assert not isinstance(statement, Refusal), statement
        return self._say(statement, values)

    def begin(self) -> None:
        """See ``Engine``."""
        self._control(TransactionAction.BEGIN)

    def rollback(self) -> None:
        """See ``Engine``."""
        self._control(TransactionAction.ROLLBACK)

    def close(self) -> None:
        """See ``Engine``."""
        self._session.close()
        self._world.close()

    def _control(self, action: TransactionAction) -> None:
        transaction = TransactionControl(action=action)
        sql = Sql(fragments=(action.name,), kind=SqlKind.TRANSACTION, transaction=transaction)
        assert not isinstance(self.run(sql, {}), Failed) or action is TransactionAction.ROLLBACK

    def _say(self, statement: Statement, values: Mapping[str, Value] | None = None) -> Outcome:
        arguments = tuple((values or {})[name] for name in statement.parameters)
        outcome = self._session.start(statement, arguments)
        if outcome is None:
            self._world.settle([self._session], LIMIT_US)
            outcome = self._session.poll()
        assert outcome is not None, f"{statement.text} waits"
        return outcome


class DuckDb:
    """DuckDB within this process."""

    def __init__(self) -> None:
        self._connection = duckdb.connect(":memory:")

    def run(self, sql: Sql, values: Mapping[str, Value]) -> Outcome:
        """See ``Engine``."""
        text = "".join(f"${part.name}" if isinstance(part, Variable) else part for part in sql.fragments)
        names = {part.name for part in sql.fragments if isinstance(part, Variable)}
        try:
            cursor = self._connection.execute(text, {name: values[name] for name in names} or None)
            rows = [] if cursor.description is None else cursor.fetchall()
        except duckdb.Error as error:
            return Failed(ErrorClass.OTHER, str(error))
        is_count = sql.kind is SqlKind.DML and cursor.description is not None and cursor.description[0][0] == "Count"
        if sql.kind is SqlKind.DDL or cursor.description is None:
            return Affected(None)
        return Affected(rows[0][0]) if is_count else Rows(len(cursor.description), [tuple(row) for row in rows])

    def begin(self) -> None:
        """See ``Engine``."""
        self._connection.execute("BEGIN")

    def rollback(self) -> None:
        """See ``Engine``."""
        with suppress(duckdb.Error):  # it may have given the transaction up by itself
            self._connection.execute("ROLLBACK")

    def close(self) -> None:
        """See ``Engine``."""
        self._connection.close()
