"""What makes plans that nobody wrote: a profile, or a property; a plan for each seed."""

from __future__ import annotations

from simdsl.plan.dataclasses import dataclass
from simdsl.plan.plan import Plan
from simdsl.profiles.profile import Profile
from simdsl.properties.property import DEFAULT_SIZE, PlanSize


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanGenerator:
    """Makes a plan of every seed: the same one in every process. Plain data.

    With ``profile`` the plans are those of that profile; without, those of the property ``name``, of this size.
    """

    name: str
    again: tuple[str, ...]  # what makes `simdsl run` make one of them again
    profile: Profile | None = None
    size: PlanSize = DEFAULT_SIZE

    @property
    def is_property(self) -> bool:
        """Whether it is a property that makes the plans, and judges them."""
        return self.profile is None

    def plan(self, seed: int) -> Plan:
        """The plan of a seed."""
        if self.profile is not None:
            from simdsl.generation.plans import generate  # what properties need of it, they know themselves

            return generate(self.profile, seed)
        from simdsl.properties import registry

        return registry.find(self.name).plan(seed, self.size)

    def file(self, seed: int) -> str:
        """What stands in place of the name of a file for the plan of a seed."""
        return f"{'property' if self.is_property else 'generated'}:{self.name} (seed {seed})"
