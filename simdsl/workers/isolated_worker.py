"""Run plans in a worker process, which may die of one: that is a failure of the plan, and the next plan gets a new process.

One process serves many plans, so a passing plan costs little more than it would in this process. Workers are forked by a
server that has imported everything and has run nothing, because while a crash is shrunk every other candidate needs a new
process; where there is no such server they are spawned.

The upper half of this module is the parent's side, the lower half (``serve``) the worker's."""

from __future__ import annotations

import _thread
import contextlib
import os
import signal
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection, wait
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess
from types import FrameType, TracebackType
from typing import Final

from simdsl.backends.protocol import Backend, BackendUnavailable
from simdsl.backends.registry import resolve
from simdsl.backends.urls import mask
from simdsl.backends.workspace import Workspace
from simdsl.core.trace import Trace
from simdsl.core.verdicts import (
    AllPlansEnded,
    Failure,
    FailureKind,
    PlanEnded,
    PlanStarted,
    Progress,
    RunEnded,
    RunReport,
    Verdict,
)
from simdsl.plan.dataclasses import dataclass
from simdsl.plan.plan import Plan
from simdsl.runner.lowering import TranslatorCache
from simdsl.runs.context import RunOptions
from simdsl.runs.differential import labels, run_differential
from simdsl.runs.single import run_plan
from simdsl.runs.verdict import PlanSummary
from simdsl.workers.crash_journal import CrashJournal, InterruptedRun, picklable_trace, read_journal
from simdsl.workers.processes import ProcessExit, forkserver_context

IDLE_LIMIT_US: Final = 60_000_000
"""So long may nothing happen: no statement begins and no run ends. Longer than any limit that the runner itself knows."""


_TERMINATE_GRACE_S: Final = 5.0


_PRELOADED_MODULES: Final = (
    "simdsl.__main__",
    "simdsl.workers.isolated_worker",
    "simdsl.backends.sqlite.backend",
    "sqlite3",
)


class IsolatedWorker:
    """Runs plans on these backends in a process of its own, the first one or a differential of all. ``close`` ends it."""

    def __init__(
        self, urls: Sequence[str], *, limit_us: int = IDLE_LIMIT_US, environment: Mapping[str, str] | None = None
    ) -> None:
        """``environment`` is added to that of this process; only a process that is not forked can have one of its own."""
        self._urls = tuple(urls)
        self._limit_us = limit_us
        self._environment = environment or {}
        self._context: BaseContext = get_context("spawn") if environment else forkserver_context(_PRELOADED_MODULES)
        self._workspace = Workspace()
        self._words = self._workspace.path / "words"
        self._words.touch()
        self._child: _WorkerProcess | None = None

    def __enter__(self) -> IsolatedWorker:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def run(self, plan: Plan, file: str, options: RunOptions) -> Iterator[Progress]:
        """What ``run_plan`` or ``run_differential`` gives; a death of the process is the last run of its plan.

        Raises ``BackendUnavailable``, and ``RuntimeError`` with the traceback of an error of simdsl's own.
        """
        child = self._child
        if child is None:
            with _added_to_environment(self._environment):
                child = _WorkerProcess(self._context, self._urls, str(self._words))
        self._child = None  # whoever leaves in the middle leaves it behind
        try:
            child.ask(
                PlanRequest(plan=plan, file=file, options=replace(options, translators=TranslatorCache(), observer=None))
            )
            tally: PlanSummary | None = None
            for progress in child.answers(self._limit_us):
                match progress:
                    case PlanStarted():
                        tally = PlanSummary(plan=plan, file=file, backend=progress.backend, seed=progress.seed)
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
                    case AllPlansEnded():
                        raise AssertionError("a plan is no call")
            if tally is None:  # it died before it could say anything
                tally = self._tally(plan, file, options)
                yield PlanStarted(plan=plan, file=file, backend=tally.backend, seed=tally.seed)
            report = crash_report(plan, tally, self._read(), child.why())
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

    def _read(self) -> InterruptedRun | None:
        with open(self._words, "rb") as file:
            return read_journal(file)

    def _tally(self, plan: Plan, file: str, options: RunOptions) -> PlanSummary:
        seed = plan.seed if plan.seed is not None else options.seed
        return PlanSummary(plan=plan, file=file, backend=", ".join(map(mask, self._urls)), seed=seed)


