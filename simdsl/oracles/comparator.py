"""Compare two runs of one plan on two backends, step by step.

Steps are aligned by their task, their place in the plan and how many times they have run. Their order would not do: it
differs where one backend waits for a lock and the other refuses it. Compared are the class of an error, the number of
columns and of rows, the rows as a bag, their order by the columns of ORDER BY, the number of affected rows, and whether the
step waited. Column names and error messages are not compared. After the steps, the contents of all tables are compared, and
last the outcomes of `finally`.
"""

from __future__ import annotations

import marshal
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from enum import StrEnum
from typing import Final, TypeAlias, assert_never

from simdsl.core.matcher import describe
from simdsl.core.trace import (
    BlockReason,
    CheckEvaluated,
    ClockAdvanced,
    InvariantEvaluated,
    PoolChanged,
    RaceDetected,
    ScheduleEntrySkipped,
    SessionRolledBack,
    StepCompleted,
    TaskBlocked,
    TaskChosen,
    Trace,
)
from simdsl.oracles.equivalence import Equivalence
from simdsl.plan.deferred import dataclass
from simdsl.plan.diagnostics import Path
from simdsl.plan.outcomes import Affected, ErrorClass, Failed, Outcome, Rows
from simdsl.plan.sql import TransactionAction, TransactionControl
from simdsl.plan.values import Row, Value, literal_row

StepOccurrence: TypeAlias = tuple[str, Path, int]  # task, step, and how many times it has run, from 1


CommittedWrite: TypeAlias = tuple[str, Path, tuple[Value, ...]]  # task, step, and its arguments


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendRun:
    """What is compared of a run on one backend."""

    trace: Trace = field(repr=False)
    paths: frozenset[Path] = field(repr=False)  # of the steps that run on this backend
    control: Mapping[Path, TransactionControl] = field(
        default_factory=dict, repr=False
    )  # the steps that control transactions
    tables: Mapping[str, Rows] | None = None  # before `finally`; None if they were not read
    is_whole: bool = True  # False if a failure ended it early


def describe_one(outcome: Outcome) -> str:
    """An outcome in one line: the class of an error; for several rows, their number and the first one."""
    if isinstance(outcome, Failed):
        return f"error {outcome.error_class}"
    if isinstance(outcome, Rows) and len(outcome.rows) > 1:
        return f"{len(outcome.rows)} rows, {literal_row(outcome.rows[0])} first"
    return describe(outcome)[0]


class AlignedRun:
    """A trace, indexed by step occurrence."""

    def __init__(self, side: BackendRun, shared: frozenset[Path]) -> None:
        self.steps: dict[StepOccurrence, StepCompleted] = {}
        self.numbers: dict[StepOccurrence, int] = {}
        self.committed: list[CommittedWrite] = []
        self.refused: set[StepOccurrence] = set()  # because of a lock, while another session was in a transaction
        self.undone: set[StepOccurrence] = set()  # after a rollback or a failure
        self.has_rollback = False
        self._inside: set[StepOccurrence] = set()  # in a transaction before or after the step
        self._waits: set[tuple[StepOccurrence, BlockReason]] = set()
        self._open: dict[str, _Transaction] = {}
        counts: Counter[tuple[str, Path]] = Counter()
        number, setup = 0, True
        for event in side.trace:
            if isinstance(event, StepCompleted | CheckEvaluated):
                # The numbers of a transcript, which restart after setup.
                number = 1 if setup and event.path[:1] != ("setup",) else number + 1
                setup = event.path[:1] == ("setup",)
            match event:
                case TaskBlocked(wait=wait):
                    self._waits.add(((event.task, event.path, counts[event.task, event.path] + 1), wait))
                case StepCompleted():
                    key = (event.task, event.path)
                    counts[key] += 1
                    place = (*key, counts[key])
                    if event.path in shared:
                        self.steps[place] = event
                        self.numbers[place] = number
                    self._follow(event, place, side.control.get(event.path))
                case SessionRolledBack():
                    self.has_rollback = True
                    self._open.pop(event.task, None)
                case TaskChosen() | ScheduleEntrySkipped() | ClockAdvanced() | RaceDetected():
                    pass  # the two runs may be scheduled differently
                case PoolChanged() | CheckEvaluated() | InvariantEvaluated():
                    pass  # a failed check is a failure of its own run
                case _:
                    assert_never(event)

    def waited(self, place: StepOccurrence, wait: BlockReason) -> bool:
        """Whether the step waited for a lock, or for a pool."""
        return (place, wait) in self._waits

    def had_no_effect(self, place: StepOccurrence) -> bool:
        """Whether the step changed nothing: it only read, or it failed outside of a transaction."""
        outcome = self.steps[place].outcome
        if isinstance(outcome, Failed):
            return place not in self._inside
        return _only_read(outcome)

    def outcome_text(self, place: StepOccurrence) -> str:
        """The outcome of a step in one line, or that it waited."""
        return "waits" if self.waited(place, BlockReason.LOCK) else describe_one(self.steps[place].outcome)

    def _follow(self, event: StepCompleted, place: StepOccurrence, control: TransactionControl | None) -> None:
        if _is_refused(event.outcome) and any(
            transaction.is_open for task, transaction in self._open.items() if task != event.task
        ):
            self.refused.add(place)
        if self.has_rollback:
            self.undone.add(place)
        self.has_rollback |= isinstance(event.outcome, Failed)
        self.has_rollback |= control is not None and control.action in (
            TransactionAction.ROLLBACK,
            TransactionAction.ROLLBACK_TO,
        )
        transaction = self._open.setdefault(event.task, _Transaction())
        was_open = transaction.is_open
        self.committed += transaction.goes_on(event, control)
        if was_open or transaction.is_open:
            self._inside.add(place)


