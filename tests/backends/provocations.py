"""One way to each error class of SQLite, by SQL alone where that is possible."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from simdsl.backends.protocol import Backend, World
from simdsl.core.clock import Clock
from simdsl.plan.ir import PoolSpec
from simdsl.plan.outcomes import ErrorClass, Failed, Outcome
from tests.backends.terminal import Terminal

Provocation: TypeAlias = Callable[[Backend, World], Outcome]

SCHEMA: Final = (
    "CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER CHECK (v >= 0), w TEXT NOT NULL DEFAULT '')",
    "CREATE TABLE child (id INTEGER PRIMARY KEY, t INTEGER REFERENCES t)",
    "CREATE VIEW seen AS SELECT id FROM t",
    "INSERT INTO t (id, v) VALUES (1, 1)",
)


def _saying(*texts: str) -> Provocation:
    def provoke(backend: Backend, world: World) -> Outcome:
        terminal = Terminal(backend, world)
        terminal.ok(*texts[:-1])
        return terminal.say(texts[-1])

    return provoke


def _full_disk(backend: Backend, world: World) -> Outcome:
    terminal = Terminal(backend, world)
    ((pages,),) = terminal.rows("PRAGMA page_count")
    assert isinstance(pages, int)
    terminal.ok(f"PRAGMA max_page_count = {pages}")
    return terminal.say("INSERT INTO t (id, w) VALUES (9, printf('%.*c', 100000, 'x'))")


def _busy(backend: Backend, world: World) -> Outcome:
    Terminal(backend, world).ok("BEGIN IMMEDIATE")
    return Terminal(backend, world).say("INSERT INTO t (id) VALUES (9)")


def _snapshot_conflict(backend: Backend, world: World) -> Outcome:
    a, b = Terminal(backend, world), Terminal(backend, world)
    a.ok("BEGIN", "SELECT * FROM t")
    b.ok("INSERT INTO t (id) VALUES (9)")
    return a.say("INSERT INTO t (id) VALUES (10)")


def _canceled(backend: Backend, world: World) -> Outcome:
    Terminal(backend, world).ok("BEGIN IMMEDIATE")
    waiter = Terminal(backend, world)
    assert waiter.begin("INSERT INTO t (id) VALUES (9)") is None
    waiter.session.cancel()
    outcome = waiter.heard()
    assert outcome is not None
    return outcome


def _closed(backend: Backend, world: World) -> Outcome:
    terminal = Terminal(backend, world)
    terminal.session.close()
    statement = terminal.compiled("SELECT 1")
    outcome = terminal.session.start(statement, ())
    assert outcome is not None
    return outcome


def _pool_timeout(backend: Backend, world: World) -> Outcome:
    clock = Clock()
    pool = world.pool(PoolSpec(name="main", size=1, timeout_us=1), clock)
    pool.request("a")
    ticket = pool.request("b")
    clock.advance_to(1)
    outcome = ticket.poll()
    assert isinstance(outcome, Failed)
    return outcome


PROVOCATIONS: Final[Mapping[ErrorClass, Provocation]] = {
    ErrorClass.UNIQUE_VIOLATION: _saying("INSERT INTO t (id) VALUES (1)"),
    ErrorClass.NOT_NULL_VIOLATION: _saying("INSERT INTO t (id, w) VALUES (2, NULL)"),
    ErrorClass.FOREIGN_KEY_VIOLATION: _saying("PRAGMA foreign_keys = ON", "INSERT INTO child VALUES (1, 99)"),
    ErrorClass.CHECK_VIOLATION: _saying("INSERT INTO t (id, v) VALUES (2, -1)"),
    ErrorClass.SYNTAX_ERROR: _saying("SELEC 1"),
    ErrorClass.UNDEFINED_TABLE: _saying("SELECT * FROM nowhere"),
    ErrorClass.UNDEFINED_COLUMN: _saying("SELECT missing FROM t"),
    ErrorClass.UNDEFINED_FUNCTION: _saying("SELECT missing(1)"),
    ErrorClass.UNDEFINED_OBJECT: _saying("DROP INDEX missing"),
    ErrorClass.DUPLICATE_TABLE: _saying("CREATE TABLE t (id INTEGER)"),
    ErrorClass.DUPLICATE_OBJECT: _saying("CREATE INDEX i ON t (v)", "CREATE INDEX i ON t (v)"),
    ErrorClass.DATATYPE_MISMATCH: _saying("INSERT INTO t (id) VALUES ('x')"),
    ErrorClass.NUMERIC_VALUE_OUT_OF_RANGE: _saying("SELECT abs(-9223372036854775808)"),
    ErrorClass.STRING_DATA_RIGHT_TRUNCATION: _saying("SELECT zeroblob(2000000000)"),
    ErrorClass.INVALID_TEXT_REPRESENTATION: _saying("SELECT json('{')"),
    ErrorClass.BUSY: _busy,
    ErrorClass.SNAPSHOT_CONFLICT: _snapshot_conflict,
    ErrorClass.NO_ACTIVE_TRANSACTION: _saying("COMMIT"),
    ErrorClass.ACTIVE_SQL_TRANSACTION: _saying("BEGIN", "BEGIN"),
    ErrorClass.INVALID_SAVEPOINT_SPECIFICATION: _saying("BEGIN", "RELEASE missing"),
    ErrorClass.QUERY_CANCELED: _canceled,
    ErrorClass.CONNECTION_CLOSED: _closed,
    ErrorClass.POOL_TIMEOUT: _pool_timeout,
    ErrorClass.READ_ONLY: _saying("PRAGMA query_only = ON", "INSERT INTO t (id) VALUES (2)"),
    ErrorClass.DISK_FULL: _full_disk,
    ErrorClass.IO_ERROR: _saying("ATTACH '/nonexistent/directory/x.db' AS x"),
    ErrorClass.DATA_CORRUPTED: _saying(
        "PRAGMA writable_schema = ON",
        "UPDATE sqlite_schema SET rootpage = 99 WHERE name = 't'",
        "PRAGMA writable_schema = RESET",
        "SELECT * FROM t",
    ),
    ErrorClass.INSUFFICIENT_PRIVILEGE: _saying("SELECT load_extension('x')"),
    ErrorClass.FEATURE_NOT_SUPPORTED: _saying("INSERT INTO seen VALUES (1)"),
}
