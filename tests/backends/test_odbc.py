"""The ODBC mechanics over a real driver: the conformance suite, and what only threads and drivers can get wrong."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import ClassVar

import pytest

from simdsl.backends.odbc import driver
from simdsl.backends.odbc.driver import parse_diagnostic
from simdsl.backends.odbc.session import OdbcSession, OutcomeInbox, SessionThread
from simdsl.backends.protocol import Backend, BackendUnavailable, Database, Tx
from simdsl.backends.registry import resolve
from simdsl.core.clock import Clock, real_ns
from simdsl.core.verdicts import Verdict
from simdsl.plan.backend_facts import Deviation
from simdsl.plan.outcomes import Affected, ErrorClass, Failed, Rows
from simdsl.plan.plan import PoolSpec
from simdsl.plan.values import Value
from simdsl.testing.conformance import Conformance, lent
from simdsl.testing.engine_kit import LIMIT_US, EngineKit, SqlClient
from tests.backends import odbc_postgres
from tests.backends.kits.odbc_postgres import ODBC_POSTGRES
from tests.running import run

pytestmark = pytest.mark.slow

POSTGRES = "python:tests.backends.odbc_postgres:make"


@pytest.fixture
def backend() -> Backend:
    problem = odbc_postgres.problem()
    if problem is not None:
        pytest.skip(problem)
    return resolve(POSTGRES)


@pytest.fixture
def database(backend: Backend) -> Iterator[Database]:
    database = backend.create()
    setup = SqlClient(backend, database)
    setup.ok(*ODBC_POSTGRES.schema)
    setup.session.close()
    yield database
    database.close()


@pytest.fixture
def a(backend: Backend, database: Database) -> SqlClient:
    return SqlClient(backend, database)


@pytest.fixture
def b(backend: Backend, database: Database) -> SqlClient:
    return SqlClient(backend, database)


class TestOdbcPostgres(Conformance):
    kit: ClassVar[EngineKit] = ODBC_POSTGRES
    deviations: ClassVar[tuple[Deviation, ...]] = (
        Deviation(
            rule="returning_counts_too",
            does="A DELETE ... RETURNING that meets no row has no result set, only the count.",
            why="psqlodbc answers SQL_NO_DATA there, as ODBC wants it of a searched DELETE without RETURNING.",
        ),
        Deviation(
            rule="unknown_savepoint",
            does="Outside of a transaction it is `no_active_transaction`; inside, the transaction fails.",
            why="https://www.postgresql.org/docs/current/tutorial-transactions.html",
        ),
        Deviation(
            rule="deferred_constraint_is_checked_by_commit",
            does="A COMMIT that a deferred constraint refuses has rolled back: no transaction is open afterwards.",
            why="https://www.postgresql.org/docs/current/sql-set-constraints.html",
        ),
    )

    @pytest.fixture
    def backend(self, backend: Backend) -> Backend:
        return backend

    def test_returning_counts_too(self, backend: Backend, a: SqlClient) -> None:
        assert a.say("INSERT INTO t (id) VALUES (2), (3) RETURNING id") == Rows(1, [(2,), (3,)], 2)
        assert a.say("DELETE FROM t WHERE id = 99 RETURNING id") == Affected(0)

    @pytest.mark.parametrize("text", ["ROLLBACK TO s", "RELEASE s"])
    def test_unknown_savepoint(self, a: SqlClient, text: str) -> None:
        assert a.error(text) is ErrorClass.NO_ACTIVE_TRANSACTION
        a.ok("BEGIN")
        assert a.error(text) is ErrorClass.INVALID_SAVEPOINT_SPECIFICATION
        assert a.session.tx() is Tx.FAILED

    def test_deferred_constraint_is_checked_by_commit(self, backend: Backend, a: SqlClient) -> None:
        a.ok(*self.kit.deferred, "BEGIN", "INSERT INTO d VALUES (99)")
        assert a.error("COMMIT") is ErrorClass.FOREIGN_KEY_VIOLATION
        assert a.session.tx() is Tx.IDLE


class TestValues:
    @pytest.mark.parametrize(
        ("kind", "value"),
        [
            ("numeric", Decimal("1.50")),
            ("numeric", Decimal("-0.000000000000000000001")),
            ("numeric", Decimal(10) ** 30),
            ("bigint", 2**63 - 1),
            ("bigint", -(2**63)),
            ("boolean", True),
            ("boolean", False),
            ("bytea", b"\x00\xff'\\"),
            ("bytea", b""),
            ("date", date(2026, 1, 31)),
            ("time", time(12, 30)),
            ("time", time(12, 30, 0, 5)),
            ("timestamp", datetime(2026, 1, 31, 12, 30, 0, 5)),
            ("double precision", 0.1),
            ("text", "\r\n\\ {fn now()} ?"),
            ("text", None),
            ("bytea", None),
            ("integer", None),
        ],
    )
    def test_comes_back_through_a_column(self, a: SqlClient, kind: str, value: Value) -> None:
        a.ok(f"CREATE TABLE u (x {kind})")
        assert a.affected("INSERT INTO u VALUES ($x)", x=value) == 1
        ((got,),) = a.rows("SELECT x FROM u")
        assert (type(got), got) == (type(value), value)

    def test_zone_is_not_dropped(self, a: SqlClient) -> None:
        a.ok("CREATE TABLE u (x timestamptz)")
        moment = datetime(2026, 1, 31, 12, 30, tzinfo=timezone(timedelta(hours=2)))
        a.affected("INSERT INTO u VALUES ($x)", x=moment)
        # This driver gives the moment without its zone; the server was told UTC.
        assert a.rows("SELECT x FROM u") == [(moment.astimezone(UTC).replace(tzinfo=None),)]

    def test_uuid_is_its_canonical_text(self, a: SqlClient) -> None:
        text = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"
        assert a.rows(f"SELECT 1, '{text}'::uuid") == [(1, text)]

    def test_decimal_that_is_no_number(self, a: SqlClient) -> None:
        a.ok("CREATE TABLE u (x numeric)")
        assert a.affected("INSERT INTO u VALUES ($x)", x=Decimal("NaN")) == 1

    def test_value_that_python_cannot_hold_is_an_error_of_the_step(self, a: SqlClient) -> None:
        assert a.error("SELECT '24:00'::time") is ErrorClass.OTHER
        assert a.rows("SELECT 1") == [(1,)]


class TestBatches:
    def test_first_result_with_columns_is_the_answer(self, a: SqlClient) -> None:
        assert a.say("UPDATE t SET v = 2; SELECT 1, 2; SELECT 3") == Rows(2, [(1, 2)], 1)

    def test_last_count_is_the_count(self, a: SqlClient) -> None:
        assert a.say("INSERT INTO t (id) VALUES (2); UPDATE t SET v = 2") == Affected(2)

    def test_error_of_a_later_statement_is_the_outcome(self, a: SqlClient) -> None:
        assert a.error("SELECT 1; SELECT 1 / 0") is ErrorClass.DIVISION_BY_ZERO


class TestWaiting:
    def test_quick_statement_ends_at_once(self, a: SqlClient) -> None:
        # Not always: the machine may be busy. But a thread that is never quick would fail every time.
        statement = a.compiled("SELECT 1")
        at_once = 0
        for _ in range(50):
            outcome = a.session.start(statement, ())
            at_once += outcome is not None
            assert (outcome or a.heard()) == Rows(1, [(1,)])
        assert at_once

    def test_slow_statement_neither_ends_nor_waits_for_anybody(self, a: SqlClient) -> None:
        assert a.session.start(a.compiled("SELECT pg_sleep(3600)"), ()) is None
        settled = a.database.settle([a.session], 20_000)
        assert (settled.ended, settled.blockers) == (frozenset(), {})
        assert a.session.tx() is Tx.OPEN
        a.session.quiesce()
        assert a.session.tx() is Tx.IDLE

    def test_stranger_who_blocks_is_not_told_as_a_session(self, a: SqlClient, database: Database) -> None:
        assert isinstance(database, odbc_postgres.OdbcPostgresDatabase)
        stranger = odbc_postgres.connect(database.database)
        stranger.execute("BEGIN")
        stranger.execute("UPDATE t SET v = 7")
        assert a.session.start(a.compiled("UPDATE t SET v = 8"), ()) is None
        assert database.settle([a.session], 20_000).blockers == {}
        stranger.execute("COMMIT")
        assert a.heard() == Affected(1)
        stranger.close()

    def test_who_stands_in_the_queue_waits_for_those_before(self, backend: Backend, database: Database) -> None:
        holder, first, second = (SqlClient(backend, database) for _ in range(3))
        holder.ok("BEGIN", "UPDATE t SET v = 2")
        assert first.begin("UPDATE t SET v = 3") is None
        assert second.begin("UPDATE t SET v = 4") is None
        blockers = database.settle([first.session, second.session], LIMIT_US).blockers
        assert blockers[first.session.id] == {holder.session.id}
        assert blockers[second.session.id] == {first.session.id}

    def test_cancel_is_heard_however_early_it_comes(self, a: SqlClient, b: SqlClient) -> None:
        a.ok("BEGIN", "UPDATE t SET v = 2")
        statement = b.compiled("UPDATE t SET v = 3")
        for _ in range(30):
            assert b.session.start(statement, ()) is None
            b.session.cancel()
            outcome = b.heard()
            assert isinstance(outcome, Failed)
            assert outcome.error_class is ErrorClass.QUERY_CANCELED

    def test_cancel_that_comes_too_late_harms_nobody(self, a: SqlClient) -> None:
        for _ in range(30):
            a.ok("SELECT 1")
            a.session.cancel()
        assert a.rows("SELECT 1") == [(1,)]

    def test_process_that_does_not_answer_is_left_behind(self, a: SqlClient) -> None:
        assert isinstance(a.session, OdbcSession)
        assert a.session.start(a.compiled("SELECT pg_sleep(3600)"), ()) is None
        os.kill(a.session.engine_id, signal.SIGSTOP)
        try:
            began_ns = real_ns()
            a.session.quiesce()
            assert real_ns() - began_ns < LIMIT_US * 1_000
            assert a.session.tx() is Tx.LOST
            outcome = a.session.start(a.compiled("SELECT 1"), ())
            assert isinstance(outcome, Failed)
            assert outcome.error_class is ErrorClass.CONNECTION_LOST
        finally:
            os.kill(a.session.engine_id, signal.SIGCONT)


class TestThreads:
    def test_thread_ends_with_its_session(self, a: SqlClient) -> None:
        a.ok("SELECT 1")
        before = threading.active_count()
        a.session.close()
        assert threading.active_count() == before - 1

    def test_result_of_a_job_that_nobody_waits_for_is_dropped(self) -> None:
        inbox = OutcomeInbox()
        worker = SessionThread(inbox, "worker")
        worker.begin(lambda: Affected(1))
        worker.take_over(0, Affected(99))
        assert worker.is_busy
        assert inbox.wait_for(worker, LIMIT_US)
        assert (worker.take(), worker.take()) == (Affected(1), None)
        assert worker.stop(LIMIT_US)

    def test_inbox_wakes_for_whoever_is_first(self) -> None:
        inbox, gate = OutcomeInbox(), threading.Event()
        slow, quick = SessionThread(inbox, "slow"), SessionThread(inbox, "quick")
        slow.begin(lambda: Affected(int(gate.wait())))
        quick.begin(lambda: Affected(2))
        assert inbox.wait_for(quick, LIMIT_US)
        assert not inbox.wait_for(slow, 1_000)
        gate.set()
        assert inbox.wait_for(slow, LIMIT_US)
        assert (slow.take(), quick.take()) == (Affected(1), Affected(2))
        assert slow.stop(LIMIT_US)
        assert quick.stop(LIMIT_US)


class TestLostConnections:
    def test_killed_process_is_lost_and_stays_lost(self, a: SqlClient, b: SqlClient) -> None:
        assert isinstance(b.session, OdbcSession)
        b.ok("BEGIN")
        a.rows("SELECT pg_terminate_backend($pid, 5000)", pid=b.session.engine_id)
        assert b.error("SELECT 1") is ErrorClass.CONNECTION_LOST
        assert b.session.tx() is Tx.LOST
        assert b.error("SELECT 1") is ErrorClass.CONNECTION_LOST
        b.session.quiesce()
        b.session.close()

    def test_killed_while_it_waits(self, a: SqlClient, b: SqlClient) -> None:
        assert isinstance(b.session, OdbcSession)
        a.ok("BEGIN", "UPDATE t SET v = 2")
        assert b.begin("UPDATE t SET v = 3") is None
        a.rows("SELECT pg_terminate_backend($pid, 5000)", pid=b.session.engine_id)
        outcome = b.heard()
        assert isinstance(outcome, Failed)
        assert outcome.error_class is ErrorClass.CONNECTION_LOST

    def test_pool_replaces_a_connection_that_was_killed(self, backend: Backend, database: Database, a: SqlClient) -> None:
        pool = database.pool(PoolSpec(name="main", size=1), Clock())
        lease = lent(pool.request("a"))
        assert isinstance(lease.session, OdbcSession)
        a.rows("SELECT pg_terminate_backend($pid, 5000)", pid=lease.session.engine_id)
        # Its reset is the first to notice.
        pool.release(lease)
        again = lent(pool.request("b"))
        assert again.session.id != lease.session.id
        assert SqlClient(backend, database, again.session).rows("SELECT 1") == [(1,)]


class TestDriver:
    def test_connection_string(self) -> None:
        attributes = {"DRIVER": "ODBC Driver 18", "PWD": "a;b}c", "UID": "me", "X": ""}
        assert driver.connection_string(attributes) == "DRIVER=ODBC Driver 18;PWD={a;b}}c};UID=me;X={};"
        with pytest.raises(BackendUnavailable, match="cannot be told"):
            driver.connection_string({"PWD": "a\x00b"})

    def test_connection_string_for_a_driver_that_reads_no_doubled_brace(self) -> None:
        assert driver.connection_string({"PWD": "a;b}c"}, doubles_braces=False) == "PWD={a;b}c};"
        with pytest.raises(BackendUnavailable, match="cannot be told"):
            driver.connection_string({"PWD": "a};b"}, doubles_braces=False)

    def test_missing_driver_manager_is_said_with_its_remedy(self) -> None:
        recorded = ImportError("libodbc.so.2: cannot open shared object file: No such file or directory")
        assert driver.missing(recorded).endswith("install it with `apt-get install unixodbc`")
        assert "pip install pyodbc" in driver.missing(ModuleNotFoundError("No module named 'pyodbc'"))

    @pytest.mark.parametrize(
        ("error", "expected"),
        [
            (
                Exception(
                    "42601", '[42601] ERROR: syntax error at or near "X";\nError while executing (1) (SQLExecDirectW)'
                ),
                ("42601", 1, 'ERROR: syntax error at or near "X";\nError while executing'),
            ),
            (
                Exception("The SQL contains 1 parameter markers", "HY000"),
                ("HY000", None, "The SQL contains 1 parameter markers"),
            ),
            (Exception("Attempt to use a closed connection."), (None, None, "Attempt to use a closed connection.")),
            (ValueError(), (None, None, "ValueError")),
        ],
    )
    def test_diagnostic(self, error: Exception, expected: tuple[str | None, int | None, str]) -> None:
        assert parse_diagnostic(error) == expected


class TestPlans:
    """What the interpreter makes of it."""

    DEADLOCK = """
        backends: [odbc]
        dialect: postgres
        setup:
          - CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER)
          - INSERT INTO t VALUES (1, 1), (2, 2)
        steps:
          - a: BEGIN
          - b: BEGIN
          - a: UPDATE t SET v = 10 WHERE id = 1
          - b: UPDATE t SET v = 20 WHERE id = 2
          - a: UPDATE t SET v = 11 WHERE id = 2 => blocks
          - b: UPDATE t SET v = 21 WHERE id = 1 => error deadlock_detected
          - b: ROLLBACK
          - await: a => 1 affected
          - a: COMMIT
          - a: SELECT id, v FROM t ORDER BY id => (1, 10), (2, 11)
        """

    def test_deadlock_is_broken_by_simdsl_and_repeats(self, backend: Backend) -> None:
        ran = [run(self.DEADLOCK, backend) for _ in range(2)]
        assert [r.ended.verdict for r in ran] == [Verdict.PASS] * 2
        assert ran[0].steps() == ran[1].steps()

    def test_every_interleaving_of_two_writers(self, backend: Backend) -> None:
        ran = run(
            """
            backends: [odbc]
            dialect: postgres
            setup:
              - CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER)
              - INSERT INTO t VALUES (1, 0)
            tasks:
              a:
                - BEGIN
                - UPDATE t SET v = v + 1 WHERE id = 1
                - COMMIT
              b:
                - BEGIN
                - UPDATE t SET v = v + 1 WHERE id = 1
                - COMMIT
            schedule: all
            finally:
              - SELECT v FROM t => 2
            """,
            backend,
        )
        assert ran.ended.verdict is Verdict.PASS
        assert len(ran.reports) > 6
