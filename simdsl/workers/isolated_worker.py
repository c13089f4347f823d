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
from simdsl.backends.registry import mask, resolve
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
from simdsl.plan.deferred import dataclass
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


_START_LIMIT_US: Final = 60_000_000
_TERMINATE_GRACE_S: Final = 5.0


_PRELOADED_MODULES: Final = (
    "simdsl.__main__",
    "simdsl.workers.isolated_worker",
    "simdsl.backends.sqlite.backend",
    "sqlite3",
)


class IsolatedWorker:
    """Runs plans in a worker process: on one backend, or on several that are compared. ``close`` ends the process.

    The process is started by the first plan and used again for the next ones. It is thrown away when it dies, and when a
    caller stops iterating in the middle of a plan, since nothing is known then about what it is doing.
    """

    def __init__(
        self, urls: Sequence[str], *, limit_us: int = IDLE_LIMIT_US, environment: Mapping[str, str] | None = None
    ) -> None:
        """``environment`` is added to that of this process; only a process that is not forked can have one of its own."""
        self._urls = tuple(urls)
        self._limit_us = limit_us
        self._environment = environment or {}
        self._context: BaseContext = get_context("spawn") if environment else forkserver_context(_PRELOADED_MODULES)
        self._workspace = Workspace()
        self._journal = self._workspace.path / "journal"
        self._journal.touch()
        self._idle: _WorkerProcess | None = None  # between plans

    def __enter__(self) -> IsolatedWorker:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def run(self, plan: Plan, file: str, options: RunOptions) -> Iterator[Progress]:
        """The events of ``run_plan`` or ``run_differential``. If the process dies, that is the last run of its plan.

        Raises:
            BackendUnavailable: A backend cannot be reached from the worker.
            RuntimeError: simdsl itself failed there; the message is the traceback.
        """
        process = self._idle
        if process is None:
            with _added_to_environment(self._environment):
                process = _WorkerProcess(self._context, self._urls, str(self._journal))
        self._idle = None  # only the end of the plan makes it usable again, so that `finally` can tell
        try:
            process.send(
                PlanRequest(plan=plan, file=file, options=replace(options, translators=TranslatorCache(), observer=None))
            )
            summary: PlanSummary | None = None
            for progress in process.replies(self._limit_us):
                match progress:
                    case PlanStarted():
                        summary = PlanSummary(plan=plan, file=file, backend=progress.backend, seed=progress.seed)
                        yield replace(progress, plan=plan)
                    case RunEnded(report=report):
                        assert summary is not None
                        summary.add(report)
                        yield progress
                    case PlanEnded():
                        assert summary is not None
                        self._idle = process
                        yield replace(progress, plan=plan, failed=summary.failed)
                        return
                    case AllPlansEnded():
                        raise AssertionError("a worker runs one plan at a time")
            if summary is None:  # it died before its first event
                summary = self._summary(plan, file, options)
                yield PlanStarted(plan=plan, file=file, backend=summary.backend, seed=summary.seed)
            report = crash_report(plan, summary, self._interrupted_run(), process.exit())
            summary.add(report)
            yield RunEnded(report=report)
            yield summary.ended()
        except BackendUnavailable:
            self._idle = process  # the process is well: it has said so
            raise
        finally:
            if self._idle is not process:
                process.end()

    def close(self) -> None:
        """End the process. Idempotent."""
        if self._idle is not None:
            self._idle.end()
            self._idle = None
        self._workspace.close()

    def _interrupted_run(self) -> InterruptedRun | None:
        with open(self._journal, "rb") as file:
            return read_journal(file)

    def _summary(self, plan: Plan, file: str, options: RunOptions) -> PlanSummary:
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
    """The parent's end of one worker process."""

    def __init__(self, context: BaseContext, urls: tuple[str, ...], journal: str) -> None:
        self._journal = journal
        self._hung_us: int | None = None
        self._pipe, theirs = context.Pipe()
        os.truncate(journal, 0)  # what an earlier process left there is not about this one
        self._process: BaseProcess = context.Process(target=serve, args=(theirs, urls, journal), daemon=True)  # type: ignore[attr-defined]
        self._process.start()
        # With this end closed here, the pipe breaks when the worker dies; otherwise `recv` would wait for ever.
        theirs.close()

    def send(self, request: PlanRequest) -> None:
        """Send a request. Never raises: whatever is wrong becomes a reply, or the end of the process."""
        with contextlib.suppress(OSError):
            self._pipe.send(request)

    def replies(self, limit_us: int) -> Iterator[Progress]:
        """Events, until the process dies, or is killed because it hangs.

        A worker hangs if for ``limit_us`` it neither replies nor starts a statement, which the journal would show. That
        is not the duration of a plan: one of a million steps is alive as long as its steps are.

        Raises:
            BackendUnavailable, RuntimeError: See ``IsolatedWorker.run``.
        """
        while True:
            state = _journal_state(self._journal)
            silent_us = 0
            while not self._pipe.poll(limit_us / 1e6):
                before, state = state, _journal_state(self._journal)
                silent_us = silent_us + limit_us if state == before else 0
                # An empty journal: the process is still starting, which takes seconds on a busy machine and is no plan's
                # fault. It is looked at every ``limit_us`` all the same: a plan may hang right after the start.
                if silent_us and (state[0] or silent_us >= _START_LIMIT_US):
                    self._hung_us = limit_us
                    self._process.kill()
                    return
            try:
                reply = self._pipe.recv()
            except (EOFError, OSError):
                return
            match reply:
                case UnavailableReply(message=message):
                    raise BackendUnavailable(message)
                case InternalErrorReply(traceback=traceback):
                    raise RuntimeError(traceback)
                case _:  # an event
                    yield reply

    def exit(self) -> ProcessExit:
        """How it ended."""
        self._process.join()
        if self._hung_us is not None:
            return ProcessExit.hung(self._hung_us)
        code = self._process.exitcode
        assert code is not None
        return ProcessExit.of(code)

    def end(self) -> None:
        """Terminate it, then kill it if it does not react. Idempotent."""
        if self._process.is_alive():
            self._process.terminate()
            self._process.join(_TERMINATE_GRACE_S)
            if self._process.is_alive():
                self._process.kill()
        self._process.join()
        self._pipe.close()


