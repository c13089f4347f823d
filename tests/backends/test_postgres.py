"""PostgreSQL: the conformance suite on the throwaway server, and what is its own."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any, ClassVar

import psycopg
import pytest
from psycopg_pool import PoolTimeout
from psycopg_pool import pool as pool_module

from simdsl.backends.postgres import FACTS, psycopgpool
from simdsl.backends.postgres.embedded_server import shared
from simdsl.backends.protocol import Backend, BackendUnavailable, Database, PoolCounts, Tx
from simdsl.backends.registry import resolve
from simdsl.core.clock import Clock, real_ns
from simdsl.core.verdicts import PlanEnded, Verdict
from simdsl.language.load import load_text
from simdsl.plan.backend_facts import Deviation
from simdsl.plan.outcomes import Affected, ErrorClass, Failed, Rows
from simdsl.plan.plan import PoolSpec
from simdsl.plan.values import Value, same, sorted_rows
from simdsl.runs.context import RunOptions
from simdsl.runs.single import run_plan
from simdsl.testing.conformance import Conformance, lent, refused
from simdsl.testing.engine_kit import EngineKit, SqlClient
from tests.backends.kits.postgres import POSTGRES


class TestPostgres(Conformance):
    kit: ClassVar[EngineKit] = POSTGRES
    deviations: ClassVar[tuple[Deviation, ...]] = FACTS.deviations

    @pytest.fixture(params=["postgres", "postgres?pool=queuepool"])
    def backend(self, request: pytest.FixtureRequest) -> Backend:
        return resolve(str(request.param))

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


@pytest.fixture
def database() -> Iterator[Database]:
    database = resolve("postgres").create()
    yield database
    database.close()


@pytest.fixture
def a(database: Database) -> SqlClient:
    return SqlClient(resolve("postgres"), database)


@pytest.fixture
def b(database: Database) -> SqlClient:
    return SqlClient(resolve("postgres"), database)


# Values


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("1.50::numeric", Decimal("1.50")),
        ("123456789012345678901234567890.123456789::numeric", Decimal("123456789012345678901234567890.123456789")),
        ("1::int2", 1),
        ("9223372036854775807::int8", 2**63 - 1),
        ("0.1::float8", 0.1),
        ("0.1::float4", 0.1),
        ("'-Infinity'::float8", float("-inf")),
        ("true", True),
        ("'\\x00ff'::bytea", b"\x00\xff"),
        ("date '2026-01-31'", date(2026, 1, 31)),
        ("date 'infinity'", "infinity"),
        ("date '0044-03-15 BC'", "0044-03-15 BC"),
        ("date '12026-01-31'", "12026-01-31"),
        ("time '12:30:00.5'", time(12, 30, 0, 500_000)),
        ("time '24:00:00'", "24:00:00"),
        ("timetz '12:30:00+02'", "12:30:00+02"),
        ("timestamp '2026-01-31 12:30:00'", datetime(2026, 1, 31, 12, 30)),
        ("timestamp '-infinity'", "-infinity"),
        ("timestamptz '2026-01-31 12:30:00+02'", datetime(2026, 1, 31, 10, 30, tzinfo=UTC)),
        ("interval '1 day 2 hours'", "1 day 02:00:00"),
        ("'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
        ("'{\"a\": [1, null]}'::json", '{"a": [1, null]}'),
        ('\'{"b":1,"a":2}\'::jsonb', '{"a": 2, "b": 1}'),
        ("ARRAY[1, NULL, 3]", "{1,NULL,3}"),
        ("ARRAY['a', 'b,c']", '{a,"b,c"}'),
        ("ARRAY[true]", "{t}"),
        ("int4range(1, 5)", "[1,5)"),
        ("inet '10.0.0.1/8'", "10.0.0.1/8"),
        ("'ab'::char(5)", "ab   "),
        ("B'101'", "101"),
        ("ROW(1, 'a')", "(1,a)"),
        ("NULL::uuid", None),
    ],
)
def test_value_of_a_type(a: SqlClient, expression: str, value: Value) -> None:
    ((got,),) = a.rows(f"SELECT {expression}")
    assert got == value
    assert type(got) is type(value)


def test_numeric_that_is_no_number(a: SqlClient) -> None:
    ((nan, infinity),) = a.rows("SELECT 'NaN'::numeric, 'Infinity'::numeric")
    assert isinstance(nan, Decimal)
    assert nan.is_nan()
    assert infinity == Decimal("Infinity")
    assert sorted_rows([(nan,), (Decimal(1),), (infinity,)])[1:] == [(Decimal(1),), (infinity,)]
    assert same(nan, Decimal("NaN"))


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("smallint", 7),
        ("bigint", 2**40),
        ("numeric(10, 2)", Decimal("1.50")),
        ("real", 0.5),
        ("text", "x"),
        ("varchar(10)", "x"),
        ("boolean", True),
        ("bytea", b"\x00"),
        ("date", date(2026, 1, 31)),
        ("time", time(1, 2, 3)),
        ("timestamp", datetime(2026, 1, 31, 1, 2, 3)),
        ("timestamptz", datetime(2026, 1, 31, 1, 2, 3, tzinfo=UTC)),
        ("uuid", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
        ("jsonb", "[1, 2]"),
        ("int[]", "{1,2}"),
        ("interval", "02:00:00"),
        ("integer", None),
    ],
)
def test_value_into_a_column_and_back(a: SqlClient, column: str, value: Value) -> None:
    a.ok(f"CREATE TABLE c (x {column})")
    assert a.affected("INSERT INTO c VALUES ($x)", x=value) == 1
    assert a.rows("SELECT x FROM c") == [(value,)]
    if value is not None:
        assert a.rows("SELECT count(*) FROM c WHERE x = $x", x=value) == [(1,)]


# Statements


@pytest.mark.parametrize("change", ["ALTER TABLE t ADD COLUMN x INTEGER", "DISCARD ALL", "DEALLOCATE ALL"])
def test_prepared_statement_outlives_a_change(a: SqlClient, b: SqlClient, change: str) -> None:
    a.ok("CREATE TABLE t (id INTEGER)", "INSERT INTO t VALUES (1)")
    for _ in range(3):
        assert a.rows("SELECT * FROM t WHERE id = $i", i=1) == [(1,)]
    (b if change.startswith("ALTER") else a).ok(change)
    assert len(a.rows("SELECT * FROM t WHERE id = $i", i=1)) == 1
    assert len(a.rows("SELECT * FROM t WHERE id = $i", i=1)) == 1


def test_prepared_statement_outlives_a_change_that_is_undone(a: SqlClient) -> None:
    a.ok("CREATE TABLE t (id INTEGER)", "BEGIN", "ALTER TABLE t ADD COLUMN x INTEGER")
    for _ in range(3):
        assert a.say("SELECT * FROM t") == Rows(2, [])
    a.ok("ROLLBACK")
    assert a.say("SELECT * FROM t") == Rows(1, [])


@pytest.mark.parametrize("text", ["COPY t FROM STDIN", "COPY t TO STDOUT"])
def test_copy_through_the_client_is_refused(a: SqlClient, text: str) -> None:
    a.ok("CREATE TABLE t (id INTEGER)", "INSERT INTO t VALUES (1)")
    assert a.error(text) is ErrorClass.FEATURE_NOT_SUPPORTED
    assert a.rows("SELECT id FROM t") == [(1,)]


def test_second_statement_is_refused(a: SqlClient) -> None:
    assert a.error("SELECT 1; SELECT 2") is ErrorClass.SYNTAX_ERROR


def test_failed_transaction_is_told(a: SqlClient) -> None:
    a.ok("CREATE TABLE t (id INTEGER)", "BEGIN", "INSERT INTO t VALUES (1)")
    assert a.error("SELECT 1 / 0") is ErrorClass.DIVISION_BY_ZERO
    assert a.session.tx() is Tx.FAILED
    assert a.error("COMMIT") is ErrorClass.IN_FAILED_SQL_TRANSACTION
    assert a.session.tx() is Tx.IDLE
    assert a.rows("SELECT * FROM t") == []


def test_large_statement_and_large_answer(a: SqlClient) -> None:
    text = "x" * 5_000_000
    assert a.rows("SELECT $x, length($x)", x=text) == [(text, len(text))]
    assert len(a.rows("SELECT i FROM generate_series(1, 100000) i")) == 100_000


def test_connection_that_is_ended_while_it_waits(a: SqlClient, b: SqlClient, database: Database) -> None:
    a.ok("CREATE TABLE t (id INTEGER)", "INSERT INTO t VALUES (1)", "BEGIN", "UPDATE t SET id = 2")
    ((pid,),) = b.rows("SELECT pg_backend_pid()")
    assert b.begin("UPDATE t SET id = 3") is None
    a.rows("SELECT pg_terminate_backend($pid, 5000)", pid=pid)
    outcome = b.heard()
    assert isinstance(outcome, Failed)
    assert outcome.error_class is ErrorClass.CONNECTION_LOST
    assert b.session.tx() is Tx.LOST
    assert b.error("SELECT 1") is ErrorClass.CONNECTION_LOST


@pytest.fixture
def many_descriptors() -> Iterator[int]:
    """More open files than select takes, whatever `ulimit -n` says; the number of them."""
    wanted = 1_100
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = wanted + 200
    if hard not in {resource.RLIM_INFINITY} and hard < needed:
        pytest.skip(f"`ulimit -Hn` is {hard}: at least {needed} would be needed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, needed), hard))
    yield wanted
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_descriptor_beyond_what_select_takes(database: Database, many_descriptors: int) -> None:
    with ExitStack() as stack:
        for _ in range(many_descriptors):
            stack.callback(os.close, os.open(os.devnull, os.O_RDONLY))
        a, b = (SqlClient(resolve("postgres"), database) for _ in range(2))
        assert b.session.fileno() > 1_024  # type: ignore[attr-defined]
        a.ok("CREATE TABLE t (id INTEGER)", "INSERT INTO t VALUES (1)", "BEGIN", "UPDATE t SET id = 2")
        assert b.begin("UPDATE t SET id = id + 10") is None
        a.ok("COMMIT")
        assert b.heard() == Affected(1)
        assert b.rows("SELECT id, $x FROM t", x="x" * 1_000_000) == [(12, "x" * 1_000_000)]


# Its pool


class StubbornClient(pool_module.WaitingClient[Any]):
    """Waits in real time, in a way that cannot be replaced."""

    @classmethod
    def __class_getitem__(cls, item: Any) -> type[StubbornClient]:
        return cls

    def wait(self, timeout: float) -> Any:
        deadline_ns = real_ns() + round(timeout * 1e9)
        while real_ns() < deadline_ns:
            pass
        raise PoolTimeout


def test_pool_that_cannot_wait_in_virtual_time_is_polled(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    assert psycopgpool.problem() is None
    monkeypatch.setattr(pool_module, "WaitingClient", StubbornClient)
    assert resolve("postgres").describe().pool.endswith("is polled: a waiting client does not use the virtual clock")
    clock = Clock()
    with pytest.warns(RuntimeWarning, match="psycopg_pool is polled"):
        pool = database.pool(PoolSpec(name="main", size=1, timeout_us=50), clock)
    lease = lent(pool.request("a"))
    gone, waiting, late = (pool.request(task) for task in "bcd")
    gone.cancel()
    pool.invalidate(lease)
    second = lent(waiting)
    assert second.session.id != lease.session.id
    clock.advance_to(50)
    assert refused(late) is ErrorClass.POOL_TIMEOUT
    assert pool.release(second) is None
    assert pool.counts() == PoolCounts(size=1, idle=1, busy=0, waiting=0)


# Whole runs

RACE = """
simdsl: 1
plan: race
setup:
  - CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER)
  - INSERT INTO t VALUES (1, 0)
