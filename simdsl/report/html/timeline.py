"""A trace as lanes: what stands in which lane, who waits from when to when, and who woke whom."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import field, replace
from enum import StrEnum
from typing import Final, TypeAlias

from simdsl.core.trace import (
    Advanced,
    Checked,
    Event,
    InvariantHeld,
    Parked,
    PoolMoved,
    Raced,
    RolledBack,
    Stepped,
    Wait,
    WordSkipped,
)
from simdsl.language.unparse import duration_text
from simdsl.plan.dataclasses import dataclass
from simdsl.plan.ir import Path
from simdsl.plan.outcomes import ErrorClass, Failed, Outcome
from simdsl.properties.book import told
from simdsl.report.history import said

SECTIONS: Final = ("setup", "finally")
"""Parts of a plan that are no tasks (docs/adr/0009)."""

# A wait that ends so was ended by the engine or by a limit: nobody let it go on.
_NOBODY: Final = frozenset(
    {
        ErrorClass.DEADLOCK_DETECTED,
        ErrorClass.LOCK_NOT_AVAILABLE,
        ErrorClass.POOL_TIMEOUT,
        ErrorClass.QUERY_CANCELED,
        ErrorClass.STATEMENT_TIMEOUT,
    }
)


class Kind(StrEnum):
    """What an item is."""

    STEP = "step"
    CHECK = "check"
    PARK = "park"
    NOTE = "note"  # of a task, or of nobody: then it stands across all lanes


class Extent(StrEnum):
    """What lasts from one item of a lane to another."""

    LOCK = "lock"
    POOL = "pool"
    SLEEP = "sleep"
    TRANSACTION = "tx"


_EXTENTS: Final = {
    Wait.LOCK: Extent.LOCK,
    Wait.POOL: Extent.POOL,
    Wait.SLEEP: Extent.SLEEP,
    Wait.RETRY: Extent.SLEEP,
    Wait.AWAIT: Extent.LOCK,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One thing that happened. ``number`` counts steps and checks as the transcript on a terminal does."""

    kind: Kind
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
class Span:
    """Something lasts in the lane of a task from one item (by its index) to another, or to the end (None)."""

    task: str
    extent: Extent
    first: int
    last: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """One run, ready to be drawn."""

    items: tuple[Item, ...]
    spans: tuple[Span, ...]
    tasks: tuple[str, ...]  # in the order of their first appearance


Stop: TypeAlias = tuple[int, Parked]
"""Where a task began to wait."""


def timeline(events: Iterable[Event], words: Callable[[Path], str]) -> Timeline:
    """The lanes of a trace. ``words`` gives what the plan says at the place of a check or an invariant."""
    reading = _Reading(words)
    for event in events:
        reading.read(event)
    return reading.end()


