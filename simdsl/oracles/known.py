"""Differences between engines that their manuals document: data with a reason and a link, told as warnings.

Each is about one step and needs both outcomes to be exactly what the difference makes of them, so that nothing else hides
behind it. A plan adds its own by writing what it expects on one of the backends, with a ``why:``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple

from simdsl.plan.ir import Dialect
from simdsl.plan.outcomes import ErrorClass, Failed, Outcome, Rows
from simdsl.plan.values import Value, same


class Party(NamedTuple):
    """One of two backends: the SQL that it speaks, and its engine's name as `simdsl backends` shows it."""

    dialect: Dialect
    engine: str

    @property
    def names(self) -> frozenset[str]:
        """What a difference may call it."""
        return frozenset({str(self.dialect), self.engine})


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownDifference:
    """A statement is well on ``fine``, or fails there with one of ``instead``; on ``strict`` it fails with ``classes``.

    Both hold names of dialects and of engines.
    """

    name: str
    fine: frozenset[str]
    strict: frozenset[str]
    classes: frozenset[ErrorClass]
    reason: str
    link: str
    instead: frozenset[ErrorClass] = frozenset()

    def explains(self, fine: Party, easy: Outcome, strict: Party, hard: Outcome, statement: str) -> bool:
        """Whether the two outcomes are this difference."""
        if not (self.fine & fine.names and self.strict & strict.names) or fine == strict:
            return False
        if not isinstance(hard, Failed) or hard.error_class not in self.classes:
            return False
        return easy.error_class in self.instead if isinstance(easy, Failed) else not self.instead


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownValues:
    """Statements of a kind may give other values: ``allowed`` tells for two that are not the same."""

    name: str
    between: frozenset[str]
    statement: re.Pattern[str]
    allowed: Callable[[Value, Value], bool]
    reason: str
    link: str

    def explains(self, left: Party, ours: Outcome, right: Party, theirs: Outcome, statement: str) -> bool:
        """Whether the two outcomes differ in nothing else."""
        if not (self.between & left.names and self.between & right.names and self.statement.search(statement)):
            return False
        if not isinstance(ours, Rows) or not isinstance(theirs, Rows) or len(ours.rows) != len(theirs.rows):
            return False
        pairs = zip(ours.rows, theirs.rows, strict=True)
        return all(
            same(one, other) or self.allowed(one, other) for row, twin in pairs for one, other in zip(row, twin, strict=True)
        )


def _rounding(left: Value, right: Value) -> bool:
    return isinstance(left, float) and isinstance(right, float) and abs(left - right) < 1e-12


_SQLITE: Final = frozenset({str(Dialect.SQLITE)})
_POSTGRES: Final = frozenset({str(Dialect.POSTGRES)})
_ALL: Final = frozenset(map(str, Dialect))
_TYPED: Final = _ALL - _SQLITE

KNOWN: Final[tuple[KnownDifference | KnownValues, ...]] = (
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
)


def known(left: Party, ours: Outcome, right: Party, theirs: Outcome, statement: str) -> KnownDifference | KnownValues | None:
    """The documented difference that two outcomes of one statement are, if there is one."""
    for difference in KNOWN:
        if difference.explains(left, ours, right, theirs, statement):
            return difference
        if difference.explains(right, theirs, left, ours, statement):
            return difference
    return None
