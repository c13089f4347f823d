"""``--junit``, ``--html`` and ``--github``: reports for other programs and for the browser.

Each is told what happens and written when the call has ended. A call that is broken off writes its reports too, and they
say so: a file must never be taken for the complete report of a call, or for that of this call if it is from an earlier one.
"""

from __future__ import annotations

import os
import sys
from types import TracebackType
from typing import Final

from simdsl.cli.commands import RunRequest
from simdsl.cli.errors import usage
from simdsl.cli.exits import Stop
from simdsl.cli.listeners import CallContext, RunListener
from simdsl.cli.output import open_for_writing, unwritable
from simdsl.cli.plan_files import find_files
from simdsl.core.verdicts import AllPlansEnded, Progress
from simdsl.plan.codes import Code
from simdsl.report.secrets import Secrets
from simdsl.syntax.files import replace_file

SUMMARY_VARIABLE: Final = "GITHUB_STEP_SUMMARY"


class _Report(RunListener):
    """Writes itself at the end of the call, whether it comes to an end or not."""

    _is_written = False

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if not self._is_written:
            reason = f": {error}" if error is not None and str(error) else ""
            self._write_once(f"the call did not finish{reason}")

    def tell(self, progress: Progress) -> None:
        self._take(progress)
        if isinstance(progress, AllPlansEnded):
            self._write_once(None)

    def _write_once(self, broken: str | None) -> None:
        self._is_written = True
        self._write(broken)

    def _take(self, progress: Progress) -> None:
        raise NotImplementedError

    def _write(self, broken: str | None) -> None:
        """Write the whole report. ``broken`` says why the call did not finish. Raises ``Stop``."""
        raise NotImplementedError


class JUnitFile(_Report):
    """``--junit FILE``."""

    def __init__(self, context: CallContext) -> None:
        from simdsl.report.junit import JUnitReport  # XML, which nothing else needs

        super().__init__(context)
        assert context.request.junit is not None
        self._path = context.request.junit
        open_for_writing(self._path).close()
        self._report = JUnitReport(
            context.description, secrets=context.secrets, told=context.source, reproduce=context.reproduce
        )

    @classmethod
    def refused(cls, request: RunRequest, stop: Stop, secrets: Secrets) -> None:
        from simdsl.report import junit

        if request.junit is not None and not _is_plan(request, request.junit):
            _put(request.junit, junit.render_refused(stop.diagnostics, secrets))

    def _take(self, progress: Progress) -> None:
        self._report.tell(progress)

    def _write(self, broken: str | None) -> None:
        _put(self._path, self._report.document(broken))


class HtmlFile(_Report):
    """``--html FILE``."""

    def __init__(self, context: CallContext) -> None:
        from simdsl.report.html.page import DEFAULT_PASSING, HtmlReport

        super().__init__(context)
        request = context.request
        assert request.html is not None
        self._path = request.html
        open_for_writing(self._path).close()
        self._report = HtmlReport(
            context.description,
            secrets=context.secrets,
            told=context.source,
            reproduce=context.reproduce,
            passing=DEFAULT_PASSING if request.html_passing is None else request.html_passing,
        )

    def _take(self, progress: Progress) -> None:
        self._report.tell(progress)

    def _write(self, broken: str | None) -> None:
        _put(self._path, self._report.page(broken).encode())


class GitHubAnnotations(_Report):
    """``--github``: annotations on the output, and the summary of the job."""

    def __init__(self, context: CallContext) -> None:
        from simdsl.report.github import GitHubReport

        super().__init__(context)
        self._report = GitHubReport(
            secrets=context.secrets, told=context.source, reproduce=context.reproduce, place=_in_repository
        )

    @classmethod
    def refused(cls, request: RunRequest, stop: Stop, secrets: Secrets) -> None:
        from simdsl.report import github

        _annotate(request, github.annotate_diagnostics(stop.diagnostics, secrets, _in_repository))

    def _take(self, progress: Progress) -> None:
        self._report.tell(progress)

    def _write(self, broken: str | None) -> None:
        _annotate(self.context.request, self._report.annotations(broken))
        _summarize(self._report.summary(broken))


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
        with open(path, "a", encoding="utf-8", errors="backslashreplace", newline="\n") as out:
            out.write(text)
    except OSError as error:
        raise usage(Code.U009, f"{SUMMARY_VARIABLE} cannot be written: {error.strerror}", about=path) from None


def _in_repository(file: str) -> str | None:
    """The path of a plan in the checkout, as GitHub names its files."""
    if not os.path.isfile(file):
        return None
    path = os.path.realpath(file)
    root = os.environ.get("GITHUB_WORKSPACE")
    root = os.path.realpath(root) if root else os.getcwd()
    inside = os.path.commonpath([path, root]) == root
    return os.path.relpath(path, root) if inside else file