steps:
  - a: BEGIN
  - a: UPDATE t SET v = v + 1 => 1 affected
  - b: UPDATE t SET v = v * 2 => blocks
  - c: UPDATE t SET v = v + 5 => blocks
  - a: COMMIT
  - await: all
"""
CIRCLE = """
simdsl: 1
plan: circle-of-three
setup:
  - CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER)
  - INSERT INTO t VALUES (1, 0), (2, 0), (3, 0)
steps:
  - a: BEGIN
  - b: BEGIN
  - c: BEGIN
  - a: UPDATE t SET v = 1 WHERE id = 1 => 1 affected
  - b: UPDATE t SET v = 2 WHERE id = 2 => 1 affected
  - c: UPDATE t SET v = 3 WHERE id = 3 => 1 affected
  - a: UPDATE t SET v = 1 WHERE id = 2 => blocks
  - b: UPDATE t SET v = 2 WHERE id = 3 => blocks
  - c: UPDATE t SET v = 3 WHERE id = 1 => error deadlock_detected
  - c: ROLLBACK
  - await: b => 1 affected
  - b: COMMIT
  - await: a => 1 affected
  - a: COMMIT
  - c: SELECT id, v FROM t ORDER BY id => (1, 1), (2, 1), (3, 2)
"""
LATE_CIRCLE = """
simdsl: 1
plan: circle-that-closes-late
setup:
  - CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER)
  - INSERT INTO t VALUES (1, 0), (2, 0), (3, 0)
