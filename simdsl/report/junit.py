"""JUnit XML, as CI servers read it: a test case for every plan.

The runs of a plan are its interleavings, thousands of them and others every night, so they are no test cases: a server
follows a test by its name. A format was never specified by those who made it; what is written here is what Jenkins' xUnit
plugin accepts (junit-10.xsd) and what Ant's formatter writes.
"""

from __future__ import annotations

import os.path
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final, assert_never
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from simdsl import __version__
from simdsl.core.clock import real_ns
from simdsl.core.verdicts import AllPlansEnded, FailureKind, PlanEnded, PlanStarted, Progress, RunEnded, RunReport, Verdict
from simdsl.plan.dataclasses import dataclass
from simdsl.plan.diagnostics import Diagnostic, Severity
from simdsl.report import failure_text
from simdsl.report.context import CallHeader, PlanSource
from simdsl.report.diagnostics import diagnostic_text
from simdsl.report.screen import Screen, visible
from simdsl.report.secrets import Secrets

# What kept a plan from being judged is an error; what was judged and did not hold is a failure.
_ERRORS: Final = frozenset(
    {FailureKind.ERROR, FailureKind.SETUP, FailureKind.STUCK, FailureKind.DIVERGENCE, FailureKind.CRASH}
)

_PLAIN: Final = Screen()


@dataclass(frozen=True, slots=True, kw_only=True)
class JUnitCase:
    """One plan. ``result`` is ``failure``, ``error`` or ``skipped``; None: it passed."""

    name: str
    file: str
    elapsed_ns: int
    result: str | None = None
    kind: str = ""  # of the result
    message: str = ""
    story: str = ""
    out: str = ""


class JUnitReport:
    """Folds a call into one JUnit document. ``now_ns`` gives the real time, which these servers show."""

    def __init__(
        self,
        call: CallHeader,
        *,
        secrets: Secrets,
        told: Callable[[str], PlanSource],
        reproduce: Callable[[str, RunReport, int], str],
        now_ns: Callable[[], int] = real_ns,
    ) -> None:
        self._call = call
        self._secrets = secrets
        self._told = told
        self._reproduce = reproduce
        self._now_ns = now_ns
        self._started: tuple[PlanStarted, int] | None = None
        self._cases: list[JUnitCase] = []

    def tell(self, progress: Progress) -> None:
        """Take in what happened."""
        match progress:
            case PlanStarted():
                self._started = (progress, self._now_ns())
            case PlanEnded():
                began_ns = self._now_ns() if self._started is None else self._started[1]
                self._cases.append(self._case(progress, self._now_ns() - began_ns))
                self._started = None
            case RunEnded() | AllPlansEnded():
                pass
            case _:
                assert_never(progress)

    def document(self, broken: str | None = None) -> bytes:
        """The XML. ``broken`` says why the call came to no end: an error of the plan that ran."""
        cases = list(self._cases)
        if broken is not None:
            name, file = "simdsl", "simdsl"
            if self._started is not None:
                name, file = self._started[0].plan.name, self._started[0].file
            cases.append(JUnitCase(name=name, file=file, elapsed_ns=0, result="error", kind="broken", message=broken))
        properties = {"simdsl": __version__, "seed": str(self._call.seed), "backend": self._call.backend}
        return render_junit(cases, properties, self._secrets)

    def _case(self, ended: PlanEnded, elapsed_ns: int) -> JUnitCase:
        case = JUnitCase(name=ended.plan.name, file=ended.file, elapsed_ns=elapsed_ns, out=_out(ended))
        match ended.verdict:
            case Verdict.PASS:
                return case
            case Verdict.SKIP:
                return _with(case, "skipped", "skipped", ended.reason or "skipped")
            case Verdict.WARN if ended.assertions:
                return case
            case Verdict.WARN:
                return _with(case, "skipped", "nothing_judged", "nothing was judged")
            case Verdict.FAIL:
                return self._failed(case, ended)
            case _:
                assert_never(ended.verdict)

    def _failed(self, case: JUnitCase, ended: PlanEnded) -> JUnitCase:
        report = ended.failed
        if report is None or report.failure is None:
            return _with(case, "error", "unknown", "the plan failed")
        failure = report.failure
        lines = failure_text.render_failure(report, failure, self._told(ended.file), _PLAIN)
        story = "\n".join([*lines, "", f"reproduce: {self._reproduce(ended.file, report, ended.seed)}"])
        return _with(case, "error" if failure.kind in _ERRORS else "failure", str(failure.kind), failure.message, story)


def render_refused(diagnostics: Sequence[Diagnostic], secrets: Secrets) -> bytes:
    """The document of a call in which nothing ran: an error for every file, or backend, that is why."""
    files = dict.fromkeys(one.file for one in diagnostics if one.severity is Severity.ERROR)
    cases = []
    for file in files:
        found = [one for one in diagnostics if one.file == file]
        first = next(one for one in found if one.severity is Severity.ERROR)
        story = "\n\n".join(diagnostic_text(one, _PLAIN) for one in found)
        case = JUnitCase(name=file, file=file, elapsed_ns=0)
        cases.append(_with(case, "error", first.code.name, first.message, story))
    return render_junit(cases, {"simdsl": __version__}, secrets)


def render_junit(cases: Sequence[JUnitCase], properties: dict[str, str], secrets: Secrets) -> bytes:
    """The XML of these cases: one suite, in the order in which they ran."""

    def clean(text: str) -> str:
        """What XML can carry: no secret, and of control characters their names (XML 1.0, 2.2)."""
        return "\n".join(map(visible, secrets.hide(text).split("\n")))

    results = [case.result for case in cases]
    counts = {"tests": len(cases), "failures": results.count("failure"), "errors": results.count("error")}
    shared = {name: str(number) for name, number in counts.items()} | {"time": _seconds(sum(c.elapsed_ns for c in cases))}
    root = Element("testsuites", {"name": "simdsl", **shared})
    suite = SubElement(root, "testsuite", {"name": "simdsl run", **shared, "skipped": str(results.count("skipped"))})
    known = SubElement(suite, "properties")
    for name, value in properties.items():
        SubElement(known, "property", {"name": name, "value": clean(value)})
    for case in cases:
        place = {"name": clean(case.name), "classname": clean(_classname(case.file)), "time": _seconds(case.elapsed_ns)}
        element = SubElement(suite, "testcase", place)
        if case.result is not None:
            child = SubElement(element, case.result, {"type": case.kind, "message": clean(case.message)})
            child.text = clean(case.story) or None
        if case.out:
            SubElement(element, "system-out").text = clean(case.out)
    ElementTree.indent(root)
    text: str = ElementTree.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'.encode()


def _with(case: JUnitCase, result: str, kind: str, message: str, story: str = "") -> JUnitCase:
    return replace(case, result=result, kind=kind, message=message, story=story)


def _out(ended: PlanEnded) -> str:
    if ended.verdict is Verdict.SKIP:
        return ""
    lines = [f"warning: {warning}" for warning in ended.warnings]
    return "\n".join([*lines, f"{ended.runs:,} runs, {ended.assertions:,} judged on {ended.backend}, seed {ended.seed}"])


def _classname(file: str) -> str:
    """Servers make folders of what stands between dots."""
    stem = os.path.splitext(os.path.normpath(file))[0]
    parts = [part for part in stem.split(os.sep) if part not in ("", os.curdir, os.pardir)]
    return ".".join(part.replace(".", "_") for part in parts) or file


def _seconds(elapsed_ns: int) -> str:
    return f"{elapsed_ns // 1_000_000_000}.{elapsed_ns // 1_000_000 % 1000:03}"
