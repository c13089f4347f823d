"""A backend that wraps another one and changes nothing: what must hold for the inner one holds for it."""

from __future__ import annotations

from simdsl.backends.protocol import Backend
from simdsl.backends.registry import resolve
from simdsl.backends.wrappers import WrappedBackend, WrappedSession


def make(over: str = "sqlite") -> Backend:
    """The factory: ``python:tests.backends.wrapper:make?over=URL``."""
    return WrappedBackend(resolve(over), "wrapped", WrappedSession)
