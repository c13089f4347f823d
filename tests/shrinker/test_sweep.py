"""The search alone."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from simdsl.shrinker.deletion import bisect_removal


@given(st.integers(0, 60), st.sets(st.integers(0, 59), max_size=6))
def test_what_must_stay_stays_and_nothing_else(n: int, needed: set[int]) -> None:
    needed &= set(range(n))
    gone: Sequence[int] = ()
    for gone in bisect_removal(range(n), lambda units: not needed & set(units)):
        assert not needed & set(gone)
    assert set(range(n)) - set(gone) == needed


@given(st.integers(1, 40), st.sets(st.sets(st.integers(0, 39), min_size=1, max_size=3).map(frozenset), max_size=4))
def test_each_answer_is_a_selection_that_was_seen_to_fail(n: int, groups: set[frozenset[int]]) -> None:
    """Groups of units of which one must stay: not every selection that is smaller fails."""
    seen: list[tuple[int, ...]] = []

    def fails(units: Sequence[int]) -> bool:
        failing = all(not group <= set(units) for group in groups)
        if failing:
            seen.append(tuple(units))
        return failing

    for gone in bisect_removal(range(n), fails):
        assert tuple(gone) in seen
        assert list(gone) == sorted(gone)


def test_few_among_many_cost_little() -> None:
    asked = 0

    def fails(units: Sequence[int]) -> bool:
        nonlocal asked
        asked += 1
        return not {17, 500, 941} & set(units)

    *_, gone = bisect_removal(range(1000), fails)
    assert len(gone) == 997
    assert asked < 40
