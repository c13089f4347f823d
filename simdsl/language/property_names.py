"""The names that `properties:` may hold: those of files, those of papers, and those of installed packages.

What a property means is not the loader's business, so no module of a property is imported here: the built-in ones are
known by the names of their files.
"""

from __future__ import annotations

from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

PACKAGE: Final = "simdsl.properties.builtin"
"""The package whose modules are the built-in properties, one each: ``norec_join`` is ``norec-join``."""

GROUP: Final = "simdsl.properties"
"""The group of entry points of other packages' properties."""

PAPER_NAMES: Final = MappingProxyType(
    {
        "norec": "select-select-optimizer",
        "tlp": "where-true-false-null",
        "pqs": "insert-values-select",
        "coddtest": "constant-to-subquery",
        "dqe": "dml-select-agreement",
    }
)
"""What the literature calls some of them. Such a name stands for the property everywhere, and none is a file's name."""


@cache
def built_in() -> tuple[str, ...]:
    """The properties that come with simdsl, by name."""
    import pkgutil  # most plans name no property
    from importlib.util import find_spec  # the same

    spec = find_spec(PACKAGE)
    assert spec is not None
    modules = pkgutil.iter_modules(spec.submodule_search_locations)
    return tuple(sorted(module.name.replace("_", "-") for module in modules))


@cache
def entry_points() -> dict[str, EntryPoint]:
    """The properties of other packages, by name. Asking reads the metadata of every installed package."""
    from importlib.metadata import entry_points as installed  # most plans name no property

    found = {point.name: point for point in installed(group=GROUP)}
    return {name: found[name] for name in sorted(found) if name not in built_in() and name not in PAPER_NAMES}


def known_names() -> tuple[str, ...]:
    """Every property once, the built-in ones first."""
    return (*built_in(), *entry_points())


def canonical(name: str) -> str:
    """The property that a paper's name stands for; any other name as it is."""
    return PAPER_NAMES.get(name, name)


def aliases(name: str) -> tuple[str, ...]:
    """The papers' names of a property."""
    return tuple(alias for alias, target in PAPER_NAMES.items() if target == name)


def is_property(name: str) -> bool:
    """Whether there is a property with this name or paper name."""
    return name in PAPER_NAMES or name in built_in() or name in entry_points()
