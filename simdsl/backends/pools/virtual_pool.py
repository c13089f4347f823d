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
        """Return it to its pool."""


class PoolAdapter(Protocol):
    """A pool under test, reduced to what tickets need of it."""

    def connect(self) -> PooledConnection:
        """Check out. Blocks, and raises what ``timeout_text`` knows when the time is over."""

    def release(self, proxy: PooledConnection) -> None:
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
    """See ``protocol.Pool``. Every call of the pool runs in a fiber, and waiters that it wakes go on before it returns.

    That makes a release and the service of the next waiter one event of the run: the pool decides who is served, and simdsl
    sees the result at once, instead of at some later moment that depends on a thread.
    """

    def __init__(
        self,
        adapter: PoolAdapter,
        source: ConnectionSource,
        scheduler: FiberScheduler,
        *,
        interruption: type[BaseException] = FiberInterrupted,
    ) -> None:
        """``interruption`` is raised in a waiting checkout that is cancelled; some pools clean up for ``Exception`` only."""
        self._scheduler = scheduler
        self._interruption = interruption
        self._ledger = _LeaseLedger(adapter, source)
        self._tickets: list[FiberTicket] = []

    def request(self, task: str) -> Ticket:
        """Run the pool's own checkout until it has a connection, refuses, or waits."""
        ticket = FiberTicket(self._ledger, self._scheduler, self._interruption)
        if ticket.is_waiting:
            self._tickets.append(ticket)
        return ticket

    def release(self, lease: Lease) -> Failed | None:
        """The pool's own check-in; then its waiters move."""
        if not isinstance(lease, PoolLease) or not self._ledger.remove(lease):
            return _RETURNED
        return self._ledger.outcome(self._scheduler.run(lambda: self._ledger.check_in(lease)))

    def invalidate(self, lease: Lease) -> None:
        """The pool's own; then its waiters move. Does nothing for a connection that was returned already."""
        if isinstance(lease, PoolLease) and self._ledger.remove(lease):
            self._ledger.outcome(self._scheduler.run(lambda: self._ledger.discard(lease)))

    def counts(self) -> PoolCounts:
        """The pool's own, and how many checkouts wait."""
        self._tickets = [ticket for ticket in self._tickets if ticket.is_waiting]
        return PoolCounts(*self._ledger.adapter.counts(), waiting=len(self._tickets))

    def quiesce(self) -> None:
        """Nothing goes on in the background."""

    def close(self) -> None:
        """Unwind the waiting checkouts, then close every connection."""
        for ticket in self._tickets:
            ticket.cancel()
        self._tickets.clear()
        for lease in self._ledger.checked_out():
            self.invalidate(lease)
        self._scheduler.run(self._ledger.adapter.dispose)


class FiberTicket:
    """A checkout in a fiber."""

    def __init__(self, ledger: _LeaseLedger, scheduler: FiberScheduler, interruption: type[BaseException]) -> None:
        self._ledger = ledger
        self._scheduler = scheduler
        self._interruption = interruption
        self._fiber: Fiber[PoolLease] = scheduler.run(ledger.check_out)
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
            return self._ledger.failure(self._fiber.error)
        return self._fiber.result

    def cancel(self) -> None:
        """Interrupt the checkout, or return a connection that was never taken from the ticket."""
        if self.is_waiting:
            self._fiber.kill(self._interruption)
            self._scheduler.run_ready()
        elif not self._is_taken and self._fiber.result is not None:
            lease = self._fiber.result
            self._is_taken = True
            if self._ledger.remove(lease):
                self._scheduler.run(lambda: self._ledger.check_in(lease))


