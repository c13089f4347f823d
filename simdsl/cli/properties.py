"""``simdsl properties``: what a run can be judged by."""

from typing import Annotated

import typer


def properties(
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, with the whole specification of each.")] = False,
) -> None:
    """List the properties: the name of each, and its claim in one line.

    `simdsl explain NAME` shows the specification of one. Those of installed packages come last.
    """
    import json
    import sys

    from simdsl.language.property_names import known_names
    from simdsl.properties import registry
    from simdsl.report.screen import screen_of

    found = list(registry.every())
    for problem in filter(None, map(registry.problem, known_names())):
        typer.echo(problem, err=True)
    if as_json:
        data = [
            {"name": one.name, "claim": one.claim, "needs": [str(need) for need in one.needs], "specification": text}
            for one in found
            for text in [one.specification.strip()]
        ]
        typer.echo(json.dumps(data, indent=2, ensure_ascii=False))
        return
    screen = screen_of(sys.stdout)
    width = max(len(one.name) for one in found)
    for one in found:
        typer.echo(screen.wrap(f"{one.name:<{width}}  {one.claim}", rest="    "))
