"""How plans are executed on the backends of a call: here, in a subprocess, or twice to check determinism.

``--doublecheck`` runs each plan in two processes with different hash seeds, and their traces must be equal, byte for byte,
messages of errors included. Text that differs every time by its nature (numbers of processes and transactions, temporary
paths) is masked by the patterns of ``MASKS``.

Listeners observe the runs of a call. An option of ``simdsl run`` that observes runs (a trace, a report, the bug base,
shrinking) names its listener where it is declared (``Option.listener``). The call makes the listeners of the options given,
in the order of the declarations, and tells all of them everything, so such an option is added without a change to ``run``.
"""

from __future__ import annotations

import io
import json
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import field, replace
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self, TypeAlias

from simdsl.backends.protocol import Backend
from simdsl.backends.registry import mask
from simdsl.cli.output import Exit, Stop
from simdsl.cli.requests import RunRequest
from simdsl.cli.selection import SelectedPlan, Selection
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
from simdsl.plan.codes import Code
from simdsl.plan.deferred import dataclass, lazy_regex
from simdsl.plan.diagnostics import Diagnostic, Location, Path, Problem
from simdsl.plan.plan import Plan
from simdsl.plan.steps import BlockStep, SqlStep, Step
from simdsl.plan.values import Json
from simdsl.report.context import NO_SECRETS, CallHeader, PlanSource, Secrets, reproduce_command
from simdsl.runner.lowering import TranslatorCache
from simdsl.runs.context import RunOptions
from simdsl.runs.single import run_plan
from simdsl.runs.verdict import PlanSummary

# A plain run executes plans here on one backend; what the other ways need would make its start a fifth longer.
if TYPE_CHECKING:
    from simdsl.failures import PlanRunner
    from simdsl.workers.isolated_worker import IsolatedWorker


class RunListener:
    """The base of all listeners: hears nothing, changes nothing. Entered before the first plan, left after the last."""

    # Hooks with empty bodies rather than abstract ones: most listeners need one or two of them.

    def __init__(self, context: CallContext) -> None:
        """Raises ``Stop`` if the listener cannot do its work, such as write its file."""
        self.context = context

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """The call is over, or was broken off by an error."""

    @classmethod
    def refused(cls, request: RunRequest, stop: Stop, secrets: Secrets) -> None:
        """No plan ran, since the call stopped before there was a context."""

    def plan_selected(self, selected: SelectedPlan) -> None:
        """This plan runs next."""

    def tell(self, progress: Progress) -> None:
        """Something happened. Raises ``Stop`` to end the call."""

    def plan_left(self) -> None:
        """All runs of the plan are over, and its connections are closed."""
        # Apart from the event PlanEnded, which is told while a run may still hold the plan's database open.

    def ending(self, ended: AllPlansEnded) -> AllPlansEnded:
        """The end of the call before it is told: a listener may add what it found out."""
        return ended

    def exit_code(self, code: Exit) -> Exit:
        """The exit code of the call: a listener may turn it into another one."""
        return code


class CallContext:
    """What the listeners of a call may know: what was asked for, its plans and backends, and where to leave a note."""

    def __init__(
        self,
        *,
        request: RunRequest,
        urls: tuple[str, ...],
        selection: Selection,
        backends: Sequence[Backend],
        secrets: Secrets,
        description: CallHeader,
        profile: Json,
        note: Callable[[str], None],
    ) -> None:
        self.request = request
        self.urls = urls
        self.selection = selection
        self.backends = backends
        self.secrets = secrets
        self.description = description  # what the call runs and on what, as reports begin
        self.profile = profile  # of generated plans, expanded; None for plans of files
        self.note = note  # shows a line on the screen, or on standard error beside --json
        self.translators = TranslatorCache()
        self.listeners: list[RunListener] = []

    def reproduce(self, name: str, report: RunReport, seed: int) -> str:
        """The command that shows a failing run again."""
        selected = self.selection[name]
        urls = tuple(map(mask, self.urls))
        return reproduce_command(selected.arguments or name, selected.original, report, backend_urls=urls, seed=seed)

    def source(self, name: str) -> PlanSource:
        """A plan that has been selected, with its text."""
        selected = self.selection[name]
        return PlanSource(file=selected.file, plan=selected.original, document=selected.document)


Execute: TypeAlias = Callable[[Plan, str, RunOptions], Iterator[Progress]]
"""A way to execute plans: the plan, the name of its file and the options; the events of all its runs."""


