"""Programs, the flat lists of instructions that a plan is lowered to, and the state of the interpreter that executes them.

Programs are frozen. The state (task connections, pending operations, leases of pools) changes while a plan runs, and its
objects compare by identity."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final, Protocol, assert_never, cast

from simdsl.backends.protocol import Database, Lease, Pool, Session, Statement, Ticket, Tx
from simdsl.core.choices import sample_actions
from simdsl.core.clock import Clock, Timer
from simdsl.core.trace import PoolChanged, SessionRolledBack, Trace
from simdsl.core.verdicts import FailureKind
from simdsl.plan.deferred import dataclass
from simdsl.plan.diagnostics import Path
from simdsl.plan.expressions import PoolCounter
from simdsl.plan.outcomes import Affected, ErrorClass, Failed, Outcome
from simdsl.plan.plan import PoolSpec, Workload
from simdsl.plan.sql import TransactionAction
from simdsl.plan.values import Value
from simdsl.verbs.base.runtime import (
    DONE,
    NO_CONNECTION,
    Instruction,
    Instructions,
    PendingResult,
    RunStopped,
    Runtime,
    TaskThread,
    at_step,
)


@dataclass(slots=True, kw_only=True, eq=False)
class TaskConnection:
    """A task as the database sees it: its session, and an operation of it that has not been awaited."""

    name: str
    index: int
    pooled: bool
    session: Session | None = None
    lease: Lease | None = None
    pool: str = ""  # where the lease, or the last one, came from
    unawaited: PendingOperation | None = None

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open. What was lost is rolled back already."""
        return self.session is not None and self.session.tx() in (Tx.OPEN, Tx.FAILED)


@dataclass(slots=True, kw_only=True, eq=False)
class PendingOperation:
    """A statement or a checkout that was started and has not ended, or has ended and has not been awaited.

    ``thread`` is the thread that it blocks; None once ``=> blocks`` let the thread move on. A statement has a ``session``,
    a checkout a ``ticket``.
    """

    op: Instruction
    connection: TaskConnection
    thread: TaskThread | None
    arguments: tuple[Value, ...] = ()
    session: Session | None = None
    ticket: Ticket | None = None
    pool: str = ""  # of the ticket
    timer: Timer | None = None  # of the step's own timeout
    refusal: Failed | None = None  # the outcome that simdsl decided when it cancelled the operation
    outcome: Outcome | None = None

    @property
    def task(self) -> str:
        """The task that started it."""
        return self.connection.name


