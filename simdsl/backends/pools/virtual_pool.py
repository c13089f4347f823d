"""Tickets and leases around a pool's own blocking checkout: run in a fiber, or, where that is not possible, polled.

Where a QueuePool's queue cannot be given virtual waits, the checkout is *polled*: asked with a timeout of zero, first come
first served by simdsl's order and not by the pool's. ``Description.pool`` then says so, and a warning too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Protocol

from simdsl.backends.pools.fibers import Fiber, FiberInterrupted, FiberScheduler
from simdsl.backends.protocol import ConnectionSource, Lease, PoolCounts, Session, Ticket
from simdsl.core.clock import Clock
from simdsl.plan.outcomes import ErrorClass, Failed
from simdsl.plan.plan import PoolSpec

_RETURNED: Final = Failed(ErrorClass.CONNECTION_CLOSED, "the connection has gone back to the pool already", by="simdsl")
_STUCK: Final = Failed(ErrorClass.OTHER, "the pool waits for something while it takes a connection back")


class PooledConnection(Protocol):
    """What a pool lends: a driver connection in the pool's own wrapping."""

    @property
    def dbapi_connection(self) -> Any:
        """The driver's connection, one that ``Source.connect`` made."""

    def close(self) -> None:
        """Give it back."""


class PoolAdapter(Protocol):
    """A pool under test, as tickets drive it."""

    def connect(self) -> PooledConnection:
        """Check out. Blocks, and raises what ``timeout_text`` knows when the time is over."""

    def give_back(self, proxy: PooledConnection) -> None:
        """Check in."""

    def invalidate(self, proxy: PooledConnection) -> None:
        """The connection is broken: the pool closes it and may replace it."""

    def counts(self) -> tuple[int, int, int]:
        """Size, idle, busy."""

    def dispose(self) -> None:
        """Close what is idle."""

    def timeout_text(self, error: Exception) -> str | None:
        """The message, if this is the pool's refusal for lack of time."""


class PoolLease:
    """A lent connection."""

    __slots__ = ("proxy", "session")

    def __init__(self, session: Session, proxy: PooledConnection) -> None:
        self.session = session
        self.proxy = proxy


class FiberPool:
    """See ``protocol.Pool``. Every call of the pool runs in a fiber, and whom it wakes goes on before the call is over."""

    def __init__(
        self,
        subject: PoolAdapter,
        source: ConnectionSource,
        waits: FiberScheduler,
        *,
        interruption: type[BaseException] = FiberInterrupted,
    ) -> None:
        """``interruption`` is what a waiting checkout meets when it is called off."""
        self._waits = waits
        self._interruption = interruption
        self._desk = _LeaseLedger(subject, source)
        self._tickets: list[FiberTicket] = []

    def request(self, task: str) -> Ticket:
        """Run the pool's own checkout until it has a connection, refuses, or waits."""
        ticket = FiberTicket(self._desk, self._waits, self._interruption)
        if ticket.is_waiting:
            self._tickets.append(ticket)
        return ticket

    def give_back(self, lease: Lease) -> Failed | None:
        """The pool's own check-in; then its waiters move."""
        if not isinstance(lease, PoolLease) or not self._desk.takes(lease):
            return _RETURNED
        return self._desk.outcome(self._waits.run(lambda: self._desk.check_in(lease)))

    def invalidate(self, lease: Lease) -> None:
        """The pool's own; then its waiters move. Does nothing for a connection that has gone back."""
        if isinstance(lease, PoolLease) and self._desk.takes(lease):
            self._desk.outcome(self._waits.run(lambda: self._desk.throw_away(lease)))

    def counts(self) -> PoolCounts:
        """The pool's own, and how many checkouts wait."""
        self._tickets = [ticket for ticket in self._tickets if ticket.is_waiting]
        return PoolCounts(*self._desk.subject.counts(), waiting=len(self._tickets))

    def quiesce(self) -> None:
        """Nothing goes on in the background."""

    def close(self) -> None:
        """Unwind the waiting checkouts, then close every connection."""
        for ticket in self._tickets:
            ticket.cancel()
        self._tickets.clear()
        for lease in self._desk.checked_out():
            self.invalidate(lease)
        self._waits.run(self._desk.subject.dispose)


