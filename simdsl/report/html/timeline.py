"""A trace as lanes: what stands in which lane, who waits from when to when, and who woke whom."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import field, replace
from enum import StrEnum
from typing import Final, TypeAlias

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
    TraceEvent,
)
from simdsl.plan.deferred import dataclass
from simdsl.plan.diagnostics import Path
from simdsl.plan.outcomes import ErrorClass, Failed, Outcome
from simdsl.properties.row_history import describe_step
from simdsl.report.transcript import statement_with_values
from simdsl.syntax.printer import duration_text

# Parts of a plan that are no tasks (docs/adr/0009).
SECTIONS: Final = ("setup", "finally")

# A wait that ends with one of these was ended by the engine or by a limit: no other task released what it waited for.
_ENDED_BY_ENGINE: Final = frozenset(
    {
        ErrorClass.DEADLOCK_DETECTED,
        ErrorClass.LOCK_NOT_AVAILABLE,
        ErrorClass.POOL_TIMEOUT,
        ErrorClass.QUERY_CANCELED,
        ErrorClass.STATEMENT_TIMEOUT,
    }
)


class ItemKind(StrEnum):
    """What an item is."""

    STEP = "step"
    CHECK = "check"
    PARK = "park"
    NOTE = "note"  # of a task, or of the run: then it stands across all lanes


class SpanKind(StrEnum):
    """What lasts from one item of a lane to another."""

    LOCK = "lock"
    POOL = "pool"
    SLEEP = "sleep"
    TRANSACTION = "tx"


_SPAN_KINDS: Final = {
    BlockReason.LOCK: SpanKind.LOCK,
    BlockReason.POOL: SpanKind.POOL,
    BlockReason.SLEEP: SpanKind.SLEEP,
    BlockReason.RETRY: SpanKind.SLEEP,
    BlockReason.AWAIT: SpanKind.LOCK,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineItem:
    """One thing that happened. ``number`` counts steps and checks as the transcript on a terminal does."""

    kind: ItemKind
    task: str
    what: str
    path: Path = ()
    number: int | None = None
    outcome: Outcome | None = None
    note: str = ""  # what a pool did, why a task waits, who woke it
    is_bad: bool = False
    told: str = ""  # the step and its outcome, as the evidence of a property tells them
    told_as: str = ""  # how every line of evidence about this step begins
    woken_by: int | None = None  # the item whose end let this one go on

    @property
    def section(self) -> str | None:
        """``setup`` or ``finally``, for what belongs to no task."""
        return str(self.path[0]) if self.path and self.path[0] in SECTIONS else None


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineSpan:
    """Something lasts in the lane of a task from one item (by its index) to another, or to the end (None)."""

    task: str
    kind: SpanKind
    first: int
    last: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """One run, ready to be drawn."""

    items: tuple[TimelineItem, ...]
    spans: tuple[TimelineSpan, ...]
    tasks: tuple[str, ...]  # in the order of their first appearance


# Where a task began to wait.
OpenWait: TypeAlias = tuple[int, TaskBlocked]


def build_timeline(events: Iterable[TraceEvent], words: Callable[[Path], str]) -> Timeline:
    """The lanes of a trace. ``words`` gives what the plan says at the place of a check or an invariant."""
    reading = _TimelineBuilder(words)
    for event in events:
        reading.read(event)
    return reading.end()


@dataclass(slots=True)
class _TimelineBuilder:
    """Reads a trace once, from its beginning to its end."""

    words: Callable[[Path], str]
    items: list[TimelineItem] = field(default_factory=list)
    spans: list[TimelineSpan] = field(default_factory=list)
    tasks: dict[str, None] = field(default_factory=dict)
    waiting: dict[str, OpenWait] = field(default_factory=dict)
    open_since: dict[str, int] = field(default_factory=dict)  # transactions
    of_pools: dict[str, str] = field(default_factory=dict)  # said with the next step of the task
    number: int = 0

    def read(self, event: TraceEvent) -> None:
        match event:
            case StepCompleted():
                self._step(event)
            case CheckEvaluated():
                self._check(event)
            case TaskBlocked():
                self.waiting[event.task] = (len(self.items), event)
                self._add(
                    TimelineItem(kind=ItemKind.PARK, task=event.task, what=event.what, path=event.path, note=_why(event))
                )
            case ClockAdvanced():
                self._wake_sleepers(event.now_us)
                self._say(f"virtual clock advances to {duration_text(event.now_us)}")
            case PoolChanged():
                moved = "checked out of" if event.checked_out else "released to"
                counts = f"{event.busy} busy, {event.idle} idle, {event.waiting} waiting"
                # Shown with the next step of the task, which is the checkout or release that caused it.
                self.of_pools[event.task] = f"connection {event.session} {moved} {event.pool}: {counts}"
            case InvariantEvaluated(held=False):
                self._add(
                    TimelineItem(
                        kind=ItemKind.NOTE,
                        task="",
                        what=f"invariant: {self.words(event.path)}",
                        path=event.path,
                        outcome=event.outcome,
                        is_bad=True,
                    )
                )
            case SessionRolledBack():
                self._close(event.task)
                self._add(TimelineItem(kind=ItemKind.NOTE, task=event.task, what=f"rolled back: {event.why}"))
            case RaceDetected():
                self._say(f"raced: the engine chose between {', '.join(event.tasks)}")
            case ScheduleEntrySkipped():
                self._say(f"schedule entry {event.index + 1}, {event.entry}, is skipped: {event.why}")
            case _:  # choices of the scheduler and invariants that hold need no place in a picture
                pass

    def end(self) -> Timeline:
        for task, (first, event) in self.waiting.items():
            self.spans.append(TimelineSpan(task=task, kind=_SPAN_KINDS[event.wait], first=first, last=None))
        for task, first in self.open_since.items():
            self.spans.append(TimelineSpan(task=task, kind=SpanKind.TRANSACTION, first=first, last=None))
        # By their first item, so that bars are drawn in the order in which they are read.
        spans = sorted(self.spans, key=lambda span: (span.first, span.task))
        return Timeline(items=tuple(self.items), spans=tuple(spans), tasks=tuple(self.tasks))

    def _step(self, event: StepCompleted) -> None:
        step = TimelineItem(
            kind=ItemKind.STEP,
            task=event.task,
            what=statement_with_values(event),
            path=event.path,
            outcome=event.outcome,
            note=self.of_pools.pop(event.task, ""),
            is_bad=isinstance(event.outcome, Failed) and not event.has_expectation,
            told=describe_step(event),
            told_as=f"{event.task}: {event.what}",
        )
        item = self._numbered(step)
        stop = self.waiting.pop(event.task, None)
        if stop is not None:
            item = self._woken(item, *stop)
        # Setup and finally run on connections of their own, which no lane stands for.
        if event.in_transaction and item.section is None:
            self.open_since.setdefault(event.task, len(self.items))
        elif event.in_transaction is False:
            self._close(event.task, through=True)
        self._add(item)

    def _check(self, event: CheckEvaluated) -> None:
        result = "holds" if event.held else "does not hold"
        item = TimelineItem(
            kind=ItemKind.CHECK,
            task=event.task or "",
            what=f"check: {self.words(event.path)}",
            path=event.path,
            note=result,
            is_bad=not event.held,
        )
        self._add(self._numbered(item))

    def _numbered(self, item: TimelineItem) -> TimelineItem:
        if item.section == "setup":
            return item
        self.number += 1
        return replace(item, number=self.number)

    def _woken(self, item: TimelineItem, first: int, parked: TaskBlocked) -> TimelineItem:
        kind = _SPAN_KINDS[parked.wait]
        self.spans.append(TimelineSpan(task=item.task, kind=kind, first=first, last=len(self.items)))
        if kind is SpanKind.SLEEP or (isinstance(item.outcome, Failed) and item.outcome.error_class in _ENDED_BY_ENGINE):
            return item
        waker = self._waker(first, parked.blockers)
        return item if waker is None else replace(item, woken_by=waker)

    def _waker(self, first: int, blockers: tuple[str, ...]) -> int | None:
        """The step that let go what a task waited for since ``first``.

        All that can go on does so at once: in front of this item are others that were woken too, and in front of these the
        step that began it. One that was woken may have let go itself what this one waits for.
        """
        for index in range(len(self.items) - 1, first, -1):
            item = self.items[index]
            if item.kind is not ItemKind.STEP:
                return None
            if item.woken_by is None or item.task in blockers:
                return index
        return None

    def _wake_sleepers(self, now_us: int) -> None:
        due = [
            task
            for task, (_, e) in self.waiting.items()
            if _SPAN_KINDS[e.wait] is SpanKind.SLEEP and (e.until_us or 0) <= now_us
        ]
        for task in due:
            first, _ = self.waiting.pop(task)
            self.spans.append(TimelineSpan(task=task, kind=SpanKind.SLEEP, first=first, last=len(self.items)))

    def _close(self, task: str, *, through: bool = False) -> None:
        """A transaction ends in front of the item that comes, or with it."""
        first = self.open_since.pop(task, None)
        if first is not None:
            last = len(self.items) + (1 if through else 0)
            self.spans.append(TimelineSpan(task=task, kind=SpanKind.TRANSACTION, first=first, last=last))

    def _say(self, text: str) -> None:
        self._add(TimelineItem(kind=ItemKind.NOTE, task="", what=text))

    def _add(self, item: TimelineItem) -> None:
        if item.task and item.section is None:
            self.tasks.setdefault(item.task)
        self.items.append(item)


def _why(event: TaskBlocked) -> str:
    until = "" if event.until_us is None else f", until {duration_text(event.until_us)}"
    match event.wait:
        case BlockReason.SLEEP:
            return f"sleeps{until}"
        case BlockReason.RETRY:
            return f"waits before it tries again{until}"
        case BlockReason.POOL:
            return f"waits for a connection{_of(event)}{until}"
        case BlockReason.LOCK | BlockReason.AWAIT:
            return f"waits for a lock{_of(event)}{until}"


def _of(event: TaskBlocked) -> str:
    return f" of {', '.join(event.blockers)}" if event.blockers else ""
