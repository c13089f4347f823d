"""What a worker of a cluster does for a campaign: it passes jobs to processes that may die, and their results back.

All of this runs in the worker's event loop, one thing at a time. The worker itself runs no plan, reads no job, and imports
nothing that is needed for that: it outlives every plan, and may serve other users.
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
from simdsl.plan.deferred import dataclass
from simdsl.workers.processes import EMPTY, HEAD, framed

PYTHON: Final = f"{sys.version_info.major}.{sys.version_info.minor}"
_NAME: Final = "simdsl-campaign"

# How long a host waits for the next job of its campaign, which may have been killed.
_IDLE_S: Final = 30.0

_FAREWELL_S: Final = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterJob:
    """A job and what the worker must know about it. Fields that may hold a secret are kept out of its ``repr``."""

    key: str
    campaign: str
    simdsl: str
    python: str
    work: bytes = field(repr=False)  # pickled
    job: bytes = field(repr=False)  # pickled


class UnfitWorker(NamedTuple):
    """A worker that cannot do jobs of this campaign, and the reason."""

    worker: str
    why: str


class HostExited(NamedTuple):
    """A host ended in the middle of a job, with this code, and the results of the job are lost."""

    code: int


# The result of a job: a pickled ``cluster_host.HostReport``; None if the job was cancelled meanwhile.
ClusterAnswer: TypeAlias = bytes | UnfitWorker | HostExited | None


async def do(order: ClusterJob) -> ClusterAnswer:
    """The task of a job."""
    worker = get_worker()
    if (order.simdsl, order.python) != (__version__, PYTHON):
        return UnfitWorker(worker.address, f"it has simdsl {__version__} and Python {PYTHON}")
    return await (await _hosts_of(worker)).do(order)


async def stop(campaign: str, dask_worker: Worker) -> Sequence[str]:
    """Let the jobs of a campaign end after their present seed. Gives the keys of those that have started."""
    return (await _hosts_of(dask_worker)).stop(campaign)


async def leave(campaign: str, dask_worker: Worker) -> None:
    """End all hosts of a campaign."""
    await (await _hosts_of(dask_worker)).leave(campaign)


async def _hosts_of(worker: Worker) -> _Hosts:
    found = worker.plugins.get(_NAME)
    if found is None:
        found = _Hosts()
        await worker.plugin_add(found, _NAME)
    assert isinstance(found, _Hosts)
    return found


class _Hosts(WorkerPlugin):
    """The hosts beside one worker: as many as it has had jobs at once."""

    def __init__(self) -> None:
        self._idle: list[_Host] = []
        self._busy: dict[str, _Host] = {}
        self._goodbyes: set[asyncio.Task[None]] = set()

    def transition(self, key: object, start: str, finish: str, **more: object) -> None:
        """Dask released a running task: it was cancelled, or its client is gone. Its host must not go on for minutes."""
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
        except BaseException:  # a cancelled task as well: the host may be anywhere in its job, so it cannot be used again
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
    """A process that does jobs of one campaign, one at a time. See ``cluster_host``."""

    def __init__(self, campaign: str) -> None:
        self.campaign = campaign
        self.timer: asyncio.TimerHandle | None = None
        self.may_go_on = True
        self._has_job = False
        self._process: Process | None = None

    async def do(self, order: ClusterJob) -> ClusterAnswer:
        """The result of a job, None if it was told to end or not to start."""
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
        """The host has ended, by itself or because it was told to."""
        was_told, self.may_go_on = not self.may_go_on, False
        return None if was_told else answer

    def stop(self) -> bool:
        """Let its job end after its present seed. False if the job has not started, and then it never will."""
        self.may_go_on = False
        if self._has_job and self._process is not None:
            self._send(self._process, EMPTY)
        return self._has_job

    async def end(self) -> None:
        """End it with everything that it started, and wait for that. Idempotent."""
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
        """The next message; None if the host has ended."""
        assert process.stdout is not None
        try:
            head = await process.stdout.readexactly(HEAD.size)
            return await process.stdout.readexactly(*HEAD.unpack(head))
        except asyncio.IncompleteReadError:
            return None
