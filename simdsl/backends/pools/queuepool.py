"""SQLAlchemy's QueuePool, standalone, with waits in virtual time: SQLAlchemy's only door.

The pool's own classes run: its checkout, its queue's ``get`` and ``put``, its reset on return. Only the names ``threading``
and ``time`` mean something else inside its queue (``fibers.with_virtual_time``). That relies on how the queue is written, so
it is tried on a spare queue whenever a pool is created: a wait of 1 ms must register a deadline of 1 ms. SQLAlchemy's
versions are bounded in pyproject.toml for the same reason.
"""

from __future__ import annotations

import logging
import warnings
from typing import Any, Final

from sqlalchemy.exc import TimeoutError as QueuePoolTimeout
from sqlalchemy.pool import QueuePool

from simdsl.backends.pools.fibers import FiberScheduler, with_virtual_time
from simdsl.backends.pools.virtual_pool import FiberPool, PolledPool, PooledConnection
from simdsl.backends.protocol import ConnectionSource, Pool
from simdsl.core.clock import Clock
from simdsl.plan.plan import PoolSpec

_PROBE_US: Final = 1_000


def make_queue_pool(spec: PoolSpec, source: ConnectionSource) -> QueuePool:
    """A QueuePool of exactly this size: SQLAlchemy's own default would lend ten more."""
    return QueuePool(source.connect, pool_size=spec.size, max_overflow=0, timeout=spec.timeout_us / 1_000_000)


def under_protocol(
    pool: QueuePool, spec: PoolSpec, clock: Clock, source: ConnectionSource, scheduler: FiberScheduler
) -> Pool:
    """The pool under the protocol: in virtual time, or polled if its queue cannot be rebound, with a warning."""
    _silence_log()
    adapter = QueuePoolAdapter(pool)
    reason = _make_virtual(pool, clock, scheduler)
    if reason is None:
        return FiberPool(adapter, source, scheduler)
    warnings.warn(
        f"{type(pool).__name__} is polled, its own order of waiting is not tested: {reason}", RuntimeWarning, stacklevel=2
    )
    pool._timeout = 0
    return PolledPool(adapter, source, spec, clock)


def problem() -> str | None:
    """Why QueuePool itself would be polled, or None."""
    clock = Clock()
    return _make_virtual(QueuePool(_no_connection, pool_size=1), clock, FiberScheduler(clock))


class QueuePoolAdapter:
    """See ``virtual_pool.PoolAdapter``."""

    def __init__(self, pool: QueuePool) -> None:
        self._pool = pool

    def connect(self) -> PooledConnection:
        """The pool's own."""
        return self._pool.connect()

    def release(self, proxy: Any) -> None:
        """The pool's own, with its reset."""
        proxy.close()

    def invalidate(self, proxy: Any) -> None:
        """The pool's own: the connection is closed, its place is free."""
        proxy.invalidate()

    def counts(self) -> tuple[int, int, int]:
        """Size, idle, busy, as the pool counts them."""
        return self._pool.size(), self._pool.checkedin(), self._pool.checkedout()

    def dispose(self) -> None:
        """The pool's own."""
        self._pool.dispose()

    def timeout_text(self, error: Exception) -> str | None:
        """Without the link that SQLAlchemy adds, which changes with its version."""
        return str(error.args[0]) if isinstance(error, QueuePoolTimeout) else None


def _make_virtual(pool: QueuePool, clock: Clock, scheduler: FiberScheduler) -> str | None:
    try:
        queue = pool._pool
        queue_class = with_virtual_time(type(queue), scheduler)
        spare = queue_class(1, use_lifo=queue.use_lifo)
        probe = scheduler.run(lambda: spare.get(True, _PROBE_US / 1_000_000))
        if probe.is_over or clock.next_deadline_us() != clock.now_us + _PROBE_US:
            return f"a wait of {type(queue).__name__} does not use the virtual clock"
        probe.kill()
        pool._pool = queue_class(queue.maxsize, use_lifo=queue.use_lifo)
    except (AttributeError, TypeError) as error:
        return f"its queue is not built as expected: {error}"
    return None


def _no_connection() -> Any:
    raise LookupError("a pool that was made to be looked at has no connections")


def _silence_log() -> None:
    # The pool logs an error that a reset meets, traceback and all. The error is part of what is tested, not of our output;
    # a handler that the user has installed still sees it.
    logger = logging.getLogger("sqlalchemy.pool")
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
