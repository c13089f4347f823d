"""The trace of a run: what was decided and what came of it, in order.

The interpreter appends one raw tuple a step, because a step must cost next to nothing; whoever reads the trace gets
frozen events. The digest is a function of what a plan can observe: the task, the statement, its arguments and its
outcome, the waits and the clock - not of positions, sessions or real time (docs/explanation/determinism.md).
"""

from __future__ import annotations

import marshal
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, time
from decimal import Decimal
from enum import StrEnum
from hashlib import blake2b
from typing import Any, Final, Protocol, TypeAlias, assert_never

from simdsl.plan.ir import Path
from simdsl.plan.outcomes import Affected, Failed, Outcome, Rows
from simdsl.plan.values import Value, sorted_rows, to_json

# marshal's version 2 writes a value the same way whether or not its strings are interned; later versions do not.
_MARSHAL_VERSION: Final = 2


class Wait(StrEnum):
    """Why a task is parked."""

    LOCK = "lock"
    POOL = "pool"
    SLEEP = "sleep"
    RETRY = "retry"
    AWAIT = "await"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stepped:
    """A step ended. ``what`` is the SQL as the plan wrote it, or ``checkout main``, ``return``."""

    task: str
    path: Path
    what: str
    arguments: tuple[Value, ...]
    outcome: Outcome
    in_transaction: bool | None  # afterwards; None where the step could not change it, and nobody asked
    now_us: int
    session: int | None
    judged: bool  # it had an expectation of its own
    ordered: bool  # the statement promises an order
    names: tuple[str, ...] = ()  # of the variables that the arguments are values of


