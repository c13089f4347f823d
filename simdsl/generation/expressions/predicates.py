"""Predicates that hold for a given row (Rigger and Su, Testing Database Engines via Pivoted Query Synthesis, 2020)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from simdsl.generation.expressions.drawing import Place, draw_expression
from simdsl.generation.expressions.evaluation import Undefined, evaluate
from simdsl.generation.expressions.ir import TRUE, Column, Expression, IsNull, Not, SqlType
from simdsl.generation.expressions.values import Rates
from simdsl.plan.values import Value


def draw_predicate_true_for(
    row: Mapping[str, Value], *, seed: int, place: Place, columns: Sequence[Column], depth: int, rates: Rates
) -> Expression:
    """A condition that is TRUE for the row, which holds every column by name."""
    drawn = draw_expression(seed=seed, place=place, wanted=SqlType.BOOLEAN, columns=columns, depth=depth, rates=rates)
    return rectified(drawn, row) or TRUE


def rectified(condition: Expression, row: Mapping[str, Value]) -> Expression | None:
    """The condition, its NOT or its IS NULL, whichever is TRUE for the row; None where it is undefined."""
    match evaluate(condition, row):
        case True:
            return condition
        case False:
            return Not(operand=condition)
        case None:
            return IsNull(operand=condition)
        case Undefined():
            return None
        case other:
            raise TypeError(f"{other!r} is no truth value")
