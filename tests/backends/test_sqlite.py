"""What is SQLite's own: where its database lies, its drivers, its messages, its values."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path

import pytest

from simdsl.backends.protocol import Backend, BackendUnavailable, Refusal
from simdsl.backends.registry import resolve
from simdsl.backends.sqlite.errors import failed
from simdsl.plan.outcomes import ErrorClass, Failed, Rows
from simdsl.plan.sql import IsolationLevel, TransactionMode
from simdsl.plan.values import Value
from simdsl.testing.engine_kit import SqlClient, begin_statement
from tests.backends.kits.sqlite import SCHEMA, SQLITE

# A module that takes the place of sqlite3 and knows neither its error codes nor that its connections can be backed up.
DROP_IN = """
import sqlite3

sqlite_version = sqlite3.sqlite_version
__version__ = "1.5"

class Error(Exception):
    pass

def guarded(call):
    def guard(*args, **kwargs):
        try:
            result = call(*args, **kwargs)
        except Exception as error:
            raise Error(str(error)) from None
        return result
    return guard

class Cursor:
    def __init__(self, cursor):
        self._cursor = cursor
    def execute(self, *args):
        guarded(self._cursor.execute)(*args)
        return self
    def fetchall(self):
        return guarded(self._cursor.fetchall)()
    @property
    def rowcount(self):
        return self._cursor.rowcount if self._cursor.description is None else 0
    def __getattr__(self, name):
        return getattr(self._cursor, name)

class Connection:
    def __init__(self, connection):
        self._connection = connection
    def cursor(self):
        return Cursor(guarded(self._connection.cursor)())
    def execute(self, *args):
        return self.cursor().execute(*args)
    @property
    def in_transaction(self):
        return guarded(lambda: self._connection.in_transaction)()
    def __getattr__(self, name):
        return getattr(self._connection, name)

def connect(*args, **kwargs):
    return Connection(guarded(sqlite3.connect)(*args, **kwargs))