@dataclass(slots=True, kw_only=True)
class PlanExecutor:
    """Executes plans on these backends: the first one alone, or all of them compared. To be closed: it may start processes.

    Every method yields the events of all runs of a plan, and raises ``BackendUnavailable``.
    """

    urls: Sequence[str]
    backends: Sequence[Backend]
    _stack: ExitStack = field(default_factory=ExitStack)
    _worker: IsolatedWorker | None = None
    _second: IsolatedWorker | None = None

    def __enter__(self) -> PlanExecutor:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stack.close()

    def here(self, plan: Plan, file: str, options: RunOptions) -> Iterator[Progress]:
        """In this process."""
        if len(self.backends) == 1:
            return run_plan(plan, file, self.backends[0], options)
        from simdsl.runs.differential import run_differential  # start-up: only for comparisons

        return run_differential(plan, file, self.backends, options)

    def isolated(self, plan: Plan, file: str, options: RunOptions) -> Iterator[Progress]:
        """In a subprocess, which may die: that is a failure of the plan."""
        if self._worker is None:
            from simdsl.workers.isolated_worker import IsolatedWorker  # start-up: few calls need processes

            self._worker = self._stack.enter_context(IsolatedWorker(self.urls))
        return self._worker.run(plan, file, options)

    def doublechecked(self, plan: Plan, file: str, options: RunOptions) -> Iterator[Progress]:
        """Here and in a second process with another hash seed; a run whose traces differ fails."""
        if self._second is None:
            self._second = self._stack.enter_context(second_process(self.urls))
        # The second process runs the plan to its end before this one begins, so that both may use one database.
        expected = self._second.run(plan, file, options)
        return compared_runs(self.here(plan, file, options), expected, self.backends)

    def for_failure(self, failure: Failure) -> Execute:
        """The way to see a failure again without harm: a crash needs a subprocess, and differing runs need two processes."""
        match failure.kind:
            case FailureKind.CRASH:
                return self.isolated
            case FailureKind.INSTABILITY:
                return self.doublechecked
            case _:  # every other kind of failure is harmless to see again
                return self.here


def plan_runner(execute: Execute, file: str, options: RunOptions) -> PlanRunner:
    """A way to execute, bound to one file and its options: what shrinking and replays of bugs call for each plan."""
    return partial(_replay, execute, file, options)


def _replay(execute: Execute, file: str, options: RunOptions, plan: Plan) -> Iterator[Progress]:
    return execute(plan, file, options)


MASKS: Final = (
    (lazy_regex(rb"simdsl-\d+-\w+"), b"<workspace>"),
    (lazy_regex(rb"simdsl_[0-9a-f]{16}"), b"<database>"),
    (lazy_regex(rb"\b(process|pid|PID|session|spid) \d+"), rb"\1 <number>"),
    (lazy_regex(rb"\b(transaction|xid) \d+"), rb"\1 <number>"),
)
"""What two runs may differ in, and what stands for it in the comparison."""


_HASH_SEEDS: Final = ("1", "2")


def refuse_nondeterministic(selected: Sequence[SelectedPlan]) -> None:
    """Raises ``Stop`` with D001 at every statement whose result differs every time."""
    from simdsl.syntax.sql_lexer import nondeterministic_part  # start-up: only for --doublecheck

    diagnostics: list[Diagnostic] = []
    for one in selected:
        for path, text in _statements(one.plan):
            part = nondeterministic_part(text)
            if part is not None:
                message = f"`{part}` gives another result every time, so two runs cannot be compared"
                problem = Problem(
                    code=Code.D001, message=message, at=Location(path=path), help="remove it, or `--doublecheck`"
                )
                diagnostics.append(one.document.diagnose(problem))
    if diagnostics:
        raise Stop(Exit.BAD_INPUT, *diagnostics)


def second_process(urls: Sequence[str]) -> IsolatedWorker:
    """A process for these backends in which hashes differ from those here: sets and dictionaries may be in another order."""
    from simdsl.workers.isolated_worker import IsolatedWorker  # start-up: few calls need processes

    hash_seed = next(seed for seed in _HASH_SEEDS if seed != os.environ.get("PYTHONHASHSEED"))
    # Python reads the variable only when it starts, so this worker is spawned and not forked.
    return IsolatedWorker(urls, environment={"PYTHONHASHSEED": hash_seed})


class _SecondRuns:
    """The traces of all runs of a plan in the second process, as lines, in the order of the runs."""

    def __init__(self, events: Iterator[Progress], backends: Sequence[Backend]) -> None:
        self._runs: deque[list[bytes]] = deque()
        started: PlanStarted | None = None
        for progress in events:
            if isinstance(progress, PlanStarted):
                started = progress
            elif isinstance(progress, RunEnded):
                assert started is not None
                self._runs.append(_lines(started, progress.report, backends))

    def next_run(self) -> list[bytes] | None:
        """The lines of the next run, masked; None if the second process made no further one."""
        return self._runs.popleft() if self._runs else None


