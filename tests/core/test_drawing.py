"""What a workload draws: the same from one seed everywhere, within what its sources say, and as often as weights say."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from simdsl.core.drawing import acts, of_task, seed_of_run
from simdsl.plan.ir import ANY_TASK, Between, Deed, Drawn, For, OneOf, Range, Sleep, Workload

DEEDS = (
    Deed(
        name="move",
        weight=3,
        drawn=(
            Drawn(name="source", source=Between(first=1, last=3)),
            Drawn(name="who", source=OneOf(values=("ann", "ben"))),
            Drawn(name="target", source=Between(first=1, last=3)),
            Drawn(name="other", source=OneOf(values=(1, 2, 3, True))),
        ),
        distinct=("source", "target", "other"),
        body=(),
    ),
    Deed(name="look", body=()),
)
FROM_SEVEN = [
    ("look", ()),
    ("move", (("source", 1), ("who", "ben"), ("target", 3), ("other", 2))),
    ("move", (("source", 1), ("who", "ben"), ("target", 2), ("other", True))),
]
WORKLOAD = Workload(tasks=("a", "b"), repeat=400, deeds=DEEDS)


def test_the_draws_of_a_seed_are_these() -> None:
    few = Workload(tasks=("a",), repeat=3, deeds=DEEDS)
    assert [(act.deed.name, act.values) for act in acts(few, 7, "a")] == FROM_SEVEN


def test_weights_are_kept() -> None:
    counts = Counter(act.deed.name for task in "ab" for act in acts(WORKLOAD, 1, task))
    assert 540 < counts["move"] < 660
    assert counts["move"] + counts["look"] == 800


def test_each_value_comes() -> None:
    values = [dict(act.values) for act in acts(WORKLOAD, 1, "a") if act.values]
    assert {one["who"] for one in values} == {"ann", "ben"}
    assert {(one["source"], one["target"]) for one in values} == {(a, b) for a in (1, 2, 3) for b in (1, 2, 3) if a != b}


@given(st.integers(0, 2**32), st.integers(-5, 5), st.integers(1, 6), st.integers(0, 3))
def test_distinct_values_differ(seed: int, first: int, width: int, shift: int) -> None:
    many = min(width, 3)
    drawn = tuple(
        Drawn(name=f"v{i}", source=Between(first=first - i * shift, last=first - i * shift + width)) for i in range(many)
    )
    deed = Deed(name="d", drawn=drawn, distinct=tuple(one.name for one in drawn), body=())
    for act in acts(Workload(tasks=("a",), repeat=5, deeds=(deed,)), seed, "a"):
        values = [value for _, value in act.values]
        assert len(set(values)) == many
        for one, value in zip(drawn, values, strict=True):
            assert isinstance(one.source, Between)
            assert isinstance(value, int)
            assert one.source.first <= value <= one.source.last


def test_what_one_task_draws_does_not_hang_on_the_others() -> None:
    alone = Workload(tasks=("b",), repeat=10, deeds=DEEDS)
    assert list(acts(alone, 5, "b")) == list(acts(WORKLOAD, 5, "b"))[:10]
    assert list(acts(alone, 5, "b")) != list(acts(alone, 5, "a"))


def test_the_first_run_has_the_seed_itself() -> None:
    seeds = [seed_of_run(9, index) for index in range(100)]
    assert seeds[0] == 9
    assert len(set(seeds)) == 100


def test_steps_become_a_tasks() -> None:
    steps = (For(variable="i", over=Range(first=1, last=2), body=(Sleep(duration_us=1, task=ANY_TASK),)),)
    (loop,) = of_task(steps, "ann")
    assert isinstance(loop, For)
    assert loop.body == (Sleep(duration_us=1, task="ann"),)