steps:
  - a: BEGIN
  - b: BEGIN
  - c: BEGIN
  - a: UPDATE t SET v = 1 WHERE id = 1 => 1 affected
  - b: UPDATE t SET v = 2 WHERE id = 3 => 1 affected
  - c: UPDATE t SET v = 3 WHERE id = 2 => 1 affected
  - b: UPDATE t SET v = 2 WHERE id = 1 => blocks
  - a: UPDATE t SET v = 1 WHERE id >= 2 => blocks
  - c: COMMIT
  - await: a => error deadlock_detected
  - a: ROLLBACK
  - await: b => 1 affected
  - b: COMMIT
  - c: SELECT id, v FROM t ORDER BY id => (1, 2), (2, 3), (3, 2)
"""
TIMEOUT = """
simdsl: 1
plan: timeout
setup:
  - CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER)
  - INSERT INTO t VALUES (1, 0)
steps:
  - a: BEGIN
  - a: UPDATE t SET v = 1 => 1 affected
  - b: UPDATE t SET v = 2 => error statement_timeout
    timeout: 1h
  - check: now = 3600000000
  - b: SELECT v FROM t => 0
"""


def ended(text: str, url: str = "postgres") -> PlanEnded:
    *_, last = run_plan(load_text(text), "p.yaml", resolve(url), RunOptions(seed=1))
    assert isinstance(last, PlanEnded)
    return last


def test_race_is_flagged() -> None:
    result = ended(RACE)
    assert result.verdict is Verdict.WARN, result
    assert any("race" in warning for warning in result.warnings)


def test_circle_of_three_has_one_victim() -> None:
    # Two of them wait when the victim gives way, so by rules.md 37 it may have raced, although it can go one way only.
    result = ended(CIRCLE)
    assert result.failed is None
    assert (result.verdict, result.assertions) == (Verdict.WARN, 9)


def test_circle_that_closes_when_a_waiter_goes_on_is_broken() -> None:
    result = ended(LATE_CIRCLE)
    assert result.failed is None, result.failed


def test_timeout_is_virtual() -> None:
    assert ended(TIMEOUT).verdict is Verdict.PASS


# A server of the user's


@pytest.fixture
def role() -> Iterator[str]:
    """A role that may make schemas in the database `postgres`, and no database."""
    name = f"simdsl_test_{os.getpid()}"
    with admin() as connection:
        connection.execute(f"CREATE ROLE {name} LOGIN".encode())
        connection.execute(f"GRANT CREATE ON DATABASE postgres TO {name}".encode())
    yield name
    with admin() as connection:
        connection.execute(f"DROP OWNED BY {name}".encode())
        connection.execute(f"DROP ROLE {name}".encode())


def admin() -> psycopg.Connection[tuple[object, ...]]:
    server = shared()
    return psycopg.connect(host=server.host, port=server.port, user=server.user, dbname="postgres", autocommit=True)


def named(user: str = "postgres") -> str:
    return f"postgresql://{user}@/postgres?host={shared().host}"


def made_things() -> set[object]:
    with admin() as connection:
        databases = connection.execute("SELECT datname FROM pg_database").fetchall()
        schemas = connection.execute("SELECT nspname FROM pg_namespace").fetchall()
    return {*databases, *schemas}


EXPLORED = """
simdsl: 1
plan: explored
setup:
  - CREATE TABLE p (id INTEGER GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, v INTEGER)
  - CREATE TABLE c (id INTEGER REFERENCES p, n INTEGER)
  - INSERT INTO p (v) VALUES (10), (20)
  - INSERT INTO c VALUES (1, 1)
