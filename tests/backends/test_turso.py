"""Turso: the conformance suite in both journal modes, and what is its own."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import ClassVar

import pytest

from simdsl.backends.protocol import Backend, BackendUnavailable, Refusal, Tx
from simdsl.backends.registry import resolve
from simdsl.backends.turso import FACTS
from simdsl.backends.turso.process import failed
from simdsl.plan.backend_facts import Deviation
from simdsl.plan.outcomes import Affected, ErrorClass, Failed
from simdsl.plan.sql import IsolationLevel, Sql, SqlKind, TransactionMode, Variable
from simdsl.plan.values import INT64_MAX, Value
from simdsl.testing.conformance import Conformance
from simdsl.testing.engine_kit import EngineKit, SqlClient, begin_statement
from tests.backends.kits.sqlite import SCHEMA
from tests.backends.kits.turso import MVCC, TURSO

pytestmark = pytest.mark.slow


class _Turso(Conformance):
    deviations: ClassVar[tuple[Deviation, ...]] = FACTS.deviations

    def test_identifier_is_quoted(self, backend: Backend, a: SqlClient) -> None:
        fragments = ("CREATE TABLE ", Variable(name="n"), " (id INTEGER)")
        created = backend.compile(Sql(fragments=fragments, kind=SqlKind.DDL), {"n": 'Odd "name"; DROP TABLE t'})
        assert not isinstance(created, Refusal)
        assert a.session.start(created, ()) == Affected(None)
        assert a.rows('SELECT * FROM "ODD ""NAME""; DROP TABLE T"') == []
        assert 'odd "name"; drop table t' in a.database.end_state()


class TestTurso(_Turso):
    kit: ClassVar[EngineKit] = TURSO

    @pytest.fixture
    def backend(self) -> Backend:
        return resolve("turso")


class TestTursoMvccInAUsersFile(_Turso):
    kit: ClassVar[EngineKit] = MVCC

    @pytest.fixture
    def backend(self, tmp_path: Path) -> Backend:
        return resolve(f"turso:///{tmp_path}/mine.db?journal_mode=mvcc")


@pytest.fixture
def terminal() -> Iterator[SqlClient]:
    yield from opened("turso")


@pytest.fixture
def mvcc() -> Iterator[SqlClient]:
    yield from opened("turso?journal_mode=mvcc")


def opened(url: str) -> Iterator[SqlClient]:
    backend = resolve(url)
    database = backend.create()
    terminal = SqlClient(backend, database)
    terminal.ok(*SCHEMA)
    yield terminal
    database.close()


def another(terminal: SqlClient) -> SqlClient:
    return SqlClient(terminal.backend, terminal.database)


# Where the database lies


def test_throwaway_is_in_wal_mode_and_goes_away(terminal: SqlClient) -> None:
    assert terminal.rows("PRAGMA journal_mode") == [("wal",)]
    ((_, _, file),) = terminal.rows("PRAGMA database_list")
    assert Path(str(file)).exists()
    terminal.database.close()
    assert not Path(str(file)).parent.exists()


def test_users_file_is_used_in_place_and_stays(tmp_path: Path) -> None:
    backend = resolve(f"turso:///{tmp_path}/a%20b.db")
    assert backend.url == f"turso:///{tmp_path}/a%20b.db"
    database = backend.create()
    SqlClient(backend, database).ok("CREATE TABLE mine (x)", "INSERT INTO mine VALUES (1)")
    database.snapshot()
    SqlClient(backend, database).ok("DELETE FROM mine")
    database.restore()
    database.close()
    connection = sqlite3.connect(tmp_path / "a b.db")
    assert connection.execute("SELECT x FROM mine").fetchall() == [(1,)]
    connection.close()


def test_users_file_that_another_process_holds(tmp_path: Path) -> None:
    backend = resolve(f"turso:///{tmp_path}/x.db")
    database = backend.create()
    with pytest.raises(BackendUnavailable, match="locked by another process"):
        backend.create()
    database.close()
    backend.create().close()


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("turso:file.db", "is no Turso URL: write turso:///file.db or turso:////dir/file.db"),
        ("turso:///:memory:", "is no Turso URL"),
        ("turso?journal_mode=delete", "journal_mode is wal or mvcc"),
        ("turso?mvcc=true", "has no URL parameter `mvcc`"),
        ("turso?pool=nowhere:factory", "cannot be imported"),
        ("turso:////nowhere/at/all/x.db", "does not exist"),
    ],
)
def test_what_cannot_be_opened_says_why(url: str, message: str) -> None:
    with pytest.raises(BackendUnavailable, match=message):
        resolve(url).create()


def test_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "x.db").write_text("no database " * 1000)
    with pytest.raises(BackendUnavailable, match="not a database"):
        resolve(f"turso:///{tmp_path}/x.db").create()


def test_driver_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "turso", None)
    with pytest.raises(BackendUnavailable, match=r"pip install 'simdsl\[turso\]'"):
        resolve("turso")


def test_describes_what_is_installed() -> None:
    description = resolve("turso").describe()
    assert description.driver_version == description.engine_version == version("pyturso")


def test_restore_brings_the_journal_mode_of_the_setup_back() -> None:
    backend = resolve("turso?journal_mode=mvcc")
    database = backend.create()
    setup = SqlClient(backend, database)
    assert setup.rows("PRAGMA journal_mode = WAL") == [("wal",)]
    setup.session.close()
    database.snapshot()
    for _ in range(2):
        terminal = SqlClient(backend, database)
        assert terminal.rows("PRAGMA journal_mode") == [("wal",)]
        assert terminal.rows("PRAGMA journal_mode = mvcc") == [("mvcc",)]
        database.restore()
    database.close()


# Statements


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        (begin_statement(isolation=IsolationLevel.SNAPSHOT), "no isolation level SNAPSHOT"),
        (begin_statement(mode=TransactionMode.CONCURRENT), "Turso without journal_mode=mvcc has no BEGIN CONCURRENT"),
        (begin_statement(read_only=True), "READ ONLY"),
    ],
)
def test_refusals_say_why(sql: object, message: str) -> None:
    refusal = resolve("turso").compile(sql, {})  # type: ignore[arg-type]  # a parameter of the test
    assert isinstance(refusal, Refusal)
    assert message in refusal.reason


@pytest.mark.parametrize("values", [(), (1,), (1, 2, 3)])
def test_number_of_values_is_checked(terminal: SqlClient, values: tuple[Value, ...]) -> None:
    outcome = terminal.session.start(terminal.compiled("SELECT $x, $y"), values)
    assert outcome == Failed(ErrorClass.OTHER, f"{len(values)} values for 2 parameters", by="simdsl")


def test_integers_stay_integers(terminal: SqlClient) -> None:
    assert terminal.rows("SELECT $x, typeof($x), $y", x=INT64_MAX, y=True) == [(INT64_MAX, "integer", 1)]


def test_two_statements_in_one_are_refused(terminal: SqlClient) -> None:
    assert terminal.error("SELECT 1; SELECT 2") is ErrorClass.SYNTAX_ERROR


def test_answers_larger_than_a_message(terminal: SqlClient) -> None:
    text = "é" * 300_000
    assert terminal.rows("SELECT $x, $x", x=text) == [(text, text)]
    series = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50000) SELECT i FROM n"
    assert len(terminal.rows(series)) == 50_000


@pytest.mark.parametrize(
    ("text", "error_class"),
    [
        ("SELECT abs()", ErrorClass.UNDEFINED_FUNCTION),
        ("UPDATE t SET nope = 1", ErrorClass.UNDEFINED_COLUMN),
        ("ALTER TABLE t DROP COLUMN nope", ErrorClass.UNDEFINED_COLUMN),
        ("DROP TRIGGER nope", ErrorClass.UNDEFINED_OBJECT),
        ("SELECT * FROM nope.t", ErrorClass.UNDEFINED_TABLE),
        ("CREATE TABLE u (a, a)", ErrorClass.DUPLICATE_OBJECT),
        ("DROP TABLE sqlite_schema", ErrorClass.INSUFFICIENT_PRIVILEGE),
        ("CREATE TABLE sqlite_mine (x)", ErrorClass.INSUFFICIENT_PRIVILEGE),
        ("CREATE MATERIALIZED VIEW m AS SELECT 1", ErrorClass.FEATURE_NOT_SUPPORTED),
        ("BEGIN CONCURRENT", ErrorClass.FEATURE_NOT_SUPPORTED),
        ("INSERT INTO seen VALUES (1)", ErrorClass.UNDEFINED_TABLE),
        ("SELECT sum(x) FROM (SELECT 9223372036854775807 x UNION ALL SELECT 1)", ErrorClass.NUMERIC_VALUE_OUT_OF_RANGE),
        ("INSERT INTO strict VALUES ('x')", ErrorClass.DATATYPE_MISMATCH),
        ("INSERT INTO t VALUES (1)", ErrorClass.SYNTAX_ERROR),
        ("SELECT 1 ORDER BY 3", ErrorClass.SYNTAX_ERROR),
        ("UPDATE t SET id = id FROM t AS b", ErrorClass.SYNTAX_ERROR),
    ],
)
def test_messages(terminal: SqlClient, text: str, error_class: ErrorClass) -> None:
    terminal.ok("CREATE TABLE strict (x INTEGER) STRICT")
    # As text: what the backend refuses to compile can still come from a pool of the user's.
    statement = terminal.compiled("SELECT 1")
    statement = type(statement)(text=text, parameters=(), kind=SqlKind.OTHER)
    outcome = terminal.session.start(statement, ())
    assert isinstance(outcome, Failed)
    assert outcome.error_class is error_class, outcome


def test_unknown_errors_are_other() -> None:
    assert failed(LookupError("never heard of")) == Failed(ErrorClass.OTHER, "never heard of")
    assert failed(MemoryError()) == Failed(ErrorClass.OTHER, "MemoryError")


# MVCC


def test_concurrent_writers_of_different_rows(mvcc: SqlClient) -> None:
    mvcc.ok("INSERT INTO t (id, v) VALUES (2, 2)")
    a, b = another(mvcc), another(mvcc)
    for terminal, row in ((a, 1), (b, 2)):
        terminal.ok("BEGIN CONCURRENT", f"UPDATE t SET v = v + 10 WHERE id = {row}")
    a.ok("COMMIT")
    b.ok("COMMIT")
    assert mvcc.rows("SELECT v FROM t ORDER BY id") == [(11,), (12,)]


def test_write_conflict_ends_the_transaction_and_tx_says_so(mvcc: SqlClient) -> None:
    a, b = another(mvcc), another(mvcc)
    a.ok("BEGIN CONCURRENT", "UPDATE t SET v = 2")
    b.ok("BEGIN CONCURRENT", "INSERT INTO t (id) VALUES (7)")
    assert b.say("UPDATE t SET v = 3 WHERE id = 1") == Failed(ErrorClass.SERIALIZATION_FAILURE, "Write-write conflict")
    assert b.session.tx() is Tx.IDLE
    assert b.error("COMMIT") is ErrorClass.NO_ACTIVE_TRANSACTION
    a.ok("COMMIT")
    assert mvcc.rows("SELECT id, v FROM t") == [(1, 2)]


def test_begin_concurrent_is_snapshot_isolation_with_write_skew(mvcc: SqlClient) -> None:
    mvcc.ok("INSERT INTO t (id, v) VALUES (2, 1)")
    a, b = another(mvcc), another(mvcc)
    for terminal in (a, b):
        terminal.ok("BEGIN CONCURRENT")
        assert terminal.rows("SELECT sum(v) FROM t") == [(2,)]
    a.ok("UPDATE t SET v = 0 WHERE id = 1", "COMMIT")
    assert b.rows("SELECT sum(v) FROM t") == [(2,)]
    b.ok("UPDATE t SET v = 0 WHERE id = 2", "COMMIT")
    assert mvcc.rows("SELECT sum(v) FROM t") == [(0,)]
