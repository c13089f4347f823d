"""What is drawn: typed, defined, of every form, and the same in every process."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import get_args

import pytest

from simdsl.generation.expressions.drawing import draw_expression
from simdsl.generation.expressions.evaluation import Undefined, evaluate
from simdsl.generation.expressions.ir import (
    Abs,
    Arithmetic,
    ArithmeticOperator,
    Cast,
    ColumnRef,
    Concat,
    Literal,
    Logic,
    Negate,
    NullIf,
    Parameter,
    SqlExpression,
    SqlType,
    operands,
    walk,
    with_operands,
)
from simdsl.generation.expressions.printing import printer
from simdsl.generation.expressions.values import (
    GREATEST_SAFE_REAL,
    NARROW_INTEGER,
    SMALLEST_SAFE_REAL,
    SamplingRates,
    draw_value,
    exponents,
    magnitude,
)
from simdsl.plan.sql import Dialect
from simdsl.plan.values import INT64_MAX, Value
from tests.generation.expressions.agreement import drawn
from tests.generation.expressions.short import A, F, S, equal, lit, math
from tests.generation.expressions.tables import COLUMNS, RATES, WILD, drawn_rows
from tests.generation.expressions.typing_rules import complaint, is_of

_SCRIPT = """
from simdsl.generation.expressions.printing import PRINTERS
from tests.generation.expressions.agreement import drawn
from tests.generation.expressions.tables import WILD, drawn_rows
for expression in drawn(11, 0, 200):
    for printer in PRINTERS.values():
        print(ascii(printer.text(expression)))
