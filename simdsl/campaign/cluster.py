"""A pool on many machines: a cluster of dask.distributed, which knows which workers are free and which have died.

A job is one task. Dask gives it to another worker when the one that had it is gone, and accepts one result of a task, so a
seed is neither lost nor done twice. Only the campaign's own process stores anything.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import pickle
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from concurrent.futures import CancelledError
from concurrent.futures import Future as Promise
from queue import Empty, SimpleQueue
from typing import Any, Final, TypeVar

from distributed import Client, Future, KilledWorker, Worker
from distributed.comm.addressing import get_address_host_port

from simdsl import __version__
from simdsl.campaign.cluster_host import HostReport, HostUnable
from simdsl.campaign.cluster_task import PYTHON, ClusterAnswer, ClusterJob, HostExited, UnfitWorker, do, leave, stop
from simdsl.campaign.jobs import LOST_WORKER, CampaignSpec, Job, JobResult, LostJob, WorkerPoolError, WorkerPoolUnavailable
from simdsl.core.clock import real_ns
from simdsl.workers.processes import ProcessExit

T = TypeVar("T")

_CONNECT_S: Final = 5.0
_ANSWER_S: Final = 15.0
_COUNT_S: Final = 0.5


class ClusterPool:
    """See ``jobs.WorkerPool``. ``address`` is that of the scheduler, such as ``tcp://host:8786``.

    Raises ``ValueError`` where that is no address, ``WorkerPoolUnavailable`` where no scheduler answers or a worker there
    cannot do our jobs.
    """

    def __init__(self, address: str, work: CampaignSpec) -> None:
        get_address_host_port(address)
        self._address = address
        self._work = pickle.dumps(work)
        self._serial = 0
        self._pending: set[str] = set()  # the keys of jobs
        self._futures: dict[str, Future[Any]] = {}  # only the loop of events touches it
        self._arrived: SimpleQueue[tuple[str, Promise[JobResult | LostJob]]] = SimpleQueue()
        self._size = 0
        self._is_closed = False
        for name in ("distributed", "distributed.client", "tornado.application"):
            logging.getLogger(name).setLevel(logging.CRITICAL)  # what happens is told by the campaign, on the same screen
        try:
            self._client = Client(address, timeout=_CONNECT_S, set_as_default=False, name="simdsl")
        except OSError as error:
            raise WorkerPoolUnavailable(f"no scheduler answers at {address}: {' '.join(str(error).split())}") from None
        self._loop: asyncio.AbstractEventLoop = self._client.sync(_running_loop)
        self._counting = self._in_loop(self._keep_counting())
        try:
            self._request(self._check)
            self._size = self._request(self._count)
        except BaseException as error:  # Ctrl-C as well: the caller has no pool yet that it could close
            self.close()
            if isinstance(error, OSError):
                raise WorkerPoolUnavailable(f"the cluster {address} does not answer") from None
            raise

    @property
    def size(self) -> int:
        """How many threads its workers have: each does a job in a process of its own. 0 as long as there are no workers."""
        return self._size

    @property
    def busy(self) -> int:
        """How many jobs were submitted and not reported yet."""
        return len(self._pending)

    def submit(self, job: Job) -> None:
        """Submit a job as a task."""
        self._serial += 1
        key = f"simdsl-job-{self._serial}-{self._client.id}"
        order = ClusterJob(
            key=key,
            campaign=self._client.id,
            simdsl=__version__,
            python=PYTHON,
            work=self._work,
            job=pickle.dumps(job),
        )
        self._pending.add(key)
        self._in_loop(self._do(job, order)).add_done_callback(lambda promise: self._arrived.put((key, promise)))

    def reports(self, wait_us: int) -> Iterator[JobResult | LostJob]:
        """The jobs that ended. Raises ``WorkerPoolUnavailable``, or ``WorkerPoolError`` for an unsuitable worker."""
        until_ns = real_ns() + wait_us * 1_000
        came = False
        while not came and (ended := self._ended_tasks(max(until_ns - real_ns(), 0))):
            for key, promise in ended:
                if key in self._pending:
                    self._pending.remove(key)
                    came = True
                    yield promise.result()

    def stop(self) -> None:
        """Let the running jobs end after their present seed, and cancel the others."""
        begun = {key for keys in self._on_all_workers(stop) for key in keys}
        self._cancel_jobs(self._pending - begun)

    def close(self) -> None:
        """Cancel every job, end the campaign's processes beside the workers, and leave the cluster as it was."""
        if self._is_closed:
            return
        self._is_closed = True
        self._counting.cancel()
        self._cancel_jobs(self._pending)
        self._on_all_workers(leave)
        self._client.close(timeout=_CONNECT_S)

    async def _do(self, job: Job, order: ClusterJob) -> JobResult | LostJob:
        """A job from start to end. Raises ``WorkerPoolError``, which is discarded if the job was cancelled."""
        key = order.key
        future = self._futures[key] = self._client.submit(do, order, key=key, pure=False)
        try:
            answer: ClusterAnswer = await future
        except KilledWorker as error:
            count = error.allowed_failures + 1
            said = "was lost" if count == 1 else f"was lost, {count} times over"
            return LostJob(job=job, at=None, how=ProcessExit(LOST_WORKER, said))
        except CancelledError:
            raise WorkerPoolUnavailable(f"the scheduler {self._address} is gone") from None
        except Exception as error:  # whatever dask raises on the way there or back
            text = " ".join(str(error).split())
            raise WorkerPoolError(f"a job cannot be given to {self._address}: {type(error).__name__}: {text}") from None
        finally:
            del self._futures[key]
            future.release()
        match answer:
            case bytes():
                report: HostReport = pickle.loads(answer)
                if isinstance(report, HostUnable):
                    raise WorkerPoolError(f"the cluster {self._address}: {report.message}")
                return report
            case HostExited(code=code):
                return LostJob(job=job, at=None, how=ProcessExit.of(code))
            case UnfitWorker(worker=worker, why=why):
                raise WorkerPoolError(
                    f"the worker {worker} cannot do this: {why}, and here is simdsl {__version__}, Python {PYTHON}"
                )
            case None:
                raise WorkerPoolError(f"a worker of {self._address} has returned a job that it was not asked to return")

    def _ended_tasks(self, wait_ns: int) -> list[tuple[str, Promise[JobResult | LostJob]]]:
        """The tasks that have ended: at least one if one ends in time."""
        ended: list[tuple[str, Promise[JobResult | LostJob]]] = []
        try:
            ended.append(self._arrived.get(timeout=wait_ns / 1e9))
            while True:
                ended.append(self._arrived.get_nowait())
        except Empty:
            return ended

    def _cancel_jobs(self, keys: set[str]) -> None:
        """Cancel these jobs: they are never reported, whether they have started or not."""
        self._pending = self._pending - keys
        self._request(self._cancel)

    async def _cancel(self) -> None:
        unwanted = [future for key, future in self._futures.items() if key not in self._pending]
        if unwanted and self._client.status == "running":
            await self._client.cancel(unwanted)

    def _on_all_workers(self, function: Callable[[str, Worker], Awaitable[T]]) -> list[T]:
        """The answers of all workers to a function that runs on each; none if the cluster is gone."""
        if self._client.status != "running":
            return []
        try:
            return list(self._request(lambda: self._client.run(function, self._client.id, on_error="ignore")).values())
        except OSError:  # nothing to tell them: their hosts end by themselves since this client is gone
            return []

    async def _keep_counting(self) -> None:
        while True:
            await asyncio.sleep(_COUNT_S)
            if self._client.status == "running":
                with contextlib.suppress(OSError):  # the jobs will tell
                    self._size = await self._count()

    async def _count(self) -> int:
        return sum((await self._client.nthreads()).values())

    async def _check(self) -> None:
        """Raises ``WorkerPoolUnavailable`` unless scheduler and workers have the versions of this process.

        Jobs and results are pickled: between versions they would be read as something else, or not at all.
        """
        asked = self._client.get_versions(packages=["simdsl"])
        assert isinstance(asked, Awaitable)
        versions = await asked
        ours = _version(versions["client"])
        others = {f"the scheduler {self._address}": versions["scheduler"]}
        others |= {f"the worker {address}": of for address, of in versions["workers"].items()}
        for member, of in others.items():
            if (theirs := _version(of)) != ours:
                raise WorkerPoolUnavailable(f"{member} has {theirs}, and this is {ours}: they must be the same")

    def _request(self, ask: Callable[[], Awaitable[T]]) -> T:
        """The cluster's answer to a request. Raises ``OSError`` if there is none in time."""

        async def asked() -> T:
            return await asyncio.wait_for(ask(), _ANSWER_S)

        return self._in_loop(asked()).result()

    def _in_loop(self, coroutine: Coroutine[Any, Any, T]) -> Promise[T]:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)


async def _running_loop() -> asyncio.AbstractEventLoop:
    return asyncio.get_running_loop()


def _version(of: Mapping[str, Any]) -> str:
    python = ".".join(str(of["host"]["python"]).split(".")[:2])
    simdsl = of["packages"]["simdsl"]
    return f"{'no simdsl' if simdsl is None else f'simdsl {simdsl}'} and Python {python}"
