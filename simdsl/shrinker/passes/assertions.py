"""Passes over what a plan asserts: checks and expectations."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from simdsl.plan.expectations import Blocks, Scalar
from simdsl.plan.expressions import (
    BinaryOperation,
    BinaryOperator,
    Constant,
    Expression,
    FunctionCall,
    LogicalNot,
    ResultFunction,
    ResultReference,
    ResultSlice,
    UnaryMinus,
)
from simdsl.plan.sql import SqlKind
from simdsl.plan.steps import NO_OPTIONS, Await, Check, Checkout, Return, SqlStep, Step, StepOptions
from simdsl.shrinker.case import ShrinkCase, sql_steps


def simplify_checks(case: ShrinkCase) -> Iterator[ShrinkCase]:
    """Each check as each of its parts, the last check first."""
    changing = {step.options.label for _, step in sql_steps(case) if step.sql.kind is not SqlKind.QUERY}
    for path, step in reversed(list(case.places())):
        if isinstance(step, Check):
            needed = changing & {*_labels(step.expression)}
            for part in _parts(step.expression):
                changed = case.edited({path: (replace(step, expression=part),)}) if needed <= {*_labels(part)} else None
                if changed is not None:
                    yield changed


def _parts(expression: Expression) -> Iterator[Expression]:
    match expression:
        case BinaryOperation(operator=BinaryOperator.AND, left=left, right=right):
            yield from (left, right)
        case BinaryOperation(operator=BinaryOperator.OR, left=guard, right=right) if _is_guard(guard):
            yield right
            yield from (replace(expression, right=part) for part in _parts(right))
        case _:
            return


def _is_guard(expression: Expression) -> bool:
    """Whether it says that a step failed."""
    match expression:
        case BinaryOperation(
            operator=BinaryOperator.NE,
            left=ResultReference(function=ResultFunction.ERROR),
            right=Constant(cell=Scalar(value=None)),
        ):
            return True
        case _:
            return False


def _labels(expression: Expression) -> Iterator[str]:
    match expression:
        case ResultReference(label=label) | ResultSlice(label=label):
            yield label
        case BinaryOperation(left=left, right=right):
            yield from _labels(left)
            yield from _labels(right)
        case LogicalNot(operand=operand) | UnaryMinus(operand=operand):
            yield from _labels(operand)
        case FunctionCall(arguments=arguments):
            for one in arguments:
                yield from _labels(one)
        case _:
            pass


def remove_expectations(case: ShrinkCase) -> Iterator[ShrinkCase]:
    """All at once, then each step's: what it expects, what it says beside its label, single alternatives, one less."""
    places = [(path, step) for path, step in case.places() if path[0] != "invariants"]
    bare = {path: (changed,) for path, step in places if (changed := _bare(step)) != step}
    if len(bare) > 1 and (everywhere := case.edited(bare)) is not None:
        yield everywhere
    for path, step in reversed(places):
        for changed in _simpler(step):
            made = case.edited({path: (changed,)})
            if made is not None:
                yield made


def _simpler(step: Step) -> Iterator[Step]:
    if (bare := _bare(step)) != step:
        yield bare
    if step.options not in (NO_OPTIONS, quiet := StepOptions(label=step.options.label)):
        yield replace(step, options=quiet)
    if isinstance(step, SqlStep | Checkout | Return | Await) and step.expect is not None:
        many = len(step.expect)
        if many > 1:
            yield from (replace(step, expect=(one,)) for one in step.expect)
        if many > 2:
            yield from (replace(step, expect=(*step.expect[:i], *step.expect[i + 1 :])) for i in reversed(range(many)))


def _bare(step: Step) -> Step:
    """The step without its expectation, unless that one is part of the schedule."""
    if not isinstance(step, SqlStep | Checkout | Return | Await) or any(
        isinstance(one, Blocks) for one in step.expect or ()
    ):
        return step
    return replace(step, expect=None)