print(ascii(drawn_rows(11, 20, WILD)))
"""


def test_two_processes_draw_the_same() -> None:
    told = []
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        done = subprocess.run([sys.executable, "-c", _SCRIPT], capture_output=True, text=True, check=True, env=environment)
        told.append(done.stdout)
    assert told[0] == told[1]
    assert len(told[0].splitlines()) == 401


def test_an_expression_depends_on_its_place_alone() -> None:
    assert drawn(3, 40, 5) == drawn(3, 0, 45)[40:]
    assert drawn(3, 0, 50) != drawn(4, 0, 50)


def test_a_part_depends_on_its_own_place_alone() -> None:
    """Less depth takes parts away and moves none: what stays at the root is of the same form."""
    for i in range(50):
        deep, flat = (
            draw_expression(seed=2, place=(i,), wanted=SqlType.BOOLEAN, columns=COLUMNS, depth=depth, rates=RATES)
            for depth in (3, 1)
        )
        assert type(deep) is type(flat)


def test_all_is_well_typed_and_defined() -> None:
    rows = drawn_rows(8, 5) + drawn_rows(8, 5, WILD, fill=1)
    for expression in drawn(8, 0, 1_500):
        assert complaint(expression) is None
        assert not any(isinstance(evaluate(expression, row), Undefined) for row in rows), expression


def test_every_form_is_drawn() -> None:
    seen = Counter(type(node).__name__ for expression in drawn(8, 0, 3_000) for node in walk(expression))
    forms = {form.__name__ for form in get_args(SqlExpression)} - {"Parameter"}
    assert {name for name, count in seen.items() if count > 20} == forms, seen
    operators = {n.operator for e in drawn(8, 0, 500) for n in walk(e) if isinstance(n, Arithmetic)}
    assert operators == set(ArithmeticOperator)


def test_parts_put_together_are_the_whole() -> None:
    for expression in drawn(8, 0, 500):
        assert with_operands(expression, operands(expression)) == expression


def test_numbers_stay_within_their_reach() -> None:
    rows = drawn_rows(12, 6, WILD)
    for expression in (node for whole in drawn(12, 0, 800) for node in walk(whole)):
        for row in rows:
            value = evaluate(expression, row)
            if isinstance(value, bool) or not value:
                continue
            if isinstance(value, int):
                assert abs(value) <= magnitude(expression)
            elif isinstance(value, float):
                low, high = exponents(expression)
                assert 2.0 ** max(low, -1074) <= abs(value)
                assert high >= 1024 or abs(value) <= 2.0**high


def test_what_is_left_of_two_reals_is_within_reach() -> None:
    rest = math(lit(1.0000000000000002), "-", lit(1.0))
    assert evaluate(rest, {}) == 2.0**-52
    assert exponents(rest).low <= -52


def test_no_number_leaves_its_type_for_any_row() -> None:
    for node in (node for whole in drawn(13, 0, 3_000) for node in walk(whole)):
        match node:
            case Arithmetic(operator=ArithmeticOperator.DIVIDE | ArithmeticOperator.REMAINDER, right=right):
                assert isinstance(right, NullIf) or (isinstance(right, Literal) and right.value), right
        match node:
            case Arithmetic() | Negate() | Abs() if node.type is SqlType.INTEGER:
                assert magnitude(node) <= INT64_MAX, node
            case Arithmetic():
                assert exponents(node).are_safe, node
            case Cast(operand=operand) if operand.type is SqlType.REAL:
                assert exponents(operand).high < 63, node


def test_operands_are_drawn_apart() -> None:
    pairs = [(node.left, node.right) for whole in drawn(8, 0, 2_000) for node in walk(whole) if isinstance(node, Logic)]
    assert sum(left == right for left, right in pairs) < len(pairs) / 5


def test_without_columns_there_are_literals_only() -> None:
    made = [draw_expression(seed=1, place=(i,), wanted=SqlType.BOOLEAN, columns=(), depth=3, rates=RATES) for i in range(50)]
    assert not any(isinstance(node, (ColumnRef, Parameter)) for whole in made for node in walk(whole))


def _values(rates: SamplingRates, of: SqlType, *, narrow: bool = False) -> list[Value]:
    return [draw_value(seed=1, place=(i,), of=of, rates=rates, narrow=narrow) for i in range(2_000)]


_NOTHING = SamplingRates(null=0, zero=0, limit=0, empty=0, unicode=0, long=0, duplicate=0)


@pytest.mark.parametrize(
    ("rates", "of", "low", "high"),
    [
        ({"null": 300}, SqlType.INTEGER, 500, 700),
        ({"null": 1000}, SqlType.BLOB, 2_000, 2_000),
        ({"zero": 300}, SqlType.REAL, 500, 700),
        ({"limit": 300}, SqlType.INTEGER, 300, 700),
        ({"empty": 300}, SqlType.TEXT, 500, 700),
        ({"empty": 300}, SqlType.BLOB, 500, 700),
        ({"unicode": 300}, SqlType.TEXT, 350, 700),
        ({"long": 300}, SqlType.TEXT, 500, 700),
        ({"duplicate": 1000}, SqlType.TEXT, 2_000, 2_000),
    ],
)
def test_rates_are_kept(rates: Mapping[str, int], of: SqlType, low: int, high: int) -> None:
    """In 2,000 values; without the rate there are next to none."""
    (name,) = rates
    assert low <= sum(_is(name, value) for value in _values(replace(_NOTHING, **rates), of)) <= high
    assert sum(_is(name, value) for value in _values(_NOTHING, of)) <= 60


def test_what_cannot_be_null_is_no_oftener_zero() -> None:
    values = [
        draw_value(seed=1, place=(i,), of=SqlType.INTEGER, rates=SamplingRates(null=900, zero=50), nullable=False)
        for i in range(2_000)
    ]
    assert values.count(0) < 200


def test_both_zeros_are_drawn() -> None:
    assert {str(value) for value in _values(WILD, SqlType.REAL) if value == 0} == {"0.0", "-0.0"}


def test_values_are_of_their_type_and_narrow_ones_keep_their_promise() -> None:
    for of in SqlType:
        assert all(is_of(value, of) for value in _values(WILD, of))
        assert None not in [draw_value(seed=1, place=(i,), of=of, rates=WILD, nullable=False) for i in range(300)]
    assert all(
        abs(value) <= NARROW_INTEGER for value in _values(WILD, SqlType.INTEGER, narrow=True) if isinstance(value, int)
    )
    reals = [abs(value) for value in _values(WILD, SqlType.REAL, narrow=True) if isinstance(value, float) and value]
    assert min(reals) >= SMALLEST_SAFE_REAL
    assert max(reals) <= GREATEST_SAFE_REAL


def test_rates_of_expressions_are_kept() -> None:
    def sizes(rates: SamplingRates) -> tuple[int, int, int]:
        made = [
            draw_expression(seed=1, place=(i,), wanted=SqlType.BOOLEAN, columns=COLUMNS, depth=3, rates=rates)
            for i in range(200)
        ]
        found = [node for whole in made for node in walk(whole)]
        return len(found), sum(isinstance(n, ColumnRef) for n in found), sum(isinstance(n, Literal) for n in found)

    assert sizes(SamplingRates(leaf=0))[0] > sizes(SamplingRates(leaf=500))[0] > sizes(SamplingRates(leaf=1000))[0] > 200
    assert sizes(SamplingRates(column=0))[1] == 0
    assert sizes(SamplingRates(column=1000))[1] > 2 * sizes(SamplingRates(column=1000))[2]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (equal(A, S), "Compare: text where it takes integer"),
        (math(S, "+", S), "Arithmetic: text where it takes integer or real"),
        (math(lit(1.0), "%", lit(1.0)), "Arithmetic: real where it takes integer"),
        (Concat(left=S, right=A), "Concat: integer where it takes text"),
        (Cast(operand=S, type=SqlType.INTEGER), "Cast: text is not cast to integer"),
        (equal(F, Literal(type=SqlType.BOOLEAN, value=1)), "Literal: 1 is no boolean"),
    ],
)
def test_a_wrong_type_is_told(wrong: SqlExpression, said: str) -> None:
    assert complaint(wrong) == said


def test_texts_of_a_campaign_are_mostly_distinct() -> None:
    texts = [printer(Dialect.SQLITE).text(expression) for expression in drawn(5, 0, 2_000)]
    assert len(set(texts)) > 1_000


def _is(name: str, value: Value) -> bool:
    match name, value:
        case "null", _:
            return value is None
        case "zero", _:
            return value == 0
        case "limit", int():
            return abs(value) > 1_000_000
        case "empty", str() | bytes():
            return not value
        case "unicode", str():
            return not value.isascii()
        case "long", str():
            return len(value) >= 300
        case "duplicate", _:
            return value in ("a", "A", "ab", "abc")
    return False
