"""A process that ends with the one that started it, whatever it is doing."""

from __future__ import annotations

import os
import signal
import sys
import threading
from multiprocessing import parent_process
from multiprocessing.connection import wait


def end_with_parent() -> None:
    """See that this process, which ``multiprocessing`` has started, is killed when its parent is gone.

    Where the kernel can signal the end of a pipe (Linux), that reaches a process deep in a driver too; elsewhere a thread
    watches, which needs the driver to let it run.
    """
    parent = parent_process()
    if parent is None:
        raise RuntimeError("nobody has started this process")
    if sys.platform == "linux":
        _have_the_kernel_kill(parent.sentinel)
        if not wait([parent.sentinel], 0):
            return
    threading.Thread(target=_watch, args=(parent.sentinel,), daemon=True).start()


def _watch(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)


if sys.platform == "linux":
    import fcntl

    def _have_the_kernel_kill(sentinel: int) -> None:
        # Nothing is ever written to this pipe, so the only thing that there is to be told is that its other end was closed.
        fcntl.fcntl(sentinel, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(sentinel, fcntl.F_SETSIG, signal.SIGKILL)
        fcntl.fcntl(sentinel, fcntl.F_SETFL, fcntl.fcntl(sentinel, fcntl.F_GETFL) | os.O_ASYNC)
