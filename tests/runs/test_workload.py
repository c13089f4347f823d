"""Runs of workloads: drawn anew and alike, told as plans of their own, and what a driver with a fault does to a bank."""

from __future__ import annotations

from functools import partial

import pytest

from simdsl.backends.registry import resolve
from simdsl.core.trace import ClockAdvanced, InvariantEvaluated, StepCompleted, TaskChosen
from simdsl.core.verdicts import FailureKind, RunReport, Verdict
from simdsl.failures import failed_run
from simdsl.language.dump import dump
from simdsl.language.load import load_text
from simdsl.plan.plan import RecordedSchedule
from simdsl.rewriting.pin import pin_run, unroll_run
from simdsl.runs.context import RunOptions
from simdsl.runs.shrink_driver import ShrinkDriver, ShrinkLimits
from simdsl.runs.single import run_plan
from tests.running import Ran, run, run_loaded
from tests.runs.comparing import differential
from tests.runs.faulty_sqlite import Faithful, install, install_class

SETUP = """
setup:
  - CREATE TABLE account (id INTEGER PRIMARY KEY, cents INTEGER NOT NULL)
  - INSERT INTO account VALUES (1, 100), (2, 100), (3, 100) => 3 affected
  - CREATE TABLE paid (cents INTEGER NOT NULL)
"""
BANK = (
    SETUP
    + """
workload:
  tasks: [ann, ben]
  repeat: 5
  actions:
    transfer:
      weight: 3
      with: {source: 1..3, target: 1..3, cents: 1..50}
      distinct: [source, target]
      do:
        - retry: 100 times on busy
          do:
            - BEGIN
            - UPDATE account SET cents = cents - $cents WHERE id = $source => 1 affected
            - UPDATE account SET cents = cents + $cents WHERE id = $target => 1 affected
            - INSERT INTO paid VALUES ($cents)
            - COMMIT
        - SELECT cents FROM paid WHERE cents = $cents => >= 1 rows
    regret:
      with: {source: 1..3, cents: 1..50}
      do:
        - retry: 100 times on busy
          do:
            - BEGIN
            - UPDATE account SET cents = cents - $cents WHERE id = $source => 1 affected
            - ROLLBACK
schedule: {runs: 10}
invariants:
  - SELECT sum(cents) FROM account => 300
"""
)
# What was read before is written back: what came between is lost.
CARELESS = (
    SETUP
    + """
workload:
  tasks: [ann, ben]
  repeat: 3
  actions:
    transfer:
      with: {source: 1..3, target: 1..3, cents: 1..50}
      distinct: [source, target]
      do:
        - SELECT cents FROM account WHERE id = $source => ?seen
        - retry: 100 times on busy
          do:
            - BEGIN
            - UPDATE account SET cents = $seen - $cents WHERE id = $source => 1 affected
            - UPDATE account SET cents = cents + $cents WHERE id = $target => 1 affected
            - COMMIT
schedule: {runs: 50}
invariants:
  - SELECT sum(cents) FROM account => 300
"""
)


def done(report: RunReport) -> list[tuple[str, tuple[object, ...], object]]:
    """(task, arguments, outcome) of every step of tasks."""
    return [
        (event.task, event.arguments, event.outcome)
        for event in report.trace
        if isinstance(event, StepCompleted) and event.path[0] not in ("setup", "finally")
    ]


def careless() -> Ran:
    """A run that lost an update."""
    ran = run(CARELESS)
    assert ran.failure.kind is FailureKind.INVARIANT
    return ran


def test_a_bank_holds() -> None:
    ran = run(BANK)
    assert ran.ended.verdict is Verdict.PASS
    assert len(ran.reports) == 10
    assert all(any(isinstance(event, InvariantEvaluated) for event in report.trace) for report in ran.reports)


def test_every_run_draws_anew_and_each_from_its_seed() -> None:
    ran = run(BANK, seed=5)
    assert len({report.seed for report in ran.reports}) == 10
    assert len({repr(done(report)) for report in ran.reports}) == 10
    again = run(BANK, seed=5)
    assert [report.digest for report in again.reports] == [report.digest for report in ran.reports]
    assert run(BANK, seed=6).ended.digest != ran.ended.digest


def test_a_seed_and_a_pin_say_all_of_a_run() -> None:
    ran = run(BANK, seed=5)
    for report in ran.reports:
        pin = "-".join(map(str, report.choices))
        (again,) = run(BANK.replace("{runs: 10}", pin), seed=report.seed or -1).reports
        assert again.digest == report.digest


@pytest.mark.parametrize("schedule", ["{all: 6}", "ann ben ann ben"])
def test_words_and_all_have_one_drawing(schedule: str) -> None:
    ran = run(BANK.replace("{runs: 10}", schedule).replace("repeat: 5", "repeat: 1"), seed=3)
    assert {report.seed for report in ran.reports} == {3}
    said = {frozenset((one.task, one.what, one.arguments) for one in report.trace.steps()) for report in ran.reports}
    assert len(said) == 1
    assert len({report.choices for report in ran.reports}) == len(ran.reports)
    assert ran.ended.failed is None


