"""The properties by their names: those that come with simdsl, and those of entry points.

An entry point of the group ``simdsl.properties``, ``my-claim = "package.module:PROPERTY"``, is a ``Property`` of the user's.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module

from simdsl.language.property_names import BUILT_IN, entry_points, known_names
from simdsl.properties.property import Property


def find(name: str) -> Property:
    """The property of this name. Raises ``KeyError`` if there is none, ``TypeError`` if an entry point is none."""
    if name in BUILT_IN:
        found = import_module(f"simdsl.properties.{name.replace('-', '_')}").PROPERTY
    else:
        found = entry_points()[name].load()
    if not isinstance(found, Property) or found.name != name:
        raise TypeError(f"the entry point `{name}` is not a Property of that name")
    return found


def problem(name: str) -> str | None:
    """Why a property that has a name cannot be used, or None."""
    try:
        find(name)
    except (ImportError, AttributeError, TypeError, KeyError) as error:
        return f"the property `{name}` cannot be loaded: {type(error).__name__}: {error}"
    return None


def every() -> Iterator[Property]:
    """All that can be used."""
    return (find(name) for name in known_names() if problem(name) is None)
