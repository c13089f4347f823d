"""A planted bug, and the ways to plant one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from simdsl.backends.protocol import Backend
from simdsl.backends.registry import resolve
from simdsl.backends.wrapping import WrappedBackend, WrappedSession
from tests.modes.faulty_sqlite import Faithful, install_class


class Kind(StrEnum):
    """What a bug is in, in the order of the page."""

    TRANSACTION = "transactions"
    POOL = "pools"
    QUERY = "queries"
    INDEX = "indexes"
    WRITE = "writes"
    SCHEMA = "schema"
    VALUE = "values"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bug:
    """A backend that is right but in one point. ``make`` gives a new one; it is SQLite's own engine that runs.

    ``does`` is one sentence that says what is wrong and when; ``model`` is the kind of real bug that it stands for.
    """

    name: str
    does: str
    model: str
    make: Callable[[], Backend]
    kind: Kind


def driver(name: str, cursor: type[Faithful], *, memory: bool = False) -> Callable[[], Backend]:
    """SQLite through a driver whose cursors are of this class; ``memory``: its sessions share a page cache."""
    module = install_class(f"mutation_{name.replace('-', '_')}", cursor)
    place = "sqlite:///:memory:" if memory else "sqlite"
    return lambda: resolve(f"{place}?driver={module}")


def pool(factory: str) -> Callable[[], Backend]:
    """SQLite with the pool of a factory, ``module:name``."""
    return lambda: resolve(f"sqlite?pool={factory}")


def wrapped(session: type[WrappedSession]) -> Callable[[], Backend]:
    """SQLite behind sessions of this class."""
    return lambda: WrappedBackend(resolve("sqlite"), "sqlite", session)
