"""``simdsl properties``: list the properties that generated plans can check."""

from __future__ import annotations

import json
import sys

from simdsl.cli.commands import PropertiesRequest
from simdsl.language.property_names import known_names
from simdsl.properties import registry
from simdsl.report.screen import screen_of


def properties(request: PropertiesRequest) -> None:
    """Print them; what is wrong with those of installed packages goes to standard error."""
    found = list(registry.every())
    for problem in filter(None, map(registry.problem, known_names())):
        print(problem, file=sys.stderr)
    if request.json:
        data = [
            {"name": one.name, "claim": one.claim, "needs": [str(need) for need in one.needs], "specification": text}
            for one in found
            for text in [one.specification.strip()]
        ]
        print(json.dumps(data, indent=2, ensure_ascii=False))
        return
    screen = screen_of(sys.stdout)
    width = max(len(one.name) for one in found)
    for one in found:
        print(screen.wrap(f"{one.name:<{width}}  {one.claim}", rest="    "))
