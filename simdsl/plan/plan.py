"""The plan: one frozen value that holds everything a plan file says.

A plan knows nothing about the file it came from: ``load(dump(plan)) == plan``. Times are integers in microseconds of virtual
time, with the unit in their names."""

from __future__ import annotations

from enum import StrEnum
from typing import Final, Literal, TypeAlias

from simdsl.plan.dataclasses import dataclass
from simdsl.plan.schedules import Schedule
from simdsl.plan.sql import Dialect
from simdsl.plan.steps import SqlStep, Step
from simdsl.plan.values import Value
from simdsl.plan.workload import Workload

VERSION: Final = 1


# The plan


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


Section: TypeAlias = Literal["setup", "finally", "invariants"]
