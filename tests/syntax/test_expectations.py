"""Rules 11-21: every form of expectation."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simdsl.plan.codes import Code
from simdsl.plan.expectations import (
    Alternative,
    Binding,
    Blocks,
    Cell,
    ComparisonOperator,
    Contains,
    Count,
    CountUnit,
    ExactRows,
    Excludes,
    ExpectedError,
    FixedPoint,
    LiteralType,
    Ok,
    RowOrder,
    SameAs,
    Scalar,
    TypedLiteral,
    Wildcard,
)
from simdsl.plan.outcomes import ErrorClass
from simdsl.plan.sql import Variable
from simdsl.syntax.expectations import bound_names, parse_expectation, read_names
from simdsl.syntax.problems import ParseError, ParseIssue


def one(text: str) -> Alternative:
    (alternative,) = parse_expectation(text)
    return alternative


def cell(text: str) -> Cell:
    alternative = one(text)
    assert isinstance(alternative, ExactRows)
    ((found,),) = alternative.rows
    return found


def trouble(text: str) -> ParseIssue:
    with pytest.raises(ParseError) as caught:
        parse_expectation(text)
    return caught.value.issues[0]


def ints(*values: int) -> tuple[Scalar, ...]:
    return tuple(Scalar(value=value) for value in values)


def test_ok_and_blocks() -> None:
    assert one("ok") == Ok()
    assert one("blocks") == Blocks()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("-3", -3),
        ("0", 0),
        ("9223372036854775807", 2**63 - 1),
        ("-9223372036854775808", -(2**63)),
        ("1e3", 1000.0),
        ("-2.5e-1", -0.25),
        ("inf", math.inf),
        ("-inf", -math.inf),
        ("'x'", "x"),
        ("''", ""),
        ("'it''s'", "it's"),
        ("NULL", None),
        ("null", None),
        ("true", True),
        ("FALSE", False),
        ("x'00fF'", b"\x00\xff"),
        ("X''", b""),
    ],
)
def test_rules_11_12_13_20_plain_cells(text: str, value: object) -> None:
    found = cell(text)
    assert isinstance(found, Scalar)
    assert type(found.value) is type(value)
    assert found.value == value


def test_rule_11_nan_exists() -> None:
    found = cell("nan")
    assert isinstance(found, Scalar)
    assert isinstance(found.value, float)
    assert math.isnan(found.value)


@pytest.mark.parametrize("text", ["3.0", "-0.0", "12.50"])
def test_rule_11_a_point_makes_it_no_integer(text: str) -> None:
    assert cell(text) == FixedPoint(text=text)


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("date '2026-01-31'", LiteralType.DATE, "2026-01-31"),
        ("time '23:59:59.5'", LiteralType.TIME, "23:59:59.5"),
        ("timestamp '2026-01-31 00:00:00'", LiteralType.TIMESTAMP, "2026-01-31 00:00:00"),
        ("decimal '12.50'", LiteralType.DECIMAL, "12.50"),
    ],
)
def test_rule_12_typed_cells(text: str, kind: LiteralType, value: str) -> None:
    assert cell(text) == TypedLiteral(kind=kind, text=value)


@pytest.mark.parametrize(
    "text", ["date '2026-13-01'", "time '25:00'", "timestamp 'now'", "decimal 'x'", "decimal '1_0'", "decimal 'nan'"]
)
def test_rule_12_typed_cells_have_values_of_that_type(text: str) -> None:
    assert trouble(text).code is Code.G203


@pytest.mark.parametrize("text", ["x'0'", "x'0g'", "007", "-01", "9223372036854775808", "00.5"])
def test_what_is_no_value_is_refused(text: str) -> None:
    assert trouble(text).code is Code.G203


def test_anything_bind_and_variable() -> None:
    assert one("(_, ?x, $y)") == ExactRows(rows=((Wildcard(), Binding(name="x"), Variable(name="y")),))


def test_rule_14_items_are_rows() -> None:
    assert one("1") == one("(1)") == ExactRows(rows=(ints(1),))
    assert one("1, 2") == ExactRows(rows=(ints(1), ints(2)))
    assert one("(1, 2)") == ExactRows(rows=(ints(1, 2),))
    assert one("(1, 2), (3, 4)") == ExactRows(rows=(ints(1, 2), ints(3, 4)))


@pytest.mark.parametrize("text", ["1, (2, 3)", "(1, 2), (3)", "contains (1, 2), 3"])
def test_rule_14_unequal_widths_are_refused(text: str) -> None:
    assert trouble(text).code is Code.R014


def test_rule_14_empty_is_no_rows() -> None:
    assert one("empty") == one("0 rows") == Count(what=CountUnit.ROWS, comparison=ComparisonOperator.EQ, n=0)


@pytest.mark.parametrize("word", ["row", "rows", "column", "columns", "affected"])
@pytest.mark.parametrize("sign", ["", "= ", ">= ", "<= ", "> ", "< "])
def test_rule_16_counts(word: str, sign: str) -> None:
    what = CountUnit.AFFECTED if word == "affected" else CountUnit(f"{word.removesuffix('s')}s")
    expected = Count(what=what, comparison=ComparisonOperator(sign.strip() or "="), n=3)
    assert one(f"{sign}3 {word}") == expected


def test_rule_16_a_count_may_be_a_variable() -> None:
    assert one(">= $n rows") == Count(what=CountUnit.ROWS, comparison=ComparisonOperator.GE, n=Variable(name="n"))


@pytest.mark.parametrize("text", ["1.5 rows", "1e3 rows"])
def test_rule_16_a_count_is_an_integer(text: str) -> None:
    assert trouble(text).code is Code.G207


@pytest.mark.parametrize("text", ["-1 rows", "!= 3 rows", "<> 3 rows", "3 of rows"])
def test_rule_16_nothing_else_is_a_count(text: str) -> None:
    assert trouble(text).code is Code.G201


def test_rule_17_order_words() -> None:
    assert one("1, 2 in order") == ExactRows(rows=(ints(1), ints(2)), order=RowOrder.IN_ORDER)
    assert one("1 in any order") == ExactRows(rows=(ints(1),), order=RowOrder.ANY_ORDER)
    assert one("same as l in order") == SameAs(label="l", order=RowOrder.IN_ORDER)


@pytest.mark.parametrize("text", ["contains ?x", "excludes (1, ?x)"])
def test_rule_18_nothing_is_bound_in_contains_and_excludes(text: str) -> None:
    found = trouble(text)
    assert found.code is Code.R018
    assert text[found.start : found.end] == "?x"


@pytest.mark.parametrize("text", ["?x or empty", "(?x, ?y) or (?x, 1)", "ok or ?x"])
def test_rule_18_alternatives_bind_the_same_names(text: str) -> None:
    assert trouble(text).code is Code.R118


@pytest.mark.parametrize("text", ["?x or error busy", "blocks or ?x", "(?x, 1) or (2, ?x)", "(?x, ?x)"])
def test_rule_18_but_errors_and_blocks(text: str) -> None:
    assert [name for alternative in parse_expectation(text) for name in bound_names(alternative)][:1] == ["x"]


def test_rule_19_contains_excludes_and_same_as() -> None:
    assert one("contains (1, _)") == Contains(rows=((Scalar(value=1), Wildcard()),))
    assert one("excludes 1, $x") == Excludes(rows=(ints(1), (Variable(name="x"),)))
    assert one("same as whole") == SameAs(label="whole")


def test_rule_20_or_binds_loosest() -> None:
    assert parse_expectation("error busy or 3 rows or 'a or b'") == (
        ExpectedError(error_class=ErrorClass.BUSY),
        Count(what=CountUnit.ROWS, comparison=ComparisonOperator.EQ, n=3),
        ExactRows(rows=((Scalar(value="a or b"),),)),
    )
    assert one("error /a or b/") == ExpectedError(regex="a or b")


@pytest.mark.parametrize("text", ["OK", "Blocks", "3 Rows", "Error busy", "error busy OR ok"])
def test_rule_20_words_are_lower_case(text: str) -> None:
    assert trouble(text).code is Code.G201


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("error", ExpectedError()),
        ("error unique_violation", ExpectedError(error_class=ErrorClass.UNIQUE_VIOLATION)),
        ("error 23505", ExpectedError(sqlstate="23505")),
        ("error 40P01", ExpectedError(sqlstate="40P01")),
        ("error HY000 /x/", ExpectedError(sqlstate="HY000", regex="x")),
        ("error native 2067", ExpectedError(native=2067)),
        ("error native -5 /y/", ExpectedError(native=-5, regex="y")),
        (r"error /a\/b [0-9]+/", ExpectedError(regex=r"a\/b [0-9]+")),
        ("error busy /locked/", ExpectedError(error_class=ErrorClass.BUSY, regex="locked")),
    ],
)
def test_rule_21_errors(text: str, expected: ExpectedError) -> None:
    assert one(text) == expected


def test_rule_21_an_unknown_class_is_refused() -> None:
    found = trouble("error unique_violaton")
    assert found.code is Code.G204
    assert found.help == "did you mean `unique_violation`?"


def test_rule_21_the_regex_is_one() -> None:
    assert trouble("error /(/").code is Code.G205


@pytest.mark.parametrize(
    ("text", "word", "option"),
    [
        ("3 affectd", "affectd", "affected"),
        ("blocs", "blocs", "blocks"),
        ("contians 1", "contians", "contains"),
        ("okay", "okay", "ok"),
        ("1 in ordr", "ordr", "order"),
        ("eror busy", "eror", "error"),
    ],
)
def test_a_wrong_word_is_named_with_the_nearest_one(text: str, word: str, option: str) -> None:
    found = trouble(text)
    assert found.code is Code.G201
    assert text[found.start : found.end] == word
    assert found.help == f"did you mean `{option}`?"


@pytest.mark.parametrize("text", ["", "3 rows or", "(1,", "contains", "same as", "error native", "-"])
def test_what_ends_too_early_says_so(text: str) -> None:
    assert trouble(text).code is Code.G202


@pytest.mark.parametrize("text", ["1 -- so", "1 /* so */"])
def test_rule_02_no_comment_stands_behind_the_arrow(text: str) -> None:
    assert trouble(text).code is Code.G206


def test_an_open_quote_is_named() -> None:
    assert trouble("'abc").code is Code.G101


def test_read_names_are_those_with_a_dollar() -> None:
    assert read_names(parse_expectation("(?x, $y) or error busy or (?x, $z)")) == ("y", "z")
    assert read_names(parse_expectation("$n rows or contains $y")) == ("n", "y")


EXPECTATIONISH = st.lists(
    st.sampled_from(
        [
            "ok", "blocks", "empty", "rows", "affected", "contains", "excludes", "same as", "l", "error", "busy", "or",
            "native", "23505", "/x/", "in order", "in any", "1", "-", "2.5", "1e3", "'a'", "x'00'", "NULL", "(", ")",
            ",", "_", "?x", "$y", ">=", "date", "'2026-01-31'", "inf", "nan", "#", "\n", "'",
        ]
    ),
    max_size=8,
).map(" ".join)  # fmt: skip


@given(text=EXPECTATIONISH | st.text(max_size=30))
def test_any_text_is_an_expectation_or_refused(text: str) -> None:
    try:
        assert parse_expectation(text)
    except ParseError as error:
        for found in error.issues:
            assert 0 <= found.start <= (len(text) if found.end is None else found.end) <= len(text)
