"""The crash journal: what a process that may die writes before each statement, so that another one can tell how far it got.

The journal is a file that starts over with each run. Before anything that may end the process, the journal receives what
the trace gained since the last entry, and what is about to start. When the process is gone, whoever started it reads the
file (``read_journal``) and reports the statement that never ended.

Two things shape it. It must be cheap, because a statement takes microseconds: an entry holds only what is new, and none
is written where nothing has changed. And it must survive the crash: an entry goes to the file by ``os.write``, without a
buffer in this process, so an abort, a SIGKILL or a driver that calls ``_exit`` loses nothing; a half-written entry at the
end is ignored.
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
from simdsl.plan.deferred import dataclass
from simdsl.plan.diagnostics import Path
from simdsl.plan.outcomes import ErrorClass, Failed, Outcome, Rows
from simdsl.plan.plan import Param, PoolSpec
from simdsl.plan.sql import SqlKind
from simdsl.plan.values import Value
from simdsl.runner.program import Program, StatementInstruction


class StepDescription(NamedTuple):
    """A ``trace.TracedInstruction`` that can be pickled: an instruction itself holds compiled matchers and statements."""

    task: str
    path: Path
    what: str
    has_expectation: bool
    ordered: bool
    parameters: tuple[str, ...]
    nondeterministic: bool

    @classmethod
    def of(cls, op: TracedInstruction) -> StepDescription:
        """The description of an instruction."""
        return cls(op.task, op.path, op.what, op.has_expectation, op.ordered, op.parameters, op.nondeterministic)


def picklable_trace(trace: Trace) -> Trace:
    """The same trace in a form that can be sent to another process."""
    # An instruction in a loop appears once for each iteration. One description for all of them keeps the pickle small,
    # since pickle writes an object once and refers to it afterwards.
    described: dict[int, StepDescription] = {}
    ops: list[TracedInstruction] = []
    for op in trace.ops:
        if id(op) not in described:
            described[id(op)] = StepDescription.of(op)
        ops.append(described[id(op)])
    copy = trace.copy()
    copy.ops = ops
    return copy


class RunStarted(NamedTuple):
    """An entry of the journal: a run starts."""

    backend: str  # its label
    params: tuple[Param, ...]
    number: int
    seed: int | None


class StatementStarted(NamedTuple):
    """A part of an entry: a statement is about to start."""

    op: StepDescription
    kind: SqlKind
    arguments: tuple[Value, ...]
    session: int


@dataclass(frozen=True, slots=True, kw_only=True)
class InterruptedRun:
    """The run during which a process died. ``statement`` is the one that had started, None if none had."""

    started: RunStarted
    trace: Trace
    statement: StatementStarted | None

    def completed_trace(self, why: str) -> Trace:
        """The trace with the statement that never ended as its last step, failed with ``why``."""
        trace = self.trace.copy()
        if self.statement is not None:
            now_us = trace.moments[-1][0] if trace.moments else 0
            trace.ops.append(self.statement.op)
            trace.arguments.append(self.statement.arguments)
            trace.outcomes.append(Failed(ErrorClass.DRIVER_PANIC, why))
            trace.moments.append((now_us, self.statement.session))
        return trace


def read_journal(file: IO[bytes]) -> InterruptedRun | None:
    """The run that the journal describes, or None if the process had not started one."""
    started: RunStarted | None = None
    trace = Trace()
    statement: StatementStarted | None = None
    while True:
        try:
            entry = pickle.load(file)
        except (EOFError, pickle.UnpicklingError):  # the process died while it wrote this entry
            break
        match entry:
            case RunStarted():
                started, trace, statement = entry, Trace(), None
            case _TraceDelta():
                entry.add_to(trace)
                statement = entry.statement
            case _:  # the file was written by another version
                raise AssertionError(f"not an entry of a crash journal: {entry!r}")
    return None if started is None else InterruptedRun(started=started, trace=trace, statement=statement)


class _TraceDelta(NamedTuple):
    """An entry of the journal: what the trace gained since the last one, and what is about to start."""

    ops: tuple[StepDescription, ...]
    arguments: Sequence[tuple[Value, ...]]
    outcomes: Sequence[Outcome]
    moments: Sequence[Moment]
    transactions: Mapping[int, int]
    between: Sequence[tuple[int, TraceEvent]]
    statement: StatementStarted | None

    def add_to(self, trace: Trace) -> None:
        trace.ops += self.ops
        trace.arguments += self.arguments
        trace.outcomes += self.outcomes
        trace.moments += self.moments
        trace.transactions.update(sorted(self.transactions.items()))
        trace.between += self.between


@dataclass(slots=True, kw_only=True, eq=False)
class CrashJournal:
    """Writes the journal. A ``runs.context.RunObserver``; ``label`` says what reports call a backend."""

    file: int  # its descriptor, open for writing
    label: Callable[[Backend], str]
    _trace: Trace = field(default_factory=Trace)
    _steps: int = 0  # of the trace, that are in the journal
    _others: int = 0  # events of the trace that are no steps, likewise
    _statement: StatementStarted | None = None

    def wrap_database(self, database: Database, program: Program) -> Database:
        """The database, wrapped so that everything that may end the process is recorded before it happens."""
        ops = {id(op.statement): op for op in program.statements()}
        return _JournaledDatabase(database, self, ops)

    def run_started(
        self, trace: Trace, *, backend: Backend, params: tuple[Param, ...], number: int, seed: int | None
    ) -> None:
        """A run starts; setup is number 0."""
        self._trace, self._steps, self._others, self._statement = trace, 0, 0, None
        os.ftruncate(self.file, 0)
        os.lseek(self.file, 0, os.SEEK_SET)
        self._write(RunStarted(backend=self.label(backend), params=params, number=number, seed=seed))
        self.record()

    def record(self, statement: StatementStarted | None = None) -> None:
        """Record what is new, and the statement that is about to start; None for any other call into the driver."""
        trace, steps, others = self._trace, self._steps, self._others
        if statement is None is self._statement and steps == len(trace.ops) and others == len(trace.between):
            return
        # Transaction states are keyed by step and only ever added, so the new ones are the last ones.
        states = {
            step: trace.transactions[step] for step in takewhile(lambda step: step >= steps, reversed(trace.transactions))
        }
        delta = _TraceDelta(
            tuple(map(StepDescription.of, trace.ops[steps:])),
            trace.arguments[steps:],
            trace.outcomes[steps:],
            trace.moments[steps:],
            states,
            trace.between[others:],
            statement,
        )
        self._steps, self._others, self._statement = len(trace.ops), len(trace.between), statement
        self._write(delta)

    def _write(self, entry: RunStarted | _TraceDelta) -> None:
        left = memoryview(pickle.dumps(entry, pickle.HIGHEST_PROTOCOL))
        while left:
            left = left[os.write(self.file, left) :]


class _JournaledDatabase(WrappedDatabase):
    """Records before every call that may end the process."""

    def __init__(self, inner: Database, journal: CrashJournal, ops: Mapping[int, StatementInstruction]) -> None:
        super().__init__(inner, lambda session: _JournaledSession(session, journal, ops))
        self._journal = journal

    def open(self) -> Session:
        self._journal.record()
        return super().open()

    def pool(self, spec: PoolSpec, clock: Clock) -> Pool:
        self._journal.record()
        return _JournaledPool(super().pool(spec, clock), self._journal)

    def snapshot(self) -> None:
        self._journal.record()
        super().snapshot()

    def restore(self) -> None:
        self._journal.record()
        super().restore()

    def end_state(self) -> Mapping[str, Rows]:
        self._journal.record()
        return super().end_state()

    def close(self) -> None:
        self._journal.record()
        super().close()


class _JournaledSession(WrappedSession):
    def __init__(self, inner: Session, journal: CrashJournal, ops: Mapping[int, StatementInstruction]) -> None:
        super().__init__(inner)
        self._journal = journal
        self._ops = ops

    def start(self, statement: Statement, arguments: Sequence[Value]) -> Outcome | None:
        op = self._ops.get(id(statement))
        started = None
        if op is not None:
            started = StatementStarted(
                op=StepDescription.of(op), kind=statement.kind, arguments=tuple(arguments), session=self.id
            )
        self._journal.record(started)
        return super().start(statement, arguments)

    def quiesce(self) -> None:
        self._journal.record()
        super().quiesce()

    def close(self) -> None:
        self._journal.record()
        super().close()


class _JournaledPool:
    """See ``protocol.Pool``."""

    def __init__(self, inner: Pool, journal: CrashJournal) -> None:
        self._inner = inner
        self._journal = journal

    def request(self, task: str) -> Ticket:
        self._journal.record()
        return self._inner.request(task)

    def release(self, lease: Lease) -> Failed | None:
        self._journal.record()
        return self._inner.release(lease)

    def invalidate(self, lease: Lease) -> None:
        self._inner.invalidate(lease)

    def counts(self) -> PoolCounts:
        return self._inner.counts()

    def quiesce(self) -> None:
        self._inner.quiesce()

    def close(self) -> None:
        self._journal.record()
        self._inner.close()
