"""Expected and got, cell by cell."""

from __future__ import annotations

import pytest

from simdsl.report.failure_text import RowPair, compare_rows, pair_rows, parse_rows, split_cells
from simdsl.report.screen import Screen, cell_width

WIDE = Screen()


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("(1)", ("1",)),
        ("(1, 'a, (b)', NULL)", ("1", "'a, (b)'", "NULL")),
        ("('it''s', x'00ff')", ("'it''s'", "x'00ff'")),
        ("1", None),
        ("error busy", None),
    ],
)
def test_cells_of_a_row(row: str, expected: tuple[str, ...] | None) -> None:
    assert split_cells(row) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("(1, 'a'), (2, NULL)", [("1", "'a'"), ("2", "NULL")]),
        ("1, 2 in order", [("1",), ("2",)]),
        ("-1.5, date '2026-01-31' in any order", [("-1.5",), ("date '2026-01-31'",)]),
        ("(?x, _)", [("?x", "_")]),
        ("3 affected", None),
        ("1 or 2", None),
        ("empty", None),
        ("contains (1, 2)", None),
        ("error busy", None),
    ],
)
def test_rows_of_an_expectation(text: str, expected: list[tuple[str, ...]] | None) -> None:
    assert parse_rows(text) == expected


def test_one_row_against_one() -> None:
    assert compare_rows(["(1, 'a', 3)"], ["(1, 'bcd', 3)"], WIDE) == [
        "   expected  (1, 'a'  , 3)",
        "   got       (1, 'bcd', 3)",
        "                 ^^^^^",
    ]


def test_one_value_against_one() -> None:
    assert compare_rows(["0"], ["(7)"], WIDE) == ["   expected  0", "   got       7"]


def test_what_is_no_rows_is_shown_as_it_is() -> None:
    assert compare_rows(["3 affected"], ["error busy native 5", "database is locked"], WIDE) == [
        "   expected  3 affected",
        "   got       error busy native 5",
        "             database is locked",
    ]
    assert compare_rows(["1"], [], WIDE) == ["   - expected, + got", "   - (1)"]
    assert compare_rows(["ok"], [], WIDE) == ["   expected  ok", "   got       nothing"]


def test_a_table_shows_what_differs() -> None:
    lines = compare_rows(["(1, 'a'), (2, 'b'), (3, 'c')"], ["(3, 'c')", "(1, 'a')", "(2, 'x')", "(4, 'd')"], WIDE)
    assert lines == [
        "   - expected, + got",
        "     (1, 'a')",
        "   - (2, 'b')",
        "   + (2, 'x')",
        "         ^^^",
        "     (3, 'c')",
        "   + (4, 'd')",
    ]


def test_rows_that_are_as_expected_are_not_all_shown() -> None:
    expected = ", ".join(f"({i}, 0)" for i in range(10))
    lines = compare_rows([expected], [f"({i}, {1 if i == 9 else 0})" for i in range(10)], WIDE)
    assert lines[-1] == "   ... and 6 more rows as expected"
    assert "   - (9, 0)" in lines


def test_wildcards_meet_everything() -> None:
    assert pair_rows([("_", "?x")], [("1", "2")]) == [RowPair(expected=("_", "?x"), got=("1", "2"))]
    assert pair_rows([("_", "?x")], [("1", "2")])[0].is_same


def test_variables_are_shown_by_their_values() -> None:
    assert compare_rows(["$n"], ["(4)"], WIDE, {"n": "3"}) == ["   expected  3", "   got       4"]


def test_widths_of_columns_and_screen() -> None:
    assert compare_rows(["(1, 2)"], ["(1, 2, 3)"], WIDE)[0] == "   - expected, + got"
    lines = compare_rows(["('漢字', 1), (2, 2)"], ["('" + "x" * 100 + "', 1)", "(2, 2)"], Screen(width=60))
    assert max(map(cell_width, lines)) <= 60
