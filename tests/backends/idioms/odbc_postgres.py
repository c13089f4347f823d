"""PostgreSQL through ODBC: one way to each of its error classes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from simdsl.backends.odbc.session import OdbcSession
from simdsl.backends.protocol import Backend, Database
from simdsl.plan.outcomes import ErrorClass, Outcome
from simdsl.plan.values import INT64_MAX, INT64_MIN
from tests.backends.idiom import VALUES, Idiom, Provocation, closed, pool_timeout, saying
from tests.backends.terminal import Terminal

SCHEMA: Final = (
    "CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER CHECK (v >= 0), w TEXT NOT NULL DEFAULT '')",
    "CREATE TABLE child (id INTEGER PRIMARY KEY, t INTEGER REFERENCES t)",
    "CREATE VIEW seen AS SELECT id FROM t",
    "INSERT INTO t (id, v) VALUES (1, 1)",
)


def _canceled(backend: Backend, world: Database) -> Outcome:
    Terminal(backend, world).ok("BEGIN", "UPDATE t SET v = 2 WHERE id = 1")
    waiter = Terminal(backend, world)
    assert waiter.begin("UPDATE t SET v = 3 WHERE id = 1") is None
    waiter.session.cancel()
    outcome = waiter.heard()
    assert outcome is not None
    return outcome


def _serialization_failure(backend: Backend, world: Database) -> Outcome:
    a, b = Terminal(backend, world), Terminal(backend, world)
    a.ok("BEGIN", "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ", "SELECT * FROM t")
    b.ok("UPDATE t SET v = 2 WHERE id = 1")
    return a.say("UPDATE t SET v = 3 WHERE id = 1")


def _killed(backend: Backend, world: Database) -> Outcome:
    victim, killer = Terminal(backend, world), Terminal(backend, world)
    assert isinstance(victim.session, OdbcSession)
    killer.ok(f"SELECT pg_terminate_backend({victim.session.engine_id}, 5000)")
    return victim.say("SELECT 1")


_PROVOCATIONS: Final[Mapping[ErrorClass, Provocation]] = {
    ErrorClass.UNIQUE_VIOLATION: saying("INSERT INTO t (id) VALUES (1)"),
    ErrorClass.NOT_NULL_VIOLATION: saying("INSERT INTO t (id, w) VALUES (2, NULL)"),
    ErrorClass.FOREIGN_KEY_VIOLATION: saying("INSERT INTO child VALUES (1, 99)"),
    ErrorClass.CHECK_VIOLATION: saying("INSERT INTO t (id, v) VALUES (2, -1)"),
    ErrorClass.SYNTAX_ERROR: saying("SELEC 1"),
    ErrorClass.UNDEFINED_TABLE: saying("SELECT * FROM nowhere"),
    ErrorClass.UNDEFINED_COLUMN: saying("SELECT missing FROM t"),
    ErrorClass.UNDEFINED_FUNCTION: saying("SELECT missing(1)"),
    ErrorClass.UNDEFINED_OBJECT: saying("DROP INDEX missing"),
    ErrorClass.DUPLICATE_TABLE: saying("CREATE TABLE t (id INTEGER)"),
    ErrorClass.DUPLICATE_OBJECT: saying(
        "ALTER TABLE t ADD CONSTRAINT small CHECK (v < 1000)", "ALTER TABLE t ADD CONSTRAINT small CHECK (v < 1000)"
    ),
    ErrorClass.DATATYPE_MISMATCH: saying("INSERT INTO t (id) VALUES (true)"),
    ErrorClass.NUMERIC_VALUE_OUT_OF_RANGE: saying("SELECT 2147483647 + 1"),
    ErrorClass.DIVISION_BY_ZERO: saying("SELECT 1 / 0"),
    ErrorClass.STRING_DATA_RIGHT_TRUNCATION: saying("CREATE TABLE s (x VARCHAR(1))", "INSERT INTO s VALUES ('xy')"),
    ErrorClass.INVALID_TEXT_REPRESENTATION: saying("SELECT CAST('x' AS INTEGER)"),
    ErrorClass.LOCK_NOT_AVAILABLE: lambda backend, world: _not_available(backend, world),
    ErrorClass.SERIALIZATION_FAILURE: _serialization_failure,
    ErrorClass.IN_FAILED_SQL_TRANSACTION: lambda backend, world: _in_failed(backend, world),
    ErrorClass.NO_ACTIVE_TRANSACTION: saying("COMMIT"),
    ErrorClass.ACTIVE_SQL_TRANSACTION: saying("BEGIN", "BEGIN"),
    ErrorClass.INVALID_SAVEPOINT_SPECIFICATION: saying("BEGIN", "RELEASE missing"),
    ErrorClass.QUERY_CANCELED: _canceled,
    ErrorClass.CONNECTION_LOST: _killed,
    ErrorClass.CONNECTION_CLOSED: closed,
    ErrorClass.POOL_TIMEOUT: pool_timeout,
    ErrorClass.READ_ONLY: saying("SET default_transaction_read_only = on", "INSERT INTO t (id) VALUES (2)"),
    ErrorClass.INSUFFICIENT_PRIVILEGE: saying("SET ROLE pg_monitor", "INSERT INTO t (id) VALUES (2)"),
    ErrorClass.FEATURE_NOT_SUPPORTED: saying("SELECT count(*) FROM t FOR UPDATE"),
}


def _not_available(backend: Backend, world: Database) -> Outcome:
    Terminal(backend, world).ok("BEGIN", "UPDATE t SET v = 2 WHERE id = 1")
    return Terminal(backend, world).say("SELECT * FROM t FOR UPDATE NOWAIT")


def _in_failed(backend: Backend, world: Database) -> Outcome:
    terminal = Terminal(backend, world)
    terminal.ok("BEGIN")
    terminal.error("SELECT 1 / 0")
    return terminal.say("COMMIT")


ODBC_POSTGRES: Final = Idiom(
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