def compared_runs(events: Iterator[Progress], others: Iterator[Progress], backends: Sequence[Backend]) -> Iterator[Progress]:
    """The events of a plan, each run compared with the same run among ``others``; one that differs fails and is the last.

    All of ``others`` is used up before the first of ``events``.
    """
    second = _SecondRuns(others, backends)
    tally: PlanSummary | None = None
    started: PlanStarted | None = None
    for progress in events:
        match progress:
            case PlanStarted():
                started = progress
                tally = PlanSummary(plan=progress.plan, file=progress.file, backend=progress.backend, seed=progress.seed)
                yield progress
            case RunEnded(report=report):
                assert started is not None
                assert tally is not None
                theirs, report = second.next_run(), replace(report, assertions=report.assertions + 1)
                # Tasks that run in real parallel may interleave in another way each time, which is no instability.
                failure = None if report.raced else _compared(_lines(started, progress.report, backends), theirs)
                if failure is not None:
                    consequences = (report.failure, *report.consequences) if report.failure else report.consequences
                    report = replace(report, verdict=Verdict.FAIL, failure=failure, consequences=consequences)
                tally.add(report)
                yield RunEnded(report=report)
                # Runs that follow would differ for the same reason, and shrinking needs the first one.
                if failure is not None:
                    yield tally.ended()
                    return
            case PlanEnded() if tally is not None and progress.verdict is not Verdict.SKIP:
                yield replace(progress, assertions=tally.assertions, failed=tally.failed)
            case _:  # the end of a plan that was skipped, and of the call, have nothing to compare
                yield progress


def _lines(started: PlanStarted, report: RunReport, backends: Sequence[Backend]) -> list[bytes]:
    from simdsl.report.json_lines import TraceWriter  # start-up: traces are written for few calls

    out = io.BytesIO()
    writer = TraceWriter(out, backends, NO_SECRETS)
    writer.tell(started)
    writer.tell(RunEnded(report=report))
    return [_masked(line) for line in out.getvalue().splitlines()]


def _compared(ours: list[bytes], theirs: list[bytes] | None) -> Failure | None:
    if theirs is None:
        return _differs("the second process did not make this run", (), ())
    # The first line that differs: those behind it follow from it.
    for i in range(max(len(ours), len(theirs))):
        one = ours[i] if i < len(ours) else b"(end of trace)"
        other = theirs[i] if i < len(theirs) else b"(end of trace)"
        if one != other:
            return _differs(f"line {i + 1} of the trace differs in the second process", (one,), (other,))
    return None


def _differs(message: str, ours: tuple[bytes, ...], theirs: tuple[bytes, ...]) -> Failure:
    def text(line: bytes) -> str:
        return line.decode(errors="replace")

    return Failure(
        kind=FailureKind.INSTABILITY,
        message=message,
        path=_path(ours) or _path(theirs),
        expected=tuple(map(text, theirs)),
        got=tuple(map(text, ours)),
        help="the difference comes from something that no plan decides, such as a hash, a clock or an address",
        fingerprint=f"{FailureKind.INSTABILITY}/{_kind(ours)}-{_kind(theirs)}",
    )


def _kind(lines: tuple[bytes, ...]) -> str:
    """The kind of event of a line, and the first word of a step: `step SELECT`."""
    try:
        data = json.loads(lines[0]) if lines else {}
    except ValueError:
        return "nothing"
    word = str(data.get("what", "")).split(None, 1)[:1]
    return " ".join((str(data.get("event", data.get("record", "nothing"))), *word))


def _path(lines: tuple[bytes, ...]) -> Path:
    for line in lines:
        try:
            data = json.loads(line)
        except ValueError:
            continue
        if isinstance(data.get("path"), list):
            return tuple(data["path"])
    return ()


def _masked(line: bytes) -> bytes:
    for pattern, replacement in MASKS:
        line = pattern.sub(replacement, line)
    return line


def _statements(plan: Plan) -> Iterator[tuple[Path, str]]:
    """Every statement of a plan with its place, overrides included."""
    sections: list[tuple[Path, Sequence[Step]]] = [(("setup",), plan.setup), (("steps",), plan.steps or ())]
    sections += [(("tasks", task.name), task.steps) for task in plan.tasks or ()]
    sections += [
        (("workload", "actions", action.name, "do"), action.body)
        for action in (plan.workload.actions if plan.workload is not None else ())
    ]
    sections += [(("finally",), plan.finally_), (("invariants",), plan.invariants)]
    while sections:
        path, steps = sections.pop(0)
        for i, step in enumerate(steps):
            if isinstance(step, BlockStep):
                sections.append(((*path, i, "do"), step.body))
            elif isinstance(step, SqlStep):
                yield (*path, i, step.task), step.sql.text
                for override in step.options.overrides:
                    if override.sql is not None:
                        yield (*path, i, override.backend), override.sql.text
