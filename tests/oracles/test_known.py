"""The list of known differences: for each one that it explains, and near misses that it must not."""

from __future__ import annotations

import re
from datetime import datetime

import pytest

from simdsl.oracles.known_differences import (
    KNOWN_DIFFERENCES,
    ComparedEngine,
    KnownKeys,
    KnownOrder,
    PlanContext,
    find_known_difference,
)
from simdsl.plan.outcomes import Affected, ErrorClass, Failed, Outcome, Rows
from simdsl.plan.sql import Dialect
from simdsl.plan.values import Row, Value

SQLITE = ComparedEngine(dialect=Dialect.SQLITE, engine="SQLite")
LIBSQL = ComparedEngine(dialect=Dialect.SQLITE, engine="libSQL")
TURSO = ComparedEngine(dialect=Dialect.SQLITE, engine="Turso")
POSTGRES = ComparedEngine(dialect=Dialect.POSTGRES, engine="PostgreSQL")
MSSQL = ComparedEngine(dialect=Dialect.TSQL, engine="SQL Server")
PARTIES = (SQLITE, LIBSQL, TURSO, POSTGRES, MSSQL)

ONE = Affected(1)


def row(*cells: Value) -> Rows:
    return Rows(len(cells), [cells])


def error(name: str) -> Failed:
    return Failed(ErrorClass(name), "a text")


EXAMPLES: list[tuple[str, ComparedEngine, Outcome, ComparedEngine, Outcome, str]] = [
    ("flexible-typing", SQLITE, ONE, POSTGRES, error("datatype_mismatch"), "INSERT INTO t VALUES ('x')"),
    ("flexible-typing", SQLITE, row(0), POSTGRES, error("undefined_function"), "SELECT 'x' + 1"),
    ("length-of-text", TURSO, ONE, POSTGRES, error("string_data_right_truncation"), "INSERT INTO t VALUES ('long')"),
    ("integer-width", SQLITE, row(9.3e18), MSSQL, error("numeric_value_out_of_range"), "SELECT n + 1 FROM t"),
    ("division-by-zero", LIBSQL, row(None), POSTGRES, error("division_by_zero"), "SELECT 1 / 0"),
    ("foreign-keys-are-off", SQLITE, ONE, POSTGRES, error("foreign_key_violation"), "DELETE FROM parent"),
    ("failed-transaction", SQLITE, row(1), POSTGRES, error("in_failed_sql_transaction"), "SELECT 1"),
    ("savepoint-begins-a-transaction", SQLITE, Affected(None), POSTGRES, error("no_active_transaction"), "SAVEPOINT s"),
    (
        "no-savepoint-outside-of-a-transaction",
        SQLITE,
        error("invalid_savepoint_specification"),
        POSTGRES,
        error("no_active_transaction"),
        "RELEASE s",
    ),
    (
        "an-index-is-a-relation",
        SQLITE,
        error("duplicate_object"),
        POSTGRES,
        error("duplicate_table"),
        "CREATE INDEX i ON t (a)",
    ),
    ("snapshot-or-serialization", SQLITE, error("busy"), POSTGRES, error("serialization_failure"), "UPDATE t SET a = 1"),
    ("libsql-tells-no-codes", SQLITE, error("snapshot_conflict"), LIBSQL, error("busy"), "UPDATE t SET a = 1"),
    ("stale-snapshot-is-busy", SQLITE, error("snapshot_conflict"), TURSO, error("busy"), "UPDATE t SET a = 1"),
    ("double-quoted-strings", SQLITE, row("nmae"), POSTGRES, error("undefined_column"), 'SELECT "nmae" FROM t'),
    ("double-quoted-strings", SQLITE, row("nmae"), TURSO, error("undefined_column"), 'SELECT "nmae" FROM t'),
    ("summation-of-reals", SQLITE, row(0.1 + 0.2), TURSO, row(0.3), "SELECT sum(x) FROM t"),
    ("keys-that-move", SQLITE, Affected(3), POSTGRES, error("unique_violation"), "UPDATE t SET id = id - 1"),
    ("keys-that-move-in-sqlite", POSTGRES, Affected(3), SQLITE, error("unique_violation"), "UPDATE t SET id = id + 1"),
    ("clock", SQLITE, row("2024-01-01 00:00:00"), POSTGRES, row(datetime(2024, 1, 1, 0, 0, 1)), "SELECT CURRENT_TIMESTAMP"),
    ("clock", SQLITE, row("2024-01-01 00:00:00"), SQLITE, row("2024-01-01 00:00:01"), "SELECT datetime('now')"),
    ("foreign-keys-of-libsql", SQLITE, ONE, LIBSQL, error("foreign_key_violation"), "DELETE FROM parent"),
    ("random", SQLITE, row(-5_577_006_791_947_779_410), POSTGRES, row(0.25), "SELECT random()"),
]

