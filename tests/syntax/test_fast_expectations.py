"""The short way to everyday expectations never disagrees with the grammar."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simdsl.syntax.expectations import fast_expectation, parse_expectation
from simdsl.syntax.problems import ParseError

PIECES = (
    *(
        "0",
        "1",
        "-1",
        "-0",
        "10",
        "007",
        "1.5",
        "1e3",
        "9999999999999999999",
        "''",
        "'a'",
        "'it''s'",
        "'a, b'",
        "'=>'",
        "'é'",
    ),
    *(
        "NULL",
        "null",
        "_",
        "true",
        "?x",
        "$x",
        "x'00'",
        "ok",
        "empty",
        "blocks",
        "error",
        "busy",
        "unique_violation",
        "bussy",
    ),
    *(
        "row",
        "rows",
        "affected",
        "column",
        "columns",
        ">=",
        "<=",
        "<",
        ">",
        "=",
        "or",
        "in order",
        "/x/",
        "(",
        ")",
        ", ",
        " ",
    ),
)


def _by_grammar(text: str) -> object:
    try:
        return parse_expectation(text)
    except ParseError:
        return None


@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
def test_it_agrees_with_the_grammar_on_pieces(text: str) -> None:
    usual = fast_expectation(text)
    assert usual is None or usual == _by_grammar(text)


@given(st.lists(st.sampled_from(PIECES), min_size=1, max_size=4).map(", ".join).map(lambda row: f"({row})"))
def test_it_agrees_with_the_grammar_on_rows(text: str) -> None:
    usual = fast_expectation(text)
    assert usual is None or usual == _by_grammar(text)


@given(st.text())
def test_it_agrees_with_the_grammar_on_any_text(text: str) -> None:
    usual = fast_expectation(text)
    assert usual is None or usual == _by_grammar(text)


@pytest.mark.parametrize(
    "text",
    [
        "ok",
        "blocks",
        "empty",
        "1 affected",
        ">= 2 rows",
        "0 columns",
        "error busy",
        "1",
        "-3, 4",
        "(1, 'it''s', NULL, _)",
        "(1, 'a'), (2, '')",
        "NULL",
    ],
)
def test_everyday_forms_take_the_short_way(text: str) -> None:
    assert fast_expectation(text) == parse_expectation(text)


@pytest.mark.parametrize("text", ["error bussy", "1 or 2", "(1, 2), 3", "1.5", "?x", "1 in order", "error", "1 affectd", ""])
def test_everything_else_is_for_the_grammar(text: str) -> None:
    assert fast_expectation(text) is None
