"""`python -m tests.house [ROOM]`: the state of the house, package by package, and every place that breaks a rule."""

from __future__ import annotations

import statistics
import sys
from collections import Counter

from tests.house import rules
from tests.house.source import modules

BUDGETS = {  # modules for each package, so that all of them together stay within the limit
    "backends": 46, "bugbase": 4, "campaign": 10, "cli": 25, "core": 8, "dialect": 12, "failures": 2, "generation": 18,
    "language": 10, "oracles": 5, "plan": 11, "profiles": 4, "properties": 20, "report": 13, "rewriting": 3, "runner": 9,
    "runs": 6, "shrinker": 9, "syntax": 16, "testing": 3, "verbs": 9, "workers": 4, "all": rules.MOST_MODULES,
}  # fmt: skip


def main(room: str | None) -> int:
    """Exit 1 if a rule is broken; with a package named, only what concerns it is listed."""
    found = modules()
    rooms = sorted({module.room for module in found})
    densities = rules.comment_densities(found)
    broken = {
        rule.__name__: list(rule(found))
        for rule in (
            rules.sizes,
            rules.class_names,
            rules.late_imports,
            rules.comments,
            rules.cycles,
            rules.wildcards,
            rules.eager_dataclasses,
        )
    }
    broken["unused"] = list(rules.unused())
    print(f"{'package':12} modules (budget)  lines  median  longest  comments  late imports  case _  double names")
    for name in [*rooms, "all"]:
        here = [module for module in found if name in {module.room, "all"}]
        lines = [module.lines for module in here]
        counts = Counter({rule: sum(_concerns(line, name) for line in places) for rule, places in broken.items()})
        print(
            f"{name:12} {len(here):7} {BUDGETS.get(name, 0):8}  {sum(lines):6} {statistics.median(lines):7g} {max(lines):8} "
            f"{densities.get(name, 0):9.1f} {counts['late_imports']:13} {counts['wildcards']:7} {counts['class_names']:13}"
        )
    for rule, places in broken.items():
        shown = [line for line in places if room is None or _concerns(line, room)]
        print(f"\n{rule}: {len(shown) or 'kept'}")
        for line in shown:
            print(f"  {line}")
    return 1 if any(broken.values()) else 0


def _concerns(line: str, room: str) -> bool:
    return room == "all" or f"simdsl.{room}." in line or f"simdsl/{room}/" in line or line.startswith(f"{room} has")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else None))
