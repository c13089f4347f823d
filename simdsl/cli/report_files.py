"""``--junit``, ``--html`` and ``--github``: the reports of a call that others read."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from types import TracebackType

from simdsl.cli.errors import usage
from simdsl.cli.exits import Stop
from simdsl.cli.plan_files import find_files
from simdsl.cli.request import Request
from simdsl.core.verdicts import AllPlansEnded, Progress, RunReport
from simdsl.plan.codes import Code
from simdsl.report.context import CallHeader, PlanSource
from simdsl.report.secrets import Secrets
from simdsl.syntax.files import replace_file

SUMMARY_VARIABLE = "GITHUB_STEP_SUMMARY"


class ReportFiles:
    """The reports that the call asked for: they are told what happens, and written when it has ended, however it did."""

    def __init__(
        self,
        request: Request,
        call: CallHeader,
        *,
        secrets: Secrets,
        told: Callable[[str], PlanSource],
        reproduce: Callable[[str, RunReport, int], str],
    ) -> None:
        """Raises ``Stop`` if a file cannot be written."""
        self._request = request
        self._done = False
        self._junit: JUnitReport | None = None
        self._html: HtmlReport | None = None
        self._github: GitHubReport | None = None
        _start_files(request)
        if request.junit is not None:
            from simdsl.report.junit import JUnitReport

            self._junit = JUnitReport(call, secrets=secrets, told=told, reproduce=reproduce)
        if request.html is not None:
            from simdsl.report.html.page import DEFAULT_PASSING, HtmlReport

            passing = DEFAULT_PASSING if request.html_passing is None else request.html_passing
            self._html = HtmlReport(call, secrets=secrets, told=told, reproduce=reproduce, passing=passing)
        if request.github:
            from simdsl.report.github import GitHubReport

            self._github = GitHubReport(secrets=secrets, told=told, reproduce=reproduce, place=_in_repository)

    def __enter__(self) -> ReportFiles:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """A call that came to no end says why in its reports."""
        if not self._done:
            self._write(
                f"the call came to no end: {error}" if error is not None and str(error) else "the call came to no end"
            )

    def tell(self, progress: Progress) -> None:
        """Take in what happened, and write all when that was the last."""
        for report in self._told():
            report(progress)
        if isinstance(progress, AllPlansEnded):
            self._write(None)

    def _told(self) -> Iterator[Callable[[Progress], None]]:
        for report in (self._junit, self._html, self._github):
            if report is not None:
                yield report.tell

    def _write(self, broken: str | None) -> None:
        self._done = True
        if self._junit is not None and self._request.junit is not None:
            _put(self._request.junit, self._junit.document(broken))
        if self._html is not None and self._request.html is not None:
            _put(self._request.html, self._html.page(broken).encode())
        if self._github is not None:
            _annotate(self._request, self._github.annotations(broken))
            _summarize(self._github.summary(broken))


def refused(request: Request, stop: Stop, secrets: Secrets) -> None:
    """Nothing ran, because a plan could not be read or no backend answers. A page would have nothing to show."""
    if request.junit is not None and not _is_plan(request, request.junit):
        from simdsl.report import junit

        _put(request.junit, junit.render_refused(stop.diagnostics, secrets))
    if request.github:
        from simdsl.report import github

        _annotate(request, github.annotate_diagnostics(stop.diagnostics, secrets, _in_repository))


def _is_plan(request: Request, path: str) -> bool:
    """Whether this is a file that the call names as a plan, and does not want to lose."""
    named = find_files(request.paths, lines=True).targets if request.paths else ()
    return os.path.realpath(path) in {os.path.realpath(target.file) for target in named}


def _start_files(request: Request) -> None:
    """Whoever finds a file afterwards must not take that of an earlier call for it."""
    for path in (request.junit, request.html):
        if path is not None:
            try:
                open(path, "wb").close()
            except OSError as error:
                raise usage(Code.U009, f"cannot be written: {error.strerror}", about=path) from None


def _put(path: str, content: bytes) -> None:
    """The whole file at once; what is no ordinary file, such as a pipe, is written as it is."""
    try:
        if os.path.isfile(path):
            replace_file(path, content)
        else:
            with open(path, "wb") as out:
                out.write(content)
    except OSError as error:
        raise usage(Code.U009, f"cannot be written: {error.strerror}", about=path) from None


def _annotate(request: Request, lines: str) -> None:
    """GitHub reads both streams; standard output belongs to the events where there are any."""
    out = sys.stderr if request.json else sys.stdout
    out.write(lines)
    out.flush()


def _summarize(text: str) -> None:
    path = os.environ.get(SUMMARY_VARIABLE)
    if not path:
        return
    try:
        with open(path, "a", encoding="utf-8", errors="backslashreplace", newline="\n") as out:
            out.write(text)
    except OSError as error:
        raise usage(Code.U009, f"{SUMMARY_VARIABLE} cannot be written: {error.strerror}", about=path) from None


def _in_repository(file: str) -> str | None:
    """Where a plan stands in the checkout, as GitHub names its files."""
    if not os.path.isfile(file):
        return None
    path = os.path.realpath(file)
    root = os.environ.get("GITHUB_WORKSPACE")
    root = os.path.realpath(root) if root else os.getcwd()
    inside = os.path.commonpath([path, root]) == root
    return os.path.relpath(path, root) if inside else file
