"""docs/reference/shrinking.md: what is left of the plans that found planted bugs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median
from textwrap import fill
from typing import Final

from tests.mutation.bug import Bug, Kind
from tests.mutation.catalogue import BUGS
from tests.mutation.minima import SPARE, by_hand
from tests.mutation.shortening import Shortened, steps

PAGE: Final = Path(__file__).resolve().parent.parent.parent / "docs" / "reference" / "shrinking.md"

_INTRODUCTION: Final = f"""\
# Shrinking, measured

Made by `python -m tests.mutation.shrinking --write`, which runs what it says; do not edit.

Each [planted bug](mutations.md) is found by a plan that a property generated from a seed. Here the first of these plans is
shrunk, as by [`simdsl shrink --passes-on`](../how-to/shrink-a-plan.md): the result fails with the same fingerprint on the
backend with the bug, and passes on the one without it.

`found` is the number of steps of the plan that found the bug, `shrunk` that of the result, `by hand` that of the smallest
plan that we could write for it, whose name stands beside it. Steps of setup, of `finally` and of loops count, and so does a
loop. A plan by hand fails with the bug and passes without it, in the same way: it violates the same property, or fails an
expectation at the same kind of statement. It states the claim of the property as the property does; if the claim has several
parts that are joined by `and`, one of them. Otherwise it may use any SQL, including SQL that no generator writes.
The plans are in `tests/mutation/minima`. `ok` means that the result has at most {SPARE} steps more than that.

`tries` is the number of candidates that were run, and `seconds` the total time, on a machine that did other things too.
"""


def page(records: Mapping[str, Shortened]) -> str:
    """The text of the page."""
    return "\n".join([_INTRODUCTION, *_summary(tuple(records.values())), *_bugs(records)]).rstrip("\n") + "\n"


def _summary(records: Sequence[Shortened]) -> Iterator[str]:
    if not records:
        return
    spare = Counter(min(max(steps(one.plan) - steps(by_hand()[one.bug]), 0), SPARE + 1) for one in records)
    before, after = median(one.found for one in records), median(steps(one.plan) for one in records)
    tries = sorted(one.tries for one in records)
    said = f"""{len(records)} plans are shrunk. {spare[0]} are as small as by hand, {spare[1]} have one step more, {spare[2]}
        have two, and {spare[3]} have more than that. The median is {before:.0f} steps before and {after:.0f} after, in
        {median(tries):.0f} tries; the most tries are {tries[-1]}."""
    yield fill(" ".join(said.split()), 125)
    yield ""


def _bugs(records: Mapping[str, Shortened]) -> Iterator[str]:
    for kind in Kind:
        some = [bug for bug in BUGS.values() if bug.kind is kind and bug.name in records]
        if some:
            yield f"## Bugs of {kind}"
            yield ""
            yield "| bug | property | found | shrunk | by hand | tries | seconds | ok |"
            yield "|---|---|---:|---:|---|---:|---:|---|"
            for bug in some:
                yield _row(bug, records[bug.name])
            yield ""


def _row(bug: Bug, one: Shortened) -> str:
    hand, many = by_hand()[bug.name], steps(one.plan)
    ok = "yes" if many <= steps(hand) + SPARE else "no"
    sizes = f"{one.found} | {many} | {steps(hand)} ({hand.name})"
    return f"| {bug.name} | {one.finding.property} | {sizes} | {one.tries} | {one.seconds:.1f} | {ok} |"
