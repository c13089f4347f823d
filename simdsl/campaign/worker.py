"""A process of this machine that does jobs: they come through a pipe, and what came of them goes back.

Before each plan it says where it is, so that it is known which one it died of. It is out of reach of the terminal's Ctrl-C,
and ends when its pipe or its parent does.
"""

from __future__ import annotations

import atexit
import os
import signal
from enum import Enum
from multiprocessing.connection import Connection
from typing import TypeAlias

from simdsl.campaign.whereabouts import Whereabouts
from simdsl.campaign.work import At, Job, Work
from simdsl.core.orphans import end_with_parent
from simdsl.plan.dataclasses import dataclass


class Word(Enum):
    """What a worker is told besides jobs."""

    STOP = "stop"  # end the job after the present seed
    END = "end"


Order: TypeAlias = Job | Word


def serve(pipe: Connection, whereabouts: Whereabouts, work: Work) -> None:
    """Do jobs until there are no more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent()
    _be_silent()
    from simdsl.campaign.doing import Doer  # the parent of this process needs none of it

    doer = Doer(work)
    watch = _Watch(pipe, whereabouts)
    try:
        while True:
            order: Order = pipe.recv()
            if order is Word.END:
                break
            if not isinstance(order, Word):
                whereabouts.begin()
                pipe.send(doer.do(order, watch))
    except (EOFError, BrokenPipeError):
        pass
    atexit._run_exitfuncs()  # servers that were started end with their process, which leaves by another door


@dataclass(slots=True)
class _Watch:
    """See ``crew.Watch``."""

    pipe: Connection
    whereabouts: Whereabouts
    stopped: bool = False

    def at(self, place: At | None) -> None:
        self.whereabouts.say(place)

    def is_stopped(self) -> bool:
        if not self.stopped and self.pipe.poll(0):
            self.stopped = self.pipe.recv() is Word.STOP
        return self.stopped


def _be_silent() -> None:
    """What engines and drivers print would be written across the view of the campaign."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    os.close(nowhere)
