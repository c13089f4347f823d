"""SQLite: one way to each of its error classes, by SQL alone where that is possible."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from simdsl.backends.protocol import Backend, Database
from simdsl.plan.outcomes import ErrorClass, Outcome
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


def _full_disk(backend: Backend, database: Database) -> Outcome:
    terminal = SqlClient(backend, database)
    ((pages,),) = terminal.rows("PRAGMA page_count")
    assert isinstance(pages, int)
    terminal.ok(f"PRAGMA max_page_count = {pages}")
    return terminal.say("INSERT INTO t (id, w) VALUES (9, printf('%.*c', 100000, 'x'))")


def _busy(backend: Backend, database: Database) -> Outcome:
    SqlClient(backend, database).ok("BEGIN IMMEDIATE")
    return SqlClient(backend, database).say("INSERT INTO t (id) VALUES (9)")


def _snapshot_conflict(backend: Backend, database: Database) -> Outcome:
    a, b = SqlClient(backend, database), SqlClient(backend, database)
    a.ok("BEGIN", "SELECT * FROM t")
    b.ok("INSERT INTO t (id) VALUES (9)")
    return a.say("INSERT INTO t (id) VALUES (10)")


def _canceled(backend: Backend, database: Database) -> Outcome:
    SqlClient(backend, database).ok("BEGIN IMMEDIATE")
    waiter = SqlClient(backend, database)
    assert waiter.begin("INSERT INTO t (id) VALUES (9)") is None
    waiter.session.cancel()
    outcome = waiter.heard()
    assert outcome is not None
    return outcome


_PROVOCATIONS: Final[Mapping[ErrorClass, Provocation]] = {
    ErrorClass.UNIQUE_VIOLATION: after("INSERT INTO t (id) VALUES (1)"),
    ErrorClass.NOT_NULL_VIOLATION: after("INSERT INTO t (id, w) VALUES (2, NULL)"),
    ErrorClass.FOREIGN_KEY_VIOLATION: after("PRAGMA foreign_keys = ON", "INSERT INTO child VALUES (1, 99)"),
    ErrorClass.CHECK_VIOLATION: after("INSERT INTO t (id, v) VALUES (2, -1)"),
    ErrorClass.SYNTAX_ERROR: after("SELEC 1"),
    ErrorClass.UNDEFINED_TABLE: after("SELECT * FROM nowhere"),
    ErrorClass.UNDEFINED_COLUMN: after("SELECT missing FROM t"),
    ErrorClass.UNDEFINED_FUNCTION: after("SELECT missing(1)"),
    ErrorClass.UNDEFINED_OBJECT: after("DROP INDEX missing"),
    ErrorClass.DUPLICATE_TABLE: after("CREATE TABLE t (id INTEGER)"),
    ErrorClass.DUPLICATE_OBJECT: after("CREATE INDEX i ON t (v)", "CREATE INDEX i ON t (v)"),
    ErrorClass.DATATYPE_MISMATCH: after("INSERT INTO t (id) VALUES ('x')"),
    ErrorClass.NUMERIC_VALUE_OUT_OF_RANGE: after("SELECT abs(-9223372036854775808)"),
    ErrorClass.STRING_DATA_RIGHT_TRUNCATION: after("SELECT zeroblob(2000000000)"),
    ErrorClass.INVALID_TEXT_REPRESENTATION: after("SELECT json('{')"),
    ErrorClass.BUSY: _busy,
    ErrorClass.SNAPSHOT_CONFLICT: _snapshot_conflict,
    ErrorClass.NO_ACTIVE_TRANSACTION: after("COMMIT"),
    ErrorClass.ACTIVE_SQL_TRANSACTION: after("BEGIN", "BEGIN"),
    ErrorClass.INVALID_SAVEPOINT_SPECIFICATION: after("BEGIN", "RELEASE missing"),
    ErrorClass.QUERY_CANCELED: _canceled,
    ErrorClass.CONNECTION_CLOSED: provoke_closed,
    ErrorClass.POOL_TIMEOUT: provoke_pool_timeout,
    ErrorClass.READ_ONLY: after("PRAGMA query_only = ON", "INSERT INTO t (id) VALUES (2)"),
    ErrorClass.DISK_FULL: _full_disk,
    ErrorClass.IO_ERROR: after("ATTACH '/nonexistent/directory/x.db' AS x"),
    ErrorClass.DATA_CORRUPTED: after(
        "PRAGMA writable_schema = ON",
        "UPDATE sqlite_schema SET rootpage = 99 WHERE name = 't'",
        "PRAGMA writable_schema = RESET",
        "SELECT * FROM t",
    ),
    ErrorClass.INSUFFICIENT_PRIVILEGE: after("SELECT load_extension('x')"),
    ErrorClass.FEATURE_NOT_SUPPORTED: after("INSERT INTO seen VALUES (1)"),
}

SQLITE: Final = EngineKit(
    schema=SCHEMA,
    provocations={
        error_class: provoke
        for error_class, provoke in _PROVOCATIONS.items()
        if error_class is not ErrorClass.QUERY_CANCELED
    },
    values=(*VALUES, "before\x00after"),
    deferred=("PRAGMA foreign_keys = ON", "CREATE TABLE d (t INTEGER REFERENCES t DEFERRABLE INITIALLY DEFERRED)"),
)

THREADED: Final = EngineKit(
    schema=SCHEMA,
    provocations={
        error_class: provoke
        for error_class, provoke in _PROVOCATIONS.items()
        if error_class not in (ErrorClass.BUSY, ErrorClass.SNAPSHOT_CONFLICT)
    },
    values=SQLITE.values,
    deferred=SQLITE.deferred,
)
"""SQLite where lock waits are seen (``tests.backends.threaded_sqlite``)."""
