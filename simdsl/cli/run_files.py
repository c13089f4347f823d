"""What a call writes about its runs: traces, events, plans, reports, and the SQL that was sent.

Each is a listener that its option names (``Option.listener``). Reports are written at the end of the call, even if it is
broken off, and say so: a file must never be taken for the complete report of a call, or for the report of this call if it
is from an earlier one.
"""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from importlib import import_module
from types import TracebackType
from typing import Any, BinaryIO, ClassVar, Final

from simdsl import __version__
from simdsl.backends.protocol import Backend
from simdsl.backends.registry import mask
from simdsl.cli.execution import CallContext, RunListener
from simdsl.cli.output import Exit, Stop, open_for_writing, unwritable, usage, write_plan
from simdsl.cli.requests import RunRequest
from simdsl.cli.selection import SelectedPlan, find_files
from simdsl.core.verdicts import AllPlansEnded, PlanEnded, PlanStarted, Progress, RunEnded, RunReport
from simdsl.plan.codes import Code
from simdsl.plan.diagnostics import Path
from simdsl.plan.plan import Plan
from simdsl.report import json_lines
from simdsl.report.context import CallHeader, Destination, Report, ReportContext, ReportOutput, Secrets
from simdsl.report.health import DEFAULT_FLOOR, HealthCollector, health_lines
from simdsl.report.json_lines import JsonObject, TraceWriter
from simdsl.rewriting.accept import ExpectationAcceptor
from simdsl.rewriting.pin import pin_run, unroll_run
from simdsl.runner.lowering import Skipped, lower
from simdsl.syntax.files import replace_file


class TraceFile(RunListener):
    """``--trace FILE``: every event of every run."""

    def __init__(self, context: CallContext) -> None:
        super().__init__(context)
        path = context.request.trace
        assert path is not None
        self._path = path
        self._out = open_for_writing(path)
        self._writer = TraceWriter(self._out, context.backends, context.secrets)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        try:
            self._out.close()  # what is buffered is written here, so a full disk may show only now
        except OSError as full:
            if error is None:
                raise unwritable(self._path, full) from None

    def tell(self, progress: Progress) -> None:
        try:
            self._writer.tell(progress)
        except OSError as error:
            raise unwritable(self._path, error) from None


class JsonEvents:
    """``--json``: events on standard output, notes on standard error."""

    def __init__(
        self, out: BinaryIO, *, url: str, secrets: Secrets, reproduce: Callable[[str, RunReport, int], str]
    ) -> None:
        """``url`` is the backend's, masked; ``reproduce`` gives the command that shows a failing run again."""
        self._out = out
        self._url = url
        self._secrets = secrets
        self._reproduce = reproduce

    def start(self, call: CallHeader) -> None:
        """The seed comes first."""
        backend, url = call.backend, self._url
        self._write({"event": "call_started", "simdsl": __version__, "seed": call.seed, "backend": backend, "url": url})

    def tell(self, progress: Progress) -> None:
        """One line for each event; that of a failing plan has the command that shows it again."""
        data = json_lines.progress_json(progress)
        if isinstance(progress, PlanEnded):
            failed = progress.failed
            data["reproduce"] = self._reproduce(progress.file, failed, progress.seed) if failed else None
        self._write(data)

    def note(self, text: str) -> None:
        """What is not an event must not mix with those that are."""
        sys.stderr.write(f"{self._secrets.hide(text)}\n")

    def _write(self, data: JsonObject) -> None:
        json_lines.write_line(self._out, data, self._secrets)
        # A program that reads a pipe sees each event when it happens, not when a buffer is full.
        self._out.flush()


class ShowSql(RunListener):
    """``--show-sql``: before a plan runs, notes the statements that are translated for its backends."""

    def plan_selected(self, selected: SelectedPlan) -> None:
        for backend in self.context.backends:
            for line in sql_lines(selected.plan, backend, only_translated=True):
                self.context.note(line)


def sql_lines(plan: Plan, backend: Backend, *, only_translated: bool) -> Iterator[str]:
    """A line that names the backend, then two for each statement, or only for those that are sent in another form."""
    # Entries of `params:` differ in values, which are bound, so one of them shows the SQL of all.
    program = lower(plan, backend, plan.params[0] if plan.params else ())
    if isinstance(program, Skipped):
        yield f"{plan.name} is skipped on {backend.name}: {program.reason}"
        return
    found = False
    for op in program.statements():
        if only_translated and op.statement.text == op.what:
            continue
        if not found:
            yield f"{plan.name} on {backend.name} ({backend.dialect}):"
            found = True
        yield f"  {_place(op.path)} {op.task}: {op.what}"
        bound = f"    -- {', '.join(f'${name}' for name in op.parameters)}" if op.parameters else ""
        yield f"    {op.statement.text}{bound}"
    if not found:
        yield f"{plan.name} on {backend.name} ({backend.dialect}): every statement is sent unchanged"


