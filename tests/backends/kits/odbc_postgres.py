"""PostgreSQL through ODBC: one way to each of its error classes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from simdsl.backends.odbc.session import OdbcSession
from simdsl.backends.protocol import Backend, Database
from simdsl.plan.outcomes import ErrorClass, Outcome
from simdsl.plan.values import INT64_MAX, INT64_MIN
from simdsl.testing.engine_kit import (
    STANDARD,
    VALUES,
    EngineKit,
    Provocation,
    SqlClient,
    after,
    provoke_closed,
    provoke_pool_timeout,
)

SCHEMA: Final = STANDARD.schema


def _canceled(backend: Backend, database: Database) -> Outcome:
    SqlClient(backend, database).ok("BEGIN", "UPDATE t SET v = 2 WHERE id = 1")
    waiter = SqlClient(backend, database)
    assert waiter.begin("UPDATE t SET v = 3 WHERE id = 1") is None
    waiter.session.cancel()
    outcome = waiter.heard()
    assert outcome is not None
    return outcome


def _serialization_failure(backend: Backend, database: Database) -> Outcome:
    a, b = SqlClient(backend, database), SqlClient(backend, database)
    a.ok("BEGIN", "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ", "SELECT * FROM t")
    b.ok("UPDATE t SET v = 2 WHERE id = 1")
    return a.say("UPDATE t SET v = 3 WHERE id = 1")


def _killed(backend: Backend, database: Database) -> Outcome:
    victim, killer = SqlClient(backend, database), SqlClient(backend, database)
    assert isinstance(victim.session, OdbcSession)
    killer.ok(f"SELECT pg_terminate_backend({victim.session.engine_id}, 5000)")
    return victim.say("SELECT 1")


_PROVOCATIONS: Final[Mapping[ErrorClass, Provocation]] = {
    ErrorClass.UNIQUE_VIOLATION: after("INSERT INTO t (id) VALUES (1)"),
    ErrorClass.NOT_NULL_VIOLATION: after("INSERT INTO t (id, w) VALUES (2, NULL)"),
    ErrorClass.FOREIGN_KEY_VIOLATION: after("INSERT INTO child VALUES (1, 99)"),
    ErrorClass.CHECK_VIOLATION: after("INSERT INTO t (id, v) VALUES (2, -1)"),
    ErrorClass.SYNTAX_ERROR: after("SELEC 1"),
    ErrorClass.UNDEFINED_TABLE: after("SELECT * FROM nowhere"),
    ErrorClass.UNDEFINED_COLUMN: after("SELECT missing FROM t"),
    ErrorClass.UNDEFINED_FUNCTION: after("SELECT missing(1)"),
    ErrorClass.UNDEFINED_OBJECT: after("DROP INDEX missing"),
    ErrorClass.DUPLICATE_TABLE: after("CREATE TABLE t (id INTEGER)"),
    ErrorClass.DUPLICATE_OBJECT: after(
        "ALTER TABLE t ADD CONSTRAINT small CHECK (v < 1000)", "ALTER TABLE t ADD CONSTRAINT small CHECK (v < 1000)"
    ),
    ErrorClass.DATATYPE_MISMATCH: after("INSERT INTO t (id) VALUES (true)"),
    ErrorClass.NUMERIC_VALUE_OUT_OF_RANGE: after("SELECT 2147483647 + 1"),
    ErrorClass.DIVISION_BY_ZERO: after("SELECT 1 / 0"),
    ErrorClass.STRING_DATA_RIGHT_TRUNCATION: after("CREATE TABLE s (x VARCHAR(1))", "INSERT INTO s VALUES ('xy')"),
    ErrorClass.INVALID_TEXT_REPRESENTATION: after("SELECT CAST('x' AS INTEGER)"),
    ErrorClass.LOCK_NOT_AVAILABLE: lambda backend, database: _not_available(backend, database),
    ErrorClass.SERIALIZATION_FAILURE: _serialization_failure,
    ErrorClass.IN_FAILED_SQL_TRANSACTION: lambda backend, database: _in_failed(backend, database),
    ErrorClass.NO_ACTIVE_TRANSACTION: after("COMMIT"),
    ErrorClass.ACTIVE_SQL_TRANSACTION: after("BEGIN", "BEGIN"),
    ErrorClass.INVALID_SAVEPOINT_SPECIFICATION: after("BEGIN", "RELEASE missing"),
    ErrorClass.QUERY_CANCELED: _canceled,
    ErrorClass.CONNECTION_LOST: _killed,
    ErrorClass.CONNECTION_CLOSED: provoke_closed,
    ErrorClass.POOL_TIMEOUT: provoke_pool_timeout,
    ErrorClass.READ_ONLY: after("SET default_transaction_read_only = on", "INSERT INTO t (id) VALUES (2)"),
    ErrorClass.INSUFFICIENT_PRIVILEGE: after("SET ROLE pg_monitor", "INSERT INTO t (id) VALUES (2)"),
    ErrorClass.FEATURE_NOT_SUPPORTED: after("SELECT count(*) FROM t FOR UPDATE"),
}


def _not_available(backend: Backend, database: Database) -> Outcome:
    SqlClient(backend, database).ok("BEGIN", "UPDATE t SET v = 2 WHERE id = 1")
    return SqlClient(backend, database).say("SELECT * FROM t FOR UPDATE NOWAIT")


def _in_failed(backend: Backend, database: Database) -> Outcome:
    terminal = SqlClient(backend, database)
    terminal.ok("BEGIN")
    terminal.error("SELECT 1 / 0")
    return terminal.say("COMMIT")


ODBC_POSTGRES: Final = EngineKit(
    schema=SCHEMA,
    provocations=_PROVOCATIONS,
    values=tuple(value for value in VALUES if value not in (INT64_MIN, INT64_MAX, b"", b"\x00\xff")),
    # The driver writes these into the text as quoted literals, which have no type of their own in `SELECT ?`.
    turned={
        INT64_MIN: str(INT64_MIN),
        INT64_MAX: str(INT64_MAX),
        b"": "\\x",
        b"\x00\xff": "\\x00FF",
    },
    deferred=("CREATE TABLE d (t INTEGER REFERENCES t DEFERRABLE INITIALLY DEFERRED)",),
)