def test_pct_schedules_a_workload() -> None:
    ran = run(BANK.replace("{runs: 10}", "{pct: 3, runs: 10}").replace("100 times on busy", "100 times on busy every 1ms"))
    assert ran.ended.verdict is Verdict.PASS
    assert len({report.digest for report in ran.reports}) == 10


def test_a_failure_points_at_the_line_of_the_action() -> None:
    ran = run(BANK.replace("=> >= 1 rows", "=> 0 rows"))
    assert ran.failure.path == ("workload", "actions", "transfer", "do", 1)
    assert ran.failure.arguments[0][0] == "cents"


def test_a_pin_is_a_plan_of_tasks_that_fails_alike() -> None:
    ran = careless()
    report = ran.last
    pin = pin_run(ran.plan, report, 1)
    assert pin.workload is None
    assert pin.schedule == RecordedSchedule(choices=report.choices)
    assert load_text(dump(pin)) == pin
    (again,) = run_loaded(pin).reports
    assert done(again) == done(report)
    assert again.failure is not None
    assert report.failure is not None
    assert (again.failure.fingerprint, again.failure.got) == (report.failure.fingerprint, report.failure.got)


def test_a_pin_takes_no_name_that_the_plan_binds() -> None:
    text = CARELESS.replace("?seen", "?cents_2").replace("$seen", "$cents_2")
    ran = run(text)
    pin = pin_run(ran.plan, ran.last, 1)
    assert "cents_2" not in {param.name for param in pin.params[0]}
    assert done(run_loaded(pin).last) == done(ran.last)


def test_an_unrolled_run_is_the_same_run() -> None:
    ran = careless()
    steps = unroll_run(ran.plan, ran.last)
    assert steps.workload is None
    assert steps.steps
    assert load_text(dump(steps)) == steps
    again = run_loaded(steps).last
    assert [one[2] for one in done(again) if one[0] in ("ann", "ben")][: len(steps.steps)]
    assert again.failure is not None
    assert again.failure.kind is FailureKind.INVARIANT


def test_a_workload_shrinks_to_an_ordinary_plan() -> None:
    ran = careless()
    replay = partial(run_plan, file="test.yaml", backend=resolve("sqlite"), options=RunOptions(seed=1))
    *_, last = ShrinkDriver(ran.plan, ran.last, 1, replay, ShrinkLimits(rounds=200))
    small = last.case.plan
    assert small.workload is None
    assert failed_run(replay, small) is not None


@pytest.mark.parametrize(
    ("fault", "kind"),
    [("loses_a_commit", FailureKind.EXPECTATION), ("ignores_a_rollback", FailureKind.INVARIANT)],
)
def test_it_finds_a_driver_with_a_fault(fault: str, kind: FailureKind) -> None:
    assert run(BANK, f"sqlite?driver={install(fault)}").failure.kind is kind


def test_it_finds_no_fault_where_none_is() -> None:
    assert run(BANK, f"sqlite?driver={install_class('faithful_bank', Faithful)}").ended.verdict is Verdict.PASS


def test_two_backends_draw_alike() -> None:
    ran = differential(BANK, "sqlite", "sqlite")
    assert ran.ended.verdict is Verdict.PASS
    pairs = list(zip(ran.reports[::2], ran.reports[1::2], strict=True))
    assert len(pairs) == 10
    assert all(done(left) == done(right) for left, right in pairs)


def test_without_expectations_nothing_was_judged() -> None:
    text = "workload: {tasks: 1, repeat: 2, actions: {look: {do: ['SELECT 1']}}}\nschedule: {runs: 2}\n"
    ran = run(text)
    assert (ran.ended.verdict, ran.ended.assertions) == (Verdict.WARN, 0)


def test_drawing_costs_no_word_of_a_schedule() -> None:
    text = (
        "workload: {tasks: 1, repeat: 2, actions: {wait: {with: {n: 1..9}, do: [{sleep: 1ms}]}}}\n"
        "schedule: all\nfinally: ['SELECT 1 => 1']\n"
    )
    ran = run(text)
    assert ran.last.choices == (1, 1)
    assert len(ran.events(TaskChosen)) == 2
    assert [event.now_us for event in ran.events(ClockAdvanced)] == [1000, 2000]


def test_what_no_run_drew_skips_the_plan_too() -> None:
    text = CARELESS.replace("        - SELECT cents", "        - fault: disconnect a\n        - SELECT cents")
    ended = run(text).ended
    assert ended.verdict is Verdict.SKIP
    assert ended.reason is not None
    assert "step workload.actions.transfer.do.1" in ended.reason
