"""What a planted bug is, and the ways to plant one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from simdsl.backends.protocol import Backend
from simdsl.backends.registry import resolve
from simdsl.backends.wrappers import Wrap, WrappedBackend
from tests.runs.faulty_sqlite import Faithful, install, install_class


class Kind(StrEnum):
    """What a bug is in, in the order of the page."""

    TRANSACTION = "transactions"
    POOL = "pools"
    QUERY = "queries"
    CONDITION = "conditions"
    WRITE = "writes"
    SCHEMA = "schema"
    INDEX = "indexes"
    VALUE = "values"
    DRIVER = "drivers"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bug:
    """SQLite, or what stands before it, changed at one point.

    ``does`` is one sentence; ``model`` says who behaves so, or what class of bugs it stands for; ``expected`` is the
    property that must find it, None for the one that is quickest; ``make`` gives the backend, and ``sound`` is the URL of
    the one without the bug.
    """

    name: str
    kind: Kind
    does: str
    model: str
    make: Callable[[], Backend]
    expected: str | None = None
    sound: str = "sqlite"


def driver(name: str, kind: type[Faithful], url: str = "sqlite") -> Callable[[], Backend]:
    """SQLite whose cursors are of this kind."""
    return lambda: resolve(f"{url}?driver={install_class(f'mutation_{name}'.replace('-', '_'), kind)}")


def fault(name: str) -> Callable[[], Backend]:
    """SQLite with a fault that other tests have too."""
    return lambda: resolve(f"sqlite?driver={install(name)}")


def pool(place: str) -> Callable[[], Backend]:
    """SQLite with the pool that this factory makes."""
    return lambda: resolve(f"sqlite?pool={place}")


def session(wrap: Wrap) -> Callable[[], Backend]:
    """SQLite with every session wrapped."""
    return lambda: WrappedBackend(resolve("sqlite"), "sqlite", wrap)
