"""A run of a workload and its pin are the same bug, whatever the values that were drawn are called in it."""

from __future__ import annotations

from functools import partial

import pytest

from simdsl.backends.registry import resolve
from simdsl.core.verdicts import Failure, FailureKind, RunReport
from simdsl.failures import FailureIdentity, PlanRunner, failed_run, is_same_failure
from simdsl.language.dump import dump
from simdsl.language.load import load_text
from simdsl.plan.plan import Plan, RecordedSchedule
from simdsl.rewriting.pin import pin_run
from simdsl.runs.context import RunOptions
from simdsl.runs.shrink_driver import ShrinkDriver, ShrinkLimits
from simdsl.runs.single import run_plan

SQLITE: PlanRunner = partial(run_plan, file="x", backend=resolve("sqlite"), options=RunOptions(seed=7))
HEAD = "simdsl: 1\nplan: drawn\nsetup:\n  - CREATE TABLE t (id INTEGER)\n"


def found(text: str) -> tuple[Plan, RunReport, Plan]:
    """A workload that fails, its failing run, and the pin of that as a file gives it back."""
    plan = load_text(text)
    report = failed_run(SQLITE, plan)
    assert report is not None
    pin = load_text(dump(pin_run(plan, report, 7)))
    return plan, report, pin


@pytest.mark.parametrize(
    "rest",
    [
        "workload:\n  tasks: [a, b]\n  repeat: 2\n  actions:\n    act:\n      do: ['SELECT 1 => 1']\nschedule: {runs: 3}\n",
        "workload:\n  tasks: [a, b]\n  repeat: 1\n  actions:\n    act:\n      do: ['SELECT 1 => 1']\nschedule: a b\n",
        "tasks:\n  a: ['SELECT 1']\n  b: ['SELECT 2']\nschedule: all\n",
        "tasks:\n  a: ['SELECT 1']\n  b: ['SELECT 2']\nschedule: b a\n",
    ],
)
def test_a_run_whose_setup_failed_has_a_pin(rest: str) -> None:
    _, report, pin = found(f"{HEAD}  - SELECT 1 => 2\n{rest}")
    assert report.choices == ()
    assert not isinstance(pin.schedule, RecordedSchedule)
    assert is_same_failure(failed_run(SQLITE, pin), FailureIdentity.of_run(report))


def test_a_loop_and_what_another_action_binds_may_have_one_name() -> None:
    text = f"""{HEAD}workload:
  tasks: [a]
  repeat: 8
  actions:
    looped:
      with: {{i_2: 1..3}}
      do:
        - for: i in 1..$i_2
          do:
            - INSERT INTO t VALUES ($i) => 1 affected
    bound:
      do:
        - SELECT 5 => ?i
        - SELECT $i => 5
    wrong:
      do:
        - SELECT count(*) FROM t => 0
schedule: {{runs: 4}}
"""
    plan, report, pin = found(text)
    assert [step for task in pin.tasks or () for step in task.steps]
    assert is_same_failure(failed_run(SQLITE, pin), FailureIdentity.of_run(report))
    *_, end = ShrinkDriver(plan, report, 7, SQLITE, ShrinkLimits())
    assert is_same_failure(failed_run(SQLITE, end.case.plan), FailureIdentity.of_run(report))


def test_a_missed_expectation_with_a_drawn_value_is_the_same_bug_in_the_pin() -> None:
    text = f"""{HEAD}workload:
  tasks: [a, b]
  repeat: 6
  actions:
    act:
      with: {{n: 1..40}}
      do:
        - SELECT $n + $n / 20 => $n
schedule: {{runs: 20}}
"""
    _, report, pin = found(text)
    names = {param.name for param in pin.params[0]}
    assert len(names) > 2, "values that are drawn have names of their own in the pin"
    assert is_same_failure(failed_run(SQLITE, pin), FailureIdentity.of_run(report))


def test_the_name_of_a_variable_is_no_part_of_a_bug() -> None:
    def bug(expected: str) -> FailureIdentity:
        return FailureIdentity.of(
            Failure(kind=FailureKind.EXPECTATION, message="", path=(), expected=(expected,), got=("1",), fingerprint="x")
        )

    assert bug("($n, $m, '$n')") == bug("($n_2, $o, '$n')")
    assert bug("($n, $m)") != bug("($n, $n)")
    assert bug("($n, '$n')") != bug("($n, '$m')")
    assert bug("(?n)") != bug("($n)")


@pytest.mark.parametrize("expected", ["$n", "($n, 1)"])
def test_a_workload_that_expects_what_it_drew_shrinks_to_the_same_bug(expected: str) -> None:
    columns = "$n + 1" if expected == "$n" else "$n + 1, 1"
    text = f"""{HEAD}workload:
  tasks: [a, b]
  repeat: 3
  actions:
    fine:
      weight: 3
      with: {{n: 1..9}}
      do: ['SELECT $n => $n']
    act:
      with: {{n: 1..9}}
      do: ['SELECT {columns} => {expected}']
schedule: {{runs: 20}}
"""
    plan, report, pin = found(text)
    assert is_same_failure(failed_run(SQLITE, pin), FailureIdentity.of_run(report))
    *_, end = ShrinkDriver(plan, report, 7, SQLITE, ShrinkLimits())
    assert is_same_failure(failed_run(SQLITE, end.case.plan), FailureIdentity.of_run(report))
    assert len(end.case.plan.steps or ()) == 1
