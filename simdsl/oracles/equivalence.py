"""Rules by which values of two engines are equal.

Two backends of one dialect (two builds of an engine, a server behind a proxy) have to return identical values. Between
dialects the rules of ``RULES`` hold too. Each stands for a difference of type systems that a plan cannot avoid, and is as
narrow as possible, so that it hides nothing else.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any, Final, assert_never

from simdsl.plan.deferred import dataclass
from simdsl.plan.values import Row, Value, as_text, row_key, same, sorted_rows

TOLERANCE: Final = 1e-9
"""Relative tolerance: two reals are equal if they differ by at most this fraction of the larger one."""

NEAR_ZERO: Final = 1e-12
"""Absolute tolerance: a real below it may be a rounding error where a decimal is exactly zero."""

_MATCHED: Final = 300  # with more rows than this, identical ones are paired first: matching takes cubic time


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A rule by which two values that are not identical are equal. ``holds`` is tried in both directions."""

    name: str
    says: str
    why: str
    holds: Callable[[Value, Value], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Equivalence:
    """The rules that hold between two backends, besides identity."""

    rules: tuple[Rule, ...]

    def cells(self, left: Value, right: Value) -> bool:
        """Whether two values are equal."""
        return same(left, right) or any(rule.holds(left, right) or rule.holds(right, left) for rule in self.rules)

    def rows(self, left: Row, right: Row) -> bool:
        """Whether two rows are equal, cell by cell."""
        return len(left) == len(right) and all(map(self.cells, left, right))

    def sequences(self, left: Sequence[Row], right: Sequence[Row]) -> bool:
        """Whether two lists of rows are equal, in this order."""
        return len(left) == len(right) and all(map(self.rows, left, right))

    def bags(self, left: Sequence[Row], right: Sequence[Row]) -> bool:
        """Whether two lists of rows are equal in some order."""
        if len(left) != len(right):
            return False
        if not self.rules:
            return self.sequences(sorted_rows(left), sorted_rows(right))
        if self.sequences(sorted(left, key=_key), sorted(right, key=_key)):
            return True
        # Equality within a tolerance is not transitive, so that equal values may not be neighbors after sorting.
        if len(left) > _MATCHED:
            left, right = _unequal(left, right)
        return len(left) <= _MATCHED and _matched(left, right, self.rows)


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
    # Two reals get no absolute tolerance: 0.0 instead of a small value may be a lost value.
    near = NEAR_ZERO if right == 0 and isinstance(right, Decimal) else 0.0
    return math.isclose(left, other, rel_tol=TOLERANCE, abs_tol=near)


def _text_of_moment(left: Value, right: Value) -> bool:
    if not isinstance(left, (date, time)) or not isinstance(right, str):
        return False
    return as_text(left) == right or (isinstance(left, (datetime, time)) and _read_moment(left, right) == left)


def _read_moment(like: datetime | time, text: str) -> datetime | time | None:
    """The point in time of a text, in UTC if only ``like`` has a time zone; None if the text is something else."""
    try:
        if isinstance(like, datetime):
            moment = datetime.fromisoformat(text)
            return moment.replace(tzinfo=UTC) if like.tzinfo is not None and moment.tzinfo is None else moment
        return time.fromisoformat(text)
    except ValueError:
        return None


def _text_of_bytes(left: Value, right: Value) -> bool:
    return isinstance(left, bytes) and isinstance(right, str) and left == right.encode(errors="surrogatepass")


def _padded(left: Value, right: Value) -> bool:
    return isinstance(left, str) and isinstance(right, str) and left.rstrip(" ") == right.rstrip(" ")


def _json(left: Value, right: Value) -> bool:
    if not (isinstance(left, str) and isinstance(right, str) and left[:1] in ("{", "[") and right[:1] == left[:1]):
        return False
    try:
        one, other = (json.dumps(json.loads(text, parse_float=str), sort_keys=True) for text in (left, right))
    except (ValueError, RecursionError):
        return False
    return one == other


RULES: Final = (
    Rule(
        name="boolean",
        says="`true` equals 1 and `false` equals 0",
        why="SQLite and SQL Server have no boolean type",
        holds=_boolean,
    ),
    Rule(
        name="exact-number",
        says="an integer equals the decimal of the same value",
        why="PostgreSQL's `sum` of integers is `numeric`, SQLite's is an integer",
        holds=_exact_number,
    ),
    Rule(
        name="whole-real",
        says="an integer equals the real of the same value",
        why="a column without a type stores 1 as an integer in SQLite; elsewhere all values of a column have one type",
        holds=_whole_real,
    ),
    Rule(
        name="real",
        says=f"reals and decimals are equal within a relative {TOLERANCE:g}; a real below {NEAR_ZERO:g} equals decimal 0",
        why="engines round in different orders, and SQLite has no decimals: its `avg` is a real, PostgreSQL's a `numeric`",
        holds=_real,
    ),
    Rule(
        name="moment",
        says="a date or time equals its ISO 8601 text, in UTC if only one of them has a time zone",
        why="SQLite has no types for dates and times, and stores text",
        holds=_text_of_moment,
    ),
    Rule(
        name="bytes",
        says="a blob equals the text with the same UTF-8 bytes",
        why="SQLite stores text in a BLOB column as text",
        holds=_text_of_bytes,
    ),
    Rule(
        name="padding",
        says="trailing blanks of a text are ignored",
        why="`CHAR(n)` is padded in PostgreSQL and SQL Server, not in SQLite",
        holds=_padded,
    ),
    Rule(
        name="json",
        says="texts of a JSON object or array are equal if the values are, regardless of blanks and the order of keys",
        why="`jsonb` of PostgreSQL does not preserve the text",
        holds=_json,
    ),
)
"""The rules between different dialects. ``-0.0`` equals ``0.0``, NaN equals NaN and 1.50 equals 1.5 without a rule."""

IDENTICAL: Final = Equivalence(rules=())
ACROSS: Final = Equivalence(rules=RULES)


def _key(row: Row) -> Any:
    """A sort key under which values that a rule may make equal are neighbors."""
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
        case date() | time():
            return as_text(value)
        case _:
            assert_never(value)


def _unequal(left: Sequence[Row], right: Sequence[Row]) -> tuple[list[Row], list[Row]]:
    """The rows that remain on each side when identical rows have been paired."""
    counts = Counter(map(row_key, left)), Counter(map(row_key, right))
    found: list[list[Row]] = []
    for rows, others in ((left, counts[1]), (right, counts[0])):
        spare = Counter(others)
        kept: list[Row] = []
        for row in rows:
            key = row_key(row)
            if spare[key]:
                spare[key] -= 1
            else:
                kept.append(row)
        found.append(kept)
    return found[0], found[1]


def _matched(left: Sequence[Row], right: Sequence[Row], equal: Callable[[Row, Row], bool]) -> bool:
    """Whether the rows can be paired one to one: bipartite matching by augmenting paths (Kuhn)."""
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
