"""The interpreter's state while a plan runs: task connections, pending operations, leases of pools.

These objects compare by identity.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import assert_never

from simdsl.backends.protocol import Database, Lease, Pool, Session, Ticket, Tx
from simdsl.core.clock import Clock, Timer
from simdsl.core.trace import PoolChanged, SessionRolledBack, Trace
from simdsl.core.verdicts import FailureKind
from simdsl.plan.dataclasses import dataclass
from simdsl.plan.expressions import PoolCounter
from simdsl.plan.outcomes import ErrorClass, Failed, Outcome
from simdsl.plan.values import Value
from simdsl.runner.program import SECTION_NAMES
from simdsl.verbs.base.runtime import DONE, NO_CONNECTION, Instruction, PendingResult, RunStopped, TaskThread, at_step


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
