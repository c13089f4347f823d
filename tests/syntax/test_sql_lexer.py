"""Rules 1-10: where a line's SQL ends, what its quotes, comments and variables are, and what its first keyword says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simdsl.plan.codes import Code
from simdsl.plan.sql import Dialect, SqlKind, Variable
from simdsl.syntax.problems import ParseError, ParseIssue
from simdsl.syntax.sql_lexer import dialect_of, first_word, may_return_rows, parse_sql, scan

SQLITE, POSTGRES, TSQL, DUCKDB, MYSQL = (
    Dialect.SQLITE,
    Dialect.POSTGRES,
    Dialect.TSQL,
    Dialect.DUCKDB,
    Dialect.MYSQL,
)


def sql_half(text: str, dialect: Dialect = SQLITE) -> str:
    return text[: scan(text, dialect).end].strip()


def trouble(text: str, dialect: Dialect = SQLITE) -> ParseIssue:
    with pytest.raises(ParseError) as caught:
        parse_sql(text, dialect)
    return caught.value.issues[0]


def variables(text: str, dialect: Dialect = SQLITE) -> list[str]:
    return [part.name for part in parse_sql(text, dialect).fragments if isinstance(part, Variable)]


@pytest.mark.parametrize(
    ("line", "sql"),
    [
        ("SELECT 1 => 1", "SELECT 1"),
        ("SELECT v <=> w => 1", "SELECT v <=> w"),
        ("SELECT f(x=>3) => 1", "SELECT f(x=>3)"),
        ("SELECT x=>3", "SELECT x=>3"),
        ("SELECT make_interval(days => 10) => 1", "SELECT make_interval(days => 10)"),
        ("SELECT '=> 1' => 2", "SELECT '=> 1'"),
        ('SELECT "a => b" => 2', 'SELECT "a => b"'),
        ("SELECT 1 /* => 1 */ => 2", "SELECT 1 /* => 1 */"),
        ("SELECT 1 => 1 => 2", "SELECT 1"),
        ("SELECT 1\n=> 1", "SELECT 1"),
        ("=> error busy", ""),
        ("SELECT 1 =>", "SELECT 1"),
    ],
)
def test_rule_01_the_first_arrow_at_depth_0_splits(line: str, sql: str) -> None:
    assert sql_half(line) == sql


def test_rule_01_an_arrow_in_an_array_subscript_is_sql_where_brackets_are_brackets() -> None:
    assert sql_half("SELECT a[1 => 2] => 3", POSTGRES) == "SELECT a[1 => 2]"


def test_rule_02_an_arrow_in_a_line_comment_is_refused() -> None:
    with pytest.raises(ParseError) as caught:
        scan("SELECT 1 -- so => 1", SQLITE)
    assert caught.value.issues[0].code is Code.G103


def test_rule_02_unless_a_later_line_holds_the_arrow() -> None:
    assert sql_half("SELECT 1 -- so => 1\n=> 1") == "SELECT 1 -- so => 1"


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("SELECT $x, $long_name1", ["x", "long_name1"]),
        ("SELECT '$x', \"$x\", `$x`, [$x] -- $x\n/* $x */", []),
        ("SELECT a$b, _$c, 1$d", []),
        ("SELECT ($x)+$x", ["x", "x"]),
    ],
)
def test_rule_05_variables_stand_outside_quotes_and_not_within_names(text: str, names: list[str]) -> None:
    assert variables(text) == names


def test_rule_05_a_dollar_quote_holds_no_variable() -> None:
    assert variables("SELECT $$ $x $$, $tag$ $x $$ $x $tag$, $y", POSTGRES) == ["y"]


@pytest.mark.parametrize("text", ["SELECT $Upper", "SELECT $1", "SELECT $", "SELECT $fooBar", "SELECT $_9É"])
def test_rule_05_other_dollars_are_refused(text: str) -> None:
    assert trouble(text).code is Code.G104


def test_rule_05_prepare_numbers_its_own_parameters() -> None:
    assert variables("PREPARE p AS SELECT $1", POSTGRES) == []


def test_the_help_for_an_upper_case_variable_is_the_lower_case_one() -> None:
    assert trouble("SELECT $Id").help == "did you mean `$id`?"


@pytest.mark.parametrize("text", ["SELECT ?", "SELECT ?1", "SELECT :x", "SELECT @x"])
def test_rule_06_a_placeholder_of_sqlite_is_refused(text: str) -> None:
    assert trouble(text).code is Code.G105


def test_rule_06_the_help_names_the_variable() -> None:
    assert trouble("SELECT :who").help == "a bound value is written `$who`"
    assert trouble("SELECT ?").help == "a bound value is written `$x`"


@pytest.mark.parametrize(
    ("text", "dialect"),
    [
        ("SELECT j ? 'a', b::int, @ -1, :x", POSTGRES),
        ("SELECT @x, @@rowcount", TSQL),
        ("SELECT a::int", DUCKDB),
        ("SELECT '?', [?], \"?\" -- ?", SQLITE),
    ],
)
def test_rule_06_what_no_driver_reads_passes(text: str, dialect: Dialect) -> None:
    assert parse_sql(text, dialect).text == text


@pytest.mark.parametrize("dialect", [TSQL, DUCKDB, MYSQL])
def test_rule_06_a_question_mark_is_refused_where_the_driver_reads_it(dialect: Dialect) -> None:
    assert trouble("SELECT ?", dialect).code is Code.G105


@pytest.mark.parametrize(
    ("text", "dialect"),
    [
        ("SELECT [a => b]", SQLITE),
        ("SELECT [a]] => b]", TSQL),
        ("SELECT `a => b`", SQLITE),
        ("SELECT `a => b`", MYSQL),
        (r"SELECT E'it\' => 1'", POSTGRES),
        (r"SELECT 'it\' => 1'", MYSQL),
        ("SELECT 1 /* /* => */ => */", POSTGRES),
        ("SELECT 1 /* /* => */ => */", TSQL),
        ("SELECT $$ => $$", POSTGRES),
        ("SELECT 1 # it's => so\n", MYSQL),
    ],
)
def test_rule_07_lexing_follows_the_dialect(text: str, dialect: Dialect) -> None:
    assert sql_half(f"{text}\n=> 1", dialect) == text.strip()


@pytest.mark.parametrize(
    ("text", "sql", "dialect"),
    [
        (r"SELECT 'it\' => 1", r"SELECT 'it\'", POSTGRES),
        (r"SELECT nameE'it\' => 1", r"SELECT nameE'it\'", POSTGRES),
        ("SELECT 1 /* /* */ => 1", "SELECT 1 /* /* */", SQLITE),
        ("SELECT '$$' => 1", "SELECT '$$'", POSTGRES),
    ],
)
def test_rule_07_and_only_that_dialect(text: str, sql: str, dialect: Dialect) -> None:
    assert sql_half(text, dialect) == sql


@pytest.mark.parametrize(
    ("text", "dialect"),
    [
        ("SELECT 'a", SQLITE),
        ('SELECT "a', SQLITE),
        ("SELECT `a", SQLITE),
        ("SELECT [a", SQLITE),
        ("SELECT 1 /* a", SQLITE),
        ("SELECT $a$ x $b$", POSTGRES),
        ("SELECT /* /* */", POSTGRES),
    ],
)
def test_what_does_not_end_is_refused(text: str, dialect: Dialect) -> None:
    assert trouble(text, dialect).code is Code.G101


@pytest.mark.parametrize("text", ["SELECT (1", "SELECT 1)", "SELECT (1]"])
def test_brackets_match(text: str) -> None:
    assert trouble(text, POSTGRES).code is Code.G102


def test_an_open_bracket_that_swallows_the_arrow_says_so() -> None:
    with pytest.raises(ParseError) as caught:
        scan("SELECT (1 => 1", SQLITE)
    assert caught.value.issues[0].help == "a `=>` inside brackets belongs to the SQL"


@pytest.mark.parametrize("text", ["SELECT 1;", "SELECT 1 ;  ", "SELECT 1; -- done", "SELECT 1;\n/* done */"])
def test_rule_08_a_trailing_semicolon_is_dropped(text: str) -> None:
    assert parse_sql(text, SQLITE).text == "SELECT 1"


@pytest.mark.parametrize("text", ["SELECT 1; SELECT 2", "BEGIN; COMMIT;", "SELECT 1;;"])
def test_rule_08_another_semicolon_is_refused(text: str) -> None:
    assert trouble(text).code is Code.G106


@pytest.mark.parametrize(
    ("text", "dialect"),
    [
        ("CREATE TEMP TRIGGER a AFTER INSERT ON t BEGIN SELECT 1; SELECT 2; END", SQLITE),
        ("CREATE OR REPLACE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END", POSTGRES),
        ("CREATE PROCEDURE p AS BEGIN SELECT 1; SELECT 2; END", TSQL),
        ("DECLARE @x INT = 1; SELECT @x;", TSQL),
        ("SELECT ';'", SQLITE),
        ("SELECT $$ ; $$", POSTGRES),
    ],
)
def test_rule_08_save_in_routines_and_batches(text: str, dialect: Dialect) -> None:
    assert parse_sql(text, dialect).text == text


def test_rule_08_merge_keeps_the_semicolon_that_sql_server_demands() -> None:
    text = "MERGE INTO t USING s ON t.i = s.i WHEN MATCHED THEN DELETE;"
    assert parse_sql(text, TSQL).text == text


@pytest.mark.parametrize("text", ["", "  ", ";", "-- nothing", "/* nothing */"])
def test_there_is_a_statement(text: str) -> None:
    assert trouble(text).code is Code.G107


def test_nul_is_refused() -> None:
    assert trouble("SELECT 'a\0b'").code is Code.G108


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("SELECT 1", SqlKind.QUERY),
        ("  /* c */ -- d\n select 1", SqlKind.QUERY),
        ("(SELECT 1) UNION SELECT 2", SqlKind.QUERY),
        ("VALUES (1)", SqlKind.QUERY),
        ("TABLE t", SqlKind.QUERY),
        ("WITH a AS (DELETE FROM t RETURNING *) SELECT * FROM a", SqlKind.QUERY),
        ("WITH a(x) AS (SELECT 1), b AS NOT MATERIALIZED (SELECT 2) INSERT INTO t SELECT * FROM a", SqlKind.DML),
        ("WITH RECURSIVE a AS (VALUES (1)) UPDATE t SET v = 1", SqlKind.DML),
        ("INSERT INTO t VALUES (1)", SqlKind.DML),
        ("REPLACE INTO t VALUES (1)", SqlKind.DML),
        ("UPDATE t SET v = 1", SqlKind.DML),
        ("DELETE FROM t", SqlKind.DML),
        ("MERGE INTO t USING s ON 1 = 1 WHEN MATCHED THEN DELETE", SqlKind.DML),
        ("CREATE TABLE t (i INT)", SqlKind.DDL),
        ("DROP TABLE t", SqlKind.DDL),
        ("ALTER TABLE t ADD c INT", SqlKind.DDL),
        ("TRUNCATE t", SqlKind.DDL),
        ("BEGIN", SqlKind.TRANSACTION),
        ("PRAGMA user_version", SqlKind.OTHER),
        ("EXPLAIN SELECT 1", SqlKind.OTHER),
        ("CALL p(1)", SqlKind.OTHER),
        ("WITH a AS (SELECT 1) (SELECT 2)", SqlKind.OTHER),
        ("VACUUM", SqlKind.OTHER),
        ("SET x = 1", SqlKind.OTHER),
        ("nonsense", SqlKind.OTHER),
    ],
)
def test_the_first_keyword_decides_the_kind(text: str, kind: SqlKind) -> None:
    assert parse_sql(text, SQLITE).kind is kind


def test_a_query_into_a_table_gives_no_rows_that_one_can_know_of() -> None:
    assert parse_sql("SELECT 1 AS a INTO t", POSTGRES).kind is SqlKind.OTHER
    assert parse_sql("SELECT (SELECT 1 INTO x)", POSTGRES).kind is SqlKind.QUERY


def test_a_batch_is_of_no_kind_that_one_can_know() -> None:
    assert parse_sql("INSERT INTO t VALUES (1); SELECT 1", TSQL).kind is SqlKind.OTHER


def test_duckdb_may_begin_with_from() -> None:
    assert parse_sql("FROM t", DUCKDB).kind is SqlKind.QUERY


@pytest.mark.parametrize(
    ("text", "ordered"),
    [
        ("SELECT v FROM t ORDER BY v", True),
        ("SELECT v FROM t order\n  by v", True),
        ("SELECT v FROM t ORDER /* so */ BY v", True),
        ("SELECT v FROM (SELECT v FROM t ORDER BY v)", False),
        ("SELECT row_number() OVER (ORDER BY v) FROM t", False),
        ("SELECT 'ORDER BY' FROM t -- ORDER BY v", False),
        ("SELECT border, bystander FROM t", False),
    ],
)
def test_rule_17_ordered_means_order_by_at_depth_0(text: str, ordered: bool) -> None:
    assert parse_sql(text, SQLITE).ordered is ordered


def test_first_word_and_returning() -> None:
    assert first_word(parse_sql("/* x */ -- y\n set a = $x", POSTGRES)) == "SET"
    assert may_return_rows(parse_sql("DELETE FROM t RETURNING v", SQLITE))
    assert not may_return_rows(parse_sql("DELETE FROM t", SQLITE))


def test_rule_46_the_dialect_is_the_only_backends_else_sqlites() -> None:
    assert dialect_of(None, ("postgres",)) is POSTGRES
    assert dialect_of(None, ("postgres", "mssql")) is SQLITE
    assert dialect_of(None, ()) is SQLITE
    assert dialect_of(TSQL, ("postgres",)) is TSQL


SQLISH = st.text(alphabet="aE$x1'\"`[]()/*-;=> \n?:@#\\{}.,", max_size=40)


@given(text=SQLISH | st.text(max_size=40), dialect=st.sampled_from(Dialect))
def test_any_text_is_a_statement_or_refused(text: str, dialect: Dialect) -> None:
    try:
        sql = parse_sql(text, dialect)
    except ParseError as error:
        for one in error.issues:
            assert 0 <= one.start <= (len(text) if one.end is None else one.end) <= len(text)
    else:
        assert sql.text in text


@given(text=SQLISH, dialect=st.sampled_from(Dialect))
def test_a_statement_is_read_again_as_itself(text: str, dialect: Dialect) -> None:
    try:
        sql = parse_sql(text, dialect)
    except ParseError:
        return
    assert parse_sql(sql.text, dialect) == sql
