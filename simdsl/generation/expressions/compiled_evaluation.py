"""Conditions as functions of a row: what ``evaluation`` says, several times faster where many rows are asked.

Only nodes that are never ``Undefined`` become functions, so that AND and OR may stop early. An expression with any other
node in it is evaluated whole.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, TypeAlias

from simdsl.generation.expressions.evaluation import LOWER, Undefined, evaluate, like_pattern
from simdsl.generation.expressions.ir import (
    Between,
    ColumnRef,
    Compare,
    Connective,
    InList,
    IsDistinct,
    IsNull,
    IsTruth,
    Like,
    Literal,
    Logic,
    Not,
    Parameter,
    SqlExpression,
)
from simdsl.plan.expectations import ComparisonOperator
from simdsl.plan.values import Value

RowTuple: TypeAlias = Sequence[Value]


CompiledExpression: TypeAlias = Callable[[RowTuple], Value | Undefined]


# Of the type that the node's type says, as in evaluation.
_Part: TypeAlias = Callable[[RowTuple], Any]


def compile_expression(
    expression: SqlExpression, positions: Mapping[str, int], parameters: Mapping[str, Value]
) -> CompiledExpression:
    """What the expression is worth, as a function of a row that holds each column at its position.

    Agrees with ``evaluate``. ``KeyError`` for a column or a parameter that the mappings lack, perhaps not before the call.
    """
    try:
        return _part(expression, positions, parameters)
    except _NotCompilable:
        pass

    def whole(row: RowTuple) -> Value | Undefined:
        return evaluate(expression, {name: row[i] for name, i in positions.items()}, parameters)

    return whole


class _NotCompilable(Exception):
    """There is a node that no function is made of."""


def _part(node: SqlExpression, positions: Mapping[str, int], given: Mapping[str, Value]) -> _Part:
    match node:
        case ColumnRef():
            return operator.itemgetter(positions[node.name])
        case Literal():
            value = node.value
            return lambda row: value
        case Parameter():
            bound = given[node.name]
            return lambda row: bound
        case Compare():
            return _compare(node, positions, given)
        case Logic():
            left, right = _part(node.left, positions, given), _part(node.right, positions, given)
            return _joined(left, right, decides=node.connective is Connective.OR)
        case Not():
            return _not(_part(node.operand, positions, given))
        case IsNull(negated=negated):
            operand = _part(node.operand, positions, given)
            return lambda row: (operand(row) is None) is not negated
        case IsTruth(truth=truth, negated=negated):
            operand = _part(node.operand, positions, given)
            return lambda row: (operand(row) is truth) is not negated
        case IsDistinct(negated=negated):
            left, right = _part(node.left, positions, given), _part(node.right, positions, given)
            return lambda row: (left(row) != right(row)) is not negated
        case Between():
            low = Compare(comparison=ComparisonOperator.GE, left=node.operand, right=node.low)
            high = Compare(comparison=ComparisonOperator.LE, left=node.operand, right=node.high)
            within = _joined(_compare(low, positions, given), _compare(high, positions, given), decides=False)
            return _not(within) if node.negated else within
        case InList():
            return _in(node, positions, given)
        case Like():
            return _like(node, _part(node.operand, positions, given))
        case _:
            raise _NotCompilable


def _compare(node: Compare, positions: Mapping[str, int], given: Mapping[str, Value]) -> _Part:
    compare = _COMPARE[node.comparison]
    left, right = _part(node.left, positions, given), _part(node.right, positions, given)

    def compared(row: RowTuple) -> bool | None:
        one, other = left(row), right(row)
        return None if one is None or other is None else compare(one, other)

    return compared


def _joined(left: _Part, right: _Part, *, decides: bool) -> _Part:
    def joined(row: RowTuple) -> Any:
        one = left(row)
        if one is decides:
            return decides
        other = right(row)
        if other is decides:
            return decides
        return None if one is None or other is None else not decides

    return joined


def _not(operand: _Part) -> _Part:
    def negated(row: RowTuple) -> bool | None:
        value = operand(row)
        return None if value is None else not value

    return negated


def _in(node: InList, positions: Mapping[str, int], given: Mapping[str, Value]) -> _Part:
    operand, items = _part(node.operand, positions, given), [_part(item, positions, given) for item in node.items]

    def found(row: RowTuple) -> bool | None:
        value = operand(row)
        if value is None:
            return None
        values = [item(row) for item in items]
        # Values of one type, so == is SQL's, and NULL equals none of them.
        return True if value in values else (None if None in values else False)

    return _not(found) if node.negated else found


def _like(node: Like, operand: _Part) -> _Part:
    pattern, negated, exact = re.compile(like_pattern(node), re.DOTALL), node.negated, node.exact

    def like(row: RowTuple) -> bool | None:
        text = operand(row)
        if text is None:
            return None
        return (pattern.fullmatch(text if exact else text.translate(LOWER)) is not None) is not negated

    return like


_COMPARE: Final = MappingProxyType[ComparisonOperator, Callable[[Any, Any], bool]](
    {
        ComparisonOperator.EQ: operator.eq,
        ComparisonOperator.NE: operator.ne,
        ComparisonOperator.LT: operator.lt,
        ComparisonOperator.LE: operator.le,
        ComparisonOperator.GT: operator.gt,
        ComparisonOperator.GE: operator.ge,
    }
)
