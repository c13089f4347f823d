"""The trace of a run: every decision and every outcome, in order.

Recording a step must cost next to nothing, since a run may have a million of them and most are never looked at. So the
interpreter appends to columns (five list appends, no object), and a reader gets a frozen event that is built from the
columns when it asks. Events that are rare, such as a blocked task or an advance of the clock, are built at once and kept
beside the columns, each with the number of steps before it.

The digest is a function of what a plan can observe: task, statement, arguments, outcome, waits and clock. Positions in the
file, connections and real time are no part of it (docs/explanation/determinism.md).
"""

from __future__ import annotations

import marshal
from _blake2 import blake2b  # that of hashlib, which would load OpenSSL too: 4 ms of a start
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import field
from datetime import date, time
from decimal import Decimal
from enum import StrEnum
from itertools import chain
from typing import Any, Final, Protocol, TypeAlias, assert_never

from simdsl.plan.deferred import dataclass
from simdsl.plan.diagnostics import Path
from simdsl.plan.outcomes import Affected, Failed, Outcome, Rows
from simdsl.plan.values import Value, sorted_rows, to_json

# marshal is the fastest way from nested tuples to bytes. Its version 2 writes a value the same way whether or not its
# strings are interned; later versions do not.
_MARSHAL_VERSION: Final = 2


class BlockReason(StrEnum):
    """Why a task is blocked."""

    LOCK = "lock"
    POOL = "pool"
    SLEEP = "sleep"
    RETRY = "retry"
    AWAIT = "await"


