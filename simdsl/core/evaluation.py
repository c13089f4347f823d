"""The value of a ``check`` expression (rules.md 43): free of side effects, two-valued, over values and bags of rows.

Two-valued, unlike SQL: NULL equals NULL here, and a comparison that has no answer is an error of the check. An invariant
that is "unknown" would otherwise pass silently.
"""

from __future__ import annotations

import math
import operator
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import field
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, Final, Protocol, TypeAlias, assert_never

from simdsl.core.matcher import describe
from simdsl.plan.deferred import dataclass
from simdsl.plan.expectations import FixedPoint, LiteralType, Scalar, TypedLiteral
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
from simdsl.plan.outcomes import ErrorClass, Failed, Outcome, Rows
from simdsl.plan.sql import Variable
from simdsl.plan.values import Row, Value, canonical, literal, row_key, same


@dataclass(frozen=True, slots=True)
class Bag:
    """A bag of rows: how often each row occurs. 1, 1.0 and '1' are different values in it."""

    counts: Mapping[tuple[object, ...], int]

    @classmethod
    def of(cls, rows: list[Row]) -> Bag:
        """The bag of these rows."""
        return cls(Counter(row_key(tuple(map(canonical, row))) for row in rows))


Result: TypeAlias = Value | Bag


class CheckError(Exception):
    """The expression has no value, and the check fails; the message is one sentence that says why."""


class EvaluationContext(Protocol):
    """What an expression may read from a run."""

    def variable(self, name: str) -> Value: ...
    def label(self, name: str) -> Outcome | None: ...
    def pool(self, name: str, count: PoolCounter) -> int: ...
    def errors(self, error_class: ErrorClass) -> int: ...
    def now_us(self) -> int: ...


@dataclass(slots=True, eq=False)
class Evaluation:
    """One evaluation.

    ``readings`` collects, in order, what it read from pools, error counts and the clock. The trace keeps them, so that the
    check can be evaluated again from the trace alone.
    """

    context: EvaluationContext
    readings: list[tuple[str, int]] = field(default_factory=list)

    def holds(self, expression: Expression) -> bool:
        """Whether the expression is true. Raises ``CheckError`` if its value is not a truth value."""
        return _truth(self.value(expression))

    def value(self, expression: Expression) -> Result:
        """The value of any expression."""
        match expression:
            case Constant(cell=cell):
                return constant_value(cell)
            case Variable(name=name):
                return self.context.variable(name)
            case ResultReference(function=function, label=label):
                return _of_label(function, self._labelled(label), label)
            case ResultSlice(label=label, offset=offset, n=n):
                rows = _rows(self._labelled(label), label)
                start, length = self._integer(offset), self._integer(n)
                return Bag.of(rows[max(start, 0) : max(start, 0) + max(length, 0)])
            case FunctionCall(function=function, arguments=arguments):
                return _call(function, [_scalar(self.value(argument)) for argument in arguments])
            case PoolReference(pool=pool, count=count):
                return self._read(f"pool.{pool}.{count}", self.context.pool(pool, count))
            case ErrorCount(error_class=error_class):
                return self._read(f"errors.{error_class}", self.context.errors(error_class))
            case VirtualNow():
                return self._read("now", self.context.now_us())
            case LogicalNot(operand=operand):
                return not _truth(self.value(operand))
            case UnaryMinus(operand=operand):
                return -_number(_scalar(self.value(operand)))
            case BinaryOperation(operator=BinaryOperator.AND, left=left, right=right):
                return _truth(self.value(left)) and _truth(self.value(right))
            case BinaryOperation(operator=BinaryOperator.OR, left=left, right=right):
                return _truth(self.value(left)) or _truth(self.value(right))
            case BinaryOperation(operator=op, left=left, right=right):
                return _binary(op, self.value(left), self.value(right))
            case _:
                assert_never(expression)

    def _labelled(self, label: str) -> Outcome:
        outcome = self.context.label(label)
        if outcome is None:
            raise CheckError(f"no step labelled {label} has run")
        return outcome

    def _integer(self, expression: Expression) -> int:
        value = self.value(expression)
        if type(value) is not int:
            raise CheckError(f"expected an integer, got {format_result(value)}")
        return value

    def _read(self, name: str, value: int) -> int:
        self.readings.append((name, value))
        return value


