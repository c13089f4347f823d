"""Registration and lookup of properties: those in `simdsl.properties.builtin`, and entry points of other packages.

A property is one function, which builds its plans and whose docstring is the specification; ``register`` makes a
``Property`` of it. No list names the built-in ones: they are what the modules of their package hold, and those modules are
imported when the first property is asked for, so that a plan which names no property imports none.

An entry point of the group ``simdsl.properties``, ``my-claim = "package.module:build"``, adds a property of another
package; its object is what ``register`` returns.

``PlanGenerator`` is what calls and campaigns hold instead of plans: a property or a profile, by name, from which each
process generates the plan of a seed when it is to run."""

from __future__ import annotations

import inspect
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, TypeAlias

from simdsl.language import property_names
from simdsl.plan.deferred import dataclass
from simdsl.plan.plan import Plan
from simdsl.profiles.profile import Profile
from simdsl.properties import builtin
from simdsl.properties.property import DEFAULT_SIZE, PlanSize, Property, Requirement, TraceCheck

if TYPE_CHECKING:
    from simdsl.properties.plan_builder import PlanBuilder


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
