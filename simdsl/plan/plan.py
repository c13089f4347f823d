"""The plan: one frozen value that holds everything a plan file says, with its schedule and its workload.

A plan knows nothing about the file it came from: ``load(dump(plan)) == plan``. Times are integers in microseconds of virtual
time, with the unit in their names.
"""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from typing import Final, TypeAlias

from simdsl.plan.deferred import dataclass
from simdsl.plan.sql import Dialect
from simdsl.plan.steps import SqlStep, Step
from simdsl.plan.values import Value

# Schedules: which task takes the next step


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplicitSchedule:
    """``a b a``: each entry lets that task start one step. Entries for blocked or finished tasks are skipped, and traced."""

    entries: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedSchedule:
    """``1-2-1``: the choices of an earlier run, tasks numbered from 1 in the order of the file; replayed strictly."""

    choices: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExhaustiveSchedule:
    """``all`` or ``{all: N}``: every interleaving of enabled tasks, at most ``bound`` runs (None: the default bound)."""

    bound: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RandomSchedule:
    """``{seed: 7, runs: 200}``: any enabled task, each as likely."""

    runs: int
    seed: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PctSchedule:
    """``{pct: 3, seed: 7, runs: 200}``: probabilistic concurrency testing at this depth (Burckhardt et al., ASPLOS 2010)."""

    depth: int
    runs: int
    seed: int | None = None


Schedule: TypeAlias = ExplicitSchedule | RecordedSchedule | ExhaustiveSchedule | RandomSchedule | PctSchedule


# Workloads: what is drawn for each run

WORKLOAD_TASK: Final = "workload"
"""The task of an action's steps, until a run assigns the action to one. No task can have this name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IntegerRange:
    """``1..50``: an integer, both ends included; the first is not larger than the last."""

    first: int
    last: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OneOf:
    """``[alice, bob]``: one of these values; there is at least one. A value that stands there twice is twice as likely."""

    values: tuple[Value, ...]


ValueDomain: TypeAlias = IntegerRange | OneOf


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnVariable:
    """One entry of ``with:``: a variable whose value is drawn each time that the action is done."""

    name: str
    source: ValueDomain


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkloadAction:
    """One of ``actions:``: what a task may do next. Its steps have the task ``WORKLOAD_TASK``.

    ``distinct`` are names of ``drawn``; the values drawn for them differ from each other.
    """

    name: str
    weight: int = 1
    drawn: tuple[DrawnVariable, ...] = ()
    distinct: tuple[str, ...] = ()
    body: tuple[Step, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """``workload:``: in each run each task does ``repeat`` actions, drawn by their weights."""

    tasks: tuple[str, ...]
    repeat: int
    actions: tuple[WorkloadAction, ...]


def numbered_tasks(many: int) -> tuple[str, ...]:
    """The names of the tasks of a workload that says only how many there are."""
    return tuple(f"t{number}" for number in range(1, many + 1))


VERSION: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Identifier:
    """A param that stands for a name: ``{identifier: t1}``. Always quoted where it is sent."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Param:
    """One name and its value within an entry of ``params:``."""

    name: str
    value: Value | Identifier


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolSpec:
    """One entry of ``pools:``."""

    name: str
    size: int
    timeout_us: int = 30_000_000
    driver: str | None = None


class ResetMode(StrEnum):
    """How a table is emptied before each setup."""

    DELETE = "delete"
    TRUNCATE = "truncate"
    RECREATE = "recreate"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reset:
    """``reset: {tables: [t], mode: delete}``."""

    tables: tuple[str, ...]
    mode: ResetMode = ResetMode.DELETE


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One entry of ``tasks:``."""

    name: str
    steps: tuple[Step, ...]


# The plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A whole plan. Exactly one of ``steps``, ``tasks`` and ``workload`` is set; the last two have a ``schedule``."""

    name: str
    doc: str | None = None
    tags: tuple[str, ...] = ()
    dialect: Dialect | None = None
    backends: tuple[str, ...] = ()  # empty: any
    pools: tuple[PoolSpec, ...] = ()
    params: tuple[tuple[Param, ...], ...] = ()
    reset: Reset | None = None
    setup: tuple[Step, ...] = ()
    steps: tuple[Step, ...] | None = None
    tasks: tuple[Task, ...] | None = None
    workload: Workload | None = None
    schedule: Schedule | None = None
    finally_: tuple[Step, ...] = ()
    invariants: tuple[SqlStep, ...] = ()
    properties: tuple[str, ...] = ()
    seed: int | None = None
    timeout_us: int | None = None


def strip_seeds(plan: Plan) -> Plan:
    """The plan without its own seeds, so that a seed chosen for the call is used for everything in it."""
    schedule = plan.schedule
    if isinstance(schedule, RandomSchedule | PctSchedule):
        schedule = replace(schedule, seed=None)
    return replace(plan, seed=None, schedule=schedule)
