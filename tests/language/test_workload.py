"""Rule 54: the form of a workload, what it draws from, and what its actions may read."""

from __future__ import annotations

import pytest

from simdsl.language.dump import dump, dump_json
from simdsl.plan.plan import ExplicitSchedule, IntegerRange, OneOf, RandomSchedule
from tests.language.helpers import codes, found, only, plan, pointed

HEAD = "simdsl: 1\nplan: asked\n"


def with_workload(
    action: str = 'do: ["SELECT 1"]', *, tasks: str = "2", repeat: str = "3", schedule: str = "{runs: 5}", head: str = ""
) -> str:
    """A plan with a workload of one action, whose lines are these."""
    lines = "".join(f"      {line}\n" for line in action.split("\n"))
    workload = f"workload:\n  tasks: {tasks}\n  repeat: {repeat}\n  actions:\n    act:\n{lines}"
    return f"{HEAD}{head}{workload}schedule: {schedule}\n"


FULL = """weight: 4
with: {n: -3..3, who: [ann, 1, 2.5, true, null, '010']}
distinct: [n, who]
do:
  - SELECT $n, $who => ($n, $who)
  - sql: SELECT 1 => ?seen
    postgres: => 1
  - retry: 3 times on busy
    do:
      - INSERT INTO t VALUES ($n, $seen)
  - check: $n < 4"""


def test_everything_is_read_and_written_again() -> None:
    text = with_workload(FULL, tasks="[ann, ben]")
    made = plan(text)
    assert made.workload is not None
    (deed,) = made.workload.actions
    assert (made.workload.tasks, made.workload.repeat, deed.weight) == (("ann", "ben"), 3, 4)
    assert [one.source for one in deed.drawn] == [
        IntegerRange(first=-3, last=3),
        OneOf(values=("ann", 1, 2.5, True, None, "010")),
    ]
    assert made.schedule == RandomSchedule(runs=5)
    assert plan(dump(made)) == plan(dump_json(made)) == made


def test_tasks_may_be_a_number() -> None:
    made = plan(with_workload(tasks="2"))
    assert made.workload is not None
    assert made.workload.tasks == ("t1", "t2")
    assert "tasks: 2\n" in dump(made)


def test_actions_may_have_any_name_of_a_key() -> None:
    text = with_workload(FULL, tasks="2").replace("    act:", "    with:")
    assert plan(dump(plan(text))) == plan(text)


@pytest.mark.parametrize(
    ("action", "wanted"),
    [
        ("with: {n: 3..1}\ndo: []", ["S018"]),
        ("with: {n: 3}\ndo: []", ["S018"]),
        ("with: {n: a..b}\ndo: []", ["S018"]),
        ("with: {n: 1..9223372036854775808}\ndo: []", ["S018"]),
        ("with: {n: []}\ndo: []", ["S018"]),
        ("with:\n  n: [{identifier: t}]\ndo: []", ["S018"]),
        ("with:\n  n: [010]\ndo: []", ["S013"]),
        ("with: {N: 1..2}\ndo: []", ["N001"]),
        ("with: [n]\ndo: []", ["S007"]),
        ("weight: 0\ndo: []", ["S008"]),
        ("wait: 1\ndo: []", ["S002"]),
        ("weight: 1", ["S003"]),
        ("with: {n: 1..1, m: [1, 1]}\ndistinct: [n, m]\ndo: []", ["R154"]),
        ("with: {n: 1..2, m: [1, 2]}\ndistinct: [n, k]\ndo: []", ["S016"]),
        ("do:\n  - sql: SELECT 1\n    label: x", ["S012"]),
        ("do:\n  - await: all", ["R030"]),
        ("do:\n  - ann: SELECT 1", ["S011"]),
        ("do:\n  - return: ann", ["R041", "S011"]),
        ("do:\n  - SELECT $n", ["N007"]),
        ("with: {n: 1..2}\ndo:\n  - SELECT 1 => ?n", ["N013"]),
        ("with: {n: 1..2}\ndo:\n  - for: n in 1..2\n    do:\n      - SELECT 1", ["N009"]),
    ],
)
def test_what_is_refused_in_an_action(action: str, wanted: list[str]) -> None:
    assert sorted(codes(with_workload(action))) == wanted


@pytest.mark.parametrize(
    ("head", "wanted"),
    [
        ({"tasks": "[]"}, ["R054"]),
        ({"tasks": "0"}, ["S008"]),
        ({"tasks": "[check]"}, ["N002"]),
        ({"tasks": "[workload]"}, ["N002"]),
        ({"tasks": "[a, a]"}, ["S017"]),
        ({"repeat": "0"}, ["S008"]),
        ({"repeat": "100000"}, ["R048"]),
        ({"schedule": "t1 t3"}, ["N010"]),
        ({"schedule": "1-2-3"}, ["R035"]),
        ({"head": "steps: []\n"}, ["S010"]),
        ({"head": "tasks: {a: []}\n"}, ["S010"]),
        ({"head": "params: [{n: 1}]\n", "action": "with: {n: 1..2}\ndo: []"}, ["N013"]),
    ],
)
def test_what_is_refused_around_it(head: dict[str, str], wanted: list[str]) -> None:
    assert codes(with_workload(**head)) == wanted


def test_words_name_tasks_and_need_not_match_the_steps() -> None:
    assert plan(with_workload(schedule="t1 t2 t1")).schedule == ExplicitSchedule(entries=("t1", "t2", "t1"))


def test_a_schedule_is_missing() -> None:
    text = with_workload()
    assert codes(text[: text.index("schedule")]) == ["S003"]


def test_no_action_at_all() -> None:
    assert codes(f"{HEAD}workload: {{tasks: 1, repeat: 1, actions: {{}}}}\nschedule: all\n") == ["R054"]


def test_actions_share_no_variables() -> None:
    text = with_workload("do:\n  - SELECT 1 => ?seen").replace(
        "schedule", "    more:\n      do:\n        - SELECT $seen\nschedule"
    )
    diagnostic = only(text)
    assert (diagnostic.code.name, pointed(diagnostic)) == ("N007", "$seen")


def test_a_misspelt_key_is_named() -> None:
    unknown, missing = sorted(found(with_workload().replace("repeat", "repaet")), key=lambda one: one.code.name)[:2]
    assert (unknown.code.name, unknown.help) == ("S002", "did you mean `repeat`?")
    assert (missing.code.name, missing.message) == ("S003", "the key `repeat` is missing")


def test_yaml_traps_are_found_in_actions() -> None:
    assert codes(with_workload("do: [SELECT 1 => 1]")) == ["Y012"]
    assert codes(with_workload("do:\n  - SELECT a #b => 1")) == ["Y010"]


def test_a_number_is_no_name_of_a_task() -> None:
    text = with_workload(tasks="[1, a, 2]")
    assert codes(text) == ["N001", "N001"]
    assert [pointed(one) for one in found(text)] == ["1", "2"]
