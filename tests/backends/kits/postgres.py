"""PostgreSQL: one way to each of its error classes. What no statement of a test can bring about is raised on the server."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Final

from simdsl.backends.protocol import Backend, Database
from simdsl.core.clock import real_ns
from simdsl.plan.outcomes import ErrorClass, Outcome
from simdsl.testing.engine_kit import (
    LIMIT_US,
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


def _raised(condition: str) -> Provocation:
    return after(f"DO $$ BEGIN RAISE EXCEPTION 'raised for a test' USING ERRCODE = '{condition}'; END $$")


def _not_available(backend: Backend, database: Database) -> Outcome:
    SqlClient(backend, database).ok("BEGIN", "UPDATE t SET v = 2")
    return SqlClient(backend, database).say("SELECT * FROM t FOR UPDATE NOWAIT")


def _deadlock(backend: Backend, database: Database) -> Outcome:
    """The server's own detection, which simdsl otherwise forestalls."""
    a, b = SqlClient(backend, database), SqlClient(backend, database)
    a.ok("INSERT INTO t (id) VALUES (2)", "SET deadlock_timeout = '1ms'", "BEGIN", "UPDATE t SET v = 1 WHERE id = 1")
    b.ok("BEGIN", "UPDATE t SET v = 2 WHERE id = 2")
    assert b.begin("UPDATE t SET v = 2 WHERE id = 1") is None
    outcome = a.begin("UPDATE t SET v = 1 WHERE id = 2")
    deadline_ns = real_ns() + LIMIT_US * 1_000
    while outcome is None and real_ns() < deadline_ns:
        outcome = a.heard()
    assert outcome is not None, "the server saw no circle"
    return outcome


def _serialization(backend: Backend, database: Database) -> Outcome:
    a, b = SqlClient(backend, database), SqlClient(backend, database)
    a.ok("BEGIN", "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ", "SELECT * FROM t")
    b.ok("UPDATE t SET v = 2")
    return a.say("UPDATE t SET v = 3")


def _canceled(backend: Backend, database: Database) -> Outcome:
    SqlClient(backend, database).ok("BEGIN", "UPDATE t SET v = 2")
    waiter = SqlClient(backend, database)
    assert waiter.begin("UPDATE t SET v = 3") is None
    waiter.session.cancel()
    outcome = waiter.heard()
    assert outcome is not None
    return outcome


def _lost(backend: Backend, database: Database) -> Outcome:
    a, b = SqlClient(backend, database), SqlClient(backend, database)
    ((pid,),) = a.rows("SELECT pg_backend_pid()")
    b.rows("SELECT pg_terminate_backend($pid, 5000)", pid=pid)
    return a.say("SELECT 1")


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
    ErrorClass.DUPLICATE_OBJECT: after("ALTER TABLE t ADD COLUMN v INTEGER"),
    ErrorClass.DATATYPE_MISMATCH: after("INSERT INTO t (id) VALUES (true)"),
    ErrorClass.NUMERIC_VALUE_OUT_OF_RANGE: after("SELECT 2147483647 + 1"),
    ErrorClass.DIVISION_BY_ZERO: after("SELECT 1 / 0"),
    ErrorClass.STRING_DATA_RIGHT_TRUNCATION: after("CREATE TABLE short (c VARCHAR(3))", "INSERT INTO short VALUES ('abcd')"),
    ErrorClass.INVALID_TEXT_REPRESENTATION: after("SELECT CAST('x' AS INTEGER)"),
    ErrorClass.LOCK_NOT_AVAILABLE: _not_available,
    ErrorClass.DEADLOCK_DETECTED: _deadlock,
    ErrorClass.SERIALIZATION_FAILURE: _serialization,
    ErrorClass.IN_FAILED_SQL_TRANSACTION: lambda backend, database: _in_failed(SqlClient(backend, database)),
    ErrorClass.NO_ACTIVE_TRANSACTION: after("COMMIT"),
    ErrorClass.ACTIVE_SQL_TRANSACTION: after("BEGIN", "BEGIN"),
    ErrorClass.INVALID_SAVEPOINT_SPECIFICATION: after("BEGIN", "RELEASE missing"),
    ErrorClass.QUERY_CANCELED: _canceled,
    ErrorClass.CONNECTION_LOST: _lost,
    ErrorClass.CONNECTION_CLOSED: provoke_closed,
    ErrorClass.POOL_TIMEOUT: provoke_pool_timeout,
    ErrorClass.READ_ONLY: after("SET default_transaction_read_only = on", "INSERT INTO t (id) VALUES (2)"),
    ErrorClass.DISK_FULL: _raised("53100"),
    ErrorClass.IO_ERROR: after("COPY t FROM '/nonexistent/file'"),
    ErrorClass.DATA_CORRUPTED: _raised("XX001"),
    ErrorClass.INSUFFICIENT_PRIVILEGE: after("SET ROLE pg_monitor", "DELETE FROM t"),
    ErrorClass.FEATURE_NOT_SUPPORTED: after("SELECT DISTINCT id FROM t FOR UPDATE"),
}


def _in_failed(terminal: SqlClient) -> Outcome:
    terminal.ok("BEGIN")
    terminal.error("SELECT 1 / 0")
    return terminal.say("SELECT 1")


POSTGRES: Final = EngineKit(
    schema=SCHEMA,
    provocations=_PROVOCATIONS,
    values=(
        *VALUES,
        True,
        False,
        Decimal("1.50"),
        Decimal("1E+30"),
        Decimal("-0.000000000000000000001"),
        date(1, 1, 1),
        date(9999, 12, 31),
        time(12, 30, 0, 5),
        time(23, 59, 59, 999999),
        datetime(2026, 1, 31, 12, 30),
        datetime(9999, 12, 31, 23, 59, 59, 999999),
        datetime(2026, 1, 31, 12, 30, tzinfo=UTC),
    ),
    refused={"before\x00after": ErrorClass.INVALID_TEXT_REPRESENTATION},
    deferred=("CREATE TABLE d (t INTEGER REFERENCES t DEFERRABLE INITIALLY DEFERRED)",),
)
