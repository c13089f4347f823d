"""A thread a session, for a call into ODBC returns when the statement has ended and not before.

The main thread begins a job and goes on. Results come back through one inbox for all sessions of a database, so that it can
wait for whoever is first. A job has a serial: what comes back for a job that nobody waits for any more is dropped.
"""

from __future__ import annotations

from collections.abc import Callable
from queue import Empty, SimpleQueue
from threading import Thread
from typing import NamedTuple

from simdsl.core.clock import real_ns
from simdsl.plan.outcomes import Outcome


class OutcomeInbox:
    """Where the workers of a database put what they have done. Only the main thread takes out."""

    def __init__(self) -> None:
        self._done: SimpleQueue[_Done] = SimpleQueue()

    def put(self, worker: SessionThread, serial: int, outcome: Outcome) -> None:
        """Called by the workers."""
        self._done.put(_Done(worker, serial, outcome))

    def collect(self, limit_us: int) -> None:
        """Hand everything over that is there; if nothing is, wait at most this real time for the first."""
        try:
            done = self._done.get(timeout=limit_us / 1e6) if limit_us > 0 else self._done.get_nowait()
            while True:
                done.worker.take_over(done.serial, done.outcome)
                done = self._done.get_nowait()
        except Empty:
            return

    def wait_for(self, worker: SessionThread, limit_us: int) -> bool:
        """Collect until this worker is idle; false when the time was not enough."""
        deadline_ns = real_ns() + limit_us * 1_000
        while worker.is_busy:
            left_us = (deadline_ns - real_ns()) // 1_000
            if left_us <= 0:
                return False
            self.collect(left_us)
        return True


class SessionThread:
    """One thread and its job. Everything but the jobs themselves belongs to the main thread."""

    def __init__(self, inbox: OutcomeInbox, name: str) -> None:
        self.is_busy = False
        self._inbox = inbox
        self._serial = 0
        self._outcome: Outcome | None = None
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        # A daemon: a driver that hangs must not keep the process.
        self._thread = Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def begin(self, run: Callable[[], Outcome]) -> None:
        """Run this in the thread; it must not raise. One job at a time."""
        assert not self.is_busy, "one statement at a time"
        self._serial += 1
        self._outcome = None
        self.is_busy = True
        self._jobs.put(_Job(self._serial, run))

    @property
    def has_outcome(self) -> bool:
        """Whether a job has ended that nobody has asked for yet."""
        return self._outcome is not None

    def take(self) -> Outcome | None:
        """The outcome of the job, once."""
        outcome, self._outcome = self._outcome, None
        return outcome

    def take_over(self, serial: int, outcome: Outcome) -> None:
        """What the inbox brings."""
        if serial == self._serial:
            self.is_busy, self._outcome = False, outcome

    def stop(self, limit_us: int) -> bool:
        """End the thread; false if it does not end in time, and then it is left behind."""
        self._jobs.put(None)
        self._thread.join(limit_us / 1e6)
        return not self._thread.is_alive()

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            self._inbox.put(self, job.serial, job.run())


class _Job(NamedTuple):
    serial: int
    run: Callable[[], Outcome]


class _Done(NamedTuple):
    worker: SessionThread
    serial: int
    outcome: Outcome
