"""Compiled expressions are worth what the evaluator says."""

from __future__ import annotations

import pytest

from simdsl.generation.expressions.drawing import draw_expression
from simdsl.generation.expressions.evaluation import Undefined, compile_expression, evaluate
from simdsl.generation.expressions.ir import InList, Like, Not, Parameter, SqlExpression, SqlType
from tests.generation.expressions.short import A, S, equal, lit, math, null
from tests.generation.expressions.tables import COLUMNS, WILD, drawn_rows

ROWS = drawn_rows(5, 12, WILD)
NAMES = tuple(column.name for column in COLUMNS)
POSITIONS = {name: i for i, name in enumerate(NAMES)}


@pytest.mark.parametrize("depth", [1, 2, 4])
@pytest.mark.parametrize("wanted", list(SqlType))
def test_what_is_drawn_is_worth_the_same(wanted: SqlType, depth: int) -> None:
    told = set[object]()
    for number in range(150):
        drawn = draw_expression(seed=7, place=("compiled", number), wanted=wanted, columns=COLUMNS, depth=depth, rates=WILD)
        worth = compile_expression(drawn, POSITIONS, {})
        for row in ROWS:
            expected = evaluate(drawn, row)
            assert worth(tuple(row[name] for name in NAMES)) == expected, drawn
            told.add(expected)
    assert len(told) > 2


@pytest.mark.parametrize(
    ("expression", "row", "value"),
    [
        (InList(operand=A, items=(lit(1), null())), (2, None), None),
        (InList(operand=A, items=(lit(2), null()), negated=True), (2, None), False),
        (InList(operand=A, items=(lit(1),)), (None, None), None),
        (Like(operand=S, pattern="a_%", exact=False), (0, "AB\n"), True),
        (Like(operand=S, pattern="a_%", exact=True), (0, "AB"), False),
        (Not(operand=Like(operand=S, pattern="%", exact=False)), (0, None), None),
        (equal(A, Parameter(name="p", type=SqlType.INTEGER)), (3, None), True),
        (equal(A, Parameter(name="n", type=SqlType.INTEGER)), (3, None), None),
    ],
    ids=str,
)
def test_value(expression: SqlExpression, row: tuple[int | None, str | None], value: bool | None) -> None:
    assert compile_expression(expression, {"a": 0, "s": 1}, {"p": 3, "n": None})(row) is value


def test_what_is_undefined_stays_so() -> None:
    assert isinstance(compile_expression(equal(math(A, "/", lit(0)), lit(1)), {"a": 0}, {})((1,)), Undefined)


def test_a_column_that_is_not_there() -> None:
    with pytest.raises(KeyError):
        compile_expression(equal(A, lit(1)), {}, {})
