"""Schedules: words, pins, random walks, PCT, and every interleaving (rules.md 34-36)."""

from __future__ import annotations

import math
from collections import Counter

import pytest

from simdsl.core.trace import TaskChosen
from simdsl.core.verdicts import FailureKind, Verdict
from tests.running import run

INDEPENDENT = """
tasks:
  a:
    - SELECT 1 => 1
    - SELECT 2 => 2
    - SELECT 3 => 3
  b:
    - SELECT 4 => 4
    - SELECT 5 => 5
schedule: {}
"""

LOST_UPDATE = """
setup:
  - CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER)
  - INSERT INTO t VALUES (1, 0)
tasks:
  a:
    - SELECT v FROM t => ?v
    - UPDATE t SET v = $v + 1
  b:
    - SELECT v FROM t => ?v
    - UPDATE t SET v = $v + 1
schedule: {}
finally:
  - SELECT v FROM t => 2
"""


def test_all_runs_every_interleaving_once() -> None:
    ran = run(INDEPENDENT.format("all"))
    schedules = [report.choices for report in ran.reports]
    assert len(schedules) == len(set(schedules)) == math.comb(5, 2)
    assert all(Counter(choices) == {1: 3, 2: 2} for choices in schedules)
    assert schedules[0] == (1, 1, 1, 2, 2)
    assert schedules[-1] == (2, 2, 1, 1, 1)


def test_a_bound_that_cut_is_a_warning() -> None:
    ran = run(INDEPENDENT.format("{all: 4}"))
    assert ran.ended.runs == 4
    assert ran.ended.verdict is Verdict.WARN
    assert "bound of 4" in ran.ended.warnings[0]


def test_a_bound_that_is_just_enough_is_none() -> None:
    assert run(INDEPENDENT.format("{all: 10}")).ended.verdict is Verdict.PASS


def test_exploration_finds_the_lost_update_and_the_pin_repeats_it() -> None:
    ran = run(LOST_UPDATE.format("all"))
    assert ran.ended.verdict is Verdict.FAIL
    choices = "-".join(map(str, ran.last.choices))
    assert choices == "1-2-1-2"
    again = run(LOST_UPDATE.format(choices))
    assert again.last.digest == ran.last.digest
    assert again.failure == ran.failure


def test_exploration_is_over_enabled_tasks_only() -> None:
    # A sleeper is not enabled, so b's steps cannot be reordered behind it.
    ran = run("tasks:\n  a:\n    - sleep: 1ms\n    - SELECT 1 => 1\n  b:\n    - SELECT 2 => 2\nschedule: all\n")
    assert [report.choices for report in ran.reports] == [(1, 2, 1), (2, 1, 1)]


def test_words_then_file_order() -> None:
    ran = run(INDEPENDENT.format("b a b a a"))
    assert ran.last.choices == (2, 1, 2, 1, 1)


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ("1-1-1-2", "the recorded schedule ends, and b can still run"),
        ("1-1-1-1-2", "choice 4 of the recorded schedule is a, and only b can run"),
        ("1-1-1-2-2-2", "all tasks have ended before the last 1 of the recorded choices"),
    ],
)
def test_rule_35_a_pin_is_strict(choices: str, message: str) -> None:
    ran = run(INDEPENDENT.format(choices))
    assert ran.failure.kind is FailureKind.DIVERGENCE
    assert ran.failure.message == message


def test_a_random_walk_is_a_function_of_its_seed() -> None:
    text = INDEPENDENT.format("{seed: 7, runs: 20}")
    first, second = run(text), run(text, seed=99)
    assert [r.choices for r in first.reports] == [r.choices for r in second.reports]
    assert len({r.choices for r in first.reports}) > 5
    assert [r.choices for r in run(INDEPENDENT.format("{seed: 8, runs: 20}")).reports] != [r.choices for r in first.reports]


def test_rule_36_a_schedule_without_a_seed_takes_the_calls() -> None:
    text = INDEPENDENT.format("{runs: 20}")
    assert [r.choices for r in run(text, seed=5).reports] == [r.choices for r in run(text, seed=5).reports]
    assert [r.choices for r in run(text, seed=5).reports] != [r.choices for r in run(text, seed=6).reports]


def test_pct_finds_a_bug_of_depth_two_within_its_bound() -> None:
    # n = 2 tasks, k = 4 steps, depth 2: at least 1 / (n * k) of the runs, and much more in practice.
    ran = run(LOST_UPDATE.format("{pct: 2, seed: 1, runs: 64}"))
    assert ran.ended.verdict is Verdict.FAIL


def test_pct_of_depth_one_never_changes_priorities() -> None:
    ran = run(INDEPENDENT.format("{pct: 1, seed: 3, runs: 20}"))
    assert {r.choices for r in ran.reports} == {(1, 1, 1, 2, 2), (2, 2, 1, 1, 1)}


def test_every_choice_records_who_was_enabled() -> None:
    ran = run(INDEPENDENT.format("a a a b b"))
    assert [event.enabled for event in ran.events(TaskChosen)] == [(0, 1), (0, 1), (0, 1), (1,), (1,)]


def test_three_tasks_of_two_steps_have_ninety_interleavings() -> None:
    task = "    - SELECT 1 => 1\n    - SELECT 2 => 2\n"
    ran = run(f"tasks:\n  a:\n{task}  b:\n{task}  c:\n{task}schedule: all\n")
    assert ran.ended.runs == 90


def test_runs_of_a_schedule_do_not_see_each_other() -> None:
    ran = run(
        """
setup:
  - CREATE TABLE t (id INTEGER PRIMARY KEY)
tasks:
  a:
    - INSERT INTO t VALUES (1) => 1 affected
    - CREATE TABLE u (x)
  b:
    - INSERT INTO t VALUES (2) => 1 affected
schedule: all
finally:
  - SELECT count(*) FROM t => 2
"""
    )
    assert ran.ended.verdict is Verdict.PASS, ran.ended.failed
    assert ran.ended.runs == 3
