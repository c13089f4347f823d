"""A worker process of this machine, and the heartbeat that it shares with the pool that started it."""

from __future__ import annotations

import atexit
import os
import signal
from ctypes import Array, c_longlong
from enum import Enum
from multiprocessing.connection import Connection
from multiprocessing.context import BaseContext
from typing import NamedTuple, TypeAlias

from simdsl.campaign.jobs import CampaignSpec, Job, Position
from simdsl.plan.dataclasses import dataclass
from simdsl.workers.processes import die_with_parent


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