NEAR_MISSES: list[tuple[str, ComparedEngine, Outcome, ComparedEngine, Outcome, str]] = [
    ("stale-snapshot-is-busy", SQLITE, error("snapshot_conflict"), SQLITE, error("busy"), "UPDATE t SET a = 1"),
    ("typing the other way round", SQLITE, error("datatype_mismatch"), POSTGRES, ONE, "INSERT INTO t VALUES ('x')"),
    ("typing between two of a kind", SQLITE, ONE, TURSO, error("datatype_mismatch"), "INSERT INTO t VALUES ('x')"),
    ("two errors", SQLITE, error("check_violation"), POSTGRES, error("datatype_mismatch"), "INSERT INTO t VALUES ('x')"),
    ("an error that is swallowed", SQLITE, ONE, POSTGRES, error("unique_violation"), "INSERT INTO t VALUES (1)"),
    ("an error that is invented", SQLITE, error("unique_violation"), POSTGRES, ONE, "INSERT INTO t VALUES (1)"),
    ("a constant is no key that moves", SQLITE, ONE, POSTGRES, error("unique_violation"), "UPDATE t SET id = 1"),
    ("keys of two of a kind", SQLITE, ONE, LIBSQL, error("unique_violation"), "UPDATE t SET id = id - 1"),
    ("zero on the engine that refuses it", SQLITE, error("division_by_zero"), POSTGRES, row(None), "SELECT 1 / 0"),
    ("rows that differ", SQLITE, row(1), POSTGRES, row(2), "SELECT a FROM t"),
    ("counts that differ", SQLITE, ONE, POSTGRES, Affected(2), "UPDATE t SET a = 1"),
    ("a failed transaction of SQLite", SQLITE, error("in_failed_sql_transaction"), POSTGRES, row(1), "SELECT 1"),
    ("a savepoint and another error", SQLITE, error("syntax_error"), POSTGRES, error("no_active_transaction"), "RELEASE s"),
    ("busy against well", SQLITE, error("busy"), POSTGRES, ONE, "UPDATE t SET a = 1"),
    ("serialization against well", SQLITE, ONE, POSTGRES, error("serialization_failure"), "UPDATE t SET a = 1"),
    ("codes of SQLite itself", SQLITE, error("busy"), LIBSQL, error("snapshot_conflict"), "UPDATE t SET a = 1"),
    ("a table and a column", SQLITE, row(1), POSTGRES, error("undefined_table"), 'SELECT "a" FROM t'),
    ("sums that really differ", SQLITE, row(0.3), TURSO, row(0.4), "SELECT sum(x) FROM t"),
    ("sums of integers", SQLITE, row(3), TURSO, row(4), "SELECT sum(x) FROM t"),
    ("no sum", SQLITE, row(0.1 + 0.2), TURSO, row(0.3), "SELECT x FROM t"),
    ("a sum too many", SQLITE, row(0.1 + 0.2), TURSO, Rows(1, [(0.3,), (0.3,)]), "SELECT sum(x) FROM t"),
    ("times that nobody asked for", SQLITE, row("2024-01-01"), POSTGRES, row("2024-01-02"), "SELECT day FROM t"),
    ("a clock and a number", SQLITE, row("2024-01-01"), POSTGRES, row(5), "SELECT CURRENT_TIMESTAMP"),
    ("a clock and nothing", SQLITE, row("2024-01-01"), POSTGRES, row(None), "SELECT CURRENT_TIMESTAMP"),
    ("beside a clock", SQLITE, row("2024-01-01", 1), POSTGRES, row("2024-01-02", 2), "SELECT CURRENT_DATE, n FROM t"),
    ("beside a random number", SQLITE, row(0.5, 1), POSTGRES, row(0.25, 2), "SELECT random(), n FROM t"),
    ("another order", SQLITE, Rows(1, [(1,), (2,)]), POSTGRES, Rows(1, [(2,), (1,)]), "SELECT random() > 0 ORDER BY 1"),
    ("small numbers are not drawn", SQLITE, row(1), POSTGRES, row(2), "SELECT random() % 5"),
]


