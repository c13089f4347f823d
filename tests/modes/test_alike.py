"""What makes two failures one bug, and how often a plan that seldom fails is run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from simdsl.core.trace import Trace
from simdsl.core.verdicts import Failure, FailureKind, PlanEnded, Progress, RunReport, Verdict
from simdsl.language.load import load_text
from simdsl.modes.alike import Alike, Bug, Replay
from simdsl.modes.shrinking import Limits, Often, Shrinking, Unstable, tries
from simdsl.plan.ir import Plan
from simdsl.shrinker.attempts import Answer
from simdsl.shrinker.case import Case

PLAN = load_text("simdsl: 1\nplan: x\nsteps:\n  - a: SELECT 1\n  - a: SELECT 2\n")
CASE = Case(plan=PLAN)


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
        judged=1,
        steps=1,
        digest="",
        trace=Trace(),
        failure=first,
    )


def replay(*failures: Failure | None) -> Replay:
    """Runs that fail like this, one after the other, and then begin anew."""
    left: list[Failure | None] = []

    def run(plan: Plan) -> Iterator[Progress]:
        if not left:
            left.extend(failures)
        first = left.pop(0)
        report = None if first is None else report_of(first)
        verdict = Verdict.PASS if first is None else Verdict.FAIL
        yield PlanEnded(
            plan=plan, file="x", backend="sqlite", seed=1, verdict=verdict, runs=1, judged=1, steps=1, failed=report
        )

    return run


CHECK = failure(FailureKind.CHECK)
BUG = Bug.of(CHECK)
PANIC = failure(FailureKind.ERROR, "unexpected_error/driver_panic/query")
NONSENSE = failure(FailureKind.ERROR, "unexpected_error/undefined_table/query")
VIOLATED = failure(FailureKind.PROPERTY, "property_violated/tx-commit-visible")


def test_any_failure_alike_among_the_tries_counts() -> None:
    ask = Alike(replay(None, PANIC, CHECK), BUG)
    assert [ask(CASE) for _ in range(3)] == [Answer.HOLDS, Answer.OTHER, Answer.SAME]
    ask.tries = 3
    assert ask(CASE) is Answer.SAME
    ask = Alike(replay(None, PANIC), BUG)
    ask.tries = 2
    assert ask(CASE) is Answer.OTHER
    assert Alike(replay(None, CHECK), BUG).count(CASE, 10) == 5


def test_only_what_no_plan_can_be_to_blame_for_is_another_bug() -> None:
    ask = Alike(replay(NONSENSE, PANIC, VIOLATED, VIOLATED), BUG)
    for _ in range(4):
        assert ask(CASE) is Answer.OTHER
    assert list(ask.others) == [Bug.of(PANIC), Bug.of(VIOLATED)]
    assert ask.others[Bug.of(PANIC)].report.failure == PANIC


def test_what_holds_elsewhere_is_another_bug_whatever_it_is() -> None:
    ask = Alike(replay(NONSENSE), BUG, replay(None))
    assert ask(CASE) is Answer.OTHER
    assert list(ask.others) == [Bug.of(NONSENSE)]
    ask = Alike(replay(NONSENSE), BUG, replay(NONSENSE))
    assert ask(CASE) is Answer.OTHER
    assert not ask.others


@pytest.mark.parametrize(("failed", "runs"), [(1, 10), (3, 9), (5, 5), (9, 2), (10, 1)])
def test_so_many_tries_find_what_fails_so_often(failed: int, runs: int) -> None:
    assert tries(Often(failed, 10)) == runs


def test_how_often_it_fails_is_counted_before_and_after() -> None:
    shrinking = Shrinking(PLAN, report_of(CHECK), 1, replay(None, None, CHECK), Limits(repeats=6))
    *_, end = shrinking
    assert len(end.case.plan.steps or ()) == 1
    assert shrinking.often == (2, 6)
    assert str(shrinking.often_at_last) == "2 of 6 times"


def test_what_always_fails_is_not_counted() -> None:
    shrinking = Shrinking(PLAN, report_of(CHECK), 1, replay(CHECK), Limits())
    *_, end = shrinking
    assert end.is_minimal
    assert shrinking.often is shrinking.often_at_last is None


def test_what_never_fails_again_is_unstable() -> None:
    with pytest.raises(Unstable, match="does not fail alike when it is repeated 4 times"):
        list(Shrinking(PLAN, report_of(CHECK), 1, replay(None), Limits(repeats=4)))