def _place(path: Path) -> str:
    return ".".join(str(part + 1) if isinstance(part, int) else part for part in path)


class FailureDump(RunListener):
    """``--dump-plan-on-failure FILE``: the failing run of each plan, as a plan that replays it exactly."""

    def __init__(self, context: CallContext) -> None:
        super().__init__(context)
        assert context.request.dump is not None
        self._files = _PlanFiles(context, context.request.dump, "replay")

    def tell(self, progress: Progress) -> None:
        if isinstance(progress, PlanEnded) and progress.failed is not None:
            self._files.write(pin_run(progress.plan, progress.failed, progress.seed))


class UnrolledRun(RunListener):
    """``--unroll FILE``: the failing run of each plan, or else its first run, as a single order of ``steps:``."""

    def __init__(self, context: CallContext) -> None:
        super().__init__(context)
        assert context.request.unroll is not None
        self._files = _PlanFiles(context, context.request.unroll, "as steps")
        self._first: RunReport | None = None

    def tell(self, progress: Progress) -> None:
        if isinstance(progress, PlanStarted):
            self._first = None  # of this plan
        elif isinstance(progress, RunEnded):
            self._first = self._first or progress.report
        elif isinstance(progress, PlanEnded):
            shown = progress.failed or self._first
            if shown is not None:
                self._files.write(unroll_run(progress.plan, shown))


class _PlanFiles:
    """A file for the first plan, and files beside it with a number for further ones."""

    def __init__(self, context: CallContext, path: str, what: str) -> None:
        self._context = context
        self._path = path
        self._what = what
        self._count = 0

    def write(self, plan: Plan) -> None:
        self._count += 1
        stem, suffix = os.path.splitext(self._path)
        path = self._path if self._count == 1 else f"{stem}-{self._count}{suffix}"
        write_plan(plan, path)
        first, *others = map(mask, self._context.urls)
        words = ["simdsl", "run", path, "--backend", first]
        for url in others:
            words += ["--differential", url]
        # Neither seed nor schedule: the plan has its own.
        self._context.note(f"{self._what}: {shlex.join(words)}")


class AcceptExpectations(RunListener):
    """Collects what the runs of a plan returned, and rewrites its file when they are over."""

    def __init__(self, context: CallContext) -> None:
        super().__init__(context)
        self._left = 0  # failures that no new expectation can express
        self._selected: SelectedPlan | None = None
        self._accepting: ExpectationAcceptor | None = None

    def plan_selected(self, selected: SelectedPlan) -> None:
        self._selected = selected
        # The original, since what the command line overrides must not get into the file.
        self._accepting = ExpectationAcceptor(selected.document, selected.original)

    def tell(self, progress: Progress) -> None:
        if isinstance(progress, RunEnded) and self._accepting is not None:
            self._accepting.add(progress.report)

    def plan_left(self) -> None:
        """Write the file; note which lines changed, and which did not and why. Raises ``Stop``."""
        selected, accepting = self._selected, self._accepting
        if selected is None or accepting is None:
            return
        accepted = accepting.accepted()
        document = selected.document
        if accepted.changes:
            # A byte order mark is no part of a document's text, and nothing but expectations may change in the file.
            content = ("\ufeff" if document.bom else "") + accepted.text
            try:
                replace_file(selected.file, content.encode())
            except OSError as error:
                raise unwritable(selected.file, error) from None
        for change in accepted.changes:
            self.context.note(f"accepted {selected.file}:{change.line}: {change.before} becomes {change.after}")
        for left in accepted.left:
            place = selected.file if left.line is None else f"{selected.file}:{left.line}"
            self.context.note(f"left {place}: {left.why}")
        self._left += len(accepted.left)

    def exit_code(self, code: Exit) -> Exit:
        """A failure whose expectation was updated is no failure any more."""
        return Exit.OK if code is Exit.FAILURE and not self._left else code


SUMMARY_VARIABLE: Final = "GITHUB_STEP_SUMMARY"


