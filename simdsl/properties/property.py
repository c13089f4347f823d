"""A property: its specification, a maker of plans, and a judge of traces. Neither of them runs anything."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from typing import TypeAlias

from simdsl.core.trace import TraceEvent
from simdsl.plan.dataclasses import dataclass
from simdsl.plan.plan import Plan
from simdsl.plan.source import Path
from simdsl.profiles.profile import Profile

_DEFAULT_PROFILE = Profile(name="default", steps=50, tasks=3)
_STEPS_PER_ROUND = 12  # steps of a transaction with what is around it


class Requirement(StrEnum):
    """What a backend must have, or the plan of a property is skipped there, with the reason."""

    POOLS = "pools"
    DISCONNECT = "fault: disconnect"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanSize:
    """How large a plan is made, and of what. The defaults give 10 to 120 steps."""

    writers: int = 2  # tasks that write; others read
    rounds: int = 2  # transactions, or leases, of each
    extras: int = 2  # random steps in between, at most that many at a place
    runs: int = 4  # random schedules of each plan
    profile: Profile = _DEFAULT_PROFILE  # schema, values, expressions and queries of what is about SQL

    @classmethod
    def of(cls, profile: Profile) -> PlanSize:
        """The size that a profile means: its tasks, less the one that only reads, share its steps."""
        writers = max(1, profile.tasks - 1)
        return cls(writers=writers, rounds=max(1, profile.steps // (_STEPS_PER_ROUND * writers)), profile=profile)


@dataclass(frozen=True, slots=True, kw_only=True)
class PropertyHeld:
    """The claim could have broken at this step of the trace, and did not."""

    path: Path = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PropertyViolation:
    """The claim is broken. ``evidence`` tells the fewest steps that prove it, a line each, in their order."""

    message: str  # one sentence
    evidence: tuple[str, ...]
    path: Path = ()
    task: str | None = None


PropertyFinding: TypeAlias = PropertyHeld | PropertyViolation
"""What a judge says of one moment. A trace without findings did not judge the property."""

TraceCheck: TypeAlias = Callable[[Plan, Iterable[TraceEvent]], Iterator[PropertyFinding]]
BuildPlan: TypeAlias = Callable[[int, PlanSize], Plan]

DEFAULT_SIZE = PlanSize()


@dataclass(frozen=True, slots=True, kw_only=True)
class Property:
    """A named invariant. ``plan`` gives the same plan for the same seed and size; ``judge`` is a function of the trace."""

    name: str
    specification: str  # the claim in a line, then the steps, what violates it, and the evidence
    make: BuildPlan
    judge: TraceCheck
    needs: tuple[Requirement, ...] = ()
    never: str = "it never came to what the claim is about"  # why a run may judge nothing

    def plan(self, seed: int, size: PlanSize = DEFAULT_SIZE) -> Plan:
        """A plain plan that says ``properties: [name]``, so that written out it is judged alike."""
        return self.make(seed, size)

    @property
    def claim(self) -> str:
        """The specification's first line."""
        return self.specification.strip().partition("\n")[0]
