"""Random expressions: valid, typed, and defined for every row.

A node is a function of (seed, purpose, place), its place being that of the expression and the path to the node. So leaving
out another expression, or cutting away a part of this one, moves nothing else.

What could fail is excluded as it is drawn: a divisor is ``nullif(x, 0)``; an operand that could take a result out of its
type is made small (``%`` of integers, CASE of reals), by what ``range_analysis`` knows of it. So ``evaluate`` is never
undefined."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final, TypeAlias

from simdsl.core.choices import SingleHashSampler
from simdsl.generation.expressions.evaluation import Undefined, evaluate
from simdsl.generation.expressions.ir import (
    TRUE,
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
    SearchedCase,
    SimpleCase,
    SqlExpression,
    SqlType,
    Substring,
)
from simdsl.generation.expressions.values import SamplingRates, clamp_real, exponents, magnitude, sample_value
from simdsl.plan.expectations import ComparisonOperator
from simdsl.plan.values import INT64_MAX, Value

DrawPlace: TypeAlias = tuple[int | str, ...]


def draw_expression(
    *, seed: int, place: DrawPlace, wanted: SqlType, columns: Sequence[ColumnRef], depth: int, rates: SamplingRates
) -> SqlExpression:
    """An expression of a type over some of the columns, at most ``depth`` operators deep.

    Guards are deeper, and so is a condition that is joined or tested: it is more than a column. With a depth the
    root is never a mere column or literal.
    """
    return _ExpressionSampler(seed, place, columns, rates).drawn(wanted, depth, "")


class _ExpressionSampler:
    """The columns, rates and place that all nodes of one expression share."""

    __slots__ = ("_by_type", "_place", "_rates", "_seed", "_subjects")

    def __init__(self, seed: int, place: DrawPlace, columns: Sequence[ColumnRef], rates: SamplingRates) -> None:
        self._seed = seed
        self._place = "".join(f"{part}{_BORDER}" for part in place)
        self._rates = rates
        self._by_type: dict[SqlType, list[ColumnRef]] = {}
        for column in columns:
            self._by_type.setdefault(column.type, []).append(column)
        # By columns, not by types: what is compared is then mostly of a type that some column has.
        self._subjects = [column.type for column in columns] or list(SqlType)

    def drawn(self, wanted: SqlType, depth: int, path: str) -> SqlExpression:
        """The node at a path, with everything below it."""
        digits = SingleHashSampler(self._seed, "expression", self._place + path)
        if depth <= 0 or (path and digits.below(1000) < self._rates.leaf):
            return self._leaf(digits, wanted)
        forms = _FORMS[wanted]
        return forms[digits.below(len(forms))](self, digits, depth - 1, path, wanted)

    def leaf(self, wanted: SqlType, path: str) -> SqlExpression:
        """A column or a literal."""
        return self._leaf(SingleHashSampler(self._seed, "expression", self._place + path), wanted)

    def second(self, wanted: SqlType, depth: int, path: str) -> SqlExpression:
        """What something is compared with: short, and less often a column, which might be the same one."""
        digits = SingleHashSampler(self._seed, "expression", self._place + path)
        if depth > 0 and digits.below(1000) >= self._rates.leaf and digits.below(2):
            return self.drawn(wanted, 1, path + "s")
        return self._leaf(digits, wanted) if digits.below(2) else self._literal(digits, wanted)

    def condition(self, depth: int, path: str) -> SqlExpression:
        """An operand of AND, OR, NOT or IS TRUE: even at the end of the depth a comparison rather than TRUE or FALSE."""
        if depth > 0:
            return self.drawn(SqlType.BOOLEAN, depth, path)
        digits = SingleHashSampler(self._seed, "expression", self._place + path)
        form = digits.below(len(_SIMPLE) + 2)
        return (
            _SIMPLE[form](self, digits, 0, path, SqlType.BOOLEAN)
            if form < len(_SIMPLE)
            else self._leaf(digits, SqlType.BOOLEAN)
        )

    def subject(self, digits: SingleHashSampler) -> SqlType:
        """A type to compare values of."""
        return self._subjects[digits.below(len(self._subjects))]

    def _leaf(self, digits: SingleHashSampler, wanted: SqlType) -> SqlExpression:
        columns = self._by_type.get(wanted)
        if columns and digits.below(1000) < self._rates.column:
            return columns[digits.below(len(columns))]
        return self._literal(digits, wanted)

    def _literal(self, digits: SingleHashSampler, wanted: SqlType) -> Literal:
        is_narrow = wanted is SqlType.REAL
        return Literal(type=wanted, value=sample_value(digits, wanted, self._rates, nullable=True, narrow=is_narrow))


# The forms. Each draws its operands at the paths "0", "1" ... below its own, so that no operand depends on its siblings.


def _compare(drawer: _ExpressionSampler, digits: SingleHashSampler, depth: int, path: str, wanted: SqlType) -> SqlExpression:
    subject, comparison = drawer.subject(digits), _COMPARISONS[digits.below(len(_COMPARISONS))]
    left, right = drawer.drawn(subject, depth, path + "0"), drawer.second(subject, depth, path + "1")
    return Compare(comparison=comparison, left=left, right=right)


def _logic(drawer: _ExpressionSampler, digits: SingleHashSampler, depth: int, path: str, wanted: SqlType) -> SqlExpression:
    connective = Connective.OR if digits.below(2) else Connective.AND
    left, right = drawer.condition(depth, path + "0"), drawer.condition(depth, path + "1")
    return Logic(connective=connective, left=left, right=right)


def _not(drawer: _ExpressionSampler, digits: SingleHashSampler, depth: int, path: str, wanted: SqlType) -> SqlExpression:
    return Not(operand=drawer.condition(depth, path + "0"))


def _is_null(drawer: _ExpressionSampler, digits: SingleHashSampler, depth: int, path: str, wanted: SqlType) -> SqlExpression:
    negated = digits.below(2) == 1
    return IsNull(operand=drawer.drawn(drawer.subject(digits), depth, path + "0"), negated=negated)


def _is_truth(
    drawer: _ExpressionSampler, digits: SingleHashSampler, depth: int, path: str, wanted: SqlType
) -> SqlExpression:
    truth, negated = digits.below(2) == 1, digits.below(2) == 1
    return IsTruth(operand=drawer.condition(depth, path + "0"), truth=truth, negated=negated)


def _distinct(
    drawer: _ExpressionSampler, digits: SingleHashSampler, depth: int, path: str, wanted: SqlType
) -> SqlExpression:
    negated, subject = digits.below(2) == 1, drawer.subject(digits)
    left, right = drawer.drawn(subject, depth, path + "0"), drawer.second(subject, depth, path + "1")
    return IsDistinct(left=left, right=right, negated=negated)


def _between(drawer: _ExpressionSampler, digits: SingleHashSampler, depth: int, path: str, wanted: SqlType) -> SqlExpression:
    negated, subject = digits.below(4) == 0, drawer.subject(digits)
    low, high = drawer.second(subject, 0, path + "1"), drawer.second(subject, 0, path + "2")
    return Between(operand=drawer.drawn(subject, depth, path + "0"), low=low, high=high, negated=negated)


def _in(drawer: _ExpressionSampler, digits: SingleHashSampler, depth: int, path: str, wanted: SqlType) -> SqlExpression:
    negated, subject = digits.below(4) == 0, drawer.subject(digits)
    items = tuple(drawer.second(subject, 0, f"{path}{i}") for i in range(1, 2 + digits.below(4)))
    return InList(operand=drawer.drawn(subject, depth, path + "0"), items=items, negated=negated)


def _like(drawer: _ExpressionSampler, digits: SingleHashSampler, depth: int, path: str, wanted: SqlType) -> SqlExpression:
    exact, negated = digits.below(2) == 1, digits.below(4) == 0
    # Half of the patterns are anchored at an end: a prefix is what an index can serve.
    before, after = "%" * digits.below(2), "%" * digits.below(2)
    inner = "".join(_PATTERN[digits.below(len(_PATTERN))] for _ in range(digits.below(4)))
    operand = drawer.drawn(SqlType.TEXT, depth, path + "0")
    return Like(operand=operand, pattern=before + inner + after, exact=exact, negated=negated)


def _case(drawer: _ExpressionSampler, digits: SingleHashSampler, depth: int, path: str, wanted: SqlType) -> SqlExpression:
    # Branches are shallow whatever the depth: a CASE multiplies the size of a text by the number of its parts.
    count, has_otherwise = 1 + (digits.below(3) == 0), digits.below(4) > 0
    branches = tuple(
        CaseBranch(
            test=drawer.condition(min(depth, 1), f"{path}{2 * i}"),
            result=drawer.drawn(wanted, min(depth, 1), f"{path}{2 * i + 1}"),
        )
        for i in range(count)
    )
    return SearchedCase(branches=branches, otherwise=drawer.leaf(wanted, path + "e") if has_otherwise else None)


def _switch(drawer: _ExpressionSampler, digits: SingleHashSampler, depth: int, path: str, wanted: SqlType) -> SqlExpression:
    count, has_otherwise, subject = 1 + digits.below(2), digits.below(4) > 0, drawer.subject(digits)
    branches = tuple(
        CaseBranch(test=drawer.second(subject, 0, f"{path}{2 * i}"), result=drawer.leaf(wanted, f"{path}{2 * i + 1}"))
        for i in range(count)
    )
    otherwise = drawer.drawn(wanted, depth, path + "e") if has_otherwise else None
    return SimpleCase(subject=drawer.drawn(subject, min(depth, 1), path + "s"), branches=branches, otherwise=otherwise)


def _coalesce(
    drawer: _ExpressionSampler, digits: SingleHashSampler, depth: int, path: str, wanted: SqlType
) -> SqlExpression:
    rest = tuple(drawer.leaf(wanted, f"{path}{i}") for i in range(1, 2 + digits.below(2)))
    return Coalesce(items=(drawer.drawn(wanted, depth, path + "0"), *rest))


def _null_if(drawer: _ExpressionSampler, digits: SingleHashSampler, depth: int, path: str, wanted: SqlType) -> SqlExpression:
    return NullIf(left=drawer.drawn(wanted, depth, path + "0"), right=drawer.second(wanted, 0, path + "1"))


def _extreme(drawer: _ExpressionSampler, digits: SingleHashSampler, depth: int, path: str, wanted: SqlType) -> SqlExpression:
    greatest = digits.below(2) == 1
    return Extreme(greatest=greatest, left=drawer.leaf(wanted, path + "0"), right=drawer.second(wanted, 0, path + "1"))


def _integers(
    drawer: _ExpressionSampler, digits: SingleHashSampler, depth: int, path: str, wanted: SqlType
) -> SqlExpression:
    operator = _OPERATORS[digits.below(len(_OPERATORS))]
    left, right = drawer.drawn(wanted, depth, path + "0"), drawer.drawn(wanted, min(depth, 1), path + "1")
    match operator:
        # Each guard makes the operands just small enough; operands that are small anyway get none.
        case ArithmeticOperator.ADD | ArithmeticOperator.SUBTRACT:
            left, right = _at_most(left, 2**62 - 1), _at_most(right, 2**62 - 1)
        case ArithmeticOperator.MULTIPLY:
            if magnitude(left) * magnitude(right) > INT64_MAX:
                left, right = _at_most(left, 2**31), _at_most(right, 2**31)
        case ArithmeticOperator.DIVIDE | ArithmeticOperator.REMAINDER:
            left, right = _at_most(left, INT64_MAX), _divisor(right)
    return Arithmetic(operator=operator, left=left, right=right)


def _reals(drawer: _ExpressionSampler, digits: SingleHashSampler, depth: int, path: str, wanted: SqlType) -> SqlExpression:
    operator = _OPERATORS[digits.below(len(_OPERATORS) - 1)]  # the last one is the remainder, which reals do not have
    left = _tame(drawer.drawn(wanted, depth, path + "0"))
    right = _tame(drawer.drawn(wanted, min(depth, 1), path + "1"))
    made = Arithmetic(
        operator=operator, left=left, right=_divisor(right) if operator is ArithmeticOperator.DIVIDE else right
    )
    return made if exponents(made).are_safe else left  # deep products of clamped reals can still leave the range


def _negate(drawer: _ExpressionSampler, digits: SingleHashSampler, depth: int, path: str, wanted: SqlType) -> SqlExpression:
    return Negate(operand=_signed(drawer.drawn(wanted, depth, path + "0")))


def _abs(drawer: _ExpressionSampler, digits: SingleHashSampler, depth: int, path: str, wanted: SqlType) -> SqlExpression:
    return Abs(operand=_signed(drawer.drawn(wanted, depth, path + "0")))


def _length(drawer: _ExpressionSampler, digits: SingleHashSampler, depth: int, path: str, wanted: SqlType) -> SqlExpression:
    measured = SqlType.TEXT if digits.below(4) else SqlType.BLOB
    return Length(operand=drawer.drawn(measured, depth, path + "0"))


def _cast_to_integer(
    drawer: _ExpressionSampler, digits: SingleHashSampler, depth: int, path: str, wanted: SqlType
) -> SqlExpression:
    if digits.below(2):
        return Cast(operand=drawer.drawn(SqlType.BOOLEAN, depth, path + "0"), type=wanted)
    real = _tame(drawer.drawn(SqlType.REAL, depth, path + "0"))
    fits = exponents(real).high < 63  # else the cast could overflow, and the depth is spent: a constant will do
    return Cast(operand=real if fits else Literal(type=SqlType.REAL, value=2.5), type=wanted)


def _cast_from_integer(
    drawer: _ExpressionSampler, digits: SingleHashSampler, depth: int, path: str, wanted: SqlType
) -> SqlExpression:
    return Cast(operand=drawer.drawn(SqlType.INTEGER, depth, path + "0"), type=wanted)


def _concat(drawer: _ExpressionSampler, digits: SingleHashSampler, depth: int, path: str, wanted: SqlType) -> SqlExpression:
    return Concat(left=drawer.drawn(wanted, depth, path + "0"), right=drawer.drawn(wanted, min(depth, 1), path + "1"))


def _fold(drawer: _ExpressionSampler, digits: SingleHashSampler, depth: int, path: str, wanted: SqlType) -> SqlExpression:
    return ChangeCase(operand=drawer.drawn(wanted, depth, path + "0"), upper=digits.below(2) == 1)


def _substring(
    drawer: _ExpressionSampler, digits: SingleHashSampler, depth: int, path: str, wanted: SqlType
) -> SqlExpression:
    start, count = 1 + digits.below(4), digits.below(6)
    return Substring(operand=drawer.drawn(wanted, depth, path + "0"), start=start, count=count)


# Guards: what keeps an expression defined, whatever the row holds


def _signed(number: SqlExpression) -> SqlExpression:
    return _at_most(number, INT64_MAX) if number.type is SqlType.INTEGER else number


def _at_most(integer: SqlExpression, limit: int) -> SqlExpression:
    if magnitude(integer) <= limit:
        return integer
    return Arithmetic(operator=ArithmeticOperator.REMAINDER, left=integer, right=_MODULUS)


def _tame(real: SqlExpression) -> SqlExpression:
    return clamp_real(real) if isinstance(real, ColumnRef) and not real.narrow else real


def _divisor(number: SqlExpression) -> SqlExpression:
    if isinstance(number, Literal) and number.value:
        return number
    zero = Literal(type=number.type, value=0 if number.type is SqlType.INTEGER else 0.0)
    return NullIf(left=number, right=zero)


_Form: TypeAlias = Callable[[_ExpressionSampler, SingleHashSampler, int, str, SqlType], SqlExpression]
_BORDER: Final = "\x1f"  # as choices.draw joins the parts of a place: joined once, not for every node
_COMPARISONS: Final = tuple(ComparisonOperator)
_OPERATORS: Final = tuple(ArithmeticOperator)
_MODULUS: Final = Literal(type=SqlType.INTEGER, value=1_000_003)
_PATTERN: Final = ("%", "_", "a", "A", "b", "B", "c", "C", "x", "é", "É", "'", "*", "[", "?", "\n", "😀")
_SIMPLE: Final[tuple[_Form, ...]] = (_compare, _compare, _compare, _is_null, _distinct, _between, _in, _like)

# For each type its forms; what stands there twice is drawn twice as often.
_ANY: Final[tuple[_Form, ...]] = (_case, _switch, _coalesce, _null_if, _extreme)

_FORMS: Final = MappingProxyType[SqlType, tuple[_Form, ...]](
    {
        SqlType.INTEGER: (*(_integers,) * 6, _negate, _abs, *(_length,) * 2, _cast_to_integer, *_ANY),
        SqlType.REAL: (*(_reals,) * 5, _negate, _abs, _cast_from_integer, *_ANY),
        SqlType.TEXT: (*(_concat,) * 3, *(_fold,) * 2, *(_substring,) * 2, _cast_from_integer, *_ANY),
        SqlType.BOOLEAN: (
            *(*(_compare,) * 7, *(_logic,) * 6, *(_not,) * 2, *(_is_null,) * 2, _is_truth, *(_distinct,) * 2),
            *(*(_between,) * 2, *(_in,) * 3, *(_like,) * 3, *_ANY),
        ),
        SqlType.BLOB: _ANY,
    }
)


def draw_predicate_true_for(
    row: Mapping[str, Value], *, seed: int, place: DrawPlace, columns: Sequence[ColumnRef], depth: int, rates: SamplingRates
) -> SqlExpression:
    """A condition that is TRUE for the row, which holds every column by name."""
    drawn = draw_expression(seed=seed, place=place, wanted=SqlType.BOOLEAN, columns=columns, depth=depth, rates=rates)
    return rectify(drawn, row) or TRUE


def rectify(condition: SqlExpression, row: Mapping[str, Value]) -> SqlExpression | None:
    """The condition, its NOT or its IS NULL, whichever is TRUE for the row; None where it is undefined."""
    match evaluate(condition, row):
        case True:
            return condition
        case False:
            return Not(operand=condition)
        case None:
            return IsNull(operand=condition)
        case Undefined():
            return None
        case other:
            raise TypeError(f"{other!r} is no truth value")
