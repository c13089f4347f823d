"""``simdsl generate``: plans that nobody wrote, as files."""

from typing import Annotated

import typer


def generate(
    name: Annotated[str, typer.Option("--property", metavar="NAME", help="The property whose plan it is.")],
    seed: Annotated[int | None, typer.Option("--seed", metavar="N", help="Which of its plans; else a fresh seed.")] = None,
    output: Annotated[
        str | None, typer.Option("--output", "-o", metavar="FILE", help="Where to; JSON if it ends in `.json`, else YAML.")
    ] = None,
) -> None:
    """Write the plan of a property, as YAML on standard output or to a file.

    The same property and seed give the same plan everywhere. It says `properties: [NAME]`, so that it is judged by itself.
    """
    from simdsl.cli.failing import usage
    from simdsl.cli.judging import find_property
    from simdsl.core.choices import fresh_seed
    from simdsl.language.write import dump, dump_json
    from simdsl.plan.codes import Code

    plan = find_property(name).plan(fresh_seed() if seed is None else seed)
    text = dump_json(plan) if output is not None and output.endswith(".json") else dump(plan)
    if output is None:
        typer.echo(text, nl=False)
        return
    try:
        with open(output, "w", encoding="utf-8", newline="") as out:
            out.write(text)
    except OSError as error:
        raise usage(Code.U009, f"cannot be written: {error.strerror}", about=output) from None
