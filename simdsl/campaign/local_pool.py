"""A pool of worker processes on this machine."""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
from collections import deque
from collections.abc import Iterator
from ctypes import Array, c_longlong
from enum import Enum
from multiprocessing.connection import Connection, wait
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess
from typing import Final, NamedTuple, TypeAlias

from simdsl.campaign.jobs import CampaignSpec, Job, JobResult, LostJob, Position, SeedBatch, WorkerPoolError
from simdsl.core.clock import real_ns
from simdsl.plan.backend_facts import built_in_facts
from simdsl.plan.dataclasses import dataclass
from simdsl.workers.processes import ProcessExit, die_with_parent, forkserver_context


class HeartbeatReading(NamedTuple):
    """The last that a worker has said: the ``number``-th thing, at this place, None before the first one of a job."""

    number: int
    at: Position | None


class Heartbeat:
    """One writes, one reads. Whoever writes may be killed at any moment: a place is whole when the count says so."""

    def __init__(self, context: BaseContext) -> None:
        # The count, and two places that are written in turn; a maker below 0 is no place.
        self._numbers: Array[c_longlong] = context.RawArray(c_longlong, (0, -1, 0, -1, 0))

    def say(self, at: Position | None) -> None:
        """It is there, or lives and has nothing more to say."""
        numbers, count = self._numbers, self._numbers[0] + 1
        here, before = 1 + 2 * (count % 2), 1 + 2 * ((count - 1) % 2)
        numbers[here], numbers[here + 1] = (numbers[before], numbers[before + 1]) if at is None else at
        numbers[0] = count

    def begin(self) -> None:
        """A job begins, which is nowhere yet."""
        self.say(Position(-1, 0))

    def read(self) -> HeartbeatReading:
        """What was said last."""
        numbers, count = self._numbers, self._numbers[0]
        here = 1 + 2 * (count % 2)
        return HeartbeatReading(count, None if numbers[here] < 0 else Position(numbers[here], numbers[here + 1]))


class WorkerCommand(Enum):
    """What a worker is told besides jobs."""

    STOP = "stop"  # end the job after the present seed
    END = "end"


WorkerOrder: TypeAlias = Job | WorkerCommand


def serve(pipe: Connection, whereabouts: Heartbeat, work: CampaignSpec) -> None:
    """Do jobs until there are no more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    die_with_parent()
    _be_silent()
    from simdsl.campaign.executor import JobExecutor  # the parent of this process needs none of it

    doer = JobExecutor(work)
    watch = _PipeMonitor(pipe, whereabouts)
    try:
        while True:
            order: WorkerOrder = pipe.recv()
            if order is WorkerCommand.END:
                break
            if not isinstance(order, WorkerCommand):
                whereabouts.begin()
                pipe.send(doer.do(order, watch))
    except (EOFError, BrokenPipeError):
        pass
    atexit._run_exitfuncs()  # servers that were started end with their process, which leaves by another door


@dataclass(slots=True)
class _PipeMonitor:
    """See ``crew.Watch``."""

    pipe: Connection
    whereabouts: Heartbeat
    stopped: bool = False

    def at(self, place: Position | None) -> None:
        self.whereabouts.say(place)

    def is_stopped(self) -> bool:
        if not self.stopped and self.pipe.poll(0):
            self.stopped = self.pipe.recv() is WorkerCommand.STOP
        return self.stopped


def _be_silent() -> None:
    """What engines and drivers print would be written across the view of the campaign."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    os.close(nowhere)


NAME: Final = "simdsl worker"


_PRELOADED: Final = (
    "simdsl.__main__",
    "simdsl.campaign.executor",
    "simdsl.campaign.local_pool",
    "simdsl.generation.plans",
    "simdsl.backends.pools.queuepool",
    "simdsl.backends.sqlite.backend",
    "sqlite3",
)


_PATIENCE: Final = 3
"""A job that runs plans in processes of their own looks after hanging plans itself, and is given that much longer."""


_FAREWELL_S: Final = 5.0


_PAUSE_US: Final = 50_000


_STILLBORN: Final = 5
"""So many processes in a row may die before they have done anything."""


