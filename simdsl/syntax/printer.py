"""From the IR back to the strings of the plan language: the inverse of the grammar, with as few brackets as it allows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, assert_never

from simdsl.plan.expectations import (
    Alternative,
    Binding,
    Blocks,
    Cell,
    CellRow,
    ComparisonOperator,
    Contains,
    Count,
    CountUnit,
    ExactRows,
    Excludes,
    Expectation,
    ExpectedError,
    FixedPoint,
    Ok,
    RowOrder,
    SameAs,
    Scalar,
    TypedLiteral,
    Wildcard,
)
from simdsl.plan.expressions import (
    BinaryOperation,
    BinaryOperator,
    Constant,
    ErrorCount,
    Expression,
    FunctionCall,
    LogicalNot,
    PoolReference,
    ResultReference,
    ResultSlice,
    UnaryMinus,
    VirtualNow,
)
from simdsl.plan.plan import ExplicitSchedule, RecordedSchedule
from simdsl.plan.sql import Sql, Variable
from simdsl.plan.values import quoted


def line_text(sql: Sql | None, expect: Expectation | None) -> str:
    """``SQL => expectation``, either half alone where the other is None."""
    return with_expectation(sql.text if sql is not None else "", expect)


def with_expectation(head: str, expect: Expectation | None) -> str:
    """A head and what is expected of it.

    Behind several lines, and where a comment may run to the end of the line, the arrow has a line of its own.
    """
    if expect is None:
        return head
    arrow = f"=> {expectation_text(expect)}"
    if not head:
        return arrow
    # After a `--` comment on the last line the arrow would be a part of the comment; after `#`, YAML might cut it off.
    return f"{head}\n{arrow}" if any(mark in head for mark in _LONG) else f"{head} {arrow}"


def expectation_text(expect: Expectation) -> str:
    """What stands behind an arrow."""
    return " or ".join(map(_alternative, expect))


def duration_text(duration_us: int) -> str:
    """Microseconds of virtual time in the largest unit that needs no fraction: ``1500ms``."""
    for unit, size in _UNITS:
        # 0 is divisible by an hour, but `0ms` is what a person writes.
        if duration_us % size == 0 and (duration_us or unit == "ms"):
            return f"{duration_us // size}{unit}"
    return f"{duration_us}us"


def schedule_text(schedule: ExplicitSchedule | RecordedSchedule) -> str:
    """``a b a`` or ``1-2-1``."""
    match schedule:
        case ExplicitSchedule():
            return " ".join(schedule.entries)
        case RecordedSchedule():
            return "-".join(map(str, schedule.choices))
        case _:
            assert_never(schedule)


def cell_text(cell: Cell) -> str:
    """One cell of a row, or one item of a loop."""
    match cell:
        case Scalar():
            return _scalar(cell.value)
        case FixedPoint():
            return cell.text
        case TypedLiteral():
            return f"{cell.kind} {quoted(cell.text)}"
        case Wildcard():
            return "_"
        case Binding():
            return f"?{cell.name}"
        case Variable():
            return f"${cell.name}"
        case _:
            assert_never(cell)


def expression_text(expression: Expression) -> str:
    """An expression of ``check:``. Brackets stand only where it would be read differently without them."""
    return _expression(expression, 0)


def _alternative(alternative: Alternative) -> str:
    match alternative:
        case Ok():
            return "ok"
        case Blocks():
            return "blocks"
        case Count():
            return _count(alternative)
        case ExactRows():
            return _rows(alternative.rows) + _order(alternative.order)
        case Contains():
            return f"contains {_rows(alternative.rows)}"
        case Excludes():
            return f"excludes {_rows(alternative.rows)}"
        case SameAs():
            return f"same as {alternative.label}{_order(alternative.order)}"
        case ExpectedError():
            return _error(alternative)
        case _:
            assert_never(alternative)


def _count(count: Count) -> str:
    if count == _EMPTY:
        return "empty"
    comparison = "" if count.comparison is ComparisonOperator.EQ else f"{count.comparison} "
    what = count.what.value
    if count.n == 1 and count.what is not CountUnit.AFFECTED:
        what = what.removesuffix("s")
    return f"{comparison}{bound_text(count.n)} {what}"


def _rows(rows: Sequence[CellRow]) -> str:
    return ", ".join(map(_row, rows))


def _row(row: CellRow) -> str:
    cells = ", ".join(map(cell_text, row))
    return cells if len(row) == 1 else f"({cells})"


def _order(order: RowOrder | None) -> str:
    return f" {order}" if order is not None else ""


def _error(error: ExpectedError) -> str:
    native = f"native {error.native}" if error.native is not None else None
    regex = f"/{error.regex}/" if error.regex is not None else None
    return " ".join(filter(None, ("error", error.error_class, error.sqlstate, native, regex)))


def bound_text(bound: int | Variable) -> str:
    """A number, or a variable that stands for one."""
    return f"${bound.name}" if isinstance(bound, Variable) else str(bound)


def _scalar(value: bool | int | float | str | bytes | None) -> str:
    match value:
        case None:
            return "NULL"
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float():
            return _real(value)
        case str():
            return quoted(value)
        case bytes():
            return f"x'{value.hex()}'"


def _real(value: float) -> str:
    """A real has an exponent: without one it would be an integer or a fixed number."""
    if math.isnan(value):
        return "nan"
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    # repr is the shortest text that reads back as the same float.
    text = repr(value)
    return text if "e" in text else f"{text.removesuffix('.0')}e0"


def _expression(expression: Expression, context: int) -> str:
    """The text of an expression that stands where only operators of at least the level ``around`` may."""
    level, text = _leveled(expression)
    return f"({text})" if level < context else text


def _leveled(expression: Expression) -> tuple[int, str]:
    match expression:
        case BinaryOperation():
            return _binary(expression)
        case LogicalNot():
            return _NOT, f"not {_expression(expression.operand, _NOT)}"
        case UnaryMinus():
            return _UNARY, f"-{_negated(expression.operand)}"
        case Constant():
            # A negative constant binds like a unary minus: `(-3) % 2` needs no brackets, `-3` after a minus does.
            text = cell_text(expression.cell)
            return (_UNARY if text.startswith("-") else _OPERAND), text
        case Variable():
            return _OPERAND, f"${expression.name}"
        case ResultReference():
            return _OPERAND, f"{expression.function}({expression.label})"
        case ResultSlice():
            inner = (expression.label, _expression(expression.offset, 0), _expression(expression.n, 0))
            return _OPERAND, f"slice({', '.join(inner)})"
        case FunctionCall():
            arguments = ", ".join(_expression(argument, 0) for argument in expression.arguments)
            return _OPERAND, f"{expression.function}({arguments})"
        case PoolReference():
            return _OPERAND, f"pool.{expression.pool}.{expression.count}"
        case ErrorCount():
            return _OPERAND, f"errors.{expression.error_class}"
        case VirtualNow():
            return _OPERAND, "now"
        case _:
            assert_never(expression)


def _binary(expression: BinaryOperation) -> tuple[int, str]:
    """Operators of one level group to the left; comparisons do not chain."""
    level = _LEVELS[expression.operator]
    # `a = b = c` is no expression, so a comparison within one needs brackets on the left too.
    left = level + 1 if level == _COMPARISON else level
    sides = (_expression(expression.left, left), _expression(expression.right, level + 1))
    return level, f"{sides[0]} {expression.operator} {sides[1]}"


def _negated(operand: Expression) -> str:
    text = _expression(operand, _UNARY)
    # `-3` is a number, `-(3)` the negative of one, and `--` would look like a comment.
    return f"({text})" if isinstance(operand, Constant) or text.startswith("-") else text


_LONG: Final = ("\n", "--", "#")
_EMPTY: Final = Count(what=CountUnit.ROWS, comparison=ComparisonOperator.EQ, n=0)
_UNITS: Final = (("h", 3_600_000_000), ("m", 60_000_000), ("s", 1_000_000), ("ms", 1_000))


# The levels of the grammar, loosest first. The tests print and parse generated expressions, which catches a difference.
_OR, _AND, _NOT, _COMPARISON, _SUM, _PRODUCT, _UNARY, _OPERAND = range(8)


_LEVELS: Final = {
    BinaryOperator.OR: _OR,
    BinaryOperator.AND: _AND,
    BinaryOperator.EQ: _COMPARISON,
    BinaryOperator.NE: _COMPARISON,
    BinaryOperator.LT: _COMPARISON,
    BinaryOperator.LE: _COMPARISON,
    BinaryOperator.GT: _COMPARISON,
    BinaryOperator.GE: _COMPARISON,
    BinaryOperator.SUBSET: _COMPARISON,
    BinaryOperator.ADD: _SUM,
    BinaryOperator.SUB: _SUM,
    BinaryOperator.MUL: _PRODUCT,
    BinaryOperator.DIV: _PRODUCT,
    BinaryOperator.MOD: _PRODUCT,
}
