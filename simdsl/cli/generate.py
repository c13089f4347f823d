"""``simdsl generate``: plans that nobody wrote, as files."""

from __future__ import annotations

from typing import Annotated

import typer

from simdsl.cli import knobs


def generate(
    profile: knobs.ProfileName = None,
    name: Annotated[
        str | None,
        typer.Option(
            "--property",
            metavar="NAME",
            help="Write the plan of this property, sized by the profile or a knob if one is given.",
        ),
    ] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", metavar="N", help="Which of its plans; else the profile's seed, or a fresh one.")
    ] = None,
    steps: knobs.Steps = None,
    tasks: knobs.Tasks = None,
    pool_size: knobs.PoolSize = None,
    max_in_flight_tx: knobs.MaxInFlightTx = None,
    ddl_rate: knobs.DdlRate = None,
    busy_rate: knobs.BusyRate = None,
    panic_rate: knobs.PanicRate = None,
    sleep_rate: knobs.SleepRate = None,
    overrides: knobs.Overrides = None,
    output: Annotated[
        str | None, typer.Option("--output", "-o", metavar="FILE", help="Where to; JSON if it ends in `.json`, else YAML.")
    ] = None,
) -> None:
    """Write a plan, as YAML on standard output or to a file.

    The same profile, knobs and seed give the same plan everywhere; so do the same property and seed. A plan says in its
    expectations what every step comes to; that of a property says `properties: [NAME]` too, and is judged by it. A property
    without profile and knobs makes a small plan of its own size.
    """
    from simdsl.cli.errors import usage
    from simdsl.cli.generated_plans import single_generator
    from simdsl.core.choices import fresh_seed
    from simdsl.language.dump import dump, dump_json
    from simdsl.plan.codes import Code

    turned = knobs.turned(
        steps=steps,
        tasks=tasks,
        pool_size=pool_size,
        max_in_flight_tx=max_in_flight_tx,
        ddl_rate=ddl_rate,
        busy_rate=busy_rate,
        panic_rate=panic_rate,
        sleep_rate=sleep_rate,
        overrides=overrides,
    )
    making = single_generator(name, profile=profile, knobs=turned)
    (maker,) = making.makers
    chosen = next((given for given in (seed, making.seed) if given is not None), None)
    plan = maker.plan(fresh_seed() if chosen is None else chosen)
    text = dump_json(plan) if output is not None and output.endswith(".json") else dump(plan)
    if output is None:
        typer.echo(text, nl=False)
        return
    try:
        with open(output, "w", encoding="utf-8", newline="") as out:
            out.write(text)
    except OSError as error:
        raise usage(Code.U009, f"cannot be written: {error.strerror}", about=output) from None
