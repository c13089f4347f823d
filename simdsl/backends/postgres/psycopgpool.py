"""psycopg_pool's ConnectionPool with its waits in virtual time: psycopg_pool's only door.

The pool's own code decides which checkout is served, which one times out and when a lost connection is replaced. It does
much of that in background threads: workers that connect and clean up, a scheduler for retries. Here these are fibers. A task
that the pool hands to its worker runs as soon as the pool's own call has ended, and one that it schedules runs when the
virtual clock has reached its time. So nothing happens between two steps of a plan, and nothing races.

This relies on how the pool is written, so it is tried whenever a pool is created; versions are bounded in pyproject.toml for
the same reason. Where it does not work, the pool is polled, with a warning.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable
from typing import Any, Final

import psycopg
from psycopg_pool import ConnectionPool, PoolTimeout
from psycopg_pool import base as pool_base
from psycopg_pool import pool as pool_module

from simdsl.backends.pools.fibers import FiberScheduler, with_virtual_time
from simdsl.backends.pools.virtual_pool import FiberPool, PolledPool, PooledConnection
from simdsl.backends.protocol import ConnectionSource, Pool
from simdsl.core.clock import Clock
from simdsl.plan.plan import PoolSpec

_FOR_EVER_S: Final = 1e9
_PROBE_US: Final = 1_000


def make_psycopg_pool(
    spec: PoolSpec, clock: Clock, source: ConnectionSource, keep: Callable[[psycopg.Connection[Any]], None]
) -> Pool:
    """A pool of exactly this size, all its connections made at once, as its documentation advises for a fixed size.

    ``keep`` is given the connections that are idle when the pool is given up.
    """
    _silence_log()
    scheduler = FiberScheduler(clock)
    pool = _make(spec, clock, source, scheduler)
    reason = problem()
    if reason is None:
        return FiberPool(PsycopgPoolAdapter(pool, keep), source, scheduler, interruption=CheckoutInterrupted)
    text = f"psycopg_pool is polled, its own order of waiting is not tested: {reason}"
    warnings.warn(text, RuntimeWarning, stacklevel=2)
    return PolledPool(PolledPsycopgPoolAdapter(pool, keep, scheduler), source, spec, clock)


def problem() -> str | None:
    """Why the pool would be polled, or None."""
    clock = Clock()
    scheduler = FiberScheduler(clock)
    try:
        client: Any = with_virtual_time(pool_module.WaitingClient, scheduler)()
        probe = scheduler.run(lambda: client.wait(timeout=_PROBE_US / 1_000_000))
        if probe.is_over or clock.next_deadline_us() != clock.now_us + _PROBE_US:
            return "a waiting client does not use the virtual clock"
        probe.kill(CheckoutInterrupted)
    except (AttributeError, TypeError) as error:
        return f"its waiting client is not built as expected: {error}"
    return None


class CheckoutInterrupted(Exception):
    """A checkout was cancelled. The pool removes a waiting client from its queue only for an ``Exception``."""


class LentConnection:
    """See ``virtual_pool.PooledConnection``."""

    def __init__(self, pool: Any, connection: psycopg.Connection[Any]) -> None:
        self._pool = pool
        self.dbapi_connection = connection

    def close(self) -> None:
        """The pool's own."""
        self._pool.putconn(self.dbapi_connection)


