"""A process beside a worker of a cluster: does the jobs of one campaign, each in yet another process.

It is a pool of one (see ``local_pool``) that is driven through its standard input and output, which no engine or driver in
it can reach. So a plan may crash or hang the process that runs it, and the cluster notices nothing. The host ends when its
standard input closes, which is also what happens when its worker dies.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import threading
from contextlib import closing
from queue import Empty, SimpleQueue
from typing import BinaryIO, Final, TypeAlias

from simdsl.campaign.jobs import CampaignSpec, JobResult, LostJob, WorkerPoolError
from simdsl.campaign.local_pool import LocalPool, WorkerCommand, WorkerOrder
from simdsl.plan.deferred import dataclass
from simdsl.workers.processes import EMPTY, HEAD, framed

# How long a command may wait while a job runs.
_TICK_US: Final = 50_000


@dataclass(frozen=True, slots=True)
class HostUnable:
    """No job can be done here. The message is a sentence for people."""

    message: str


# The result of a job, pickled, as the message back.
HostReport: TypeAlias = JobResult | LostJob | HostUnable


def main() -> None:
    """Receive the campaign, then do jobs until there are no more. An empty message ends a job after its present seed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    source, sink = _taken(0, os.O_RDONLY, "rb"), _taken(1, os.O_WRONLY, "wb")
    orders: SimpleQueue[CampaignSpec | WorkerOrder] = SimpleQueue()
    threading.Thread(target=_read, args=(source, orders), daemon=True).start()
    work = orders.get()
    if isinstance(work, CampaignSpec):
        _send(sink, EMPTY)
        with closing(LocalPool(work, 1)) as pool:
            _serve(orders, sink, pool)


def _serve(orders: SimpleQueue[CampaignSpec | WorkerOrder], sink: BinaryIO, pool: LocalPool) -> None:
    while True:
        match orders.get():
            case WorkerCommand.END:
                return
            case WorkerCommand.STOP | CampaignSpec():  # the job had ended before the command came
                continue
            case job:  # any other order is a job
                pool.submit(job)
        try:
            while not (reports := list(pool.reports(_TICK_US))):
                match _word(orders):
                    case WorkerCommand.END:
                        return
                    case WorkerCommand.STOP:
                        pool.stop()
        except WorkerPoolError as error:
            _send(sink, pickle.dumps(HostUnable(str(error))))
            return
        for report in reports:
            _send(sink, pickle.dumps(report))


def _word(orders: SimpleQueue[CampaignSpec | WorkerOrder]) -> CampaignSpec | WorkerOrder | None:
    try:
        return orders.get_nowait()
    except Empty:
        return None


def _send(sink: BinaryIO, message: bytes) -> None:
    with contextlib.suppress(BrokenPipeError):  # the worker is gone, which closes standard input too
        sink.write(framed(message))
        sink.flush()


def _read(source: BinaryIO, orders: SimpleQueue[CampaignSpec | WorkerOrder]) -> None:
    while len(head := source.read(HEAD.size)) == HEAD.size:
        message = source.read(*HEAD.unpack(head))
        orders.put(pickle.loads(message) if message else WorkerCommand.STOP)
    orders.put(WorkerCommand.END)


def _taken(descriptor: int, flags: int, mode: str) -> BinaryIO:
    """The stream under a new descriptor, out of reach of what engines and drivers read and print."""
    own = os.dup(descriptor)
    nowhere = os.open(os.devnull, flags)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)
    return os.fdopen(own, mode)  # type: ignore[return-value]  # the mode is a binary one


if __name__ == "__main__":
    main()