"""


@pytest.fixture
def drop_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Backend:
    (tmp_path / "simdsl_drop_in.py").write_text(DROP_IN)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "simdsl_drop_in", raising=False)
    return resolve("sqlite?driver=simdsl_drop_in")


@pytest.fixture
def terminal() -> Iterator[SqlClient]:
    backend = resolve("sqlite:///:memory:")
    database = backend.create()
    yield SqlClient(backend, database)
    database.close()


# Where the database lies


def test_throwaway_is_in_wal_mode_and_goes_away() -> None:
    backend = resolve("sqlite")
    terminal = SqlClient(backend, backend.create())
    assert terminal.rows("PRAGMA journal_mode") == [("wal",)]
    ((_, _, file),) = terminal.rows("PRAGMA database_list")
    assert Path(str(file)).exists()
    terminal.database.close()
    assert not Path(str(file)).parent.exists()


def test_users_file_is_used_in_place_and_stays(tmp_path: Path) -> None:
    file = tmp_path / "a b.db"
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE mine (x)")
        connection.execute("INSERT INTO mine VALUES (1)")
    connection.close()
    backend = resolve(f"sqlite:///{tmp_path}/a%20b.db")
    database = backend.create()
    database.snapshot()
    terminal = SqlClient(backend, database)
    assert terminal.rows("PRAGMA journal_mode") == [("delete",)]
    terminal.ok("INSERT INTO mine VALUES (2)")
    database.restore()
    assert database.end_state() == {"mine": Rows(1, [(1,)])}
    database.close()
    assert file.exists()
    assert [path.name for path in tmp_path.iterdir()] == ["a b.db"]


def test_users_file_that_another_process_holds(tmp_path: Path) -> None:
    backend = resolve(f"sqlite:///{tmp_path}/x.db")
    database = backend.create()
    SqlClient(backend, database).ok("CREATE TABLE t (x)")
    database.snapshot()
    other = sqlite3.connect(tmp_path / "x.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(BackendUnavailable, match="locked"):
        database.restore()
    with pytest.raises(BackendUnavailable, match="locked"):
        database.end_state()
    other.close()
    database.restore()
    database.close()


def test_memory_is_one_database_for_all_sessions_of_a_database() -> None:
    backend = resolve("sqlite:///:memory:")
    database, other = backend.create(), backend.create()
    a, b = SqlClient(backend, database), SqlClient(backend, database)
    a.ok("CREATE TABLE t (x)", "INSERT INTO t VALUES (1)")
    assert b.rows("SELECT x FROM t") == [(1,)]
    assert SqlClient(backend, other).error("SELECT x FROM t") is ErrorClass.UNDEFINED_TABLE
    for terminal in (a, b):
        terminal.session.close()
    assert SqlClient(backend, database).rows("SELECT x FROM t") == [(1,)]
    database.snapshot()
    SqlClient(backend, database).ok("DROP TABLE t")
    database.restore()
    assert database.end_state() == {"t": Rows(1, [(1,)])}
    database.close()
    other.close()


def test_lock_within_a_shared_cache_is_busy() -> None:
    backend = resolve("sqlite:///:memory:")
    database = backend.create()
    a, b = SqlClient(backend, database), SqlClient(backend, database)
    a.ok("CREATE TABLE t (x)", "BEGIN", "INSERT INTO t VALUES (1)")
    assert b.error("SELECT * FROM t") is ErrorClass.BUSY
    database.close()


@pytest.mark.parametrize(
    "texts",
    [
        ("PRAGMA page_size = 8192", "PRAGMA auto_vacuum = FULL", "VACUUM"),
        ("PRAGMA user_version = 7",),
        (
            "PRAGMA writable_schema = ON",
            "UPDATE sqlite_schema SET rootpage = 99 WHERE name = 't'",
        ),
    ],
)
def test_restore_of_a_maltreated_database(texts: tuple[str, ...]) -> None:
    for url in ("sqlite", "sqlite?journal_mode=delete"):
        backend = resolve(url)
        database = backend.create()
        setup = SqlClient(backend, database)
        setup.ok(*SCHEMA)
        setup.session.close()
        database.snapshot()
        before = database.end_state()
        SqlClient(backend, database).ok(*texts)
        database.restore()
        assert database.end_state() == before
        assert SqlClient(backend, database).rows("PRAGMA user_version") == [(0,)]
        database.close()


def test_restore_without_a_snapshot_is_a_mistake_of_the_caller() -> None:
    database = resolve("sqlite").create()
    with pytest.raises(RuntimeError, match="before snapshot"):
        database.restore()
    database.close()


def test_end_state_shows_what_is_no_text(terminal: SqlClient) -> None:
    terminal.ok("CREATE TABLE t (x)", "INSERT INTO t VALUES (CAST(x'ff41' AS TEXT))")
    assert terminal.error("SELECT x FROM t") is ErrorClass.INVALID_TEXT_REPRESENTATION
    assert terminal.database.end_state() == {"t": Rows(1, [("\\xffA",)])}


# Statements


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        (True, 1),
        (False, 0),
        (Decimal("1.50"), "1.50"),
        (Decimal("3"), 3),
        (Decimal("1E+2"), 100),
        (Decimal("1E+30"), "1000000000000000000000000000000"),
        (date(2026, 1, 31), "2026-01-31"),
        (time(12, 30), "12:30:00"),
        (time(12, 30, 0, 5), "12:30:00.000005"),
        (datetime(2026, 1, 31, 12, 30), "2026-01-31 12:30:00"),
        (datetime(2026, 1, 31, 12, 30, tzinfo=UTC), "2026-01-31 12:30:00+00:00"),
        (float("nan"), None),
    ],
)
def test_values_that_sqlite_lacks_are_bound_as_what_it_has(terminal: SqlClient, value: Value, stored: Value) -> None:
    ((got,),) = terminal.rows("SELECT $x", x=value)
    assert got == stored
    assert type(got) is type(stored)


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        (begin_statement(isolation=IsolationLevel.READ_COMMITTED), "READ COMMITTED"),
        (begin_statement(mode=TransactionMode.CONCURRENT), "CONCURRENT"),
        (begin_statement(read_only=True), "READ ONLY"),
    ],
)
def test_refusals_say_why(sql: object, message: str) -> None:
    refusal = resolve("sqlite").compile(sql, {})  # type: ignore[arg-type]  # a parameter of the test
    assert isinstance(refusal, Refusal)
    assert message in refusal.reason


def test_serializable_and_read_write_are_plain() -> None:
    statement = resolve("sqlite").compile(begin_statement(isolation=IsolationLevel.SERIALIZABLE, read_only=False), {})
    assert not isinstance(statement, Refusal)
    assert statement.text == "BEGIN"


def test_two_statements_in_one_are_refused(terminal: SqlClient) -> None:
    assert terminal.error("SELECT 1; SELECT 2") is ErrorClass.SYNTAX_ERROR
    assert terminal.error("SELECT 'a\0b'") is ErrorClass.SYNTAX_ERROR


@pytest.mark.parametrize(
    ("text", "error_class"),
    [
        ("SELECT", ErrorClass.SYNTAX_ERROR),
        ("SELECT 'open", ErrorClass.SYNTAX_ERROR),
        ("INSERT INTO t VALUES (1)", ErrorClass.SYNTAX_ERROR),
        ("INSERT INTO t (id, v) VALUES (1)", ErrorClass.SYNTAX_ERROR),
        ("SELECT id FROM t UNION SELECT id, v FROM t", ErrorClass.SYNTAX_ERROR),
        ("SELECT id FROM t a, t b", ErrorClass.SYNTAX_ERROR),
        ("SELECT 1 ORDER BY 2", ErrorClass.SYNTAX_ERROR),
        ("INSERT INTO t (id) VALUES (1) ON CONFLICT (v) DO NOTHING", ErrorClass.SYNTAX_ERROR),
        ("SELECT count(*) FROM t WHERE count(*) > 1", ErrorClass.UNDEFINED_FUNCTION),
        ("SELECT abs()", ErrorClass.UNDEFINED_FUNCTION),
        ("UPDATE t SET nope = 1", ErrorClass.UNDEFINED_COLUMN),
        ("INSERT INTO t (nope) VALUES (1)", ErrorClass.UNDEFINED_COLUMN),
        ("ALTER TABLE t DROP COLUMN nope", ErrorClass.UNDEFINED_COLUMN),
        ("DROP TABLE nope", ErrorClass.UNDEFINED_TABLE),
        ("DROP VIEW nope", ErrorClass.UNDEFINED_TABLE),
        ("DROP TRIGGER nope", ErrorClass.UNDEFINED_OBJECT),
        ("SELECT id FROM t ORDER BY w COLLATE nope", ErrorClass.UNDEFINED_OBJECT),
        ("SELECT * FROM nope.t", ErrorClass.UNDEFINED_TABLE),
        ("CREATE VIEW t AS SELECT 1", ErrorClass.DUPLICATE_TABLE),
        ("CREATE TABLE u (a, a)", ErrorClass.DUPLICATE_OBJECT),
        ("ALTER TABLE t ADD COLUMN v", ErrorClass.DUPLICATE_OBJECT),
        ("ALTER TABLE t ADD COLUMN x UNIQUE", ErrorClass.FEATURE_NOT_SUPPORTED),
        ("DROP TABLE seen", ErrorClass.FEATURE_NOT_SUPPORTED),
        ("DROP TABLE sqlite_schema", ErrorClass.INSUFFICIENT_PRIVILEGE),
        ("CREATE TABLE sqlite_mine (x)", ErrorClass.INSUFFICIENT_PRIVILEGE),
        ("SELECT sum(x) FROM (SELECT 9223372036854775807 x UNION ALL SELECT 1)", ErrorClass.NUMERIC_VALUE_OUT_OF_RANGE),
        ("INSERT INTO strict VALUES ('x')", ErrorClass.DATATYPE_MISMATCH),
        ("INSERT INTO fires VALUES (1)", ErrorClass.CHECK_VIOLATION),
    ],
)
def test_messages_of_plain_errors(terminal: SqlClient, text: str, error_class: ErrorClass) -> None:
    terminal.ok(*SCHEMA, "CREATE TABLE strict (x INTEGER) STRICT", "CREATE TABLE fires (x)")
    terminal.ok("CREATE TRIGGER f BEFORE INSERT ON fires BEGIN SELECT RAISE(ABORT, 'no'); END")
    assert terminal.error(text) is error_class


@pytest.mark.parametrize("text", ["VACUUM", "PRAGMA synchronous = FULL"])
def test_what_must_stand_outside_of_a_transaction(terminal: SqlClient, text: str) -> None:
    terminal.ok("BEGIN")
    assert terminal.error(text) is ErrorClass.ACTIVE_SQL_TRANSACTION


def test_errors_carry_the_extended_code(terminal: SqlClient) -> None:
    terminal.ok(*SCHEMA)
    outcome = terminal.say("INSERT INTO t (id) VALUES (1)")
    assert outcome == Failed(ErrorClass.UNIQUE_VIOLATION, "UNIQUE constraint failed: t.id", None, 1555)


def test_commit_that_fails_leaves_the_transaction_open() -> None:
    backend = resolve("sqlite?journal_mode=delete")
    database = backend.create()
    writer, reader = SqlClient(backend, database), SqlClient(backend, database)
    writer.ok("CREATE TABLE t (x)", "BEGIN", "INSERT INTO t VALUES (1)")
    reader.ok("BEGIN", "SELECT * FROM t")
    assert writer.error("COMMIT") is ErrorClass.BUSY
    reader.ok("COMMIT")
    writer.ok("COMMIT")
    database.close()


def test_unknown_errors_are_other() -> None:
    assert failed(sqlite3.OperationalError("never heard of")).error_class is ErrorClass.OTHER
    assert failed(OverflowError("too much")).error_class is ErrorClass.NUMERIC_VALUE_OUT_OF_RANGE
    assert failed(MemoryError()) == Failed(ErrorClass.OTHER, "MemoryError")


@pytest.mark.parametrize(
    ("text", "error_class"),
    [
        ("UNIQUE constraint failed: t.id", ErrorClass.UNIQUE_VIOLATION),
        ("NOT NULL constraint failed: t.v", ErrorClass.NOT_NULL_VIOLATION),
        ("CHECK constraint failed: v > 0", ErrorClass.CHECK_VIOLATION),
        ("FOREIGN KEY constraint failed", ErrorClass.FOREIGN_KEY_VIOLATION),
    ],
)
def test_a_module_that_tells_primary_codes_only(text: str, error_class: ErrorClass) -> None:
    error = sqlite3.IntegrityError(text)
    error.sqlite_errorcode = 19
    assert failed(error) == Failed(error_class, text, None, 19)


# Drivers


def test_drop_in_driver_says_that_messages_classify(drop_in: Backend) -> None:
    description = drop_in.describe()
    assert description.driver == "simdsl_drop_in (no error codes: messages classify)"
    assert description.driver_version == "1.5"
    assert drop_in.url == "sqlite?driver=simdsl_drop_in"


@pytest.mark.parametrize("error_class", sorted(set(SQLITE.provocations) - {ErrorClass.QUERY_CANCELED}), ids=str)
def test_drop_in_driver_is_classified_by_messages(drop_in: Backend, error_class: ErrorClass) -> None:
    database = drop_in.create()
    try:
        setup = SqlClient(drop_in, database)
        setup.ok(*SCHEMA)
        setup.session.close()
        outcome = SQLITE.provocations[error_class](drop_in, database)
        assert isinstance(outcome, Failed)
        # Without its code, a stale snapshot cannot be told from any other lock.
        expected = ErrorClass.BUSY if error_class is ErrorClass.SNAPSHOT_CONFLICT else error_class
        assert outcome.error_class is expected, outcome
    finally:
        database.close()


def test_drop_in_driver_that_miscounts_what_it_returns(drop_in: Backend) -> None:
    database = drop_in.create()
    terminal = SqlClient(drop_in, database)
    terminal.ok("CREATE TABLE t (v INTEGER)")
    assert terminal.say("INSERT INTO t VALUES (1), (2) RETURNING v") == Rows(1, [(1,), (2,)], 2)
    database.close()


def test_drop_in_driver_without_backup_is_restored_by_file(drop_in: Backend) -> None:
    database = drop_in.create()
    setup = SqlClient(drop_in, database)
    setup.ok(*SCHEMA)
    setup.session.close()
    database.snapshot()
    before = database.end_state()
    SqlClient(drop_in, database).ok("DROP TABLE child", "DELETE FROM t")
    database.restore()
    assert database.end_state() == before
    database.close()


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("def connect(path): pass", "cannot open a database as sqlite3 does: TypeError"),
        ("raise ValueError('x')", "fails to load: ValueError: x"),
        ("connect = 3", "it has no `connect`"),
    ],
)
def test_module_that_is_no_driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, message: str) -> None:
    (tmp_path / "simdsl_no_driver.py").write_text(source)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "simdsl_no_driver", raising=False)
    with pytest.raises(BackendUnavailable, match=message):
        resolve("sqlite?driver=simdsl_no_driver")
