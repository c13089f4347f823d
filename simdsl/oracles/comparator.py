"""Two runs of one plan on two backends, lined up step by step, and what they do not agree about.

Steps are lined up by their task, their place in the plan and how often they have come, not by their order: where a lock is
waited for here and refused there, the orders differ. What is compared of a step: whether it failed and with which class,
how many columns and rows came, which rows as a bag, in which order of the ORDER BY's own columns, how many rows were
affected, and whether it waited. Names of columns and texts of errors are not. When the steps have run, the content of every
table is compared, and then what `finally` came to.
"""

from __future__ import annotations

import marshal
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from enum import StrEnum
from typing import Final, TypeAlias

from simdsl.core.trace import BlockReason, SessionRolledBack, StepCompleted, TaskBlocked, Trace
from simdsl.oracles.backend_run import AlignedRun, BackendRun, StepOccurrence, describe_one
from simdsl.oracles.equivalence import Equivalence
from simdsl.plan.dataclasses import dataclass
from simdsl.plan.outcomes import Affected, ErrorClass, Failed, Outcome, Rows
from simdsl.plan.source import Path
from simdsl.plan.sql import TransactionAction
from simdsl.plan.values import Row, literal_row

SortKeys: TypeAlias = Callable[[str], "tuple[int, ...] | None"]
"""The columns of a statement's result by which its outermost ORDER BY sorts, from 0; None if that is not known."""


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
    """One disagreement. ``said`` has left and right.

    ``step`` is the step's number in the left run, counted as its transcript does: from 1, without ``setup:``. It is None
    where the left run has no such step.
    """

    aspect: Aspect
    task: str | None
    path: Path
    what: str  # the statement as the plan has it, or the name of the table
    step: int | None
    said: tuple[str, str]
    outcomes: tuple[Outcome, Outcome] | None = field(default=None, repr=False)  # of a step, or a table, that is on both
    keys: tuple[int, ...] = ()  # of an order: the columns by which the rows are sorted
    undone: bool = False  # before it, one of the two undid a write, or a statement failed
    is_alone: bool = False  # the step left nothing behind on either: what comes later does not follow from it


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """All disagreements in the order of time, and how much was compared."""

    divergences: tuple[Divergence, ...]
    steps: int
    tables: int
    parted: Divergence | None = None  # where concurrency differs by design; nothing behind it was compared


def compare(
    left: BackendRun, right: BackendRun, *, equivalence: Equivalence, sort_keys: SortKeys, locks_differ: bool
) -> Comparison:
    """Everything that two runs disagree about.

    Only steps that both plans have are compared: ``skip``, ``only`` and overrides may leave some out. ``locks_differ`` says
    that one of the backends waits for the locks of rows and the other refuses, with one lock for all of them: the first
    step that was refused because of somebody else's transaction parts the two, and from there on only what both committed
    alike can be compared.
    """
    shared = left.paths & right.paths
    if _are_twins(left.trace, right.trace):
        # Nearly all runs are, and to see that costs a twentieth of lining them up.
        differing, tables = _tables(left.tables, right.tables, equivalence)
        undone = any(isinstance(outcome, Failed) for outcome in left.trace.outcomes) or _undoes(left)
        steps = sum(op.path in shared for op in left.trace.ops)
        return Comparison(divergences=tuple(replace(one, undone=undone) for one in differing), steps=steps, tables=tables)
    ours, theirs = AlignedRun(left, shared), AlignedRun(right, shared)
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
        difference = _difference(step, other, equivalence, sort_keys)
        if difference is not None:
            aspect, said = difference
            at = _at(step, number, aspect, said)
            alone = ours.had_no_effect(place) and theirs.had_no_effect(place)
            undone = place in ours.undone or place in theirs.undone
            keys = (sort_keys(step.what) or ()) if aspect is Aspect.ORDER else ()
            found.append(replace(at, outcomes=(step.outcome, other.outcome), is_alone=alone, undone=undone, keys=keys))
        for wait in (BlockReason.POOL,) if locks_differ else (BlockReason.LOCK, BlockReason.POOL):
            if ours.waited(place, wait) != theirs.waited(place, wait):
                said = ("waits", "does not wait") if ours.waited(place, wait) else ("does not wait", "waits")
                found.append(_at(step, number, Aspect.WAITING, said))
    if parted is None and left.is_whole:
        for place, step in theirs.steps.items():
            if place not in ours.steps:
                found.append(_at(step, None, Aspect.PRESENCE, ("did not run", describe_one(step.outcome))))
    tables = 0
    late = [one for one in found if _is_late(one)]
    if parted is None or ours.committed == theirs.committed:
        differing, tables = _tables(left.tables, right.tables, equivalence)
        undone = ours.has_rollback or theirs.has_rollback
        differing = [replace(one, undone=undone) for one in differing]
        found = [*(one for one in found if not _is_late(one)), *differing, *late]
    return Comparison(divergences=tuple(found), steps=compared, tables=tables, parted=parted)


