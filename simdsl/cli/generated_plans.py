"""Plans that nobody wrote, as if they had been read from files: those of a profile, and those of properties."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from simdsl.cli.exits import Exit, Stop
from simdsl.cli.knobs import QUICK
from simdsl.cli.plan_files import OpenedPlan, PlanPath
from simdsl.cli.property_names import find_property, named_properties
from simdsl.language.dump import dump
from simdsl.language.load import check_text
from simdsl.plan.dataclasses import dataclass
from simdsl.profiles.load import check_profile
from simdsl.profiles.profile import Profile
from simdsl.properties.property import DEFAULT_SIZE, PlanSize
from simdsl.runs.plan_generator import PlanGenerator

DEFAULT_RUNS: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneratedPlans:
    """The makers of a call. ``seed`` is the profile's own, if it has one."""

    makers: tuple[PlanGenerator, ...]
    seed: int | None

    def plans(self, seed: int, runs: int) -> Iterator[GeneratedPlan]:
        """The plans of each maker for ``runs`` seeds, beginning with this one."""
        for maker in self.makers:
            for number in range(seed, seed + runs):
                name = maker.file(number)
                checked = check_text(dump(maker.plan(number)), name)
                opened = OpenedPlan(
                    target=PlanPath(file=name), document=checked.document, plan=checked.plan, diagnostics=checked.diagnostics
                )
                yield GeneratedPlan(opened=opened, seed=number, maker=maker)


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneratedPlan:
    """The plan of a maker and a seed, as if it had been read from a file."""

    opened: OpenedPlan
    seed: int
    maker: PlanGenerator


def generators(
    properties: Sequence[str], *, generate_too: bool, profile: str | None, knobs: tuple[str, ...]
) -> GeneratedPlans:
    """What the options name: the properties, else the profile. Raises ``Stop`` where there is no such thing.

    A property is sized by the profile if any option speaks of one, and else has the size of its own.
    """
    sized = generate_too or profile is not None or bool(knobs)
    merged = find_profile(profile or QUICK, knobs) if sized else None
    words = profile_arguments(profile or QUICK, knobs) if sized else ()
    if not properties:
        assert merged is not None
        one = PlanGenerator(name=merged.name, profile=merged, again=("--generate", *words, "--runs", "1"))
        return GeneratedPlans(makers=(one,), seed=merged.seed)
    size = DEFAULT_SIZE if merged is None else PlanSize.of(merged)
    makers = tuple(
        PlanGenerator(name=found.name, size=size, again=("--property", found.name, *words, "--runs", "1"))
        for found in named_properties(properties)
    )
    return GeneratedPlans(makers=makers, seed=None if merged is None else merged.seed)


def single_generator(name: str | None, *, profile: str | None, knobs: tuple[str, ...]) -> GeneratedPlans:
    """What makes the one plan of ``simdsl generate``: this property, or the profile."""
    names = () if name is None else (find_property(name).name,)
    return generators(names, generate_too=name is None, profile=profile, knobs=knobs)


def find_profile(name: str, knobs: tuple[str, ...]) -> Profile:
    """The profile with its knobs turned. Raises ``Stop`` with all that is wrong with it."""
    checked = check_profile(name, knobs)
    if checked.merged is None:
        raise Stop(Exit.BAD_INPUT, *checked.diagnostics)
    return checked.merged.profile


def profile_arguments(profile: str, knobs: Sequence[str]) -> tuple[str, ...]:
    """The options that name a profile and turn its knobs."""
    return ("--profile", profile, *(word for knob in knobs for word in ("--set", knob)))
