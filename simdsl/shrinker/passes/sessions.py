"""Tasks that need not be two: one says what both said."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from simdsl.plan.ir import Await, Checkout, For, Retry, Return, SqlStep, Step
from simdsl.shrinker.case import Case


def propose(case: Case) -> Iterator[Case]:
    """In a plan of `steps:` each task becomes each one before it."""
    tasks = names(case)
    for i in reversed(range(len(tasks))):
        for name in tasks[:i]:
            yield renamed(case, tasks[i], name)


def names(case: Case) -> tuple[str, ...]:
    """Who says something in `steps:`, in the order of the first words; nobody in a plan of `tasks:`."""
    steps = case.plan.steps or ()
    return tuple(dict.fromkeys(step.task for step in steps if isinstance(step, SqlStep | Checkout) and step.task))


def renamed(case: Case, old: str, new: str) -> Case:
    """The case with the steps of one task said by another."""
    steps = tuple(_said_by(step, old, new) for step in case.plan.steps or ())
    return replace(case, plan=replace(case.plan, steps=steps))


def _said_by(step: Step, old: str, new: str) -> Step:
    match step:
        case SqlStep() | Checkout() | Return() | Await() if step.task == old:
            return replace(step, task=new)
        case For() | Retry():
            return replace(step, body=tuple(_said_by(one, old, new) for one in step.body))
        case _:
            return step
