"""Tasks that need not be two: one says what both said."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from simdsl.plan.ir import Await, Checkout, For, Retry, Return, SqlStep, Step
from simdsl.shrinker.case import Case


def propose(case: Case) -> Iterator[Case]:
    """In a plan of `steps:` each task becomes each one before it."""
    steps = case.plan.steps
    if steps is None:
        return
    names = list(dict.fromkeys(step.task for step in steps if isinstance(step, SqlStep | Checkout) and step.task))
    for i in reversed(range(len(names))):
        for name in names[:i]:
            made = tuple(_renamed(step, names[i], name) for step in steps)
            yield replace(case, plan=replace(case.plan, steps=made))


def _renamed(step: Step, old: str, new: str) -> Step:
    match step:
        case SqlStep() | Checkout() | Return() | Await() if step.task == old:
            return replace(step, task=new)
        case For() | Retry():
            return replace(step, body=tuple(_renamed(one, old, new) for one in step.body))
        case _:
            return step
