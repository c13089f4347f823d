"""Backends with a fault that a few generated plans meet, for ``python:tests.campaign.planted:make?fault=abort``."""

from __future__ import annotations

import ctypes
import os
import signal
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final
from zlib import crc32

from simdsl.backends.protocol import Backend, Session, Statement
from simdsl.backends.registry import resolve
from simdsl.backends.wrappers import WrappedBackend, WrappedSession
from simdsl.plan.outcomes import Affected, Outcome
from simdsl.plan.sql import SqlKind
from simdsl.plan.values import Value

URL: Final = "python:tests.campaign.planted:make?fault="


def make(fault: str, one_of: str = "40", mark: str = "") -> Backend:
    """SQLite in which one of so many statements of DML, always the same ones, is where the fault is.

    ``mark`` is a file: the fault is gone when it is there, and makes it.
    """
    return WrappedBackend(resolve("sqlite"), "sqlite", lambda inner: _Faulty(inner, _FAULTS[fault], int(one_of), mark))


class _Faulty(WrappedSession):
    def __init__(self, inner: Session, fault: Callable[[], None], one_of: int, mark: str) -> None:
        super().__init__(inner)
        self._fault = fault
        self._one_of = one_of
        self._mark = mark

    def start(self, statement: Statement, arguments: Sequence[Value]) -> Outcome | None:
        chance = crc32(f"{statement.text}{arguments}".encode())
        if statement.kind is not SqlKind.DML or chance % self._one_of:
            return super().start(statement, arguments)
        if self._mark:
            if Path(self._mark).exists():
                return super().start(statement, arguments)
            Path(self._mark).touch()
        self._fault()
        more = 1 + chance % 1_000 if self._fault is _wild else 1
        outcome = super().start(statement, arguments)
        return Affected(outcome.n + more) if isinstance(outcome, Affected) and outcome.n is not None else outcome


def _nothing() -> None:
    """The answer is wrong, which is fault enough."""


def _wild() -> None:
    """The answer is another wrong one each time."""


def _raise() -> None:
    raise ZeroDivisionError("a mistake in a backend")


def _spin() -> None:
    """Hang in C and let no other thread run."""
    ctypes.PyDLL(None).sleep(3600)


_FAULTS: Final[dict[str, Callable[[], None]]] = {
    "abort": os.abort,
    "exit": lambda: os._exit(3),
    "kill": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "hang": lambda: threading.Event().wait(),  # type: ignore[dict-item]
    "spin": _spin,
    "raise": _raise,
    "wrong": _nothing,
    "wild": _wild,
}
