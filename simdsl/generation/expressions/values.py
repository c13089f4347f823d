"""Values that nobody chose: ordinary ones, and at declared rates those at which engines go wrong."""

from __future__ import annotations

from typing import Final

from simdsl.generation.expressions.ir import SqlType
from simdsl.generation.sampler import SingleHashSampler
from simdsl.plan.dataclasses import dataclass
from simdsl.plan.values import INT64_MAX, INT64_MIN, Value


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplingRates:
    """How often something is drawn, in a thousand. What a type lacks (an empty integer) is an ordinary value.

    The first seven are of values; those that a type has are together at most 1000, and the rest of it is ordinary. NULL's
    share is ordinary too where there can be none. ``leaf`` is how often a part of an expression ends before its depth,
    ``column`` how often it ends in a column where there is one; half as often where it is compared with something.
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
    """A value of a type: a function of the seed and the place. ``narrow`` as of a column (see ``reach``)."""
    return sample_value(SingleHashSampler(seed, "value", *place), of, rates, nullable=nullable, narrow=narrow)


def sample_value(digits: SingleHashSampler, of: SqlType, rates: SamplingRates, *, nullable: bool, narrow: bool) -> Value:
    """The same, of digits that somebody drew."""
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
    size = 256 if digits.below(4) else 2_000_000
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
    return (digits.below(size) - size // 2) / 4


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
# Drawn for rows, where they are bound, never for literals: SQLite reads 15 digits exactly.
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
