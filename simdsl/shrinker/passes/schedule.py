"""Passes over the schedule: fewer waits, schedule entries, tasks and switches between tasks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from simdsl.plan.expectations import Blocks
from simdsl.plan.source import Path
from simdsl.plan.steps import Await, Checkout, For, Retry, Return, SqlStep, Step
from simdsl.shrinker.case import ShrinkCase, count_switches, task_of


def remove_waits(case: ShrinkCase) -> Iterator[ShrinkCase]:
    """In a plan of `steps:` each step that blocks stands where its answer is awaited, the last one first."""
    for parked, step, awaiting, end in reversed(list(_waits(case))):
        late = replace(step, expect=end.expect, options=replace(end.options, overrides=step.options.overrides))
        made = case.edited({parked: (), awaiting: (late,)})
        if made is not None:
            yield made


def _waits(case: ShrinkCase) -> Iterator[tuple[Path, SqlStep | Checkout, Path, Await]]:
    parked: dict[str | None, tuple[Path, SqlStep | Checkout]] = {}
    for i, step in enumerate(case.plan.steps or ()):
        path = ("steps", i)
        if isinstance(step, SqlStep | Checkout) and any(isinstance(one, Blocks) for one in step.expect or ()):
            parked[step.task] = path, step
        elif isinstance(step, Await) and step.task in parked:
            yield *parked.pop(step.task), path, step


def shorten_schedule(case: ShrinkCase) -> Iterator[ShrinkCase]:
    """Ever less of its end, then each word."""
    order = case.order
    keep = 1
    while keep < len(order):
        yield case.in_order(order[:keep])
        keep = keep + (len(order) - keep + 1) // 2
    for i in reversed(range(len(order))):
        yield case.in_order((*order[:i], *order[i + 1 :]))


def merge_tasks(case: ShrinkCase) -> Iterator[ShrinkCase]:
    """In a plan of `steps:` each task becomes each one before it."""
    tasks = task_names(case)
    for i in reversed(range(len(tasks))):
        for name in tasks[:i]:
            yield rename_task(case, tasks[i], name)


def task_names(case: ShrinkCase) -> tuple[str, ...]:
    """Who says something in `steps:`, in the order of the first words; nobody in a plan of `tasks:`."""
    steps = case.plan.steps or ()
    return tuple(dict.fromkeys(step.task for step in steps if isinstance(step, SqlStep | Checkout) and step.task))


def rename_task(case: ShrinkCase, old: str, new: str) -> ShrinkCase:
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


def reduce_switches(case: ShrinkCase) -> Iterator[ShrinkCase]:
    """A step starts as soon as its task has ended the one before, if that makes fewer switches."""
    plan = case.plan
    if plan.steps is not None:
        tasks = [task_of(("steps", i), step) for i, step in enumerate(plan.steps)]
        for order in _calmer(tasks):
            yield replace(case, plan=replace(plan, steps=tuple(plan.steps[i] for i in order)))
        return
    for order in _calmer([str(path[1]) for path in case.order]):
        yield case.in_order(case.order[i] for i in order)


def _calmer(tasks: Sequence[str | None]) -> Iterator[list[int]]:
    """Orders of the indices in which the tasks change less often."""
    now = count_switches(tasks)
    for i, task in enumerate(tasks):
        before = next((j for j in range(i - 1, -1, -1) if tasks[j] == task), None)
        target = 0 if before is None else before + 1
        if task is None or target == i:
            continue
        order = [*range(target), i, *range(target, i), *range(i + 1, len(tasks))]
        if count_switches([tasks[j] for j in order]) < now:
            yield order
