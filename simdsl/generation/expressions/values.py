"""Random values of each SQL type, and bounds on the values that an expression can have.

Values are ordinary ones, and at declared rates those at which engines go wrong: NULL, zero, limits, empty and long texts,
Unicode, duplicates.

The bounds keep generated expressions defined: whatever is in a row, no number may leave its type. A ``narrow`` column or
parameter promises an integer within 32 bits, or a real that is zero or between 2**-20 and 2**50 in size. Any other may hold
everything that its type can.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final, NamedTuple

from simdsl.core.choices import SingleHashSampler
from simdsl.generation.expressions.ir import (
    Abs,
    Arithmetic,
    ArithmeticOperator,
    Between,
    CaseBranch,
    Cast,
    Coalesce,
    ColumnRef,
    Extreme,
    Length,
    Literal,
    Negate,
    NullIf,
    Parameter,
    SearchedCase,
    SimpleCase,
    SqlExpression,
    SqlType,
)
from simdsl.plan.deferred import dataclass
from simdsl.plan.values import INT64_MAX, INT64_MIN, Value


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplingRates:
    """How often something is drawn, in a thousand.

    The first seven are kinds of values. Those that a type has add up to at most 1000, and the rest is everyday values: so is
    the share of a kind that the type lacks (an empty integer), and that of NULL where it is not allowed. ``leaf`` is how
    often a part of an expression ends before its depth, ``column`` how often it ends in a column if there is one; half as
    often where it is compared with something.
    """

    null: int = 100
    zero: int = 60  # of reals, every other one is -0.0
    limit: int = 60
    empty: int = 60
    unicode: int = 60
    long: int = 10
    duplicate: int = 200  # one of very few values
    leaf: int = 150
    column: int = 700


def draw_value(
    *,
    seed: int,
    place: tuple[int | str, ...],
    of: SqlType,
    rates: SamplingRates,
    nullable: bool = True,
    narrow: bool = False,
) -> Value:
    """A value of a type: a function of the seed and the place. ``narrow`` as of a column (see the module)."""
    return sample_value(SingleHashSampler(seed, "value", *place), of, rates, nullable=nullable, narrow=narrow)


def sample_value(digits: SingleHashSampler, of: SqlType, rates: SamplingRates, *, nullable: bool, narrow: bool) -> Value:
    """A value of a type, from the decisions of a sampler."""
    # One roll chooses the kind, NULL at the top and the others from below: without NULL the others stay the same.
    roll = digits.below(1000)
    if nullable and roll >= 1000 - rates.null:
        return None
    match of:
        case SqlType.INTEGER:
            return _integer(digits, roll, rates, narrow)
        case SqlType.REAL:
            return _real(digits, roll, rates, narrow)
        case SqlType.TEXT:
            return _text(digits, roll, rates)
        case SqlType.BOOLEAN:
            return digits.below(2) == 1
        case SqlType.BLOB:
            return _blob(digits, roll, rates)


def _is_duplicate(roll: int, rates: SamplingRates) -> bool:
    return 0 < 1000 - rates.null - roll <= rates.duplicate  # just below the rolls that NULL would have


def _integer(digits: SingleHashSampler, roll: int, rates: SamplingRates, narrow: bool) -> int:
    if roll < rates.zero:
        return 0
    if roll < rates.zero + rates.limit:
        limits = _NARROW_INTEGERS if narrow else _INTEGERS
        return limits[digits.below(len(limits))]
    if _is_duplicate(roll, rates):
        return digits.below(4)
    size = 256 if digits.below(4) else 2_000_000  # mostly so small that values meet by chance
    return digits.below(size) - size // 2


def _real(digits: SingleHashSampler, roll: int, rates: SamplingRates, narrow: bool) -> float:
    if roll < rates.zero:
        return -0.0 if digits.below(2) else 0.0
    if roll < rates.zero + rates.limit:
        limits = _NARROW_REALS if narrow else _REALS
        return limits[digits.below(len(limits))]
    if _is_duplicate(roll, rates):
        return digits.below(4) / 2
    size = 1024 if digits.below(4) else 8_000_000
    return (digits.below(size) - size // 2) / 4  # exact in binary, and short in decimal


def _text(digits: SingleHashSampler, roll: int, rates: SamplingRates) -> str:
    if roll < rates.empty:
        return ""
    if roll < rates.empty + rates.unicode:
        return _LETTERS[digits.below(len(_LETTERS))] * digits.below(2) + _UNICODE[digits.below(len(_UNICODE))]
    if roll < rates.empty + rates.unicode + rates.long:
        return (_LETTERS[digits.below(len(_LETTERS))] + "bC") * (100 + digits.below(300))
    if _is_duplicate(roll, rates):
        return _FEW[digits.below(len(_FEW))]
    return "".join(_LETTERS[digits.below(len(_LETTERS))] for _ in range(1 + digits.below(6)))


def _blob(digits: SingleHashSampler, roll: int, rates: SamplingRates) -> bytes:
    if roll < rates.empty:
        return b""
    if roll < rates.empty + rates.long:
        return bytes((digits.below(256),)) * (300 + digits.below(300))
    if _is_duplicate(roll, rates):
        return bytes((digits.below(3),))
    return bytes(digits.below(256) for _ in range(1 + digits.below(4)))


_INTEGERS: Final = (
    *(INT64_MIN, INT64_MIN + 1, INT64_MAX - 1, INT64_MAX, -(2**31), -(2**31) - 1, 2**31 - 1, 2**31),
    *(2**53, 2**53 + 1, -(2**53) - 1, 2**32, -1, 127, 128, 32767, 32768),
)

_NARROW_INTEGERS: Final = (-(2**31), 2**31 - 1, -1, 65535, 65536)

# Only for rows, whose values are bound, never for literals: SQLite reads no more than 15 digits exactly.
_REALS: Final = (
    *(1.7976931348623157e308, -1.7976931348623157e308, 5e-324, -5e-324, 2.2250738585072014e-308, 0.1, -0.1, 1e15),
    *(9007199254740992.0, 9007199254740991.0, 9.223372036854775807e18, -9.223372036854775808e18, 1e22, 0.30000000000000004),
)

_NARROW_REALS: Final = (2.0**40, -(2.0**40), 2.0**-10, -(2.0**-10), 16777216.0, 16777217.0)
_LETTERS: Final = "abcABCxyzXYZ 019%_'*[]?-\"$:"
_FEW: Final = ("a", "A", "ab", "abc")

_UNICODE: Final = (
    *(
        "é",
        "É",
        "é",
        "É",
        "e\u0301",
        "ß",
        "ẞ",
        "İ",
        "ı",
        "Σ",
        "ς",
        "日本",
        "😀",
        "\U0010ffff",
        "\uffff",
        "\u200b",
        "\u00a0",
        "\ufeff",
    ),
    *("ﬁ", "א", "\u202eab", "K", "\t", "\n", "\x7f", "\x01"),
)

NARROW_INTEGER: Final = 2**31
WIDE_INTEGER: Final = 2**63
_LONGEST: Final = 2**31  # no engine holds a longer text


class Exponents(NamedTuple):
    """A real is zero, or its size is between 2**low and 2**high."""

    low: int
    high: int

    @property
    def are_safe(self) -> bool:
        """Whether such a number is far from both infinity and underflow."""
        return self.low > -1000 and self.high < 1000


NARROW_REAL: Final = Exponents(-20, 50)
WIDE_REAL: Final = Exponents(-1074, 1024)
SMALLEST_SAFE_REAL: Final = 2.0**NARROW_REAL.low
GREATEST_SAFE_REAL: Final = 2.0**NARROW_REAL.high


def magnitude(expression: SqlExpression) -> int:
    """A bound on the absolute values of an integer expression. ``TypeError`` for any other."""
    match expression:
        case Literal(value=None):
            return 0
        case Literal(value=int(value)):
            return abs(value)
        case ColumnRef(narrow=narrow) | Parameter(narrow=narrow):
            return NARROW_INTEGER if narrow else WIDE_INTEGER
        case Negate(operand=operand) | Abs(operand=operand):
            return magnitude(operand)
        case Arithmetic(operator=operator, left=left, right=right):
            return _arithmetic(operator, magnitude(left), magnitude(right))
        case Length():
            return _LONGEST
        case Cast(operand=operand) if operand.type is SqlType.BOOLEAN:
            return 1
        case Cast(operand=operand):
            return int(2 ** exponents(operand).high)
        case NullIf(left=left):
            return magnitude(left)
        case _:  # the other nodes return one of several parts, or raise in ``_results``
            return max(map(magnitude, _results(expression)))


def exponents(expression: SqlExpression) -> Exponents:
    """Bounds on the absolute values of a real expression. ``TypeError`` for any other."""
    match expression:
        case Literal(value=None):
            return Exponents(0, 0)
        case Literal(value=float(value)):
            exponent = math.frexp(value)[1]
            return Exponents(exponent - 1, exponent)
        case ColumnRef(narrow=narrow) | Parameter(narrow=narrow):
            return NARROW_REAL if narrow else WIDE_REAL
        case Negate(operand=operand) | Abs(operand=operand):
            return exponents(operand)
        case Arithmetic(operator=operator, left=left, right=right):
            return _real_arithmetic(operator, exponents(left), exponents(right))
        case Cast(operand=operand):
            return Exponents(0, magnitude(operand).bit_length())
        case NullIf(left=left):
            return exponents(left)
        case SearchedCase(
            branches=(CaseBranch(test=Between(operand=Abs(operand=tested), negated=False), result=result),)
        ) if tested == result and expression == clamp_real(result):
            return NARROW_REAL  # what ``clamp_real`` made: the test is what bounds the result, not its operands
        case _:  # as in ``magnitude``
            return _span(map(exponents, _results(expression)))


def clamp_real(real: SqlExpression) -> SearchedCase:
    """The real if it is within the bounds of a narrow column, else zero."""
    lowest, greatest = (Literal(type=SqlType.REAL, value=value) for value in (SMALLEST_SAFE_REAL, GREATEST_SAFE_REAL))
    # SQL has no function that clamps, so the real stands in the text twice: what is clamped should be short.
    is_tame = Between(operand=Abs(operand=real), low=lowest, high=greatest)
    return SearchedCase(branches=(CaseBranch(test=is_tame, result=real),), otherwise=Literal(type=SqlType.REAL, value=0.0))


def _results(expression: SqlExpression) -> tuple[SqlExpression, ...]:
    match expression:
        case SearchedCase(branches=branches, otherwise=otherwise) | SimpleCase(branches=branches, otherwise=otherwise):
            return (*(branch.result for branch in branches), *(() if otherwise is None else (otherwise,)))
        case Coalesce(items=items):
            return items
        case Extreme(left=left, right=right):
            return (left, right)
    raise TypeError(f"{type(expression).__name__} of type {expression.type} has no bounds")


def _arithmetic(operator: ArithmeticOperator, left: int, right: int) -> int:
    match operator:
        case ArithmeticOperator.ADD | ArithmeticOperator.SUBTRACT:
            return left + right
        case ArithmeticOperator.MULTIPLY:
            return left * right
        case ArithmeticOperator.DIVIDE:
            return left  # a divisor is an integer that is not zero
        case ArithmeticOperator.REMAINDER:
            return min(left, max(right - 1, 0))


def _real_arithmetic(operator: ArithmeticOperator, left: Exponents, right: Exponents) -> Exponents:
    match operator:
        case ArithmeticOperator.ADD | ArithmeticOperator.SUBTRACT:
            # A difference that is not zero is at least the last bit of the smaller number: 53 bits below it.
            return Exponents(min(left.low, right.low) - 53, max(left.high, right.high) + 1)
        case ArithmeticOperator.MULTIPLY:
            return Exponents(left.low + right.low, left.high + right.high)
        case ArithmeticOperator.DIVIDE:
            return Exponents(left.low - right.high - 1, left.high - right.low + 1)
        case ArithmeticOperator.REMAINDER:
            raise TypeError("a real has no remainder")


def _span(found: Iterable[Exponents]) -> Exponents:
    known = list(found)
    return Exponents(min(one.low for one in known), max(one.high for one in known))
