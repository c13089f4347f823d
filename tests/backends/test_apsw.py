"""apsw in the place of sqlite3: what the conformance suite does not ask (it runs over apsw too)."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from simdsl.backends.protocol import BackendUnavailable
from simdsl.backends.registry import resolve
from simdsl.plan.outcomes import ErrorClass, Rows
from simdsl.testing.engine_kit import SqlClient


@pytest.fixture
def terminal() -> Iterator[SqlClient]:
    backend = resolve("sqlite?driver=apsw")
    database = backend.create()
    yield SqlClient(backend, database)
    database.close()


def test_says_which_sqlite_it_brings() -> None:
    import apsw

    description = resolve("sqlite?driver=apsw").describe()
    assert description.driver == "apsw"
    assert description.driver_version == apsw.apsw_version()
    assert description.engine_version == apsw.sqlite_lib_version()


@pytest.mark.parametrize(
    "text", ["SELECT 1; SELECT 2", "SELECT 1; -- one\nSELECT 2", "INSERT INTO t VALUES (1); INSERT INTO t VALUES (2)"]
)
def test_second_statement_is_refused_before_the_first_runs(terminal: SqlClient, text: str) -> None:
    terminal.ok("CREATE TABLE t (n)")
    assert terminal.error(text) is ErrorClass.SYNTAX_ERROR
    assert terminal.rows("SELECT n FROM t") == []


@pytest.mark.parametrize(
    "text", ["SELECT 1;", "SELECT 1 ; \n -- the end", "SELECT 1; /* the\nend */ ;", "SELECT 1; /* open"]
)
def test_what_ends_a_statement_is_no_second_one(terminal: SqlClient, text: str) -> None:
    assert terminal.rows(text) == [(1,)]


def test_empty_answer_has_its_columns(terminal: SqlClient) -> None:
    terminal.ok("CREATE TABLE t (a, b)")
    assert terminal.say("SELECT a, b, 1 FROM t") == Rows(3, [])
    assert terminal.say("UPDATE t SET a = 1 RETURNING b") == Rows(1, [], 0)


def test_database_in_memory_is_one_for_all_sessions_of_a_world_and_comes_back() -> None:
    backend = resolve("sqlite:///:memory:?driver=apsw")
    database, other = backend.create(), backend.create()
    SqlClient(backend, database).ok("CREATE TABLE t (n)")
    database.snapshot()
    SqlClient(backend, database).ok("INSERT INTO t VALUES (1)")
    assert SqlClient(backend, database).rows("SELECT n FROM t") == [(1,)]
    assert SqlClient(backend, other).error("SELECT n FROM t") is ErrorClass.UNDEFINED_TABLE
    database.restore()
    assert database.end_state() == {"t": Rows(1, [])}
    database.close()
    other.close()


def test_without_it_the_way_to_install_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "apsw", None)
    monkeypatch.delitem(sys.modules, "simdsl.backends.sqlite.apsw_driver", raising=False)
    with pytest.raises(BackendUnavailable, match=r"the driver `apsw` is not installed: pip install 'simdsl\[apsw\]'"):
        resolve("sqlite?driver=apsw")
