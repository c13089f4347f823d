"""Equivalents: another expression with the same value for every row, NULL where NULL was.

Each rewrite takes one node and gives another, or None where it does not apply. It says nothing that a third truth value
would make false, so it may be used at any depth and not only where NULL counts as FALSE.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple, TypeAlias

from simdsl.core.choices import SingleHashSampler
from simdsl.generation.expressions.evaluation import Undefined, evaluate
from simdsl.generation.expressions.ir import (
    FALSE,
    TRUE,
    Between,
    CaseBranch,
    Coalesce,
    ColumnRef,
    Compare,
    Connective,
    Extreme,
    InList,
    IsDistinct,
    IsNull,
    IsTruth,
    Like,
    Literal,
    Logic,
    Not,
    NullIf,
    Parameter,
    SearchedCase,
    SimpleCase,
    SqlExpression,
    SqlType,
    operands,
    walk,
    with_operands,
)
from simdsl.plan.expectations import ComparisonOperator

Rewrite: TypeAlias = Callable[[SqlExpression], SqlExpression | None]


class RewrittenExpression(NamedTuple):
    """The name of the rewrite, and its result."""

    name: str
    expression: SqlExpression


def all_rewrites(expression: SqlExpression) -> Iterator[RewrittenExpression]:
    """Every way to use one rewrite at one node, the outer nodes first."""
    for rewrite in REWRITES:
        if (made := rewrite(expression)) is not None:
            yield RewrittenExpression(rewrite.__name__, made)
    parts = operands(expression)
    for i, part in enumerate(parts):
        for name, made in all_rewrites(part):
            yield RewrittenExpression(name, with_operands(expression, (*parts[:i], made, *parts[i + 1 :])))


def draw_rewrite(expression: SqlExpression, *, seed: int, place: tuple[int | str, ...]) -> RewrittenExpression | None:
    """One of the possible rewrites, by seed and place; None if there is none."""
    possible: dict[str, list[RewrittenExpression]] = {}
    for made in all_rewrites(expression):
        possible.setdefault(made.name, []).append(made)
    if not possible:
        return None
    # First which rewrite, then where: or those that fit everywhere, such as NOT NOT, would be nearly all that is drawn.
    digits = SingleHashSampler(seed, "rewriting", *place)
    chosen = list(possible.values())[digits.below(len(possible))]
    return chosen[digits.below(len(chosen))]


def de_morgan(node: SqlExpression) -> SqlExpression | None:
    """NOT (a AND b) is NOT a OR NOT b, and the other way round. Kleene's logic keeps De Morgan's laws."""
    match node:
        case Not(operand=Logic(connective=connective, left=left, right=right)):
            return Logic(connective=_OTHER[connective], left=Not(operand=left), right=Not(operand=right))
    return None


def without_two_nots(node: SqlExpression) -> SqlExpression | None:
    """NOT NOT a is a. NULL is its own NOT."""
    match node:
        case Not(operand=Not(operand=inner)):
            return inner
    return None


def with_two_nots(node: SqlExpression) -> SqlExpression | None:
    """A condition is NOT NOT of it."""
    return Not(operand=Not(operand=node)) if node.type is SqlType.BOOLEAN else None


def negated_comparison(node: SqlExpression) -> SqlExpression | None:
    """NOT a < b is a >= b: both are NULL with NULL, and there is no NaN."""
    match node:
        case Not(operand=Compare(comparison=comparison, left=left, right=right)):
            return Compare(comparison=_OPPOSITE[comparison], left=left, right=right)
    return None


def negated_inside(node: SqlExpression) -> SqlExpression | None:
    """NOT a IN ... is a NOT IN ..., and so of LIKE, BETWEEN, IS NULL, IS TRUE and IS DISTINCT FROM."""
    match node:
        case Not(operand=InList(operand=operand, items=items, negated=negated)):
            return InList(operand=operand, items=items, negated=not negated)
        case Not(operand=Like(operand=operand, pattern=pattern, exact=exact, negated=negated)):
            return Like(operand=operand, pattern=pattern, exact=exact, negated=not negated)
        case Not(operand=Between(operand=operand, low=low, high=high, negated=negated)):
            return Between(operand=operand, low=low, high=high, negated=not negated)
        case Not(operand=IsNull(operand=operand, negated=negated)):
            return IsNull(operand=operand, negated=not negated)
        case Not(operand=IsTruth(operand=operand, truth=truth, negated=negated)):
            return IsTruth(operand=operand, truth=truth, negated=not negated)
        case Not(operand=IsDistinct(left=left, right=right, negated=negated)):
            return IsDistinct(left=left, right=right, negated=not negated)
    return None


def swapped_comparison(node: SqlExpression) -> SqlExpression | None:
    """a < b is b > a, and a = b is b = a."""
    match node:
        case Compare(comparison=comparison, left=left, right=right):
            return Compare(comparison=_SWAPPED[comparison], left=right, right=left)
        case IsDistinct(left=left, right=right, negated=negated):
            return IsDistinct(left=right, right=left, negated=negated)
    return None


def swapped_logic(node: SqlExpression) -> SqlExpression | None:
    """a AND b is b AND a: both operands are defined, so the order of evaluation cannot show."""
    match node:
        case Logic(connective=connective, left=left, right=right):
            return Logic(connective=connective, left=right, right=left)
    return None


def between_as_comparisons(node: SqlExpression) -> SqlExpression | None:
    """a BETWEEN b AND c is a >= b AND a <= c. It is FALSE, not NULL, where one side is FALSE and the other NULL."""
    match node:
        case Between(operand=operand, low=low, high=high, negated=negated):
            at_least = Compare(comparison=ComparisonOperator.GE, left=operand, right=low)
            at_most = Compare(comparison=ComparisonOperator.LE, left=operand, right=high)
            return _negated_if(Logic(connective=Connective.AND, left=at_least, right=at_most), negated)
    return None


def in_as_or(node: SqlExpression) -> SqlExpression | None:
    """a IN (b, c) is a = b OR a = c; a NOT IN (b, c) is its NOT. Without a hit and with a NULL both are NULL."""
    match node:
        case InList(operand=operand, items=items, negated=negated):
            made: SqlExpression = Compare(comparison=ComparisonOperator.EQ, left=operand, right=items[0])
            for item in items[1:]:
                equal = Compare(comparison=ComparisonOperator.EQ, left=operand, right=item)
                made = Logic(connective=Connective.OR, left=made, right=equal)
            return _negated_if(made, negated)
    return None


def distinct_as_comparison(node: SqlExpression) -> SqlExpression | None:
    """a IS NOT DISTINCT FROM b is (a = b) IS TRUE OR a IS NULL AND b IS NULL; IS DISTINCT FROM is its NOT."""
    match node:
        case IsDistinct(left=left, right=right, negated=negated):
            equal = IsTruth(operand=Compare(comparison=ComparisonOperator.EQ, left=left, right=right), truth=True)
            nulls = Logic(connective=Connective.AND, left=IsNull(operand=left), right=IsNull(operand=right))
            return _negated_if(Logic(connective=Connective.OR, left=equal, right=nulls), not negated)
    return None


def truth_as_coalesce(node: SqlExpression) -> SqlExpression | None:
    """a IS TRUE is coalesce(a, FALSE), a IS FALSE is NOT coalesce(a, TRUE); with NOT they are the NOT of these."""
    match node:
        case IsTruth(operand=operand, truth=truth, negated=negated):
            made = Coalesce(items=(operand, FALSE if truth else TRUE))
            return _negated_if(made, truth is negated)
    return None


def coalesce_as_case(node: SqlExpression) -> SqlExpression | None:
    """coalesce(a, b) is CASE WHEN a IS NOT NULL THEN a ELSE b END."""
    match node:
        case Coalesce(items=(first, *rest)):
            branch = CaseBranch(test=IsNull(operand=first, negated=True), result=first)
            return SearchedCase(branches=(branch,), otherwise=rest[0] if len(rest) == 1 else Coalesce(items=tuple(rest)))
    return None


def null_if_as_case(node: SqlExpression) -> SqlExpression | None:
    """nullif(a, b) is CASE WHEN a = b THEN NULL ELSE a END: where a = b is NULL it is a."""
    match node:
        case NullIf(left=left, right=right):
            equal = Compare(comparison=ComparisonOperator.EQ, left=left, right=right)
            null = Literal(type=node.type, value=None)
            return SearchedCase(branches=(CaseBranch(test=equal, result=null),), otherwise=left)
    return None


def switch_as_case(node: SqlExpression) -> SqlExpression | None:
    """CASE a WHEN b THEN c END is CASE WHEN a = b THEN c END: NULL is equal to nothing in both."""
    match node:
        case SimpleCase(subject=subject, branches=branches, otherwise=otherwise):
            tests = [Compare(comparison=ComparisonOperator.EQ, left=subject, right=branch.test) for branch in branches]
            made = tuple(CaseBranch(test=test, result=b.result) for test, b in zip(tests, branches, strict=True))
            return SearchedCase(branches=made, otherwise=otherwise)
    return None


def extreme_as_case(node: SqlExpression) -> SqlExpression | None:
    """The greater of a and b is CASE WHEN a >= b THEN a WHEN b > a THEN b END: neither holds with a NULL."""
    match node:
        case Extreme(greatest=greatest, left=left, right=right):
            first, second = (
                (ComparisonOperator.GE, ComparisonOperator.GT)
                if greatest
                else (ComparisonOperator.LE, ComparisonOperator.LT)
            )
            keeps_left = CaseBranch(test=Compare(comparison=first, left=left, right=right), result=left)
            keeps_right = CaseBranch(test=Compare(comparison=second, left=right, right=left), result=right)
            return SearchedCase(branches=(keeps_left, keeps_right))
    return None


def with_neutral(node: SqlExpression) -> SqlExpression | None:
    """A condition is itself AND TRUE, also where it is NULL."""
    return Logic(connective=Connective.AND, left=node, right=TRUE) if node.type is SqlType.BOOLEAN else None


def condition_as_case(node: SqlExpression) -> SqlExpression | None:
    """A condition is CASE WHEN a THEN TRUE WHEN NOT a THEN FALSE END, which is NULL where a is."""
    # Not a CASE again: rewritten twice it would double, and the text of the test stands in it twice.
    if node.type is not SqlType.BOOLEAN or isinstance(node, (Literal, SearchedCase)):
        return None
    return SearchedCase(branches=(CaseBranch(test=node, result=TRUE), CaseBranch(test=Not(operand=node), result=FALSE)))


def folded_constant(node: SqlExpression) -> SqlExpression | None:
    """An expression without columns and variables is its value, if it is defined."""
    if isinstance(node, Literal) or any(isinstance(part, (ColumnRef, Parameter)) for part in walk(node)):
        return None
    value = evaluate(node, {})
    # SQLite promises to read reals of 15 digits exactly; another one would not be the value that it stands for.
    if isinstance(value, Undefined) or (isinstance(value, float) and float(f"{value:.15g}") != value):
        return None
    return Literal(type=node.type, value=value)


def _negated_if(condition: SqlExpression, negated: bool) -> SqlExpression:
    return Not(operand=condition) if negated else condition


_OTHER: Final = {Connective.AND: Connective.OR, Connective.OR: Connective.AND}
_OPPOSITE: Final = {
    ComparisonOperator.EQ: ComparisonOperator.NE,
    ComparisonOperator.NE: ComparisonOperator.EQ,
    ComparisonOperator.LT: ComparisonOperator.GE,
    ComparisonOperator.GE: ComparisonOperator.LT,
    ComparisonOperator.GT: ComparisonOperator.LE,
    ComparisonOperator.LE: ComparisonOperator.GT,
}
_SWAPPED: Final = {
    ComparisonOperator.EQ: ComparisonOperator.EQ,
    ComparisonOperator.NE: ComparisonOperator.NE,
    ComparisonOperator.LT: ComparisonOperator.GT,
    ComparisonOperator.GT: ComparisonOperator.LT,
    ComparisonOperator.LE: ComparisonOperator.GE,
    ComparisonOperator.GE: ComparisonOperator.LE,
}

REWRITES: Final[tuple[Rewrite, ...]] = (
    de_morgan,
    without_two_nots,
    with_two_nots,
    negated_comparison,
    negated_inside,
    swapped_comparison,
    swapped_logic,
    between_as_comparisons,
    in_as_or,
    distinct_as_comparison,
    truth_as_coalesce,
    coalesce_as_case,
    null_if_as_case,
    switch_as_case,
    extreme_as_case,
    with_neutral,
    condition_as_case,
    folded_constant,
)
