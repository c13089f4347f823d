"""The kinds of documented difference that there can be between two engines, each a test of what both said."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Final, NamedTuple, TypeAlias
from unicodedata import normalize

from simdsl.oracles.equivalence import ACROSS, RULES, Equivalence, Rule
from simdsl.plan.dataclasses import dataclass
from simdsl.plan.outcomes import ErrorClass, Failed, Outcome, Rows
from simdsl.plan.regexes import lazy_regex
from simdsl.plan.sql import Dialect
from simdsl.plan.values import Row, Value


class ComparedEngine(NamedTuple):
    """One of two backends: the SQL that it speaks, and its engine's name as `simdsl backends` shows it."""

    dialect: Dialect
    engine: str

    @property
    def names(self) -> frozenset[str]:
        """What a difference may call it."""
        return frozenset({str(self.dialect), self.engine})


class PlanContext(NamedTuple):
    """What a known difference may have to know of the whole plan."""

    statements: Sequence[str] = ()
    keys: tuple[int, ...] = ()  # where the rows come in another order: the columns by which they are sorted
    undone: bool = False  # before the step, one of the two undid a write, or one failed


NO_CONTEXT: Final = PlanContext()


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
    statement: re.Pattern[str] | None = None  # only for statements in which this is found

    def explains(self, fine: ComparedEngine, easy: Outcome, strict: ComparedEngine, hard: Outcome, statement: str) -> bool:
        """Whether the two outcomes are this difference."""
        if not (self.fine & fine.names and self.strict & strict.names) or fine == strict:
            return False
        if self.statement is not None and not self.statement.search(statement):
            return False
        if not isinstance(hard, Failed) or hard.error_class not in self.classes:
            return False
        return easy.error_class in self.instead if isinstance(easy, Failed) else not self.instead


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownValues:
    """Statements of a kind may give other values: ``allowed`` tells for two that are not the same.

    What ``is_kept`` may be stored, and be met by any later statement, and in a table.
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
        # Rows that are the same anyway differ in something else: in their order, or in a count.
        if Equivalence(rules=rules).bags(ours.rows, theirs.rows):
            return False
        return Equivalence(rules=(*rules, known)).bags(ours.rows, theirs.rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownKeys:
    """Numbers that the engine gives: on ``gaps`` one that was drawn for a write that did not stay is not given again.

    The rows are the same but for one column of distinct integers, each no smaller on ``gaps``, in the same order.
    """

    name: str
    dense: frozenset[str]
    gaps: frozenset[str]
    reason: str
    link: str

    def explains(
        self, dense: ComparedEngine, ours: Outcome, gaps: ComparedEngine, theirs: Outcome, statement: str, whole: PlanContext
    ) -> bool:
        """Whether the two outcomes differ in nothing else. A ``statement`` that is empty means a table."""
        if not (whole.undone and self.dense & dense.names and self.gaps & gaps.names):
            return False
        if not isinstance(ours, Rows) or not isinstance(theirs, Rows) or len(ours.rows) != len(theirs.rows):
            return False
        if ours.columns != theirs.columns or _COMPUTES.search(statement):
            return False
        keys = [match["name"] for text in whole.statements for match in _GENERATED.finditer(text)]
        if not keys or (statement and not _names_one_of(keys, statement)):
            return False
        return any(_moved(ours.rows, theirs.rows, column) for column in range(ours.columns))


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownOrder:
    """Texts are sorted by their code points on ``plain``, and as people read them on ``collated``."""

    name: str
    plain: frozenset[str]
    collated: frozenset[str]
    reason: str
    link: str

    def explains(
        self, plain: ComparedEngine, ours: Outcome, collated: ComparedEngine, theirs: Outcome, whole: PlanContext
    ) -> bool:
        """Whether both are sorted in the same direction by the first key, each in its own way."""
        if not (whole.keys and self.plain & plain.names and self.collated & collated.names):
            return False
        if not isinstance(ours, Rows) or not isinstance(theirs, Rows):
            return False
        column = whole.keys[0]
        here, there = ([row[column] for row in rows if row[column] is not None] for rows in (ours.rows, theirs.rows))
        texts = [text for text in (*here, *there) if isinstance(text, str)]
        if len(texts) < len(here) + len(there):
            return False
        as_read = [_as_read(text) for text in texts[len(here) :]]
        backwards = _is_sorted(texts[: len(here)][::-1]) and _is_sorted(as_read[::-1])
        return backwards or (_is_sorted(texts[: len(here)]) and _is_sorted(as_read))


Known: TypeAlias = KnownDifference | KnownValues | KnownKeys | KnownOrder


def _is_sorted(texts: Sequence[str]) -> bool:
    return all(one <= other for one, other in pairwise(texts))


def _as_read(text: str) -> str:
    """Letters and digits only, without their accents and cases: what most collations compare first."""
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
