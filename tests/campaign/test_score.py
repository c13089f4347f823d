"""What a campaign has come to, whatever comes first."""

from __future__ import annotations

from itertools import permutations

import pytest

from simdsl.campaign.progress import BugSighting, CampaignTotals, SeedRangeResult, merge_spans
from simdsl.core.verdicts import GeneratorHealth, GeneratorStats


def part(first: int, last: int, *bugs: BugSighting, assertions: int = 1) -> SeedRangeResult:
    one = GeneratorStats(
        name="quick",
        generated=last - first + 1,
        assertions=assertions,
        failed=0,
        skipped=(("no", 1),),
        without_assertions=0,
        never=None,
    )
    health = GeneratorHealth(floor=0, of=(one,), runs=1, conflicts=2, pool_waits=3)
    return SeedRangeResult(first=first, last=last, health=health, bugs=bugs, internal_failures=(), micros=10)


def seen(seed: int, count: int) -> BugSighting:
    return BugSighting(name="b", fingerprint="f", message="m", generator="quick", seed=seed, count=count)


def test_parts_add_up_in_any_order() -> None:
    parts = (part(1, 4, seen(3, 2)), part(5, 8), part(9, 10, seen(9, 1)))
    for order in permutations(parts):
        totals = CampaignTotals(generators=("quick",), floor=1)
        for one in order:
            totals.add(one)
        assert (totals.seeds, totals.plans, totals.assertions, totals.micros) == (10, 10, 3, 30)
        assert totals.bugs == {"b": seen(3, 3)}
        assert totals.health.of[0].skipped == (("no", 3),)
        assert (totals.health.floor, totals.health.runs, totals.health.conflicts, totals.health.pool_waits) == (1, 3, 6, 9)
        assert totals.spans == [(1, 10)]


@pytest.mark.parametrize(
    ("spans", "left"),
    [
        ([], [(1, 10)]),
        ([(1, 10)], []),
        ([(3, 4)], [(1, 2), (5, 10)]),
        ([(1, 2), (4, 4), (9, 12)], [(3, 3), (5, 8)]),
        ([(11, 20)], [(1, 10)]),
        ([(1, 0)], [(1, 10)]),
    ],
)
def test_what_is_left_is_what_is_not_done(spans: list[tuple[int, int]], left: list[tuple[int, int]]) -> None:
    totals = CampaignTotals(generators=("quick",), floor=1)
    for first, last in spans:
        if first <= last:
            totals.add(part(first, last))
    assert list(totals.left(1, 10)) == left


def test_spans_that_touch_or_overlap_are_one() -> None:
    assert list(merge_spans([(5, 6), (1, 2), (3, 3), (6, 9), (11, 12)])) == [(1, 3), (5, 9), (11, 12)]