class TaskConnections:
    """The connections of all tasks of a run, and the pools that lend them: the ``Connections`` of verbs."""

    def __init__(self, tasks: Sequence[str], database: Database, pools: Mapping[str, Pool], trace: Trace) -> None:
        self.all = [
            TaskConnection(name=name, index=i, pooled=bool(pools) and name not in SECTION_NAMES)
            for i, name in enumerate(tasks)
        ]
        self.pools = pools
        self._database = database
        self._trace = trace

    def open(self, connection: TaskConnection) -> Session | None:
        """The session of a task, opened at its first statement; None where the task must check one out."""
        if not connection.pooled:
            connection.session = self._database.open()
        return connection.session

    def request(self, connection: TaskConnection, pool: str) -> Ticket:
        """Start a checkout, by the pool's own code."""
        return self.pools[pool].request(connection.name)

    def assign(self, connection: TaskConnection, pool: str, lease: Lease) -> None:
        """The pool has lent a connection, which is the task's from now on."""
        connection.lease, connection.session, connection.pool = lease, lease.session, pool
        self._record(connection, lease.session, checked_out=True)

    # What verbs ask: see ``verbs.base.runtime.Connections``

    def require_awaited(self, op: Instruction) -> None:
        """See ``Connections``."""
        connection = self.all[op.connection]
        if connection.unawaited is not None:
            message = f"{connection.name} has a blocked statement that was not awaited yet"
            help_ = f"write `await: {connection.name}` before this step"
            raise RunStopped(at_step(op, FailureKind.ERROR, message, help_))

    def has_lease(self, connection: int) -> bool:
        """See ``Connections``."""
        return self.all[connection].lease is not None

    def check_in(self, connection: int) -> Outcome:
        """See ``Connections``."""
        found = self.all[connection]
        return not_connected(found) if found.lease is None else self._return(found) or DONE

    def is_idle(self, connection: int) -> bool:
        """See ``Connections``."""
        session = self.all[connection].session
        return session is None or session.tx() is Tx.IDLE

    def roll_back(self, connection: int, why: str) -> None:
        """See ``Connections``."""
        found = self.all[connection]
        if found.in_transaction:
            assert found.session is not None
            found.session.quiesce()
            if found.session.tx() is not Tx.OPEN:  # the engine may refuse; a retry asks once more, later
                self._trace.add(SessionRolledBack(task=found.name, why=why))

    def results(self, connection: int) -> Sequence[PendingOperation]:
        """See ``Connections``."""
        found = self.all if connection == NO_CONNECTION else [self.all[connection]]
        return [one.unawaited for one in found if one.unawaited is not None]

    def take_results(self, results: Sequence[PendingResult]) -> None:
        """See ``Connections``."""
        for connection in self.all:
            if connection.unawaited in results:
                connection.unawaited = None

    # All of them

    def are_idle(self) -> bool:
        """Whether no task has an open transaction."""
        return all(connection.session is None or connection.session.tx() is Tx.IDLE for connection in self.all)

    def roll_back_all(self, except_pending: Sequence[PendingOperation] = ()) -> None:
        """Roll back every open transaction, but of tasks with a pending operation."""
        for connection in self.all:
            if connection.in_transaction and not any(pending.connection is connection for pending in except_pending):
                assert connection.session is not None
                connection.session.quiesce()
                self._trace.add(SessionRolledBack(task=connection.name, why="the end of the run"))

    def return_leases(self) -> None:
        """Give every lease back to its pool."""
        for connection in self.all:
            if connection.lease is not None:
                self._return(connection)

    def close(self) -> None:
        """Close every session that no pool owns."""
        for connection in self.all:
            if connection.session is not None and connection.lease is None:
                connection.session.close()
            connection.session = None

    def _return(self, connection: TaskConnection) -> Failed | None:
        """Return a lease; the pool's own error, if it refuses."""
        lease, session = connection.lease, connection.session
        assert lease is not None
        assert session is not None
        connection.lease = connection.session = None
        refused = self.pools[connection.pool].release(lease)
        self._record(connection, session, checked_out=False)
        return refused

    def _record(self, connection: TaskConnection, session: Session, *, checked_out: bool) -> None:
        # The counts go into the trace because oracles check them offline, when the pool is gone.
        counts = self.pools[connection.pool].counts()
        self._trace.add(
            PoolChanged(
                pool=connection.pool,
                task=connection.name,
                session=session.id,
                checked_out=checked_out,
                size=counts.size,
                idle=counts.idle,
                busy=counts.busy,
                waiting=counts.waiting,
                in_transaction=session.tx() in (Tx.OPEN, Tx.FAILED),
            )
        )


def not_connected(connection: TaskConnection) -> Failed:
    """The outcome of a statement or a return without a connection."""
    return Failed(ErrorClass.CONNECTION_CLOSED, f"{connection.name} has checked out no connection", by="simdsl")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEvaluationContext:
    """What ``check`` may read of a run: see ``core.evaluation.EvaluationContext``."""

    env: Mapping[str, Value]
    labels: Mapping[str, Outcome]
    pools: Mapping[str, Pool]
    counts: Mapping[ErrorClass, int]
    clock: Clock

    def variable(self, name: str) -> Value:
        """Raises ``KeyError`` if nothing has bound it."""
        return self.env[name]

    def label(self, name: str) -> Outcome | None:
        """None if no step of that label has run."""
        return self.labels.get(name)

    def pool(self, name: str, count: PoolCounter) -> int:
        """As the pool itself counts."""
        counts = self.pools[name].counts()
        match count:
            case PoolCounter.SIZE:
                return counts.size
            case PoolCounter.IDLE:
                return counts.idle
            case PoolCounter.BUSY:
                return counts.busy
            case PoolCounter.WAITING:
                return counts.waiting
            case _:
                assert_never(count)

    def errors(self, error_class: ErrorClass) -> int:
        """Of the steps of this run, setup excluded."""
        return self.counts.get(error_class, 0)

    def now_us(self) -> int:
        """Virtual time since the run began."""
        return self.clock.now_us


SECTION_NAMES: Final = frozenset({"setup", "finally", "invariants"})
"""Names that stand for a section's own connection, which no pool counts. No task may have one of them."""


class StatementRuntime(Runtime, Protocol):
    """A runtime that also runs SQL: the interpreter."""

    def run_statement(self, thread: TaskThread, op: StatementInstruction) -> None:
        """Send the statement on its task's connection: the step completes, or the thread blocks."""


