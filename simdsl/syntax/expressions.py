"""The expression of ``check:``, from text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, assert_never

from simdsl.plan.codes import Code
from simdsl.plan.expectations import Scalar
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
from simdsl.plan.sql import Variable
from simdsl.syntax.cells import issue_at, leaf, number, value_of, variable_of
from simdsl.syntax.expectations import error_class
from simdsl.syntax.grammar import parse
from simdsl.syntax.problems import ParseError, ParseIssue, did_you_mean

if TYPE_CHECKING:
    from simdsl.syntax.grammar import Branch


MAX_DEPTH: Final = 100
"""Expressions are walked by recursion wherever they are used, and Python bounds that."""


def parse_check(text: str) -> Expression:
    """Raises ``Refused`` with offsets into this text."""
    branch = parse("check", text)
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
            operator = _SYNONYMS.get(leaf(branch, 1)) or BinaryOperator(str(leaf(branch, 1)))
            return BinaryOperation(operator=operator, left=_child(branch, 0), right=_child(branch, 2))
        case "subset":
            return BinaryOperation(operator=BinaryOperator.SUBSET, left=_child(branch, 0), right=_child(branch, 1))
        case "negative":
            return _negative(branch)
        case "group":
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
