"""Workloads: weighted actions whose values are drawn for each run."""

from __future__ import annotations

from typing import Final, TypeAlias

from simdsl.plan.dataclasses import dataclass
from simdsl.plan.steps import Step
from simdsl.plan.values import Value

# What is drawn for each run

WORKLOAD_TASK: Final = "workload"
"""Whose the steps of a workload are, until a task does them. No task has this name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IntegerRange:
    """``1..50``: an integer, both ends included; the first is not larger than the last."""

    first: int
    last: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OneOf:
    """``[alice, bob]``: one of these values, of which there is one at least; each place in the list is as likely."""

    values: tuple[Value, ...]


ValueDomain: TypeAlias = IntegerRange | OneOf


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnVariable:
    """One entry of ``with:``: a variable that has another value each time."""

    name: str
    source: ValueDomain


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkloadAction:
    """One of ``actions:``: what a task may do next. The steps' task is ``workload``; the task that does it stands for it.

    The values of ``distinct``, names of ``drawn``, differ from each other each time.
    """

    name: str
    weight: int = 1
    drawn: tuple[DrawnVariable, ...] = ()
    distinct: tuple[str, ...] = ()
    body: tuple[Step, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """``workload:``: in each run each task does ``repeat`` deeds, drawn by their weights."""

    tasks: tuple[str, ...]
    repeat: int
    actions: tuple[WorkloadAction, ...]


def numbered_tasks(many: int) -> tuple[str, ...]:
    """The names of the tasks of a workload that only says how many."""
    return tuple(f"t{number}" for number in range(1, many + 1))
