"""Parts of checks that need not be there.

Of a check that fails, what `and` joins fails in a part: that part is the claim. A guard, `error(x) != NULL or ...`, keeps a
check from being judged where x failed. What is left has to speak of all statements that change something, or these could go
and the claim would be about nothing; no other part of a check is touched, for it would claim something else.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from simdsl.plan.ir import (
    Binary,
    Call,
    Check,
    Constant,
    Expression,
    LabelFunction,
    Negative,
    Not,
    OfLabel,
    Operator,
    Scalar,
    Slice,
    SqlKind,
)
from simdsl.shrinker.case import Case, statements


def propose(case: Case) -> Iterator[Case]:
    """Each check as each of its parts, the last check first."""
    changing = {step.options.label for _, step in statements(case) if step.sql.kind is not SqlKind.QUERY}
    for path, step in reversed(list(case.places())):
        if isinstance(step, Check):
            needed = changing & {*_labels(step.expression)}
            for part in _parts(step.expression):
                changed = case.edited({path: (replace(step, expression=part),)}) if needed <= {*_labels(part)} else None
                if changed is not None:
                    yield changed


def _parts(expression: Expression) -> Iterator[Expression]:
    match expression:
        case Binary(operator=Operator.AND, left=left, right=right):
            yield from (left, right)
        case Binary(operator=Operator.OR, left=guard, right=right) if _is_guard(guard):
            yield right
            yield from (replace(expression, right=part) for part in _parts(right))
        case _:
            return


def _is_guard(expression: Expression) -> bool:
    """Whether it says that a step failed."""
    match expression:
        case Binary(
            operator=Operator.NE, left=OfLabel(function=LabelFunction.ERROR), right=Constant(cell=Scalar(value=None))
        ):
            return True
        case _:
            return False


def _labels(expression: Expression) -> Iterator[str]:
    match expression:
        case OfLabel(label=label) | Slice(label=label):
            yield label
        case Binary(left=left, right=right):
            yield from _labels(left)
            yield from _labels(right)
        case Not(operand=operand) | Negative(operand=operand):
            yield from _labels(operand)
        case Call(arguments=arguments):
            for one in arguments:
                yield from _labels(one)
        case _:
            pass
