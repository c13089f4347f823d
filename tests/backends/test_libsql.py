"""libSQL: the conformance suite, and what its driver would do without its armour."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import ClassVar

import pytest

from simdsl.backends.libsql import FACTS
from simdsl.backends.libsql.backend import failed
from simdsl.backends.protocol import Backend, BackendUnavailable, Refusal, Statement, Tx
from simdsl.backends.registry import resolve
from simdsl.core.clock import Clock
from simdsl.plan.backend_facts import Deviation
from simdsl.plan.outcomes import Affected, ErrorClass, Failed, Rows
from simdsl.plan.plan import PoolSpec, Reset, ResetMode
from simdsl.plan.sql import IsolationLevel, SqlKind, TransactionMode
from simdsl.plan.values import INT64_MAX, INT64_MIN, Value
from simdsl.testing.conformance import Conformance, lent
from simdsl.testing.engine_kit import EngineKit, SqlClient, begin_statement
from tests.backends.kits.libsql import LIBSQL
from tests.backends.kits.sqlite import SCHEMA

HOLDER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
sys.stdin.read()
"""


class TestLibsql(Conformance):
    kit: ClassVar[EngineKit] = LIBSQL
    deviations: ClassVar[tuple[Deviation, ...]] = FACTS.deviations

    @pytest.fixture(params=["libsql", "libsql:///{directory}/mine.db"])
    def backend(self, request: pytest.FixtureRequest, tmp_path: Path) -> Backend:
        return resolve(str(request.param).format(directory=tmp_path))


@pytest.fixture
def backend() -> Backend:
    return resolve("libsql")


@pytest.fixture
def terminal(backend: Backend) -> Iterator[SqlClient]:
    database = backend.create()
    terminal = SqlClient(backend, database)
    terminal.ok(*SCHEMA)
    yield terminal
    database.close()


@pytest.fixture
def rollback_journal() -> Iterator[SqlClient]:
    backend = resolve("libsql?journal_mode=delete")
    database = backend.create()
    terminal = SqlClient(backend, database)
    terminal.ok(*SCHEMA)
    yield terminal
    database.close()


# Where the database lies


def test_throwaway_is_in_wal_mode_and_goes_away(terminal: SqlClient) -> None:
    assert terminal.rows("PRAGMA journal_mode") == [("wal",)]
    ((_, _, file),) = terminal.rows("PRAGMA database_list")
    assert Path(str(file)).exists()
    terminal.database.close()
    assert not Path(str(file)).parent.exists()


def test_users_file_is_used_in_place_and_stays(tmp_path: Path) -> None:
    backend = resolve(f"libsql:///{tmp_path}/a%20b.db")
    assert backend.url == f"libsql:///{tmp_path}/a%20b.db"
    database = backend.create()
    terminal = SqlClient(backend, database)
    terminal.ok("CREATE TABLE mine (x)", "INSERT INTO mine VALUES (1)")
    assert terminal.rows("PRAGMA journal_mode") == [("delete",)]
    database.snapshot()
    SqlClient(backend, database).ok("DELETE FROM mine")
    database.restore()
    database.close()
    connection = sqlite3.connect(tmp_path / "a b.db")
    assert connection.execute("SELECT x FROM mine").fetchall() == [(1,)]
    connection.close()


def test_users_file_that_another_process_holds(tmp_path: Path) -> None:
    backend = resolve(f"libsql:///{tmp_path}/x.db")
    database = backend.create()
    SqlClient(backend, database).ok("CREATE TABLE t (x)")
    database.snapshot()
    # A process of its own: POSIX locks do not stop another library of the same process.
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path / "x.db")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(BackendUnavailable, match="locked"):
            database.restore()
        with pytest.raises(BackendUnavailable, match="locked"):
            database.end_state()
        holder.communicate()
    database.restore()
    assert database.end_state() == {"t": Rows(1, [])}
    database.close()


def test_restore_brings_the_journal_mode_back() -> None:
    backend = resolve("libsql?journal_mode=delete")
    database = backend.create()
    database.snapshot()
    terminal = SqlClient(backend, database)
    assert terminal.rows("PRAGMA journal_mode = WAL") == [("wal",)]
    terminal.ok("CREATE TABLE t (x)")
    database.restore()
    terminal = SqlClient(backend, database)
    assert terminal.rows("PRAGMA journal_mode") == [("delete",)]
    assert database.end_state() == {}
    database.close()


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("libsql:file.db", "is no libSQL URL: write libsql:///file.db or libsql:////dir/file.db"),
        ("libsql:///:memory:", "is no libSQL URL"),
        ("libsql?journal_mode=off", "journal_mode is wal or delete"),
        ("libsql?driver=x", "has no URL parameter `driver`"),
        ("libsql?pool=nowhere:factory", "cannot be imported"),
        ("libsql:////nowhere/at/all/x.db", "does not exist"),
    ],
)
def test_what_cannot_be_opened_says_why(url: str, message: str) -> None:
    with pytest.raises(BackendUnavailable, match=message):
        resolve(url).create()


