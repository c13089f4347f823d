"""What the IR leaves out or calls undefined, as data: the engines differ, and here is how one sees it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """One difference, and what is in the IR instead."""

    sqlite: str
    postgres: str
    reason: str
    instead: str


def _both(text: str, reason: str, instead: str) -> LeftOut:
    return LeftOut(sqlite=text, postgres=text, reason=reason, instead=instead)


LEFT_OUT: Final = (
    _both("'a' LIKE 'A'", "LIKE folds letters of ASCII in SQLite only", "Like says whether it is exact"),
    _both("'a\\' LIKE 'a\\'", "a backslash escapes in PostgreSQL only", "no pattern has one"),
    LeftOut(
        sqlite="max(1, NULL)",
        postgres="greatest(1, NULL)",
        reason="max of SQLite is NULL with a NULL, GREATEST of PostgreSQL passes over it",
        instead="Extreme is NULL, and is a CASE in PostgreSQL",
    ),
    _both("substr('abc', -2, 2)", "SQLite counts from the end, PostgreSQL from before the text", "Substring begins at 1"),
    _both("substr('abc', 2, -1)", "PostgreSQL refuses, SQLite goes backwards", "Substring has no negative count"),
    _both("5 % 2.5", "SQLite takes the remainder of integers, PostgreSQL of decimals", "Operator.REMAINDER is of integers"),
    LeftOut(
        sqlite="CAST(2.7 AS INTEGER)",
        postgres="CAST(2.7::double precision AS bigint)",
        reason="SQLite cuts off, PostgreSQL rounds",
        instead="Cast cuts off",
    ),
    LeftOut(
        sqlite="CAST(2.0 AS TEXT)",
        postgres="CAST(2.0::double precision AS text)",
        reason="the text of a real",
        instead="no such cast",
    ),
    _both("CAST(TRUE AS TEXT)", "the text of a boolean", "no such cast"),
    _both("CAST('12x' AS INTEGER)", "SQLite reads the digits, PostgreSQL refuses", "no cast of a text"),
    _both("TRUE + 1", "a boolean is a number in SQLite only", "arithmetic is of numbers"),
    LeftOut(
        sqlite="x'61' || x'62'",
        postgres="'\\x61'::bytea || '\\x62'::bytea",
        reason="SQLite makes a text of blobs",
        instead="Concat is of texts",
    ),
    _both("length(12)", "SQLite measures the text of a number, PostgreSQL refuses", "Length is of texts and blobs"),
    _both("9223372036854775807 + 1", "SQLite goes on with a real, PostgreSQL refuses", "undefined"),
    LeftOut(
        sqlite="1 / 0", postgres="1 / 0", reason="NULL in SQLite, refused by PostgreSQL", instead="undefined; nullif(x, 0)"
    ),
    LeftOut(
        sqlite="1e308 * 10.0",
        postgres="1e308::double precision * 10.0::double precision",
        reason="infinite in SQLite, refused by PostgreSQL",
        instead="undefined",
    ),
    LeftOut(
        sqlite="1e-300 * 1e-300",
        postgres="1e-300::double precision * 1e-300::double precision",
        reason="zero in SQLite, refused by PostgreSQL",
        instead="undefined",
    ),
    LeftOut(
        sqlite="CAST(1e19 AS INTEGER)",
        postgres="CAST(1e19::double precision AS bigint)",
        reason="SQLite takes the greatest integer, PostgreSQL refuses",
        instead="undefined",
    ),
)
