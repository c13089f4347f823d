"""What a workload draws: the same from one seed everywhere, within what its sources say, and as often as weights say."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from simdsl.core.choices import run_seed, sample_actions, steps_for_task
from simdsl.plan.plan import WORKLOAD_TASK, DrawnVariable, IntegerRange, OneOf, Workload, WorkloadAction
from simdsl.verbs.for_ import For, IntegerBounds
from simdsl.verbs.sleep import Sleep

DEEDS = (
    WorkloadAction(
        name="move",
        weight=3,
        drawn=(
            DrawnVariable(name="source", source=IntegerRange(first=1, last=3)),
            DrawnVariable(name="who", source=OneOf(values=("ann", "ben"))),
            DrawnVariable(name="target", source=IntegerRange(first=1, last=3)),
            DrawnVariable(name="other", source=OneOf(values=(1, 2, 3, True))),
        ),
        distinct=("source", "target", "other"),
        body=(),
    ),
    WorkloadAction(name="look", body=()),
)
FROM_SEVEN = [
    ("look", ()),
    ("move", (("source", 1), ("who", "ben"), ("target", 3), ("other", 2))),
    ("move", (("source", 1), ("who", "ben"), ("target", 2), ("other", True))),
]
WORKLOAD = Workload(tasks=("a", "b"), repeat=400, actions=DEEDS)


def test_the_draws_of_a_seed_are_these() -> None:
    few = Workload(tasks=("a",), repeat=3, actions=DEEDS)
    assert [(act.action.name, act.values) for act in sample_actions(few, 7, "a")] == FROM_SEVEN


def test_weights_are_kept() -> None:
    counts = Counter(act.action.name for task in "ab" for act in sample_actions(WORKLOAD, 1, task))
    assert 540 < counts["move"] < 660
    assert counts["move"] + counts["look"] == 800


def test_each_value_comes() -> None:
    values = [dict(act.values) for act in sample_actions(WORKLOAD, 1, "a") if act.values]
    assert {one["who"] for one in values} == {"ann", "ben"}
    assert {(one["source"], one["target"]) for one in values} == {(a, b) for a in (1, 2, 3) for b in (1, 2, 3) if a != b}


@given(st.integers(0, 2**32), st.integers(-5, 5), st.integers(1, 6), st.integers(0, 3))
def test_distinct_values_differ(seed: int, first: int, width: int, shift: int) -> None:
    many = min(width, 3)
    drawn = tuple(
        DrawnVariable(name=f"v{i}", source=IntegerRange(first=first - i * shift, last=first - i * shift + width))
        for i in range(many)
    )
    deed = WorkloadAction(name="d", drawn=drawn, distinct=tuple(one.name for one in drawn), body=())
    for act in sample_actions(Workload(tasks=("a",), repeat=5, actions=(deed,)), seed, "a"):
        values = [value for _, value in act.values]
        assert len(set(values)) == many
        for one, value in zip(drawn, values, strict=True):
            assert isinstance(one.source, IntegerRange)
            assert isinstance(value, int)
            assert one.source.first <= value <= one.source.last


def test_what_one_task_draws_does_not_hang_on_the_others() -> None:
    alone = Workload(tasks=("b",), repeat=10, actions=DEEDS)
    assert list(sample_actions(alone, 5, "b")) == list(sample_actions(WORKLOAD, 5, "b"))[:10]
    assert list(sample_actions(alone, 5, "b")) != list(sample_actions(alone, 5, "a"))


def test_the_first_run_has_the_seed_itself() -> None:
    seeds = [run_seed(9, index) for index in range(100)]
    assert seeds[0] == 9
    assert len(set(seeds)) == 100


def test_steps_become_a_tasks() -> None:
    steps = (For(variable="i", over=IntegerBounds(first=1, last=2), body=(Sleep(duration_us=1, task=WORKLOAD_TASK),)),)
    (loop,) = steps_for_task(steps, "ann")
    assert isinstance(loop, For)
    assert loop.body == (Sleep(duration_us=1, task="ann"),)
