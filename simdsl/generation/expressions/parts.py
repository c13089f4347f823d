"""The parts of an expression, and an expression with other parts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields, replace
from typing import Any

from simdsl.generation.expressions.ir import Column, Expression, Literal, Parameter, When


def parts(expression: Expression) -> tuple[Expression, ...]:
    """The operands, in the order of the fields; a branch of CASE gives its test, then its result."""
    return () if isinstance(expression, (Literal, Column, Parameter)) else tuple(_operands(expression))


def rebuilt(expression: Expression, operands: Sequence[Expression]) -> Expression:
    """The same node over other operands, which come in the order of ``parts``."""
    if isinstance(expression, (Literal, Column, Parameter)):
        return expression
    made: Expression = _refilled(expression, iter(operands))
    return made


def nodes(expression: Expression) -> Iterator[Expression]:
    """The expression and everything within, the outer before the inner."""
    yield expression
    for part in parts(expression):
        yield from nodes(part)


def _operands(node: Any) -> Iterator[Expression]:
    for field in fields(node):
        value = getattr(node, field.name)
        for item in value if isinstance(value, tuple) else (value,):
            if isinstance(item, When):
                yield from (item.test, item.result)
            elif isinstance(item, Expression):
                yield item


def _refilled(node: Any, remaining: Iterator[Expression]) -> Any:
    changes: dict[str, Any] = {}
    for field in fields(node):
        value = getattr(node, field.name)
        if isinstance(value, tuple):
            changes[field.name] = tuple(_refilled(i, remaining) if isinstance(i, When) else next(remaining) for i in value)
        elif isinstance(value, Expression):
            changes[field.name] = next(remaining)
    return replace(node, **changes)
