"""The report for people: what is said at which level of detail, and the progress line."""

from __future__ import annotations

import io

import pytest

from simdsl.core.verdicts import AllPlansEnded, PlanEnded, PlanStarted, Progress, Verdict
from simdsl.plan.plan import Plan
from simdsl.report.context import CallCounter, CallHeader, PlanSource, Secrets
from simdsl.report.screen import Screen
from simdsl.report.terminal import TerminalReport, Verbosity

PLAN = Plan(name="p")


def ended(verdict: Verdict, **more: object) -> PlanEnded:
    fields: dict[str, object] = {
        "plan": PLAN,
        "file": f"{verdict}.yaml",
        "backend": "sqlite",
        "seed": 1,
        "verdict": verdict,
        "runs": 1200,
        "assertions": 3,
        "steps": 4,
    }
    return PlanEnded(**(fields | more))  # type: ignore[arg-type]


def said(*progress: Progress, detail: Verbosity = Verbosity.PLANS, screen: Screen | None = None) -> str:
    out = io.StringIO()
    terminal = TerminalReport(
        out,
        screen or Screen(),
        detail=detail,
        secrets=Secrets(pairs=(("hunter22", "***"),)),
        told=lambda file: PlanSource(file=file, plan=PLAN),
        reproduce=lambda file, report, seed: "simdsl run",
    )
    terminal.start(CallHeader(seed=7, backend="sqlite hunter22", plans=4))
    for one in progress:
        terminal.tell(one)
    return out.getvalue()


def test_the_seed_comes_first_and_secrets_never() -> None:
    assert said() == "seed 7, backend sqlite ***\n"


@pytest.mark.parametrize("detail", [Verbosity.QUIET, Verbosity.PLANS])
def test_a_line_a_plan(detail: Verbosity) -> None:
    text = said(
        ended(Verdict.PASS),
        ended(Verdict.SKIP, reason="it is meant for postgres"),
        ended(Verdict.WARN, warnings=("the bound cut it",)),
        detail=detail,
    )
    assert ("pass pass.yaml (1,200 runs, 3 assertions)\n" in text) is (detail is Verbosity.PLANS)
    assert ("skip skip.yaml (it is meant for postgres)\n" in text) is (detail is Verbosity.PLANS)
    assert "warn warn.yaml (1,200 runs, 3 assertions)\n     the bound cut it\n" in text


def test_the_counts() -> None:
    tally = CallCounter(seed=7)
    for verdict in Verdict:
        tally.tell(ended(verdict))
    end = tally.end()
    assert end == AllPlansEnded(seed=7, plans=4, passed=1, failed=1, skipped=1, warned=1, runs=4800, assertions=12)
    assert said(end).endswith("4 plans: 1 passed, 1 failed, 1 skipped, 1 warned; 4,800 runs, 12 assertions\n")


def test_a_call_that_judged_nothing_says_so() -> None:
    assert "no assertion was evaluated" in said(CallCounter(seed=1).end())
    assert said(CallCounter(seed=1).end(interrupted=True)).endswith(
        "interrupted after 0 plans: 0 passed, 0 failed, 0 skipped, 0 warned; 0 runs, 0 assertions\n"
    )


def test_progress_is_drawn_on_a_live_screen_and_wiped() -> None:
    started = PlanStarted(plan=PLAN, file="p.yaml", backend="sqlite", seed=1)
    assert "\r" not in said(started, ended(Verdict.PASS))
    text = said(started, ended(Verdict.PASS), screen=Screen(width=60, live=True))
    assert "\r\x1b[K0/4 plans, 0 runs  p.yaml\r\x1b[Kpass pass.yaml" in text
