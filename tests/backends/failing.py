"""A backend that makes some databases and then no more: its driver has a bug."""

from __future__ import annotations

from simdsl.backends.protocol import Backend, Database
from simdsl.backends.registry import resolve
from simdsl.backends.wrappers import WrappedBackend


class FailingBackend(WrappedBackend):
    """SQLite, of which ``create`` works ``good`` times and then raises ``error``."""

    def __init__(self, good: int, error: Exception) -> None:
        super().__init__(resolve("sqlite"), "sqlite")  # the name is what plans are meant for
        self._left = good
        self._error = error

    def create(self) -> Database:
        if not self._left:
            raise self._error
        self._left -= 1
        return super().create()


def broken() -> Backend:
    """The factory ``python:tests.backends.failing:broken``."""
    return FailingBackend(0, RuntimeError("no more"))
