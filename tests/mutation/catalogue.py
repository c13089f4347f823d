"""All planted bugs."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from tests.mutation import (
    conditions,
    drivers,
    indexes,
    pools,
    queries,
    schema,
    storage,
    transactions,
    values,
    writes,
)
from tests.mutation.bug import Bug

_MODULES: Final = (
    transactions,
    pools,
    queries,
    conditions,
    writes,
    schema,
    indexes,
    values,
    storage,
    drivers,
)

BUGS: Final[Mapping[str, Bug]] = MappingProxyType({bug.name: bug for module in _MODULES for bug in module.BUGS})
"""By their names, in the order of the page."""
