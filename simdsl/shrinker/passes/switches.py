"""Switches between tasks: who can go on goes on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from simdsl.shrinker.case import Case, task_of
from simdsl.shrinker.size import switches


def propose(case: Case) -> Iterator[Case]:
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
    now = switches(tasks)
    for i, task in enumerate(tasks):
        before = next((j for j in range(i - 1, -1, -1) if tasks[j] == task), None)
        target = 0 if before is None else before + 1
        if task is None or target == i:
            continue
        order = [*range(target), i, *range(target, i), *range(i + 1, len(tasks))]
        if switches([tasks[j] for j in order]) < now:
            yield order
