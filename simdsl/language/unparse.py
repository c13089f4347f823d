"""From the IR back to the strings of the plan language: the inverse of the grammar, with as few brackets as it allows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, assert_never

from simdsl.plan.ir import (
    Alternative,
    AnError,
    Anything,
    Binary,
    Bind,
    Blocks,
    Call,
    Cell,
    CellRow,
    Choices,
    Comparison,
    Constant,
    Contains,
    Count,
    Counted,
    ExactRows,
    Excludes,
    Expectation,
    Expression,
    Fixed,
    Items,
    Negative,
    Not,
    Now,
    OfErrors,
    OfLabel,
    OfPool,
    Ok,
    Operator,
    Order,
    Range,
    Retry,
    SameAs,
    Scalar,
    Slice,
    Sql,
    Typed,
    Var,
    Words,
)
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
    return f"{head}\n{arrow}" if any(mark in head for mark in _LONG) else f"{head} {arrow}"


def expectation_text(expect: Expectation) -> str:
    """What stands behind an arrow."""
    return " or ".join(map(_alternative, expect))


def duration_text(duration_us: int) -> str:
    """Microseconds of virtual time in the largest unit that needs no fraction: ``1500ms``."""
    for unit, size in _UNITS:
        if duration_us % size == 0 and (duration_us or unit == "ms"):
            return f"{duration_us // size}{unit}"
    return f"{duration_us}us"


def range_text(over: Range | Items) -> str:
    """What a loop runs over."""
    match over:
        case Range():
            return f"{_bound(over.first)}..{_bound(over.last)}"
        case Items():
            return f"[{', '.join(map(cell_text, over.items))}]"
        case _:
            assert_never(over)


def retry_text(retry: Retry) -> str:
    """``3 times on busy or deadlock_detected every 5ms``."""
    classes = f" on {' or '.join(retry.classes)}" if retry.classes else ""
    every = f" every {duration_text(retry.every_us)}" if retry.every_us is not None else ""
    return f"{retry.times} times{classes}{every}"


def schedule_text(schedule: Words | Choices) -> str:
    """``a b a`` or ``1-2-1``."""
    match schedule:
        case Words():
            return " ".join(schedule.words)
        case Choices():
            return "-".join(map(str, schedule.choices))
        case _:
            assert_never(schedule)


def cell_text(cell: Cell) -> str:
    """One cell of a row, or one item of a loop."""
    match cell:
        case Scalar():
            return _scalar(cell.value)
        case Fixed():
            return cell.text
        case Typed():
            return f"{cell.kind} {quoted(cell.text)}"
        case Anything():
            return "_"
        case Bind():
            return f"?{cell.name}"
        case Var():
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
        case AnError():
            return _error(alternative)
        case _:
            assert_never(alternative)


def _count(count: Count) -> str:
    if count == _EMPTY:
        return "empty"
    comparison = "" if count.comparison is Comparison.EQ else f"{count.comparison} "
    what = count.what.value
    if count.n == 1 and count.what is not Counted.AFFECTED:
        what = what.removesuffix("s")
    return f"{comparison}{_bound(count.n)} {what}"


def _rows(rows: Sequence[CellRow]) -> str:
    return ", ".join(map(_row, rows))


def _row(row: CellRow) -> str:
    cells = ", ".join(map(cell_text, row))
    return cells if len(row) == 1 else f"({cells})"


def _order(order: Order | None) -> str:
    return f" {order}" if order is not None else ""


def _error(error: AnError) -> str:
    native = f"native {error.native}" if error.native is not None else None
    regex = f"/{error.regex}/" if error.regex is not None else None
    return " ".join(filter(None, ("error", error.error_class, error.sqlstate, native, regex)))


def _bound(bound: int | Var) -> str:
    return f"${bound.name}" if isinstance(bound, Var) else str(bound)


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
    text = repr(value)
    return text if "e" in text else f"{text.removesuffix('.0')}e0"


def _expression(expression: Expression, around: int) -> str:
    """The text of an expression that stands where only operators of at least the level ``around`` may."""
    level, text = _leveled(expression)
    return f"({text})" if level < around else text


def _leveled(expression: Expression) -> tuple[int, str]:
    match expression:
        case Binary():
            return _binary(expression)
        case Not():
            return _NOT, f"not {_expression(expression.operand, _NOT)}"
        case Negative():
            return _UNARY, f"-{_negated(expression.operand)}"
        case Constant():
            text = cell_text(expression.cell)
            return (_UNARY if text.startswith("-") else _OPERAND), text
        case Var():
            return _OPERAND, f"${expression.name}"
        case OfLabel():
            return _OPERAND, f"{expression.function}({expression.label})"
        case Slice():
            inner = (expression.label, _expression(expression.offset, 0), _expression(expression.n, 0))
            return _OPERAND, f"slice({', '.join(inner)})"
        case Call():
            arguments = ", ".join(_expression(argument, 0) for argument in expression.arguments)
            return _OPERAND, f"{expression.function}({arguments})"
        case OfPool():
            return _OPERAND, f"pool.{expression.pool}.{expression.count}"
        case OfErrors():
            return _OPERAND, f"errors.{expression.error_class}"
        case Now():
            return _OPERAND, "now"
        case _:
            assert_never(expression)


def _binary(expression: Binary) -> tuple[int, str]:
    """Operators of one level group to the left; comparisons do not chain."""
    level = _LEVELS[expression.operator]
    left = level + 1 if level == _COMPARISON else level
    sides = (_expression(expression.left, left), _expression(expression.right, level + 1))
    return level, f"{sides[0]} {expression.operator} {sides[1]}"


def _negated(operand: Expression) -> str:
    text = _expression(operand, _UNARY)
    # `-3` is a number, `-(3)` the negative of one, and `--` would look like a comment.
    return f"({text})" if isinstance(operand, Constant) or text.startswith("-") else text


_LONG: Final = ("\n", "--", "#")
_EMPTY: Final = Count(what=Counted.ROWS, comparison=Comparison.EQ, n=0)
_UNITS: Final = (("h", 3_600_000_000), ("m", 60_000_000), ("s", 1_000_000), ("ms", 1_000))
_OR, _AND, _NOT, _COMPARISON, _SUM, _PRODUCT, _UNARY, _OPERAND = range(8)
_LEVELS: Final = {
    Operator.OR: _OR,
    Operator.AND: _AND,
    Operator.EQ: _COMPARISON,
    Operator.NE: _COMPARISON,
    Operator.LT: _COMPARISON,
    Operator.LE: _COMPARISON,
    Operator.GT: _COMPARISON,
    Operator.GE: _COMPARISON,
    Operator.SUBSET: _COMPARISON,
    Operator.ADD: _SUM,
    Operator.SUB: _SUM,
    Operator.MUL: _PRODUCT,
    Operator.DIV: _PRODUCT,
    Operator.MOD: _PRODUCT,
}
