"""The expression of ``check:``, from text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, assert_never

from simdsl.language.cells import leaf, number, trouble, value_of, variable_of
from simdsl.language.expectations import error_class
from simdsl.language.grammar import parse
from simdsl.language.problems import Refused, Trouble, did_you_mean
from simdsl.plan.codes import Code
from simdsl.plan.ir import (
    Binary,
    Call,
    Constant,
    Expression,
    LabelFunction,
    Negative,
    Not,
    Now,
    OfErrors,
    OfLabel,
    OfPool,
    Operator,
    PoolCount,
    Scalar,
    ScalarFunction,
    Slice,
    Var,
)

if TYPE_CHECKING:
    from simdsl.language.grammar import Branch


DEEPEST: Final = 100
"""Expressions are walked by recursion wherever they are used, and Python bounds that."""


def parse_check(text: str) -> Expression:
    """Raises ``Refused`` with offsets into this text."""
    branch = parse("check", text)
    if _is_deeper(branch, DEEPEST):
        message = f"this expression is nested more than {DEEPEST} levels deep"
        raise Refused(Trouble(code=Code.G209, message=message, end=len(text), help="split it into several checks"))
    return _expression(branch)


def parts(expression: Expression) -> Iterator[Expression]:
    """The expression and everything in it, each before what it is made of."""
    yield expression
    match expression:
        case Binary(left=left, right=right):
            yield from parts(left)
            yield from parts(right)
        case Not(operand=operand) | Negative(operand=operand):
            yield from parts(operand)
        case Call(arguments=arguments):
            for argument in arguments:
                yield from parts(argument)
        case Slice(offset=offset, n=n):
            yield from parts(offset)
            yield from parts(n)
        case Constant() | Var() | OfLabel() | OfPool() | OfErrors() | Now():
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
            return Binary(operator=Operator.OR, left=_child(branch, 0), right=_child(branch, 1))
        case "and_":
            return Binary(operator=Operator.AND, left=_child(branch, 0), right=_child(branch, 1))
        case "not_":
            return Not(operand=_child(branch, 0))
        case "compare" | "binary":
            operator = _SYNONYMS.get(leaf(branch, 1)) or Operator(str(leaf(branch, 1)))
            return Binary(operator=operator, left=_child(branch, 0), right=_child(branch, 2))
        case "subset":
            return Binary(operator=Operator.SUBSET, left=_child(branch, 0), right=_child(branch, 1))
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
            return OfLabel(function=LabelFunction(str(leaf(branch))), label=str(leaf(branch, 1)))
        case "slice":
            return Slice(label=str(leaf(branch)), offset=_child(branch, 1), n=_child(branch, 2))
        case "call":
            return _call(branch)
        case "of_pool":
            return OfPool(pool=str(leaf(branch)), count=_pool_count(branch))
        case "of_errors":
            return OfErrors(error_class=error_class(leaf(branch)))
        case "now":
            return Now()
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
    return Negative(operand=_expression(operand))


def _call(branch: Branch) -> Call:
    token = leaf(branch)
    arguments = tuple(_expression(child) for child in branch.children[1:] if not isinstance(child, str))
    if token == ScalarFunction.ABS and len(arguments) != 1:
        raise Refused(trouble(Code.G201, "`abs` takes one value", token))
    return Call(function=ScalarFunction(str(token)), arguments=arguments)


def _pool_count(branch: Branch) -> PoolCount:
    token = leaf(branch, 1)
    if token not in _POOL_COUNTS:
        raise Refused(
            trouble(Code.G201, f"a pool has no `{token}`", token, did_you_mean(str(token), _POOL_COUNTS)),
        )
    return PoolCount(str(token))


def _child(branch: Branch, index: int) -> Expression:
    child = branch.children[index]
    assert not isinstance(child, str)
    return _expression(child)


_SYNONYMS: Final = {"<>": Operator.NE}
_POOL_COUNTS: Final = tuple(count.value for count in PoolCount)
