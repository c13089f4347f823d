"""A property: a named claim, a builder of plans that may break it, and a checker of traces. None of them runs anything.

In its file a property is one function, which builds its plans and whose docstring is the specification; ``register`` makes a
``Property`` of it. No list names the built-in ones: they are what the modules of their package hold, and those modules are
imported when the first property is asked for, so that a plan which names no property imports none.

An entry point of the group ``simdsl.properties``, ``my-claim = "package.module:build"``, adds a property of another
package; its object is what ``register`` returns.

``PlanGenerator`` is what calls and campaigns hold instead of plans: a property or a profile, by name, from which each
process generates the plan of a seed when it is to run."""

from __future__ import annotations

import inspect
import pkgutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import StrEnum
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, TypeAlias

from simdsl.core.trace import TraceEvent
from simdsl.language import property_names
from simdsl.plan.deferred import dataclass
from simdsl.plan.diagnostics import Path
from simdsl.plan.plan import Plan
from simdsl.profiles.profile import Profile
from simdsl.properties import builtin

if TYPE_CHECKING:
    from simdsl.properties.plan_builder import PlanBuilder


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


BuildSteps: TypeAlias = "Callable[[PlanBuilder], None]"
"""Fills the builder with the setup, the tasks and the final steps of one plan."""


def register(
    name: str,
    *,
    summary: str,
    check: TraceCheck,
    unchecked: str,
    aliases: tuple[str, ...] = (),
    requires: tuple[Requirement, ...] = (),
) -> Callable[[BuildSteps], Property]:
    """Make a property of the function that builds its plans; the function's docstring is the specification.

    ``summary`` becomes ``doc:`` of each plan; ``aliases`` are other names for it, such as that of a paper; ``unchecked``
    completes the sentence "the property was never exercised: ...".
    """

    def decorate(build_steps: BuildSteps) -> Property:
        def build(seed: int, size: PlanSize) -> Plan:
            # Start-up: a call that only names a property, or checks a trace, builds no plan and needs no generator.
            from simdsl.properties.plan_builder import PlanBuilder

            builder = PlanBuilder(name, summary, seed, size)
            build_steps(builder)
            return builder.finish()

        return Property(
            name=name,
            aliases=aliases,
            specification=inspect.cleandoc(build_steps.__doc__ or ""),
            build=build,
            check=check,
            requires=requires,
            unchecked=unchecked,
        )

    return decorate


@cache
def built_in() -> Mapping[str, Property]:
    """The properties that come with simdsl by name: module by module, and within a module in the order of the file."""
    names = sorted(module.name for module in pkgutil.iter_modules(builtin.__path__))
    modules = [import_module(f"{builtin.__name__}.{name}") for name in names]
    return {one.name: one for module in modules for one in vars(module).values() if isinstance(one, Property)}


def find(name: str) -> Property:
    """The property with this name or alias.

    Raises ``KeyError`` if there is none, ``TypeError`` if an entry point is not a property of its name.
    """
    name = canonical(name)
    if name in built_in():
        return built_in()[name]
    found = property_names.entry_points()[name].load()
    if not isinstance(found, Property) or found.name != name:
        raise TypeError(f"the entry point `{name}` is not a Property of that name")
    return found


def canonical(name: str) -> str:
    """The name of the built-in property that has this alias; any other name as it is."""
    return next((one.name for one in built_in().values() if name in one.aliases), name)


def problem(name: str) -> str | None:
    """Why a property that has a name cannot be used, or None."""
    try:
        find(name)
    except (ImportError, AttributeError, TypeError, KeyError) as error:
        # Modules of other packages fail in their own ways: a plan that names one is skipped and says why.
        return f"the property `{name}` cannot be loaded: {type(error).__name__}: {error}"
    return None


def every() -> Iterator[Property]:
    """All properties that can be used: the built-in ones, then those of other packages by name."""
    return (find(name) for name in property_names.known_names() if problem(name) is None)


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
        return find(self.name).plan(seed, self.size)

    def file(self, seed: int) -> str:
        """What reports show in the place of a file name."""
        return f"{'property' if self.is_property else 'generated'}:{self.name} (seed {seed})"
