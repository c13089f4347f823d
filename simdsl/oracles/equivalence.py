"""When two engines mean the same value, by declared rules.

Two of a kind (two builds of one engine, a server direct and behind a proxy) have to give the very same values. Between
engines of different kinds the rules of ``RULES`` hold too: each names a difference of type systems that no plan can do
anything about, and lets nothing else through.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, time
from decimal import Decimal
from typing import Any, Final

from simdsl.plan.values import Row, Value, as_text, row_key, same

TOLERANCE: Final = 1e-9
"""Relative: two reals are one if they differ by no more than this part of the larger."""

_MATCHED: Final = 300  # rows above which a bag is only compared in sorted order


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Two values of different kinds, or of one kind with different habits, are the same."""

    name: str
    says: str
    holds: Callable[[Value, Value], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Equivalence:
    """Which rules hold between two backends, besides identity."""

    rules: tuple[Rule, ...]

    def cells(self, left: Value, right: Value) -> bool:
        """Whether two values are the same."""
        return same(left, right) or any(rule.holds(left, right) or rule.holds(right, left) for rule in self.rules)

    def rows(self, left: Row, right: Row) -> bool:
        """Whether two rows are, cell by cell."""
        return len(left) == len(right) and all(map(self.cells, left, right))

    def sequences(self, left: Sequence[Row], right: Sequence[Row]) -> bool:
        """Whether two lists of rows are, in their order."""
        return len(left) == len(right) and all(map(self.rows, left, right))

    def bags(self, left: Sequence[Row], right: Sequence[Row]) -> bool:
        """Whether two lists of rows are in any order."""
        if len(left) != len(right):
            return False
        if self.sequences(sorted(left, key=_key), sorted(right, key=_key)):
            return True
        # Two values that the tolerance makes one may be sorted apart.
        return bool(self.rules) and len(left) <= _MATCHED and _matched(left, right, self.rows)


def _boolean(left: Value, right: Value) -> bool:
    return isinstance(left, bool) and type(right) is int and right == int(left)


def _exact_number(left: Value, right: Value) -> bool:
    return type(left) is int and isinstance(right, Decimal) and right == left


def _whole_real(left: Value, right: Value) -> bool:
    return type(left) is int and isinstance(right, float) and right == left


def _real(left: Value, right: Value) -> bool:
    if not isinstance(left, float) or not isinstance(right, (float, Decimal)):
        return False
    other = float(right)
    if not (math.isfinite(left) and math.isfinite(other)):
        return left == other or (math.isnan(left) and math.isnan(other))
    return math.isclose(left, other, rel_tol=TOLERANCE, abs_tol=0.0)


def _decimal_scale(left: Value, right: Value) -> bool:
    return isinstance(left, Decimal) and isinstance(right, Decimal) and left == right


def _text_of_moment(left: Value, right: Value) -> bool:
    return isinstance(left, (date, time)) and isinstance(right, str) and as_text(left) == right


def _text_of_bytes(left: Value, right: Value) -> bool:
    return isinstance(left, bytes) and isinstance(right, str) and left == right.encode(errors="surrogatepass")


def _padded(left: Value, right: Value) -> bool:
    return isinstance(left, str) and isinstance(right, str) and left.rstrip(" ") == right.rstrip(" ")


RULES: Final = (
    Rule(name="boolean", says="true is 1 and false is 0 where a backend has no booleans", holds=_boolean),
    Rule(name="exact-number", says="an integer is the decimal of its value", holds=_exact_number),
    Rule(name="whole-real", says="an integer is the real of its value", holds=_whole_real),
    Rule(name="real", says=f"reals and decimals are one within a relative {TOLERANCE:g}", holds=_real),
    Rule(name="decimal-scale", says="1.50 is 1.5", holds=_decimal_scale),
    Rule(name="moment", says="a date or time is its canonical text", holds=_text_of_moment),
    Rule(name="bytes", says="a blob is the text whose UTF-8 it is", holds=_text_of_bytes),
    Rule(name="padding", says="blanks at the end of a text do not count, for CHAR(n) has them", holds=_padded),
)
"""What holds between engines of different kinds. ``-0.0`` is ``0.0`` and NaN is NaN everywhere."""

IDENTICAL: Final = Equivalence(rules=())
ACROSS: Final = Equivalence(rules=RULES)


def _key(row: Row) -> Any:
    """An order in which values that a rule may make one stand together."""
    return row_key(tuple(map(_representative, row)))


def _representative(value: Value) -> Value:
    match value:
        case bool():
            return float(value)
        case int() | float() | Decimal():
            number = float(value)
            return float(f"{number:.9g}") + 0.0 if math.isfinite(number) else number
        case str():
            return value.rstrip(" ")
        case bytes():
            return value.decode("utf-8", "backslashreplace").rstrip(" ")
        case None:
            return None
        case _:
            return as_text(value)


def _matched(left: Sequence[Row], right: Sequence[Row], equal: Callable[[Row, Row], bool]) -> bool:
    """Whether each row on the left can have one on the right for itself (augmenting paths, Kuhn)."""
    owner: dict[int, int] = {}

    def place(i: int, seen: set[int]) -> bool:
        for j, row in enumerate(right):
            if j not in seen and equal(left[i], row):
                seen.add(j)
                if j not in owner or place(owner[j], seen):
                    owner[j] = i
                    return True
        return False

    return all(place(i, set()) for i in range(len(left)))
