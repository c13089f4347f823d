"""How far the numbers of an expression can go, whatever is in the row: so that none needs to leave its type.

A ``narrow`` column or parameter promises an integer within 32 bits, or a real that is zero or between 2**-20 and 2**50
in size. Any other may hold everything that its type can.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final, NamedTuple

from simdsl.generation.expressions.ir import (
    Abs,
    Arithmetic,
    ArithmeticOperator,
    Between,
    CaseBranch,
    Cast,
    Coalesce,
    ColumnRef,
    Extreme,
    Length,
    Literal,
    Negate,
    NullIf,
    Parameter,
    SearchedCase,
    SimpleCase,
    SqlExpression,
    SqlType,
)

NARROW_INTEGER: Final = 2**31


WIDE_INTEGER: Final = 2**63


_LONGEST: Final = 2**31  # no engine holds a longer text


class Exponents(NamedTuple):
    """A real is zero, or its size is between 2**low and 2**high."""

    low: int
    high: int

    @property
    def are_safe(self) -> bool:
        """Whether such a number is neither infinite nor lost, with some room."""
        return self.low > -1000 and self.high < 1000


NARROW_REAL: Final = Exponents(-20, 50)


WIDE_REAL: Final = Exponents(-1074, 1024)


SMALLEST_SAFE_REAL: Final = 2.0**NARROW_REAL.low


GREATEST_SAFE_REAL: Final = 2.0**NARROW_REAL.high


def magnitude(expression: SqlExpression) -> int:
    """A size that no integer of the expression exceeds. ``TypeError`` for what is no integer."""
    match expression:
        case Literal(value=None):
            return 0
        case Literal(value=int(value)):
            return abs(value)
        case ColumnRef(narrow=narrow) | Parameter(narrow=narrow):
            return NARROW_INTEGER if narrow else WIDE_INTEGER
        case Negate(operand=operand) | Abs(operand=operand):
            return magnitude(operand)
        case Arithmetic(operator=operator, left=left, right=right):
            return _arithmetic(operator, magnitude(left), magnitude(right))
        case Length():
            return _LONGEST
        case Cast(operand=operand) if operand.type is SqlType.BOOLEAN:
            return 1
        case Cast(operand=operand):
            return int(2 ** exponents(operand).high)
        case NullIf(left=left):
            return magnitude(left)
        case _:
            return max(map(magnitude, _results(expression)))


def exponents(expression: SqlExpression) -> Exponents:
    """The sizes of the reals of an expression. ``TypeError`` for what is no real."""
    match expression:
        case Literal(value=None):
            return Exponents(0, 0)
        case Literal(value=float(value)):
            exponent = math.frexp(value)[1]
            return Exponents(exponent - 1, exponent)
        case ColumnRef(narrow=narrow) | Parameter(narrow=narrow):
            return NARROW_REAL if narrow else WIDE_REAL
        case Negate(operand=operand) | Abs(operand=operand):
            return exponents(operand)
        case Arithmetic(operator=operator, left=left, right=right):
            return _real_arithmetic(operator, exponents(left), exponents(right))
        case Cast(operand=operand):
            return Exponents(0, magnitude(operand).bit_length())
        case NullIf(left=left):
            return exponents(left)
        case SearchedCase(
            branches=(CaseBranch(test=Between(operand=Abs(operand=tested), negated=False), result=result),)
        ) if tested == result and expression == clamp_real(result):
            return NARROW_REAL
        case _:
            return _span(map(exponents, _results(expression)))


def clamp_real(real: SqlExpression) -> SearchedCase:
    """A real if it is as small as those of a narrow column, else zero. It is written out twice, so it is better short."""
    lowest, greatest = (Literal(type=SqlType.REAL, value=value) for value in (SMALLEST_SAFE_REAL, GREATEST_SAFE_REAL))
    is_tame = Between(operand=Abs(operand=real), low=lowest, high=greatest)
    return SearchedCase(branches=(CaseBranch(test=is_tame, result=real),), otherwise=Literal(type=SqlType.REAL, value=0.0))


def _results(expression: SqlExpression) -> tuple[SqlExpression, ...]:
    match expression:
        case SearchedCase(branches=branches, otherwise=otherwise) | SimpleCase(branches=branches, otherwise=otherwise):
            return (*(branch.result for branch in branches), *(() if otherwise is None else (otherwise,)))
        case Coalesce(items=items):
            return items
        case Extreme(left=left, right=right):
            return (left, right)
    raise TypeError(f"{type(expression).__name__} of type {expression.type} has no reach")


def _arithmetic(operator: ArithmeticOperator, left: int, right: int) -> int:
    match operator:
        case ArithmeticOperator.ADD | ArithmeticOperator.SUBTRACT:
            return left + right
        case ArithmeticOperator.MULTIPLY:
            return left * right
        case ArithmeticOperator.DIVIDE:
            return left
        case ArithmeticOperator.REMAINDER:
            return min(left, max(right - 1, 0))


def _real_arithmetic(operator: ArithmeticOperator, left: Exponents, right: Exponents) -> Exponents:
    match operator:
        case ArithmeticOperator.ADD | ArithmeticOperator.SUBTRACT:
            # What two numbers leave of each other is a multiple of the last bit of the smaller.
            return Exponents(min(left.low, right.low) - 53, max(left.high, right.high) + 1)
        case ArithmeticOperator.MULTIPLY:
            return Exponents(left.low + right.low, left.high + right.high)
        case ArithmeticOperator.DIVIDE:
            return Exponents(left.low - right.high - 1, left.high - right.low + 1)
        case ArithmeticOperator.REMAINDER:
            raise TypeError("a real has no remainder")


def _span(found: Iterable[Exponents]) -> Exponents:
    known = list(found)
    return Exponents(min(one.low for one in known), max(one.high for one in known))
