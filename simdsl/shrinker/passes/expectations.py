"""Expectations and remarks that need not be there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from simdsl.plan.ir import PLAIN, Await, Blocks, Checkout, Options, Return, SqlStep, Step
from simdsl.shrinker.case import Case


def propose(case: Case) -> Iterator[Case]:
    """All at once, then each step's: what it expects, what it says beside its label, single alternatives, one less."""
    places = [(path, step) for path, step in case.places() if path[0] != "invariants"]
    bare = {path: (changed,) for path, step in places if (changed := _bare(step)) != step}
    if len(bare) > 1 and (everywhere := case.edited(bare)) is not None:
        yield everywhere
    for path, step in reversed(places):
        for changed in _simpler(step):
            made = case.edited({path: (changed,)})
            if made is not None:
                yield made


def _simpler(step: Step) -> Iterator[Step]:
    if (bare := _bare(step)) != step:
        yield bare
    if step.options not in (PLAIN, quiet := Options(label=step.options.label)):
        yield replace(step, options=quiet)
    if isinstance(step, SqlStep | Checkout | Return | Await) and step.expect is not None:
        many = len(step.expect)
        if many > 1:
            yield from (replace(step, expect=(one,)) for one in step.expect)
        if many > 2:
            yield from (replace(step, expect=(*step.expect[:i], *step.expect[i + 1 :])) for i in reversed(range(many)))


def _bare(step: Step) -> Step:
    """The step without its expectation, unless that one is part of the schedule."""
    if not isinstance(step, SqlStep | Checkout | Return | Await) or any(
        isinstance(one, Blocks) for one in step.expect or ()
    ):
        return step
    return replace(step, expect=None)
