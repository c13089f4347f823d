"""Waits that need not be: who is blocked until another step is done asks after that step instead."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from simdsl.plan.ir import Await, Blocks, Checkout, Path, SqlStep
from simdsl.shrinker.case import Case


def propose(case: Case) -> Iterator[Case]:
    """In a plan of `steps:` each step that blocks stands where its answer is awaited, the last one first."""
    for parked, step, awaiting, end in reversed(list(_waits(case))):
        late = replace(step, expect=end.expect, options=replace(end.options, overrides=step.options.overrides))
        made = case.edited({parked: (), awaiting: (late,)})
        if made is not None:
            yield made


def _waits(case: Case) -> Iterator[tuple[Path, SqlStep | Checkout, Path, Await]]:
    parked: dict[str | None, tuple[Path, SqlStep | Checkout]] = {}
    for i, step in enumerate(case.plan.steps or ()):
        path = ("steps", i)
        if isinstance(step, SqlStep | Checkout) and any(isinstance(one, Blocks) for one in step.expect or ()):
            parked[step.task] = path, step
        elif isinstance(step, Await) and step.task in parked:
            yield *parked.pop(step.task), path, step
