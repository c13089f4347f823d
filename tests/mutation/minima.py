"""The smallest plans that we could write by hand: one for every planted bug, in the folder of this name.

A plan says with its `tags:` which bugs it is for. It fails with each of them by the property that has to find it, and holds
without.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Final

from simdsl.language.load import load_text
from simdsl.plan.plan import Plan

SPARE: Final = 2
"""So many steps more may shrinking leave."""

FOLDER: Final = Path(__file__).resolve().parent / "minima"


@cache
def by_hand() -> Mapping[str, Plan]:
    """By the names of the bugs. Raises ``ValueError`` where two plans are for one."""
    found: dict[str, Plan] = {}
    for path in sorted(FOLDER.glob("*.yaml")):
        plan = load_text(path.read_text(encoding="utf-8"), path.name)
        for bug in plan.tags:
            if bug in found:
                raise ValueError(f"{found[bug].name} and {plan.name} are both for {bug}")
            found[bug] = plan
    return MappingProxyType(found)
