"""Values as the plan language writes them, and the expressions of ``check:``, from text."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Final, assert_never

from simdsl.plan.codes import Code
from simdsl.plan.expectations import Binding, Cell, FixedPoint, LiteralType, Scalar, TypedLiteral, Wildcard
from simdsl.plan.expressions import (
    BinaryOperation,
    BinaryOperator,
    Constant,
    ErrorCount,
    Expression,
    FunctionCall,
    LogicalNot,
    PoolCounter,
    PoolReference,
    ResultFunction,
    ResultReference,
    ResultSlice,
    ScalarFunction,
    UnaryMinus,
    VirtualNow,
)
from simdsl.plan.outcomes import ErrorClass
from simdsl.plan.sql import Variable
from simdsl.plan.values import INT64_MAX, INT64_MIN
from simdsl.syntax.grammar import parse
from simdsl.syntax.problems import ParseError, ParseIssue, did_you_mean

if TYPE_CHECKING:
    from simdsl.syntax.grammar import Branch, Leaf


def error_class(token: Leaf) -> ErrorClass:
    """A class by its name. Raises ``ParseError`` with the nearest one."""
    if token not in _ERROR_CLASS_NAMES:
        raise ParseError(
            issue_at(Code.G204, f"there is no error class `{token}`", token, did_you_mean(str(token), _ERROR_CLASS_NAMES))
        )
    return ErrorClass(str(token))


_ERROR_CLASS_NAMES: Final = tuple(one.value for one in ErrorClass)


def parse_duration(text: str) -> int:
    """Microseconds."""
    try:
        return duration_us(leaf(parse("duration", text)))
    except ParseError as error:
        if error.issues[0].code is Code.G208:
            raise
        message = f"`{text}` is not a duration"
        raise ParseError(
            ParseIssue(code=Code.G208, message=message, end=len(text), help="for example `10us`, `5ms`, `2s`")
        ) from None


MAX_DURATION_US: Final = INT64_MAX


def cell_of(branch: Branch) -> Cell:
    """A cell of an expected row."""
    if branch.data == "anything":
        return _ANYTHING
    if branch.data == "binding":
        return Binding(name=leaf(branch)[1:])
    return variable_of(branch) if branch.data == "variable" else value_of(branch)


def variable_of(branch: Branch) -> Variable:
    """``$x``."""
    return Variable(name=leaf(branch)[1:])


def value_of(branch: Branch) -> Scalar | FixedPoint | TypedLiteral:
    """A value that is written out. Raises ``ParseError`` for a date that does not exist and the like."""
    match branch.data:
        case "number":
            return number(leaf(branch))
        case "negative_number":
            return number(leaf(branch, 1), negative=True)
        case "null":
            return _NULL
        case "true":
            return _TRUE
        case "false":
            return _FALSE
        case "infinity":
            return Scalar(value=float("inf"))
        case "negative_infinity":
            return Scalar(value=float("-inf"))
        case "nan":
            return _NAN
        case "string":
            return Scalar(value=unquoted(leaf(branch)))
        case "blob":
            return Scalar(value=_blob(leaf(branch)))
        case _:
            return _typed(leaf(branch), leaf(branch, 1))


def number(token: Leaf, *, negative: bool = False) -> Scalar | FixedPoint:
    """``3`` is an integer, ``3.0`` a decimal, ``1e3`` a real."""
    text = f"-{token}" if negative else str(token)
    # The notation decides the type, as in SQL: 3.0 is exact and is compared as written, 1e3 is a float. So a plan can
    # expect either from a backend that has both.
    if "e" in text or "E" in text:
        return Scalar(value=float(text))
    if "." in text:
        _refuse_leading_zero(token)
        return FixedPoint(text=text)
    return Scalar(value=integer(token, negative=negative))


def integer(token: Leaf, *, negative: bool = False) -> int:
    """An integer of 64 bits without leading zeros. Raises ``ParseError``."""
    if not token.isascii() or not token.isdecimal():
        raise ParseError(issue_at(Code.G203, f"`{token}` is not an integer", token))
    _refuse_leading_zero(token)
    # Converting a million digits takes seconds, and anything this long is too large anyway.
    value = INT64_MAX + 1 if len(token) > 20 else int(token)
    value = -value if negative else value
    if not INT64_MIN <= value <= INT64_MAX:
        raise ParseError(issue_at(Code.G203, "an integer has 64 bits", token, f"write it as decimal '{token}'"))
    return value


def duration_us(token: Leaf) -> int:
    """``5ms`` in microseconds."""
    unit = token.lstrip("0123456789")
    digits = token[: -len(unit)]
    value = int(digits) * _UNITS_US[unit] if len(digits) < 20 else MAX_DURATION_US + 1
    if value > MAX_DURATION_US:
        raise ParseError(issue_at(Code.G208, "the duration is too long", token))
    return value


def unquoted(text: str) -> str:
    """What stands between single quotes."""
    return text[1:-1].replace("''", "'")


def leaf(branch: Branch, index: int = 0) -> Leaf:
    """The token that a branch holds at this index."""
    # The grammar guarantees a token here; the assertion tells mypy, and whoever changes the grammar without this module.
    child = branch.children[index]
    assert isinstance(child, str)
    return child


def issue_at(code: Code, message: str, token: Leaf, help: str | None = None) -> ParseIssue:  # noqa: A002
    """Something is wrong with one token."""
    return ParseIssue(code=code, message=message, start=token.start_pos or 0, end=token.end_pos, help=help)


def _blob(token: Leaf) -> bytes:
    digits = token[2:-1]
    # bytes.fromhex would also accept blanks.
    if len(digits) % 2 or not all(digit in "0123456789abcdefABCDEF" for digit in digits):
        raise ParseError(issue_at(Code.G203, f"`{token}` is not a blob", token, "two hexadecimal digits make a byte"))
    return bytes.fromhex(digits)


def _typed(kind_token: Leaf, string: Leaf) -> TypedLiteral:
    kind = LiteralType(kind_token.lower())
    text = unquoted(string)
    if not is_typed_text(kind, text):
        raise ParseError(issue_at(Code.G203, f"{string} is not a {kind.value}", string, f"for example {_EXAMPLES[kind]}"))
    return TypedLiteral(kind=kind, text=text)


def is_typed_text(kind: LiteralType, text: str) -> bool:
    """Whether the text is a value of that kind: ISO 8601 for dates and times, a finite number for decimals."""
    try:
        match kind:
            case LiteralType.DATE:
                date.fromisoformat(text)
            case LiteralType.TIME:
                time.fromisoformat(text)
            case LiteralType.TIMESTAMP:
                datetime.fromisoformat(text)
            case LiteralType.DECIMAL:
                # Decimal also reads underscores, other digits than ASCII, and NaN.
                return text.isascii() and "_" not in text and Decimal(text).is_finite()
    except (ValueError, InvalidOperation):
        return False
    return True


def _refuse_leading_zero(token: Leaf) -> None:
    # `010` is 8 in some languages and 10 in others; here it is neither.
    if len(token) > 1 and token[0] == "0" and token[1] != ".":
        raise ParseError(issue_at(Code.G203, f"`{token}` begins with a zero", token, f"write `{token.lstrip('0') or '0'}`"))


# Shared instances: a plan of 10,000 lines has as many of these, and they are immutable.
_ANYTHING: Final = Wildcard()
_NULL: Final = Scalar(value=None)
_TRUE: Final = Scalar(value=True)
_FALSE: Final = Scalar(value=False)
_NAN: Final = Scalar(value=math.nan)
_UNITS_US: Final = {"us": 1, "ms": 1_000, "s": 1_000_000, "m": 60_000_000, "h": 3_600_000_000}


_EXAMPLES: Final = {
    LiteralType.DATE: "date '2026-01-31'",
    LiteralType.TIME: "time '23:59:59'",
    LiteralType.TIMESTAMP: "timestamp '2026-01-31 23:59:59'",
    LiteralType.DECIMAL: "decimal '12.50'",
}


MAX_DEPTH: Final = 100
"""Expressions are walked by recursion wherever they are used, and Python bounds that."""


def parse_check(text: str) -> Expression:
    """Raises ``ParseError`` with offsets into this text."""
    branch = parse("check", text)
    # Here and not in the walks: once there is an Expression, all of them can rely on its depth.
    if _is_deeper(branch, MAX_DEPTH):
        message = f"this expression is nested more than {MAX_DEPTH} levels deep"
        raise ParseError(ParseIssue(code=Code.G209, message=message, end=len(text), help="split it into several checks"))
    return _expression(branch)


def subexpressions(expression: Expression) -> Iterator[Expression]:
    """The expression and everything in it, each before what it is made of."""
    yield expression
    match expression:
        case BinaryOperation(left=left, right=right):
            yield from subexpressions(left)
            yield from subexpressions(right)
        case LogicalNot(operand=operand) | UnaryMinus(operand=operand):
            yield from subexpressions(operand)
        case FunctionCall(arguments=arguments):
            for argument in arguments:
                yield from subexpressions(argument)
        case ResultSlice(offset=offset, n=n):
            yield from subexpressions(offset)
            yield from subexpressions(n)
        case Constant() | Variable() | ResultReference() | PoolReference() | ErrorCount() | VirtualNow():
            pass
        case _:
            assert_never(expression)


def _is_deeper(branch: Branch, limit: int) -> bool:
    # Level by level, since recursion is what has to be avoided.
    level = [branch]
    for _ in range(limit):
        level = [child for parent in level for child in parent.children if not isinstance(child, str)]
    return bool(level)


def _expression(branch: Branch) -> Expression:
    match branch.data:
        case "or_":
            return BinaryOperation(operator=BinaryOperator.OR, left=_child(branch, 0), right=_child(branch, 1))
        case "and_":
            return BinaryOperation(operator=BinaryOperator.AND, left=_child(branch, 0), right=_child(branch, 1))
        case "not_":
            return LogicalNot(operand=_child(branch, 0))
        case "compare" | "binary":
            # `<>` becomes `!=`, so that an expression has one form and is printed in it.
            operator = _SYNONYMS.get(leaf(branch, 1)) or BinaryOperator(str(leaf(branch, 1)))
            return BinaryOperation(operator=operator, left=_child(branch, 0), right=_child(branch, 2))
        case "subset":
            return BinaryOperation(operator=BinaryOperator.SUBSET, left=_child(branch, 0), right=_child(branch, 1))
        case "negative":
            return _negative(branch)
        case "group":
            # Brackets leave no trace: the tree has the structure, and the printer puts back those that are needed.
            return _child(branch, 0)
        case "variable":
            return variable_of(branch)
        case _:
            return _operand(branch)


def _operand(branch: Branch) -> Expression:
    match branch.data:
        case "of_label":
            return ResultReference(function=ResultFunction(str(leaf(branch))), label=str(leaf(branch, 1)))
        case "slice":
            return ResultSlice(label=str(leaf(branch)), offset=_child(branch, 1), n=_child(branch, 2))
        case "call":
            return _call(branch)
        case "of_pool":
            return PoolReference(pool=str(leaf(branch)), count=_pool_count(branch))
        case "of_errors":
            return ErrorCount(error_class=error_class(leaf(branch)))
        case "now":
            return VirtualNow()
        case _:
            return Constant(cell=value_of(branch))


def _negative(branch: Branch) -> Expression:
    """A minus right before a number is a part of the number, so that every constant can be written."""
    operand = branch.children[1]
    assert not isinstance(operand, str)
    if operand.data == "number":
        return Constant(cell=number(leaf(operand), negative=True))
    if operand.data == "infinity":
        return Constant(cell=Scalar(value=float("-inf")))
    return UnaryMinus(operand=_expression(operand))


def _call(branch: Branch) -> FunctionCall:
    token = leaf(branch)
    arguments = tuple(_expression(child) for child in branch.children[1:] if not isinstance(child, str))
    if token == ScalarFunction.ABS and len(arguments) != 1:
        raise ParseError(issue_at(Code.G201, "`abs` takes one value", token))
    return FunctionCall(function=ScalarFunction(str(token)), arguments=arguments)


def _pool_count(branch: Branch) -> PoolCounter:
    token = leaf(branch, 1)
    if token not in _POOL_COUNTS:
        raise ParseError(
            issue_at(Code.G201, f"a pool has no `{token}`", token, did_you_mean(str(token), _POOL_COUNTS)),
        )
    return PoolCounter(str(token))


def _child(branch: Branch, index: int) -> Expression:
    child = branch.children[index]
    assert not isinstance(child, str)
    return _expression(child)


_SYNONYMS: Final = {"<>": BinaryOperator.NE}
_POOL_COUNTS: Final = tuple(count.value for count in PoolCounter)
