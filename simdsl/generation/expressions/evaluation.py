"""The value of an expression for a row: SQL's three-valued logic, and ``Undefined`` wherever two engines disagree.

Sources: PostgreSQL manual, 9.1 (logical operators), 9.2 (comparison), 9.3 (mathematical functions), 9.4 (strings), 9.7
(LIKE), 9.18 (CASE, COALESCE, NULLIF), 8.1 (numbers); SQLite, https://www.sqlite.org/lang_expr.html, lang_corefunc.html
and datatype3.html.

* NULL is None. A comparison with NULL is NULL; AND and OR are Kleene's.
* An integer has 64 bits; a larger result is an error of PostgreSQL and a real of SQLite, so it is ``Undefined``.
* Division by zero is an error of PostgreSQL and NULL in SQLite: ``Undefined``.
* Reals are IEEE doubles, rounded to the nearest in both engines. An infinite result, and a zero that comes from factors
  that are not zero, are errors of PostgreSQL: ``Undefined``.
* Everything is evaluated, also behind FALSE AND and in branches of CASE that are not taken: the order of evaluation is an
  engine's own choice (PostgreSQL manual, 4.2.14). So one part that is undefined makes the whole undefined.
* Texts are compared by code points: BINARY in SQLite, the C collation in PostgreSQL, which the database or the column must
  have. ``lower``, ``upper`` and LIKE without ``exact`` know letters of ASCII only, as in SQLite and in the C locale.

``evaluate`` walks the expression for each row. ``compile_expression`` is its fast path, for conditions that are asked of
many rows: several times faster, because the walk over the expression is done once.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, TypeAlias, assert_never

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
    Connective,
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
)
from simdsl.plan.deferred import dataclass
from simdsl.plan.expectations import ComparisonOperator
from simdsl.plan.values import INT64_MAX, INT64_MIN, Value

OVERFLOW: Final = "an integer leaves its 64 bits"
NO_DIVISOR: Final = "a division by zero"
NOT_FINITE: Final = "a real becomes infinite"
VANISHED: Final = "a real becomes zero by underflow"
OUT_OF_RANGE: Final = "a real is too large for an integer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Undefined:
    """There is no value that all engines agree on. ``reason`` says why."""

    reason: str


NamedRow: TypeAlias = Mapping[str, Value]


def evaluate(expression: SqlExpression, row: NamedRow, parameters: NamedRow | None = None) -> Value | Undefined:
    """The value for a row, which holds every column by name. ``KeyError`` for what the mappings lack."""
    try:
        value: Value = _value(expression, row, parameters or {})
    except _Stop as stop:
        return Undefined(reason=stop.reason)
    return value


class _Stop(Exception):
    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


# A value of the node's type. Static types would need a class for each SQL type and a cast at every node.
_Any: TypeAlias = Any


def _value(expression: SqlExpression, row: NamedRow, given: NamedRow) -> _Any:
    match expression:
        case Literal():
            return expression.value
        case ColumnRef():
            return row[expression.name]
        case Parameter():
            return given[expression.name]
        case Compare(left=left, right=right):
            return _compared(expression.comparison, _value(left, row, given), _value(right, row, given))
        case Logic(left=left, right=right):
            return _joined(expression.connective, _value(left, row, given), _value(right, row, given))
        case Not(operand=operand):
            return _not(_value(operand, row, given))
        case Arithmetic(left=left, right=right):
            return _computed(expression.operator, _value(left, row, given), _value(right, row, given))
        case Negate(operand=operand):
            value = _value(operand, row, given)
            return None if value is None else _fitting(-value)
        case Abs(operand=operand):
            value = _value(operand, row, given)
            return None if value is None else _fitting(abs(value))
        case IsNull(operand=operand):
            return (_value(operand, row, given) is None) is not expression.negated
        case IsTruth(operand=operand):
            return (_value(operand, row, given) is expression.truth) is not expression.negated
        case IsDistinct(left=left, right=right):
            # Python's None is equal to None and to nothing else, exactly as NULL is here.
            return (_value(left, row, given) != _value(right, row, given)) is not expression.negated
        case Between():
            value, low = _value(expression.operand, row, given), _value(expression.low, row, given)
            within = _within(value, low, _value(expression.high, row, given))
            return _not(within) if expression.negated else within
        case InList(operand=operand, items=items):
            found = _among(_value(operand, row, given), [_value(item, row, given) for item in items])
            return _not(found) if expression.negated else found
        case Like(operand=operand):
            return _like(_value(operand, row, given), expression)
        case SearchedCase() | SimpleCase():
            return _chosen(expression, row, given)
        case Coalesce(items=items):
            # All items, also those behind the first value: one that is undefined may fail in an engine.
            values = [_value(item, row, given) for item in items]
            return next((value for value in values if value is not None), None)
        case NullIf(left=left, right=right):
            value = _value(left, row, given)
            return None if _compared(ComparisonOperator.EQ, value, _value(right, row, given)) else value
        case Extreme(left=left, right=right):
            pair = (_value(left, row, given), _value(right, row, given))
            return None if None in pair else (max(pair) if expression.greatest else min(pair))
        case Cast(operand=operand):
            return _cast(_value(operand, row, given), operand.type, expression.type)
        case Concat(left=left, right=right):
            before, after = _value(left, row, given), _value(right, row, given)
            return None if before is None or after is None else before + after
        case Length(operand=operand):
            # Of a text the number of code points, of a blob that of bytes: what len() is in Python for both.
            value = _value(operand, row, given)
            return None if value is None else len(value)
        case ChangeCase(operand=operand):
            value = _value(operand, row, given)
            return None if value is None else value.translate(_UPPER if expression.upper else LOWER)
        case Substring(operand=operand, start=start, count=count):
            value = _value(operand, row, given)
            return None if value is None else value[start - 1 : start - 1 + count]
        case _:
            assert_never(expression)


def _compared(comparison: ComparisonOperator, left: _Any, right: _Any) -> bool | None:
    if left is None or right is None:
        return None
    match comparison:
        case ComparisonOperator.EQ:
            return bool(left == right)
        case ComparisonOperator.NE:
            return bool(left != right)
        case ComparisonOperator.LT:
            return bool(left < right)
        case ComparisonOperator.LE:
            return bool(left <= right)
        case ComparisonOperator.GT:
            return bool(left > right)
        case ComparisonOperator.GE:
            return bool(left >= right)


def _joined(connective: Connective, left: bool | None, right: bool | None) -> bool | None:
    decides = connective is Connective.OR  # the value that decides whatever the other one is
    if left is decides or right is decides:
        return decides
    return None if left is None or right is None else not decides


def _not(value: bool | None) -> bool | None:
    return None if value is None else not value


def _within(value: _Any, low: _Any, high: _Any) -> bool | None:
    at_least, at_most = _compared(ComparisonOperator.GE, value, low), _compared(ComparisonOperator.LE, value, high)
    return _joined(Connective.AND, at_least, at_most)


def _among(value: _Any, items: Sequence[_Any]) -> bool | None:
    answers = [_compared(ComparisonOperator.EQ, value, item) for item in items]
    return True if True in answers else (None if None in answers else False)


def like_pattern(node: Like) -> str:
    """The pattern as a regular expression, for ``DOTALL`` and the whole text; without ``exact`` of ``LOWER`` letters."""
    pattern = node.pattern if node.exact else node.pattern.translate(LOWER)
    return "".join(_WILDCARDS.get(letter) or re.escape(letter) for letter in pattern)


def _like(value: str | None, node: Like) -> bool | None:
    if value is None:
        return None
    text = value if node.exact else value.translate(LOWER)
    return (re.fullmatch(like_pattern(node), text, re.DOTALL) is not None) is not node.negated


def _chosen(node: SearchedCase | SimpleCase, row: NamedRow, given: NamedRow) -> _Any:
    subject = _value(node.subject, row, given) if isinstance(node, SimpleCase) else True
    # Every branch is evaluated before one is chosen, for the same reason as in COALESCE.
    found: list[_Any] = [
        result for taken, result in [_branch(branch, subject, row, given) for branch in node.branches] if taken
    ]
    otherwise = None if node.otherwise is None else _value(node.otherwise, row, given)
    return found[0] if found else otherwise


def _branch(branch: CaseBranch, subject: _Any, row: NamedRow, given: NamedRow) -> tuple[bool, _Any]:
    is_taken = _compared(ComparisonOperator.EQ, subject, _value(branch.test, row, given)) is True
    return is_taken, _value(branch.result, row, given)


def _computed(operator: ArithmeticOperator, left: _Any, right: _Any) -> _Any:
    if left is None or right is None:
        # Also NULL / 0: PostgreSQL's operators are strict, so the division is never done.
        return None
    if isinstance(left, int):
        return _integer(operator, left, right)
    return _real(operator, left, right)


def _integer(operator: ArithmeticOperator, left: int, right: int) -> int:
    match operator:
        case ArithmeticOperator.ADD:
            return _bounded(left + right)
        case ArithmeticOperator.SUBTRACT:
            return _bounded(left - right)
        case ArithmeticOperator.MULTIPLY:
            return _bounded(left * right)
    if right == 0:
        raise _Stop(NO_DIVISOR)
    # SQL truncates towards zero, Python's // rounds down.
    size = abs(left) // abs(right)
    quotient = size if (left < 0) is (right < 0) else -size
    return _bounded(quotient) if operator is ArithmeticOperator.DIVIDE else left - right * quotient


def _real(operator: ArithmeticOperator, left: float, right: float) -> float:
    match operator:
        case ArithmeticOperator.ADD:
            result = left + right
        case ArithmeticOperator.SUBTRACT:
            result = left - right
        case ArithmeticOperator.MULTIPLY:
            result = left * right
        case ArithmeticOperator.DIVIDE:
            if right == 0:
                raise _Stop(NO_DIVISOR)
            result = left / right
        case ArithmeticOperator.REMAINDER:
            raise TypeError("a real has no remainder")
    if not math.isfinite(result):
        raise _Stop(NOT_FINITE)
    # PostgreSQL reports an underflow to zero; a sum that is zero is exact.
    if result == 0 and left != 0 and operator in (ArithmeticOperator.MULTIPLY, ArithmeticOperator.DIVIDE) and right != 0:
        raise _Stop(VANISHED)
    return result


def _fitting(number: _Any) -> _Any:
    return _bounded(number) if isinstance(number, int) else number


def _bounded(number: int) -> int:
    if not INT64_MIN <= number <= INT64_MAX:
        raise _Stop(OVERFLOW)
    return number


def _cast(value: _Any, source: SqlType, target: SqlType) -> _Any:
    if value is None:
        return None
    match source, target:
        case SqlType.INTEGER, SqlType.REAL:
            return float(value)
        case SqlType.INTEGER, SqlType.TEXT:
            return str(value)
        case SqlType.BOOLEAN, SqlType.INTEGER:
            return int(value)
        case SqlType.REAL, SqlType.INTEGER:
            cut = math.trunc(value)  # as SQLite casts; the printer adds trunc() for PostgreSQL, which would round
            if not INT64_MIN <= cut <= INT64_MAX:
                raise _Stop(OUT_OF_RANGE)
            return cut
    raise TypeError(f"there is no cast of {source} to {target}")


_WILDCARDS: Final = {"%": ".*", "_": "."}
_UPPERS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
LOWER: Final = str.maketrans(_UPPERS, _UPPERS.lower())
_UPPER: Final = str.maketrans(_UPPERS.lower(), _UPPERS)


# The fast path. Only nodes that are never ``Undefined`` become functions, so that AND and OR may stop early; an expression
# with any other node is evaluated as a whole. A generated condition is asked of up to 24 rows, several times a plan.

RowTuple: TypeAlias = Sequence[Value]
CompiledExpression: TypeAlias = Callable[[RowTuple], Value | Undefined]

_CompiledPart: TypeAlias = Callable[[RowTuple], Any]


def compile_expression(
    expression: SqlExpression, positions: Mapping[str, int], parameters: Mapping[str, Value]
) -> CompiledExpression:
    """The value of the expression as a function of a row that holds each column at its position.

    It agrees with ``evaluate``, which a test holds over random expressions. Raises ``KeyError`` for a column or a parameter
    that the mappings lack, perhaps not before the function is called.
    """
    try:
        return _compile(expression, positions, parameters)
    except _NotCompilable:
        pass

    def evaluated(row: RowTuple) -> Value | Undefined:
        return evaluate(expression, {name: row[i] for name, i in positions.items()}, parameters)

    return evaluated


class _NotCompilable(Exception):
    """The expression has a node that may be undefined."""


def _compile(node: SqlExpression, positions: Mapping[str, int], given: Mapping[str, Value]) -> _CompiledPart:
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
            return _compile_compare(node, positions, given)
        case Logic():
            left, right = _compile(node.left, positions, given), _compile(node.right, positions, given)
            return _compile_logic(left, right, decides=node.connective is Connective.OR)
        case Not():
            return _compile_not(_compile(node.operand, positions, given))
        case IsNull(negated=negated):
            operand = _compile(node.operand, positions, given)
            return lambda row: (operand(row) is None) is not negated
        case IsTruth(truth=truth, negated=negated):
            operand = _compile(node.operand, positions, given)
            return lambda row: (operand(row) is truth) is not negated
        case IsDistinct(negated=negated):
            left, right = _compile(node.left, positions, given), _compile(node.right, positions, given)
            return lambda row: (left(row) != right(row)) is not negated
        case Between():
            low = Compare(comparison=ComparisonOperator.GE, left=node.operand, right=node.low)
            high = Compare(comparison=ComparisonOperator.LE, left=node.operand, right=node.high)
            # BETWEEN is the AND of two comparisons, also for NULL: FALSE on one side decides.
            within = _compile_logic(
                _compile_compare(low, positions, given), _compile_compare(high, positions, given), decides=False
            )
            return _compile_not(within) if node.negated else within
        case InList():
            return _compile_in(node, positions, given)
        case Like():
            return _compile_like(node, _compile(node.operand, positions, given))
        case _:  # everything that may be undefined; a node that is new is evaluated, which is slower and right
            raise _NotCompilable


def _compile_compare(node: Compare, positions: Mapping[str, int], given: Mapping[str, Value]) -> _CompiledPart:
    compare = _COMPARISONS[node.comparison]
    left, right = _compile(node.left, positions, given), _compile(node.right, positions, given)

    def compared(row: RowTuple) -> bool | None:
        one, other = left(row), right(row)
        return None if one is None or other is None else compare(one, other)

    return compared


def _compile_logic(left: _CompiledPart, right: _CompiledPart, *, decides: bool) -> _CompiledPart:
    def joined(row: RowTuple) -> Any:
        one = left(row)
        if one is decides:
            return decides
        other = right(row)
        if other is decides:
            return decides
        return None if one is None or other is None else not decides

    return joined


def _compile_not(operand: _CompiledPart) -> _CompiledPart:
    def negated(row: RowTuple) -> bool | None:
        value = operand(row)
        return None if value is None else not value

    return negated


def _compile_in(node: InList, positions: Mapping[str, int], given: Mapping[str, Value]) -> _CompiledPart:
    operand, items = _compile(node.operand, positions, given), [_compile(item, positions, given) for item in node.items]

    def found(row: RowTuple) -> bool | None:
        value = operand(row)
        if value is None:
            return None
        values = [item(row) for item in items]
        # All values are of one type, so Python's == agrees with SQL's, and the value is not NULL here.
        return True if value in values else (None if None in values else False)

    return _compile_not(found) if node.negated else found


def _compile_like(node: Like, operand: _CompiledPart) -> _CompiledPart:
    pattern, negated, exact = re.compile(like_pattern(node), re.DOTALL), node.negated, node.exact

    def like(row: RowTuple) -> bool | None:
        text = operand(row)
        if text is None:
            return None
        return (pattern.fullmatch(text if exact else text.translate(LOWER)) is not None) is not negated

    return like


_COMPARISONS: Final = MappingProxyType[ComparisonOperator, Callable[[Any, Any], bool]](
    {
        ComparisonOperator.EQ: operator.eq,
        ComparisonOperator.NE: operator.ne,
        ComparisonOperator.LT: operator.lt,
        ComparisonOperator.LE: operator.le,
        ComparisonOperator.GT: operator.gt,
        ComparisonOperator.GE: operator.ge,
    }
)
