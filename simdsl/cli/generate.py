"""``simdsl generate``, and the generators that the options of other commands name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from simdsl.cli.option_groups import QUICK, ProfileOptions
from simdsl.cli.output import Exit, Stop, usage, write_plan
from simdsl.cli.requests import GenerateRequest
from simdsl.core.choices import fresh_seed
from simdsl.language.dump import dump
from simdsl.language.load import check_text
from simdsl.language.property_names import all_names, is_property, known_names
from simdsl.plan.codes import Code
from simdsl.plan.deferred import dataclass
from simdsl.plan.plan import Plan
from simdsl.plan.values import Json
from simdsl.profiles.load import MergedProfile, check_profile
from simdsl.profiles.profile import nested
from simdsl.properties import registry
from simdsl.properties.property import DEFAULT_SIZE, PlanSize, Property
from simdsl.properties.registry import PlanGenerator
from simdsl.syntax.document import Document
from simdsl.syntax.problems import nearest


def generate(request: GenerateRequest) -> None:
    """Write the plan. Raises ``Stop``."""
    names = () if request.property is None else (request.property,)
    generators = generated_plans(names, request)
    seed = next((given for given in (request.seed, generators.seed) if given is not None), None)
    # The seed is in the plan, so a new one need not be printed beside it.
    (plan,) = generators.plans(fresh_seed() if seed is None else seed, 1)
    write_plan(plan.plan, request.output)


ALL: Final = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneratedPlan:
    """The plan of a generator and a seed. ``arguments`` select it on the command line."""

    name: str
    plan: Plan
    seed: int
    generator: str
    arguments: tuple[str, ...]

    def document(self) -> Document:
        """The plan as a file would have it. Writing and reading it takes longer than making it, so only reports ask."""
        checked = check_text(dump(self.plan), self.name)
        assert checked.document is not None
        return checked.document


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneratedPlans:
    """The generators of a call. ``seed`` is the profile's own, if it has one; ``profile`` all of it, if one is used."""

    makers: tuple[PlanGenerator, ...]
    seed: int | None
    profile: Json = None

    def names(self, seed: int, runs: int) -> dict[str, str]:
        """The names of all plans, each with that of its generator, in their order; no plan is made for it."""
        return {maker.file(number): maker.name for maker in self.makers for number in range(seed, seed + runs)}

    def plans(self, seed: int, runs: int) -> Iterator[GeneratedPlan]:
        """The plans of each generator for ``runs`` seeds from ``seed`` on, each made when it is asked for."""
        for maker in self.makers:
            for number in range(seed, seed + runs):
                yield GeneratedPlan(
                    name=maker.file(number),
                    plan=maker.plan(number),
                    seed=number,
                    generator=maker.name,
                    arguments=maker.options,
                )


def generated_plans(properties: Sequence[str], options: ProfileOptions, *, use_profile: bool = False) -> GeneratedPlans:
    """The generators that options name: the properties, else the profile. Raises ``Stop`` if there is no such thing.

    The profile decides the size of a property's plans too if any option speaks of one, or ``use_profile`` is set; else
    the property does.
    """
    name, knobs = options.profile or QUICK, options.knobs
    merged = find_profile(name, knobs) if use_profile or not properties or options.speaks_of_a_profile else None
    # Spelled out for the command that reproduces a plan: the default profile may be another one in a later version.
    sizing = () if merged is None else ("--profile", name, *(word for knob in knobs for word in ("--set", knob)))
    seed = None if merged is None else merged.profile.seed
    expanded = None if merged is None else nested(merged.profile.name, merged.values)
    if not properties:
        assert merged is not None
        profile = merged.profile
        one = PlanGenerator(name=profile.name, profile=profile, options=("--generate", *sizing, "--runs", "1"))
        return GeneratedPlans(makers=(one,), seed=seed, profile=expanded)
    size = DEFAULT_SIZE if merged is None else PlanSize.of(merged.profile)
    makers = tuple(
        PlanGenerator(name=found.name, size=size, options=("--property", found.name, *sizing, "--runs", "1"))
        for found in find_properties(properties)
    )
    return GeneratedPlans(makers=makers, seed=seed, profile=expanded)


def find_profile(name: str, knobs: Sequence[str]) -> MergedProfile:
    """The profile with its knobs set. Raises ``Stop`` with everything that is wrong with it."""
    checked = check_profile(name, knobs)
    if checked.merged is None:
        raise Stop(Exit.BAD_INPUT, *checked.diagnostics)
    return checked.merged


def find_properties(names: Sequence[str]) -> tuple[Property, ...]:
    """The properties that options name, each once; `all` means every one. Raises ``Stop`` with N012."""
    # A property that is named twice, or by two of its names, must not count twice in the health of the call.
    wanted = known_names() if ALL in names else tuple(dict.fromkeys(map(registry.canonical, names)))
    return tuple(map(find_property, wanted))


def find_property(name: str) -> Property:
    """The property that an option names. Raises ``Stop`` with N012."""
    if not is_property(name):
        option = nearest(name, all_names())
        help_ = f"did you mean `{option}`?" if option else "`simdsl properties` lists them all"
        raise usage(Code.N012, f"there is no property `{name}`", help=help_)
    problem = registry.problem(name)
    if problem is not None:
        raise usage(Code.N012, problem)
    return registry.find(name)
