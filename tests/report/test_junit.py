"""JUnit XML: what each verdict becomes, that the document is valid whatever is in it, and that others can read it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import junitparser
import pytest
from lxml import etree

from simdsl.core.trace import Trace
from simdsl.core.verdicts import AllPlansEnded, Failure, FailureKind, PlanEnded, PlanStarted, Progress, RunReport, Verdict
from simdsl.plan.codes import Code
from simdsl.plan.diagnostics import Diagnostic
from simdsl.plan.plan import Plan
from simdsl.report import junit
from simdsl.report.context import NO_SECRETS, NOTHING_ASSERTED, CallHeader, PlanSource, ReportContext, ReportOutput, Secrets
from simdsl.report.junit import JUnitReport

SCHEMA = etree.XMLSchema(etree.parse(Path(__file__).parent / "junit.xsd"))
PLAN = Plan(name="p")
HEADER = CallHeader(seed=7, backend="sqlite (SQLite)", plans=1)
MESSAGE = "got 2"


def ended(verdict: Verdict, *, kind: FailureKind | None = None, **more: Any) -> PlanEnded:
    failed = None if kind is None else run(Failure(kind=kind, message=MESSAGE, path=(), expected=("1",), got=("(2)",)))
    plan = PlanEnded(
        plan=PLAN,
        file="plans/tx/a.b.yaml",
        backend="sqlite",
        seed=7,
        verdict=verdict,
        runs=3,
        assertions=4,
        steps=5,
        failed=failed,
    )
    return replace(plan, **more)


def run(failure: Failure) -> RunReport:
    return RunReport(
        plan="p",
        backend="sqlite",
        params=(),
        run=1,
        choices=(1, 2),
        verdict=Verdict.FAIL,
        assertions=1,
        steps=1,
        digest="0",
        trace=Trace(),
        failure=failure,
    )


def report(*, secrets: Secrets = NO_SECRETS) -> JUnitReport:
    """Each look at the clock is 1.5 seconds after the one before."""
    clock = count(0, 1_500_000_000)
    context = ReportContext(
        header=HEADER,
        secrets=secrets,
        source_of=lambda file: PlanSource(file=file, plan=PLAN),
        reproduce=lambda file, report, seed: f"simdsl run {file} --seed {seed}",
    )
    return JUnitReport(context, now_ns=lambda: next(clock))


def xml(outputs: Sequence[ReportOutput]) -> bytes:
    [output] = outputs
    return output.content


def document(*progress: Progress, secrets: Secrets = NO_SECRETS, broken: str | None = None) -> Any:
    """The root of a valid document."""
    told = report(secrets=secrets)
    for one in progress:
        told.tell(one)
    return valid(xml(told.outputs(broken)))


def valid(text: bytes) -> Any:
    root = etree.fromstring(text)
    SCHEMA.assertValid(root)
    return root


def started() -> PlanStarted:
    return PlanStarted(plan=PLAN, file="plans/tx/a.b.yaml", backend="sqlite", seed=7)


def test_a_plan_is_a_case_with_its_time() -> None:
    root = document(started(), ended(Verdict.PASS))
    [case] = root.iter("testcase")
    assert dict(case.attrib) == {"name": "p", "classname": "plans.tx.a_b", "time": "1.5"}
    assert [child.tag for child in case] == ["system-out"]
    assert dict(root.attrib) == {"name": "simdsl", "tests": "1", "failures": "0", "errors": "0", "time": "1.5"}
    assert {p.get("name"): p.get("value") for p in root.iter("property")}["seed"] == "7"


@pytest.mark.parametrize(
    ("plan", "tag", "kind", "message"),
    [
        (ended(Verdict.FAIL, kind=FailureKind.EXPECTATION), "failure", "missed_expectation", MESSAGE),
        (ended(Verdict.FAIL, kind=FailureKind.DIFFERENCE), "failure", "backends_differ", MESSAGE),
        (ended(Verdict.FAIL, kind=FailureKind.PROPERTY), "failure", "property_violated", MESSAGE),
        (ended(Verdict.FAIL, kind=FailureKind.ERROR), "error", "unexpected_error", MESSAGE),
        (ended(Verdict.FAIL, kind=FailureKind.SETUP), "error", "setup_failed", MESSAGE),
        (ended(Verdict.FAIL, kind=FailureKind.CRASH), "error", "crash", MESSAGE),
        (ended(Verdict.SKIP, reason="it is meant for postgres"), "skipped", "skipped", "it is meant for postgres"),
        (ended(Verdict.WARN, assertions=0), "skipped", "no_assertions", NOTHING_ASSERTED),
        (ended(Verdict.FAIL), "error", "unknown", "the plan failed"),
    ],
)
def test_what_a_verdict_becomes(plan: PlanEnded, tag: str, kind: str, message: str) -> None:
    root = document(started(), plan)
    [result] = root.iter(tag)
    assert (result.get("type"), result.get("message")) == (kind, message)
    counts = {name: root.find("testsuite").get(name) for name in ("tests", "failures", "errors", "skipped")}
    assert counts == {
        "tests": "1",
        "failures": str(int(tag == "failure")),
        "errors": str(int(tag == "error")),
        "skipped": str(int(tag == "skipped")),
    }


@pytest.mark.parametrize("kind", FailureKind)
def test_no_failure_passes(kind: FailureKind) -> None:
    root = document(ended(Verdict.FAIL, kind=kind))
    assert int(root.get("failures")) + int(root.get("errors")) == 1


def test_the_story_ends_with_the_command() -> None:
    root = document(ended(Verdict.FAIL, kind=FailureKind.EXPECTATION))
    story = root.find(".//failure").text
    assert story.startswith("expectation failed: got 2\n")
    assert "in run 1 on sqlite, schedule 1-2" in story
    assert story.endswith("reproduce: simdsl run plans/tx/a.b.yaml --seed 7")


def test_a_warning_passes_and_is_told() -> None:
    [case] = document(ended(Verdict.WARN, warnings=("the bound cut it", "raced"))).iter("testcase")
    assert [child.tag for child in case] == ["system-out"]
    assert case.findtext("system-out").startswith("warning: the bound cut it\nwarning: raced\n")


AWKWARD = "]]> <b>&amp; \x00\x01\x1b[31m \ud800 \ufffe 漢字 🐘 a\tb\r\n'\""


def test_whatever_an_engine_says_is_valid() -> None:
    failure = Failure(kind=FailureKind.ERROR, message=AWKWARD, path=(), got=(AWKWARD,))
    root = document(ended(Verdict.FAIL, failed=run(failure), plan=Plan(name=AWKWARD), file=AWKWARD))
    error = root.find(".//error")
    assert error.get("message") == "]]> <b>&amp; \\x00\\x01\\x1b[31m \\ud800 \\ufffe 漢字 🐘 a   b\\r\n'\""
    assert "]]> <b>&amp; \\x00" in error.text


def test_secrets_are_masked_before_anything_is_escaped() -> None:
    secrets = Secrets(pairs=(("hunter<&22", "***"),))
    failure = Failure(kind=FailureKind.ERROR, message="no: hunter<&22", path=(), got=("hunter<&22",))
    told = report(secrets=secrets)
    told.tell(ended(Verdict.FAIL, failed=run(failure), warnings=("hunter<&22",)))
    text = xml(told.outputs("hunter<&22"))
    valid(text)
    assert b"hunter" not in text
    assert text.count(b"***") >= 4


def test_what_came_to_no_end_is_an_error() -> None:
    root = document(ended(Verdict.PASS), replace(started(), file="b.yaml"), broken="the backend has gone")
    first, second = root.iter("testcase")
    assert (first.find("error"), second.get("classname")) == (None, "b")
    assert second.find("error").get("message") == "the backend has gone"


def test_an_interrupted_call_has_what_had_ended() -> None:
    end = AllPlansEnded(seed=7, plans=1, passed=1, failed=0, skipped=0, warned=0, runs=1, assertions=1, interrupted=True)
    root = document(started(), ended(Verdict.PASS), started(), end)
    assert [case.get("name") for case in root.iter("testcase")] == ["p"]


def test_plans_that_cannot_be_read_are_errors() -> None:
    def diagnostics() -> Iterator[Diagnostic]:
        for file, code in (("a.yaml", Code.N001), ("a.yaml", Code.N003), ("b.yaml", Code.G201)):
            yield Diagnostic(code=code, message=f"bad {code.name}", file=file)

    root = valid(xml(junit.refused(list(diagnostics()), NO_SECRETS, str)))
    cases = [(case.get("name"), case.find("error").get("type")) for case in root.iter("testcase")]
    assert cases == [("a.yaml", "N001"), ("b.yaml", "G201")]
    assert "bad N003" in root.find(".//error").text


def test_others_read_it(tmp_path: Path) -> None:
    told = report()
    told.tell(ended(Verdict.FAIL, kind=FailureKind.EXPECTATION))
    told.tell(ended(Verdict.SKIP, reason="no"))
    told.tell(ended(Verdict.PASS))
    (tmp_path / "j.xml").write_bytes(xml(told.outputs()))
    [suite] = junitparser.JUnitXml.fromfile(str(tmp_path / "j.xml"))
    cases = list(suite)
    assert (suite.tests, suite.failures, suite.errors, suite.skipped) == (3, 1, 0, 1)
    assert [[type(result).__name__ for result in case.result] for case in cases] == [["Failure"], ["Skipped"], []]
    assert cases[0].result[0].message == MESSAGE
