"""The process in which isolated plans run: takes plans, one after the other, and tells what comes of each.

Nothing of it is for a person: Ctrl-C is for the process that asks, which asks this one to end. It ends by itself when
nobody is there to ask, in the middle of a plan too.
"""

from __future__ import annotations

import _thread
import os
import signal
from collections.abc import Iterator, Sequence
from dataclasses import replace
from multiprocessing import parent_process
from multiprocessing.connection import Connection, wait
from types import FrameType
from typing import Final

from simdsl.backends.protocol import Backend, BackendUnavailable
from simdsl.backends.registry import resolve
from simdsl.core.verdicts import CallEnded, PlanEnded, PlanStarted, Progress, RunEnded, RunReport
from simdsl.modes.arena import RunOptions
from simdsl.modes.differential import labels, run_differential
from simdsl.modes.lastwords import LastWords, portable
from simdsl.modes.once import run_plan
from simdsl.plan.dataclasses import dataclass
from simdsl.plan.ir import Plan
from simdsl.runner.translating import Translators


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A plan to be run. The answer is its events, without what the one who asks has already: plan and run that failed."""

    plan: Plan
    file: str
    options: RunOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class Unavailable:
    """Instead of an event: a backend cannot be reached."""

    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """Instead of an event: simdsl itself failed."""

    traceback: str


_NO_PLAN: Final = Plan(name="")


class _Ended(BaseException):
    """The process was asked to end: what a run has made is given up first."""


def serve(asked: Connection, urls: Sequence[str], words: str) -> None:
    """Answer until nobody asks any more. ``words`` is the file for last words."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _end)
    _end_with_parent()
    backends: tuple[Backend, ...] = ()
    translators = Translators()
    file = os.open(words, os.O_WRONLY)
    onlooker = LastWords(file=file, label=lambda backend: labels(backends)[backends.index(backend)])
    try:
        while True:
            request: Asked = asked.recv()
            options = replace(request.options, translators=translators, onlooker=onlooker)
            try:
                backends = backends or tuple(map(resolve, urls))
                for progress in _events(request, backends, options):
                    asked.send(_portable(progress))
            except BackendUnavailable as error:
                asked.send(Unavailable(message=str(error)))
            except Exception:  # told where somebody can read it
                import traceback

                asked.send(Broken(traceback=traceback.format_exc()))
    except (EOFError, OSError, _Ended):
        return


def _events(request: Asked, backends: Sequence[Backend], options: RunOptions) -> Iterator[Progress]:
    if len(backends) == 1:
        return run_plan(request.plan, request.file, backends[0], options)
    return run_differential(request.plan, request.file, backends, options)


def _portable(progress: Progress) -> Progress:
    match progress:
        case RunEnded(report=report):
            return RunEnded(report=_sendable(report))
        case PlanStarted():
            return replace(progress, plan=_NO_PLAN)
        case PlanEnded():
            return replace(progress, plan=_NO_PLAN, failed=None)
        case CallEnded():
            raise AssertionError("a plan is no call")


def _sendable(report: RunReport) -> RunReport:
    tables = None if report.tables is None else dict(report.tables)
    return replace(report, trace=portable(report.trace), tables=tables)


def _end(number: int, frame: FrameType | None) -> None:
    raise _Ended


def _end_with_parent() -> None:
    """Its end closes the connection too, but a process deep in a driver would not see that."""
    parent = parent_process()
    assert parent is not None
    sentinel = parent.sentinel

    def watch() -> None:
        wait([sentinel])
        os._exit(0)

    _thread.start_new_thread(watch, ())
