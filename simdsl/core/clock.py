"""The only owner of time: a virtual clock for plans, and the real one for limits and reports.

Nothing that a plan can see depends on real time. The virtual clock stands still while statements run and moves only by
``advance_to``, to the deadline of a sleep or of a pool, when every task is blocked. A plan that sleeps for an hour takes no
time at all.
"""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable


class Timer:
    """A call that is due at a deadline. ``cancel`` is idempotent."""

    __slots__ = ("_call", "deadline_us")

    def __init__(self, deadline_us: int, call: Callable[[], None]) -> None:
        self.deadline_us = deadline_us
        self._call: Callable[[], None] | None = call

    @property
    def is_pending(self) -> bool:
        """Whether it has neither fired nor been cancelled."""
        return self._call is not None

    def cancel(self) -> None:
        """Give the call up."""
        self._call = None

    def fire(self) -> None:
        """Make the call, once. Only the clock does this."""
        call, self._call = self._call, None
        if call is not None:
            call()


class Clock:
    """Virtual time in microseconds since the start of the run."""

    __slots__ = ("_heap", "_serial", "now_us")

    def __init__(self) -> None:
        self.now_us = 0
        self._heap: list[tuple[int, int, Timer]] = []
        self._serial = 0

    def call_at(self, deadline_us: int, call: Callable[[], None]) -> Timer:
        """Make a call at this time. Calls for the same time are made in the order in which they were asked for."""
        timer = Timer(deadline_us, call)
        # The serial number makes the order of equal deadlines deterministic, and keeps the heap from comparing timers.
        self._serial += 1
        heapq.heappush(self._heap, (deadline_us, self._serial, timer))
        return timer

    def next_deadline_us(self) -> int | None:
        """When the earliest pending timer is due, or None if none is."""
        heap = self._heap
        # A cancelled timer stays in the heap until it comes up: removing it at once would cost a search.
        while heap and not heap[0][2].is_pending:
            heapq.heappop(heap)
        return heap[0][0] if heap else None

    def advance_to(self, moment_us: int) -> None:
        """Move to this time, and fire what is due on the way, in order. Time never goes back."""
        while True:
            due = self.next_deadline_us()
            if due is None or due > moment_us:
                break
            self.now_us = max(self.now_us, due)
            heapq.heappop(self._heap)[2].fire()
        self.now_us = max(self.now_us, moment_us)


def real_ns() -> int:
    """Real, monotonic time in nanoseconds, for limits on real waits and for progress. It is never part of a trace."""
    return time.monotonic_ns()


def utc_now() -> str:
    """The present time as ``2025-01-31T23:59:59Z``, for when a bug was seen. It is never part of a trace."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