class _Transaction:
    """The writes of one session that are not committed yet, with its savepoints."""

    def __init__(self) -> None:
        self.is_open = False
        self._pending: list[CommittedWrite] = []
        self._savepoints: list[tuple[str, int]] = []

    def goes_on(self, event: StepCompleted, control: TransactionControl | None) -> list[CommittedWrite]:
        """Record a step, and return the writes that it commits: its own outside of a transaction, or all pending ones."""
        was_open = self.is_open
        if event.in_transaction is not None:
            self.is_open = event.in_transaction
        failed = isinstance(event.outcome, Failed)
        if control is None:
            if not failed and not _only_read(event.outcome):
                self._pending.append((event.task, event.path, event.arguments))
        elif not failed:
            self._controlled(control.action, (control.name or "").lower())
        if self.is_open:
            return []
        # A failed COMMIT that also ended the transaction has rolled it back.
        pending, self._pending = self._pending, []
        self._savepoints.clear()
        return [] if failed and was_open else pending

    def _controlled(self, action: TransactionAction, name: str) -> None:
        match action:
            case TransactionAction.SAVEPOINT:
                self._savepoints.append((name, len(self._pending)))
            case TransactionAction.ROLLBACK:
                self._pending.clear()
            case TransactionAction.ROLLBACK_TO:
                kept = next((count for known, count in reversed(self._savepoints) if known == name), 0)
                # An unknown savepoint is an error of the engine, not ours: nothing is kept then.
                del self._pending[kept:]
            case TransactionAction.BEGIN | TransactionAction.COMMIT | TransactionAction.RELEASE:
                pass  # whether the transaction is open afterwards, the engine says
            case _:
                assert_never(action)


def _only_read(outcome: Outcome) -> bool:
    return isinstance(outcome, Rows) and outcome.affected is None


_REFUSALS: Final = frozenset({ErrorClass.BUSY, ErrorClass.SNAPSHOT_CONFLICT, ErrorClass.LOCK_NOT_AVAILABLE})


def _is_refused(outcome: Outcome) -> bool:
    return isinstance(outcome, Failed) and outcome.error_class in _REFUSALS


SortKeys: TypeAlias = Callable[[str], "tuple[int, ...] | None"]
"""Maps a statement to the result columns, counted from 0, by which its ORDER BY sorts; None if they are unknown."""