@dataclass(slots=True)
class _Reading:
    """Reads a trace once, from its beginning to its end."""

    words: Callable[[Path], str]
    items: list[Item] = field(default_factory=list)
    spans: list[Span] = field(default_factory=list)
    tasks: dict[str, None] = field(default_factory=dict)
    waiting: dict[str, Stop] = field(default_factory=dict)
    open_since: dict[str, int] = field(default_factory=dict)  # transactions
    of_pools: dict[str, str] = field(default_factory=dict)  # said with the next step of the task
    number: int = 0

    def read(self, event: Event) -> None:
        match event:
            case Stepped():
                self._step(event)
            case Checked():
                self._check(event)
            case Parked():
                self.waiting[event.task] = (len(self.items), event)
                self._add(Item(kind=Kind.PARK, task=event.task, what=event.what, path=event.path, note=_why(event)))
            case Advanced():
                self._wake_sleepers(event.now_us)
                self._say(f"the clock moves to {duration_text(event.now_us)}")
            case PoolMoved():
                moved = "lends" if event.lent else "takes back"
                counts = f"{event.busy} busy, {event.idle} idle, {event.waiting} waiting"
                self.of_pools[event.task] = f"{event.pool} {moved} connection {event.session}: {counts}"
            case InvariantHeld(held=False):
                self._add(
                    Item(
                        kind=Kind.NOTE,
                        task="",
                        what=f"invariant: {self.words(event.path)}",
                        path=event.path,
                        outcome=event.outcome,
                        is_bad=True,
                    )
                )
            case RolledBack():
                self._close(event.task)
                self._add(Item(kind=Kind.NOTE, task=event.task, what=f"rolled back: {event.why}"))
            case Raced():
                self._say(f"raced: the engine chose between {', '.join(event.tasks)}")
            case WordSkipped():
                self._say(f"word {event.index + 1} of the schedule, {event.word}, is skipped: {event.why}")
            case _:
                pass

    def end(self) -> Timeline:
        for task, (first, event) in self.waiting.items():
            self.spans.append(Span(task=task, extent=_EXTENTS[event.wait], first=first, last=None))
        for task, first in self.open_since.items():
            self.spans.append(Span(task=task, extent=Extent.TRANSACTION, first=first, last=None))
        spans = sorted(self.spans, key=lambda span: (span.first, span.task))
        return Timeline(items=tuple(self.items), spans=tuple(spans), tasks=tuple(self.tasks))

    def _step(self, event: Stepped) -> None:
        step = Item(
            kind=Kind.STEP,
            task=event.task,
            what=said(event),
            path=event.path,
            outcome=event.outcome,
            note=self.of_pools.pop(event.task, ""),
            is_bad=isinstance(event.outcome, Failed) and not event.judged,
            told=told(event),
            told_as=f"{event.task}: {event.what}",
        )
        item = self._numbered(step)
        stop = self.waiting.pop(event.task, None)
        if stop is not None:
            item = self._woken(item, *stop)
        if event.in_transaction and item.section is None:
            self.open_since.setdefault(event.task, len(self.items))
        elif event.in_transaction is False:
            self._close(event.task, through=True)
        self._add(item)

    def _check(self, event: Checked) -> None:
        result = "holds" if event.held else "does not hold"
        item = Item(
            kind=Kind.CHECK,
            task=event.task or "",
            what=f"check: {self.words(event.path)}",
            path=event.path,
            note=result,
            is_bad=not event.held,
        )
        self._add(self._numbered(item))

    def _numbered(self, item: Item) -> Item:
        if item.section == "setup":
            return item
        self.number += 1
        return replace(item, number=self.number)

    def _woken(self, item: Item, first: int, parked: Parked) -> Item:
        extent = _EXTENTS[parked.wait]
        self.spans.append(Span(task=item.task, extent=extent, first=first, last=len(self.items)))
        if extent is Extent.SLEEP or (isinstance(item.outcome, Failed) and item.outcome.error_class in _NOBODY):
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
            if item.kind is not Kind.STEP:
                return None
            if item.woken_by is None or item.task in blockers:
                return index
        return None

    def _wake_sleepers(self, now_us: int) -> None:
        due = [
            task for task, (_, e) in self.waiting.items() if _EXTENTS[e.wait] is Extent.SLEEP and (e.until_us or 0) <= now_us
        ]
        for task in due:
            first, _ = self.waiting.pop(task)
            self.spans.append(Span(task=task, extent=Extent.SLEEP, first=first, last=len(self.items)))

    def _close(self, task: str, *, through: bool = False) -> None:
        """A transaction ends in front of the item that comes, or with it."""
        first = self.open_since.pop(task, None)
        if first is not None:
            last = len(self.items) + (1 if through else 0)
            self.spans.append(Span(task=task, extent=Extent.TRANSACTION, first=first, last=last))

    def _say(self, text: str) -> None:
        self._add(Item(kind=Kind.NOTE, task="", what=text))

    def _add(self, item: Item) -> None:
        if item.task and item.section is None:
            self.tasks.setdefault(item.task)
        self.items.append(item)


def _why(event: Parked) -> str:
    until = "" if event.until_us is None else f", until {duration_text(event.until_us)}"
    match event.wait:
        case Wait.SLEEP:
            return f"sleeps{until}"
        case Wait.RETRY:
            return f"waits before it tries again{until}"
        case Wait.POOL:
            return f"waits for a connection{_of(event)}{until}"
        case Wait.LOCK | Wait.AWAIT:
            return f"waits for a lock{_of(event)}{until}"


def _of(event: Parked) -> str:
    return f" of {', '.join(event.blockers)}" if event.blockers else ""