@dataclass(slots=True, kw_only=True, eq=False)
class StatementInstruction(Instruction):
    """A statement, compiled for the backend's driver."""

    verb = "sql"
    statement: Statement
    sole: str | None = None  # the name of the parameter if there is exactly one
    bind: Callable[[Mapping[str, Value]], tuple[Value, ...]] | None = None  # the arguments; None: there are none
    exact: Affected | None = None  # an outcome equal to this needs no check: it is what is expected
    moves_transaction: bool = False  # the statement may begin or end a transaction

    @property
    def kind(self) -> str:
        """What the statement is: a query, DML, ..."""
        return str(self.statement.kind)

    def execute(self, runtime: Runtime, thread: TaskThread) -> None:
        """The interpreter's work: statements need sessions, which verbs know nothing about."""
        cast(StatementRuntime, runtime).run_statement(thread, self)


@dataclass(slots=True, kw_only=True, eq=False)
class BeginAction(Instruction):
    """An action of a workload begins: its variables have the values that were drawn for it."""

    verb = "drawn"
    is_free = True
    values: tuple[tuple[str, Value], ...]

    def execute(self, runtime: Runtime, thread: TaskThread) -> None:
        """What an earlier action of the task has bound stays bound."""
        thread.env.update(self.values)
        thread.pc += 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A plan ready to run. ``threads`` holds one list of instructions a task under ``tasks:``, else a single one.

    Of a workload it holds one list with every action of every task, which is not for running. ``sample_threads`` makes
    the threads of a run from its seed.
    """

    tasks: tuple[str, ...]  # with a connection: every task that the plan names, in the order of the text, and sections
    threads: tuple[Instructions, ...]
    thread_names: tuple[str, ...]  # empty for `steps:`
    setup: Instructions
    finally_: Instructions
    invariants: Instructions
    env: Mapping[str, Value]
    pools: tuple[PoolSpec, ...]
    sample_threads: Callable[[int], tuple[Instructions, ...]] | None = None

    @property
    def scheduled(self) -> bool:
        """Whether a scheduler has something to choose."""
        return bool(self.thread_names)

    def statements(self, *, invariants: bool = True) -> tuple[StatementInstruction, ...]:
        """Every statement, in the order of sections that a run has."""
        codes = (self.setup, *self.threads, self.finally_, *((self.invariants,) if invariants else ()))
        return tuple(op for code in codes for op in code if isinstance(op, StatementInstruction))

    def transaction_actions(self) -> dict[Path, TransactionAction]:
        """Which steps control transactions, and how."""
        return {
            op.path: op.statement.transaction.action
            for op in self.statements(invariants=False)
            if op.statement.transaction is not None
        }


def schedule_length(code: Sequence[Instruction], env: Mapping[str, Value]) -> int:
    """How many entries of a schedule these instructions take; an upper estimate of PCT's number of steps.

    Retries count once, loops as often as is known before the run.
    """

    def count(start: int, end: int) -> int:
        total, i = 0, start
        while i < end:
            op = code[i]
            iterations = op.iterations(env)
            if iterations is not None:
                total += iterations * count(i + 1, op.target - 1)
                i = op.target
            else:
                total += not op.is_free
                i += 1
        return total

    return count(0, len(code))


@dataclass(frozen=True, slots=True, kw_only=True)
class LoweredWorkload:
    """The actions of a workload, each lowered once for each task; every run puts them together.

    ``codes`` holds for each task, in the order of the workload, the instructions of each action by its name.
    """

    workload: Workload
    codes: tuple[Mapping[str, Instructions], ...]

    @property
    def everything(self) -> Instructions:
        """Every instruction that a run may have."""
        return tuple(op for codes in self.codes for code in codes.values() for op in code)

    def threads(self, seed: int) -> tuple[Instructions, ...]:
        """What each task does in the run with this seed."""
        return tuple(self._thread(index, seed) for index in range(len(self.codes)))

    def _thread(self, index: int, seed: int) -> Instructions:
        task = self.workload.tasks[index]
        thread: list[Instruction] = []
        for sampled in sample_actions(self.workload, seed, task):
            name = sampled.action.name
            if sampled.values:
                path = ("workload", "actions", name)
                thread.append(BeginAction(task=task, path=path, what="with", values=sampled.values))
            thread += _moved(self.codes[index][name], len(thread))
        return tuple(thread)


def _moved(code: Instructions, by: int) -> Instructions:
    """The same instructions ``by`` places later: jumps are copied with their new target.

    All others stay the same objects, because the digest numbers statements by their instruction: a copy would count as
    another statement.
    """
    return tuple(op if op.target < 0 else replace(op, target=op.target + by) for op in code)
