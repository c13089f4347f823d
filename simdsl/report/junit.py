"""JUnit XML, as CI servers read it: a test case for every plan.

The runs of a plan are its interleavings, thousands of them and others every night, so they are no test cases: a server
follows a test by its name. Nobody ever specified the format; what is written here is what Jenkins' xUnit plugin accepts
(junit-10.xsd) and what Ant's formatter writes.
"""

from __future__ import annotations

import io
import os.path
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple, assert_never

from junitparser import Error, Failure, JUnitXml, Skipped, TestCase, TestSuite

from simdsl import __version__
from simdsl.core.clock import real_ns
from simdsl.core.verdicts import AllPlansEnded, FailureKind, PlanEnded, PlanStarted, Progress, RunEnded, Verdict
from simdsl.plan.diagnostics import Diagnostic, Severity
from simdsl.report.context import NOTHING_ASSERTED, Destination, Report, ReportContext, ReportOutput, Secrets, count_noun
from simdsl.report.diagnostics import diagnostic_text
from simdsl.report.failure_text import render_failure
from simdsl.report.screen import Screen, visible

# CI servers tell the two apart: an error kept the plan from being checked, a failure is an assertion that does not hold.
_ERRORS: Final = frozenset(
    {FailureKind.ERROR, FailureKind.SETUP, FailureKind.STUCK, FailureKind.DIVERGENCE, FailureKind.CRASH}
)

_PLAIN: Final = Screen()


class JUnitReport:
    """Folds a call into one JUnit document. ``now_ns`` gives the real time, which these servers show."""

    def __init__(self, context: ReportContext, *, now_ns: Callable[[], int] = real_ns) -> None:
        self._context = context
        self._now_ns = now_ns
        self._started: tuple[PlanStarted, int] | None = None
        header = context.header
        properties = {"simdsl": __version__, "seed": str(header.seed), "backend": header.backend}
        self._suite = _JUnitSuite(properties, context.secrets)

    def tell(self, progress: Progress) -> None:
        """Take in what happened."""
        match progress:
            case PlanStarted():
                self._started = (progress, self._now_ns())
            case PlanEnded():
                # A plan that never started, for its backend is missing, took no time.
                began_ns = self._now_ns() if self._started is None else self._started[1]
                elapsed_ns = self._now_ns() - began_ns
                self._suite.add(progress.plan.name, progress.file, elapsed_ns, self._result(progress), _out(progress))
                self._started = None
            case RunEnded() | AllPlansEnded():
                pass
            case _:
                assert_never(progress)

    def outputs(self, broken: str | None = None) -> Sequence[ReportOutput]:
        """The XML. ``broken``, why the call came to no end, is an error of the plan that ran."""
        if broken is not None:
            name, file = "simdsl", "simdsl"
            if self._started is not None:
                name, file = self._started[0].plan.name, self._started[0].file
            self._suite.add(name, file, 0, _JUnitResult(Error, "broken", broken))
        return [ReportOutput(Destination.FILE, self._suite.document())]

    def _result(self, ended: PlanEnded) -> _JUnitResult | None:
        match ended.verdict:
            case Verdict.PASS:
                return None
            case Verdict.SKIP:
                return _JUnitResult(Skipped, "skipped", ended.reason or "skipped")
            # A warning is no failure to a CI server; its text goes to system-out.
            case Verdict.WARN if ended.assertions:
                return None
            case Verdict.WARN:
                return _JUnitResult(Skipped, "no_assertions", NOTHING_ASSERTED)
            case Verdict.FAIL:
                return self._failed(ended)
            case _:
                assert_never(ended.verdict)

    def _failed(self, ended: PlanEnded) -> _JUnitResult:
        report = ended.failed
        if report is None or report.failure is None:
            return _JUnitResult(Error, "unknown", "the plan failed")
        failure = report.failure
        lines = render_failure(report, failure, self._context.source_of(ended.file), _PLAIN)
        text = "\n".join([*lines, "", f"reproduce: {self._context.reproduce(ended.file, report, ended.seed)}"])
        return _JUnitResult(Error if failure.kind in _ERRORS else Failure, str(failure.kind), failure.message, text)


def open_report(context: ReportContext) -> Report:
    """See ``protocol.ReportModule``."""
    return JUnitReport(context)


def refused(
    diagnostics: Sequence[Diagnostic], secrets: Secrets, repository_path: Callable[[str], str | None]
) -> Sequence[ReportOutput]:
    """The document of a call in which nothing ran: an error for every file, or backend, that is why."""
    suite = _JUnitSuite({"simdsl": __version__}, secrets)
    for file in dict.fromkeys(one.file for one in diagnostics if one.severity is Severity.ERROR):
        found = [one for one in diagnostics if one.file == file]
        first = next(one for one in found if one.severity is Severity.ERROR)
        text = "\n\n".join(diagnostic_text(one, _PLAIN) for one in found)
        suite.add(file, file, 0, _JUnitResult(Error, first.code.name, first.message, text))
    return [ReportOutput(Destination.FILE, suite.document())]


class _JUnitResult(NamedTuple):
    """What a test case came to, other than a pass."""

    type: type[Failure | Error | Skipped]
    kind: str
    message: str
    text: str = ""


class _JUnitSuite:
    """The one suite of a call, in the order in which its plans ran; every text is cleaned on its way in."""

    def __init__(self, properties: Mapping[str, str], secrets: Secrets) -> None:
        self._secrets = secrets
        self._suite = TestSuite("simdsl run")
        for name, value in properties.items():
            self._suite.add_property(name, self._clean(value))

    def add(self, name: str, file: str, elapsed_ns: int, result: _JUnitResult | None = None, out: str = "") -> None:
        """A plan that ended. ``out`` is what it printed beside its result."""
        case = TestCase(self._clean(name), self._clean(_classname(file)), elapsed_ns // 1_000_000 / 1000)
        if result is not None:
            shown = result.type(self._clean(result.message), result.kind)
            if result.text:
                shown.text = self._clean(result.text)
            case.result = [shown]
        if out:
            case.system_out = self._clean(out)
        self._suite.add_testcase(case)

    def document(self) -> bytes:
        """The XML."""
        suite, root = self._suite, JUnitXml("simdsl")
        suite.update_statistics()  # type: ignore[no-untyped-call]  # junitparser annotates all but this
        root.add_testsuite(suite)
        # Not `root.update_statistics()`: it counts the skipped ones too, an attribute that Jenkins' schema refuses here.
        root.tests, root.failures, root.errors, root.time = suite.tests, suite.failures, suite.errors, suite.time
        out = io.BytesIO()
        root.write(out)
        return out.getvalue()

    def _clean(self, text: str) -> str:
        """What XML can carry: no secret, and control characters as escapes (XML 1.0, section 2.2, forbids them)."""
        return "\n".join(map(visible, self._secrets.hide(text).split("\n")))


def _out(ended: PlanEnded) -> str:
    if ended.verdict is Verdict.SKIP:
        return ""
    lines = [f"warning: {warning}" for warning in ended.warnings]
    counts = f"{count_noun(ended.runs, 'run')}, {count_noun(ended.assertions, 'assertion')}"
    return "\n".join([*lines, f"{counts} on {ended.backend}, seed {ended.seed}"])


def _classname(file: str) -> str:
    """The path with dots: servers make folders of what stands between them."""
    stem = os.path.splitext(os.path.normpath(file))[0]
    parts = [part for part in stem.split(os.sep) if part not in ("", os.curdir, os.pardir)]
    return ".".join(part.replace(".", "_") for part in parts) or file
