"""Backends whose process some statements end, for ``python:tests.workers.crashing:...``."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Sequence

from simdsl.backends.protocol import Backend, Database, Statement
from simdsl.backends.registry import resolve
from simdsl.backends.wrappers import WrappedBackend, WrappedSession
from simdsl.plan.outcomes import Outcome, Rows
from simdsl.plan.values import Value


class Deadly(WrappedSession):
    """Does what a text in a statement says: 'abort', 'segfault', 'exit', 'hang'; 'slow' and 'pid' are harmless."""

    def start(self, statement: Statement, arguments: Sequence[Value]) -> Outcome | None:
        text = statement.text
        if "'abort'" in text:
            os.abort()
        if "'segfault'" in text:
            os.kill(os.getpid(), signal.SIGSEGV)
        if "'exit'" in text:
            os._exit(3)
        if "'hang'" in text:
            threading.Event().wait()
        if "'slow'" in text:
            threading.Event().wait(0.2)
        if "'pid'" in text:
            return Rows(1, [(os.getpid(),)])
        return super().start(statement, arguments)


class DeadlyWhenClosed(WrappedSession):
    """Its end is the end of the process."""

    def close(self) -> None:
        os.abort()


class _WithoutWorlds(WrappedBackend):
    def create(self) -> Database:
        os.abort()


class _Wrong(WrappedBackend):
    def create(self) -> Database:
        raise ZeroDivisionError("a mistake in a backend")


def make() -> Backend:
    """SQLite, and deadly."""
    return WrappedBackend(resolve("sqlite"), "sqlite", Deadly)


def dies_when_closed() -> Backend:
    """At the end of the first connection."""
    return WrappedBackend(resolve("sqlite"), "sqlite", DeadlyWhenClosed)


def dies_at_once() -> Backend:
    """Before a run has begun."""
    return _WithoutWorlds(resolve("sqlite"), "sqlite")


def is_wrong() -> Backend:
    """No crash, but an exception that no backend may raise."""
    return _Wrong(resolve("sqlite"), "sqlite")
