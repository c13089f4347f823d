"""Processes that may die: how they are started, and what is said of their end."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Iterable
from multiprocessing.context import BaseContext
from typing import NamedTuple


class Ending(NamedTuple):
    """How a process ended: the word of a fingerprint (``SIGABRT``, ``exit 3``, ``timeout``), and what a sentence about it
    goes on with (``ended by SIGABRT``)."""

    word: str
    said: str

    @classmethod
    def of(cls, code: int) -> Ending:
        """Of a process that ended with this code, which is below 0 for a signal."""
        if code >= 0:
            return cls(f"exit {code}", f"ended with code {code}")
        try:
            name = signal.Signals(-code).name
        except ValueError:
            name = f"signal {-code}"
        return cls(name, f"ended by {name}")

    @classmethod
    def hung(cls, limit_us: int) -> Ending:
        """Of a process that was killed since it had given no sign of life for so long."""
        return cls("timeout", f"did nothing for {limit_us / 1e6:g} s and was killed")


def forking(preloaded: Iterable[str]) -> BaseContext:
    """Processes that are forked by a server which has imported these modules and has run nothing.

    Where there is no such server they are started afresh.
    """
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(preloaded))
    return context
