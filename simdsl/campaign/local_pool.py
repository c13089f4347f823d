"""A pool of worker processes on this machine. A process that dies takes no other with it, and another replaces it.

Why the pool is our own: ``concurrent.futures.ProcessPoolExecutor`` fails as a whole when one of its processes dies, loky
does the same, and pebble does when all of its idle workers die (docs/adr/0044).
"""

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
from simdsl.plan.deferred import dataclass
from simdsl.workers.processes import ProcessExit, die_with_parent, forkserver_context


class HeartbeatReading(NamedTuple):
    """The last heartbeat of a worker: its number, and where the worker was; None before the first plan of a job."""

    number: int
    at: Position | None


class Heartbeat:
    """Where a worker is, in memory that it shares with its pool.

    A message for each plan would wake the pool's process a thousand times a second; a write to shared memory costs the
    worker under 10 µs and the pool nothing. The worker may be killed in the middle of a write, so there are two slots, used
    in turn, and the counter that makes a slot valid is written last.
    """

    def __init__(self, context: BaseContext) -> None:
        # The counter, and two slots of (generator, seed); a generator below 0 means that the job is nowhere yet.
        self._numbers: Array[c_longlong] = context.RawArray(c_longlong, (0, -1, 0, -1, 0))

    def say(self, at: Position | None) -> None:
        """The worker is at this position; None repeats the last one, as a sign of life."""
        numbers, count = self._numbers, self._numbers[0] + 1
        here, before = 1 + 2 * (count % 2), 1 + 2 * ((count - 1) % 2)
        numbers[here], numbers[here + 1] = (numbers[before], numbers[before + 1]) if at is None else at
        numbers[0] = count

    def begin(self) -> None:
        """A job begins. Until its first plan the worker is nowhere, so its end is not blamed on a plan of the job before."""
        self.say(Position(-1, 0))

    def read(self) -> HeartbeatReading:
        """The last heartbeat."""
        numbers, count = self._numbers, self._numbers[0]
        here = 1 + 2 * (count % 2)
        return HeartbeatReading(count, None if numbers[here] < 0 else Position(numbers[here], numbers[here + 1]))


class WorkerCommand(Enum):
    """What a worker is sent besides jobs."""

    STOP = "stop"  # end the job after the present seed
    END = "end"


WorkerOrder: TypeAlias = Job | WorkerCommand


def serve(pipe: Connection, heartbeat: Heartbeat, work: CampaignSpec) -> None:
    """The main function of a worker process: do jobs until there are no more."""
    # The terminal sends Ctrl-C to the whole group of processes; what follows from it is the campaign's decision alone.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    die_with_parent()
    _be_silent()
    from simdsl.campaign.executor import JobExecutor  # the parent of this process needs none of it

    executor = JobExecutor(work)
    monitor = _PipeMonitor(pipe, heartbeat)
    try:
        while True:
            order: WorkerOrder = pipe.recv()
            if order is WorkerCommand.END:
                break
            if not isinstance(order, WorkerCommand):
                heartbeat.begin()
                pipe.send(executor.do(order, monitor))
    except (EOFError, BrokenPipeError):
        pass
    # multiprocessing ends a child with `os._exit`, which would leave the servers running that this process has started.
    atexit._run_exitfuncs()


@dataclass(slots=True)
class _PipeMonitor:
    """The ``JobMonitor`` of a worker process."""

    pipe: Connection
    heartbeat: Heartbeat
    stopped: bool = False

    def at(self, place: Position | None) -> None:
        self.heartbeat.say(place)

    def is_stopped(self) -> bool:
        if not self.stopped and self.pipe.poll(0):
            self.stopped = self.pipe.recv() is WorkerCommand.STOP
        return self.stopped


def _be_silent() -> None:
    """Drop what engines and drivers print: it would end up in the middle of the campaign's own output."""
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


# A job that runs each plan in its own process kills hanging plans itself, so the pool waits this much longer.
_PATIENCE: Final = 3


_FAREWELL_S: Final = 5.0


_PAUSE_US: Final = 50_000


# How many processes in a row may die before they have begun a job: then something is wrong with this machine.
_MAX_FAILED_STARTS: Final = 5


