"""A process beside a worker of a cluster: does the jobs of one campaign, one after the other, in a process of its own again.

It is a crew of one (see ``local``), spoken to through its standard input and output, which are taken away from everybody
else. So a plan may end the process that runs it, or hang, and the cluster notices nothing. It ends with its standard input.
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
from simdsl.plan.dataclasses import dataclass
from simdsl.workers.processes import EMPTY, HEAD, framed

_TICK_US: Final = 50_000
"""So long a word may wait while a job goes on."""


@dataclass(frozen=True, slots=True)
class HostUnable:
    """No jobs can be done here. The message is a sentence for people."""

    message: str


HostReport: TypeAlias = JobResult | LostJob | HostUnable
"""What becomes of a job, pickled, as a message back."""


def main() -> None:
    """Be told the work, then do jobs until there are no more. An empty message has the job end after its present seed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    source, sink = _taken(0, os.O_RDONLY, "rb"), _taken(1, os.O_WRONLY, "wb")
    orders: SimpleQueue[CampaignSpec | WorkerOrder] = SimpleQueue()
    threading.Thread(target=_read, args=(source, orders), daemon=True).start()
    work = orders.get()
    if isinstance(work, CampaignSpec):
        _send(sink, EMPTY)
        with closing(LocalPool(work, 1)) as crew:
            _serve(orders, sink, crew)


def _serve(orders: SimpleQueue[CampaignSpec | WorkerOrder], sink: BinaryIO, crew: LocalPool) -> None:
    while True:
        match orders.get():
            case WorkerCommand.END:
                return
            case WorkerCommand.STOP | CampaignSpec():  # the job has come to its end meanwhile
                continue
            case job:
                crew.submit(job)
        try:
            while not (reports := list(crew.reports(_TICK_US))):
                match _word(orders):
                    case WorkerCommand.END:
                        return
                    case WorkerCommand.STOP:
                        crew.stop()
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
    with contextlib.suppress(BrokenPipeError):  # nobody is there, which the orders will say
        sink.write(framed(message))
        sink.flush()


def _read(source: BinaryIO, orders: SimpleQueue[CampaignSpec | WorkerOrder]) -> None:
    while len(head := source.read(HEAD.size)) == HEAD.size:
        message = source.read(*HEAD.unpack(head))
        orders.put(pickle.loads(message) if message else WorkerCommand.STOP)
    orders.put(WorkerCommand.END)


def _taken(descriptor: int, flags: int, mode: str) -> BinaryIO:
    """What was open there, out of reach of whatever engines and drivers read and print."""
    own = os.dup(descriptor)
    nowhere = os.open(os.devnull, flags)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)
    return os.fdopen(own, mode)  # type: ignore[return-value]  # the mode is a binary one


if __name__ == "__main__":
    main()