@contextlib.contextmanager
def _added_to_environment(variables: Mapping[str, str]) -> Iterator[None]:
    """While a process is started, which inherits the environment: multiprocessing has no other way to give it one."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


class _WorkerProcess:
    """One process."""

    def __init__(self, context: BaseContext, urls: tuple[str, ...], words: str) -> None:
        self._words = words
        self._hung_us: int | None = None
        self._pipe, theirs = context.Pipe()
        os.truncate(words, 0)  # nobody is to read what an earlier one said
        self._process: BaseProcess = context.Process(target=serve, args=(theirs, urls, words), daemon=True)  # type: ignore[attr-defined]
        self._process.start()
        theirs.close()

    def ask(self, asked: PlanRequest) -> None:
        """Raises ``BackendUnavailable`` never: what is wrong is the answer."""
        with contextlib.suppress(OSError):  # it has died, which its answer will say
            self._pipe.send(asked)

    def answers(self, limit_us: int) -> Iterator[Progress]:
        """Until it dies, or is killed because it hangs. Raises ``BackendUnavailable`` and ``RuntimeError``."""
        limit_s = limit_us / 1e6
        while True:
            said = _journal_state(self._words)
            while not self._pipe.poll(limit_s):
                before, said = said, _journal_state(self._words)
                if said == before:
                    self._hung_us = limit_us
                    self._process.kill()
                    return
            try:
                answer = self._pipe.recv()
            except (EOFError, OSError):
                return
            match answer:
                case UnavailableReply(message=message):
                    raise BackendUnavailable(message)
                case InternalErrorReply(traceback=traceback):
                    raise RuntimeError(traceback)
                case _:
                    yield answer

    def why(self) -> ProcessExit:
        """How it ended."""
        self._process.join()
        if self._hung_us is not None:
            return ProcessExit.hung(self._hung_us)
        code = self._process.exitcode
        assert code is not None
        return ProcessExit.of(code)

    def end(self) -> None:
        """Ask it to end, and see to it. Idempotent."""
        if self._process.is_alive():
            self._process.terminate()
            self._process.join(_TERMINATE_GRACE_S)
            if self._process.is_alive():
                self._process.kill()
        self._process.join()
        self._pipe.close()


def _journal_state(words: str) -> tuple[int, int]:
    state = os.stat(words)
    return state.st_size, state.st_mtime_ns


def crash_report(plan: Plan, tally: PlanSummary, last: InterruptedRun | None, why: ProcessExit) -> RunReport:
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
        assertions=0,
        steps=trace.count(),
        digest=trace.digest(),
        trace=trace,
        failure=failure,
        seed=None if last is None else last.begun.seed,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRequest:
    """A plan to be run. The answer is its events, without what the one who asks has already: plan and run that failed."""

    plan: Plan
    file: str
    options: RunOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class UnavailableReply:
    """Instead of an event: a backend cannot be reached."""

    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InternalErrorReply:
    """Instead of an event: simdsl itself failed."""

    traceback: str


_NO_PLAN: Final = Plan(name="")


class _Terminated(BaseException):
    """The process was asked to end: what a run has made is given up first."""


def serve(asked: Connection, urls: Sequence[str], words: str) -> None:
    """Answer until nobody asks any more. ``words`` is the file for last words."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _raise_terminated)
    _exit_with_parent()
    backends: tuple[Backend, ...] = ()
    translators = TranslatorCache()
    file = os.open(words, os.O_WRONLY)
    onlooker = CrashJournal(file=file, label=lambda backend: labels(backends)[backends.index(backend)])
    try:
        while True:
            request: PlanRequest = asked.recv()
            options = replace(request.options, translators=translators, observer=onlooker)
            try:
                backends = backends or tuple(map(resolve, urls))
                for progress in _events(request, backends, options):
                    asked.send(_portable(progress))
            except BackendUnavailable as error:
                asked.send(UnavailableReply(message=str(error)))
            except Exception:  # told where somebody can read it
                import traceback

                asked.send(InternalErrorReply(traceback=traceback.format_exc()))
    except (EOFError, OSError, _Terminated):
        return


def _events(request: PlanRequest, backends: Sequence[Backend], options: RunOptions) -> Iterator[Progress]:
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
        case AllPlansEnded():
            raise AssertionError("a plan is no call")


def _sendable(report: RunReport) -> RunReport:
    tables = None if report.tables is None else dict(report.tables)
    return replace(report, trace=picklable_trace(report.trace), tables=tables)


def _raise_terminated(number: int, frame: FrameType | None) -> None:
    raise _Terminated


def _exit_with_parent() -> None:
    """Its end closes the connection too, but a process deep in a driver would not see that."""
    parent = parent_process()
    assert parent is not None
    sentinel = parent.sentinel

    def watch() -> None:
        wait([sentinel])
        os._exit(0)

    _thread.start_new_thread(watch, ())