class Aspect(StrEnum):
    """What a divergence is about."""

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
    """One difference between two runs. ``said`` describes it for the left and for the right.

    ``step`` is the step's number in the transcript of the left run, which counts from 1 after ``setup:``. It is None if the
    left run has no such step.
    """

    aspect: Aspect
    task: str | None
    path: Path
    what: str  # the statement as the plan has it, or the name of the table
    step: int | None
    said: tuple[str, str]
    outcomes: tuple[Outcome, Outcome] | None = field(default=None, repr=False)  # of a step, or a table, that both have
    keys: tuple[int, ...] = ()  # of an order: the columns by which the rows are sorted
    undone: bool = False  # earlier, one of the two rolled back a write, or a statement failed
    is_alone: bool = False  # the step changed nothing on either: later divergences are not its consequences


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """All divergences in the order of the left run, and how much was compared."""

    divergences: tuple[Divergence, ...]
    steps: int
    tables: int
    stopped_at: Divergence | None = None  # where the locking of the two differs by design; later steps were not compared


def compare(
    left: BackendRun, right: BackendRun, *, equivalence: Equivalence, sort_keys: SortKeys, locks_differ: bool
) -> Comparison:
    """All divergences between two runs.

    Only steps that both plans have are compared: ``skip``, ``only`` and overrides may leave some out. ``locks_differ`` says
    that one backend waits for row locks, and the other has a single lock and refuses. Then the first step that is refused
    because of another session's transaction ends the comparison of steps. The tables are still compared if both runs
    committed the same writes.
    """
    shared = left.paths & right.paths
    if _are_twins(left.trace, right.trace):
        # Nearly all pairs of runs are equal, and to find that out takes a twentieth of the time of aligning them.
        differing, tables = _tables(left.tables, right.tables, equivalence)
        undone = any(isinstance(outcome, Failed) for outcome in left.trace.outcomes) or _undoes(left)
        steps = sum(op.path in shared for op in left.trace.ops)
        return Comparison(divergences=tuple(replace(one, undone=undone) for one in differing), steps=steps, tables=tables)
    ours, theirs = AlignedRun(left, shared), AlignedRun(right, shared)
    found: list[Divergence] = []
    stopped_at: Divergence | None = None
    compared = 0
    for place, step in ours.steps.items():
        other = theirs.steps.get(place)
        number = ours.numbers[place]
        if other is None:
            if right.is_whole:
                found.append(_at(step, number, Aspect.PRESENCE, (describe_one(step.outcome), "did not run")))
            continue
        if locks_differ and _refused_by_one(ours, theirs, place):
            stopped_at = _at(step, number, Aspect.WAITING, (ours.outcome_text(place), theirs.outcome_text(place)))
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
    if stopped_at is None and left.is_whole:
        for place, step in theirs.steps.items():
            if place not in ours.steps:
                found.append(_at(step, None, Aspect.PRESENCE, ("did not run", describe_one(step.outcome))))
    tables = 0
    late = [one for one in found if _is_late(one)]
    if stopped_at is None or ours.committed == theirs.committed:
        differing, tables = _tables(left.tables, right.tables, equivalence)
        undone = ours.has_rollback or theirs.has_rollback
        differing = [replace(one, undone=undone) for one in differing]
        found = [*(one for one in found if not _is_late(one)), *differing, *late]
    return Comparison(divergences=tuple(found), steps=compared, tables=tables, stopped_at=stopped_at)


def _are_twins(left: Trace, right: Trace) -> bool:
    """Whether both ran the same steps in the same order, with equal outcomes (except error messages) and the same waits."""
    if _came_to(left) != _came_to(right) or _waits(left) != _waits(right):
        return False
    if any(one.path != other.path or one.task != other.task for one, other in zip(left.ops, right.ops, strict=True)):
        return False
    try:
        # 1, 1.0 and True are equal, and a difference between them is a divergence. marshal writes the types too.
        return marshal.dumps(_all_rows(left), _MARSHAL_VERSION) == marshal.dumps(_all_rows(right), _MARSHAL_VERSION)
    except ValueError:  # a value that marshal cannot write: a Decimal, a date
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


_MARSHAL_VERSION: Final = 2  # later versions write references to objects, by which equal rows would differ


def _refused_by_one(ours: AlignedRun, theirs: AlignedRun, place: StepOccurrence) -> bool:
    """Whether exactly one of the two was refused because of a lock."""
    return (place in ours.refused) is not (place in theirs.refused)


def _is_late(divergence: Divergence) -> bool:
    """Whether the step ran after the tables were read."""
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
    """Compare the order of rows by their sort keys only: rows with equal keys may come in any order."""
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
    """The tables of both by name; names without an equal one are matched without case, because engines fold names."""
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
    """For each side, how many rows it has and the first one that the other lacks."""
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