tasks:
  a:
    - INSERT INTO p (v) VALUES (30) RETURNING id => 3
    - DELETE FROM c => 1 affected
  b:
    - UPDATE p SET v = v + 1 WHERE id = 2 => 1 affected
schedule: all
finally:
  - SELECT v FROM p WHERE id = 2 => 21
"""


def test_named_server_gets_a_database_that_goes_away() -> None:
    before = made_things()
    result = ended(EXPLORED, named())
    assert (result.verdict, result.runs) == (Verdict.PASS, 3)
    assert made_things() == before


def test_role_without_databases_gets_a_schema_that_goes_away(role: str) -> None:
    before = made_things()
    result = ended(EXPLORED, named(role))
    assert (result.verdict, result.runs) == (Verdict.PASS, 3)
    assert made_things() == before


def test_role_without_databases_cannot_explore_changes_of_the_schema(role: str) -> None:
    text = EXPLORED.replace("    - DELETE FROM c => 1 affected\n", "    - DROP TABLE c => ok\n")
    before = made_things()
    assert ended(text, named()).verdict is Verdict.PASS
    with pytest.raises(BackendUnavailable, match="CREATEDB"):
        ended(text, named(role))
    assert made_things() == before


def test_environment_of_libpq_names_a_server(monkeypatch: pytest.MonkeyPatch, role: str) -> None:
    monkeypatch.setenv("PGHOST", shared().host)
    monkeypatch.setenv("PGUSER", role)
    monkeypatch.setenv("PGDATABASE", "postgres")
    database = resolve("postgres").create()
    terminal = SqlClient(resolve("postgres"), database)
    assert terminal.rows("SELECT current_user::text") == [(role,)]
    database.close()
    database = resolve("postgres?server=embedded").create()
    assert SqlClient(resolve("postgres"), database).rows("SELECT current_user::text") == [("postgres",)]
    database.close()


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("postgresql://postgres@/postgres?host=/nonexistent", "postgres: "),
        ("postgresql://postgres:hush@localhost:1/postgres", "postgres: "),
        ("postgresql://h/d?no_such_parameter=1", "no_such_parameter"),
        ("postgres?server=other", "server is embedded or is left out"),
        ("postgresql://h/d?server=embedded", "cannot ask for the embedded one"),
        ("postgres:x", "is no PostgreSQL URL"),
        ("postgres?pool=nowhere", "is not module:factory"),
    ],
)
def test_what_cannot_be_reached_says_why_in_a_line(url: str, message: str) -> None:
    with pytest.raises(BackendUnavailable) as caught:
        resolve(url).create()
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "hush" not in str(caught.value)


def test_url_hides_its_password() -> None:
    backend = resolve("postgresql://me:hush@host/db?sslmode=require&pool=queuepool")
    assert backend.url == "postgresql://me:***@host/db?sslmode=require&pool=queuepool"
    assert "hush" not in repr(backend)
