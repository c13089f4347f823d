"""What every backend must do. A test module subclasses ``Conformance`` and gives it a ``backend``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Final

import pytest

from simdsl.backends.protocol import Backend, Database, Lease, PoolCounts, Refusal, Session, Ticket, Tx
from simdsl.core.clock import Clock
from simdsl.plan.backend_facts import Deviation
from simdsl.plan.outcomes import Affected, ErrorClass, Failed, Rows
from simdsl.plan.plan import PoolSpec, Reset, ResetMode
from simdsl.plan.sql import IsolationLevel, Sql, SqlKind, TransactionMode, Variable
from simdsl.plan.values import INT64_MAX, INT64_MIN
from simdsl.testing.engine_kit import LIMIT_US, STANDARD, EngineKit, SqlClient, begin_statement

HOUR_US: Final = 3_600_000_000


class Conformance:
    """The suite. A test is a rule; where an engine breaks it, a subclass overrides the test and declares why.

    ``deviations`` lists the overridden rules, named without ``test_``; an override that is not declared fails the suite.
    ``kit`` holds what differs in the suite's questions: its schema, its values, a way to provoke each error.
    """

    kit: ClassVar[EngineKit] = STANDARD
    deviations: ClassVar[tuple[Deviation, ...]] = ()

    @pytest.fixture
    def backend(self) -> Backend:
        raise AssertionError("a subclass says which backend")

    @pytest.fixture
    def database(self, backend: Backend) -> Iterator[Database]:
        database = backend.create()
        setup = SqlClient(backend, database)
        setup.ok(*self.kit.schema)
        setup.session.close()
        database.snapshot()
        yield database
        database.close()

    @pytest.fixture
    def a(self, backend: Backend, database: Database) -> SqlClient:
        return SqlClient(backend, database)

    @pytest.fixture
    def b(self, backend: Backend, database: Database) -> SqlClient:
        return SqlClient(backend, database)

    def test_deviations_are_declared_and_tested(self) -> None:
        rules = {name for name in vars(Conformance) if name.startswith("test_")}
        own = {name for kind in type(self).__mro__ if kind is not Conformance for name in vars(kind)} & rules
        assert own == {f"test_{deviation.rule}" for deviation in self.deviations}

    # Statements and values

    def test_describes_itself(self, backend: Backend) -> None:
        description = backend.describe()
        assert backend.name
        assert all((description.driver, description.engine, description.engine_version, description.pool))

    def test_query_gives_rows_and_width(self, a: SqlClient) -> None:
        assert a.say("SELECT 1, 'x' UNION ALL SELECT 2, NULL") == Rows(2, [(1, "x"), (2, None)])
        assert a.say("SELECT id, v, w FROM t WHERE id = 99") == Rows(3, [])

    def test_dml_counts(self, a: SqlClient) -> None:
        assert a.say("INSERT INTO t (id) VALUES (2), (3)") == Affected(2)
        assert a.say("UPDATE t SET v = 5") == Affected(3)
        assert a.say("UPDATE t SET v = 5 WHERE id = 99") == Affected(0)
        assert a.say("DELETE FROM t WHERE id > 1") == Affected(2)

    def test_large_counts(self, a: SqlClient) -> None:
        # Adapters keep the outcomes of small counts ready-made; 1,000 is past every such table.
        series = f"{self.kit.recursive} n (i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 1001)"
        assert a.affected(f"INSERT INTO t (id) {series} SELECT i FROM n") == 1000

    def test_with_before_dml_counts(self, a: SqlClient) -> None:
        # Drivers that look at the first word of a statement take this for a query.
        assert a.affected("WITH n (i) AS (VALUES (2), (3)) INSERT INTO t (id) SELECT i FROM n") == 2
        assert a.affected("WITH n (i) AS (VALUES (99)) DELETE FROM t WHERE id IN (SELECT i FROM n)") == 0

    def test_returning_counts_too(self, backend: Backend, a: SqlClient) -> None:
        assert backend.capabilities.returning
        assert a.say("INSERT INTO t (id) VALUES (2), (3) RETURNING id") == Rows(1, [(2,), (3,)], 2)
        assert a.say("DELETE FROM t WHERE id = 99 RETURNING id") == Rows(1, [], 0)

    def test_ddl_and_transaction_control_count_nothing(self, a: SqlClient) -> None:
        for text in ("CREATE TABLE u (id INTEGER)", "BEGIN", "COMMIT", "DROP TABLE u"):
            assert a.say(text) == Affected(None)

    def test_values_come_back(self, a: SqlClient) -> None:
        # The type counts too: expectations tell 1 from 1.0 and from true.
        for value in (*self.kit.values, *self.kit.turned):
            ((got,),) = a.rows("SELECT $x", x=value)
            expected = self.kit.turned.get(value, value)
            assert got == expected
            assert type(got) is type(expected)

    def test_values_that_cannot_be_sent_are_refused(self, a: SqlClient) -> None:
        for value, error_class in self.kit.refused.items():
            assert a.error("SELECT $x", x=value) is error_class

    @pytest.mark.parametrize("value", [INT64_MAX + 1, INT64_MIN - 1, 10**40])
    def test_integer_beyond_64_bits_is_out_of_range(self, a: SqlClient, value: int) -> None:
        assert a.error("SELECT $x", x=value) is ErrorClass.NUMERIC_VALUE_OUT_OF_RANGE

    def test_lone_surrogate_is_no_text(self, a: SqlClient) -> None:
        # A Python str can hold one, UTF-8 cannot: a driver must not replace it in silence.
        assert a.error("SELECT $x", x="\ud800") is ErrorClass.INVALID_TEXT_REPRESENTATION

    def test_parameters_in_the_order_of_the_text(self, a: SqlClient) -> None:
        # A variable that occurs twice is one parameter in some styles and two in others.
        assert a.rows("SELECT $x, $y, $x", x=1, y=2) == [(1, 2, 1)]

    def test_identifier_is_quoted(self, backend: Backend, a: SqlClient) -> None:
        name = 'odd "name"; DROP TABLE t'
        fragments = ("CREATE TABLE ", Variable(name="n"), " (id INTEGER)")
        created = backend.compile(Sql(fragments=fragments, kind=SqlKind.DDL), {"n": name})
        assert not isinstance(created, Refusal)
        assert created.parameters == ()
        a.session.start(created, ())
        a.heard()
        assert name in a.database.end_state()

    # Errors

    def test_every_declared_class_and_no_other_is_provoked(self, backend: Backend) -> None:
        assert backend.capabilities.error_classes == set(self.kit.provocations)

    @pytest.mark.parametrize("error_class", ErrorClass, ids=str)
    def test_error_class(self, backend: Backend, database: Database, error_class: ErrorClass) -> None:
        if error_class not in self.kit.provocations:
            assert error_class not in backend.capabilities.error_classes
            return
        outcome = self.kit.provocations[error_class](backend, database)
        assert isinstance(outcome, Failed), outcome
        assert outcome.error_class is error_class, outcome
        assert outcome.text

    def test_session_is_usable_after_an_error(self, a: SqlClient) -> None:
        a.error("SELEC 1")
        assert a.rows("SELECT 1") == [(1,)]

    # Transactions

    def test_tx_follows_the_transaction(self, a: SqlClient) -> None:
        states = [a.session.tx()]
        for text in ("BEGIN", "INSERT INTO t (id) VALUES (2)", "COMMIT", "BEGIN", "ROLLBACK"):
            a.ok(text)
            states.append(a.session.tx())
        assert states == [Tx.IDLE, Tx.OPEN, Tx.OPEN, Tx.IDLE, Tx.OPEN, Tx.IDLE]
        a.session.close()
        assert a.session.tx() is Tx.LOST

    def test_rollback_undoes(self, a: SqlClient) -> None:
        a.ok("BEGIN", "DELETE FROM t", "ROLLBACK")
        assert a.rows("SELECT count(*) FROM t") == [(1,)]

    def test_ddl_is_transactional(self, backend: Backend, a: SqlClient) -> None:
        assert backend.capabilities.transactional_ddl
        a.ok("BEGIN", "DROP TABLE child", "ROLLBACK")
        assert a.rows("SELECT count(*) FROM child") == [(0,)]

    def test_savepoints(self, backend: Backend, a: SqlClient) -> None:
        assert backend.capabilities.savepoints
        a.ok("BEGIN", "SAVEPOINT s", "DELETE FROM t", "ROLLBACK TO s", "RELEASE s", "COMMIT")
        assert a.rows("SELECT count(*) FROM t") == [(1,)]

    @pytest.mark.parametrize("text", ["COMMIT", "ROLLBACK"])
    def test_end_without_begin(self, a: SqlClient, text: str) -> None:
        assert a.error(text) is ErrorClass.NO_ACTIVE_TRANSACTION

    def test_begin_within_a_transaction(self, a: SqlClient) -> None:
        a.ok("BEGIN")
        assert a.error("BEGIN") is ErrorClass.ACTIVE_SQL_TRANSACTION
        # The error must not have ended the transaction: retries in plans rely on that.
        assert a.session.tx() is Tx.OPEN

    @pytest.mark.parametrize("text", ["ROLLBACK TO s", "RELEASE s"])
    def test_unknown_savepoint(self, a: SqlClient, text: str) -> None:
        assert a.error(text) is ErrorClass.INVALID_SAVEPOINT_SPECIFICATION
        a.ok("BEGIN")
        assert a.error(text) is ErrorClass.INVALID_SAVEPOINT_SPECIFICATION
        assert a.session.tx() is Tx.OPEN

    @pytest.mark.parametrize("isolation", list(IsolationLevel), ids=str)
    def test_isolation_levels_are_had_or_refused(self, backend: Backend, isolation: IsolationLevel) -> None:
        compiled = backend.compile(begin_statement(isolation=isolation), {})
        assert isinstance(compiled, Refusal) is (isolation not in backend.capabilities.isolation_levels)

    @pytest.mark.parametrize("mode", list(TransactionMode), ids=str)
    def test_begin_modes_are_had_or_refused(self, backend: Backend, mode: TransactionMode) -> None:
        compiled = backend.compile(begin_statement(mode=mode), {})
        assert isinstance(compiled, Refusal) is (mode not in backend.capabilities.begin_modes)

    def test_deferred_constraint_is_checked_by_commit(self, backend: Backend, a: SqlClient) -> None:
        assert backend.capabilities.deferred_constraints
        a.ok(*self.kit.deferred, "BEGIN", "INSERT INTO d VALUES (99)")
        assert a.error("COMMIT") is ErrorClass.FOREIGN_KEY_VIOLATION
        assert a.session.tx() is Tx.OPEN

    # Two sessions

    def test_commit_makes_visible(self, a: SqlClient, b: SqlClient) -> None:
        a.ok("BEGIN", "INSERT INTO t (id) VALUES (2)")
        assert b.rows("SELECT count(*) FROM t") == [(1,)]
        a.ok("COMMIT")
        assert b.rows("SELECT count(*) FROM t") == [(2,)]

    def test_a_reader_takes_no_notice_of_a_writer_where_that_is_said(
        self, backend: Backend, a: SqlClient, b: SqlClient
    ) -> None:
        a.ok("BEGIN", "UPDATE t SET v = 2 WHERE id = 1")
        if backend.capabilities.snapshot_reads:
            assert b.rows("SELECT id, v FROM t") == [(1, 1)]
        a.ok("COMMIT")
        assert b.rows("SELECT id, v FROM t") == [(1, 2)]

    def test_second_writer_is_refused_or_waits(self, backend: Backend, a: SqlClient, b: SqlClient) -> None:
        a.ok("BEGIN", "UPDATE t SET v = 2 WHERE id = 1")
        outcome = b.begin("UPDATE t SET v = v + 10 WHERE id = 1")
        if not backend.capabilities.blocks_on_locks:
            assert isinstance(outcome, Failed)
            assert outcome.error_class is ErrorClass.BUSY
            return
        assert outcome is None
        assert a.database.settle([b.session], LIMIT_US).blockers == {b.session.id: {a.session.id}}
        a.ok("COMMIT")
        assert b.heard() == Affected(1)
        assert a.rows("SELECT v FROM t") == [(12,)]

    def test_all_waiters_are_served(self, backend: Backend, database: Database, a: SqlClient) -> None:
        if not backend.capabilities.blocks_on_locks:
            return
        # More than two, because engines hand a lock on to one waiter, which then blocks the next one in turn.
        waiters = [SqlClient(backend, database) for _ in range(4)]
        a.ok("BEGIN", "UPDATE t SET v = 2 WHERE id = 1")
        for waiter in waiters:
            assert waiter.begin("UPDATE t SET v = v + 10 WHERE id = 1") is None
        a.ok("COMMIT")
        settled = database.settle([waiter.session for waiter in waiters], LIMIT_US)
        assert settled.ended == {waiter.session.id for waiter in waiters}
        assert [waiter.session.poll() for waiter in waiters] == [Affected(1)] * 4
        assert a.rows("SELECT v FROM t") == [(42,)]

    def test_circle_of_waiting_is_seen_and_broken_by_cancel(self, backend: Backend, a: SqlClient, b: SqlClient) -> None:
        if not backend.capabilities.blocks_on_locks:
            return
        a.ok("INSERT INTO t (id, v) VALUES (2, 2)")
        a.ok("BEGIN", "UPDATE t SET v = 10 WHERE id = 1")
        b.ok("BEGIN", "UPDATE t SET v = 20 WHERE id = 2")
        assert b.begin("UPDATE t SET v = 21 WHERE id = 1") is None
        assert a.begin("UPDATE t SET v = 11 WHERE id = 2") is None
        both = [a.session, b.session]
        blockers = a.database.settle(both, LIMIT_US).blockers
        assert blockers == {a.session.id: {b.session.id}, b.session.id: {a.session.id}}
        # simdsl itself breaks the circle, before the engine's own detector does by its clock.
        b.session.cancel()
        canceled = b.heard()
        assert isinstance(canceled, Failed)
        assert canceled.error_class is ErrorClass.QUERY_CANCELED
        b.ok("ROLLBACK")
        assert a.heard() == Affected(1)
        a.ok("COMMIT")
        assert a.rows("SELECT id, v FROM t ORDER BY id") == [(1, 10), (2, 11)]

    def test_quiesce_ends_waiting_and_rolls_back(self, backend: Backend, a: SqlClient, b: SqlClient) -> None:
        a.ok("BEGIN", "UPDATE t SET v = 2 WHERE id = 1")
        if backend.capabilities.blocks_on_locks:
            assert b.begin("UPDATE t SET v = 3 WHERE id = 1") is None
            b.session.quiesce()
        a.session.quiesce()
        assert a.session.tx() is Tx.IDLE
        assert b.rows("SELECT id, v FROM t") == [(1, 1)]

    # The database

    def test_sessions_number_from_one_after_restore(self, database: Database) -> None:
        # Traces name sessions by these numbers, and every run of a plan must have the same trace.
        for _ in range(2):
            assert [database.open().id, database.open().id] == [1, 2]
            database.restore()

    def test_restore_brings_rows_and_schema_back(self, backend: Backend, database: Database) -> None:
        before = database.end_state()
        # Rows only; the schema too; and a transaction that is still open when its session is closed.
        for texts in (
            ("DELETE FROM t",),
            ("DROP TABLE child", "CREATE TABLE extra (x INTEGER)"),
            ("BEGIN", "DELETE FROM t"),
        ):
            terminal = SqlClient(backend, database)
            terminal.ok(*texts)
            terminal.session.close()
            database.restore()
            assert database.end_state() == before

    def test_end_state_has_every_table_in_order(self, a: SqlClient, database: Database) -> None:
        a.ok("INSERT INTO t (id, v, w) VALUES (3, NULL, 'c'), (2, 2, 'b')")
        expected = {"child": Rows(2, []), "t": Rows(3, [(1, 1, ""), (2, 2, "b"), (3, None, "c")])}
        assert database.end_state() == expected

    @pytest.mark.parametrize("mode", list(ResetMode), ids=str)
    def test_reset_empties(self, a: SqlClient, database: Database, mode: ResetMode) -> None:
        a.ok("CREATE INDEX by_v ON t (v)", "CREATE TABLE kept (id INTEGER)", "INSERT INTO kept VALUES (1)")
        assert database.reset(Reset(tables=("t", "child"), mode=mode)) is None
        assert a.rows("SELECT count(*) FROM t") == [(0,)]
        assert a.rows("SELECT count(*) FROM kept") == [(1,)]
        # The index is still there; some engines count it among the relations, as they do tables.
        again = a.error("CREATE INDEX by_v ON t (v)")
        assert again in (ErrorClass.DUPLICATE_OBJECT, ErrorClass.DUPLICATE_TABLE)

    def test_reset_of_a_table_that_is_not_there_empties_the_others(self, a: SqlClient, database: Database) -> None:
        assert database.reset(Reset(tables=("nowhere", "t"))) is None
        assert a.rows("SELECT count(*) FROM t") == [(0,)]

    def test_close_twice(self, backend: Backend) -> None:
        database = backend.create()
        session = database.open()
        session.close()
        session.close()
        database.close()
        database.close()

    # Pools

    def test_pool_lends_up_to_its_size(self, database: Database) -> None:
        pool = database.pool(PoolSpec(name="main", size=2), Clock())
        first, second, third = (pool.request(task) for task in "abc")
        sessions = {lent(first).session.id, lent(second).session.id}
        assert len(sessions) == 2
        assert third.poll() is None
        assert pool.counts() == PoolCounts(size=2, idle=0, busy=2, waiting=1)

    def test_return_serves_who_waits_longest(self, database: Database) -> None:
        pool = database.pool(PoolSpec(name="main", size=1), Clock())
        lease = lent(pool.request("a"))
        second, third = pool.request("b"), pool.request("c")
        assert pool.release(lease) is None
        assert lent(second).session is lease.session
        assert third.poll() is None
        pool.release(lent(second))
        assert lent(third).session is lease.session
        pool.release(lent(third))
        assert pool.counts() == PoolCounts(size=1, idle=1, busy=0, waiting=0)

    def test_wait_ends_at_its_deadline_in_virtual_time(self, database: Database) -> None:
        clock = Clock()
        pool = database.pool(PoolSpec(name="main", size=1, timeout_us=HOUR_US), clock)
        pool.request("a")
        clock.advance_to(17)
        ticket = pool.request("b")
        # Exact to the microsecond: a deadline that is off by one would change the order of events in a trace.
        assert clock.next_deadline_us() == HOUR_US + 17
        clock.advance_to(HOUR_US + 16)
        assert ticket.poll() is None
        clock.advance_to(HOUR_US + 17)
        assert refused(ticket) is ErrorClass.POOL_TIMEOUT
        assert pool.counts().waiting == 0

    def test_cancelled_wait_is_never_served(self, database: Database) -> None:
        clock = Clock()
        pool = database.pool(PoolSpec(name="main", size=1), clock)
        lease = lent(pool.request("a"))
        gone, next_one = pool.request("b"), pool.request("c")
        gone.cancel()
        gone.cancel()  # idempotent: a step's timeout and the end of a run may both cancel it
        pool.release(lease)
        assert lent(next_one).session is lease.session

    def test_dirty_return_comes_back_clean(self, backend: Backend, database: Database) -> None:
        pool = database.pool(PoolSpec(name="main", size=1), Clock())
        lease = lent(pool.request("a"))
        # Cleaning is the pool's business; the adapter must let its rollback reach the transaction.
        SqlClient(backend, database, lease.session).ok("BEGIN", "DELETE FROM t")
        pool.release(lease)
        again = lent(pool.request("b"))
        assert again.session.tx() is Tx.IDLE
        assert SqlClient(backend, database, again.session).rows("SELECT count(*) FROM t") == [(1,)]

    def test_second_return_is_refused(self, database: Database) -> None:
        pool = database.pool(PoolSpec(name="main", size=1), Clock())
        lease = lent(pool.request("a"))
        pool.release(lease)
        failure = pool.release(lease)
        assert failure is not None
        assert failure.error_class is ErrorClass.CONNECTION_CLOSED
        assert pool.counts() == PoolCounts(size=1, idle=1, busy=0, waiting=0)

    def test_invalidated_connection_is_replaced(self, backend: Backend, database: Database) -> None:
        pool = database.pool(PoolSpec(name="main", size=1), Clock())
        broken = lent(pool.request("a"))
        waiting = pool.request("b")
        pool.invalidate(broken)
        assert broken.session.tx() is Tx.LOST
        fresh = lent(waiting).session
        assert fresh.id != broken.session.id
        assert SqlClient(backend, database, fresh).rows("SELECT count(*) FROM t") == [(1,)]

    def test_killed_connection_fails_and_its_place_is_not_lost(self, backend: Backend, database: Database) -> None:
        pool = database.pool(PoolSpec(name="main", size=1), Clock())
        lease = lent(pool.request("a"))
        # As a plan's fault does it: behind the back of the pool, which finds out when the connection comes back.
        lease.session.close()
        outcome = lease.session.start(SqlClient(backend, database).compiled("SELECT 1"), ())
        assert isinstance(outcome, Failed)
        assert outcome.error_class is ErrorClass.CONNECTION_CLOSED
        pool.release(lease)
        assert usable(backend, database, lent(pool.request("b")).session)

    def test_two_pools_share_nothing_but_the_database(self, database: Database) -> None:
        clock = Clock()
        one, other = (database.pool(PoolSpec(name=name, size=1), clock) for name in ("one", "other"))
        assert lent(one.request("a")).session.id != lent(other.request("a")).session.id

    def test_pool_closes_what_it_lent(self, database: Database) -> None:
        pool = database.pool(PoolSpec(name="main", size=2), Clock())
        leases = [lent(pool.request(task)) for task in "ab"]
        waiting = pool.request("c")
        pool.release(leases[0])
        pool.quiesce()
        pool.close()
        pool.close()
        assert {lease.session.tx() for lease in leases} == {Tx.LOST}
        assert waiting is not None


def lent(ticket: Ticket) -> Lease:
    """The lease of a checkout that must have been served."""
    outcome = ticket.poll()
    assert outcome is not None, "the checkout waits"
    assert not isinstance(outcome, Failed), outcome
    return outcome


def refused(ticket: Ticket) -> ErrorClass:
    """The class of a checkout that must have been refused."""
    outcome = ticket.poll()
    assert isinstance(outcome, Failed), outcome
    return outcome.error_class


def usable(backend: Backend, database: Database, session: Session) -> bool:
    """Whether a session answers."""
    return SqlClient(backend, database, session).rows("SELECT 1") == [(1,)]
