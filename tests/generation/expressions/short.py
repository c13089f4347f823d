"""Short ways to write expressions in tests."""

from __future__ import annotations

from typing import Final

from simdsl.generation.expressions.ir import (
    Arithmetic,
    ArithmeticOperator,
    ColumnRef,
    Compare,
    Connective,
    Literal,
    Logic,
    SqlExpression,
    SqlType,
)
from simdsl.plan.expectations import ComparisonOperator
from simdsl.plan.values import Value

_TYPES: Final = {bool: SqlType.BOOLEAN, int: SqlType.INTEGER, float: SqlType.REAL, str: SqlType.TEXT, bytes: SqlType.BLOB}

A: Final = ColumnRef(name="a", type=SqlType.INTEGER)
R: Final = ColumnRef(name="r", type=SqlType.REAL)
S: Final = ColumnRef(name="s", type=SqlType.TEXT)
F: Final = ColumnRef(name="f", type=SqlType.BOOLEAN)
X: Final = ColumnRef(name="x", type=SqlType.BLOB)


def lit(value: Value) -> Literal:
    """A value that is not NULL."""
    return Literal(type=_TYPES[type(value)], value=value)


def null(of: SqlType = SqlType.INTEGER) -> Literal:
    """A NULL of a type."""
    return Literal(type=of, value=None)


def truth(value: bool | None) -> Literal:
    """TRUE, FALSE or NULL."""
    return Literal(type=SqlType.BOOLEAN, value=value)


def both(left: SqlExpression, right: SqlExpression) -> Logic:
    """AND."""
    return Logic(connective=Connective.AND, left=left, right=right)


def either(left: SqlExpression, right: SqlExpression) -> Logic:
    """OR."""
    return Logic(connective=Connective.OR, left=left, right=right)


def equal(left: SqlExpression, right: SqlExpression) -> Compare:
    """``=``."""
    return Compare(comparison=ComparisonOperator.EQ, left=left, right=right)


def math(left: SqlExpression, sign: str, right: SqlExpression) -> Arithmetic:
    """Arithmetic by its sign."""
    return Arithmetic(operator=ArithmeticOperator(sign), left=left, right=right)