def constant_value(cell: Scalar | FixedPoint | TypedLiteral) -> Value:
    """The value of a literal."""
    match cell:
        case FixedPoint(text=text):
            return Decimal(text)
        case TypedLiteral(kind=kind, text=text):
            return _PARSERS[kind](text)
        case Scalar(value=value):
            return value
        case _:
            assert_never(cell)


_PARSERS: Final[Mapping[LiteralType, Callable[[str], Value]]] = {
    LiteralType.DATE: date.fromisoformat,
    LiteralType.TIME: time.fromisoformat,
    LiteralType.TIMESTAMP: datetime.fromisoformat,
    LiteralType.DECIMAL: Decimal,
}


def format_result(result: Result) -> str:
    """A value or a bag, for a message."""
    if isinstance(result, Bag):
        n = sum(result.counts.values())
        return f"a bag of {n} row{'' if n == 1 else 's'}"
    return literal(result)


def _of_label(function: ResultFunction, outcome: Outcome, label: str) -> Result:
    match function:
        case ResultFunction.ERROR:
            return str(outcome.error_class) if isinstance(outcome, Failed) else None
        case ResultFunction.AFFECTED:
            if isinstance(outcome, Failed):
                raise CheckError(f"{label} failed with {outcome.error_class}")
            return outcome.affected if isinstance(outcome, Rows) else outcome.n
        case ResultFunction.ROWS:
            return len(_rows(outcome, label))
        case ResultFunction.COLUMNS:
            _rows(outcome, label)
            assert isinstance(outcome, Rows)
            return outcome.columns
        case ResultFunction.VALUE:
            rows = _rows(outcome, label)
            if len(rows) != 1 or len(rows[0]) != 1:
                raise CheckError(
                    f"value({label}) reads one row of one column, and {label} has {'; '.join(describe(outcome))}"
                )
            return rows[0][0]
        case ResultFunction.BAG:
            return Bag.of(_rows(outcome, label))
        case ResultFunction.SET:
            return Bag(dict.fromkeys(Bag.of(_rows(outcome, label)).counts, 1))
        case _:
            assert_never(function)


def _rows(outcome: Outcome, label: str) -> list[Row]:
    if isinstance(outcome, Failed):
        raise CheckError(f"{label} failed with {outcome.error_class}")
    if not isinstance(outcome, Rows):
        raise CheckError(f"{label} gave no rows")
    return outcome.rows


def _call(function: ScalarFunction, values: list[Value]) -> Value:
    present = [value for value in values if value is not None]
    match function:
        case ScalarFunction.COALESCE:
            return present[0] if present else None
        case ScalarFunction.ABS:
            number = _number(values[0])
            return -number if number < 0 else number
        case ScalarFunction.MIN | ScalarFunction.MAX:
            better = BinaryOperator.LT if function is ScalarFunction.MIN else BinaryOperator.GT
            best: Value = None
            for value in present:
                if best is None or _compare(better, value, best):
                    best = value
            return best
        case _:
            assert_never(function)


_COMPARE: Final[Mapping[BinaryOperator, Callable[[Any, Any], bool]]] = {
    BinaryOperator.LT: operator.lt,
    BinaryOperator.LE: operator.le,
    BinaryOperator.GT: operator.gt,
    BinaryOperator.GE: operator.ge,
}


def _binary(op: BinaryOperator, left: Result, right: Result) -> Result:
    if isinstance(left, Bag) or isinstance(right, Bag):
        if not (isinstance(left, Bag) and isinstance(right, Bag)):
            raise CheckError(f"{op} between {format_result(left)} and {format_result(right)}: a bag is compared with a bag")
        return _bags(op, left, right)
    match op:
        case BinaryOperator.EQ:
            return _equal(left, right)
        case BinaryOperator.NE:
            return not _equal(left, right)
        case BinaryOperator.LT | BinaryOperator.LE | BinaryOperator.GT | BinaryOperator.GE:
            return _compare(op, left, right)
        case BinaryOperator.SUBSET:
            raise CheckError(f"`subset of` compares bags, not {format_result(left)} and {format_result(right)}")
        case _:  # arithmetic: a KeyError below would show a forgotten operator
            return _arithmetic(op, _number(left), _number(right))


