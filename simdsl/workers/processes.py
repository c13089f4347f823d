"""Processes that may die: how they are started, how they ended, and how messages reach them."""

from __future__ import annotations

import fcntl
import multiprocessing
import os
import signal
import struct
import sys
import threading
from collections.abc import Iterable
from multiprocessing import parent_process
from multiprocessing.connection import wait
from multiprocessing.context import BaseContext
from typing import Final, NamedTuple

HEAD: Final = struct.Struct(">Q")
"""What stands before a message: how many bytes it has."""


EMPTY: Final = b""
"""The message that is a sign and nothing else: to stop, or to be ready."""


def framed(message: bytes) -> bytes:
    """As it goes through a pipe."""
    return HEAD.pack(len(message)) + message


class ProcessExit(NamedTuple):
    """How a process ended: the word in a fingerprint (``SIGABRT``, ``exit 3``, ``timeout``), and the rest of a sentence
    that starts with the process (``ended by SIGABRT``)."""

    word: str
    said: str

    @classmethod
    def of(cls, code: int) -> ProcessExit:
        """From an exit code, which ``multiprocessing`` makes negative for a signal."""
        if code >= 0:
            return cls(f"exit {code}", f"ended with code {code}")
        try:
            name = signal.Signals(-code).name
        except ValueError:
            name = f"signal {-code}"
        return cls(name, f"ended by {name}")

    @classmethod
    def hung(cls, limit_us: int) -> ProcessExit:
        """Of a process that was killed after it had shown no activity for this long."""
        return cls("timeout", f"did nothing for {limit_us / 1e6:g} s and was killed")


def forkserver_context(preloaded: Iterable[str]) -> BaseContext:
    """Start processes from a server that has imported these modules and has run nothing; spawn them on Windows.

    Not by forking this process: it has threads, open connections and locks, and a copy of a lock that another thread held
    is held for ever. And not by spawning where that can be avoided: importing simdsl and a driver takes many times as long
    as a fork of a server that has imported them.
    """
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(preloaded))
    return context


def die_with_parent() -> None:
    """Arrange that this process, which ``multiprocessing`` has started, is killed when its parent is gone.

    PR_SET_PDEATHSIG would not do: under a fork server the parent in the kernel's sense is the server. Instead the kernel
    is asked to send SIGKILL when the other end of the sentinel pipe closes (Linux), which reaches a process inside a
    driver's C code as well. Elsewhere a thread waits for the pipe, which works as long as the driver releases the GIL.

    Raises:
        RuntimeError: ``multiprocessing`` has not started this process.
    """
    parent = parent_process()
    if parent is None:
        raise RuntimeError("multiprocessing has not started this process")
    if sys.platform == "linux":
        _ask_kernel_to_kill(parent.sentinel)
        if not wait([parent.sentinel], 0):
            return
        # The parent died before the kernel was asked, so no signal will come: the thread below sees the closed pipe.
    threading.Thread(target=_exit_after_parent, args=(parent.sentinel,), daemon=True).start()


def _exit_after_parent(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)


if sys.platform == "linux":
    import fcntl

    def _ask_kernel_to_kill(sentinel: int) -> None:
        # Nothing is ever written to this pipe, so the only event that it can signal is that its other end was closed.
        fcntl.fcntl(sentinel, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(sentinel, fcntl.F_SETSIG, signal.SIGKILL)
        fcntl.fcntl(sentinel, fcntl.F_SETFL, fcntl.fcntl(sentinel, fcntl.F_GETFL) | os.O_ASYNC)