class LocalPool:
    """See ``jobs.WorkerPool``. A process is started when there is a job for it and no idle one."""

    def __init__(self, work: CampaignSpec, size: int) -> None:
        self._work = work
        self._size = size
        self._context = _context(work)
        self._waiting: deque[Job] = deque()
        self._workers: list[_Worker] = []
        self._failed_starts = 0

    @property
    def size(self) -> int:
        """How many processes there are at most."""
        return self._size

    @property
    def busy(self) -> int:
        """How many jobs are waiting or running."""
        return len(self._waiting) + sum(worker.job is not None for worker in self._workers)

    def submit(self, job: Job) -> None:
        """Queue a job, or give it to an idle process."""
        self._waiting.append(job)
        self._start_jobs()

    def reports(self, wait_us: int) -> Iterator[JobResult | LostJob]:
        """The jobs that ended. Raises ``WorkerPoolError`` if processes keep dying as soon as they are started."""
        until_ns = real_ns() + wait_us * 1_000
        came = False
        while not came:
            self._start_jobs()
            left_us = max(until_ns - real_ns(), 0) // 1_000
            for worker in self._ready(left_us):
                report = worker.report()
                if report is None:
                    continue
                if worker.is_dead:
                    self._workers.remove(worker)
                    worker.end()
                if isinstance(report, LostJob) and not worker.has_begun:
                    self._requeue(report)
                    continue
                self._failed_starts = 0
                self._start_jobs()
                came = True
                yield report
            if not left_us:
                return

    def stop(self) -> None:
        """Let the running jobs end after their present seed; drop the others."""
        self._waiting.clear()
        for worker in self._workers:
            worker.tell(WorkerCommand.STOP)

    def close(self) -> None:
        """End all processes. An idle one ends by itself, so that the servers that it started shut down in good order."""
        self._waiting.clear()
        for worker in self._workers:
            worker.dismiss()
        for worker in self._workers:
            worker.end()
        self._workers = []

    def _ready(self, wait_us: int) -> list[_Worker]:
        """The workers that may have sent something, have died or hang."""
        busy = [worker for worker in self._workers if worker.job is not None]
        if not busy:
            if self._waiting:  # no process could be started just now: do not spin
                wait([], min(wait_us, _PAUSE_US) / 1e6)
            return []
        of: dict[object, _Worker] = {thing: worker for worker in busy for thing in worker.handles}
        wait_us = min(wait_us, *(worker.hangs_in_us() for worker in busy))
        found = wait([thing for worker in busy for thing in worker.handles], max(wait_us, 0) / 1e6)
        return list(dict.fromkeys([*(of[thing] for thing in found), *(one for one in busy if one.hangs_in_us() <= 0)]))

    def _start_jobs(self) -> None:
        while self._waiting:
            idle = next((worker for worker in self._workers if worker.job is None), None)
            if idle is None:
                if len(self._workers) >= self._size:
                    return
                try:
                    idle = _Worker(self._context, self._work)
                except (EOFError, OSError) as error:
                    # A signal to the whole process group kills the fork server as well. multiprocessing starts another one
                    # for the next process, so this is a failed start and not the end of the pool.
                    self._note_failed_start(f"was not started: {error}")
                    return
                self._workers.append(idle)
            idle.give(self._waiting.popleft())

    def _requeue(self, lost: LostJob) -> None:
        """Queue the job of a process that died before it began: the job is not what ended it."""
        self._note_failed_start(lost.how.said)
        self._waiting.appendleft(lost.job)
        self._start_jobs()

    def _note_failed_start(self, said: str) -> None:
        self._failed_starts += 1
        if self._failed_starts >= _MAX_FAILED_STARTS:
            raise WorkerPoolError(
                f"{_MAX_FAILED_STARTS} worker processes in a row ended before they had begun; the last one {said}"
            )


class _Worker:
    """One process and its job."""

    def __init__(self, context: BaseContext, work: CampaignSpec) -> None:
        self.job: Job | None = None
        self.is_dead = False
        self._limit_us = work.limit_us
        self._heartbeat = Heartbeat(context)
        self._before = self._last = self._heartbeat.read()
        self._since_ns = real_ns()
        self._hung = False
        self.pipe: Connection
        self.pipe, theirs = context.Pipe()
        # Not a daemon, which multiprocessing does not allow to have children: plans may run in processes of their own.
        self._process: BaseProcess = context.Process(target=serve, args=(theirs, self._heartbeat, work), name=NAME)  # type: ignore[attr-defined]
        self._process.start()
        theirs.close()

    @property
    def has_begun(self) -> bool:
        """Whether it has begun its job."""
        return self._heartbeat.read().number > self._before.number

    @property
    def handles(self) -> tuple[Connection, int]:
        """Become ready when it has sent something, or has ended."""
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
        """Give it a job."""
        self.job, self._since_ns = job, real_ns()
        self._before = self._last = self._heartbeat.read()
        self.tell(job)

    def tell(self, order: WorkerOrder) -> None:
        """Send a job or a command. A dead process is found by ``report``."""
        with contextlib.suppress(OSError):
            self.pipe.send(order)

    def hangs_in_us(self) -> int:
        """How long it may stay without a heartbeat until it counts as hung."""
        reading = self._heartbeat.read()
        if reading.number != self._last.number:
            self._last, self._since_ns = reading, real_ns()
        is_plain = isinstance(self.job, SeedBatch) and not self.job.alone
        limit_us = self._limit_us if is_plain else _PATIENCE * self._limit_us
        return limit_us - (real_ns() - self._since_ns) // 1_000

    def report(self) -> JobResult | LostJob | None:
        """The result of its job, or its loss; None while it runs."""
        job = self.job
        assert job is not None
        # In this order: a process that sent its result and died afterwards has done its job, and the result is in the pipe.
        is_over = not self._process.is_alive()
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
        return LostJob(job=job, at=self._heartbeat.read().at if self.has_begun else None, how=self.how)

    def dismiss(self) -> None:
        """Ask an idle process to end; kill a busy one. Database servers notice that their client is gone."""
        if self.job is None:
            self.tell(WorkerCommand.END)
        else:
            self._process.kill()

    def end(self) -> None:
        """Wait until it has ended, and kill it if it does not. Idempotent."""
        self._process.join(_FAREWELL_S)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self.pipe.close()


def _context(work: CampaignSpec) -> BaseContext:
    more = [module for facts in built_in_facts() if any(facts.name in url for url in work.urls) for module in facts.preloads]
    return forkserver_context([*_PRELOADED, *more])
