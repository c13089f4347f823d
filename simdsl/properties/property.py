"""A property: a named claim, a builder of plans that may break it, and a checker of traces. None of them runs anything."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from typing import TypeAlias

from simdsl.core.trace import TraceEvent
from simdsl.plan.deferred import dataclass
from simdsl.plan.diagnostics import Path
from simdsl.plan.plan import Plan
from simdsl.profiles.profile import Profile

_DEFAULT_PROFILE = Profile(name="default", steps=50, tasks=3)


_STEPS_PER_ROUND = 12  # steps of one transaction, with the random steps around it


class Requirement(StrEnum):
    """What a backend must support; elsewhere the plans of the property are skipped, with this as the reason."""

    POOLS = "pools"
    DISCONNECT = "fault: disconnect"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanSize:
    """How large a plan is, and what its tables and queries look like. The defaults give 10 to 120 steps."""

    writers: int = 2  # tasks that write; further tasks only read
    rounds: int = 2  # transactions, or checkouts of a connection, of each task
    extras: int = 2  # random steps in between, at most this many at a place
    runs: int = 4  # random schedules of each plan
    profile: Profile = _DEFAULT_PROFILE  # schema, values, expressions and queries of the properties about SQL

    @classmethod
    def of(cls, profile: Profile) -> PlanSize:
        """The size for a profile: its steps, shared among its tasks but for the one that only reads."""
        writers = max(1, profile.tasks - 1)
        return cls(writers=writers, rounds=max(1, profile.steps // (_STEPS_PER_ROUND * writers)), profile=profile)


@dataclass(frozen=True, slots=True, kw_only=True)
class PropertyHeld:
    """The claim could have been broken at this step of the trace, and was not."""

    path: Path = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PropertyViolation:
    """The claim is broken. ``evidence`` is the fewest steps that prove it, one line each, in the order of the trace."""

    message: str  # one sentence
    evidence: tuple[str, ...]
    path: Path = ()
    task: str | None = None


PropertyFinding: TypeAlias = PropertyHeld | PropertyViolation
"""What a checker reports about one moment of a trace. A trace without findings did not exercise the property."""


TraceCheck: TypeAlias = Callable[[Plan, Iterable[TraceEvent]], Iterator[PropertyFinding]]


BuildPlan: TypeAlias = Callable[[int, PlanSize], Plan]


DEFAULT_SIZE = PlanSize()


@dataclass(frozen=True, slots=True, kw_only=True)
class Property:
    """A named claim. ``plan`` returns the same plan for the same seed and size; ``check`` reads the plan and its trace."""

    name: str
    aliases: tuple[str, ...] = ()  # other names for it, such as that of a paper
    specification: str  # the claim in one line, then paragraphs: Claim, Steps, Violated when, Evidence, and perhaps Source
    build: BuildPlan
    check: TraceCheck
    requires: tuple[Requirement, ...] = ()
    unchecked: str = "the situation that the claim is about never arose"  # why a run may have checked nothing

    def plan(self, seed: int, size: PlanSize = DEFAULT_SIZE) -> Plan:
        """A plan that says ``properties: [name]``: written to a file and run from there, it is checked in the same way."""
        return self.build(seed, size)

    @property
    def claim(self) -> str:
        """The specification's first line."""
        return self.specification.strip().partition("\n")[0]
