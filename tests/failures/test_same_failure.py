"""What makes two failures one bug, and how often a plan that seldom fails is run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from simdsl.core.trace import Trace
from simdsl.core.verdicts import Failure, FailureKind, PlanEnded, Progress, RunReport, Verdict
from simdsl.failures import FailureIdentity, FailureMatcher, PlanRunner
from simdsl.language.load import load_text
from simdsl.plan.plan import Plan
from simdsl.runs.shrink_driver import FailureRate, NotReproducible, ShrinkDriver, ShrinkLimits, runs_needed
from simdsl.shrinker.case import CandidateResult, ShrinkCase

PLAN = load_text("simdsl: 1\nplan: x\nsteps:\n  - a: SELECT 1\n  - a: SELECT 2\n")
CASE = ShrinkCase(plan=PLAN)


def failure(kind: FailureKind, fingerprint: str = "") -> Failure:
    return Failure(kind=kind, message="it fails", path=(), fingerprint=fingerprint or str(kind))


def report_of(first: Failure) -> RunReport:
    return RunReport(
        plan="x",
        backend="sqlite",
        params=(),
        run=1,
        choices=(),
        verdict=Verdict.FAIL,
        assertions=1,
        steps=1,
        digest="",
        trace=Trace(),
        failure=first,
    )


def replay(*failures: Failure | None) -> PlanRunner:
    """Runs that fail like this, one after the other, and then begin anew."""
    left: list[Failure | None] = []

    def run(plan: Plan) -> Iterator[Progress]:
        if not left:
            left.extend(failures)
        first = left.pop(0)
        report = None if first is None else report_of(first)
        verdict = Verdict.PASS if first is None else Verdict.FAIL
        yield PlanEnded(
            plan=plan, file="x", backend="sqlite", seed=1, verdict=verdict, runs=1, assertions=1, steps=1, failed=report
        )

    return run


CHECK = failure(FailureKind.CHECK)
BUG = FailureIdentity.of(CHECK)
PANIC = failure(FailureKind.ERROR, "unexpected_error/driver_panic/query")
NONSENSE = failure(FailureKind.ERROR, "unexpected_error/undefined_table/query")
VIOLATED = failure(FailureKind.PROPERTY, "property_violated/tx-commit-visible")


def test_any_failure_alike_among_the_tries_counts() -> None:
    ask = FailureMatcher(replay(None, PANIC, CHECK), BUG)
    assert [ask(CASE) for _ in range(3)] == [
        CandidateResult.PASSES,
        CandidateResult.OTHER_FAILURE,
        CandidateResult.SAME_FAILURE,
    ]
    ask.tries = 3
    assert ask(CASE) is CandidateResult.SAME_FAILURE
    ask = FailureMatcher(replay(None, PANIC), BUG)
    ask.tries = 2
    assert ask(CASE) is CandidateResult.OTHER_FAILURE
    assert FailureMatcher(replay(None, CHECK), BUG).count(CASE, 10) == 5


def test_only_what_no_plan_can_be_to_blame_for_is_another_bug() -> None:
    ask = FailureMatcher(replay(NONSENSE, PANIC, VIOLATED, VIOLATED), BUG)
    for _ in range(4):
        assert ask(CASE) is CandidateResult.OTHER_FAILURE
    assert list(ask.others) == [FailureIdentity.of(PANIC), FailureIdentity.of(VIOLATED)]
    assert ask.others[FailureIdentity.of(PANIC)].report.failure == PANIC


def test_what_holds_elsewhere_is_another_bug_whatever_it_is() -> None:
    ask = FailureMatcher(replay(NONSENSE), BUG, replay(None))
    assert ask(CASE) is CandidateResult.OTHER_FAILURE
    assert list(ask.others) == [FailureIdentity.of(NONSENSE)]
    ask = FailureMatcher(replay(NONSENSE), BUG, replay(NONSENSE))
    assert ask(CASE) is CandidateResult.OTHER_FAILURE
    assert not ask.others


@pytest.mark.parametrize(("failed", "runs"), [(1, 10), (3, 9), (5, 5), (9, 2), (10, 1)])
def test_so_many_tries_find_what_fails_so_often(failed: int, runs: int) -> None:
    assert runs_needed(FailureRate(failed, 10)) == runs


def test_how_often_it_fails_is_counted_before_and_after() -> None:
    shrinking = ShrinkDriver(PLAN, report_of(CHECK), 1, replay(None, None, CHECK), ShrinkLimits(repeats=6))
    *_, end = shrinking
    assert len(end.case.plan.steps or ()) == 1
    assert shrinking.failure_rate == (2, 6)
    assert str(shrinking.final_failure_rate) == "2 of 6 times"


def test_what_always_fails_is_not_counted() -> None:
    shrinking = ShrinkDriver(PLAN, report_of(CHECK), 1, replay(CHECK), ShrinkLimits())
    *_, end = shrinking
    assert end.is_minimal
    assert shrinking.failure_rate is shrinking.final_failure_rate is None


def test_what_never_fails_again_is_unstable() -> None:
    with pytest.raises(NotReproducible, match="does not fail in the same way when it is repeated 4 times"):
        list(ShrinkDriver(PLAN, report_of(CHECK), 1, replay(None), ShrinkLimits(repeats=4)))