class PolledPool:
    """See ``protocol.Pool``. The pool is asked with a timeout of zero, and simdsl keeps the queue and the deadlines."""

    def __init__(self, adapter: PoolAdapter, source: ConnectionSource, spec: PoolSpec, clock: Clock) -> None:
        self._ledger = _LeaseLedger(adapter, source)
        self._spec = spec
        self._clock = clock
        self._queue: list[PolledTicket] = []

    def request(self, task: str) -> Ticket:
        """Try at once, unless others wait already."""
        ticket = PolledTicket(self._ledger, self._queue)
        self._queue.append(ticket)
        ticket.advance()
        if ticket.is_waiting:
            self._clock.call_at(self._clock.now_us + self._spec.timeout_us, ticket.time_out)
        return ticket

    def release(self, lease: Lease) -> Failed | None:
        """The pool's own check-in."""
        if not isinstance(lease, PoolLease) or not self._ledger.remove(lease):
            return _RETURNED
        return self._ledger.guarded(lambda: self._ledger.check_in(lease))

    def invalidate(self, lease: Lease) -> None:
        """The pool's own. Does nothing for a connection that was returned already."""
        if isinstance(lease, PoolLease) and self._ledger.remove(lease):
            self._ledger.guarded(lambda: self._ledger.discard(lease))

    def counts(self) -> PoolCounts:
        """The pool's own, and how many checkouts wait."""
        return PoolCounts(*self._ledger.adapter.counts(), waiting=len(self._queue))

    def quiesce(self) -> None:
        """Nothing goes on in the background."""

    def close(self) -> None:
        """Forget the waiting checkouts, then close every connection."""
        self._queue.clear()
        for lease in self._ledger.checked_out():
            self.invalidate(lease)
        self._ledger.guarded(self._ledger.adapter.dispose)


class PolledTicket:
    """A checkout that is tried whenever it is polled and is the first in the queue."""

    def __init__(self, ledger: _LeaseLedger, queue: list[PolledTicket]) -> None:
        self._ledger = ledger
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
        """Leave the queue, or return a connection that was never taken from the ticket."""
        if self.is_waiting:
            self._queue.remove(self)
        elif not self._is_taken and isinstance(lease := self._outcome, PoolLease) and self._ledger.remove(lease):
            self._ledger.guarded(lambda: self._ledger.check_in(lease))

    def advance(self) -> None:
        """Try, if it is the first in the queue."""
        if not self.is_waiting or self._queue[0] is not self:
            return
        try:
            self._end(self._ledger.check_out())
        except Exception as error:  # the pool's error is the outcome of the checkout
            failure = self._ledger.failure(error)
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
    """Which leases of a pool are out, and what its errors mean."""

    def __init__(self, adapter: PoolAdapter, source: ConnectionSource) -> None:
        self.adapter = adapter
        self._source = source
        self._lent: list[PoolLease] = []

    def check_out(self) -> PoolLease:
        proxy = self.adapter.connect()
        lease = PoolLease(self._source.session_of(proxy.dbapi_connection), proxy)
        self._lent.append(lease)
        return lease

    def remove(self, lease: PoolLease) -> bool:
        """Remove a lease; false if it was not out, as on a second return."""
        if lease not in self._lent:
            return False
        self._lent.remove(lease)
        return True

    def check_in(self, lease: PoolLease) -> None:
        self.adapter.release(lease.proxy)

    def discard(self, lease: PoolLease) -> None:
        self.adapter.invalidate(lease.proxy)

    def checked_out(self) -> tuple[PoolLease, ...]:
        return tuple(self._lent)

    def failure(self, error: Exception) -> Failed:
        text = self.adapter.timeout_text(error)
        return self._source.failed(error) if text is None else Failed(ErrorClass.POOL_TIMEOUT, text)

    def outcome(self, fiber: Fiber[None]) -> Failed | None:
        """The outcome of a call that must not wait: a pool that blocks in a check-in would hang the program under test."""
        if not fiber.is_over:
            fiber.kill()
            return _STUCK
        return None if fiber.error is None else self.failure(fiber.error)

    def guarded(self, call: Callable[[], None]) -> Failed | None:
        """Make a call; what it raises is its outcome."""
        try:
            call()
        except Exception as error:  # any error of the pool
            return self.failure(error)
        return None


class CustomPoolAdapter:
    """A pool of the user's that is not a QueuePool. Where it has no counts, simdsl's own take their place."""

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

    def release(self, proxy: PooledConnection) -> None:
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
        """The message of a ``TimeoutError``, or of any exception class of that name."""
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
