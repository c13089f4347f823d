"""The interface between the interpreter and everything that can be tested.

A ``Backend`` creates a ``Database`` for a plan, with its sessions and pools, and restores it between runs. A ``Session``
is one connection: ``start`` gives the outcome at once or, where the driver can tell, None for a statement that is
pending; ``poll`` never waits; ``Database.settle`` is the only place that really waits, and it returns when every pending
session has ended or is known to wait for another.

docs/how-to/add-a-backend.md shows the smallest backend that works.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from enum import IntEnum
from typing import Any, NamedTuple, Protocol

from simdsl.core.clock import Clock
from simdsl.plan.deferred import dataclass
from simdsl.plan.outcomes import ErrorClass, Failed, Outcome, Rows
from simdsl.plan.plan import PoolSpec, Reset
from simdsl.plan.sql import Dialect, IsolationLevel, Sql, SqlKind, TransactionControl, TransactionMode
from simdsl.plan.values import Value


class Tx(IntEnum):
    """The state of a connection's transaction, as its driver tells it."""

    IDLE = 0
    OPEN = 1
    FAILED = 2  # open, and refusing everything but a rollback
    LOST = 3  # the connection is closed or broken


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a backend can do. A plan that needs more is skipped there, with the reason."""

    error_classes: frozenset[ErrorClass]
    isolation_levels: frozenset[IsolationLevel]
    begin_modes: frozenset[TransactionMode]
    blocks_on_locks: bool
    snapshot_reads: bool  # a query neither waits for writers of other sessions nor fails because of them
    savepoints: bool
    transactional_ddl: bool
    returning: bool
    upsert: bool
    boolean_type: bool
    deferred_constraints: bool
    nulls_first: bool  # where ORDER BY puts NULL, ascending
    integer_division: bool  # 7 / 2 is 3
    cancel: bool
    faults: frozenset[str] = field(default_factory=frozenset)  # first words of `fault:` lines that it can do


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """Versions of what is installed: for `simdsl backends`, for the head of a trace, for a stored bug."""

    driver: str  # "sqlite3 (stdlib)"
    driver_version: str
    engine: str  # "SQLite"
    engine_version: str
    pool: str  # "SQLAlchemy QueuePool 2.1.9, waits in virtual time"


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A statement as this backend's driver takes it. ``parameters`` names what is bound, in the driver's order."""

    text: str
    parameters: tuple[str, ...]
    kind: SqlKind
    transaction: TransactionControl | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A backend cannot do what a plan asks: the plan is skipped there, with this reason."""

    reason: str


class BackendUnavailable(Exception):
    """A backend is unknown, not installed, or cannot be reached. The message is one sentence that says what to do."""


class UnknownBackend(BackendUnavailable):
    """There is no backend of that name."""


class Session(Protocol):
    """One connection. Not thread-safe; errors are outcomes, never exceptions."""

    @property
    def id(self) -> int:
        """The connection's number in its database, from 1 in the order of opening: what traces and blockers name."""

    def start(self, statement: Statement, arguments: Sequence[Value]) -> Outcome | None:
        """Begin a statement. None means that it is pending: ``settle``, then ``poll``."""

    def poll(self) -> Outcome | None:
        """The outcome of the pending statement, if it has ended. Never waits."""

    def cancel(self) -> None:
        """Ask the engine to give up the pending statement. Its outcome still arrives by ``poll``."""

    def tx(self) -> Tx:
        """The state of the transaction, asked of the driver."""

    def quiesce(self) -> None:
        """Cancel and drain the pending statement and roll back, within a bounded real time."""

    def close(self) -> None:
        """Close the connection. Idempotent."""


class Settled(NamedTuple):
    """What ``settle`` found: which sessions can be polled, and which sessions each of the others waits for."""

    ended: frozenset[int]
    blockers: Mapping[int, frozenset[int]]


NOTHING_PENDING = Settled(frozenset(), {})


class Lease(Protocol):
    """A connection that a pool has lent."""

    @property
    def session(self) -> Session:
        """The connection itself. One physical connection is one session object for as long as it lives."""


class Ticket(Protocol):
    """A lease that was requested: it has the same shape as a pending statement."""

    def poll(self) -> Lease | Failed | None:
        """The lease, a refusal such as ``pool_timeout``, or None while it waits. Never waits itself."""

    def cancel(self) -> None:
        """Leave the queue. Idempotent."""


class PoolCounts(NamedTuple):
    """A pool at one moment, as the pool itself counts."""

    size: int  # the most it may lend
    idle: int
    busy: int
    waiting: int


class Pool(Protocol):
    """A real pool, whose own checkout runs and waits in virtual time."""

    def request(self, task: str) -> Ticket:
        """Run the pool's own checkout until it has a connection, refuses, or waits."""

    def release(self, lease: Lease) -> Failed | None:
        """Return a connection as it is; cleaning it is the pool's business. A second return is a ``Failed``."""

    def invalidate(self, lease: Lease) -> None:
        """Tell the pool that the connection is broken."""

    def counts(self) -> PoolCounts:
        """The pool's own counts."""

    def quiesce(self) -> None:
        """Wait, bounded, until background maintenance has finished."""

    def close(self) -> None:
        """Close every connection, lent ones too. Idempotent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionSource:
    """What a backend gives to a pool that runs over its driver."""

    connect: Callable[[], Any]  # a driver connection; may raise the driver's errors
    session_of: Callable[[object], Session]
    failed: Callable[[BaseException], Failed]


class Database(Protocol):
    """One database, its sessions and its pools."""

    def open(self) -> Session:
        """A connection that belongs to no pool."""

    def pool(self, spec: PoolSpec, clock: Clock) -> Pool:
        """A pool over this database whose waits use this clock."""

    def settle(self, pending: Sequence[Session], limit_us: int) -> Settled:
        """Wait until each session has ended or is known to wait for another, at most this real time."""

    def reset(self, reset: Reset) -> Failed | None:
        """Empty the tables that the plan names, before setup.

        A table that is not there is empty already: that is how a plan meets a new database.
        """

    def snapshot(self) -> None:
        """Remember the present, committed content. Called once, after setup, with every session closed."""

    def restore(self) -> None:
        """Go back to the snapshot. Called with every session and pool closed."""

    def end_state(self) -> Mapping[str, Rows]:
        """Every user table with its rows in the order of ``values.row_key``."""

    def close(self) -> None:
        """Give everything up: sessions, pools, temporary files. Idempotent."""


class Backend(Protocol):
    """A kind of database, at the server or in the file that its URL names."""

    @property
    def name(self) -> str:
        """The name by which plans and reports call it."""

    @property
    def url(self) -> str:
        """The URL that selects it again, secrets masked."""

    @property
    def dialect(self) -> Dialect:
        """The SQL that it speaks."""

    @property
    def capabilities(self) -> Capabilities:
        """What it can do."""

    def describe(self) -> Description:
        """Versions. Raises ``BackendUnavailable``."""

    def compile(self, sql: Sql, identifiers: Mapping[str, str]) -> Statement | Refusal:
        """A statement for this driver. ``identifiers`` are the variables that stand for names."""

    def create(self) -> Database:
        """A database: throwaway unless the URL names a database. Raises ``BackendUnavailable``."""
