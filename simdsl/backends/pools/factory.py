"""Real pools under the protocol: tickets and leases around a pool's own blocking ``connect()``.

The pool of a plan is SQLAlchemy's QueuePool, or what a factory of the user's makes::

    def factory(connect, *, size, timeout, threading, time): ...

``connect()`` gives a new driver connection; ``size`` is the most that may be lent; ``timeout`` is in seconds;
``threading`` and ``time`` stand in for these modules and wait in virtual time (``fibers``). The factory returns

* a QueuePool, or a subclass of it: its queue is given virtual waits, whatever the factory did with the last two; or
* any object with ``connect()``, which blocks and raises ``TimeoutError`` when the time is over. What it returns has
  ``dbapi_connection`` (a connection that ``connect`` made) and ``close()``, which gives it back, and may have
  ``invalidate()``. The pool may have ``size()``, ``checkedin()``, ``checkedout()`` and ``dispose()``, as QueuePool does.
  It must wait by ``threading`` and ``time`` as it was given them.

Where a QueuePool's queue cannot be given virtual waits, the checkout is *polled*: asked with a timeout of zero, first
come first served by simdsl's order and not by the pool's. ``Description.pool`` then says so, and a warning too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from simdsl.backends.pools.fibers import FiberScheduler
from simdsl.backends.pools.names import QUEUE_POOL, load_factory, one_line
from simdsl.backends.pools.virtual_pool import ConnectionSource, FiberPool, PooledConnection
from simdsl.backends.protocol import BackendUnavailable, Pool
from simdsl.core.clock import Clock
from simdsl.plan.plan import PoolSpec


def make_pool(spec: PoolSpec, clock: Clock, source: ConnectionSource, factory: str | None) -> Pool:
    """A pool whose waits use this clock; ``factory`` is ``module:name``, None is QueuePool.

    Raises ``BackendUnavailable`` where the factory cannot be imported or makes no pool.
    """
    waits = FiberScheduler(clock)
    if factory in (None, QUEUE_POOL):
        from simdsl.backends.pools import queuepool

        return queuepool.under_protocol(queuepool.make_queue_pool(spec, source), spec, clock, source, waits)
    connect = _CountingConnect(source.connect)
    pool = _called(load_factory(str(factory)), str(factory), spec, connect, waits)
    if any(cls.__module__.startswith("sqlalchemy.pool") for cls in type(pool).__mro__):
        from simdsl.backends.pools import queuepool

        return queuepool.under_protocol(pool, spec, clock, source, waits)
    return FiberPool(CustomPoolAdapter(pool, spec.size, connect), source, waits)


class CustomPoolAdapter:
    """A pool of the user's that is no QueuePool. It may lack the counts; then simdsl's own stand in."""

    def __init__(self, pool: Any, size: int, connect: _CountingConnect) -> None:
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


class _CountingConnect:
    """Connects, and counts how often."""

    def __init__(self, connect: Callable[[], Any]) -> None:
        self._connect = connect
        self.made = 0

    def __call__(self) -> Any:
        connection = self._connect()
        self.made += 1
        return connection


def _called(factory: Callable[..., Any], text: str, spec: PoolSpec, connect: _CountingConnect, waits: FiberScheduler) -> Any:
    try:
        pool = factory(
            connect,
            size=spec.size,
            timeout=spec.timeout_us / 1_000_000,
            threading=waits.threading,
            time=waits.time,
        )
    except Exception as error:  # the user's own code
        raise BackendUnavailable(f"the pool `{text}` cannot be made: {type(error).__name__}: {one_line(error)}") from error
    if not callable(getattr(pool, "connect", None)):
        raise BackendUnavailable(f"the pool `{text}` is no pool: it has no `connect`")
    return pool