def _bags(op: BinaryOperator, left: Bag, right: Bag) -> Result:
    match op:
        case BinaryOperator.EQ:
            return left.counts == right.counts
        case BinaryOperator.NE:
            return left.counts != right.counts
        case BinaryOperator.ADD:
            return Bag(Counter(left.counts) + Counter(right.counts))
        case BinaryOperator.SUB:
            return Bag(Counter(left.counts) - Counter(right.counts))
        case BinaryOperator.SUBSET:
            return all(right.counts.get(row, 0) >= n for row, n in left.counts.items())
        case _:  # comparison by size and arithmetic make no sense for bags
            raise CheckError(f"{op} is not defined on bags")


def _equal(left: Value, right: Value) -> bool:
    if _is_number(left) and _is_number(right):
        return left == right  # across types: 1 = 1.0, as a reader of the plan expects
    return same(left, right)


def _compare(op: BinaryOperator, left: Value, right: Value) -> bool:
    comparable = (_is_number(left) and _is_number(right)) or (type(left) is type(right) and left is not None)
    if not comparable:
        raise CheckError(f"{literal(left)} {op} {literal(right)} has no answer")
    return _COMPARE[op](left, right)


def _arithmetic(op: BinaryOperator, left: int | float | Decimal, right: int | float | Decimal) -> Value:
    try:
        if isinstance(left, int) and isinstance(right, int):
            return _INTEGERS[op](left, right)
        if isinstance(left, float) or isinstance(right, float):
            return _REALS[op](float(left), float(right))
        return _DECIMALS[op](Decimal(left), Decimal(right))
    except ArithmeticError:
        raise CheckError(f"{literal(left)} {op} {literal(right)} has no value") from None


def _truncated(left: int, right: int) -> int:
    """Integer division as SQL does it, towards zero. Python's ``//`` rounds down, so -7 // 2 is -4 there."""
    quotient = abs(left) // abs(right)
    return quotient if (left < 0) == (right < 0) else -quotient


_INTEGERS: Final[Mapping[BinaryOperator, Callable[[int, int], int]]] = {
    BinaryOperator.ADD: operator.add,
    BinaryOperator.SUB: operator.sub,
    BinaryOperator.MUL: operator.mul,
    BinaryOperator.DIV: _truncated,
    BinaryOperator.MOD: lambda left, right: left - right * _truncated(left, right),  # the sign of the dividend, as in SQL
}


_REALS: Final[Mapping[BinaryOperator, Callable[[float, float], float]]] = {
    BinaryOperator.ADD: operator.add,
    BinaryOperator.SUB: operator.sub,
    BinaryOperator.MUL: operator.mul,
    BinaryOperator.DIV: operator.truediv,
    BinaryOperator.MOD: math.fmod,
}


_DECIMALS: Final[Mapping[BinaryOperator, Callable[[Decimal, Decimal], Decimal]]] = {
    BinaryOperator.ADD: operator.add,
    BinaryOperator.SUB: operator.sub,
    BinaryOperator.MUL: operator.mul,
    BinaryOperator.DIV: operator.truediv,
    BinaryOperator.MOD: operator.mod,
}


def _is_number(value: Value) -> bool:
    return isinstance(value, (int, float, Decimal)) and not isinstance(value, bool)


def _number(value: Result) -> int | float | Decimal:
    if isinstance(value, (int, float, Decimal)) and not isinstance(value, bool):
        return value
    raise CheckError(f"expected a number, got {format_result(value)}")


def _scalar(result: Result) -> Value:
    if isinstance(result, Bag):
        raise CheckError("expected a value, got a bag of rows")
    return result


def _truth(result: Result) -> bool:
    if isinstance(result, bool):
        return result
    raise CheckError(f"expected true or false, got {format_result(result)}")
