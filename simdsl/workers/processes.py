"""Child processes that may die: how they are started, how they ended, and that none outlives the process that started it."""

from __future__ import annotations

import fcntl
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Iterable
from multiprocessing import parent_process
from multiprocessing.connection import wait
from multiprocessing.context import BaseContext
from typing import NamedTuple


class ProcessExit(NamedTuple):
    """How a process ended: the word of a fingerprint (``SIGABRT``, ``exit 3``, ``timeout``), and what a sentence about it
    goes on with (``ended by SIGABRT``)."""

    word: str
    said: str

    @classmethod
    def of(cls, code: int) -> ProcessExit:
        """Of a process that ended with this code, which is below 0 for a signal."""
        if code >= 0:
            return cls(f"exit {code}", f"ended with code {code}")
        try:
            name = signal.Signals(-code).name
        except ValueError:
            name = f"signal {-code}"
        return cls(name, f"ended by {name}")

    @classmethod
    def hung(cls, limit_us: int) -> ProcessExit:
        """Of a process that was killed since it had given no sign of life for so long."""
        return cls("timeout", f"did nothing for {limit_us / 1e6:g} s and was killed")


def forkserver_context(preloaded: Iterable[str]) -> BaseContext:
    """Processes that are forked by a server which has imported these modules and has run nothing.

    Where there is no such server they are started afresh.
    """
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(preloaded))
    return context


def die_with_parent() -> None:
    """See that this process, which ``multiprocessing`` has started, is killed when its parent is gone.

    Where the kernel can signal the end of a pipe (Linux), that reaches a process deep in a driver too; elsewhere a thread
    watches, which needs the driver to let it run.
    """
    parent = parent_process()
    if parent is None:
        raise RuntimeError("nobody has started this process")
    if sys.platform == "linux":
        _ask_kernel_to_kill(parent.sentinel)
        if not wait([parent.sentinel], 0):
            return
    threading.Thread(target=_exit_after_parent, args=(parent.sentinel,), daemon=True).start()


def _exit_after_parent(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)


if sys.platform == "linux":
    import fcntl

    def _ask_kernel_to_kill(sentinel: int) -> None:
        # Nothing is ever written to this pipe, so the only thing that there is to be told is that its other end was closed.
        fcntl.fcntl(sentinel, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(sentinel, fcntl.F_SETSIG, signal.SIGKILL)
        fcntl.fcntl(sentinel, fcntl.F_SETFL, fcntl.fcntl(sentinel, fcntl.F_GETFL) | os.O_ASYNC)
