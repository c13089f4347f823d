"""The names that `properties:` may hold. What they mean is no business of the loader's (simdsl.properties)."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint


GROUP: Final = "simdsl.properties"


BUILT_IN: Final = (
    "pool-checkout-return",
    "pool-clean-return",
    "pool-survives-kill",
    "tx-commit-visible",
    "tx-rollback-invisible",
    "savepoint-rollback",
    "retry-after-busy",
    "statement-atomicity",
    "insert-values-select",
    "read-your-updates-back",
    "delete-select",
    "select-limit",
    "double-create-failure",
    "drop-select",
    "unique-insert",
    "table-has-expected-content",
    "all-tables-have-expected-content",
    "select-select-optimizer",
    "where-true-false-null",
    "union-all-preserves-cardinality",
    "plain-copy",
    "index-independence",
    "constant-to-subquery",
    "dml-select-agreement",
    "count-agreement",
    "integrity",
    "rewrite-equivalence",
)
"""The properties that come with simdsl, in the order in which they are shown."""


@cache
def entry_points() -> dict[str, EntryPoint]:
    """The properties of other packages, by name and in its order. They are looked for only if somebody asks."""
    from importlib.metadata import entry_points as installed

    found = {point.name: point for point in installed(group=GROUP)}
    return {name: found[name] for name in sorted(found) if name not in BUILT_IN}


def known_names() -> tuple[str, ...]:
    """Every name, the built-in ones first and in their order."""
    return (*BUILT_IN, *entry_points())


def is_property(name: str) -> bool:
    """Whether there is a property of this name."""
    return name in BUILT_IN or name in entry_points()
