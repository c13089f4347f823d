"""Pools by name, without loading SQLAlchemy or greenlet: for reports, and to refuse a wrong URL early."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from simdsl.backends.protocol import BackendUnavailable

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