@pytest.mark.parametrize(("name", "left", "ours", "right", "theirs", "statement"), EXAMPLES)
def test_an_entry_explains_its_example(
    name: str, left: ComparedEngine, ours: Outcome, right: ComparedEngine, theirs: Outcome, statement: str
) -> None:
    for found in (
        find_known_difference(left, ours, right, theirs, statement),
        find_known_difference(right, theirs, left, ours, statement),
    ):
        assert found is not None
        assert found.name == name


@pytest.mark.parametrize(
    ("left", "ours", "right", "theirs", "statement"), [one[1:] for one in NEAR_MISSES], ids=[one[0] for one in NEAR_MISSES]
)
def test_nothing_else_hides_behind_an_entry(
    left: ComparedEngine, ours: Outcome, right: ComparedEngine, theirs: Outcome, statement: str
) -> None:
    assert find_known_difference(left, ours, right, theirs, statement) is None
    assert find_known_difference(right, theirs, left, ours, statement) is None


def test_every_entry_has_an_example_a_reason_and_a_link() -> None:
    names = [one.name for one in KNOWN_DIFFERENCES]
    assert len(set(names)) == len(names)
    tested_below = {one.name for one in KNOWN_DIFFERENCES if isinstance(one, KnownKeys | KnownOrder)}
    assert {one[0] for one in EXAMPLES} | tested_below == set(names)
    for one in KNOWN_DIFFERENCES:
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", one.name)
        assert len(one.reason.split()) >= 4
        assert one.link.startswith("https://")


@pytest.mark.slow
@pytest.mark.parametrize("party", PARTIES, ids=lambda party: party.engine)
def test_no_entry_explains_an_engine_that_is_not_as_it_was(party: ComparedEngine) -> None:
    outcomes: list[Outcome] = [ONE, Affected(2), row(1), row(2), row("a"), *(Failed(one, "x") for one in ErrorClass)]
    statements = [statement for *_, statement in EXAMPLES if not re.search(r"random|now|CURRENT", statement)]
    for ours in outcomes:
        for theirs in outcomes:
            for statement in statements:
                assert find_known_difference(party, ours, party, theirs, statement) is None


def test_what_a_clock_gave_may_have_been_stored() -> None:
    left, right = row(1, "2024-01-01 00:00:00"), row(1, datetime(2024, 1, 1, 0, 0, 1))
    ddl = "CREATE TABLE t (id INTEGER, made TIMESTAMP DEFAULT CURRENT_TIMESTAMP)"
    for statement in ("SELECT * FROM t", ""):
        assert find_known_difference(SQLITE, left, POSTGRES, right, statement) is None
        found = find_known_difference(SQLITE, left, POSTGRES, right, statement, PlanContext([ddl]))
        assert found is not None
        assert found.name == "clock"
        assert find_known_difference(SQLITE, left, POSTGRES, row(2, right.rows[0][1]), statement, PlanContext([ddl])) is None


def test_sums_are_not_stored() -> None:
    assert (
        find_known_difference(
            SQLITE, row(0.1 + 0.2), TURSO, row(0.3), "SELECT x FROM t", PlanContext(["INSERT INTO t SELECT sum(x) FROM u"])
        )
        is None
    )


SERIAL = "CREATE TABLE t (id INTEGER GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, v TEXT)"
DENSE = Rows(2, [(1, "a"), (2, "b")])


def gap(
    gaps: Rows, *, dense: Rows = DENSE, statement: str = "SELECT id, v FROM t", ddl: str = SERIAL, undone: bool = True
) -> bool:
    whole = PlanContext(["SELECT 1", ddl], (), undone)
    found = find_known_difference(SQLITE, dense, POSTGRES, gaps, statement, whole)
    assert found == find_known_difference(POSTGRES, gaps, SQLITE, dense, statement, whole)
    assert found is None or found.name == "gaps-in-numbers"
    return found is not None