@dataclass(frozen=True, slots=True, kw_only=True)
class Parked:
    """A task began to wait, until ``until_us`` at the latest (None: for ever), for the tasks in ``blockers``."""

    task: str
    path: Path
    what: str
    wait: Wait
    until_us: int | None
    now_us: int
    blockers: tuple[str, ...] = ()
    arguments: tuple[Value, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """The scheduler chose a task among the enabled ones. Indices are those of ``tasks:`` in file order, from 0."""

    choice: int
    enabled: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WordSkipped:
    """A word of an explicit schedule named a task that was parked or had finished."""

    index: int
    word: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Advanced:
    """The virtual clock moved to ``now_us``."""

    now_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolMoved:
    """A pool lent or took back a connection; the counts are the pool's own, afterwards."""

    pool: str
    task: str
    session: int
    lent: bool
    size: int
    idle: int
    busy: int
    waiting: int
    in_transaction: bool  # of the connection, afterwards


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A ``check`` was evaluated. ``readings`` holds what it read of pools and the clock, so that it can be judged again."""

    task: str | None
    path: Path
    held: bool
    readings: tuple[tuple[str, int], ...]
    now_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class InvariantHeld:
    """A query line of ``invariants:`` was judged at a quiet point."""

    path: Path
    outcome: Outcome
    held: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RolledBack:
    """simdsl itself rolled a session back: before a further attempt of a retry, or at the end of the run."""

    task: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Raced:
    """A step released one of several waiting sessions: the engine, not the plan, chose which (rules.md 37)."""

    tasks: tuple[str, ...]


Event: TypeAlias = (
    Stepped | Parked | Chosen | WordSkipped | Advanced | PoolMoved | Checked | InvariantHeld | RolledBack | Raced
)


class Described(Protocol):
    """What the trace needs of an instruction: the same for every time that it runs."""

    @property
    def task(self) -> str: ...
    @property
    def path(self) -> Path: ...
    @property
    def what(self) -> str: ...
    @property
    def judged(self) -> bool: ...
    @property
    def ordered(self) -> bool: ...
    @property
    def parameters(self) -> tuple[str, ...]: ...
    @property
    def moves_tx(self) -> bool: ...


RawStep: TypeAlias = tuple[Described, tuple[Value, ...], Outcome, int | None, int, int | None]
"""(instruction, arguments, outcome, transaction state, virtual time, session): a step, before it is read."""


@dataclass(slots=True)
class Trace:
    """The events of one run, appended by the interpreter and read by everybody else."""

    raw: list[RawStep | Event] = field(default_factory=list)

    def __iter__(self) -> Iterator[Event]:
        return map(_read, self.raw)

    def __len__(self) -> int:
        return len(self.raw)

    def count(self) -> int:
        """How many steps have ended, checks included."""
        return sum(type(event) is tuple or type(event) is Checked for event in self.raw)

    def steps(self) -> Iterator[Stepped]:
        """The steps that ended, in the order in which they did."""
        return (event for event in self if isinstance(event, Stepped))

    def control(self) -> Iterator[Event]:
        """All events, but of the steps only those that may have moved a transaction.

        To read every step costs as much as to run it.
        """
        return map(_read, [event for event in self.raw if type(event) is not tuple or event[0].moves_tx])

    def choices(self) -> tuple[int, ...]:
        """What the scheduler chose, tasks numbered from 1: the schedule that replays this run."""
        return tuple(event.choice + 1 for event in self.raw if isinstance(event, Chosen))

    def digest(self) -> str:
        """16 hexadecimal digits: equal for two runs that a plan cannot tell apart."""
        hasher = blake2b(digest_size=8)
        essences: list[_Essence] = []
        for event in self.raw:
            if not isinstance(event, tuple):
                if essence := _essence(event):
                    essences.append(essence)
                continue
            at, arguments, outcome, _, _, _ = event
            if isinstance(outcome, Affected) or (isinstance(outcome, Rows) and (len(outcome[1]) < 2 or at.ordered)):
                # The usual step, without a call: that would be half of what the digest costs.
                essences.append((at.task, at.what, arguments, *outcome))
            else:
                essences.append((at.task, at.what, arguments, *_outcome(outcome, at.ordered)))
        for start in range(0, len(essences), 512):
            chunk = essences[start : start + 512]
            try:
                written = marshal.dumps(chunk, _MARSHAL_VERSION)
            except ValueError:  # a Decimal, a date: what marshal cannot write is written as a trace's JSON would
                written = marshal.dumps([_writable(essence) for essence in chunk], _MARSHAL_VERSION)
            hasher.update(written)
        return hasher.hexdigest()


def _read(event: RawStep | Event) -> Event:
    if not isinstance(event, tuple):
        return event
    at, arguments, outcome, tx, now_us, session = event
    return Stepped(
        task=at.task,
        path=at.path,
        what=at.what,
        arguments=arguments,
        outcome=outcome,
        in_transaction=None if tx is None else tx in (1, 2),
        now_us=now_us,
        session=session,
        judged=at.judged,
        ordered=at.ordered,
        names=at.parameters,
    )


_Essence: TypeAlias = tuple[object, ...]
"""Nested tuples and lists of what marshal can write."""


def _essence(event: Event) -> _Essence:
    match event:
        case Parked():
            return ("parked", event.task, event.what, str(event.wait), event.until_us, event.arguments)
        case Advanced():
            return ("clock", event.now_us)
        case Checked():
            return ("check", event.task, event.held)
        case InvariantHeld():
            return ("invariant", *_outcome(event.outcome, False), event.held)
        case RolledBack():
            return ("rolled back", event.task)
        case PoolMoved():
            return ("pool", event.pool, event.task, event.lent, event.idle, event.busy, event.waiting)
        case Stepped():
            return (event.task, event.what, event.arguments, *_outcome(event.outcome, event.ordered))
        case Chosen() | WordSkipped() | Raced():
            return ()  # decisions, words and races lie beside what a plan can observe
        case _:
            assert_never(event)


def _outcome(outcome: Outcome, ordered: bool) -> _Essence:
    match outcome:
        case Rows(columns=columns, rows=rows, affected=affected):
            return (columns, rows if ordered else sorted_rows(rows), affected)
        case Affected(n=n):
            return (n,)
        case Failed(error_class=error_class, text=text, sqlstate=sqlstate, native=native):
            return ("error", str(error_class), sqlstate, native, text)


def _writable(part: object) -> Any:
    """The same nesting, with every value that marshal refuses turned into tagged text."""
    if isinstance(part, list | tuple):
        return tuple(map(_writable, part)) if isinstance(part, tuple) else list(map(_writable, part))
    if isinstance(part, Decimal | date | time):
        return ("value", str(to_json(part)))
    return part
