"""Two runs of one plan on two backends, lined up step by step, and what they do not agree about.

Steps are lined up by their task, their place in the plan and how often they have come, not by their order: where a lock is
waited for here and refused there, the orders differ. What is compared of a step: whether it failed and with which class,
how many columns and rows came, which rows as a bag, in which order of the ORDER BY's own columns, how many rows were
affected, and whether it waited. At the end the content of every table is compared.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final, TypeAlias

from simdsl.core.matcher import describe
from simdsl.core.trace import Parked, RolledBack, Stepped, Trace, Wait
from simdsl.oracles.equivalence import Equivalence
from simdsl.plan.ir import Path
from simdsl.plan.outcomes import Affected, ErrorClass, Failed, Outcome, Rows
from simdsl.plan.values import Row, literal_row

SortKeys: TypeAlias = Callable[[str], "tuple[int, ...] | None"]
"""The columns of a statement's result by which its outermost ORDER BY sorts, from 0; None if that is not known."""

Place: TypeAlias = tuple[str, Path, int]  # task, step, and the how-manieth time it ran


class Aspect(StrEnum):
    """What two backends disagree about."""

    ERROR = "error"
    COLUMNS = "columns"
    ROWS = "rows"
    ORDER = "order"
    AFFECTED = "affected"
    WAITING = "waiting"
    PRESENCE = "presence"  # the step ran on one of them only
    TABLE = "table"


