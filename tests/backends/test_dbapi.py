"""The common room for PEP 249 drivers, over the stdlib's ``sqlite3`` as if it were a third party's driver."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from typing import Any, ClassVar, Final

import pytest

from simdsl.backends.dbapi.engine import DbapiEngine
from simdsl.backends.dbapi.session import ErrorTable, ParameterStyle, TransactionSyntax, compile_statement, control_text
from simdsl.backends.protocol import Backend, BackendUnavailable, Refusal, Statement, Tx
from simdsl.core.clock import Clock
from simdsl.plan.backend_facts import Deviation
from simdsl.plan.outcomes import ErrorClass, Failed
from simdsl.plan.plan import PoolSpec, Reset
from simdsl.plan.sql import (
    Dialect,
    IsolationLevel,
    Sql,
    SqlKind,
    TransactionAction,
    TransactionControl,
    TransactionMode,
    Variable,
)
from simdsl.testing.conformance import Conformance
from simdsl.testing.engine_kit import STANDARD, EngineKit, SqlClient, after, begin_statement
from tests.backends.kits.sqlite import SQLITE

SYNTAX: Final = TransactionSyntax(engine="SQLite", modes=frozenset({TransactionMode.IMMEDIATE}))
ENGINE: Final = DbapiEngine(
    name="lite",
    module="sqlite3",
    dialect=Dialect.SQLITE,
    connect=lambda sqlite, path: _connected(sqlite, path),
    transactions=SYNTAX,
    errors=ErrorTable(
        code_of=lambda error: getattr(error, "sqlite_errorcode", None),
        codes={
            5: ErrorClass.BUSY,
            517: ErrorClass.SNAPSHOT_CONFLICT,
            787: ErrorClass.FOREIGN_KEY_VIOLATION,
            275: ErrorClass.CHECK_VIOLATION,
            1299: ErrorClass.NOT_NULL_VIOLATION,
            1555: ErrorClass.UNIQUE_VIOLATION,
        },
        messages=(
            (r"no such table", ErrorClass.UNDEFINED_TABLE),
            (r"no such column", ErrorClass.UNDEFINED_COLUMN),
            (r"no such function", ErrorClass.UNDEFINED_FUNCTION),
            (r"no such index", ErrorClass.UNDEFINED_OBJECT),
            (r"no such savepoint", ErrorClass.INVALID_SAVEPOINT_SPECIFICATION),
            (r"^table .* already exists", ErrorClass.DUPLICATE_TABLE),
            (r"already exists", ErrorClass.DUPLICATE_OBJECT),
            (r"no transaction is active", ErrorClass.NO_ACTIVE_TRANSACTION),
            (r"within a transaction", ErrorClass.ACTIVE_SQL_TRANSACTION),
        ),
        exceptions={"OperationalError": ErrorClass.SYNTAX_ERROR},
    ),
    abilities=frozenset(
        {
            "snapshot_reads",
            "transactional_ddl",
            "returning",
            "upsert",
            "deferred_constraints",
            "nulls_first",
            "integer_division",
        }
    ),
    tables="SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name",
    side_files=("-wal", "-shm"),
)


def _connected(sqlite: Any, path: str) -> sqlite3.Connection:
    connection: sqlite3.Connection = sqlite.connect(path, timeout=0, isolation_level=None)
    connection.execute("PRAGMA journal_mode = wal")
    connection.execute("PRAGMA foreign_keys = on")
    return connection


class TestThirdPartyDriver(Conformance):
    """The whole suite, through nothing but a description of the engine."""

    kit: ClassVar[EngineKit] = replace(
        STANDARD,
        provocations={
            **STANDARD.provocations,
            ErrorClass.UNDEFINED_OBJECT: after("DROP INDEX missing"),
            ErrorClass.DUPLICATE_OBJECT: after("CREATE INDEX i ON t (v)", "CREATE INDEX i ON t (v)"),
            ErrorClass.INVALID_SAVEPOINT_SPECIFICATION: after("BEGIN", "RELEASE missing"),
            ErrorClass.BUSY: SQLITE.provocations[ErrorClass.BUSY],
            ErrorClass.SNAPSHOT_CONFLICT: SQLITE.provocations[ErrorClass.SNAPSHOT_CONFLICT],
        },
        deferred=("CREATE TABLE d (t INTEGER REFERENCES t DEFERRABLE INITIALLY DEFERRED)",),
    )
    deviations: ClassVar[tuple[Deviation, ...]] = (
        Deviation(
            rule="with_before_dml_counts",
            does="A WITH before DML counts nothing.",
            why="sqlite3 sets rowcount for texts that begin with INSERT, UPDATE, DELETE or REPLACE; PEP 249 allows it.",
        ),
    )

    @pytest.fixture
    def backend(self) -> Backend:
        return ENGINE.backend()

    def test_with_before_dml_counts(self, a: SqlClient) -> None:
        assert a.affected("WITH n (i) AS (VALUES (2), (3)) INSERT INTO t (id) SELECT i FROM n") is None
        assert a.rows("SELECT count(*) FROM t") == [(3,)]


# Statements


@pytest.mark.parametrize(
    ("style", "text"),
    [
        (ParameterStyle.QMARK, "SELECT ? % 2, ?"),
        (ParameterStyle.NUMERIC, "SELECT :1 % 2, :2"),
        (ParameterStyle.DOLLAR, "SELECT $1 % 2, $2"),
        (ParameterStyle.NAMED, "SELECT :x % 2, :x"),
        (ParameterStyle.FORMAT, "SELECT %s %% 2, %s"),
        (ParameterStyle.PYFORMAT, "SELECT %(x)s %% 2, %(x)s"),
    ],
)
def test_parameter_styles(style: ParameterStyle, text: str) -> None:
    sql = Sql(fragments=("SELECT ", Variable(name="x"), " % 2, ", Variable(name="x")), kind=SqlKind.QUERY)
    compiled = compile_statement(sql, {}, SYNTAX, style)
    assert compiled == Statement(text=text, parameters=("x", "x"), kind=SqlKind.QUERY)


def test_percent_sign_without_parameters_stays() -> None:
    sql = Sql(fragments=("SELECT 5 % 2",), kind=SqlKind.QUERY)
    compiled = compile_statement(sql, {}, SYNTAX, ParameterStyle.PYFORMAT)
    assert isinstance(compiled, Statement)
    assert compiled.text == "SELECT 5 % 2"


def test_names_are_quoted_and_not_bound() -> None:
    sql = Sql(fragments=("SELECT ", Variable(name="x"), " FROM ", Variable(name="t")), kind=SqlKind.QUERY)
    compiled = compile_statement(sql, {"t": 'od"d'}, SYNTAX)
    assert compiled == Statement(text='SELECT ? FROM "od""d"', parameters=("x",), kind=SqlKind.QUERY)


FULL: Final = TransactionSyntax(
    engine="Full",
    levels=frozenset(IsolationLevel),
    names_levels=True,
    modes=frozenset({TransactionMode.IMMEDIATE}),
    access_modes=True,
    savepoint_word=True,
)


def test_transaction_syntax() -> None:
    level = begin_statement(isolation=IsolationLevel.READ_COMMITTED, read_only=True).transaction
    assert level is not None
    assert control_text(level, FULL) == "BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY"
    assert control_text(level, SYNTAX) == Refusal(reason="SQLite has no isolation level READ COMMITTED, only SERIALIZABLE")
    mode = TransactionControl(action=TransactionAction.BEGIN, mode=TransactionMode.CONCURRENT)
    assert control_text(mode, FULL) == Refusal(reason="Full has no BEGIN CONCURRENT")
    reading = TransactionControl(action=TransactionAction.BEGIN, read_only=True)
    assert control_text(reading, SYNTAX) == Refusal(reason="SQLite has no READ ONLY transactions")
    back = TransactionControl(action=TransactionAction.ROLLBACK_TO, name="s")
    assert control_text(back, FULL) == "ROLLBACK TO SAVEPOINT s"
    assert control_text(back, replace(FULL, savepoints=False)) == Refusal(reason="Full has no savepoints")


# Errors


class _CodedError(Exception):
    sqlstate = "23505"


def test_error_table_asks_code_then_message_then_class() -> None:
    table = ErrorTable(
        codes={"23505": ErrorClass.UNIQUE_VIOLATION},
        messages=((r"gone", ErrorClass.CONNECTION_LOST),),
        exceptions={"ValueError": ErrorClass.SYNTAX_ERROR},
    )
    assert table.failed(_CodedError("gone")) == Failed(ErrorClass.UNIQUE_VIOLATION, "gone", "23505")
    assert table.failed(ValueError("gone\nHINT")) == Failed(ErrorClass.CONNECTION_LOST, "gone")
    assert table.failed(ValueError("what")).error_class is ErrorClass.SYNTAX_ERROR
    assert table.failed(UnicodeError("x")).error_class is ErrorClass.INVALID_TEXT_REPRESENTATION
    assert table.failed(KeyError()) == Failed(ErrorClass.OTHER, "KeyError")
    assert table.declared == {ErrorClass.UNIQUE_VIOLATION, ErrorClass.CONNECTION_LOST, ErrorClass.SYNTAX_ERROR}


# Databases


def test_driver_that_binds_by_name() -> None:
    backend = replace(ENGINE, binds_by_name=True).backend()
    database = backend.create()
    session = database.open()
    statement = Statement(text="SELECT :a, :b, :a", parameters=("a", "b", "a"), kind=SqlKind.QUERY)
    assert session.start(statement, (1, 2, 1)) == (3, [(1, 2, 1)], None)
    database.close()


def test_file_that_cannot_be_opened(tmp_path: Any) -> None:
    with pytest.raises(BackendUnavailable, match="unable to open database file"):
        ENGINE.backend(url=f"lite:///{tmp_path}").create()
    with pytest.raises(BackendUnavailable, match=r"is no SQLite URL: write lite:///file.db or lite:////dir/file.db"):
        ENGINE.backend(url="lite://x")


def test_reset_that_a_foreign_key_refuses_says_so() -> None:
    backend = ENGINE.backend()
    database = backend.create()
    client = SqlClient(backend, database)
    client.ok(*STANDARD.schema, "INSERT INTO child VALUES (1, 1)")
    failure = database.reset(Reset(tables=("t",)))
    assert failure is not None
    assert failure.error_class is ErrorClass.FOREIGN_KEY_VIOLATION
    assert database.reset(Reset(tables=("t", "child"))) is None
    database.close()


def test_pool_rolls_back_what_sql_text_began() -> None:
    backend = ENGINE.backend()
    database = backend.create()
    pool = database.pool(PoolSpec(name="main", size=1), Clock())
    lease = pool.request("a").poll()
    assert lease is not None
    assert not isinstance(lease, Failed)
    SqlClient(backend, database, lease.session).ok("BEGIN")
    pool.release(lease)
    assert lease.session.tx() is Tx.IDLE
    database.close()
