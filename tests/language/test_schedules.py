"""Rules 34-36: the forms of schedules, and whether they match their tasks."""

from __future__ import annotations

import pytest

from simdsl.plan.plan import ExhaustiveSchedule, ExplicitSchedule, PctSchedule, RandomSchedule, RecordedSchedule, Schedule
from tests.language.helpers import codes, only, plan, with_tasks

TWO = {"a": ["SELECT 1", "SELECT 2"], "b": ["SELECT 1"]}


@pytest.mark.parametrize(
    ("written", "schedule"),
    [
        ("all", ExhaustiveSchedule()),
        ("{all: 100}", ExhaustiveSchedule(bound=100)),
        ("a b a", ExplicitSchedule(entries=("a", "b", "a"))),
        ("[a, a, b]", ExplicitSchedule(entries=("a", "a", "b"))),
        ("1-2-1", RecordedSchedule(choices=(1, 2, 1))),
        ("1", RecordedSchedule(choices=(1,))),
        ("{runs: 200}", RandomSchedule(runs=200)),
        ("{seed: 7, runs: 200}", RandomSchedule(seed=7, runs=200)),
        ("{pct: 3, seed: 7, runs: 200}", PctSchedule(depth=3, seed=7, runs=200)),
    ],
)
def test_rule_36_forms(written: str, schedule: Schedule) -> None:
    assert plan(with_tasks(written, a=TWO["a"], b=TWO["b"])).schedule == schedule


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("{all: 0}", ["S008"]),
        ("{all: 3, seed: 1}", ["S002"]),
        ("{seed: 7}", ["S003"]),
        ("{pct: 0, runs: 1}", ["S008"]),
        ("{sead: 7, runs: 1}", ["S002"]),
        ("{runs: x}", ["S008"]),
        ("[[a]]", ["S005"]),
        ("a-b", ["G201"]),
    ],
)
def test_rule_36_other_forms_are_refused(written: str, found: list[str]) -> None:
    assert [code for code in codes(with_tasks(written, a=TWO["a"], b=TWO["b"])) if code != "R035"] == found


def test_rule_35_schedule_entries_match_the_steps() -> None:
    diagnostic = only(with_tasks("a b", a=TWO["a"], b=TWO["b"]))
    assert (diagnostic.code.name, diagnostic.message) == ("R035", "`a` has 2 steps and 1 schedule entry")
    assert codes(with_tasks("a a b b", a=TWO["a"], b=TWO["b"])) == ["R035"]


def test_rule_35_save_with_loops_retries_and_backends() -> None:
    loop = ["for: i in 1..2\ndo:\n  - SELECT 1"]
    assert codes(with_tasks("a a a", a=loop)) == []
    assert codes(with_tasks("a", a=["retry: 2 times\ndo:\n  - SELECT 1\n  - SELECT 2"])) == []
    assert codes(with_tasks("a", a=["SELECT 1", "sql: SELECT 2\nskip: [sqlite]"])) == []


def test_rule_34_every_step_costs_a_word() -> None:
    head = "pools:\n  main: {size: 1}\n"
    steps = ["checkout:", "SELECT 1", "sleep: 1ms", "check: 1 = 1", "fault: crash", "return:"]
    assert codes(with_tasks("a a a a a a", head=head, a=steps)) == []


def test_rule_35_words_name_tasks() -> None:
    diagnostic = only(with_tasks("a writr a", a=TWO["a"], writer=["SELECT 1"]))
    assert (diagnostic.code.name, diagnostic.help) == ("N010", "did you mean `writer`?")
    assert codes(with_tasks("[a, a, b, c]", a=TWO["a"], b=TWO["b"])) == ["N010"]


def test_rule_36_choices_number_tasks() -> None:
    diagnostic = only(with_tasks("1-3", a=TWO["a"], b=TWO["b"]))
    assert (diagnostic.code.name, diagnostic.help) == ("R035", "tasks are numbered in file order: 1 is `a`, 2 is `b`")
    assert codes(with_tasks("1-2-1-1-1", a=TWO["a"], b=TWO["b"])) == []


def test_a_step_with_a_mistake_still_costs_its_word() -> None:
    assert codes(with_tasks("a a", a=["SELECT 1 => 3 affectd", "SELECT 2"])) == ["G201"]
