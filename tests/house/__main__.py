"""`python -m tests.house [PACKAGE]`: the figures, package by package, and every place that breaks a rule."""

from __future__ import annotations

import statistics
import sys

from tests.house.rules import RULES, comment_densities
from tests.house.source import modules


def main(package: str | None) -> int:
    """Exit 1 if a rule is broken; with a package named, only what concerns it is listed."""
    found = modules()
    densities = comment_densities(found)
    print(f"{'package':12} modules  lines  median  longest  comments for 100 lines of code")
    for name in [*sorted({module.package for module in found}), "all"]:
        here = [module for module in found if module.holds_code and name in {module.package, "all"}]
        lines = [module.lines for module in here]
        figures = f"{len(here):7} {sum(lines):6} {statistics.median(lines):7g} {max(lines):8} {densities.get(name, 0):9.1f}"
        print(f"{name:12} {figures}")
    broken = 0
    for rule in RULES:
        places = list(rule(found))
        broken += len(places)
        shown = [place for place in places if package is None or _concerns(place, package)]
        print(f"\n{rule.__name__}: {len(shown) or 'kept'}")
        for place in shown:
            print(f"  {place}")
    return 1 if broken else 0


def _concerns(place: str, package: str) -> bool:
    return f"simdsl.{package}." in place or f"simdsl/{package}/" in place or place.startswith(f"{package} has")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else None))