def _journal_state(journal: str) -> tuple[int, int]:
    state = os.stat(journal)
    return state.st_size, state.st_mtime_ns


def crash_report(plan: Plan, summary: PlanSummary, last: InterruptedRun | None, exit_: ProcessExit) -> RunReport:
    """The report of a run whose process died, as far as the journal tells."""
    word, how = exit_
    statement = None if last is None else last.statement
    trace = Trace() if last is None else last.completed_trace(f"the process {how}")
    kind = "-" if statement is None else str(statement.kind)
    where = "during this statement" if statement is not None else "outside of any statement"
    failure = Failure(
        kind=FailureKind.CRASH,
        message=f"the process that ran the plan {how}, {where}",
        path=() if statement is None else statement.op.path,
        task=None if statement is None else statement.op.task or None,
        fingerprint=f"{FailureKind.CRASH}/{word}/{kind}",
    )
    return RunReport(
        plan=plan.name,
        backend=summary.backend.partition(", ")[0] if last is None else last.started.backend,
        params=() if last is None else last.started.params,
        run=summary.runs + 1,
        choices=trace.choices(),
        verdict=Verdict.FAIL,
        assertions=0,
        steps=trace.count(),
        digest=trace.digest(),
        trace=trace,
        failure=failure,
        seed=None if last is None else last.started.seed,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRequest:
    """A plan to be run. The replies are its events, without what the parent has already (the plan, the failed run)."""

    plan: Plan
    file: str
    options: RunOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class UnavailableReply:
    """A reply instead of an event: a backend cannot be reached."""

    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InternalErrorReply:
    """A reply instead of an event: simdsl itself failed."""

    traceback: str


_NO_PLAN: Final = Plan(name="")


class _Terminated(BaseException):
    """SIGTERM arrived. An exception, so that the database of a run is closed on the way out; not an ``Exception``, so that
    nothing takes it for a failure of the run."""


def serve(requests: Connection, urls: Sequence[str], journal: str) -> None:
    """The worker's side: run what is asked for until the parent closes the pipe. ``journal`` is the crash journal's file.

    Ctrl-C reaches every process of a terminal; it is for the parent, which then ends this one.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _raise_terminated)
    _exit_with_parent()
    backends: tuple[Backend, ...] = ()
    translators = TranslatorCache()
    file = os.open(journal, os.O_WRONLY)
    observer = CrashJournal(file=file, label=lambda backend: labels(backends)[backends.index(backend)])
    try:
        while True:
            request: PlanRequest = requests.recv()
            options = replace(request.options, translators=translators, observer=observer)
            try:
                # Resolved by the first request and not before, so that a backend that is missing is a reply.
                backends = backends or tuple(map(resolve, urls))
                for progress in _events(request, backends, options):
                    requests.send(_portable(progress))
            except BackendUnavailable as error:
                requests.send(UnavailableReply(message=str(error)))
            except Exception:  # the parent raises it again, where a person reads it
                import traceback  # needed once, if ever

                requests.send(InternalErrorReply(traceback=traceback.format_exc()))
    except (EOFError, OSError, _Terminated):
        return


def _events(request: PlanRequest, backends: Sequence[Backend], options: RunOptions) -> Iterator[Progress]:
    if len(backends) == 1:
        return run_plan(request.plan, request.file, backends[0], options)
    return run_differential(request.plan, request.file, backends, options)


def _portable(progress: Progress) -> Progress:
    match progress:
        # A plan is large and the parent has it, so it does not travel back with every event.
        case RunEnded(report=report):
            return RunEnded(report=_sendable(report))
        case PlanStarted():
            return replace(progress, plan=_NO_PLAN)
        case PlanEnded():
            return replace(progress, plan=_NO_PLAN, failed=None)
        case AllPlansEnded():
            raise AssertionError("a worker runs one plan at a time")


def _sendable(report: RunReport) -> RunReport:
    tables = None if report.tables is None else dict(report.tables)
    return replace(report, trace=picklable_trace(report.trace), tables=tables)


def _raise_terminated(number: int, frame: FrameType | None) -> None:
    raise _Terminated


def _exit_with_parent() -> None:
    """Exit when the parent is gone, even in the middle of a statement, where nobody reads the broken pipe.

    A thread of ``_thread``: ``threading`` would wait for it at exit.
    """
    parent = parent_process()
    assert parent is not None
    sentinel = parent.sentinel

    def watch() -> None:
        wait([sentinel])
        os._exit(0)

    _thread.start_new_thread(watch, ())
