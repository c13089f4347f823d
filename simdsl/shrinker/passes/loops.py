"""Loops that need not be there: fewer rounds, or the body alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from simdsl.plan.ir import AnError, Checkout, Expectation, For, Items, Ok, Range, Retry, SqlStep, Step
from simdsl.shrinker.case import Case


def propose(case: Case) -> Iterator[Case]:
    """Each loop in its turn, the last one first."""
    for path, step in reversed(list(case.places())):
        for by in _simpler(step):
            changed = case.edited({path: by})
            if changed is not None:
                yield changed


def _simpler(step: Step) -> Iterator[tuple[Step, ...]]:
    match step:
        case Retry():
            yield step.body
            yield tuple(_tried_once(one, step) for one in step.body)
            for times in (1, 2):
                if times < step.times:
                    yield (replace(step, times=times),)
            if step.every_us is not None:
                yield (replace(step, every_us=None),)
            if len(step.classes) > 1:
                yield from ((replace(step, classes=(one,)),) for one in step.classes)
        case For(over=Items(items=items)) if len(items) > 1:
            yield (replace(step, over=Items(items=items[:1])),)
            yield (replace(step, over=Items(items=items[: len(items) // 2])),)
        case For(over=Range(first=int(first), last=int(last))) if first < last:
            yield step.body
            yield (replace(step, over=Range(first=first, last=first)),)
            yield (replace(step, over=Range(first=first, last=(first + last) // 2)),)
        case For():
            yield step.body
        case _:
            return


def _tried_once(step: Step, loop: Retry) -> Step:
    """A step of a loop that may be refused as it may be there."""
    if not isinstance(step, SqlStep | Checkout):
        return step
    refusals: Expectation = tuple(AnError(error_class=one) for one in loop.classes)
    return replace(step, expect=(*(step.expect or (Ok(),)), *refusals))
