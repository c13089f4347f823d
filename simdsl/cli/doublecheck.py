"""``--doublecheck``: everything runs twice, in two processes with different hash seeds, and the traces are compared.

The other process goes first and leaves its trace in a file; then the runs here are compared with it one by one, byte for
byte, messages of errors included. What is another text every time by its nature (numbers of processes and transactions,
temporary paths) is masked by the patterns of ``MASKS``.
"""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path as File
from typing import TYPE_CHECKING, Final, Protocol

from simdsl.backends.protocol import Backend
from simdsl.cli.errors import usage
from simdsl.cli.exits import Exit, Stop
from simdsl.core.verdicts import Failure, FailureKind, PlanEnded, PlanStarted, Progress, RunEnded, RunReport, Verdict
from simdsl.plan.codes import Code
from simdsl.plan.diagnostics import Diagnostic, Problem
from simdsl.plan.plan import Plan
from simdsl.plan.source import Location, Path
from simdsl.plan.steps import For, Retry, SqlStep, Step
from simdsl.report.json_lines import TraceWriter
from simdsl.report.secrets import NO_SECRETS
from simdsl.runs.verdict import PlanSummary
from simdsl.syntax.sql_statements import nondeterministic_part

if TYPE_CHECKING:
    from simdsl.cli.overrides import SelectedPlan


MASKS: Final = (
    (re.compile(rb"simdsl-\d+-\w+"), b"<workspace>"),
    (re.compile(rb"simdsl_[0-9a-f]{16}"), b"<database>"),
    (re.compile(rb"\b(process|pid|PID|session|spid) \d+"), rb"\1 <number>"),
    (re.compile(rb"\b(transaction|xid) \d+"), rb"\1 <number>"),
)
"""What two runs may differ in, and what stands for it in the comparison."""


_HASH_SEEDS: Final = ("1", "2")


_ENDS: Final = frozenset({Exit.HELD, Exit.FAILURE, Exit.NOTHING})


def refuse_nondeterministic(selected: Sequence[SelectedPlan]) -> None:
    """Raises ``Stop`` with D001 at every statement whose answer is another one every time."""
    diagnostics: list[Diagnostic] = []
    for one in selected:
        for path, text in _statements(one.plan):
            part = nondeterministic_part(text)
            if part is not None:
                message = f"`{part}` is another one every time, so there is nothing to compare"
                problem = Problem(
                    code=Code.D001, message=message, at=Location(path=path), help="leave it out, or `--doublecheck`"
                )
                diagnostics.append(one.document.diagnose(problem))
    if diagnostics:
        raise Stop(Exit.BAD_INPUT, *diagnostics)


class ComparedRuns(Protocol):
    """What another process made of the same plans."""

    def next_run(self, file: str) -> list[bytes] | None:
        """The lines of the next run of this plan, masked; None if the other process made no further one."""


class OtherProcessRuns:
    """The same call in another process, which has ended; its runs in their order, as lines of a trace."""

    def __init__(self, arguments: Sequence[str], backend_url: str) -> None:
        """``arguments`` are those of ``simdsl run`` without the backend, whose URL may hold a secret."""
        with tempfile.TemporaryDirectory(prefix="simdsl-") as folder:
            trace = File(folder) / "trace.jsonl"
            hash_seed = next(seed for seed in _HASH_SEEDS if seed != os.environ.get("PYTHONHASHSEED"))
            done = subprocess.run(
                [sys.executable, "-m", "simdsl", "run", *arguments, "--quiet", "--trace", str(trace)],
                env={**os.environ, "PYTHONHASHSEED": hash_seed, "SIMDSL_BACKEND": backend_url, "CI": "1"},
                capture_output=True,
                check=False,
            )
            if done.returncode not in _ENDS:
                sys.stderr.buffer.write(done.stderr)
                raise Stop(Exit(done.returncode) if done.returncode in set(Exit) else Exit.INTERNAL)
            self._runs: dict[str, deque[list[bytes]]] = {}
            for block in _blocks(trace.read_bytes()):
                self._runs.setdefault(json.loads(block[0])["file"], deque()).append(block)

    def next_run(self, file: str) -> list[bytes] | None:
        """The lines of the next run of this plan, masked; None if the other process made no further one."""
        runs = self._runs.get(file)
        return runs.popleft() if runs else None


