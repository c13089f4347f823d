"""Schedules: which task takes the next step."""

from __future__ import annotations

from typing import TypeAlias

from simdsl.plan.dataclasses import dataclass

# Who moves when


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplicitSchedule:
    """``a b a``: each word lets that task start one step; a word for a parked or finished task is skipped and recorded."""

    words: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedSchedule:
    """``1-2-1``: a recorded schedule, tasks numbered from 1 in file order; replayed strictly."""

    choices: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExhaustiveSchedule:
    """``all`` or ``{all: N}``: every interleaving of enabled tasks, at most ``bound`` runs (None: the default bound)."""

    bound: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RandomSchedule:
    """``{seed: 7, runs: 200}``: any enabled task, uniformly."""

    runs: int
    seed: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PctSchedule:
    """``{pct: 3, seed: 7, runs: 200}``: probabilistic concurrency testing at this depth (Burckhardt et al., ASPLOS 2010)."""

    depth: int
    runs: int
    seed: int | None = None


Schedule: TypeAlias = ExplicitSchedule | RecordedSchedule | ExhaustiveSchedule | RandomSchedule | PctSchedule
