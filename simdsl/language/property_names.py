"""The names that `properties:` may hold: those of built-in properties with their aliases, and those of installed packages.

What a property means is not the loader's business. Its names are asked for as those of a plug-in are, at run time and by
the name of the module that knows them, because a plan that names a property is the only one that needs any of this.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP: Final = "simdsl.properties"
"""The group of entry points of other packages' properties."""

_REGISTRY: Final = "simdsl.properties.registry"


@cache
def entry_points() -> dict[str, EntryPoint]:
    """The properties of other packages, by name. Asking reads the metadata of every installed package."""
    from importlib.metadata import entry_points as installed  # start-up: most plans name no property

    taken = {*built_in(), *aliases()}
    found = {point.name: point for point in installed(group=GROUP)}
    return {name: found[name] for name in sorted(found) if name not in taken}


def built_in() -> tuple[str, ...]:
    """The properties that come with simdsl, in the order in which they are shown."""
    return tuple(_built_in())


def aliases() -> dict[str, str]:
    """The other names of built-in properties, such as `norec`, with the properties' own names."""
    return {alias: name for name, one in _built_in().items() for alias in one.aliases}


def known_names() -> tuple[str, ...]:
    """Every property once, by its own name, the built-in ones first."""
    return (*built_in(), *entry_points())


def all_names() -> tuple[str, ...]:
    """Every name that may be written, aliases last."""
    return (*known_names(), *aliases())


def is_property(name: str) -> bool:
    """Whether there is a property with this name or alias."""
    return name in built_in() or name in aliases() or name in entry_points()


def _built_in() -> Mapping[str, Any]:
    found: Mapping[str, Any] = import_module(_REGISTRY).built_in()
    return found