def test_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "x.db").write_text("no database " * 100)
    with pytest.raises(BackendUnavailable, match="not a database"):
        resolve(f"libsql:///{tmp_path}/x.db").create()


def test_describes_the_engine_that_it_asked(backend: Backend, terminal: SqlClient) -> None:
    description = backend.describe()
    assert terminal.rows("SELECT 'SQLite ' || sqlite_version()") == [(description.engine_version,)]
    assert description.driver_version[0].isdecimal()


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        (begin_statement(isolation=IsolationLevel.SNAPSHOT), "libSQL has no isolation level SNAPSHOT"),
        (begin_statement(mode=TransactionMode.CONCURRENT), "libSQL has no BEGIN CONCURRENT"),
        (begin_statement(read_only=True), "READ ONLY"),
    ],
)
def test_refusals_say_why(backend: Backend, sql: object, message: str) -> None:
    refusal = backend.compile(sql, {})  # type: ignore[arg-type]  # a parameter of the test
    assert isinstance(refusal, Refusal)
    assert message in refusal.reason


# Integers that the driver makes reals of


@pytest.mark.parametrize("value", [2**31 - 1, 2**31, -(2**31), -(2**31) - 1, 2**53 + 1, INT64_MIN, INT64_MAX])
def test_integers_stay_integers(terminal: SqlClient, value: int) -> None:
    assert terminal.rows("SELECT $x, typeof($x), 'a ? b', $y", x=value, y=7) == [(value, "integer", "a ? b", 7)]
    terminal.ok("CREATE TABLE untyped (x)")
    assert terminal.affected("INSERT INTO untyped VALUES ($x)", x=value) == 1
    assert terminal.rows("SELECT x, typeof(x) FROM untyped WHERE x = $x", x=value) == [(value, "integer")]


def test_wide_integer_compares_as_a_plain_parameter_does(terminal: SqlClient) -> None:
    terminal.ok("CREATE TABLE texts (s TEXT)", "INSERT INTO texts VALUES ('0123'), ('09223372036854775807')")
    # With the affinity of a CAST, the text would be made a number and both of these would find a row.
    assert terminal.rows("SELECT s FROM texts WHERE s = $x", x=123) == []
    assert terminal.rows("SELECT s FROM texts WHERE s = $x", x=INT64_MAX) == []
    assert terminal.rows("SELECT s FROM texts ORDER BY s LIMIT $x", x=INT64_MAX) == [("0123",), ("09223372036854775807",)]


def test_decimal_without_fraction_is_widened_too(terminal: SqlClient) -> None:
    assert terminal.rows("SELECT $x, $y", x=Decimal(2**40), y=True) == [(2**40, 1)]


# What the driver would keep to itself


@pytest.mark.parametrize("values", [(), (1,), (1, 2, 3)])
def test_number_of_values_is_checked(terminal: SqlClient, values: tuple[Value, ...]) -> None:
    outcome = terminal.session.start(terminal.compiled("SELECT $x, $y"), values)
    assert outcome == Failed(ErrorClass.OTHER, f"{len(values)} values for 2 parameters", by="simdsl")


@pytest.mark.parametrize(
    "text",
    [
        "SELECT 1; SELECT 2",
        "INSERT INTO t (id) VALUES (2); DELETE FROM t",
        "SELECT 'a;b'; SELECT \"c;d\" -- e",
        "SELECT 'a\0b'",
    ],
)
def test_what_is_more_than_one_statement_is_refused(terminal: SqlClient, text: str) -> None:
    assert terminal.error(text) is ErrorClass.SYNTAX_ERROR
    assert terminal.rows("SELECT count(*) FROM t") == [(1,)]


@pytest.mark.parametrize("text", ["SELECT ';' ;", "SELECT 1 ; -- ; done", "/* ; */ SELECT 1", "SELECT 1 AS [a;b];;"])
def test_one_statement_with_semicolons_is_one(terminal: SqlClient, text: str) -> None:
    assert len(terminal.rows(text)) == 1


def test_trigger_is_one_statement(terminal: SqlClient) -> None:
    terminal.ok("CREATE TRIGGER f AFTER INSERT ON t BEGIN DELETE FROM child; UPDATE t SET v = 7; END")
    terminal.ok("INSERT INTO t (id) VALUES (2)")
    assert terminal.rows("SELECT DISTINCT v FROM t") == [(7,)]


def test_count_of_returned_rows_is_this_statements(terminal: SqlClient) -> None:
    terminal.ok("INSERT INTO t (id) VALUES (2), (3), (4)")
    assert terminal.say("DELETE FROM t WHERE id > 2 RETURNING id") == Rows(1, [(3,), (4,)], 2)
    assert terminal.say("SELECT 1") == Rows(1, [(1,)], None)


def test_query_leaves_no_read_lock(rollback_journal: SqlClient) -> None:
    rollback_journal.ok("INSERT INTO t (id) VALUES (2), (3)")
    assert rollback_journal.rows("SELECT id FROM t LIMIT 2") == [(1,), (2,)]
    SqlClient(rollback_journal.backend, rollback_journal.database).ok("BEGIN EXCLUSIVE", "COMMIT")