@dataclass(frozen=True, slots=True, kw_only=True)
class Divergence:
    """One disagreement. ``step`` counts from 1 in the left run; None at the end of the run. ``said`` has left and right."""

    aspect: Aspect
    task: str | None
    path: Path
    what: str  # the statement as the plan has it, or the name of the table
    step: int | None
    said: tuple[str, str]
    outcomes: tuple[Outcome, Outcome] | None = field(default=None, repr=False)  # of a step that ran on both


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One of the two runs."""

    trace: Trace = field(repr=False)
    paths: frozenset[Path] = field(repr=False)  # of the steps that this backend has
    tables: Mapping[str, Rows] | None = None  # at the end; None if nobody looked
    is_whole: bool = True  # it was not ended by a failure of its own


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """All disagreements in the order of time, and how much was compared."""

    divergences: tuple[Divergence, ...]
    steps: int
    tables: int
    parted: Divergence | None = None  # where concurrency differs by design; nothing behind it was compared


def compare(left: Side, right: Side, *, equivalence: Equivalence, sort_keys: SortKeys, locks_differ: bool) -> Comparison:
    """Everything that two runs disagree about.

    Only steps that both plans have are compared: ``skip``, ``only`` and overrides may leave some out. ``locks_differ`` says
    that one of the backends waits for the locks of rows and the other refuses, with one lock for all of them: the first
    step that was refused because of somebody else's transaction parts the two, and from there on only what both committed
    alike can be compared.
    """
    shared = left.paths & right.paths
    ours, theirs = _Run(left, shared), _Run(right, shared)
    found: list[Divergence] = []
    parted: Divergence | None = None
    compared = 0
    for place, step in ours.steps.items():
        other = theirs.steps.get(place)
        number = ours.numbers[place]
        if other is None:
            if right.is_whole:
                found.append(_at(step, number, Aspect.PRESENCE, (describe_one(step.outcome), "did not run")))
            continue
        if locks_differ and _parts(ours, theirs, place):
            parted = _at(step, number, Aspect.WAITING, (ours.told(place), theirs.told(place)))
            break
        compared += 1
        aspect = _aspect(step, other, equivalence, sort_keys)
        if aspect is not None:
            found.append(_both(step, other, number, aspect))
        if not locks_differ and ours.waited(place) != theirs.waited(place):
            said = ("waits", "does not wait") if ours.waited(place) else ("does not wait", "waits")
            found.append(_at(step, number, Aspect.WAITING, said))
    if parted is None and left.is_whole:
        for place, step in theirs.steps.items():
            if place not in ours.steps:
                found.append(_at(step, None, Aspect.PRESENCE, ("did not run", describe_one(step.outcome))))
    tables = 0
    if left.tables is not None and right.tables is not None and (parted is None or ours.committed == theirs.committed):
        differing, tables = _tables(left.tables, right.tables, equivalence)
        found += differing
    return Comparison(divergences=tuple(found), steps=compared, tables=tables, parted=parted)


def describe_one(outcome: Outcome) -> str:
    """What an outcome is, in one line."""
    lines = describe(outcome)
    return lines[0] if len(lines) == 1 else f"{lines[0]}, ... ({len(lines)} lines)"


class _Run:
    """A trace, by places."""

    def __init__(self, side: Side, shared: frozenset[Path]) -> None:
        self.steps: dict[Place, Stepped] = {}
        self.numbers: dict[Place, int] = {}
        self.committed: list[Place] = []
        self.refused: set[Place] = set()  # because of a lock, while another session had a transaction open
        self._waits: set[tuple[str, Path]] = set()
        self._open: dict[str, _Transaction] = {}
        counts: Counter[tuple[str, Path]] = Counter()
        number = 0
        for event in side.trace:
            match event:
                case Parked(wait=Wait.LOCK):
                    self._waits.add((event.task, event.path))
                case Stepped():
                    number += 1
                    key = (event.task, event.path)
                    counts[key] += 1
                    place = (*key, counts[key])
                    if event.path in shared:
                        self.steps[place] = event
                        self.numbers[place] = number
                    if _is_refused(event.outcome) and any(
                        transaction.is_open for task, transaction in self._open.items() if task != event.task
                    ):
                        self.refused.add(place)
                    self.committed += self._open.setdefault(event.task, _Transaction()).goes_on(event, place)
                case RolledBack():
                    self._open.pop(event.task, None)
                case _:
                    pass

    def waited(self, place: Place) -> bool:
        """Whether the step waited for a lock."""
        return place[:2] in self._waits

    def told(self, place: Place) -> str:
        """What came of a step, in a line; of one that waited, that it did."""
        return "waits" if self.waited(place) else describe_one(self.steps[place].outcome)


class _Transaction:
    """The statements of one session that are not committed yet."""

    def __init__(self) -> None:
        self.is_open = False
        self._pending: list[Place] = []
        self._savepoints: list[tuple[str, int]] = []

    def goes_on(self, event: Stepped, place: Place) -> list[Place]:
        """What a step commits: itself outside of a transaction, all that is pending where it ends one well."""
        was_open = self.is_open
        if event.in_transaction is not None:
            self.is_open = event.in_transaction
        failed = isinstance(event.outcome, Failed)
        control = _CONTROL.match(event.what)
        if control is None:
            if not failed:
                self._pending.append(place)
        elif not failed:
            self._controlled(control["word"].upper(), (control["name"] or "").lower())
        if self.is_open:
            return []
        pending, self._pending = self._pending, []
        self._savepoints.clear()
        return [] if failed and was_open else pending

    def _controlled(self, word: str, name: str) -> None:
        if word == "SAVEPOINT":
            self._savepoints.append((name, len(self._pending)))
        elif word in ("ROLLBACK", "ABORT"):
            kept = next((count for known, count in reversed(self._savepoints) if known == name), 0) if name else 0
            del self._pending[kept:]


def _parts(ours: _Run, theirs: _Run, place: Place) -> bool:
    """Whether one was refused because of a lock, and the other not in the same way."""
    return (place in ours.refused) is not (place in theirs.refused)


_CONTROL: Final = re.compile(
    r"\s*(?P<word>BEGIN|START|COMMIT|END|ROLLBACK|ABORT|SAVEPOINT|SAVE|RELEASE)\b"
    r"(?:\s+(?:TO\s+)?(?:SAVEPOINT\s+)?(?P<name>\w+))?\s*$",
    re.IGNORECASE,
)
_REFUSALS: Final = frozenset({ErrorClass.BUSY, ErrorClass.SNAPSHOT_CONFLICT, ErrorClass.LOCK_NOT_AVAILABLE})


def _is_refused(outcome: Outcome) -> bool:
    return isinstance(outcome, Failed) and outcome.error_class in _REFUSALS


def _aspect(step: Stepped, other: Stepped, equivalence: Equivalence, sort_keys: SortKeys) -> Aspect | None:
    left, right = step.outcome, other.outcome
    if isinstance(left, Failed) or isinstance(right, Failed):
        alike = isinstance(left, Failed) and isinstance(right, Failed) and left.error_class is right.error_class
        return None if alike else Aspect.ERROR
    if isinstance(left, Affected) or isinstance(right, Affected):
        if not (isinstance(left, Affected) and isinstance(right, Affected)):
            return Aspect.COLUMNS
        return None if left.n == right.n else Aspect.AFFECTED
    if left.columns != right.columns:
        return Aspect.COLUMNS
    if not equivalence.bags(left.rows, right.rows):
        return Aspect.ROWS
    if left.affected != right.affected:
        return Aspect.AFFECTED
    if step.ordered and not equivalence.sequences(left.rows, right.rows):
        columns = sort_keys(step.what)
        if columns and not equivalence.sequences(_picked(left.rows, columns), _picked(right.rows, columns)):
            return Aspect.ORDER
    return None


def _picked(rows: Sequence[Row], columns: Sequence[int]) -> list[Row]:
    return [tuple(row[column] for column in columns) for row in rows]


def _tables(left: Mapping[str, Rows], right: Mapping[str, Rows], equivalence: Equivalence) -> tuple[list[Divergence], int]:
    found: list[Divergence] = []
    names = dict.fromkeys([*left, *right])
    for name in names:
        ours, theirs = left.get(name), right.get(name)
        if ours is None or theirs is None:
            said = tuple("is not there" if one is None else f"has {len(one.rows)} rows" for one in (ours, theirs))
        elif ours.columns != theirs.columns:
            said = (f"has {ours.columns} columns", f"has {theirs.columns} columns")
        elif not equivalence.bags(ours.rows, theirs.rows):
            said = _rows_apart(ours.rows, theirs.rows, equivalence)
        else:
            continue
        found.append(Divergence(aspect=Aspect.TABLE, task=None, path=(), what=name, step=None, said=(said[0], said[1])))
    return found, len(names)


def _rows_apart(left: Sequence[Row], right: Sequence[Row], equivalence: Equivalence) -> tuple[str, str]:
    """The first row of each that the other lacks."""
    return _lacking(left, right, equivalence), _lacking(right, left, equivalence)


def _lacking(rows: Sequence[Row], others: Sequence[Row], equivalence: Equivalence) -> str:
    left_over = list(others)
    for row in rows:
        found = next((i for i, other in enumerate(left_over) if equivalence.rows(row, other)), None)
        if found is None:
            return f"has {len(rows)} rows, {literal_row(row)} among them"
        del left_over[found]
    return f"has {len(rows)} rows"


def _at(step: Stepped, number: int | None, aspect: Aspect, said: tuple[str, str]) -> Divergence:
    return Divergence(aspect=aspect, task=step.task, path=step.path, what=step.what, step=number, said=said)


def _both(step: Stepped, other: Stepped, number: int, aspect: Aspect) -> Divergence:
    said = (describe_one(step.outcome), describe_one(other.outcome))
    return replace(_at(step, number, aspect, said), outcomes=(step.outcome, other.outcome))
