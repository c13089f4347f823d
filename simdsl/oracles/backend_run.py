"""One of two runs, by the places of its steps: what each came to, whether it waited, and what was committed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import field
from typing import Final, TypeAlias

from simdsl.core.matcher import describe
from simdsl.core.trace import BlockReason, CheckEvaluated, SessionRolledBack, StepCompleted, TaskBlocked, Trace
from simdsl.plan.dataclasses import dataclass
from simdsl.plan.outcomes import ErrorClass, Failed, Outcome, Rows
from simdsl.plan.source import Path
from simdsl.plan.sql import TransactionAction, TransactionControl
from simdsl.plan.values import Value, literal_row

StepOccurrence: TypeAlias = tuple[str, Path, int]  # task, step, and the how-manieth time it ran


CommittedWrite: TypeAlias = tuple[str, Path, tuple[Value, ...]]  # task, step, and its arguments


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendRun:
    """One of the two runs."""

    trace: Trace = field(repr=False)
    paths: frozenset[Path] = field(repr=False)  # of the steps that this backend has
    control: Mapping[Path, TransactionControl] = field(
        default_factory=dict, repr=False
    )  # the steps that control transactions
    tables: Mapping[str, Rows] | None = None  # before `finally`; None if nobody looked
    is_whole: bool = True  # it was not ended by a failure of its own


def describe_one(outcome: Outcome) -> str:
    """What an outcome is, in one line: of an error its class, of many rows the first and their number."""
    if isinstance(outcome, Failed):
        return f"error {outcome.error_class}"
    if isinstance(outcome, Rows) and len(outcome.rows) > 1:
        return f"{len(outcome.rows)} rows, {literal_row(outcome.rows[0])} first"
    return describe(outcome)[0]


class AlignedRun:
    """A trace, by places."""

    def __init__(self, side: BackendRun, shared: frozenset[Path]) -> None:
        self.steps: dict[StepOccurrence, StepCompleted] = {}
        self.numbers: dict[StepOccurrence, int] = {}
        self.committed: list[CommittedWrite] = []
        self.refused: set[StepOccurrence] = set()  # because of a lock, while another session had a transaction open
        self.undone: set[StepOccurrence] = set()  # after something was undone, or failed
        self.has_rollback = False
        self._inside: set[StepOccurrence] = set()  # of a transaction, before or after
        self._waits: set[tuple[StepOccurrence, BlockReason]] = set()
        self._open: dict[str, _Transaction] = {}
        counts: Counter[tuple[str, Path]] = Counter()
        number, setup = 0, True
        for event in side.trace:
            if isinstance(event, StepCompleted | CheckEvaluated):
                # As a transcript numbers them, which leaves setup out.
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
                case _:
                    pass

    def waited(self, place: StepOccurrence, wait: BlockReason) -> bool:
        """Whether the step waited, for that."""
        return (place, wait) in self._waits

    def had_no_effect(self, place: StepOccurrence) -> bool:
        """Whether the step cannot have changed anything: it only read, or it failed outside of a transaction."""
        outcome = self.steps[place].outcome
        if isinstance(outcome, Failed):
            return place not in self._inside
        return _only_read(outcome)

    def told(self, place: StepOccurrence) -> str:
        """What came of a step, in a line; of one that waited, that it did."""
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
    """The writes of one session that are not committed yet."""

    def __init__(self) -> None:
        self.is_open = False
        self._pending: list[CommittedWrite] = []
        self._savepoints: list[tuple[str, int]] = []

    def goes_on(self, event: StepCompleted, control: TransactionControl | None) -> list[CommittedWrite]:
        """What a step commits: itself outside of a transaction, all that is pending where it ends one well."""
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
                del self._pending[kept:]
            case _:
                pass


def _only_read(outcome: Outcome) -> bool:
    return isinstance(outcome, Rows) and outcome.affected is None


_REFUSALS: Final = frozenset({ErrorClass.BUSY, ErrorClass.SNAPSHOT_CONFLICT, ErrorClass.LOCK_NOT_AVAILABLE})


def _is_refused(outcome: Outcome) -> bool:
    return isinstance(outcome, Failed) and outcome.error_class in _REFUSALS
