"""What a process that may die says before each statement: enough for another one to tell the run up to there.

A file that is begun anew with each run takes everything that the trace has got since the last time, and what is about to
begin. Whoever finds the process dead reads it.
"""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from itertools import takewhile
from typing import IO, NamedTuple

from simdsl.backends.protocol import Backend, Database, Lease, Pool, PoolCounts, Session, Statement, Ticket
from simdsl.backends.wrappers import WrappedDatabase, WrappedSession
from simdsl.core.clock import Clock
from simdsl.core.trace import Moment, Trace, TracedInstruction, TraceEvent
from simdsl.plan.dataclasses import dataclass
from simdsl.plan.outcomes import ErrorClass, Failed, Outcome, Rows
from simdsl.plan.plan import Param, PoolSpec
from simdsl.plan.source import Path
from simdsl.plan.sql import SqlKind
from simdsl.plan.values import Value
from simdsl.runner.program import Instruction, Program


class StepDescription(NamedTuple):
    """What a trace needs of an instruction, and nothing that only its process has. See ``trace.Described``."""

    task: str
    path: Path
    what: str
    has_expectation: bool
    ordered: bool
    parameters: tuple[str, ...]
    nondeterministic: bool

    @classmethod
    def of(cls, op: TracedInstruction) -> StepDescription:
        """The same step."""
        return cls(op.task, op.path, op.what, op.has_expectation, op.ordered, op.parameters, op.nondeterministic)


def picklable_trace(trace: Trace) -> Trace:
    """The same trace, which can be sent to another process. A step that runs again is told once."""
    told: dict[int, StepDescription] = {}
    ops: list[TracedInstruction] = []
    for op in trace.ops:
        if id(op) not in told:
            told[id(op)] = StepDescription.of(op)
        ops.append(told[id(op)])
    copy = trace.copy()
    copy.ops = ops
    return copy


class RunStarted(NamedTuple):
    """A run began."""

    backend: str  # its label
    params: tuple[Param, ...]
    number: int
    seed: int | None


class StatementStarted(NamedTuple):
    """A statement is about to begin."""

    op: StepDescription
    kind: SqlKind
    arguments: tuple[Value, ...]
    session: int


@dataclass(frozen=True, slots=True, kw_only=True)
class InterruptedRun:
    """The run in which a process died. ``doing`` is the statement that it was at, None where it was at none."""

    begun: RunStarted
    trace: Trace
    doing: StatementStarted | None

    def ended(self, why: str) -> Trace:
        """The trace, and in it the statement that never ended."""
        trace = self.trace.copy()
        if self.doing is not None:
            now_us = trace.moments[-1][0] if trace.moments else 0
            trace.ops.append(self.doing.op)
            trace.arguments.append(self.doing.arguments)
            trace.outcomes.append(Failed(ErrorClass.DRIVER_PANIC, why))
            trace.moments.append((now_us, self.doing.session))
        return trace


def read_journal(file: IO[bytes]) -> InterruptedRun | None:
    """What the process that wrote this file said last; None if it had not begun a run."""
    begun: RunStarted | None = None
    trace = Trace()
    doing: StatementStarted | None = None
    while True:
        try:
            said = pickle.load(file)
        except (EOFError, pickle.UnpicklingError):  # the process died while it wrote
            break
        match said:
            case RunStarted():
                begun, trace, doing = said, Trace(), None
            case _TraceDelta():
                said.add_to(trace)
                doing = said.doing
            case _:
                raise AssertionError("only what is written here is read")
    return None if begun is None else InterruptedRun(begun=begun, trace=trace, doing=doing)


class _TraceDelta(NamedTuple):
    """What a trace has got since the last time."""

    ops: tuple[StepDescription, ...]
    arguments: Sequence[tuple[Value, ...]]
    outcomes: Sequence[Outcome]
    moments: Sequence[Moment]
    transactions: Mapping[int, int]
    between: Sequence[tuple[int, TraceEvent]]
    doing: StatementStarted | None

    def add_to(self, trace: Trace) -> None:
        trace.ops += self.ops
        trace.arguments += self.arguments
        trace.outcomes += self.outcomes
        trace.moments += self.moments
        trace.transactions.update(sorted(self.transactions.items()))
        trace.between += self.between


