"""Differences between engines that their manuals document: data with a reason and a link, told as warnings.

Each is about one step and needs both outcomes to be exactly what the difference makes of them, so that nothing else hides
behind it. A plan adds its own by writing what it expects on one of the backends, with a ``why:``.
"""

from __future__ import annotations

import math
import re
from datetime import date, time
from typing import Final, assert_never

from simdsl.oracles.known_differences import (
    NO_CONTEXT,
    ComparedEngine,
    Known,
    KnownDifference,
    KnownKeys,
    KnownOrder,
    KnownValues,
    PlanContext,
)
from simdsl.plan.outcomes import ErrorClass, Outcome
from simdsl.plan.regexes import lazy_regex
from simdsl.plan.sql import Dialect
from simdsl.plan.values import Value


def _rounding(left: Value, right: Value) -> bool:
    return isinstance(left, float) and isinstance(right, float) and abs(left - right) < 1e-12


def _moments(left: Value, right: Value) -> bool:
    return _is_moment(left) and _is_moment(right)


def _is_moment(value: Value) -> bool:
    return isinstance(value, (date, time)) or (isinstance(value, str) and _MOMENT.fullmatch(value) is not None)


def _drawn(left: Value, right: Value) -> bool:
    """Two that may both have been drawn: no small integers or short texts, which a plan is likelier to have written."""
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
        case _:
            return False


_LARGE: Final = 2**32


_LONG: Final = 8


_MOMENT: Final = lazy_regex(r"\d{4}-\d\d-\d\d(?:[ T]\d\d:\d\d(?::\d\d(?:\.\d+)?)?)?|\d\d:\d\d(?::\d\d(?:\.\d+)?)?")


_CLOCK: Final = lazy_regex(
    r"\b(?:current_(?:timestamp|date|time)|localtime(?:stamp)?|now\s*\(|(?:clock|statement|transaction)_timestamp\s*\("
    r"|getdate\s*\(|sys(?:utc)?datetime\s*\()|'now'",
    re.IGNORECASE,
)


_RANDOM: Final = lazy_regex(r"\b(?:random|randomblob|rand|gen_random_uuid|uuidv[47]|newid)\s*\(", re.IGNORECASE)


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
        reason="SQLite stores and compares values of any type anywhere; other engines refuse what does not fit the type",
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
        reason="an INTEGER of SQLite has 64 bits, and what overflows becomes a real; elsewhere it has 32 bits and does not",
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
        reason="in SQLite a SAVEPOINT outside of a transaction begins one",
        link="https://www.sqlite.org/lang_savepoint.html",
    ),
    KnownDifference(
        name="no-savepoint-outside-of-a-transaction",
        fine=_SQLITE,
        strict=_POSTGRES,
        classes=frozenset({ErrorClass.NO_ACTIVE_TRANSACTION}),
        instead=frozenset({ErrorClass.INVALID_SAVEPOINT_SPECIFICATION}),
        reason="without a transaction PostgreSQL misses the transaction, SQLite the savepoint",
        link="https://www.sqlite.org/lang_savepoint.html",
    ),
    KnownDifference(
        name="an-index-is-a-relation",
        fine=_ALL,
        strict=_POSTGRES,
        classes=frozenset({ErrorClass.DUPLICATE_TABLE}),
        instead=frozenset({ErrorClass.DUPLICATE_OBJECT}),
        reason="to PostgreSQL an index whose name is taken is a duplicate relation",
        link="https://www.postgresql.org/docs/current/errcodes-appendix.html",
    ),
    KnownDifference(
        name="snapshot-or-serialization",
        fine=_SQLITE,
        strict=_POSTGRES,
        classes=frozenset({ErrorClass.SERIALIZATION_FAILURE}),
        instead=frozenset({ErrorClass.BUSY, ErrorClass.SNAPSHOT_CONFLICT}),
        reason="a write on an outdated snapshot is refused by both, under another name",
        link="https://www.sqlite.org/isolation.html",
    ),
    KnownDifference(
        name="stale-snapshot-is-busy",
        fine=frozenset({"SQLite"}),
        strict=frozenset({"Turso"}),
        classes=frozenset({ErrorClass.BUSY}),
        instead=frozenset({ErrorClass.SNAPSHOT_CONFLICT}),
        reason="with MVCC Turso tells a write on an outdated snapshot as any other busy database",
        link="https://www.sqlite.org/rescode.html#busy_snapshot",
    ),
    KnownDifference(
        name="libsql-tells-no-codes",
        fine=frozenset({"SQLite", "Turso"}),
        strict=frozenset({"libSQL"}),
        classes=frozenset({ErrorClass.BUSY}),
        instead=frozenset({ErrorClass.SNAPSHOT_CONFLICT}),
        reason="libSQL's driver gives messages without codes, and the message of both is the same",
        link="https://www.sqlite.org/rescode.html#busy_snapshot",
    ),
    KnownDifference(
        name="double-quoted-strings",
        fine=frozenset({"SQLite"}),
        strict=frozenset({"libSQL", "Turso", *_TYPED}),
        classes=frozenset({ErrorClass.UNDEFINED_COLUMN}),
        reason="where there is no such column, SQLite as most systems build it takes a name in double quotes for a text",
        link="https://www.sqlite.org/quirks.html#dblquote",
    ),
    KnownValues(
        name="summation-of-reals",
        between=_SQLITE,
        statement=re.compile(r"\b(?:sum|avg|total)\s*\(", re.IGNORECASE),
        allowed=_rounding,
        reason="SQLite sums reals with a compensation since 3.43, others of its family and older ones do not",
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
        reason="libSQL is built to enforce foreign keys without being told",
        link="https://www.sqlite.org/compile.html#default_foreign_keys",
    ),
    KnownKeys(
        name="gaps-in-numbers",
        dense=_SQLITE,
        gaps=_TYPED,
        reason="a number that was drawn for a write which did not stay is not given again; SQLite goes on from the largest",
        link="https://www.postgresql.org/docs/current/functions-sequence.html",
    ),
    KnownOrder(
        name="collation",
        plain=_SQLITE,
        collated=_TYPED,
        reason="SQLite sorts texts by their bytes, a server by the collation of its database",
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
        reason="the plan draws a value, which each engine does by itself",
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
    """The documented difference that two outcomes of one statement are, if there is one.

    What one statement of the plan stored may be what this one meets. For the content of a table ``statement`` is empty.
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
