"""Expressions of depth 3, drawn and printed; those of a generator of plans are part of its 50 us a step."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from bench.measure import Result, cpu_seconds, side_by_side
from simdsl.generation.expressions.drawing import draw_expression
from simdsl.generation.expressions.evaluation import evaluate
from simdsl.generation.expressions.ir import ColumnRef, SqlExpression, SqlType, walk
from simdsl.generation.expressions.printing import printer
from simdsl.generation.expressions.values import SamplingRates, draw_value
from simdsl.plan.sql import Dialect

_COUNT: Final = 2_000
_RATES: Final = SamplingRates()
_COLUMNS: Final = tuple(
    ColumnRef(name=f"c{i}", type=of, narrow=i % 2 == 0)
    for i, of in enumerate((SqlType.INTEGER, SqlType.INTEGER, SqlType.REAL, SqlType.TEXT, SqlType.TEXT, SqlType.BOOLEAN))
)


def results(rounds: int) -> Iterator[Result]:
    """Microseconds a predicate: drawn and printed, and evaluated for a row."""
    drawn = _drawn()
    size = sum(1 for expression in drawn for _ in walk(expression)) / _COUNT
    sides = side_by_side(lambda: cpu_seconds(_printed), lambda: cpu_seconds(_drawn), rounds)
    detail = (
        f"drawing alone takes {_each(sides.peers):.1f} us; {size:.1f} nodes on average; CPU, {_COUNT} predicates of depth 3"
    )
    yield Result(
        what="expressions, drawn and printed", value=_each(sides.ours), unit=" us", budget=50, stretch=30, detail=detail
    )
    row = {column.name: draw_value(seed=1, place=(column.name,), of=column.type, rates=_RATES) for column in _COLUMNS}
    worth = side_by_side(
        lambda: cpu_seconds(lambda: [evaluate(expression, row) for expression in drawn]),
        lambda: cpu_seconds(lambda: [printer(Dialect.SQLITE).text(expression) for expression in drawn]),
        rounds,
    )
    detail = f"printing takes {_each(worth.peers):.1f} us; CPU, the same predicates"
    yield Result(
        what="expressions, evaluated", value=_each(worth.ours), unit=" us", budget=None, stretch=None, detail=detail
    )


def _drawn() -> list[SqlExpression]:
    return [
        draw_expression(seed=1, place=(i,), wanted=SqlType.BOOLEAN, columns=_COLUMNS, depth=3, rates=_RATES)
        for i in range(_COUNT)
    ]


def _printed() -> None:
    for expression in _drawn():
        printer(Dialect.SQLITE).text(expression)


def _each(seconds: float) -> float:
    return seconds / _COUNT * 1e6
