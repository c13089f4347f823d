"""Which actions the tasks of a workload perform in a run: a function of the run's seed, the task and the position.

Removing an action from a task, or adding one, therefore changes no other.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from simdsl.core.choices import SEED_BITS, choose_below
from simdsl.plan.dataclasses import dataclass
from simdsl.plan.steps import BlockStep, Step
from simdsl.plan.values import Value, same
from simdsl.plan.workload import IntegerRange, OneOf, ValueDomain, Workload, WorkloadAction


@dataclass(frozen=True, slots=True, kw_only=True)
class SampledAction:
    """An action that a task performs, and the values that were sampled for it, in the order of its ``with:``."""

    action: WorkloadAction
    values: tuple[tuple[str, Value], ...]


def run_seed(seed: int, index: int) -> int:
    """The seed of one run of a random schedule, counted from 0. The first run has the plan's own seed."""
    return seed if index == 0 else choose_below(2**SEED_BITS, seed, "workload.run", index)


def sample_actions(workload: Workload, seed: int, task: str) -> Iterator[SampledAction]:
    """The actions of a task, in order."""
    total = sum(action.weight for action in workload.actions)
    for index in range(workload.repeat):
        at = choose_below(total, seed, "workload.action", task, index)
        for action in workload.actions:
            if at < action.weight:
                yield SampledAction(action=action, values=_sample_values(action, seed, task, index))
                break
            at -= action.weight


def steps_for_task(steps: Sequence[Step], task: str) -> tuple[Step, ...]:
    """The steps of an action with this task as the one that performs them."""
    return tuple(
        replace(step, body=steps_for_task(step.body, task)) if isinstance(step, BlockStep) else replace(step, task=task)
        for step in steps
    )


def _sample_values(action: WorkloadAction, seed: int, task: str, index: int) -> tuple[tuple[str, Value], ...]:
    found: list[tuple[str, Value]] = []
    taken: list[Value] = []
    for one in action.drawn:
        is_distinct = one.name in action.distinct
        value = _sample_value(one.source, taken if is_distinct else (), seed, task, index, one.name)
        found.append((one.name, value))
        if is_distinct:
            taken.append(value)
    return tuple(found)


def _sample_value(source: ValueDomain, taken: Sequence[Value], seed: int, task: str, index: int, name: str) -> Value:
    """A value of the domain that is not taken. The loader has made sure that there is one."""
    place = (task, index, name)
    if isinstance(source, OneOf):
        left = [value for value in source.values if not any(same(value, other) for other in taken)]
        return left[choose_below(len(left), seed, "workload.value", *place)]
    return _sample_integer(source, taken, seed, place)


def _sample_integer(source: IntegerRange, taken: Sequence[Value], seed: int, place: tuple[str, int, str]) -> int:
    # Sample among as many integers as are left, then step over the taken ones below: every free integer is equally likely,
    # and no loop repeats until it hits one.
    gaps = sorted({one for one in taken if type(one) is int and source.first <= one <= source.last})
    value = source.first + choose_below(source.last - source.first + 1 - len(gaps), seed, "workload.value", *place)
    for gap in gaps:
        value += value >= gap
    return value
