"""Looking at sockets for a moment. ``select`` takes a microsecond, and only descriptors below 1024; ``poll`` takes any."""

from __future__ import annotations

import math
import select
from collections.abc import Sequence
from typing import Final

SELECTABLE: Final = 1024
"""FD_SETSIZE, which CPython does not tell: the first descriptor that ``select`` does not take."""


def wait_for_socket(readers: Sequence[int], writers: Sequence[int], wait_s: float) -> tuple[bool, bool]:
    """Whether one of ``readers`` can be read and one of ``writers`` be written, waiting this long for either."""
    if max(*readers, *writers, 0) < SELECTABLE:
        readable, writable, _ = select.select(readers, writers, (), wait_s)
        return bool(readable), bool(writable)
    poll = select.poll()
    for fd in {*readers, *writers}:
        poll.register(fd, (select.POLLIN if fd in readers else 0) | (select.POLLOUT if fd in writers else 0))
    found = poll.poll(math.ceil(wait_s * 1_000))
    # What is broken is readable: the error is there to be fetched.
    return (
        any(fd in readers and event & ~select.POLLOUT for fd, event in found),
        any(fd in writers and event & select.POLLOUT for fd, event in found),
    )