@dataclass(frozen=True, slots=True, kw_only=True)
class StepCompleted:
    """A step ended. ``what`` is the SQL as written in the plan, or ``checkout main``, ``return``."""

    task: str
    path: Path
    what: str
    arguments: tuple[Value, ...]
    outcome: Outcome
    in_transaction: bool | None  # afterwards; None if the step cannot have changed it
    now_us: int
    session: int | None
    has_expectation: bool  # it had an expectation of its own
    ordered: bool  # the statement promises an order
    names: tuple[str, ...] = ()  # of the variables that the arguments are values of


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskBlocked:
    """A task is blocked by the tasks in ``blockers``, until ``until_us`` at the latest (None: without limit)."""

    task: str
    path: Path
    what: str
    wait: BlockReason
    until_us: int | None
    now_us: int
    blockers: tuple[str, ...] = ()
    arguments: tuple[Value, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskChosen:
    """The scheduler chose a task among the enabled ones. Indices are those of ``tasks:`` in file order, from 0."""

    choice: int
    enabled: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleEntrySkipped:
    """An entry of an explicit schedule named a task that was blocked or had finished."""

    index: int
    entry: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockAdvanced:
    """The virtual clock moved to ``now_us``."""

    now_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolChanged:
    """A connection was checked out or released; the counts are the pool's own, afterwards."""

    pool: str
    task: str
    session: int
    checked_out: bool
    size: int
    idle: int
    busy: int
    waiting: int
    in_transaction: bool  # of the connection, afterwards


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckEvaluated:
    """A ``check`` was evaluated. ``readings`` is what it read from pools and the clock, to evaluate it again offline."""

    task: str | None
    path: Path
    held: bool
    readings: tuple[tuple[str, int], ...]
    now_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class InvariantEvaluated:
    """A query of ``invariants:`` was evaluated at a quiescent point."""

    path: Path
    outcome: Outcome
    held: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRolledBack:
    """simdsl itself rolled a session back: before a further attempt of a retry, or at the end of the run."""

    task: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RaceDetected:
    """A step unblocked one of several waiting sessions: the engine, not the plan, chose which one (rules.md 37)."""

    tasks: tuple[str, ...]


TraceEvent: TypeAlias = (
    StepCompleted
    | TaskBlocked
    | TaskChosen
    | ScheduleEntrySkipped
    | ClockAdvanced
    | PoolChanged
    | CheckEvaluated
    | InvariantEvaluated
    | SessionRolledBack
    | RaceDetected
)


class TracedInstruction(Protocol):
    """What the trace takes from an instruction: the part of a step that is the same every time the instruction runs."""

    @property
    def task(self) -> str: ...
    @property
    def path(self) -> Path: ...
    @property
    def what(self) -> str: ...
    @property
    def has_expectation(self) -> bool: ...
    @property
    def ordered(self) -> bool: ...
    @property
    def parameters(self) -> tuple[str, ...]: ...
    @property
    def nondeterministic(self) -> bool: ...


Moment: TypeAlias = tuple[int, int | None]
"""(virtual time, session): when a step ended and on which connection. The interpreter shares one tuple among all steps for
which it is the same, so this column costs a reference for each step."""


@dataclass(slots=True)
class Trace:
    """The events of one run. The interpreter appends; everything else only reads.

    ``ops``, ``arguments``, ``outcomes`` and ``moments`` are the columns of the steps that ended: equally long, row i is
    step i. ``transactions`` is a sparse column. ``between`` holds all other events, each with the number of steps that had
    ended before it; that number never decreases, which is what lets ``_read`` merge the two in one pass.

    The interpreter appends to the four columns itself, without a method: a call would cost as much as the step.
    """

    ops: list[TracedInstruction] = field(default_factory=list)
    arguments: list[tuple[Value, ...]] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    moments: list[Moment] = field(default_factory=list)
    transactions: dict[int, int] = field(default_factory=dict)  # by index: the state after a step that may have changed it
    between: list[tuple[int, TraceEvent]] = field(default_factory=list)

    def __iter__(self) -> Iterator[TraceEvent]:
        return self._read(range(len(self.ops)))

    def __len__(self) -> int:
        return len(self.ops) + len(self.between)

    def add(self, event: TraceEvent) -> None:
        """Record an event that is not a step."""
        self.between.append((len(self.ops), event))

    def copy(self) -> Trace:
        """A trace of its own with the same events, to be continued. Every run starts with a copy of setup's."""
        return Trace(
            list(self.ops),
            list(self.arguments),
            list(self.outcomes),
            list(self.moments),
            dict(self.transactions),
            list(self.between),
        )

    def count(self) -> int:
        """The number of steps that ended, checks included."""
        return len(self.ops) + sum(isinstance(event, CheckEvaluated) for _, event in self.between)

    def steps(self) -> Iterator[StepCompleted]:
        """The steps that ended, in the order in which they did."""
        return (event for event in self if isinstance(event, StepCompleted))

    def control(self) -> Iterator[TraceEvent]:
        """All events, but of the steps only those that may have changed the state of a transaction.

        For checks that follow connections and transactions: building an event for every step would cost as much as running
        the steps did.
        """
        return self._read(self.transactions)

    def choices(self) -> tuple[int, ...]:
        """The tasks that the scheduler chose, numbered from 1: the recorded schedule that replays this run."""
        return tuple(event.choice + 1 for _, event in self.between if isinstance(event, TaskChosen))

    def digest(self) -> str:
        """16 hexadecimal digits: equal for two runs that a plan cannot tell apart (docs/adr/0024)."""
        # In chunks, so that the lists that marshal sees stay in the cache and the bytes of a long run are never all there at
        # once. Statements are written when they first occur and referred to by number afterwards.
        hasher = blake2b(digest_size=8)
        statements = _StatementNumbers()
        for start in range(0, len(self.ops), _CHUNK):
            chunk = slice(start, start + _CHUNK)
            ops = self.ops[chunk]
            fresh, numbers = statements.of(ops)
            arguments, outcomes = self.arguments[chunk], self.outcomes[chunk]
            if statements.has_nondeterministic:
                arguments, outcomes = _without_values(ops, arguments, outcomes)
            hasher.update(_marshalled([fresh, numbers, arguments, _digested_outcomes(ops, outcomes)]))
        hasher.update(_marshalled([(at, digested) for at, event in self.between if (digested := _digested_event(event))]))
        return hasher.hexdigest()

    def _read(self, steps: Iterable[int]) -> Iterator[TraceEvent]:
        """These steps, in order, merged with all other events."""
        between = iter(self.between)
        at, event = next(between, _NOTHING)
        for step in steps:
            # An event that was recorded when k steps had ended comes before step k.
            while event is not None and at <= step:
                yield event
                at, event = next(between, _NOTHING)
            yield self._step_event(step)
        while event is not None:
            yield event
            _, event = next(between, _NOTHING)

    def _step_event(self, step: int) -> StepCompleted:
        op, tx = self.ops[step], self.transactions.get(step)
        now_us, session = self.moments[step]
        return StepCompleted(
            task=op.task,
            path=op.path,
            what=op.what,
            arguments=self.arguments[step],
            outcome=self.outcomes[step],
            in_transaction=None if tx is None else tx in (1, 2),
            now_us=now_us,
            session=session,
            has_expectation=op.has_expectation,
            ordered=op.ordered,
            names=op.parameters,
        )


_NOTHING: Final[tuple[int, TraceEvent | None]] = (0, None)
_CHUNK: Final = 512  # steps


class _StatementNumbers:
    """Numbers for (task, statement), in the order of first use: a digest contains each text once."""

    def __init__(self) -> None:
        self.has_nondeterministic = False
        self._names: dict[tuple[str, str], int] = {}
        self._numbers: dict[TracedInstruction, int] = {}

    def of(self, ops: Sequence[TracedInstruction]) -> tuple[list[tuple[str, str]], list[int]]:
        """The (task, statement) pairs that are new in this chunk, and the number of every step's pair."""
        names, numbers = self._names, self._numbers
        try:
            return [], [numbers[op] for op in ops]  # loops run the same instructions again: nothing is new then
        except KeyError:
            fresh = []
            for op in ops:
                if op not in numbers:
                    name = (op.task, op.what)
                    if name not in names:
                        names[name] = len(names)
                        fresh.append(name)
                    numbers[op] = names[name]
                    self.has_nondeterministic = self.has_nondeterministic or op.nondeterministic
            return fresh, [numbers[op] for op in ops]


def _digested_outcomes(ops: Sequence[TracedInstruction], outcomes: Sequence[Outcome]) -> list[object]:
    """What is digested of outcomes, in one flat list; the beginning of each tells where it ends."""
    parts: list[Sequence[object]] = [*outcomes]
    for i, outcome in enumerate(outcomes):
        # An error, or several rows, which may have to be sorted. All other outcomes go in as they are: a call for each of
        # them would cost as much as the rest of the digest.
        if len(outcome) > 1 and (len(outcome) > 3 or len(outcome[1]) > 1):
            parts[i] = _digested_outcome(outcome, ops[i].ordered)
    return list(chain.from_iterable(parts))


def _without_values(
    ops: Sequence[TracedInstruction], arguments: list[tuple[Value, ...]], outcomes: list[Outcome]
) -> tuple[list[tuple[Value, ...]], list[Outcome]]:
    """Only the types of what nondeterministic statements took and returned: the values never repeat."""
    arguments, outcomes = list(arguments), list(outcomes)
    for i, op in enumerate(ops):
        if op.nondeterministic:
            arguments[i] = _types(arguments[i])
            outcomes[i] = _typed(outcomes[i])
    return arguments, outcomes


def _typed(outcome: Outcome) -> Outcome:
    match outcome:
        case Rows(rows=rows):
            return outcome._replace(rows=[_types(row) for row in rows])
        case Failed():
            return outcome._replace(text="")
        case _:  # an affected count is a number that repeats
            return outcome


def _types(row: tuple[Value, ...]) -> tuple[Value, ...]:
    return tuple(type(value).__name__ for value in row)


def _marshalled(digested: list[Any]) -> bytes:
    try:
        return marshal.dumps(digested, _MARSHAL_VERSION)
    except ValueError:  # marshal knows no Decimal and no date: these are written as in a JSON trace
        return marshal.dumps(_marshallable(digested), _MARSHAL_VERSION)


_Digested: TypeAlias = tuple[object, ...]
"""Nested tuples and lists of values that marshal can write."""


def _digested_event(event: TraceEvent) -> _Digested:
    match event:
        case TaskBlocked():
            return ("parked", event.task, event.what, str(event.wait), event.until_us, event.arguments)
        case ClockAdvanced():
            return ("clock", event.now_us)
        case CheckEvaluated():
            return ("check", event.task, event.held)
        case InvariantEvaluated():
            return ("invariant", *_digested_outcome(event.outcome, False), event.held)
        case SessionRolledBack():
            return ("rolled back", event.task)
        case PoolChanged():
            return ("pool", event.pool, event.task, event.checked_out, event.idle, event.busy, event.waiting)
        case StepCompleted():
            return (event.task, event.what, event.arguments, *_digested_outcome(event.outcome, event.ordered))
        case TaskChosen() | ScheduleEntrySkipped() | RaceDetected():
            return ()  # decisions and races are not observable by a plan; their effects are
        case _:
            assert_never(event)


def _digested_outcome(outcome: Outcome, ordered: bool) -> _Digested:
    match outcome:
        case Rows(columns=columns, rows=rows, affected=affected):
            return (columns, rows if ordered else sorted_rows(rows), affected)
        case Affected(n=n):
            return (n,)
        case Failed(error_class=error_class, text=text, sqlstate=sqlstate, native=native):
            return ("error", str(error_class), sqlstate, native, text)


def _marshallable(part: object) -> Any:
    """The same nesting, with tagged text in the place of every value that marshal refuses."""
    if isinstance(part, list | tuple):
        return tuple(map(_marshallable, part)) if isinstance(part, tuple) else list(map(_marshallable, part))
    if isinstance(part, Decimal | date | time):
        return ("value", str(to_json(part)))
    return part
