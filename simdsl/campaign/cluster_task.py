"""What a worker of a cluster does for a campaign: it hands jobs to processes that may die, and brings back what they say.

All of this runs in the worker's loop of events, one thing at a time. The worker itself runs no plan and reads no job, and
has nothing imported that it needs for that.
"""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Sequence
from dataclasses import field
from typing import Final, NamedTuple, TypeAlias

from distributed import Worker, WorkerPlugin, get_worker

from simdsl import __version__
from simdsl.plan.dataclasses import dataclass
from simdsl.workers.processes import EMPTY, HEAD, framed

PYTHON: Final = f"{sys.version_info.major}.{sys.version_info.minor}"
_NAME: Final = "simdsl-campaign"

_IDLE_S: Final = 30.0
"""So long a process waits for the next job of its campaign, which may have been killed."""

_FAREWELL_S: Final = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterJob:
    """A job, and what has to be known about it. What may hold a secret is not shown."""

    key: str
    campaign: str
    simdsl: str
    python: str
    work: bytes = field(repr=False)  # pickled
    job: bytes = field(repr=False)  # pickled


class UnfitWorker(NamedTuple):
    """A worker that cannot do jobs of this campaign, and why."""

    worker: str
    why: str


class HostExited(NamedTuple):
    """A process ended in the middle of a job, with this code, and nothing of the job is known."""

    code: int


ClusterAnswer: TypeAlias = bytes | UnfitWorker | HostExited | None
"""What becomes of a job: a pickled ``cluster_host.Report``; None if somebody has said meanwhile that nobody wants it."""


async def do(order: ClusterJob) -> ClusterAnswer:
    """The task of a job."""
    worker = get_worker()
    if (order.simdsl, order.python) != (__version__, PYTHON):
        return UnfitWorker(worker.address, f"it has simdsl {__version__} and Python {PYTHON}")
    return await (await _hosts_of(worker)).do(order)


async def stop(campaign: str, dask_worker: Worker) -> Sequence[str]:
    """Have the jobs of a campaign end after their present seed: the keys of those that were begun."""
    return (await _hosts_of(dask_worker)).stop(campaign)


async def leave(campaign: str, dask_worker: Worker) -> None:
    """End everything that a campaign has here."""
    await (await _hosts_of(dask_worker)).leave(campaign)


async def _hosts_of(worker: Worker) -> _Hosts:
    found = worker.plugins.get(_NAME)
    if found is None:
        found = _Hosts()
        await worker.plugin_add(found, _NAME)
    assert isinstance(found, _Hosts)
    return found


class _Hosts(WorkerPlugin):
    """The processes beside one worker: as many as it has been given jobs at once."""

    def __init__(self) -> None:
        self._idle: list[_Host] = []
        self._busy: dict[str, _Host] = {}
        self._goodbyes: set[asyncio.Task[None]] = set()

    def transition(self, key: object, start: str, finish: str, **more: object) -> None:
        """A task that goes on was cancelled: nobody wants to know any more, for instance since nobody is there."""
        if finish == "released" and (host := self._busy.get(str(key))) is not None:
            self._dismiss(host)

    async def teardown(self, worker: Worker) -> None:
        """The worker ends."""
        await asyncio.gather(*self._goodbyes, *(host.end() for host in (*self._idle, *self._busy.values())))

    async def do(self, order: ClusterJob) -> ClusterAnswer:
        """See ``do``."""
        host = self._busy[order.key] = self._idle_one(order.campaign) or _Host(order.campaign)
        try:
            report = await host.do(order)
        except BaseException:  # a task that was taken back too: nobody knows what its process is at
            self._dismiss(host)
            raise
        finally:
            del self._busy[order.key]
        if host.may_go_on:
            self._idle.append(host)
            host.timer = asyncio.get_running_loop().call_later(_IDLE_S, self._expire, host)
        else:
            self._dismiss(host)
        return report

    def stop(self, campaign: str) -> Sequence[str]:
        """See ``stop``."""
        return [key for key, host in self._busy.items() if host.campaign == campaign and host.stop()]

    async def leave(self, campaign: str) -> None:
        """See ``leave``."""
        hosts = [host for host in (*self._idle, *self._busy.values()) if host.campaign == campaign]
        self._idle = [host for host in self._idle if host.campaign != campaign]
        await asyncio.gather(*(host.end() for host in hosts))

    def _idle_one(self, campaign: str) -> _Host | None:
        found = next((host for host in self._idle if host.campaign == campaign), None)
        if found is not None:
            self._idle.remove(found)
            if found.timer is not None:
                found.timer.cancel()
        return found

    def _expire(self, host: _Host) -> None:
        if host in self._idle:
            self._idle.remove(host)
            self._dismiss(host)

    def _dismiss(self, host: _Host) -> None:
        goodbye = asyncio.get_running_loop().create_task(host.end())
        self._goodbyes.add(goodbye)
        goodbye.add_done_callback(self._goodbyes.discard)


class _Host:
    """A process that does jobs of one campaign. See ``cluster_host``."""

    def __init__(self, campaign: str) -> None:
        self.campaign = campaign
        self.timer: asyncio.TimerHandle | None = None
        self.may_go_on = True
        self._has_job = False
        self._process: Process | None = None

    async def do(self, order: ClusterJob) -> ClusterAnswer:
        """What became of a job, None if it was told to end or never to begin."""
        process = self._process
        if process is None:
            process = await self._start(order.work)
            if await self._message(process) is None:
                return self._gone(
                    UnfitWorker(get_worker().address, f"a process that it started ended with {await process.wait()}")
                )
        if not self.may_go_on:
            return None
        self._send(process, order.job)
        self._has_job = True
        report = await self._message(process)
        self._has_job = False
        return self._gone(HostExited(await process.wait())) if report is None else report

    def _gone(self, answer: ClusterAnswer) -> ClusterAnswer:
        """It has ended: by itself, or because it was told to."""
        was_told, self.may_go_on = not self.may_go_on, False
        return None if was_told else answer

    def stop(self) -> bool:
        """Have its job end after its present seed. False if it has not begun, and never will."""
        self.may_go_on = False
        if self._has_job and self._process is not None:
            self._send(self._process, EMPTY)
        return self._has_job

    async def end(self) -> None:
        """End it, and wait until it has ended, with all that it started. Idempotent."""
        self.may_go_on = False
        if self._process is None:
            return
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            await asyncio.wait_for(self._process.wait(), _FAREWELL_S)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()

    async def _start(self, work: bytes) -> Process:
        command = (sys.executable, "-m", "simdsl.campaign.cluster_host")
        self._process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE)
        self._send(self._process, work)
        return self._process

    def _send(self, process: Process, message: bytes) -> None:
        assert process.stdin is not None
        process.stdin.write(framed(message))

    async def _message(self, process: Process) -> bytes | None:
        """What it says next; None if it has ended."""
        assert process.stdout is not None
        try:
            head = await process.stdout.readexactly(HEAD.size)
            return await process.stdout.readexactly(*HEAD.unpack(head))
        except asyncio.IncompleteReadError:
            return None
