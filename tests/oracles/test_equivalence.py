"""What two engines may call by different names: for each rule what it lets through and what it must not."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simdsl.oracles.equivalence import ACROSS, IDENTICAL, NEAR_ZERO, RULES, TOLERANCE
from simdsl.plan.values import Row, Value

NAN = float("nan")

SAME: list[tuple[str, Value, Value]] = [
    ("boolean", True, 1),
    ("boolean", False, 0),
    ("exact-number", 3, Decimal(3)),
    ("exact-number", 3, Decimal("3.00")),
    ("exact-number", 2**63 - 1, Decimal(2**63 - 1)),
    ("whole-real", 3, 3.0),
    ("whole-real", 0, -0.0),
    ("real", 0.1 + 0.2, 0.3),
    ("real", 0.1 + 0.2, Decimal("0.3")),
    ("real", 1 / 3, Decimal("0.33333333333333333333")),
    ("real", float("inf"), Decimal("Infinity")),
    ("real", NAN, Decimal("NaN")),
    ("real", 0.1 + 0.2 - 0.3, Decimal("0.0")),
    ("moment", date(2024, 2, 29), "2024-02-29"),
    ("moment", time(9, 5), "09:05:00"),
    ("moment", datetime(2024, 2, 29, 9, 5), "2024-02-29 09:05:00"),
    ("moment", datetime(2024, 2, 29, 9, 5), "2024-02-29T09:05"),
    ("moment", datetime(2024, 2, 29), "2024-02-29"),
    ("moment", datetime(2024, 2, 29, 9, 5, 0, 500_000), "2024-02-29 09:05:00.500"),
    ("moment", datetime(2024, 2, 29, 9, 5, tzinfo=UTC), "2024-02-29 09:05:00"),
    ("moment", datetime(2024, 2, 29, 9, 5, tzinfo=UTC), "2024-02-29 10:05:00+01:00"),
    ("bytes", b"abc", "abc"),
    ("bytes", "ä".encode(), "ä"),
    ("padding", "ab", "ab   "),
    ("padding", "", "  "),
    ("json", '{"a": 1, "b": [true, null]}', '{"b":[true,null],"a":1}'),
    ("json", "[1, 2]", "[1,2]"),
]

DIFFERENT: list[tuple[str, Value, Value]] = [
    ("boolean", True, 2),
    ("boolean", True, 1.0),
    ("boolean", False, None),
    ("boolean", True, "true"),
    ("boolean", True, "1"),
    ("exact-number", 3, Decimal("3.0000000001")),
    ("exact-number", 2**53 + 1, Decimal(2**53)),
    ("whole-real", 3, 3.0000000001),
    ("whole-real", 2**53 + 1, float(2**53)),
    ("whole-real", 3, "3"),
    ("real", 1.0, 1.00000001),
    ("real", 1.0, Decimal("1.00000001")),
    ("real", 0.0, 1e-13),  # between two reals nothing is lost near zero
    ("real", 1e-300, 0.0),
    ("real", 1e-11, Decimal(0)),
    ("real", float("inf"), float("-inf")),
    ("real", float("inf"), 1.7e308),
    ("real", NAN, 0.0),
    ("real", NAN, None),
    ("real", 1.5, "1.5"),
    ("exact-number", Decimal("1.5"), Decimal("1.51")),
    ("moment", date(2024, 2, 29), "2024-02-28"),
    ("moment", date(2024, 2, 29), "2024-02-29 09:05:00"),
    ("moment", datetime(2024, 2, 29, 9, 5), "2024-02-29 09:05:01"),
    ("moment", datetime(2024, 2, 29, 9, 5), "2024-02-29 09:05:00+00:00"),
    ("moment", datetime(2024, 2, 29, 9, 5, tzinfo=UTC), "2024-02-29 09:05:00+01:00"),
    ("moment", time(9, 5), "09:05:01"),
    ("moment", time(9, 5), "soon"),
    ("moment", datetime(2024, 2, 29), 1709164800),
    ("bytes", b"abc", "abd"),
    ("bytes", b"\xff", "ÿ"),
    ("bytes", b"abc", "x'616263'"),
    ("padding", "ab", " ab"),
    ("padding", "ab", "ab\t"),
    ("padding", "a b", "ab"),
    ("padding", "", None),
    ("json", '{"a": 1}', '{"a": true}'),
    ("json", '{"a": 1}', '{"a": 1.0}'),
    ("json", "[1, 2]", "[2, 1]"),
    ("json", '{"a": 1}', '{"a": 1, "b": 2}'),
    ("json", "{a", "{ a"),
    ("json", '"a"', '"A"'),
]


@pytest.mark.parametrize(("rule", "left", "right"), SAME)
def test_a_rule_lets_through_what_it_says(rule: str, left: Value, right: Value) -> None:
    (found,) = (one for one in RULES if one.name == rule)
    assert found.holds(left, right) or found.holds(right, left)
    assert ACROSS.cells(left, right)
    assert ACROSS.cells(right, left)


@pytest.mark.parametrize(("rule", "left", "right"), SAME)
def test_between_two_of_a_kind_no_rule_holds(rule: str, left: Value, right: Value) -> None:
    assert not IDENTICAL.cells(left, right)
    assert not IDENTICAL.bags([(left,)], [(right,)])


@pytest.mark.parametrize(("rule", "left", "right"), DIFFERENT)
def test_no_rule_lets_through_anything_else(rule: str, left: Value, right: Value) -> None:
    assert not ACROSS.cells(left, right)
    assert not ACROSS.cells(right, left)


def test_every_rule_is_tried_both_ways() -> None:
    names = [rule.name for rule in RULES]
    assert sorted({name for name, _, _ in SAME}) == sorted(names)
    assert sorted({name for name, _, _ in DIFFERENT}) == sorted(names)
    assert all(rule.says and rule.why for rule in RULES)


def test_what_is_identical_everywhere() -> None:
    for equal in (IDENTICAL, ACROSS):
        assert equal.cells(None, None)
        assert equal.cells(NAN, NAN)
        assert equal.cells(-0.0, 0.0)
        assert equal.cells(Decimal("1.50"), Decimal("1.5"))
        for other in (0, 0.0, "", b"", False, NAN, Decimal(0)):
            assert not equal.cells(None, other)


def test_the_tolerance_is_relative_and_as_stated() -> None:
    for scale in (1e-200, 1e-3, 1.0, 1e12, 1e300):
        assert ACROSS.cells(scale, scale * (1 + TOLERANCE / 2))
        assert not ACROSS.cells(scale, scale * (1 + TOLERANCE * 2))
        assert not IDENTICAL.cells(scale, scale * (1 + TOLERANCE / 2))
    assert ACROSS.cells(NEAR_ZERO / 2, Decimal(0))
    assert not ACROSS.cells(NEAR_ZERO * 2, Decimal(0))


def test_the_rules_that_are_written_down_name_the_tolerances() -> None:
    (real,) = (rule for rule in RULES if rule.name == "real")
    assert f"{TOLERANCE:g}" in real.says
    assert f"{NEAR_ZERO:g}" in real.says


def test_a_bag_counts_its_duplicates() -> None:
    rows: list[Row] = [(1, "a"), (1, "a"), (2, None)]
    for order in permutations(rows):
        assert ACROSS.bags(rows, order)
        assert IDENTICAL.bags(rows, order)
    for other in ([(1, "a"), (2, None), (2, None)], [(1, "a"), (2, None)], [*rows, (2, None)], []):
        assert not ACROSS.bags(rows, other)
        assert not IDENTICAL.bags(rows, other)


def test_rows_of_different_widths_are_different() -> None:
    assert not ACROSS.rows((1,), (1, None))
    assert not ACROSS.bags([(1,)], [(1, 1)])
    assert ACROSS.bags([], [])


def test_a_sequence_has_an_order() -> None:
    assert ACROSS.sequences([(1,), (2,)], [(1.0,), (2.0,)])
    assert not ACROSS.sequences([(1,), (2,)], [(2,), (1,)])


def test_values_that_the_tolerance_makes_one_are_found_where_sorting_parts_them() -> None:
    left: list[Row] = [(1.0, "b"), (1.0000000001, "a")]
    right: list[Row] = [(1.0000000001, "b"), (1.0, "a")]
    assert ACROSS.bags(left, right)
    assert not IDENTICAL.bags(left, right)


def test_of_many_rows_those_that_are_sorted_apart_are_found_too() -> None:
    plain: list[Row] = [(i, "x") for i in range(1000)]
    left: list[Row] = [*plain, (1.0, "b"), (1.0000000001, "a")]
    right: list[Row] = [(1.0000000001, "b"), *plain[::-1], (1.0, "a")]
    assert ACROSS.bags(left, right)
    assert not ACROSS.bags(left, [*right[:-1], (1.0, "c")])
    assert not ACROSS.bags(left, [*right[:-1], (1.1, "a")])


def test_rows_that_only_their_types_tell_apart_come_in_any_order() -> None:
    rows: list[Row] = [(False, 0), (False, False), (0.0, False)]
    for order in permutations(rows):
        assert IDENTICAL.bags(rows, order)
    assert not IDENTICAL.bags(rows, [rows[0], rows[0], rows[2]])


def test_each_row_is_matched_once() -> None:
    """(1.0) could have either; the other one has no choice."""
    a, b, c = 1.0, 1.0 + 0.8e-9, 1.0 + 1.6e-9  # a is b, b is c, but a is not c
    assert ACROSS.bags([(a,), (b,)], [(b,), (a,)])
    assert ACROSS.bags([(b,), (a,)], [(c,), (b,)])
    assert not ACROSS.bags([(a,), (a,)], [(b,), (c,)])


def test_kinds_that_a_rule_makes_one_are_sorted_together() -> None:
    left: list[Row] = [(True,), (0,), (None,), ("ab",), (b"xy",)]
    right: list[Row] = [("ab  ",), (None,), (1,), (False,), ("xy",)]
    assert ACROSS.bags(left, right)


_VALUES: st.SearchStrategy[Value] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-9, 9),
    st.floats(allow_nan=True),
    st.text("ab ", max_size=3),
    st.binary(max_size=2),
    st.decimals(allow_nan=False, allow_infinity=False, min_value=-9, max_value=9, places=1),
    st.dates(),
    st.datetimes(),
)


@given(
    st.lists(st.tuples(_VALUES, _VALUES), max_size=6).flatmap(lambda rows: st.tuples(st.just(rows), st.permutations(rows)))
)
def test_a_bag_is_itself_in_any_order(both: tuple[list[Row], list[Row]]) -> None:
    rows, shuffled = both
    assert IDENTICAL.bags(rows, shuffled)
    assert ACROSS.bags(rows, shuffled)


@given(_VALUES, _VALUES)
def test_rules_only_add_and_have_no_direction(left: Value, right: Value) -> None:
    assert IDENTICAL.cells(left, right) <= ACROSS.cells(left, right)
    assert ACROSS.cells(left, right) == ACROSS.cells(right, left)
    assert ACROSS.bags([(left,)], [(right,)]) == ACROSS.cells(left, right)