class _ReportFile(RunListener):
    """Feeds a report and delivers it at the end of the call, whether it comes to an end or not."""

    module: ClassVar[str]  # see ``report.protocol.ReportModule``; imported when the option is given

    def __init__(self, context: CallContext) -> None:
        super().__init__(context)
        self._is_written = False
        path = self.file(context.request)
        if path is not None:
            open_for_writing(path).close()  # now: a report of an earlier call must be gone, and a bad path be refused
        self._report: Report = self.loaded().open_report(
            ReportContext(
                header=context.description,
                secrets=context.secrets,
                source_of=context.source,
                reproduce=context.reproduce,
                repository_path=_in_repository,
                passing_runs=context.request.html_passing,
            )
        )

    @classmethod
    def file(cls, request: RunRequest) -> str | None:
        """The file that the option names; None for a report without one."""
        return None

    @classmethod
    def loaded(cls) -> Any:
        """The module of the report, a ``ReportModule``."""
        return import_module(cls.module)

    @classmethod
    def refused(cls, request: RunRequest, stop: Stop, secrets: Secrets) -> None:
        path = cls.file(request)
        # The diagnostics may be about the very file that the report would overwrite.
        if path is None or not _is_plan(request, path):
            _deliver(request, cls.loaded().refused(stop.diagnostics, secrets, _in_repository), path)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        # Not after `tell` has written it, even if that failed: a second attempt would hide why.
        if not self._is_written:
            reason = f": {error}" if error is not None and str(error) else ""
            self._write(f"the call did not finish{reason}")

    def tell(self, progress: Progress) -> None:
        self._report.tell(progress)
        if isinstance(progress, AllPlansEnded):
            self._write(None)

    def _write(self, broken: str | None) -> None:
        self._is_written = True
        _deliver(self.context.request, self._report.outputs(broken), self.file(self.context.request))


class JUnitFile(_ReportFile):
    """``--junit FILE``."""

    module = "simdsl.report.junit"

    @classmethod
    def file(cls, request: RunRequest) -> str | None:
        return request.junit


class HtmlFile(_ReportFile):
    """``--html FILE``."""

    module = "simdsl.report.html"

    @classmethod
    def file(cls, request: RunRequest) -> str | None:
        return request.html


class GitHubAnnotations(_ReportFile):
    """``--github``: annotations on the output, and the summary of the job."""

    module = "simdsl.report.github"


def _deliver(request: RunRequest, outputs: Sequence[ReportOutput], path: str | None) -> None:
    for output in outputs:
        match output.destination:
            case Destination.FILE:
                assert path is not None
                _put(path, output.content)
            case Destination.LOG:
                _annotate(request, output.content.decode())
            case Destination.SUMMARY:
                _summarize(output.content.decode())


def _is_plan(request: RunRequest, path: str) -> bool:
    """Whether this file is one of the plans of the call, which must not be overwritten."""
    named = find_files(request.paths, lines=True).targets if request.paths else ()
    return os.path.realpath(path) in {os.path.realpath(target.file) for target in named}


def _put(path: str, content: bytes) -> None:
    """The whole file at once; what is not a regular file, such as a pipe, is written to directly."""
    try:
        if os.path.isfile(path):
            replace_file(path, content)
        else:
            with open(path, "wb") as out:
                out.write(content)
    except OSError as error:
        raise unwritable(path, error) from None


def _annotate(request: RunRequest, lines: str) -> None:
    """GitHub reads both streams; standard output belongs to the events where there are any."""
    out = sys.stderr if request.json else sys.stdout
    out.write(lines)
    out.flush()


def _summarize(text: str) -> None:
    path = os.environ.get(SUMMARY_VARIABLE)
    if not path:
        return
    try:
        # Appended, since the steps of a job share the file.
        with open(path, "a", encoding="utf-8", errors="backslashreplace", newline="\n") as out:
            out.write(text)
    except OSError as error:
        raise usage(Code.U009, f"{SUMMARY_VARIABLE} cannot be written: {error.strerror}", about=path) from None


def _in_repository(file: str) -> str | None:
    """The path of a plan in the checkout, as GitHub names its files."""
    if not os.path.isfile(file):
        return None
    path = os.path.realpath(file)  # GitHub ignores a path with `..` or a link in it
    root = os.environ.get("GITHUB_WORKSPACE")
    root = os.path.realpath(root) if root else os.getcwd()
    inside = os.path.commonpath([path, root]) == root
    return os.path.relpath(path, root) if inside else file


class GenerationHealth(RunListener):
    """``--generate`` and ``--property``: the assertions evaluated by each generator's plans, and what never occurred."""

    def __init__(self, context: CallContext) -> None:
        super().__init__(context)
        request = context.request
        floor = DEFAULT_FLOOR if request.min_assertions is None else request.min_assertions
        generators = context.selection.generators
        self._tally = HealthCollector(generators, are_properties=bool(request.properties), floor=floor)

    def tell(self, progress: Progress) -> None:
        if not isinstance(progress, AllPlansEnded):
            self._tally.tell(progress)

    def ending(self, ended: AllPlansEnded) -> AllPlansEnded:
        health = self._tally.end()
        for line in health_lines(health):
            self.context.note(line)
        return replace(ended, health=health)
