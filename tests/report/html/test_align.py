"""Two backends side by side: which steps stand in one row."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simdsl.report.html.lanes import AlignedRow, aligned_rows
from simdsl.report.html.timeline import ItemKind, Timeline, TimelineItem


def side(steps: Sequence[str]) -> Timeline:
    """A letter a step; a dot is a note."""
    items = [
        TimelineItem(kind=ItemKind.NOTE if step == "." else ItemKind.STEP, task="a", what=step, path=("steps", ord(step)))
        for step in steps
    ]
    return Timeline(items=tuple(items), spans=(), tasks=("a",))


def shown(left: str, right: str) -> list[str]:
    rows = aligned_rows([side(left), side(right)])
    return [f"{'-' if i is None else left[i]}{'-' if j is None else right[j]}" for i, j in rows]


@pytest.mark.parametrize(
    ("left", "right", "rows"),
    [
        ("", "", []),
        ("abc", "abc", ["aa", "bb", "cc"]),
        ("abc", "ac", ["aa", "b-", "cc"]),
        ("ac", "abc", ["aa", "-b", "cc"]),
        ("ab", "xy", ["a-", "b-", "-x", "-y"]),
        ("aab", "ab", ["aa", "a-", "bb"]),
        ("a.b", "ab", ["aa", ".-", "bb"]),
        ("a.b", "a.b", ["aa", "..", "bb"]),
        ("abcd", "bcda", ["a-", "bb", "cc", "dd", "-a"]),
    ],
)
def test_the_same_steps_stand_beside_each_other(left: str, right: str, rows: list[str]) -> None:
    assert shown(left, right) == rows


def test_one_side_is_as_it_is() -> None:
    assert aligned_rows([side("a.b")]) == [(0,), (1,), (2,)]


def in_order(rows: Sequence[AlignedRow], number: int, many: int) -> bool:
    return [row[number] for row in rows if row[number] is not None] == list(range(many))


@given(st.text("abcdef.", max_size=30), st.text("abcdef.", max_size=30))
def test_nothing_is_lost_or_moved(left: str, right: str) -> None:
    rows = aligned_rows([side(left), side(right)])
    assert in_order(rows, 0, len(left))
    assert in_order(rows, 1, len(right))
    assert all(i is not None or j is not None for i, j in rows)
    assert all(left[i] == right[j] for i, j in rows if i is not None and j is not None)
