"""Differences between engines that their manuals document, with a reason and a link. They are reported as warnings.

Each applies to one step, and only if both outcomes are exactly what the difference predicts, so that it hides no other one.
A plan declares its own by an override with a ``why:``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from datetime import date, time
from itertools import pairwise
from typing import Final, NamedTuple, TypeAlias, assert_never
from unicodedata import normalize

from simdsl.oracles.equivalence import ACROSS, RULES, Equivalence, Rule
from simdsl.plan.deferred import dataclass, lazy_regex
from simdsl.plan.outcomes import ErrorClass, Failed, Outcome, Rows
from simdsl.plan.sql import Dialect
from simdsl.plan.values import Row, Value


class ComparedEngine(NamedTuple):
    """One of two compared backends: its SQL dialect, and its engine's name as `simdsl backends` shows it."""

    dialect: Dialect
    engine: str

    @property
    def names(self) -> frozenset[str]:
        """The names by which a difference may refer to it."""
        return frozenset({str(self.dialect), self.engine})


class PlanContext(NamedTuple):
    """What a known difference may need to know about the plan as a whole."""

    statements: Sequence[str] = ()
    keys: tuple[int, ...] = ()  # if the order of rows differs: the columns by which they are sorted
    undone: bool = False  # before the step, one of the two rolled back or failed