class WorkerRuns:
    """The runs of one plan in a process that lives on, all of them by now. See ``ComparedRuns``."""

    def __init__(self, events: Iterator[Progress], backend: Backend) -> None:
        self._runs: deque[list[bytes]] = deque()
        started: PlanStarted | None = None
        for progress in events:
            match progress:
                case PlanStarted():
                    started = progress
                case RunEnded(report=report):
                    assert started is not None
                    self._runs.append(_lines(started, report, backend))
                case _:
                    pass

    def next_run(self, file: str) -> list[bytes] | None:
        """The lines of the next run, masked."""
        return self._runs.popleft() if self._runs else None


def doublechecked(events: Iterator[Progress], other: ComparedRuns, backend: Backend) -> Iterator[Progress]:
    """The events of a plan, each run compared with the other process's; the first that differs fails and is the last."""
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
                theirs, report = other.next_run(started.file), replace(report, assertions=report.assertions + 1)
                failure = None if report.raced else _compared(_lines(started, progress.report, backend), theirs)
                if failure is not None:
                    consequences = (report.failure, *report.consequences) if report.failure else report.consequences
                    report = replace(report, verdict=Verdict.FAIL, failure=failure, consequences=consequences)
                tally.add(report)
                yield RunEnded(report=report)
                if failure is not None:
                    yield tally.ended()
                    return
            case PlanEnded() if tally is not None and progress.verdict is not Verdict.SKIP:
                yield replace(progress, assertions=tally.assertions, failed=tally.failed)
            case _:
                yield progress


def _lines(started: PlanStarted, report: RunReport, backend: Backend) -> list[bytes]:
    out = io.BytesIO()
    writer = TraceWriter(out, [backend], NO_SECRETS)
    writer.tell(started)
    writer.tell(RunEnded(report=report))
    return [_masked(line) for line in out.getvalue().splitlines()]


def _compared(ours: list[bytes], theirs: list[bytes] | None) -> Failure | None:
    if theirs is None:
        return _differs("the other process did not make this run", (), ())
    for i in range(max(len(ours), len(theirs))):
        one = ours[i] if i < len(ours) else b"(nothing more)"
        other = theirs[i] if i < len(theirs) else b"(nothing more)"
        if one != other:
            return _differs(f"line {i + 1} of the trace is another one in another process", (one,), (other,))
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
        help="what differs depends on something that no plan decides: a hash, a clock, an address",
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


def _blocks(trace: bytes) -> Iterator[list[bytes]]:
    """The runs of a trace file, from the line that begins each to the line that ends it."""
    block: list[bytes] = []
    for line in trace.splitlines():
        block.append(_masked(line))
        if line.startswith(b'{"record":"end"'):
            yield block
            block = []


def _masked(line: bytes) -> bytes:
    for pattern, mask in MASKS:
        line = pattern.sub(mask, line)
    return line


def _statements(plan: Plan) -> Iterator[tuple[Path, str]]:
    """Every statement of a plan with its place, overrides included."""
    sections: list[tuple[Path, Sequence[Step]]] = [(("setup",), plan.setup), (("steps",), plan.steps or ())]
    sections += [(("tasks", task.name), task.steps) for task in plan.tasks or ()]
    sections += [
        (("workload", "actions", deed.name, "do"), deed.body)
        for deed in (plan.workload.actions if plan.workload is not None else ())
    ]
    sections += [(("finally",), plan.finally_), (("invariants",), plan.invariants)]
    while sections:
        path, steps = sections.pop(0)
        for i, step in enumerate(steps):
            if isinstance(step, For | Retry):
                sections.append(((*path, i, "do"), step.body))
            elif isinstance(step, SqlStep):
                yield (*path, i, step.task), step.sql.text
                for override in step.options.overrides:
                    if override.sql is not None:
                        yield (*path, i, override.backend), override.sql.text


def check_input(paths: Sequence[str]) -> None:
    """Raises ``Stop`` where a plan comes from standard input, which can be read but once."""
    if "-" in paths:
        raise usage(Code.U008, "--doublecheck and standard input do not go together", help="name the plan's file")