@dataclass(slots=True, kw_only=True, eq=False)
class CrashJournal:
    """Writes them. ``label`` says what reports call a backend. See ``arena.Onlooker``."""

    file: int  # its descriptor, open for writing
    label: Callable[[Backend], str]
    _trace: Trace = field(default_factory=Trace)
    _steps: int = 0  # of the trace, that are written
    _others: int = 0
    _doing: StatementStarted | None = None

    def wrap_database(self, database: Database, program: Program) -> Database:
        """The database, wrapped so that everything that may end the process is written down before it happens."""
        codes = (program.setup, *program.strands, program.finally_, program.invariants)
        ops = {id(op.statement): op for code in codes for op in code if op.statement is not None}
        return _JournaledDatabase(database, self, ops)

    def run_started(
        self, trace: Trace, *, backend: Backend, params: tuple[Param, ...], number: int, seed: int | None
    ) -> None:
        """A run begins; setup is number 0."""
        self._trace, self._steps, self._others, self._doing = trace, 0, 0, None
        os.ftruncate(self.file, 0)
        os.lseek(self.file, 0, os.SEEK_SET)
        self._write(RunStarted(backend=self.label(backend), params=params, number=number, seed=seed))
        self.say()

    def say(self, doing: StatementStarted | None = None) -> None:
        """Write down what is new, and what is about to be done; None is anything but a statement."""
        trace, steps, others = self._trace, self._steps, self._others
        if doing is None is self._doing and steps == len(trace.ops) and others == len(trace.between):
            return
        states = {
            step: trace.transactions[step] for step in takewhile(lambda step: step >= steps, reversed(trace.transactions))
        }
        news = _TraceDelta(
            tuple(map(StepDescription.of, trace.ops[steps:])),
            trace.arguments[steps:],
            trace.outcomes[steps:],
            trace.moments[steps:],
            states,
            trace.between[others:],
            doing,
        )
        self._steps, self._others, self._doing = len(trace.ops), len(trace.between), doing
        self._write(news)

    def _write(self, said: RunStarted | _TraceDelta) -> None:
        left = memoryview(pickle.dumps(said, pickle.HIGHEST_PROTOCOL))
        while left:
            left = left[os.write(self.file, left) :]


class _JournaledDatabase(WrappedDatabase):
    """Says before everything that may end the process that it is about to be done."""

    def __init__(self, inner: Database, words: CrashJournal, ops: Mapping[int, Instruction]) -> None:
        super().__init__(inner, lambda session: _JournaledSession(session, words, ops))
        self._words = words

    def open(self) -> Session:
        self._words.say()
        return super().open()

    def pool(self, spec: PoolSpec, clock: Clock) -> Pool:
        self._words.say()
        return _JournaledPool(super().pool(spec, clock), self._words)

    def snapshot(self) -> None:
        self._words.say()
        super().snapshot()

    def restore(self) -> None:
        self._words.say()
        super().restore()

    def end_state(self) -> Mapping[str, Rows]:
        self._words.say()
        return super().end_state()

    def close(self) -> None:
        self._words.say()
        super().close()


class _JournaledSession(WrappedSession):
    def __init__(self, inner: Session, words: CrashJournal, ops: Mapping[int, Instruction]) -> None:
        super().__init__(inner)
        self._words = words
        self._ops = ops

    def start(self, statement: Statement, arguments: Sequence[Value]) -> Outcome | None:
        op = self._ops.get(id(statement))
        told = None
        if op is not None:
            told = StatementStarted(
                op=StepDescription.of(op), kind=statement.kind, arguments=tuple(arguments), session=self.id
            )
        self._words.say(told)
        return super().start(statement, arguments)

    def quiesce(self) -> None:
        self._words.say()
        super().quiesce()

    def close(self) -> None:
        self._words.say()
        super().close()


class _JournaledPool:
    """See ``protocol.Pool``."""

    def __init__(self, inner: Pool, words: CrashJournal) -> None:
        self._inner = inner
        self._words = words

    def request(self, task: str) -> Ticket:
        self._words.say()
        return self._inner.request(task)

    def give_back(self, lease: Lease) -> Failed | None:
        self._words.say()
        return self._inner.give_back(lease)

    def invalidate(self, lease: Lease) -> None:
        self._inner.invalidate(lease)

    def counts(self) -> PoolCounts:
        return self._inner.counts()

    def quiesce(self) -> None:
        self._inner.quiesce()

    def close(self) -> None:
        self._words.say()
        self._inner.close()
