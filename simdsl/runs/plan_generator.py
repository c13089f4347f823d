"""What generates plans: a profile, or a property; one plan for each seed."""

from __future__ import annotations

from simdsl.plan.dataclasses import dataclass
from simdsl.plan.plan import Plan
from simdsl.profiles.profile import Profile
from simdsl.properties.property import DEFAULT_SIZE, PlanSize


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanGenerator:
    """Generates a plan from a seed, the same one in every process. Plain data, so a campaign can send it to its workers.

    With ``profile`` the plans are those of that profile; without, those of the property ``name``, of this size.
    """

    name: str
    options: tuple[str, ...]  # the options with which `simdsl run` generates the same plans
    profile: Profile | None = None
    size: PlanSize = DEFAULT_SIZE

    @property
    def is_property(self) -> bool:
        """Whether a property generates the plans, which it evaluates as well."""
        return self.profile is None

    def plan(self, seed: int) -> Plan:
        """The plan of a seed."""
        if self.profile is not None:
            from simdsl.generation.plans import generate  # start-up: properties import what they need of it themselves

            return generate(self.profile, seed)
        from simdsl.properties import registry  # start-up: the plans of a profile need no property

        return registry.find(self.name).plan(seed, self.size)

    def file(self, seed: int) -> str:
        """What reports show in the place of a file name."""
        return f"{'property' if self.is_property else 'generated'}:{self.name} (seed {seed})"
