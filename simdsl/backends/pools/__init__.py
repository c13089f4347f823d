"""Real pools under the protocol, their waits in virtual time. This module loads neither SQLAlchemy nor greenlet.

The pool of a plan is SQLAlchemy's QueuePool, or what a factory of the user's makes::

    def factory(connect, *, size, timeout, threading, time): ...

``connect()`` gives a new driver connection; ``size`` is the most that may be lent; ``timeout`` is in seconds;
``threading`` and ``time`` stand in for these modules and wait in virtual time (``fibers``). The factory returns

* a QueuePool, or a subclass of it: its queue is given virtual waits, whatever the factory did with the last two; or
* any object with ``connect()``, which blocks and raises ``TimeoutError`` when the time is over. What it returns has
  ``dbapi_connection`` (a connection that ``connect`` made) and ``close()``, which returns it, and may have
  ``invalidate()``. The pool may have ``size()``, ``checkedin()``, ``checkedout()`` and ``dispose()``, as QueuePool does.
  It must wait by ``threading`` and ``time`` as it was given them.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from simdsl.backends.protocol import BackendUnavailable, ConnectionSource, Pool
from simdsl.core.clock import Clock
from simdsl.plan.plan import PoolSpec

if TYPE_CHECKING:
    from simdsl.backends.pools.fibers import FiberScheduler

QUEUE_POOL: Final = "queuepool"


def load_factory(text: str) -> Callable[..., Any]:
    """The user's factory. Raises ``BackendUnavailable``."""
    module, colon, attribute = text.partition(":")
    if not colon or not module or not attribute:
        raise BackendUnavailable(f"the pool `{text}` is not module:factory")
    try:
        factory = getattr(import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise BackendUnavailable(f"the pool `{text}` cannot be imported: {one_line(error)}") from error
    except Exception as error:  # a module of the user's may fail in any way while it loads
        raise BackendUnavailable(f"the pool `{text}` fails to load: {type(error).__name__}: {one_line(error)}") from error
    if not callable(factory):
        raise BackendUnavailable(f"the pool `{text}` is not callable")
    made: Callable[..., Any] = factory
    return made


def one_line(error: BaseException) -> str:
    """An error's message for a sentence."""
    return " ".join(str(error).split())


def make_pool(spec: PoolSpec, clock: Clock, source: ConnectionSource, factory: str | None) -> Pool:
    """A pool whose waits use this clock; ``factory`` is ``module:name``, None is QueuePool.

    Raises ``BackendUnavailable`` where the factory cannot be imported or makes no pool.
    """
    # Here and not at the top: greenlet and SQLAlchemy take 270 ms to load, and most plans have no pool.
    from simdsl.backends.pools.fibers import FiberScheduler
    from simdsl.backends.pools.virtual_pool import CountingConnect, CustomPoolAdapter, FiberPool

    scheduler = FiberScheduler(clock)
    connect = CountingConnect(source.connect)
    pool = None
    if factory not in (None, QUEUE_POOL):
        pool = _call_factory(load_factory(str(factory)), str(factory), spec, connect, scheduler)
        if not any(cls.__module__.startswith("sqlalchemy.pool") for cls in type(pool).__mro__):
            return FiberPool(CustomPoolAdapter(pool, spec.size, connect), source, scheduler)
    # A pool of the user's that needs no SQLAlchemy must work where none is installed.
    from simdsl.backends.pools.queuepool import make_queue_pool, under_protocol

    return under_protocol(pool or make_queue_pool(spec, source), spec, clock, source, scheduler)


def describe_pool(factory: str | None) -> str:
    """How reports call a pool. Never imports it: most plans have none, and SQLAlchemy is slow to load."""
    if factory not in (None, QUEUE_POOL):
        return f"{factory} (the user's)"
    queuepool = sys.modules.get("simdsl.backends.pools.queuepool")
    reason = queuepool.problem() if queuepool is not None else None
    waits = "waits in virtual time" if reason is None else f"is polled: {reason}"
    return f"SQLAlchemy QueuePool {_sqlalchemy_version()}, {waits}"


@lru_cache(maxsize=1)  # reading a file for every description would be seen in exhaustive runs
def _sqlalchemy_version() -> str:
    # The package's own metadata says the same, but importlib.metadata takes 20 times as long to load.
    spec = find_spec("sqlalchemy")
    if spec is None or spec.origin is None:
        return "(not installed)"
    found = re.search(r'^__version__ = "([^"]+)"', Path(spec.origin).read_text("utf-8"), re.MULTILINE)
    return found[1] if found else "(unknown version)"


def _call_factory(
    factory: Callable[..., Any], text: str, spec: PoolSpec, connect: Callable[[], Any], scheduler: FiberScheduler
) -> Any:
    try:
        pool = factory(
            connect,
            size=spec.size,
            timeout=spec.timeout_us / 1_000_000,
            threading=scheduler.threading,
            time=scheduler.time,
        )
    except Exception as error:  # the user's own code
        raise BackendUnavailable(f"the pool `{text}` cannot be made: {type(error).__name__}: {one_line(error)}") from error
    if not callable(getattr(pool, "connect", None)):
        raise BackendUnavailable(f"the pool `{text}` is no pool: it has no `connect`")
    return pool
