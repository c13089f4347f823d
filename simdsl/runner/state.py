"""The interpreter's state while a plan runs: task connections, pending operations, leases of pools.

These objects compare by identity.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_never

from simdsl.backends.protocol import Lease, Pool, Session, Ticket, Tx
from simdsl.core.clock import Clock, Timer
from simdsl.core.trace import PoolChanged, Trace
from simdsl.plan.dataclasses import dataclass
from simdsl.plan.expressions import PoolCounter
from simdsl.plan.outcomes import ErrorClass, Failed, Outcome
from simdsl.plan.values import Value
from simdsl.verbs.base.runtime import Instruction, TaskThread


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


class ConnectionLeases:
    """The pools of a run, who has which of their connections, and the trace of checkouts and returns."""

    def __init__(self, pools: Mapping[str, Pool], trace: Trace) -> None:
        self.pools = pools
        self._trace = trace

    def request(self, pool: str, connection: TaskConnection) -> Ticket:
        """Start a checkout, by the pool's own code."""
        return self.pools[pool].request(connection.name)

    def assign(self, connection: TaskConnection, pool: str, lease: Lease) -> None:
        """The pool has lent a connection, which is the task's from now on."""
        connection.lease, connection.session, connection.pool = lease, lease.session, pool
        self._record(connection, lease.session, checked_out=True)

    def check_in(self, connection: TaskConnection) -> Failed | None:
        """Return the task's connection as it is; the pool's own error, if it refuses."""
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
