"""The translator: what it leaves alone, what it keeps, what it remembers, and how it refuses."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simdsl.dialect.translation import Translator, Untranslatable
from simdsl.plan.sql import Dialect, Sql, SqlKind, TransactionAction, TransactionControl, Variable
from simdsl.syntax.sql_lexer import parse_sql

SQLITE, POSTGRES, TSQL, DUCKDB, MYSQL = (
    Dialect.SQLITE,
    Dialect.POSTGRES,
    Dialect.TSQL,
    Dialect.DUCKDB,
    Dialect.MYSQL,
)


def carried(text: str, target: Dialect, source: Dialect = SQLITE, identifiers: frozenset[str] = frozenset()) -> Sql:
    """The statement on the target; a refusal fails the test."""
    found = Translator(source, target, identifiers).translate(parse_sql(text, source))
    assert isinstance(found, Sql), found
    return found


def refused(text: str, target: Dialect, source: Dialect = SQLITE) -> Untranslatable:
    """Why the statement is refused; one that is carried fails the test."""
    found = Translator(source, target).translate(parse_sql(text, source))
    assert isinstance(found, Untranslatable), found
    return found


@pytest.mark.parametrize("dialect", list(Dialect))
def test_a_dialect_to_itself_is_the_same_object(dialect: Dialect) -> None:
    sql = parse_sql("select  1 /* as it is */", dialect)
    assert Translator(dialect, dialect).translate(sql) is sql


def test_transaction_control_is_never_carried() -> None:
    sql = Sql(
        fragments=("SAVEPOINT s",),
        kind=SqlKind.TRANSACTION,
        transaction=TransactionControl(action=TransactionAction.SAVEPOINT, name="s"),
    )
    assert Translator(SQLITE, TSQL).translate(sql) is sql


def test_sqlglot_is_imported_only_where_dialects_differ() -> None:
    code = (
        "import sys\n"
        "from simdsl.dialect.translation import Translator\n"
        "from simdsl.syntax.sql_lexer import parse_sql\n"
        "from simdsl.plan.plan import Dialect\n"
        "sql = parse_sql('SELECT 1', Dialect.SQLITE)\n"
        "Translator(Dialect.SQLITE, Dialect.SQLITE).translate(sql)\n"
        "Translator(Dialect.SQLITE, Dialect.POSTGRES)\n"
        "print('sqlglot' in sys.modules)\n"
        "Translator(Dialect.SQLITE, Dialect.POSTGRES).translate(sql)\n"
        "print('sqlglot' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]


def test_kind_and_order_are_kept() -> None:
    made = carried("SELECT a FROM t LIMIT 2 OFFSET 1", TSQL)
    assert (made.kind, made.ordered) == (SqlKind.QUERY, False)  # though an ORDER BY had to be written
    assert carried("SELECT a FROM t ORDER BY a", POSTGRES).ordered


def test_variables_keep_their_places_though_these_move() -> None:
    made = carried("SELECT a FROM t WHERE a > $x ORDER BY a LIMIT $n OFFSET $k", TSQL)
    assert [part.name for part in made.fragments if isinstance(part, Variable)] == ["x", "k", "n"]
    assert carried("SELECT a FROM t WHERE a > $x LIMIT $n", TSQL).text == "SELECT TOP ($n) a FROM t WHERE a > $x"


def test_a_variable_may_come_several_times() -> None:
    made = carried("SELECT max(a, $x) FROM t WHERE b = $x", POSTGRES)
    assert [part.name for part in made.fragments if isinstance(part, Variable)] == ["x", "x", "x"]


def test_fragments_are_texts_and_variables_in_turn() -> None:
    made = carried("SELECT $a, $b, 'it''s' FROM t WHERE c = $a", POSTGRES)
    assert made.fragments == (
        "SELECT ",
        Variable(name="a"),
        ", ",
        Variable(name="b"),
        ", 'it''s' FROM t WHERE c = ",
        Variable(name="a"),
    )


@pytest.mark.parametrize("target", [POSTGRES, TSQL, DUCKDB, MYSQL])
def test_names_from_params_are_names(target: Dialect) -> None:
    made = carried("SELECT $c FROM $t WHERE $c = $v", target, identifiers=frozenset({"c", "t"}))
    assert made.text == "SELECT $c FROM $t WHERE $c = $v"


def test_a_name_from_a_param_inside_a_text_is_refused() -> None:
    sql = parse_sql("ALTER TABLE $t RENAME TO u", SQLITE)
    found = Translator(SQLITE, TSQL, frozenset({"t"})).translate(sql)
    assert isinstance(found, Untranslatable)


def test_a_refusal_says_what_to_write() -> None:
    found = refused("SELECT typeof(a) FROM t", TSQL)
    assert found == Untranslatable(construct="TYPEOF()", target=TSQL, help="write `mssql: ...` beside it")
    assert found.message == "TYPEOF() cannot be translated to tsql"
    assert refused("SELECT changes()", POSTGRES).help.endswith("; or write `postgres: ...` beside it")


def test_a_refusal_is_remembered() -> None:
    translator = Translator(SQLITE, POSTGRES)
    sql = parse_sql("SELECT typeof(3)", SQLITE)
    assert translator.translate(sql) is translator.translate(parse_sql("SELECT typeof(4)", SQLITE))


def test_nothing_is_said_on_the_way(capfd: pytest.CaptureFixture[str]) -> None:
    for text in ("CREATE TRIGGER g AFTER INSERT ON t BEGIN SELECT 1; END", "EXPLAIN SELECT 1", "REPLACE INTO t VALUES (1)"):
        refused(text, POSTGRES)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("target", [POSTGRES, TSQL])
def test_what_is_no_sql_is_refused(target: Dialect) -> None:
    assert refused("SELEC a FRM t", target).construct
    assert refused("SELECT (1 + ) FROM t", target).construct
    assert refused("SELECT " + "(" * 400 + "1" + ")" * 400, target).construct


def test_words_like_the_marks_are_left_alone() -> None:
    text = "SELECT zqt0x, 'zqt0x', 7310958264000, 'zqv0x', $a FROM zqn0x WHERE b = 'x'"
    assert carried(text, POSTGRES).text == text


def test_literals_in_comments_and_names_are_no_literals() -> None:
    translator = Translator(SQLITE, POSTGRES)
    for n in (1, 2):
        sql = parse_sql(f"SELECT a{n}, \"it's {n}\" /* it's {n} */ FROM t{n}", SQLITE)
        found = translator.translate(sql)
        assert isinstance(found, Sql)
        assert found.text == f'SELECT a{n}, "it\'s {n}" FROM t{n}'


def test_a_text_outside_of_ascii_is_unicode_on_sql_server() -> None:
    translator = Translator(SQLITE, TSQL)
    texts = [
        found.text
        for value in ("plain", "naïve")
        if isinstance(found := translator.translate(parse_sql(f"INSERT INTO t VALUES ('{value}')", SQLITE)), Sql)
    ]
    assert texts == ["INSERT INTO t VALUES ('plain')", "INSERT INTO t VALUES (N'naïve')"]


@pytest.mark.parametrize("source", [TSQL, DUCKDB, MYSQL])
def test_other_sources_are_refused(source: Dialect) -> None:
    found = refused("SELECT 1", POSTGRES, source)
    assert found.construct == f"SQL that is written in {source}"
    assert found.help == "write `postgres: ...` beside it"


def test_mysql_is_tried_too() -> None:
    assert carried("SELECT a || 'x' FROM t", MYSQL).text == "SELECT CONCAT(a, 'x') FROM t"
    assert refused("INSERT INTO t VALUES (1) RETURNING a", MYSQL).help == "write `mysql: ...` beside it"


NUMBERS = st.integers(min_value=0, max_value=10**17).map(str) | st.decimals(0, 999, places=2).map(str)
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0", exclude_categories=["Cs"]), max_size=8).map(
    lambda text: "'" + text.replace("'", "''") + "'"
)
LITERALS = NUMBERS | TEXTS | st.sampled_from(["0", "1", "2", "-1", "'[%'", "'\\'", "NULL", "x'00'", "TRUE", "1e3"])
SHAPES = st.sampled_from(
    [
        "INSERT INTO t (a, b) VALUES ({}, {})",
        "INSERT INTO t VALUES ({}, {}), ({}, $x)",
        "UPDATE t SET a = {} WHERE b = {} AND c > $x",
        "SELECT {}, a + {} FROM t WHERE {} OR b IN ({}, {})",
        "SELECT a FROM t WHERE b LIKE {} ORDER BY {} LIMIT {}",
        "SELECT substr(a, {}), round(a, {}), coalesce(a, {}), a / {} FROM t",
        "SELECT CASE WHEN {} THEN {} ELSE {} END, CAST({} AS INTEGER), a = {} FROM t -- it's {}",
        "SELECT max({}, {}), a || {}, {} % {}, - {}, -{} FROM t GROUP BY {}",
        "DELETE FROM t WHERE a BETWEEN {} AND {} OR a IS {} OR a GLOB {}",
        "SELECT '{}', \"{}\", [{}] FROM t",
    ]
)


@pytest.mark.slow
@settings(max_examples=80, deadline=None)
@given(
    shapes=st.lists(st.tuples(SHAPES, st.lists(LITERALS, min_size=8, max_size=8)), min_size=2, max_size=4),
    target=st.sampled_from([POSTGRES, TSQL, DUCKDB, MYSQL]),
)
def test_what_is_remembered_changes_nothing(shapes: list[tuple[str, list[str]]], target: Dialect) -> None:
    """A translator that has seen statements like this one says what a new one says."""
    warm = Translator(SQLITE, target)
    for shape, _ in shapes:
        for _, literals in shapes:
            text = shape
            for literal in literals:
                text = text.replace("{}", literal, 1)
            try:
                sql = parse_sql(text, SQLITE)
            except Exception:  # the lexer refuses it, and so there is nothing to compare
                continue
            assert warm.translate(sql) == Translator(SQLITE, target).translate(sql)
