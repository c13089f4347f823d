"""``for``: its arguments, its variable, its iterations."""

from __future__ import annotations

import pytest

from simdsl.plan.codes import Code
from simdsl.plan.expectations import FixedPoint, LiteralType, Scalar, TypedLiteral
from simdsl.plan.sql import Variable
from simdsl.verbs.for_ import EnterLoop, IntegerBounds, ItemList, parse_for
from tests.language.helpers import codes, with_steps
from tests.verbs.helpers import code_of, parses_or_refuses


@pytest.mark.parametrize(
    ("text", "over"),
    [
        ("i in 1..3", IntegerBounds(first=1, last=3)),
        ("i in 1 .. $n", IntegerBounds(first=1, last=Variable(name="n"))),
        ("i in $a..$b", IntegerBounds(first=Variable(name="a"), last=Variable(name="b"))),
        ("i in -2..-1", IntegerBounds(first=-2, last=-1)),
        ("i in 1..0", IntegerBounds(first=1, last=0)),
        ("i in 1..100000", IntegerBounds(first=1, last=100_000)),
        ("i in [1]", ItemList(items=(Scalar(value=1),))),
        (
            "i in ['a', $x, 2.5, NULL, date '2026-01-31']",
            ItemList(
                items=(
                    Scalar(value="a"),
                    Variable(name="x"),
                    FixedPoint(text="2.5"),
                    Scalar(value=None),
                    TypedLiteral(kind=LiteralType.DATE, text="2026-01-31"),
                )
            ),
        ),
    ],
)
def test_rule_48_loops(text: str, over: IntegerBounds | ItemList) -> None:
    head = parse_for(text)
    assert head.variable == "i"
    assert head.over == over


def test_rule_48_a_loop_runs_at_most_100000_times() -> None:
    assert code_of(lambda: parse_for("i in 1..100001")) is Code.R048
    assert code_of(lambda: parse_for("i in -99999..1")) is Code.R048


@pytest.mark.parametrize("text", ["i on 1..2", "i in 1", "i in 1.5..2", "i in []", "1 in 1..2", "i in 1..2 3", "", "i"])
def test_other_loops_are_refused(text: str) -> None:
    assert code_of(lambda: parse_for(text)) in (Code.G201, Code.G202, Code.G203)


def test_any_text_is_a_loop_or_refused() -> None:
    parses_or_refuses(parse_for)


def test_names_of_a_loop() -> None:
    assert codes(with_steps("for: i in 1..$n\ndo:\n  - a: SELECT $i")) == ["N007"]
    assert codes(with_steps("for: i in 1..2\ndo:\n  - a: SELECT $i => $i", "a: SELECT $i")) == ["N007"]
    assert codes(with_steps("for: i in 1..2\ndo:\n  - for: i in 1..2\n    do:\n      - a: SELECT 1")) == ["N009"]


def test_iterations_are_known_before_the_run_where_the_bounds_are() -> None:
    def loop(over: IntegerBounds | ItemList) -> EnterLoop:
        return EnterLoop(task="", path=(), what="for i", variable="i", over=over)

    bound = IntegerBounds(first=1, last=Variable(name="n"))
    assert loop(bound).iterations({"n": 5}) == 5
    assert loop(bound).iterations({}) == 1
    assert loop(IntegerBounds(first=1, last=0)).iterations({}) == 1
    assert loop(ItemList(items=(Scalar(value=1), Scalar(value=2)))).iterations({}) == 2
