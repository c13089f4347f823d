"""Differences between engines that their manuals document: data with a reason and a link, told as warnings.

Each is about one step and needs both outcomes to be exactly what the difference makes of them, so that nothing else hides
behind it. A plan adds its own by writing what it expects on one of the backends, with a ``why:``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from simdsl.plan.ir import Dialect
from simdsl.plan.outcomes import ErrorClass, Failed, Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownDifference:
    """``fine`` is the dialect on which the statement is well, or fails with one of ``instead``; ``strict`` the other one.

    ``classes`` are what the strict one says. An empty ``fine`` is any dialect.
    """

    name: str
    fine: frozenset[Dialect]
    strict: frozenset[Dialect]
    classes: frozenset[ErrorClass]
    reason: str
    link: str
    instead: frozenset[ErrorClass] = frozenset()

    def explains(self, fine: Dialect, easy: Outcome, strict: Dialect, hard: Outcome) -> bool:
        """Whether the two outcomes are this difference."""
        if fine is strict or fine not in self.fine or strict not in self.strict:
            return False
        if not isinstance(hard, Failed) or hard.error_class not in self.classes:
            return False
        return easy.error_class in self.instead if isinstance(easy, Failed) else not self.instead


_SQLITE: Final = frozenset({Dialect.SQLITE})
_POSTGRES: Final = frozenset({Dialect.POSTGRES})
_TYPED: Final = frozenset(Dialect) - _SQLITE

KNOWN: Final = (
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
        fine=frozenset(Dialect) - _POSTGRES,
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
        fine=frozenset(Dialect),
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
)


def known(left: Dialect, ours: Outcome, right: Dialect, theirs: Outcome) -> KnownDifference | None:
    """The documented difference that two outcomes of one statement are, if there is one."""
    for difference in KNOWN:
        if difference.explains(left, ours, right, theirs) or difference.explains(right, theirs, left, ours):
            return difference
    return None