class FiberTicket:
    """A checkout in a fiber."""

    def __init__(self, desk: _LeaseLedger, waits: FiberScheduler, interruption: type[BaseException]) -> None:
        self._desk = desk
        self._waits = waits
        self._interruption = interruption
        self._fiber: Fiber[PoolLease] = waits.run(desk.check_out)
        self._is_taken = False

    @property
    def is_waiting(self) -> bool:
        """Whether the pool has neither lent nor refused."""
        return not self._fiber.is_over

    def poll(self) -> Lease | Failed | None:
        """What the checkout came to."""
        if self.is_waiting:
            return None
        self._is_taken = True
        if self._fiber.error is not None:
            return self._desk.failure(self._fiber.error)
        return self._fiber.result

    def cancel(self) -> None:
        """Interrupt the checkout, or give back what nobody has taken."""
        if self.is_waiting:
            self._fiber.kill(self._interruption)
            self._waits.run_ready()
        elif not self._is_taken and self._fiber.result is not None:
            lease = self._fiber.result
            self._is_taken = True
            if self._desk.takes(lease):
                self._waits.run(lambda: self._desk.check_in(lease))


class PolledPool:
    """See ``protocol.Pool``. The pool is asked with a timeout of zero, and simdsl keeps the queue and the deadlines."""

    def __init__(self, subject: PoolAdapter, source: ConnectionSource, spec: PoolSpec, clock: Clock) -> None:
        self._desk = _LeaseLedger(subject, source)
        self._spec = spec
        self._clock = clock
        self._queue: list[PolledTicket] = []

    def request(self, task: str) -> Ticket:
        """Ask at once if nobody waits already."""
        ticket = PolledTicket(self._desk, self._queue)
        self._queue.append(ticket)
        ticket.advance()
        if ticket.is_waiting:
            self._clock.call_at(self._clock.now_us + self._spec.timeout_us, ticket.time_out)
        return ticket

    def give_back(self, lease: Lease) -> Failed | None:
        """The pool's own check-in."""
        if not isinstance(lease, PoolLease) or not self._desk.takes(lease):
            return _RETURNED
        return self._desk.guarded(lambda: self._desk.check_in(lease))

    def invalidate(self, lease: Lease) -> None:
        """The pool's own. Does nothing for a connection that has gone back."""
        if isinstance(lease, PoolLease) and self._desk.takes(lease):
            self._desk.guarded(lambda: self._desk.throw_away(lease))

    def counts(self) -> PoolCounts:
        """The pool's own, and how many checkouts wait."""
        return PoolCounts(*self._desk.subject.counts(), waiting=len(self._queue))

    def quiesce(self) -> None:
        """Nothing goes on in the background."""

    def close(self) -> None:
        """Forget the waiting checkouts, then close every connection."""
        self._queue.clear()
        for lease in self._desk.checked_out():
            self.invalidate(lease)
        self._desk.guarded(self._desk.subject.dispose)


class PolledTicket:
    """A checkout that is tried whenever it is looked at and nobody stands before it."""

    def __init__(self, desk: _LeaseLedger, queue: list[PolledTicket]) -> None:
        self._desk = desk
        self._queue = queue
        self._outcome: PoolLease | Failed | None = None
        self._is_taken = False
        self._refusal = "the pool has no connection"

    @property
    def is_waiting(self) -> bool:
        """Whether it stands in the queue."""
        return self in self._queue

    def poll(self) -> Lease | Failed | None:
        """What the checkout came to."""
        self.advance()
        self._is_taken = True
        return self._outcome

    def cancel(self) -> None:
        """Leave the queue, or give back what nobody has taken."""
        if self.is_waiting:
            self._queue.remove(self)
        elif not self._is_taken and isinstance(lease := self._outcome, PoolLease) and self._desk.takes(lease):
            self._desk.guarded(lambda: self._desk.check_in(lease))

    def advance(self) -> None:
        """Try, if it is the first in the queue."""
        if not self.is_waiting or self._queue[0] is not self:
            return
        try:
            self._end(self._desk.check_out())
        except Exception as error:  # whatever the pool raises is for the one who asked
            failure = self._desk.failure(error)
            if failure.error_class is ErrorClass.POOL_TIMEOUT:
                self._refusal = failure.text
            else:
                self._end(failure)

    def time_out(self) -> None:
        """The deadline: one last try, then the pool's own refusal."""
        self.advance()
        if self.is_waiting:
            self._end(Failed(ErrorClass.POOL_TIMEOUT, self._refusal))

    def _end(self, outcome: PoolLease | Failed) -> None:
        self._queue.remove(self)
        self._outcome = outcome


