"""Pools."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from simdsl.backends.protocol import Pool, Session
from simdsl.core.clock import Clock
from simdsl.plan.ir import PoolSpec
from simdsl.plan.outcomes import Failed


def describe_pool(factory: str | None) -> str:
    """How reports call a pool, without loading it."""
    return factory or "SQLAlchemy QueuePool"


def make_pool(
    spec: PoolSpec,
    clock: Clock,
    *,
    connect: Callable[[], Any],
    session_of: Callable[[object], Session],
    failed: Callable[[BaseException], Failed],
    factory: str | None,
) -> Pool:
    """A pool."""
    raise LookupError(factory)
