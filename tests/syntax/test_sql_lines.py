"""Lines, and rule 53: the templates of lines and the long way always agree."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from simdsl.plan.codes import Code
from simdsl.plan.expectations import ExactRows, ExpectedError, Scalar
from simdsl.plan.outcomes import ErrorClass
from simdsl.plan.sql import Dialect, SqlKind, Variable
from simdsl.plan.steps import SqlStep
from simdsl.syntax.problems import ParseError, ParseIssue
from simdsl.syntax.sql_lines import SqlLine, SqlLineParser, split_head


def long_way(text: str, dialect: Dialect) -> SqlLine | tuple[ParseIssue, ...]:
    try:
        return SqlLineParser(dialect).slow(text)[0]
    except ParseError as error:
        return error.issues


def long_step(text: str, dialect: Dialect) -> SqlStep | None:
    line = long_way(text, dialect)
    return (
        SqlStep(task="a", sql=line.sql, expect=line.expect)
        if isinstance(line, SqlLine) and line.sql and line.lint_free
        else None
    )


def short_way(parser: SqlLineParser, text: str) -> SqlLine | tuple[ParseIssue, ...]:
    try:
        return parser.parse(text)
    except ParseError as error:
        return error.issues


def test_a_line_has_sql_an_expectation_and_an_arrow() -> None:
    line = SqlLineParser(Dialect.SQLITE).parse("SELECT $x  => (1, 'a')")
    assert line.sql is not None
    assert line.sql.fragments == ("SELECT ", Variable(name="x"))
    assert line.expect == (ExactRows(rows=((Scalar(value=1), Scalar(value="a")),)),)
    assert line.arrow == 11


def test_each_half_may_stand_alone() -> None:
    parser = SqlLineParser(Dialect.SQLITE)
    only_sql = parser.parse("COMMIT")
    assert only_sql.expect is None
    assert only_sql.arrow is None
    only_expectation = parser.parse("=> error busy")
    assert only_expectation.sql is None
    assert only_expectation.expect == (ExpectedError(error_class=ErrorClass.BUSY),)


def test_both_halves_are_complained_about() -> None:
    with pytest.raises(ParseError) as caught:
        SqlLineParser(Dialect.SQLITE).parse("SELECT $Upper => 3 rws")
    assert [trouble.code for trouble in caught.value.issues] == [Code.G104, Code.G201]


def test_offsets_are_those_of_the_line() -> None:
    text = "UPDATE t SET v = 2 =>  3 affectd"
    with pytest.raises(ParseError) as caught:
        SqlLineParser(Dialect.SQLITE).parse(text)
    trouble = caught.value.issues[0]
    assert text[trouble.start : trouble.end] == "affectd"


def test_a_template_keeps_literals_apart() -> None:
    parser = SqlLineParser(Dialect.SQLITE)
    first = parser.parse("INSERT INTO t VALUES (1, 'a') => 1 affected")
    second = parser.parse("INSERT INTO t VALUES (22, 'it''s') => 2 affected")
    assert first.sql is not None
    assert second.sql is not None
    assert (first.sql.text, second.sql.text) == ("INSERT INTO t VALUES (1, 'a')", "INSERT INTO t VALUES (22, 'it''s')")
    assert first.expect != second.expect
    assert second.sql.kind is SqlKind.DML


def test_a_long_run_is_matched_as_a_whole() -> None:
    texts = [f"INSERT INTO t VALUES ({n}, 'it''s {n}') => {n % 3} affected" for n in range(400)]
    texts += ["COMMIT", "INSERT INTO t VALUES (1, 2) => 1 affected", *texts, "INSERT INTO t VALUES (07, '') => 1 affected"]
    parser = SqlLineParser(Dialect.SQLITE)
    assert [parser.parse(text) for text in texts] == [long_way(text, Dialect.SQLITE) for text in texts]


def test_split_head() -> None:
    assert split_head("a from main => error busy") == ("a from main ", " error busy", 14)
    assert split_head("a") == ("a", None, 1)
    assert split_head("=> ok") == ("", " ok", 2)


def test_a_line_is_a_step_unless_more_need_be_looked_at() -> None:
    parser = SqlLineParser(Dialect.SQLITE)
    texts = [f"SELECT v FROM t WHERE id = {n} => 'v{n}'" for n in range(300)]
    texts += ["SELECT 1", "SELECT $x => 1", "SELECT 1 => ?x", "SELECT 1 => nonsense", "=> 1", texts[0]]
    assert [parser.step("a", text) for text in texts] == [long_step(text, Dialect.SQLITE) for text in texts]
    assert [long_step(text, Dialect.SQLITE) is None for text in texts[300:]] == [False, True, True, True, True, False]


# Rule 53. Lines are made of pieces that matter to one lexer or the other, and then of the same pieces with other literals.

LITERALS = st.sampled_from(
    [
        "0", "1", "42", "007", "9223372036854775807", "9" * 19, "1.5", "1e3",
        "''", "'a'", "'it''s'", "'a => b'", "'\\'", "'$x'", "'--'",
    ]
)  # fmt: skip
PIECES = st.sampled_from(
    [
        "SELECT ", "INSERT INTO t VALUES (", "BEGIN", "SAVEPOINT s", "CREATE TABLE t", ")", "(", "[", "]", ", ", " ", "\n",
        " -- ", "/* ", " */", '"', "`", "'", "$x", "$", "$$", "$a$", "t1", "t", "x", "E", "-", ";", " => ", " =>\n", "=>",
        " => (", " or ", " affected", " rows", " in order", " => error ", "error native ", "contains ", "date ", "x", "?v",
        "_", ".", ":", "@", "#", "NULL", " ORDER BY ", "/", "/x/", "same as l",
    ]
)  # fmt: skip
HOLE = object()
SHAPES = st.lists(PIECES | st.just(HOLE), max_size=14)
USUAL = st.sampled_from(
    [
        ["INSERT INTO t VALUES (", HOLE, ", ", HOLE, ") => ", HOLE, " affected"],
        ["SELECT v FROM t WHERE id = ", HOLE, " => ", HOLE],
        ["SELECT ", HOLE, ", $x => (", HOLE, ", -", HOLE, ", _), (", HOLE, ", ?y, NULL) in order"],
        ["SELECT $x || ", HOLE, " || $y || ", HOLE, "; -- ", HOLE, "\n => contains ", HOLE, ", ", HOLE],
        ["SELECT ", HOLE, " => error native ", HOLE, " or ", HOLE],
        ["=> ", HOLE],
        ["SELECT -- ", HOLE, "\n ", HOLE],
    ]
)


def filled(shape: list[object], literals: list[str]) -> str:
    rest = iter(literals)
    return "".join(next(rest, "7") if piece is HOLE else str(piece) for piece in shape)


@given(
    shape=SHAPES | USUAL,
    fillings=st.lists(st.lists(LITERALS, min_size=8, max_size=8), min_size=2, max_size=4),
    dialect=st.sampled_from(Dialect),
)
@example(
    shape=["SELECT x", HOLE, HOLE, " => ", HOLE], fillings=[["'1'", "1", "1"], ["''", "1", "1"]], dialect=Dialect.SQLITE
)
@example(shape=["SELECT ", HOLE, " => ", HOLE], fillings=[["1", "1"], ["'a'", "'b'"], ["1", "'b'"]], dialect=Dialect.SQLITE)
@example(shape=['SELECT "', HOLE, '" => ', HOLE], fillings=[["'", "1"], ["'a'", "2"]], dialect=Dialect.SQLITE)
@example(shape=["SELECT E", HOLE, " => ", HOLE], fillings=[["'a'", "1"], ["'\\'", "2"]], dialect=Dialect.POSTGRES)
@example(shape=["SELECT -- ", HOLE, "\n "], fillings=[["0"], ["'a => b'"]], dialect=Dialect.SQLITE)
@example(shape=["SELECT ", HOLE, "$x"], fillings=[["0"], ["''"]], dialect=Dialect.SQLITE)
@example(shape=["SELECT ", HOLE, " => -", HOLE], fillings=[["1", "0"], ["1", "5"]], dialect=Dialect.SQLITE)
def test_rule_53_templates_and_the_long_way_agree(shape: list[object], fillings: list[list[str]], dialect: Dialect) -> None:
    parser, eager, stepping = SqlLineParser(dialect), SqlLineParser(dialect, long_run=0), SqlLineParser(dialect, long_run=0)
    for literals in fillings:
        text = filled(shape, literals)
        expected = long_way(text, dialect)
        for _ in range(2):
            assert short_way(parser, text) == expected
            assert short_way(eager, text) == expected
            assert stepping.step("a", text) == long_step(text, dialect)


@given(texts=st.lists(st.text(alphabet="S 1'a\"$x=>(),\n-/*;", max_size=16), max_size=6), dialect=st.sampled_from(Dialect))
def test_rule_53_on_any_text(texts: list[str], dialect: Dialect) -> None:
    parser = SqlLineParser(dialect, long_run=0)
    for text in texts * 2:
        assert short_way(parser, text) == long_way(text, dialect)


def test_rule_53_wrong_lines_are_refused_both_times() -> None:
    parser = SqlLineParser(Dialect.SQLITE)
    parser.parse("SELECT 1 => 1 rows")
    for _ in range(2):
        with pytest.raises(ParseError):
            parser.parse("SELECT 1 => 'a' rows")