class _LeaseLedger:
    """The books of a pool: which leases are out, and what its errors mean."""

    def __init__(self, subject: PoolAdapter, source: ConnectionSource) -> None:
        self.subject = subject
        self._source = source
        self._lent: list[PoolLease] = []

    def check_out(self) -> PoolLease:
        proxy = self.subject.connect()
        lease = PoolLease(self._source.session_of(proxy.dbapi_connection), proxy)
        self._lent.append(lease)
        return lease

    def takes(self, lease: PoolLease) -> bool:
        """Strike a lease off; false if it was not out."""
        if lease not in self._lent:
            return False
        self._lent.remove(lease)
        return True

    def check_in(self, lease: PoolLease) -> None:
        self.subject.give_back(lease.proxy)

    def throw_away(self, lease: PoolLease) -> None:
        self.subject.invalidate(lease.proxy)

    def checked_out(self) -> tuple[PoolLease, ...]:
        return tuple(self._lent)

    def failure(self, error: Exception) -> Failed:
        text = self.subject.timeout_text(error)
        return self._source.failed(error) if text is None else Failed(ErrorClass.POOL_TIMEOUT, text)

    def outcome(self, fiber: Fiber[None]) -> Failed | None:
        """What a call that ought not to wait came to."""
        if not fiber.is_over:
            fiber.kill()
            return _STUCK
        return None if fiber.error is None else self.failure(fiber.error)

    def guarded(self, call: Callable[[], None]) -> Failed | None:
        """Make a call; what it raises is its outcome."""
        try:
            call()
        except Exception as error:  # whatever the pool raises
            return self.failure(error)
        return None


class CustomPoolAdapter:
    """A pool of the user's that is no QueuePool. It may lack the counts; then simdsl's own stand in."""

    def __init__(self, pool: Any, size: int, connect: CountingConnect) -> None:
        self._pool = pool
        self._size = size
        self._connect = connect
        self._lent = 0
        self._lost = 0

    def connect(self) -> PooledConnection:
        """The pool's own, which blocks by the ``threading`` that its factory was given."""
        proxy: PooledConnection = self._pool.connect()
        self._lent += 1
        return proxy

    def give_back(self, proxy: PooledConnection) -> None:
        """The proxy's ``close``."""
        self._lent -= 1
        proxy.close()

    def invalidate(self, proxy: PooledConnection) -> None:
        """The proxy's own, or else the connection is closed before it goes back."""
        self._lent -= 1
        self._lost += 1
        invalidate = getattr(proxy, "invalidate", None)
        if invalidate is not None:
            invalidate()
        else:
            proxy.dbapi_connection.close()
            proxy.close()

    def counts(self) -> tuple[int, int, int]:
        """The pool's own, where it has them."""
        idle = self._connect.made - self._lost - self._lent
        return self._ask("size", self._size), self._ask("checkedin", idle), self._ask("checkedout", self._lent)

    def dispose(self) -> None:
        """The pool's own, if it has one; the database closes every connection anyway."""
        self._ask("dispose", 0)

    def timeout_text(self, error: Exception) -> str | None:
        """``TimeoutError``, and whatever else is called so."""
        return str(error) if any(cls.__name__ == "TimeoutError" for cls in type(error).__mro__) else None

    def _ask(self, method: str, otherwise: int) -> int:
        found = getattr(self._pool, method, None)
        return otherwise if found is None else found()


class CountingConnect:
    """Connects, and counts how often."""

    def __init__(self, connect: Callable[[], Any]) -> None:
        self._connect = connect
        self.made = 0

    def __call__(self) -> Any:
        connection = self._connect()
        self.made += 1
        return connection
