"""Registration and lookup of properties: those in `simdsl.properties.builtin`, and entry points of other packages.

A property is one file. Its module docstring is the specification; ``register`` turns the function that builds its plans
into a ``Property``. Nothing else lists it: built-in properties are found by listing their package, and a module is
imported when its property is asked for, so that a plain run imports none.

An entry point of the group ``simdsl.properties``, ``my-claim = "package.module:build"``, adds a property of another
package; its object is a ``Property``, which ``register`` returns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from typing import TypeAlias

from simdsl.language import property_names
from simdsl.plan.plan import Plan
from simdsl.properties.plan_builder import PlanBuilder
from simdsl.properties.property import PlanSize, Property, Requirement, TraceCheck

BuildSteps: TypeAlias = Callable[[PlanBuilder], None]
"""Fills the builder with the setup, the tasks and the final steps of one plan."""


def register(
    name: str,
    *,
    specification: str,
    summary: str,
    check: TraceCheck,
    unchecked: str,
    requires: tuple[Requirement, ...] = (),
) -> Callable[[BuildSteps], Property]:
    """Make a property of the function that builds its plans.

    ``specification`` is the module's docstring; ``summary`` becomes ``doc:`` of each plan; ``unchecked`` completes the
    sentence "the property was not checked: ...".
    """

    def decorate(build_steps: BuildSteps) -> Property:
        def build(seed: int, size: PlanSize) -> Plan:
            builder = PlanBuilder(name, summary, seed, size)
            build_steps(builder)
            return builder.finish()

        return Property(
            name=name,
            specification=specification,
            build=build,
            check=check,
            requires=requires,
            unchecked=unchecked,
        )

    return decorate


def find(name: str) -> Property:
    """The property with this name or paper name.

    Raises ``KeyError`` if there is none, ``TypeError`` if a module or an entry point does not hold the property of that
    name.
    """
    name = property_names.canonical(name)
    if name in property_names.built_in():
        module = import_module(f"{property_names.PACKAGE}.{name.replace('-', '_')}")
        found = next((one for one in vars(module).values() if isinstance(one, Property)), None)
    else:
        found = property_names.entry_points()[name].load()
    if not isinstance(found, Property) or found.name != name:
        raise TypeError(f"the entry point `{name}` is not a Property of that name")
    return found


def problem(name: str) -> str | None:
    """Why a property that has a name cannot be used, or None."""
    try:
        find(name)
    except (ImportError, AttributeError, TypeError, KeyError) as error:
        # Modules of other packages fail in their own ways: a plan that names one is skipped and says why.
        return f"the property `{name}` cannot be loaded: {type(error).__name__}: {error}"
    return None


def every() -> Iterator[Property]:
    """All properties that can be used: the built-in ones, then those of other packages, each by name."""
    return (find(name) for name in property_names.known_names() if problem(name) is None)