NO_CONTEXT: Final = PlanContext()


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownDifference:
    """A statement that succeeds on ``fine``, or fails there with one of ``instead``, fails on ``strict`` with ``classes``.

    ``fine`` and ``strict`` are names of dialects and of engines.
    """

    name: str
    fine: frozenset[str]
    strict: frozenset[str]
    classes: frozenset[ErrorClass]
    reason: str
    link: str
    instead: frozenset[ErrorClass] = frozenset()
    statement: re.Pattern[str] | None = None  # only for statements that contain this

    def explains(self, fine: ComparedEngine, easy: Outcome, strict: ComparedEngine, hard: Outcome, statement: str) -> bool:
        """Whether this difference explains the two outcomes."""
        if not (self.fine & fine.names and self.strict & strict.names) or fine == strict:
            return False
        if self.statement is not None and not self.statement.search(statement):
            return False
        if not isinstance(hard, Failed) or hard.error_class not in self.classes:
            return False
        return easy.error_class in self.instead if isinstance(easy, Failed) else not self.instead


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownValues:
    """Statements of some kind may return different values. ``allowed`` decides about two values that are not equal.

    With ``is_kept``, such a value may have been stored, so that later statements and tables contain it.
    """

    name: str
    between: frozenset[str]
    statement: re.Pattern[str]
    allowed: Callable[[Value, Value], bool]
    reason: str
    link: str
    is_kept: bool = False

    def explains(
        self, left: ComparedEngine, ours: Outcome, right: ComparedEngine, theirs: Outcome, statement: str, whole: PlanContext
    ) -> bool:
        """Whether the two outcomes differ in nothing else."""
        if not (self.between & left.names and self.between & right.names):
            return False
        if not isinstance(ours, Rows) or not isinstance(theirs, Rows) or ours.columns != theirs.columns:
            return False
        texts = (statement, *whole.statements) if self.is_kept else (statement,)
        if not any(map(self.statement.search, texts)):
            return False
        rules = () if left.dialect is right.dialect else RULES
        known = Rule(name=self.name, says=self.reason, why=self.link, holds=self.allowed)
        # If the rows are equal without this rule, the outcomes differ in their order or in a count.
        if Equivalence(rules=rules).bags(ours.rows, theirs.rows):
            return False
        return Equivalence(rules=(*rules, known)).bags(ours.rows, theirs.rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownKeys:
    """Generated keys: the engines in ``gaps`` do not reuse a key whose row was rolled back.

    The rows are equal except for one column of distinct integers, in the same order, and none smaller on ``gaps``.
    """

    name: str
    dense: frozenset[str]
    gaps: frozenset[str]
    reason: str
    link: str

    def explains(
        self, dense: ComparedEngine, ours: Outcome, gaps: ComparedEngine, theirs: Outcome, statement: str, whole: PlanContext
    ) -> bool:
        """Whether the two outcomes differ in nothing else. For the contents of a table, ``statement`` is empty."""
        if not (whole.undone and self.dense & dense.names and self.gaps & gaps.names):
            return False
        if not isinstance(ours, Rows) or not isinstance(theirs, Rows) or len(ours.rows) != len(theirs.rows):
            return False
        if ours.columns != theirs.columns or _COMPUTES.search(statement):
            return False
        # An aggregate of keys could differ in any way, so that only statements that show a key itself are explained.
        keys = [match["name"] for text in whole.statements for match in _GENERATED.finditer(text)]
        if not keys or (statement and not _names_one_of(keys, statement)):
            return False
        return any(_moved(ours.rows, theirs.rows, column) for column in range(ours.columns))


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownOrder:
    """Strings are sorted by code point on ``plain``, and by a collation of a language on ``collated``."""

    name: str
    plain: frozenset[str]
    collated: frozenset[str]
    reason: str
    link: str

    def explains(
        self, plain: ComparedEngine, ours: Outcome, collated: ComparedEngine, theirs: Outcome, whole: PlanContext
    ) -> bool:
        """Whether both are sorted by the first key in the same direction, each by its own rule."""
        if not (whole.keys and self.plain & plain.names and self.collated & collated.names):
            return False
        if not isinstance(ours, Rows) or not isinstance(theirs, Rows):
            return False
        column = whole.keys[0]
        here, there = ([row[column] for row in rows if row[column] is not None] for rows in (ours.rows, theirs.rows))
        texts = [text for text in (*here, *there) if isinstance(text, str)]
        # NULL was left out above, because its place in the order is another difference; numbers have no collation.
        if len(texts) < len(here) + len(there):
            return False
        as_read = [_as_read(text) for text in texts[len(here) :]]
        backwards = _is_sorted(texts[: len(here)][::-1]) and _is_sorted(as_read[::-1])
        return backwards or (_is_sorted(texts[: len(here)]) and _is_sorted(as_read))


Known: TypeAlias = KnownDifference | KnownValues | KnownKeys | KnownOrder


def _is_sorted(texts: Sequence[str]) -> bool:
    return all(one <= other for one, other in pairwise(texts))


def _as_read(text: str) -> str:
    """Letters and digits without accents and case, which most collations compare first."""
    return "".join(sign for sign in normalize("NFKD", text.casefold()) if sign.isalnum())


def _names_one_of(keys: Sequence[str], statement: str) -> bool:
    return "*" in statement or any(re.search(rf"\b{re.escape(key)}\b", statement, re.IGNORECASE) for key in keys)


def _moved(dense: Sequence[Row], gaps: Sequence[Row], column: int) -> bool:
    keys = [[row[column] for row in rows] for rows in (dense, gaps)]
    if not all(type(key) is int for side in keys for key in side) or any(len(set(side)) < len(side) for side in keys):
        return False
    pairs = list(zip(*(sorted(rows, key=lambda row: _as_int(row[column])) for rows in (dense, gaps)), strict=True))
    return all(
        _as_int(one[column]) <= _as_int(other[column]) and ACROSS.rows(_without(one, column), _without(other, column))
        for one, other in pairs
    )


def _as_int(value: Value) -> int:
    assert isinstance(value, int)
    return value


def _without(row: Row, column: int) -> Row:
    return (*row[:column], *row[column + 1 :])


_COMPUTES: Final = lazy_regex(r"\b(?:count|sum|total|avg|min|max)\s*\(", re.IGNORECASE)


_GENERATED: Final = lazy_regex(
    r"(?P<name>\w+)\"?\s+(?:(?:SMALL|BIG)?SERIAL\b|\w+(?:\s+NOT\s+NULL|\s+PRIMARY\s+KEY)*\s+(?:GENERATED\b|AUTOINCREMENT\b|IDENTITY\b))",
    re.IGNORECASE,
)


def _rounding(left: Value, right: Value) -> bool:
    return isinstance(left, float) and isinstance(right, float) and abs(left - right) < 1e-12


def _moments(left: Value, right: Value) -> bool:
    return _is_moment(left) and _is_moment(right)


def _is_moment(value: Value) -> bool:
    return isinstance(value, (date, time)) or (isinstance(value, str) and _MOMENT.fullmatch(value) is not None)


def _drawn(left: Value, right: Value) -> bool:
    """Whether both values may be random. Small integers and short strings are more likely to be written in the plan."""
    return _is_drawn(left) and _is_drawn(right)


def _is_drawn(value: Value) -> bool:
    match value:
        case bool():
            return False
        case int():
            return abs(value) >= _LARGE
        case float():
            return math.isfinite(value) and (abs(value) >= _LARGE or not value.is_integer())
        case str() | bytes():
            return len(value) >= _LONG
        case _:  # NULL, a decimal or a point in time, none of which a random function returns
            return False


# From which size on a value is taken for a random one, and the statements that ask for the time or for a random value.
_LARGE: Final = 2**32

_LONG: Final = 8


_MOMENT: Final = lazy_regex(r"\d{4}-\d\d-\d\d(?:[ T]\d\d:\d\d(?::\d\d(?:\.\d+)?)?)?|\d\d:\d\d(?::\d\d(?:\.\d+)?)?")

_CLOCK: Final = lazy_regex(
    r"\b(?:current_(?:timestamp|date|time)|localtime(?:stamp)?|now\s*\(|(?:clock|statement|transaction)_timestamp\s*\("
    r"|getdate\s*\(|sys(?:utc)?datetime\s*\()|'now'",
    re.IGNORECASE,
)

_RANDOM: Final = lazy_regex(r"\b(?:random|randomblob|rand|gen_random_uuid|uuidv[47]|newid)\s*\(", re.IGNORECASE)


# SET x = x + 1: only such an UPDATE collides with rows that it has not moved yet.
_MOVES_A_KEY: Final = lazy_regex(r"^\s*UPDATE\b.*\bSET\b.*?(\w+)\s*=[^,]*\b\1\b\s*[-+*]", re.IGNORECASE | re.DOTALL)

_ROW_BY_ROW: Final = (
    "uniqueness is checked row by row, so whether an UPDATE that moves keys collides depends on the order of the rows"
)

_UNIQUENESS: Final = "https://www.postgresql.org/docs/current/sql-createtable.html#SQL-CREATETABLE-COMPATIBILITY"


_SQLITE: Final = frozenset({str(Dialect.SQLITE)})

_POSTGRES: Final = frozenset({str(Dialect.POSTGRES)})


_ALL: Final = frozenset(map(str, Dialect))

_TYPED: Final = _ALL - _SQLITE


KNOWN_DIFFERENCES: Final[tuple[Known, ...]] = (
    KnownDifference(
        name="flexible-typing",
        fine=_SQLITE,
        strict=_TYPED,
        classes=frozenset(
            {
                ErrorClass.DATATYPE_MISMATCH,
                ErrorClass.INVALID_TEXT_REPRESENTATION,
                ErrorClass.UNDEFINED_FUNCTION,  # an operator or function that does not exist for these types
            }
        ),
        reason="SQLite stores and compares values of any type anywhere; other engines refuse values of another type",
        link="https://www.sqlite.org/flextypegood.html",
    ),
    KnownDifference(
        name="length-of-text",
        fine=_SQLITE,
        strict=_TYPED,
        classes=frozenset({ErrorClass.STRING_DATA_RIGHT_TRUNCATION}),
        reason="SQLite does not enforce the length of VARCHAR(n)",
        link="https://www.sqlite.org/datatype3.html",
    ),
    KnownDifference(
        name="integer-width",
        fine=_SQLITE,
        strict=_TYPED,
        classes=frozenset({ErrorClass.NUMERIC_VALUE_OUT_OF_RANGE}),
        reason="an INTEGER of SQLite has 64 bits and becomes a real on overflow; elsewhere it has 32 bits and does not",
        link="https://www.sqlite.org/datatype3.html",
    ),
    KnownDifference(
        name="division-by-zero",
        fine=_SQLITE,
        strict=_TYPED,
        classes=frozenset({ErrorClass.DIVISION_BY_ZERO}),
        reason="in SQLite x / 0 is NULL",
        link="https://www.sqlite.org/lang_expr.html",
    ),
    KnownDifference(
        name="foreign-keys-are-off",
        fine=_SQLITE,
        strict=_TYPED,
        classes=frozenset({ErrorClass.FOREIGN_KEY_VIOLATION}),
        reason="SQLite enforces foreign keys only after PRAGMA foreign_keys = ON",
        link="https://www.sqlite.org/foreignkeys.html#fk_enable",
    ),
    KnownDifference(
        name="failed-transaction",
        fine=_ALL - _POSTGRES,
        strict=_POSTGRES,
        classes=frozenset({ErrorClass.IN_FAILED_SQL_TRANSACTION}),
        reason="after an error PostgreSQL refuses everything until the transaction is rolled back",
        link="https://www.postgresql.org/docs/current/tutorial-transactions.html",
    ),
    KnownDifference(
        name="savepoint-begins-a-transaction",
        fine=_SQLITE,
        strict=_TYPED,
        classes=frozenset({ErrorClass.NO_ACTIVE_TRANSACTION}),
        reason="in SQLite a SAVEPOINT outside of a transaction begins a transaction",
        link="https://www.sqlite.org/lang_savepoint.html",
    ),
    KnownDifference(
        name="no-savepoint-outside-of-a-transaction",
        fine=_SQLITE,
        strict=_POSTGRES,
        classes=frozenset({ErrorClass.NO_ACTIVE_TRANSACTION}),
        instead=frozenset({ErrorClass.INVALID_SAVEPOINT_SPECIFICATION}),
        reason="outside of a transaction, PostgreSQL reports the missing transaction and SQLite the missing savepoint",
        link="https://www.sqlite.org/lang_savepoint.html",
    ),
    KnownDifference(
        name="an-index-is-a-relation",
        fine=_ALL,
        strict=_POSTGRES,
        classes=frozenset({ErrorClass.DUPLICATE_TABLE}),
        instead=frozenset({ErrorClass.DUPLICATE_OBJECT}),
        reason="in PostgreSQL an index is a relation, so a name that is taken is a duplicate table",
        link="https://www.postgresql.org/docs/current/errcodes-appendix.html",
    ),
    KnownDifference(
        name="snapshot-or-serialization",
        fine=_SQLITE,
        strict=_POSTGRES,
        classes=frozenset({ErrorClass.SERIALIZATION_FAILURE}),
        instead=frozenset({ErrorClass.BUSY, ErrorClass.SNAPSHOT_CONFLICT}),
        reason="both refuse a write on an outdated snapshot, with different errors",
        link="https://www.sqlite.org/isolation.html",
    ),
    KnownDifference(
        name="stale-snapshot-is-busy",
        fine=frozenset({"SQLite"}),
        strict=frozenset({"Turso"}),
        classes=frozenset({ErrorClass.BUSY}),
        instead=frozenset({ErrorClass.SNAPSHOT_CONFLICT}),
        reason="with MVCC, Turso reports a write on an outdated snapshot like any other busy database",
        link="https://www.sqlite.org/rescode.html#busy_snapshot",
    ),
    KnownDifference(
        name="libsql-tells-no-codes",
        fine=frozenset({"SQLite", "Turso"}),
        strict=frozenset({"libSQL"}),
        classes=frozenset({ErrorClass.BUSY}),
        instead=frozenset({ErrorClass.SNAPSHOT_CONFLICT}),
        reason="libSQL's driver reports no error codes, and the messages of both errors are the same",
        link="https://www.sqlite.org/rescode.html#busy_snapshot",
    ),
    KnownDifference(
        name="double-quoted-strings",
        fine=frozenset({"SQLite"}),
        strict=frozenset({"libSQL", "Turso", *_TYPED}),
        classes=frozenset({ErrorClass.UNDEFINED_COLUMN}),
        reason="most builds of SQLite read a name in double quotes as a string if there is no such column",
        link="https://www.sqlite.org/quirks.html#dblquote",
    ),
    KnownValues(
        name="summation-of-reals",
        between=_SQLITE,
        statement=re.compile(r"\b(?:sum|avg|total)\s*\(", re.IGNORECASE),
        allowed=_rounding,
        reason="SQLite sums reals with error compensation since 3.43; older versions and its relatives do not",
        link="https://www.sqlite.org/releaselog/3_43_0.html",
    ),
    KnownDifference(
        name="keys-that-move",
        fine=_SQLITE,
        strict=_POSTGRES,
        classes=frozenset({ErrorClass.UNIQUE_VIOLATION}),
        statement=_MOVES_A_KEY,
        reason=_ROW_BY_ROW,
        link=_UNIQUENESS,
    ),
    KnownDifference(
        name="keys-that-move-in-sqlite",
        fine=_POSTGRES,
        strict=_SQLITE,
        classes=frozenset({ErrorClass.UNIQUE_VIOLATION}),
        statement=_MOVES_A_KEY,
        reason=_ROW_BY_ROW,
        link=_UNIQUENESS,
    ),
    KnownDifference(
        name="foreign-keys-of-libsql",
        fine=frozenset({"SQLite", "Turso"}),
        strict=frozenset({"libSQL"}),
        classes=frozenset({ErrorClass.FOREIGN_KEY_VIOLATION}),
        reason="libSQL is built to enforce foreign keys by default",
        link="https://www.sqlite.org/compile.html#default_foreign_keys",
    ),
    KnownKeys(
        name="gaps-in-numbers",
        dense=_SQLITE,
        gaps=_TYPED,
        reason="a key generated for a write that was rolled back is not reused; SQLite continues from the largest one",
        link="https://www.postgresql.org/docs/current/functions-sequence.html",
    ),
    KnownOrder(
        name="collation",
        plain=_SQLITE,
        collated=_TYPED,
        reason="SQLite sorts strings by their bytes, a server by the collation of its database",
        link="https://www.postgresql.org/docs/current/collation.html",
    ),
    KnownValues(
        name="clock",
        between=_ALL,
        statement=_CLOCK,
        allowed=_moments,
        is_kept=True,
        reason="the two ran at different times, and the plan asks for the time",
        link="https://www.sqlite.org/lang_datefunc.html",
    ),
    KnownValues(
        name="random",
        between=_ALL,
        statement=_RANDOM,
        allowed=_drawn,
        is_kept=True,
        reason="the plan asks for a random value, and each engine chooses its own",
        link="https://www.sqlite.org/lang_corefunc.html#random",
    ),
)


def find_known_difference(
    left: ComparedEngine,
    ours: Outcome,
    right: ComparedEngine,
    theirs: Outcome,
    statement: str,
    whole: PlanContext = NO_CONTEXT,
) -> Known | None:
    """The documented difference that explains two outcomes of a statement, or None.

    ``whole`` holds the plan's other statements, whose stored values may cause the difference. For the contents of a table,
    ``statement`` is empty.
    """
    for difference in KNOWN_DIFFERENCES:
        match difference:
            case KnownDifference():
                if difference.explains(left, ours, right, theirs, statement):
                    return difference
                if difference.explains(right, theirs, left, ours, statement):
                    return difference
            case KnownValues():
                if difference.explains(left, ours, right, theirs, statement, whole):
                    return difference
            case KnownKeys():
                if difference.explains(left, ours, right, theirs, statement, whole):
                    return difference
                if difference.explains(right, theirs, left, ours, statement, whole):
                    return difference
            case KnownOrder():
                if difference.explains(left, ours, right, theirs, whole):
                    return difference
                if difference.explains(right, theirs, left, ours, whole):
                    return difference
            case _:
                assert_never(difference)
    return None