class LocalPool:
    """See ``crew.Crew``. Processes are started when there are jobs for them."""

    def __init__(self, work: CampaignSpec, size: int) -> None:
        self._work = work
        self._size = size
        self._context = _context(work)
        self._waiting: deque[Job] = deque()
        self._workers: list[_Worker] = []
        self._stillborn = 0

    @property
    def size(self) -> int:
        """How many processes there are at most."""
        return self._size

    @property
    def busy(self) -> int:
        """How many jobs are waiting or under way."""
        return len(self._waiting) + sum(worker.job is not None for worker in self._workers)

    def submit(self, job: Job) -> None:
        """Have a job done."""
        self._waiting.append(job)
        self._give()

    def reports(self, wait_us: int) -> Iterator[JobResult | LostJob]:
        """What came to an end. Raises ``WorkerPoolError`` if processes die as soon as they are started."""
        until_ns = real_ns() + wait_us * 1_000
        came = False
        while not came:
            self._give()
            left_us = max(until_ns - real_ns(), 0) // 1_000
            for worker in self._ready(left_us):
                report = worker.report()
                if report is None:
                    continue
                if worker.is_dead:
                    self._workers.remove(worker)
                    worker.end()
                if isinstance(report, LostJob) and not worker.has_begun:
                    self._again(report)
                    continue
                self._stillborn = 0
                self._give()
                came = True
                yield report
            if not left_us:
                return

    def stop(self) -> None:
        """Have the jobs that are under way end after their present seed."""
        self._waiting.clear()
        for worker in self._workers:
            worker.tell(WorkerCommand.STOP)

    def close(self) -> None:
        """End everybody. Whoever has nothing to do ends by itself, so that its servers end in good order."""
        self._waiting.clear()
        for worker in self._workers:
            worker.dismiss()
        for worker in self._workers:
            worker.end()
        self._workers = []

    def _ready(self, wait_us: int) -> list[_Worker]:
        """Those who may have said something, have died or hang."""
        busy = [worker for worker in self._workers if worker.job is not None]
        if not busy:
            if self._waiting:  # nobody could be started just now
                wait([], min(wait_us, _PAUSE_US) / 1e6)
            return []
        of: dict[object, _Worker] = {thing: worker for worker in busy for thing in worker.signs}
        wait_us = min(wait_us, *(worker.hangs_in_us() for worker in busy))
        found = wait([thing for worker in busy for thing in worker.signs], max(wait_us, 0) / 1e6)
        return list(dict.fromkeys([*(of[thing] for thing in found), *(one for one in busy if one.hangs_in_us() <= 0)]))

    def _give(self) -> None:
        while self._waiting:
            idle = next((worker for worker in self._workers if worker.job is None), None)
            if idle is None:
                if len(self._workers) >= self._size:
                    return
                try:
                    idle = _Worker(self._context, self._work)
                except (EOFError, OSError) as error:
                    # Whoever ends a whole group of processes ends the one that forks ours too. Another one will be there.
                    self._is_stillborn(f"was not started: {error}")
                    return
                self._workers.append(idle)
            idle.give(self._waiting.popleft())

    def _again(self, lost: LostJob) -> None:
        """The job had not begun, so it is not what ended the process."""
        self._is_stillborn(lost.how.said)
        self._waiting.appendleft(lost.job)
        self._give()

    def _is_stillborn(self, said: str) -> None:
        self._stillborn += 1
        if self._stillborn >= _STILLBORN:
            raise WorkerPoolError(f"{_STILLBORN} worker processes in a row ended before they had begun; the last one {said}")


class _Worker:
    """One process, and the job that it has."""

    def __init__(self, context: BaseContext, work: CampaignSpec) -> None:
        self.job: Job | None = None
        self.is_dead = False
        self._limit_us = work.limit_us
        self._whereabouts = Heartbeat(context)
        self._before = self._sign = self._whereabouts.read()
        self._since_ns = real_ns()
        self._hung = False
        self.pipe: Connection
        self.pipe, theirs = context.Pipe()
        # Not a daemon: it starts processes of its own.
        self._process: BaseProcess = context.Process(target=serve, args=(theirs, self._whereabouts, work), name=NAME)  # type: ignore[attr-defined]
        self._process.start()
        theirs.close()

    @property
    def has_begun(self) -> bool:
        """Whether it has begun with its job."""
        return self._whereabouts.read().number > self._before.number

    @property
    def signs(self) -> tuple[Connection, int]:
        """Ready when it has said something, or has ended."""
        return self.pipe, self._process.sentinel

    @property
    def how(self) -> ProcessExit:
        """How it ended."""
        self._process.join()
        if self._hung:
            return ProcessExit.hung(self._limit_us)
        code = self._process.exitcode
        assert code is not None
        return ProcessExit.of(code)

    def give(self, job: Job) -> None:
        """Have it do a job."""
        self.job, self._since_ns = job, real_ns()
        self._before = self._sign = self._whereabouts.read()
        self.tell(job)

    def tell(self, order: WorkerOrder) -> None:
        """Send something. If it has died, ``report`` will say so."""
        with contextlib.suppress(OSError):
            self.pipe.send(order)

    def hangs_in_us(self) -> int:
        """When it will have been silent for too long."""
        sign = self._whereabouts.read()
        if sign.number != self._sign.number:
            self._sign, self._since_ns = sign, real_ns()
        is_plain = isinstance(self.job, SeedBatch) and not self.job.alone
        limit_us = self._limit_us if is_plain else _PATIENCE * self._limit_us
        return limit_us - (real_ns() - self._since_ns) // 1_000

    def report(self) -> JobResult | LostJob | None:
        """What became of its job, if it is at an end."""
        job = self.job
        assert job is not None
        is_over = not self._process.is_alive()  # asked first: what it said before it died is in the pipe
        try:
            if self.pipe.poll(0):
                done: JobResult = self.pipe.recv()
                self.job = None
                return done
        except (EOFError, OSError):
            is_over = True
        if not is_over and self.hangs_in_us() > 0:
            return None
        if not is_over:
            self._hung = True
            self._process.kill()
        self.is_dead = True
        return LostJob(job=job, at=self._whereabouts.read().at if self.has_begun else None, how=self.how)

    def dismiss(self) -> None:
        """Ask it to end, if it has nothing to do; else kill it. Its engines see that it is gone."""
        if self.job is None:
            self.tell(WorkerCommand.END)
        else:
            self._process.kill()

    def end(self) -> None:
        """See that it has ended. Idempotent."""
        self._process.join(_FAREWELL_S)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self.pipe.close()


def _context(work: CampaignSpec) -> BaseContext:
    more = [module for facts in built_in_facts() if any(facts.name in url for url in work.urls) for module in facts.preloads]
    return forkserver_context([*_PRELOADED, *more])
