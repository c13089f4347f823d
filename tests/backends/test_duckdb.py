"""DuckDB by the worked example of docs/how-to/add-a-backend.md: the code is taken from the page, run, and kept short."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import ClassVar, Final

import pytest

from simdsl.backends.protocol import Backend, BackendUnavailable, Database, Refusal, Tx
from simdsl.backends.registry import resolve
from simdsl.core.verdicts import Verdict
from simdsl.language.load import load_file
from simdsl.plan.backend_facts import Deviation
from simdsl.plan.outcomes import Affected, ErrorClass, Failed, Outcome
from simdsl.testing.conformance import Conformance
from simdsl.testing.engine_kit import STANDARD, EngineKit, SqlClient, after, parse_statement
from tests.backends.test_how_to import block
from tests.running import run_loaded

PLANS: Final = Path(__file__).parents[2] / "plans"
URL: Final = "python:duckdb_backend:DUCKDB.backend"


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The example, importable."""
    made = ModuleType("duckdb_backend")
    exec(block("python", '"""DuckDB'), made.__dict__)
    monkeypatch.setitem(sys.modules, "duckdb_backend", made)
    return made


def _conflict(backend: Backend, database: Database) -> Outcome:
    a, b = SqlClient(backend, database), SqlClient(backend, database)
    a.ok("BEGIN", "UPDATE t SET v = 2 WHERE id = 1")
    return b.say("UPDATE t SET v = 3 WHERE id = 1")


def _in_failed(backend: Backend, database: Database) -> Outcome:
    client = SqlClient(backend, database)
    client.ok("BEGIN")
    client.error("SELECT * FROM nowhere")
    return client.say("SELECT 1")


DUCKDB: Final = replace(
    STANDARD,
    provocations={
        **STANDARD.provocations,
        ErrorClass.UNDEFINED_OBJECT: after("DROP INDEX missing"),
        ErrorClass.DUPLICATE_OBJECT: after("CREATE INDEX i ON t (v)", "CREATE INDEX i ON t (v)"),
        ErrorClass.DIVISION_BY_ZERO: after("SELECT 1 // 0"),
        ErrorClass.SERIALIZATION_FAILURE: _conflict,
        ErrorClass.IN_FAILED_SQL_TRANSACTION: _in_failed,
        ErrorClass.IO_ERROR: after("COPY t FROM '/nonexistent'"),
    },
)


