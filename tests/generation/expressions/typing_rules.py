"""Whether the operands of an expression have the types that its nodes ask for."""

from __future__ import annotations

from typing import Final, assert_never

from simdsl.generation.expressions.ir import (
    Abs,
    Arithmetic,
    ArithmeticOperator,
    Between,
    CaseBranch,
    Cast,
    ChangeCase,
    Coalesce,
    ColumnRef,
    Compare,
    Concat,
    Extreme,
    InList,
    IsDistinct,
    IsNull,
    IsTruth,
    Length,
    Like,
    Literal,
    Logic,
    Negate,
    Not,
    NullIf,
    Parameter,
    SearchedCase,
    SimpleCase,
    SqlExpression,
    SqlType,
    Substring,
    walk,
)
from simdsl.plan.values import Value

NUMBERS: Final = (SqlType.INTEGER, SqlType.REAL)

CASTS: Final = (
    (SqlType.INTEGER, SqlType.REAL),
    (SqlType.INTEGER, SqlType.TEXT),
    (SqlType.BOOLEAN, SqlType.INTEGER),
    (SqlType.REAL, SqlType.INTEGER),
)
"""From, to. The text of a real and of a boolean is each engine's own; a text may be no number."""

_PYTHON: Final[dict[SqlType, type]] = {
    SqlType.INTEGER: int,
    SqlType.REAL: float,
    SqlType.TEXT: str,
    SqlType.BOOLEAN: bool,
    SqlType.BLOB: bytes,
}


def is_of(value: Value, wanted: SqlType) -> bool:
    """Whether a value is one of the type; NULL is of every type."""
    return value is None or type(value) is _PYTHON[wanted]


def complaint(expression: SqlExpression) -> str | None:
    """What is wrong with the types in an expression, in a few words; None if nothing is."""
    return next((f"{type(node).__name__}: {said}" for node in walk(expression) if (said := _of_node(node))), None)


def _of_node(node: SqlExpression) -> str | None:
    match node:
        case Literal():
            return None if is_of(node.value, node.type) else f"{node.value!r} is no {node.type}"
        case ColumnRef() | Parameter() | IsNull():
            return None
        case Arithmetic(left=left, right=right):
            allowed = NUMBERS[:1] if node.operator is ArithmeticOperator.REMAINDER else NUMBERS
            return _among((left,), allowed) or _alike(left, right)
        case Negate(operand=operand) | Abs(operand=operand):
            return _among((operand,), NUMBERS)
        case Not(operand=operand) | IsTruth(operand=operand):
            return _among((operand,), (SqlType.BOOLEAN,))
        case Logic(left=left, right=right):
            return _among((left, right), (SqlType.BOOLEAN,))
        case Compare(left=left, right=right) | IsDistinct(left=left, right=right) | NullIf(left=left, right=right):
            return _alike(left, right)
        case Extreme(left=left, right=right):
            return _alike(left, right)
        case Between(operand=operand, low=low, high=high):
            return _alike(operand, low, high)
        case InList(operand=operand, items=items):
            return _alike(operand, *items) if items else "a list needs an item"
        case Coalesce(items=items):
            return _alike(*items) if len(items) > 1 else "it takes two or more"
        case SearchedCase(branches=branches):
            return _among([b.test for b in branches], (SqlType.BOOLEAN,)) or _results(branches, node.otherwise)
        case SimpleCase(subject=subject, branches=branches):
            return _alike(subject, *(b.test for b in branches)) or _results(branches, node.otherwise)
        case Cast(operand=operand):
            return None if (operand.type, node.type) in CASTS else f"{operand.type} is not cast to {node.type}"
        case Concat(left=left, right=right):
            return _among((left, right), (SqlType.TEXT,))
        case Length(operand=operand):
            return _among((operand,), (SqlType.TEXT, SqlType.BLOB))
        case Like(operand=operand) | ChangeCase(operand=operand) | Substring(operand=operand):
            return _among((operand,), (SqlType.TEXT,))
        case _:
            assert_never(node)


def _results(branches: tuple[CaseBranch, ...], otherwise: SqlExpression | None) -> str | None:
    return _alike(*(branch.result for branch in branches), *(() if otherwise is None else (otherwise,)))


def _alike(*operands: SqlExpression) -> str | None:
    return _among(operands, (operands[0].type,))


def _among(operands: tuple[SqlExpression, ...] | list[SqlExpression], allowed: tuple[SqlType, ...]) -> str | None:
    wrong = next((operand.type for operand in operands if operand.type not in allowed), None)
    return wrong and f"{wrong} where it takes {' or '.join(allowed)}"
