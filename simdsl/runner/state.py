"""The interpreter's state while a plan runs: task connections, task threads, pending operations, leases.

These objects compare by identity."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field
from enum import Enum
from typing import assert_never

from simdsl.backends.protocol import Lease, Pool, Session, Ticket, Tx
from simdsl.core.clock import Clock, Timer
from simdsl.core.trace import PoolChanged, Trace
from simdsl.plan.dataclasses import dataclass
from simdsl.plan.expressions import PoolCounter
from simdsl.plan.outcomes import ErrorClass, Failed, Outcome
from simdsl.plan.values import Value
from simdsl.runner.program import Code, Instruction, RetryPolicy


class ThreadState(Enum):
    """Whether a strand may move, and if not, what it waits for."""

    READY = "ready"
    LOCK = "lock"
    POOL = "pool"
    SLEEP = "sleep"
    AWAIT = "await"
    DONE = "done"


@dataclass(slots=True, kw_only=True, eq=False)
class TaskConnection:
    """A task as the database sees it: its connection, and a statement of it that nobody has collected yet."""

    name: str
    index: int
    pooled: bool
    session: Session | None = None
    lease: Lease | None = None
    pool: str = ""
    uncollected: PendingOperation | None = None


@dataclass(slots=True, kw_only=True, eq=False)
class LoopFrame:
    """A loop that a strand is in."""

    head: int
    variable: str
    following: Iterator[Value]


@dataclass(slots=True, kw_only=True, eq=False)
class RetryFrame:
    """A retry that a strand is in, and what its next attempt starts from."""

    head: int
    attempts: RetryPolicy
    actor: TaskConnection | None  # the one task that the retry uses
    number: int
    bindings: Mapping[str, Value]
    was_idle: bool  # no transaction was open when the attempt began
    had_lease: bool


@dataclass(slots=True, kw_only=True, eq=False)
class TaskThread:
    """A list of instructions and a position in it: a task of ``tasks:``, or the whole of ``steps:``."""

    index: int
    name: str
    code: Code
    env: dict[str, Value]
    pc: int = 0
    state: ThreadState = ThreadState.READY
    blocks: list[LoopFrame | RetryFrame] = field(default_factory=list)


@dataclass(slots=True, kw_only=True, eq=False)
class PendingOperation:
    """A statement or a checkout that was begun and has not ended. ``strand`` is None once ``=> blocks`` let it go."""

    op: Instruction
    actor: TaskConnection
    strand: TaskThread | None
    arguments: tuple[Value, ...]
    session: Session | None = None
    ticket: Ticket | None = None
    timer: Timer | None = None
    refusal: Failed | None = None  # simdsl's own answer, once it has cancelled
    outcome: Outcome | None = None


class ConnectionLeases:
    """The pools of a run and who has what of them."""

    def __init__(self, pools: Mapping[str, Pool], trace: Trace) -> None:
        self.pools = pools
        self._trace = trace

    def request(self, pool: str, actor: TaskConnection) -> Ticket:
        """Begin a checkout, by the pool's own code."""
        return self.pools[pool].request(actor.name)

    def lend(self, actor: TaskConnection, pool: str, lease: Lease) -> None:
        """The pool has lent a connection: it is the task's from now on."""
        actor.lease, actor.session, actor.pool = lease, lease.session, pool
        self._record(actor, lease.session, was_lent=True)

    def give_back(self, actor: TaskConnection) -> Failed | None:
        """Return the task's connection as it is; the pool's own refusal, if it refuses."""
        lease, session = actor.lease, actor.session
        assert lease is not None
        assert session is not None
        actor.lease = actor.session = None
        refused = self.pools[actor.pool].give_back(lease)
        self._record(actor, session, was_lent=False)
        return refused

    def _record(self, actor: TaskConnection, session: Session, *, was_lent: bool) -> None:
        counts = self.pools[actor.pool].counts()
        self._trace.add(
            PoolChanged(
                pool=actor.pool,
                task=actor.name,
                session=session.id,
                checked_out=was_lent,
                size=counts.size,
                idle=counts.idle,
                busy=counts.busy,
                waiting=counts.waiting,
                in_transaction=session.tx() in (Tx.OPEN, Tx.FAILED),
            )
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEvaluationContext:
    """See ``core.evaluate.Surroundings``."""

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