def _are_twins(left: Trace, right: Trace) -> bool:
    """Whether the same steps came to the very same, but for texts of errors, in the same order, and waited for the same."""
    if _came_to(left) != _came_to(right) or _waits(left) != _waits(right):
        return False
    if any(one.path != other.path or one.task != other.task for one, other in zip(left.ops, right.ops, strict=True)):
        return False
    try:
        # Equal values need not be of one type.
        return marshal.dumps(_all_rows(left), _MARSHAL_VERSION) == marshal.dumps(_all_rows(right), _MARSHAL_VERSION)
    except ValueError:  # a Decimal, a date
        return _types(left) == _types(right)


def _came_to(trace: Trace) -> list[Outcome | ErrorClass]:
    return [outcome.error_class if isinstance(outcome, Failed) else outcome for outcome in trace.outcomes]


def _types(trace: Trace) -> list[list[tuple[type, ...]]]:
    return [[tuple(map(type, row)) for row in rows] for rows in _all_rows(trace)]


def _waits(trace: Trace) -> list[tuple[int, str, Path, BlockReason]]:
    return [(at, event.task, event.path, event.wait) for at, event in trace.between if isinstance(event, TaskBlocked)]


def _all_rows(trace: Trace) -> list[list[Row]]:
    return [outcome.rows for outcome in trace.outcomes if isinstance(outcome, Rows)]


def _undoes(side: BackendRun) -> bool:
    if any(isinstance(event, SessionRolledBack) for _, event in side.trace.between):
        return True
    undoing = {
        path
        for path, control in side.control.items()
        if control.action in (TransactionAction.ROLLBACK, TransactionAction.ROLLBACK_TO)
    }
    return any(op.path in undoing for op in side.trace.ops)


_MARSHAL_VERSION: Final = 2  # without references, which would tell equal rows apart


def _parts(ours: AlignedRun, theirs: AlignedRun, place: StepOccurrence) -> bool:
    """Whether one was refused because of a lock, and the other not in the same way."""
    return (place in ours.refused) is not (place in theirs.refused)


def _is_late(divergence: Divergence) -> bool:
    """Whether the tables were looked at before this step."""
    return divergence.path[:1] == ("finally",)


_Difference: TypeAlias = tuple[Aspect, tuple[str, str]]


def _difference(
    step: StepCompleted, other: StepCompleted, equivalence: Equivalence, sort_keys: SortKeys
) -> _Difference | None:
    left, right = step.outcome, other.outcome
    if isinstance(left, Failed) or isinstance(right, Failed):
        alike = isinstance(left, Failed) and isinstance(right, Failed) and left.error_class is right.error_class
        return None if alike else (Aspect.ERROR, _said(left, right))
    if isinstance(left, Affected) or isinstance(right, Affected):
        if not (isinstance(left, Affected) and isinstance(right, Affected)):
            return (Aspect.COLUMNS, _said(left, right))
        return None if left.n == right.n else (Aspect.AFFECTED, _said(left, right))
    if left.columns != right.columns:
        return (Aspect.COLUMNS, (_width(left), _width(right)))
    if not equivalence.bags(left.rows, right.rows):
        return (Aspect.ROWS, _rows_apart(left.rows, right.rows, equivalence))
    if left.affected != right.affected:
        return (Aspect.AFFECTED, (f"{left.affected} affected", f"{right.affected} affected"))
    if step.ordered and not equivalence.sequences(left.rows, right.rows):
        return _order(step.what, left.rows, right.rows, equivalence, sort_keys)
    return None