@pytest.mark.parametrize(
    "ddl",
    [
        SERIAL,
        "CREATE TABLE t (id SERIAL PRIMARY KEY)",
        "CREATE TABLE t (id bigserial)",
        "CREATE TABLE t (v TEXT, id INTEGER PRIMARY KEY AUTOINCREMENT)",
        "CREATE TABLE t (id INT IDENTITY)",
    ],
)
def test_a_number_that_was_lost_leaves_a_gap(ddl: str) -> None:
    found: list[list[Row]] = [[(1, "a"), (3, "b")], [(5, "b"), (2, "a")]]
    for rows in found:
        for statement in ("SELECT id, v FROM t", "SELECT * FROM t", "INSERT INTO t (v) VALUES ('b') RETURNING ID, v", ""):
            assert gap(Rows(2, rows), statement=statement, ddl=ddl)


@pytest.mark.parametrize(
    "rows",
    [
        [(1, "a"), (1, "b")],  # no key
        [(0, "a"), (2, "b")],  # smaller
        [(1, "b"), (3, "a")],  # in another order
        [(1, "a"), (3, "c")],  # beside it
        [(1, "a"), (2.5, "b")],
        [(1, "a"), (None, "b")],
        [(1, "a"), (3, "b"), (4, "c")],
        [(1, "a")],
    ],
)
def test_what_is_no_gap(rows: list[tuple[Value, ...]]) -> None:
    assert not gap(Rows(2, rows))


def test_without_a_loss_or_a_generated_number_there_is_no_gap() -> None:
    rows = Rows(2, [(1, "a"), (3, "b")])
    assert not gap(rows, undone=False)
    assert not gap(rows, ddl="CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)")
    assert not gap(rows, statement="SELECT n, v FROM t")
    assert not gap(Rows(1, [(3,)]), dense=Rows(1, [(2,)]), statement="SELECT count(id) FROM t")
    assert find_known_difference(SQLITE, DENSE, TURSO, rows, "SELECT id, v FROM t", PlanContext([SERIAL], (), True)) is None


def sorted_apart(here: list[Value], there: list[Value], *, keys: tuple[int, ...] = (1,)) -> bool:
    ours, theirs = (Rows(2, [(i, text) for i, text in enumerate(texts)]) for texts in (here, there))
    found = find_known_difference(SQLITE, ours, POSTGRES, theirs, "SELECT id, v FROM t ORDER BY v", PlanContext((), keys))
    assert found == find_known_difference(
        POSTGRES, theirs, SQLITE, ours, "SELECT id, v FROM t ORDER BY v", PlanContext((), keys)
    )
    assert found is None or found.name == "collation"
    return found is not None


def test_texts_may_be_sorted_as_people_read_them() -> None:
    assert sorted_apart(["Zoe", "ada", "bob"], ["ada", "bob", "Zoe"])
    assert sorted_apart(["bob", "ada", "Zoe"], ["Zoe", "bob", "ada"])
    assert sorted_apart(["_b", "a", "é"], ["a", "_b", "é"])
    assert sorted_apart([None, "B", "a"], ["a", "B", None])


@pytest.mark.parametrize(
    ("here", "there"),
    [
        (["a", "b", "c"], ["c", "b", "a"]),  # backwards
        (["a", "b", "c"], ["a", "c", "b"]),  # not sorted
        (["b", "a", "C"], ["a", "b", "C"]),  # here forwards, there backwards
        (["a", "C", "b"], ["a", "b", "C"]),  # not sorted by bytes
        ([1, 2, 3], [3, 2, 1]),
        (["1", 2, "3"], ["3", 2, "1"]),
    ],
)
def test_any_other_order_is_wrong(here: list[Value], there: list[Value]) -> None:
    assert not sorted_apart(here, there)


def test_only_what_is_sorted_by_may_be_collated() -> None:
    assert not sorted_apart(["Zoe", "ada"], ["ada", "Zoe"], keys=())
    rows = Rows(1, [("Zoe",), ("ada",)]), Rows(1, [("ada",), ("Zoe",)])
    assert (
        find_known_difference(SQLITE, rows[0], TURSO, rows[1], "SELECT v FROM t ORDER BY v", PlanContext((), (0,))) is None
    )
