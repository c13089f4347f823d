"""Run plans in another process, which may die of one: that is a failure of the plan, and the next one gets a new process.

One process serves many plans, so a plan that holds costs little more than in this one. Processes are forked by a server
that has imported everything and has run nothing, since while a crash is shrunk every other candidate needs a new one; where
there is no such server they are started afresh.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess
from types import TracebackType
from typing import Final

from simdsl.backends.protocol import BackendUnavailable
from simdsl.backends.urls import mask
from simdsl.backends.workspace import Workspace
from simdsl.core.processes import Ending, forking
from simdsl.core.trace import Trace
from simdsl.core.verdicts import (
    CallEnded,
    Failure,
    FailureKind,
    PlanEnded,
    PlanStarted,
    Progress,
    RunEnded,
    RunReport,
    Verdict,
)
from simdsl.modes.arena import RunOptions
from simdsl.modes.counting import PlanTally
from simdsl.modes.lastwords import LastRun, read
from simdsl.modes.serving import Asked, Broken, Unavailable, serve
from simdsl.plan.ir import Plan
from simdsl.runner.translating import Translators

LIMIT_US: Final = 60_000_000
"""So long may nothing happen: no statement begins and no run ends. Longer than any limit that the runner itself knows."""

_FAREWELL_S: Final = 5.0
_PRELOADED: Final = ("simdsl.__main__", "simdsl.modes.serving", "simdsl.backends.sqlite.backend", "sqlite3")


class Isolated:
    """Runs plans on these backends in a process of its own, the first one or a differential of all. ``close`` ends it."""

    def __init__(self, urls: Sequence[str], *, limit_us: int = LIMIT_US) -> None:
        self._urls = tuple(urls)
        self._limit_us = limit_us
        self._context = forking(_PRELOADED)
        self._workspace = Workspace()
        self._words = self._workspace.path / "words"
        self._words.touch()
        self._child: _Child | None = None

    def __enter__(self) -> Isolated:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def run(self, plan: Plan, file: str, options: RunOptions) -> Iterator[Progress]:
        """What ``run_plan`` or ``run_differential`` gives; a death of the process is the last run of its plan.

        Raises ``BackendUnavailable``, and ``RuntimeError`` with the traceback of an error of simdsl's own.
        """
        child = self._child or _Child(self._context, self._urls, str(self._words))
        self._child = None  # whoever leaves in the middle leaves it behind
        try:
            child.ask(Asked(plan=plan, file=file, options=replace(options, translators=Translators(), onlooker=None)))
            tally: PlanTally | None = None
            for progress in child.answers(self._limit_us):
                match progress:
                    case PlanStarted():
                        tally = PlanTally(plan=plan, file=file, backend=progress.backend, seed=progress.seed)
                        yield replace(progress, plan=plan)
                    case RunEnded(report=report):
                        assert tally is not None
                        tally.add(report)
                        yield progress
                    case PlanEnded():
                        assert tally is not None
                        self._child = child
                        yield replace(progress, plan=plan, failed=tally.failed)
                        return
                    case CallEnded():
                        raise AssertionError("a plan is no call")
            if tally is None:  # it died before it could say anything
                tally = self._tally(plan, file, options)
                yield PlanStarted(plan=plan, file=file, backend=tally.backend, seed=tally.seed)
            report = crashed(plan, tally, self._read(), child.why())
            tally.add(report)
            yield RunEnded(report=report)
            yield tally.ended()
        except BackendUnavailable:
            self._child = child
            raise
        finally:
            if self._child is not child:
                child.end()

    def close(self) -> None:
        """End the process. Idempotent."""
        if self._child is not None:
            self._child.end()
            self._child = None
        self._workspace.close()

    def _read(self) -> LastRun | None:
        with open(self._words, "rb") as file:
            return read(file)

    def _tally(self, plan: Plan, file: str, options: RunOptions) -> PlanTally:
        seed = plan.seed if plan.seed is not None else options.seed
        return PlanTally(plan=plan, file=file, backend=", ".join(map(mask, self._urls)), seed=seed)


class _Child:
    """One process."""

    def __init__(self, context: BaseContext, urls: tuple[str, ...], words: str) -> None:
        self._words = words
        self._hung_us: int | None = None
        self._pipe, theirs = context.Pipe()
        os.truncate(words, 0)  # nobody is to read what an earlier one said
        self._process: BaseProcess = context.Process(target=serve, args=(theirs, urls, words), daemon=True)  # type: ignore[attr-defined]
        self._process.start()
        theirs.close()

    def ask(self, asked: Asked) -> None:
        """Raises ``BackendUnavailable`` never: what is wrong is the answer."""
        with contextlib.suppress(OSError):  # it has died, which its answer will say
            self._pipe.send(asked)

    def answers(self, limit_us: int) -> Iterator[Progress]:
        """Until it dies, or is killed because it hangs. Raises ``BackendUnavailable`` and ``RuntimeError``."""
        limit_s = limit_us / 1e6
        while True:
            said = _sign_of_life(self._words)
            while not self._pipe.poll(limit_s):
                before, said = said, _sign_of_life(self._words)
                if said == before:
                    self._hung_us = limit_us
                    self._process.kill()
                    return
            try:
                answer = self._pipe.recv()
            except (EOFError, OSError):
                return
            match answer:
                case Unavailable(message=message):
                    raise BackendUnavailable(message)
                case Broken(traceback=traceback):
                    raise RuntimeError(traceback)
                case _:
                    yield answer

    def why(self) -> Ending:
        """How it ended."""
        self._process.join()
        if self._hung_us is not None:
            return Ending.hung(self._hung_us)
        code = self._process.exitcode
        assert code is not None
        return Ending.of(code)

    def end(self) -> None:
        """Ask it to end, and see to it. Idempotent."""
        if self._process.is_alive():
            self._process.terminate()
            self._process.join(_FAREWELL_S)
            if self._process.is_alive():
                self._process.kill()
        self._process.join()
        self._pipe.close()


def _sign_of_life(words: str) -> tuple[int, int]:
    state = os.stat(words)
    return state.st_size, state.st_mtime_ns


def crashed(plan: Plan, tally: PlanTally, last: LastRun | None, why: Ending) -> RunReport:
    """The run that never ended, as far as its last words tell."""
    word, how = why
    doing = None if last is None else last.doing
    trace = Trace() if last is None else last.ended(f"the process {how}")
    kind = "-" if doing is None else str(doing.kind)
    place = "at this statement" if doing is not None else "at no statement"
    failure = Failure(
        kind=FailureKind.CRASH,
        message=f"the process in which the plan ran {how}, {place}",
        path=() if doing is None else doing.op.path,
        task=None if doing is None else doing.op.task or None,
        fingerprint=f"{FailureKind.CRASH}/{word}/{kind}",
    )
    return RunReport(
        plan=plan.name,
        backend=tally.backend.partition(", ")[0] if last is None else last.begun.backend,
        params=() if last is None else last.begun.params,
        run=tally.runs + 1,
        choices=trace.choices(),
        verdict=Verdict.FAIL,
        judged=0,
        steps=trace.count(),
        digest=trace.digest(),
        trace=trace,
        failure=failure,
        seed=None if last is None else last.begun.seed,
    )