class PsycopgPoolAdapter:
    """See ``virtual_pool.PoolAdapter``."""

    def __init__(self, pool: Any, keep: Callable[[psycopg.Connection[Any]], None]) -> None:
        self._pool = pool
        self._keep = keep

    def connect(self) -> PooledConnection:
        """The pool's own."""
        return LentConnection(self._pool, self._pool.getconn())

    def release(self, proxy: PooledConnection) -> None:
        """The pool's own, with its rollback."""
        proxy.close()

    def invalidate(self, proxy: PooledConnection) -> None:
        """The pool has no call for it: a connection that comes back closed is replaced."""
        proxy.dbapi_connection.close()
        proxy.close()

    def counts(self) -> tuple[int, int, int]:
        """Size, idle, busy, as the pool counts them."""
        stats = self._pool.get_stats()
        idle = stats.get("pool_available", 0)
        return stats["pool_max"], idle, stats["pool_size"] - idle

    def dispose(self) -> None:
        """The pool's own; a new connection costs 2 ms, so idle ones are kept for the next run."""
        while not self._pool.closed and self._pool.get_stats()["pool_available"]:
            self._keep(self._pool.getconn())
        self._pool.close()

    def timeout_text(self, error: Exception) -> str | None:
        """The pool's own message."""
        return str(error) if isinstance(error, PoolTimeout) else None


class PolledPsycopgPoolAdapter(PsycopgPoolAdapter):
    """For a pool whose waits cannot be virtual: a checkout is tried only while the pool has a connection."""

    def __init__(self, pool: Any, keep: Callable[[psycopg.Connection[Any]], None], scheduler: FiberScheduler) -> None:
        super().__init__(pool, keep)
        self._scheduler = scheduler

    def connect(self) -> PooledConnection:
        """Raises the pool's own refusal where it would wait."""
        if not self._pool.get_stats()["pool_available"]:
            raise PoolTimeout(f"couldn't get a connection after {self._pool.timeout:.2f} sec")
        return super().connect()

    def release(self, proxy: PooledConnection) -> None:
        """The pool's own, and what it leaves to its worker."""
        super().release(proxy)
        self._scheduler.run_ready()

    def invalidate(self, proxy: PooledConnection) -> None:
        """The pool's own, and what it leaves to its worker."""
        super().invalidate(proxy)
        self._scheduler.run_ready()


def _make(spec: PoolSpec, clock: Clock, source: ConnectionSource, scheduler: FiberScheduler) -> Any:
    along = (pool_module.WaitingClient, pool_base.AttemptWithBackoff)
    base: Any = with_virtual_time(ConnectionPool, scheduler, along=along)

    class Pool(base):  # type: ignore[misc]  # made at run time
        """The pool without threads."""

        def _start_workers(self) -> None:
            """Tasks run in fibers."""

        def _start_initial_tasks(self) -> None:
            """Connect; a pool of fixed size need not look every ten minutes whether it could shrink."""
            for _ in range(self._nconns):
                self.run_task(pool_module.AddConnection(self))

        def _signal_stop_worker(self) -> list[Any]:
            return []

        def run_task(self, task: Any) -> None:
            scheduler.spawn(lambda: _run(task))

        def schedule_task(self, task: Any, delay: float) -> None:
            clock.call_at(clock.now_us + round(delay * 1e6), lambda: _run_now(scheduler, task))

    class Connection:
        """What the pool calls to connect."""

        @classmethod
        def connect(cls, conninfo: str = "", **kwargs: Any) -> Any:
            return source.connect()

    pool = Pool(
        "",
        connection_class=Connection,
        min_size=spec.size,
        max_size=spec.size,
        timeout=spec.timeout_us / 1_000_000,
        max_lifetime=_FOR_EVER_S,
        max_idle=_FOR_EVER_S,
        num_workers=1,
        name="main",
        open=False,
    )
    scheduler.run(pool.open)
    return pool


def _run(task: Any) -> None:
    # As the pool's worker does: a task that fails must not end the worker.
    try:
        task.run()
    except Exception as error:  # any error of the task
        logging.getLogger("psycopg.pool").warning("task run %s failed: %s", task, error)


def _run_now(scheduler: FiberScheduler, task: Any) -> None:
    scheduler.spawn(lambda: _run(task))
    scheduler.run_ready()


def _silence_log() -> None:
    # What the pool warns of, such as a connection that came back in a transaction, is what plans are about.
    logger = logging.getLogger("psycopg.pool")
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