class TestDuckdb(Conformance):
    kit: ClassVar[EngineKit] = DUCKDB
    deviations: ClassVar[tuple[Deviation, ...]] = (
        Deviation(
            rule="savepoints", does="There are none.", why="https://duckdb.org/docs/stable/sql/statements/transactions"
        ),
        Deviation(rule="unknown_savepoint", does="A plan with savepoints is skipped.", why="there are none"),
        Deviation(
            rule="begin_within_a_transaction",
            does="An error within a transaction fails it, and a second BEGIN is one.",
            why="https://duckdb.org/docs/stable/sql/statements/transactions",
        ),
        Deviation(
            rule="deferred_constraint_is_checked_by_commit",
            does="A constraint is checked by the statement.",
            why="https://duckdb.org/docs/stable/sql/constraints",
        ),
        Deviation(
            rule="second_writer_is_refused_or_waits",
            does="The second writer of a row fails at once, and not as one that could try again.",
            why="https://duckdb.org/docs/stable/connect/concurrency: optimistic, the first writer wins",
        ),
    )

    @pytest.fixture
    def backend(self, module: ModuleType) -> Backend:
        return resolve(URL)

    def test_savepoints(self, backend: Backend, a: SqlClient) -> None:
        assert not backend.capabilities.savepoints

    @pytest.mark.parametrize("text", ["SAVEPOINT s", "ROLLBACK TO s", "RELEASE s"])
    def test_unknown_savepoint(self, a: SqlClient, text: str) -> None:
        assert a.backend.compile(parse_statement(text), {}) == Refusal(reason="DuckDB has no savepoints")

    def test_begin_within_a_transaction(self, a: SqlClient) -> None:
        a.ok("BEGIN")
        assert a.error("BEGIN") is ErrorClass.ACTIVE_SQL_TRANSACTION
        assert a.error("SELECT 1") is ErrorClass.IN_FAILED_SQL_TRANSACTION

    def test_deferred_constraint_is_checked_by_commit(self, backend: Backend, a: SqlClient) -> None:
        assert not backend.capabilities.deferred_constraints

    def test_second_writer_is_refused_or_waits(self, backend: Backend, a: SqlClient, b: SqlClient) -> None:
        a.ok("BEGIN", "UPDATE t SET v = 2 WHERE id = 1")
        assert b.error("UPDATE t SET v = v + 10 WHERE id = 1") is ErrorClass.SERIALIZATION_FAILURE
        a.ok("COMMIT")
        assert b.say("UPDATE t SET v = v + 10 WHERE id = 1") == Affected(1)

    def test_commit_of_a_failed_transaction_is_an_error(self, a: SqlClient) -> None:
        """DuckDB 2.0.1 reports success and has rolled back."""
        a.ok("BEGIN", "INSERT INTO t (id) VALUES (2)")
        a.error("SELECT * FROM nowhere")
        outcome = a.say("COMMIT")
        assert isinstance(outcome, Failed)
        assert (outcome.error_class, outcome.by) == (ErrorClass.IN_FAILED_SQL_TRANSACTION, "simdsl")
        assert a.rows("SELECT count(*) FROM t WHERE id = 2") == [(0,)]

    def test_column_that_is_missing_in_a_known_table(self, a: SqlClient) -> None:
        """The engine words it differently when the column is qualified."""
        assert a.error("SELECT t.missing FROM t") is ErrorClass.UNDEFINED_COLUMN

    def test_update_and_delete_of_one_row_both_commit(self, a: SqlClient, b: SqlClient) -> None:
        """DuckDB 2.0.1 sees no conflict and loses the update: findings/duckdb-update-and-delete.sh."""
        a.ok("BEGIN")
        b.ok("BEGIN")
        assert a.say("UPDATE t SET v = 10 WHERE id = 1") == Affected(1)
        assert b.say("DELETE FROM t WHERE v = 1") == Affected(1)
        b.ok("COMMIT")
        a.ok("COMMIT")
        assert a.rows("SELECT id, v FROM t") == []


def test_example_is_short(module: ModuleType) -> None:
    assert len(block("python", '"""DuckDB').splitlines()) <= 60


def test_example_runs_a_bundled_plan(module: ModuleType) -> None:
    ran = run_loaded(load_file(str(PLANS / "first.yaml")), URL)
    assert ran.last.verdict is Verdict.PASS


def test_database_of_the_user_is_used_in_place_and_stays(module: ModuleType, tmp_path: Path) -> None:
    backend = module.DUCKDB.backend(url=f"duckdb:///{tmp_path}/mine.duckdb")
    database = backend.create()
    SqlClient(backend, database).ok("CREATE TABLE t (id INTEGER)", "INSERT INTO t VALUES (1)")
    database.close()
    again = backend.create()
    assert SqlClient(backend, again).rows("SELECT id FROM t") == [(1,)]
    again.close()
    assert (tmp_path / "mine.duckdb").exists()
    assert backend.url == f"duckdb:///{tmp_path}/mine.duckdb"


def test_missing_driver_says_what_to_install(module: ModuleType) -> None:
    engine = replace(module.DUCKDB, module="no_such_duckdb")
    with pytest.raises(BackendUnavailable, match=r"driver `no_such_duckdb` is not installed: pip install duckdb"):
        engine.backend()


def test_state_after_errors(module: ModuleType) -> None:
    backend = module.DUCKDB.backend()
    database = backend.create()
    client = SqlClient(backend, database)
    states = []
    for text in ("BEGIN", "SELECT * FROM nowhere", "ROLLBACK", "SELECT * FROM nowhere", "COMMIT"):
        client.say(text)
        states.append(client.session.tx())
    assert states == [Tx.OPEN, Tx.FAILED, Tx.IDLE, Tx.IDLE, Tx.IDLE]
    database.close()