def _order(
    what: str, left: Sequence[Row], right: Sequence[Row], equivalence: Equivalence, sort_keys: SortKeys
) -> _Difference | None:
    """Rows that are equal by the sort keys may come in any order; what is sorted by must not."""
    columns = sort_keys(what)
    for number, rows in enumerate(zip(left, right, strict=True), 1) if columns else ():
        one, other = (tuple(row[column] for column in columns or ()) for row in rows)
        if not equivalence.rows(one, other):
            return (Aspect.ORDER, (f"row {number} is {literal_row(rows[0])}", f"row {number} is {literal_row(rows[1])}"))
    return None


def _said(left: Outcome, right: Outcome) -> tuple[str, str]:
    return describe_one(left), describe_one(right)


def _width(rows: Rows) -> str:
    return f"{rows.columns} column{'' if rows.columns == 1 else 's'}"


def _tables(
    left: Mapping[str, Rows] | None, right: Mapping[str, Rows] | None, equivalence: Equivalence
) -> tuple[list[Divergence], int]:
    found: list[Divergence] = []
    compared = 0
    if left is None or right is None:
        return found, compared
    for name, ours, theirs in _paired(left, right):
        compared += 1
        if ours is None or theirs is None:
            said = tuple("is not there" if one is None else f"has {_number(one.rows)}" for one in (ours, theirs))
        elif ours.columns != theirs.columns:
            said = (f"has {_width(ours)}", f"has {_width(theirs)}")
        elif not equivalence.bags(ours.rows, theirs.rows):
            said = tuple(f"has {one}" for one in _rows_apart(ours.rows, theirs.rows, equivalence))
        else:
            continue
        both = (ours, theirs) if ours is not None and theirs is not None else None
        table = Divergence(aspect=Aspect.TABLE, task=None, path=(), what=name, step=None, said=(said[0], said[1]))
        found.append(replace(table, outcomes=both, is_alone=True))
    return found, compared


def _paired(left: Mapping[str, Rows], right: Mapping[str, Rows]) -> Iterator[tuple[str, Rows | None, Rows | None]]:
    """The tables by their names; what has no partner of the same case, by names without case: engines fold them."""
    folded = {name.lower(): name for name in right if name not in left}
    partners: dict[str, str] = {}
    for name in left:
        partner = name if name in right else folded.pop(name.lower(), None)
        if partner is not None:
            partners[name] = partner
        yield name, left[name], right[partner] if partner is not None else None
    for name in right:
        if name not in partners.values():
            yield name, None, right[name]


def _rows_apart(left: Sequence[Row], right: Sequence[Row], equivalence: Equivalence) -> tuple[str, str]:
    """How many rows each has, and the first that the other lacks."""
    return _lacking(left, right, equivalence), _lacking(right, left, equivalence)


def _lacking(rows: Sequence[Row], others: Sequence[Row], equivalence: Equivalence) -> str:
    left_over = list(others)
    for row in rows:
        found = next((i for i, other in enumerate(left_over) if equivalence.rows(row, other)), None)
        if found is None:
            shown = literal_row(row)
            return shown if len(rows) == 1 and len(others) < 2 else f"{_number(rows)}, {shown} among them"
        del left_over[found]
    return _number(rows)


def _number(rows: Sequence[Row]) -> str:
    return "1 row" if len(rows) == 1 else f"{len(rows) or 'no'} rows"


def _at(step: StepCompleted, number: int | None, aspect: Aspect, said: tuple[str, str]) -> Divergence:
    return Divergence(aspect=aspect, task=step.task, path=step.path, what=step.what, step=number, said=said)