def test_lock_is_answered_at_once(backend: Backend, terminal: SqlClient) -> None:
    assert terminal.rows("PRAGMA busy_timeout") == [(0,)]
    terminal.ok("BEGIN", "SELECT * FROM t")
    other = SqlClient(backend, terminal.database)
    other.ok("INSERT INTO t (id) VALUES (9)")
    # SQLite's code would say that the snapshot is stale; there is only the message.
    outcome = terminal.say("INSERT INTO t (id) VALUES (10)")
    assert outcome == Failed(ErrorClass.BUSY, "database is locked")
    assert terminal.session.tx() is Tx.OPEN


def test_commit_that_fails_leaves_the_transaction_open(rollback_journal: SqlClient) -> None:
    rollback_journal.ok("BEGIN", "INSERT INTO t (id) VALUES (2)")
    reader = SqlClient(rollback_journal.backend, rollback_journal.database)
    reader.ok("BEGIN", "SELECT * FROM t")
    assert rollback_journal.error("COMMIT") is ErrorClass.BUSY
    assert rollback_journal.session.tx() is Tx.OPEN
    reader.ok("COMMIT")
    rollback_journal.ok("COMMIT")


# Panics


def test_panic_is_an_outcome_and_the_session_lives(backend: Backend, terminal: SqlClient) -> None:
    terminal.ok("BEGIN", "INSERT INTO t (id) VALUES (2)")
    outcome = terminal.say("SELECT CAST(x'ff41' AS TEXT)")
    assert isinstance(outcome, Failed)
    assert outcome.error_class is ErrorClass.DRIVER_PANIC
    assert "Utf8Error" in outcome.text
    assert terminal.session.tx() is Tx.OPEN
    terminal.ok("COMMIT")
    SqlClient(backend, terminal.database).ok("INSERT INTO t (id) VALUES (3)")


def test_closed_connection_is_refused_before_the_driver_panics(
    backend: Backend, terminal: SqlClient, capfd: pytest.CaptureFixture[str]
) -> None:
    terminal.session.close()
    for text in ("SELECT 1", "BEGIN", "COMMIT", "INSERT INTO t (id) VALUES (2)"):
        assert terminal.error(text) is ErrorClass.CONNECTION_CLOSED
    assert terminal.session.tx() is Tx.LOST
    terminal.session.quiesce()
    assert capfd.readouterr().err == ""


def test_end_state_shows_what_is_no_text(terminal: SqlClient) -> None:
    terminal.ok("CREATE TABLE bad (x, y)", "INSERT INTO bad VALUES (CAST(x'ff41' AS TEXT), x'ff'), (2, 'b')")
    assert terminal.error("SELECT x FROM bad") is ErrorClass.DRIVER_PANIC
    assert terminal.database.end_state()["bad"] == Rows(2, [(2, "b"), ("\\xffA", b"\xff")])


# The rest


def test_foreign_keys_are_on_from_the_start_and_a_reset_checks_none(terminal: SqlClient) -> None:
    assert terminal.error("INSERT INTO child VALUES (1, 99)") is ErrorClass.FOREIGN_KEY_VIOLATION
    terminal.ok("INSERT INTO child VALUES (1, 1)")
    for mode in (ResetMode.DELETE, ResetMode.RECREATE):
        assert terminal.database.reset(Reset(tables=("t",), mode=mode)) is None
    assert terminal.database.end_state() == {"child": Rows(2, [(1, 1)]), "t": Rows(3, [])}


def test_reset_that_meets_a_lock_is_a_failure(backend: Backend, terminal: SqlClient) -> None:
    terminal.ok("BEGIN IMMEDIATE")
    failure = terminal.database.reset(Reset(tables=("t",)))
    assert failure is not None
    assert failure.error_class is ErrorClass.BUSY
    terminal.ok("COMMIT")
    assert terminal.database.reset(Reset(tables=("t",))) is None


def test_pool_cleans_by_the_drivers_own_rollback(backend: Backend, terminal: SqlClient) -> None:
    pool = terminal.database.pool(PoolSpec(name="main", size=1), Clock())
    lease = lent(pool.request("a"))
    SqlClient(backend, terminal.database, lease.session).ok("BEGIN", "DELETE FROM t")
    assert pool.release(lease) is None
    assert lease.session.tx() is Tx.IDLE


def test_statement_that_compile_did_not_make(terminal: SqlClient) -> None:
    statement = Statement(text="UPDATE t SET v = ?", parameters=("x",), kind=SqlKind.DML)
    assert terminal.session.start(statement, (5,)) == Affected(1)


def test_unknown_errors_are_other() -> None:
    assert failed(ValueError("never heard of")) == Failed(ErrorClass.OTHER, "never heard of")
    assert failed(MemoryError()) == Failed(ErrorClass.OTHER, "MemoryError")
