"""Short ways to write expressions in tests."""

from __future__ import annotations

from typing import Final

from simdsl.generation.expressions.ir import (
    Arithmetic,
    Column,
    Compare,
    Connective,
    Expression,
    Literal,
    Logic,
    Operator,
    SqlType,
)
from simdsl.plan.ir import Comparison
from simdsl.plan.values import Value

_TYPES: Final = {bool: SqlType.BOOLEAN, int: SqlType.INTEGER, float: SqlType.REAL, str: SqlType.TEXT, bytes: SqlType.BLOB}

A: Final = Column(name="a", type=SqlType.INTEGER)
R: Final = Column(name="r", type=SqlType.REAL)
S: Final = Column(name="s", type=SqlType.TEXT)
F: Final = Column(name="f", type=SqlType.BOOLEAN)
X: Final = Column(name="x", type=SqlType.BLOB)


def lit(value: Value) -> Literal:
    """A value that is not NULL."""
    return Literal(type=_TYPES[type(value)], value=value)


def null(of: SqlType = SqlType.INTEGER) -> Literal:
    """A NULL of a type."""
    return Literal(type=of, value=None)


def truth(value: bool | None) -> Literal:
    """TRUE, FALSE or NULL."""
    return Literal(type=SqlType.BOOLEAN, value=value)


def both(left: Expression, right: Expression) -> Logic:
    """AND."""
    return Logic(connective=Connective.AND, left=left, right=right)


def either(left: Expression, right: Expression) -> Logic:
    """OR."""
    return Logic(connective=Connective.OR, left=left, right=right)


def equal(left: Expression, right: Expression) -> Compare:
    """``=``."""
    return Compare(comparison=Comparison.EQ, left=left, right=right)


def math(left: Expression, sign: str, right: Expression) -> Arithmetic:
    """Arithmetic by its sign."""
    return Arithmetic(operator=Operator(sign), left=left, right=right)
