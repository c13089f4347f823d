"""SQLite: one way to each of its error classes, by SQL alone where that is possible."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from simdsl.backends.protocol import Backend, Database
from simdsl.plan.outcomes import ErrorClass, Outcome
from tests.backends.idiom import VALUES, Idiom, Provocation, closed, pool_timeout, saying
from tests.backends.terminal import Terminal

SCHEMA: Final = (
    "CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER CHECK (v >= 0), w TEXT NOT NULL DEFAULT '')",
    "CREATE TABLE child (id INTEGER PRIMARY KEY, t INTEGER REFERENCES t)",
    "CREATE VIEW seen AS SELECT id FROM t",
    "INSERT INTO t (id, v) VALUES (1, 1)",
)


def _full_disk(backend: Backend, world: Database) -> Outcome:
    terminal = Terminal(backend, world)
    ((pages,),) = terminal.rows("PRAGMA page_count")
    assert isinstance(pages, int)
    terminal.ok(f"PRAGMA max_page_count = {pages}")
    return terminal.say("INSERT INTO t (id, w) VALUES (9, printf('%.*c', 100000, 'x'))")


def _busy(backend: Backend, world: Database) -> Outcome:
    Terminal(backend, world).ok("BEGIN IMMEDIATE")
    return Terminal(backend, world).say("INSERT INTO t (id) VALUES (9)")


def _snapshot_conflict(backend: Backend, world: Database) -> Outcome:
    a, b = Terminal(backend, world), Terminal(backend, world)
    a.ok("BEGIN", "SELECT * FROM t")
    b.ok("INSERT INTO t (id) VALUES (9)")
    return a.say("INSERT INTO t (id) VALUES (10)")


def _canceled(backend: Backend, world: Database) -> Outcome:
    Terminal(backend, world).ok("BEGIN IMMEDIATE")
    waiter = Terminal(backend, world)
    assert waiter.begin("INSERT INTO t (id) VALUES (9)") is None
    waiter.session.cancel()
    outcome = waiter.heard()
    assert outcome is not None
    return outcome


_PROVOCATIONS: Final[Mapping[ErrorClass, Provocation]] = {
    ErrorClass.UNIQUE_VIOLATION: saying("INSERT INTO t (id) VALUES (1)"),
    ErrorClass.NOT_NULL_VIOLATION: saying("INSERT INTO t (id, w) VALUES (2, NULL)"),
    ErrorClass.FOREIGN_KEY_VIOLATION: saying("PRAGMA foreign_keys = ON", "INSERT INTO child VALUES (1, 99)"),
    ErrorClass.CHECK_VIOLATION: saying("INSERT INTO t (id, v) VALUES (2, -1)"),
    ErrorClass.SYNTAX_ERROR: saying("SELEC 1"),
    ErrorClass.UNDEFINED_TABLE: saying("SELECT * FROM nowhere"),
    ErrorClass.UNDEFINED_COLUMN: saying("SELECT missing FROM t"),
    ErrorClass.UNDEFINED_FUNCTION: saying("SELECT missing(1)"),
    ErrorClass.UNDEFINED_OBJECT: saying("DROP INDEX missing"),
    ErrorClass.DUPLICATE_TABLE: saying("CREATE TABLE t (id INTEGER)"),
    ErrorClass.DUPLICATE_OBJECT: saying("CREATE INDEX i ON t (v)", "CREATE INDEX i ON t (v)"),
    ErrorClass.DATATYPE_MISMATCH: saying("INSERT INTO t (id) VALUES ('x')"),
    ErrorClass.NUMERIC_VALUE_OUT_OF_RANGE: saying("SELECT abs(-9223372036854775808)"),
    ErrorClass.STRING_DATA_RIGHT_TRUNCATION: saying("SELECT zeroblob(2000000000)"),
    ErrorClass.INVALID_TEXT_REPRESENTATION: saying("SELECT json('{')"),
    ErrorClass.BUSY: _busy,
    ErrorClass.SNAPSHOT_CONFLICT: _snapshot_conflict,
    ErrorClass.NO_ACTIVE_TRANSACTION: saying("COMMIT"),
    ErrorClass.ACTIVE_SQL_TRANSACTION: saying("BEGIN", "BEGIN"),
    ErrorClass.INVALID_SAVEPOINT_SPECIFICATION: saying("BEGIN", "RELEASE missing"),
    ErrorClass.QUERY_CANCELED: _canceled,
    ErrorClass.CONNECTION_CLOSED: closed,
    ErrorClass.POOL_TIMEOUT: pool_timeout,
    ErrorClass.READ_ONLY: saying("PRAGMA query_only = ON", "INSERT INTO t (id) VALUES (2)"),
    ErrorClass.DISK_FULL: _full_disk,
    ErrorClass.IO_ERROR: saying("ATTACH '/nonexistent/directory/x.db' AS x"),
    ErrorClass.DATA_CORRUPTED: saying(
        "PRAGMA writable_schema = ON",
        "UPDATE sqlite_schema SET rootpage = 99 WHERE name = 't'",
        "PRAGMA writable_schema = RESET",
        "SELECT * FROM t",
    ),
    ErrorClass.INSUFFICIENT_PRIVILEGE: saying("SELECT load_extension('x')"),
    ErrorClass.FEATURE_NOT_SUPPORTED: saying("INSERT INTO seen VALUES (1)"),
}

SQLITE: Final = Idiom(
    schema=SCHEMA,
    provocations={
        error_class: provoke
        for error_class, provoke in _PROVOCATIONS.items()
        if error_class is not ErrorClass.QUERY_CANCELED
    },
    values=(*VALUES, "before\x00after"),
    deferred=("PRAGMA foreign_keys = ON", "CREATE TABLE d (t INTEGER REFERENCES t DEFERRABLE INITIALLY DEFERRED)"),
)

THREADED: Final = Idiom(
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
