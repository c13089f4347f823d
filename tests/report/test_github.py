"""What a job of GitHub Actions is told: how its commands are escaped, and what its summary holds."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from simdsl.core.verdicts import Failure, FailureKind, PlanEnded, PlanStarted, Progress, RunEnded, Verdict
from simdsl.language.load import check_text
from simdsl.plan.codes import Code
from simdsl.plan.diagnostics import Diagnostic, SourceSpan
from simdsl.plan.plan import Plan
from simdsl.report import github
from simdsl.report.context import NO_SECRETS, PlanSource, ReportContext, Secrets
from simdsl.report.github import SUMMARY_SIZE, GitHubReport, annotation, markdown
from tests.report.test_junit import HEADER, PLAN, ended, run

TEXT = "simdsl: 1\nplan: p\nsteps:\n  - a: SELECT 1 => 2\n"
CHECKED = check_text(TEXT, "plans/a.yaml")


def report(*, secrets: Secrets = NO_SECRETS, **more: Any) -> GitHubReport:
    assert CHECKED.plan is not None
    told = PlanSource(file="plans/a.yaml", plan=CHECKED.plan, document=CHECKED.document)
    given: dict[str, Any] = {
        "header": HEADER,
        "source_of": lambda file: told,
        "reproduce": lambda file, report, seed: f"simdsl run {file} --seed {seed}",
        "repository_path": lambda file: file if file.endswith(".yaml") else None,
    }
    return GitHubReport(ReportContext(secrets=secrets, **(given | more)))


def fold(*progress: Progress, secrets: Secrets = NO_SECRETS, **more: Any) -> GitHubReport:
    told = report(secrets=secrets, **more)
    for one in progress:
        told.tell(one)
    return told


def failed(message: str = "got 1", **more: Any) -> PlanEnded:
    failure = Failure(kind=FailureKind.EXPECTATION, message=message, path=("steps", 0), expected=("2",), got=("(1)",))
    given: dict[str, Any] = {"failed": run(failure), "file": "plans/a.yaml"}
    return replace(ended(Verdict.FAIL), **(given | more))


@pytest.mark.parametrize(
    ("text", "title", "file", "span", "line"),
    [
        ("a", "t", None, None, "::error title=t::a"),
        ("100%\r\nb: c, d", "t", None, None, "::error title=t::100%25%0D%0Ab: c, d"),
        ("a", "t: u, v%", None, None, "::error title=t%3A u%2C v%25::a"),
        ("a", "t\n::warning::x", None, None, "::error title=t\\n%3A%3Awarning%3A%3Ax::a"),
        ("a", "t", "a,b:c.yaml", None, "::error file=a%2Cb%3Ac.yaml,title=t::a"),
        (
            "a",
            "t",
            "a.yaml",
            SourceSpan(line=3, column=7, length=2),
            "::error file=a.yaml,line=3,col=7,endColumn=9,title=t::a",
        ),
        ("a", "t", None, SourceSpan(line=3, column=7, length=2), "::error title=t::a"),
    ],
)
def test_a_command_is_one_line(text: str, title: str, file: str | None, span: SourceSpan | None, line: str) -> None:
    assert annotation("error", text, title=title, file=file, span=span) == line


def test_a_failure_is_annotated_where_it_was_expected_otherwise() -> None:
    assert fold(failed()).annotations().splitlines() == [
        "::group::simdsl: 1 annotation",
        "::error file=plans/a.yaml,line=4,col=20,endColumn=21,title=simdsl p%3A expectation failed::"
        "got 1%0Aexpected: 2%0Agot: (1)%0Areproduce: simdsl run plans/a.yaml --seed 7",
        "::endgroup::",
    ]


def test_warnings_are_annotated_too_and_passes_are_not() -> None:
    told = fold(ended(Verdict.PASS), ended(Verdict.WARN, warnings=("raced",)), ended(Verdict.SKIP, reason="no"))
    assert told.annotations().splitlines()[1:-1] == ["::warning file=plans/tx/a.b.yaml,title=simdsl p::raced"]
    assert fold(ended(Verdict.PASS)).annotations() == ""


def test_a_plan_in_no_file_has_no_place() -> None:
    assert "::error title=simdsl p%3A expectation failed" in fold(failed(file="generated:quick (seed 3)")).annotations()


def test_what_came_to_no_end_is_annotated() -> None:
    started = PlanStarted(plan=PLAN, file="b.yaml", backend="sqlite", seed=1)
    told = fold(started)
    assert "::error file=b.yaml,title=simdsl::the backend has gone" in told.annotations("the backend has gone")
    assert "**the backend has gone**" in told.summary("the backend has gone")


def test_a_long_story_is_cut() -> None:
    failure = Failure(kind=FailureKind.ERROR, message="m", path=(), got=tuple(f"{'x' * 400}" for _ in range(50)))
    text = fold(failed(failed=run(failure))).annotations()
    assert "… 31 more lines" in text
    assert max(len(line) for line in text.split("%0A")) < 400


def test_secrets_are_masked_everywhere() -> None:
    secrets = Secrets(pairs=(("hunter&22", "***"),))
    told = fold(
        failed("no: hunter&22"),
        secrets=secrets,
        reproduce=lambda file, report, seed: "simdsl run --backend x://hunter&22@h",
    )
    assert "hunter" not in told.annotations() + told.summary()
    assert "***" in told.annotations()
    assert "simdsl run --backend x://***@h" in told.summary()


def test_the_summary_has_counts_a_table_and_commands() -> None:
    report = run(Failure(kind=FailureKind.EXPECTATION, message="m", path=()))
    assert fold(RunEnded(report=report), failed(), ended(Verdict.PASS)).summary() == (
        "### simdsl: 2 plans, 1 pass, 1 fail\n"
        "\n| plan | where | what |\n|---|---|---|\n"
        "| p | plans/a.yaml&#58;4 | **expectation failed**: got 1 (sqlite) |\n"
        "\n<details><summary>how to reproduce</summary>\n\n"
        "```sh\nsimdsl run plans/a.yaml --seed 7\n```\n\n"
        "</details>\n\n"
    )


def test_the_summary_of_what_holds_is_a_line() -> None:
    assert fold(ended(Verdict.PASS)).summary() == "### simdsl: 1 plan, 1 pass\n\n"


def test_no_text_is_markdown_of_its_own() -> None:
    assert markdown("a|b\n<img src=x> *_`[x](y)`_* @me #1") == (
        "a&#124;b&#92;n&#60;img src=x&#62; &#42;&#95;&#96;&#91;x&#93;&#40;y&#41;&#96;&#95;&#42; &#64;me &#35;1"
    )


def test_back_quotes_do_not_end_the_command() -> None:
    text = fold(failed(), reproduce=lambda file, report, seed: "simdsl run '```'").summary()
    assert "````sh\nsimdsl run '```'\n````\n" in text


def test_the_summary_is_bounded() -> None:
    told = fold(*(failed("m" * 3000, plan=Plan(name="p" * 100)) for _ in range(1000)))
    text = told.summary()
    assert len(text.encode()) < SUMMARY_SIZE + 1000
    assert "more are left out" in text


def test_diagnostics_are_a_group() -> None:
    found = Diagnostic(
        code=Code.N003, message="no `hunter22`", file="a.yaml", span=SourceSpan(line=1, column=2, length=3), help="h"
    )
    [output] = github.refused([found], Secrets(pairs=(("hunter22", "***"),)), str)
    assert output.content.decode() == (
        "::group::simdsl: 1 annotation\n"
        "::error file=a.yaml,line=1,col=2,endColumn=5,title=simdsl N003::no `***`%0Ahelp: h\n"
        "::endgroup::\n"
    )
