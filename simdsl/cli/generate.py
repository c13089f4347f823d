"""``simdsl generate``: plans that nobody wrote, as files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from simdsl.cli.profile import profile_names

if TYPE_CHECKING:
    from simdsl.plan.ir import Plan

_QUICK = "quick"


def generate(
    profile: Annotated[
        str | None,
        typer.Option(
            "--profile",
            metavar="NAME",
            help=f"What the plan is made of: a profile, or the path of its file; else `{_QUICK}`.",
            autocompletion=profile_names,
        ),
    ] = None,
    name: Annotated[
        str | None, typer.Option("--property", metavar="NAME", help="Write the plan of this property instead.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", metavar="N", help="Which of its plans; else the profile's seed, or a fresh one.")
    ] = None,
    steps: Annotated[int | None, typer.Option("--steps", metavar="N", help="As --set steps=N.")] = None,
    tasks: Annotated[int | None, typer.Option("--tasks", metavar="N", help="As --set tasks=N.")] = None,
    pool_size: Annotated[int | None, typer.Option("--pool-size", metavar="N", help="As --set pool.size=N.")] = None,
    max_in_flight_tx: Annotated[
        int | None, typer.Option("--max-in-flight-tx", metavar="N", help="As --set max_in_flight_tx=N.")
    ] = None,
    ddl_rate: Annotated[float | None, typer.Option("--ddl-rate", metavar="RATE", help="As --set ddl_rate=RATE.")] = None,
    busy_rate: Annotated[float | None, typer.Option("--busy-rate", metavar="RATE", help="As --set busy_rate=RATE.")] = None,
    panic_rate: Annotated[
        float | None, typer.Option("--panic-rate", metavar="RATE", help="As --set panic_rate=RATE.")
    ] = None,
    sleep_rate: Annotated[
        float | None, typer.Option("--sleep-rate", metavar="RATE", help="As --set sleep_rate=RATE.")
    ] = None,
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Turn a knob, such as weights.update=0; may be given again."),
    ] = None,
    output: Annotated[
        str | None, typer.Option("--output", "-o", metavar="FILE", help="Where to; JSON if it ends in `.json`, else YAML.")
    ] = None,
) -> None:
    """Write a plan, as YAML on standard output or to a file.

    The same profile, knobs and seed give the same plan everywhere; so do the same property and seed. A plan says in its
    expectations what every step comes to; that of a property says `properties: [NAME]` too, and is judged by it.
    """
    from simdsl.cli.failing import usage
    from simdsl.language.write import dump, dump_json
    from simdsl.plan.codes import Code

    knobs = {
        "steps": steps,
        "tasks": tasks,
        "pool.size": pool_size,
        "max_in_flight_tx": max_in_flight_tx,
        "ddl_rate": ddl_rate,
        "busy_rate": busy_rate,
        "panic_rate": panic_rate,
        "sleep_rate": sleep_rate,
    }
    turned = (*(f"{knob}={value}" for knob, value in knobs.items() if value is not None), *(overrides or ()))
    if name is None:
        plan = _of_profile(profile or _QUICK, turned, seed)
    elif profile is not None or turned:
        raise usage(Code.U008, "a property makes its plan itself: --property takes no profile and no knobs")
    else:
        plan = _of_property(name, seed)
    text = dump_json(plan) if output is not None and output.endswith(".json") else dump(plan)
    if output is None:
        typer.echo(text, nl=False)
        return
    try:
        with open(output, "w", encoding="utf-8", newline="") as out:
            out.write(text)
    except OSError as error:
        raise usage(Code.U009, f"cannot be written: {error.strerror}", about=output) from None


def _of_profile(name: str, overrides: tuple[str, ...], seed: int | None) -> Plan:
    from simdsl.cli.exits import Exit, Stop
    from simdsl.core.choices import fresh_seed
    from simdsl.generation.plans import generate as plan_of
    from simdsl.profiles.load import check_profile

    checked = check_profile(name, overrides)
    if checked.merged is None:
        raise Stop(Exit.BAD_INPUT, *checked.diagnostics)
    profile = checked.merged.profile
    if seed is None:
        seed = fresh_seed() if profile.seed is None else profile.seed
    return plan_of(profile, seed)


def _of_property(name: str, seed: int | None) -> Plan:
    from simdsl.cli.judging import find_property
    from simdsl.core.choices import fresh_seed

    return find_property(name).plan(fresh_seed() if seed is None else seed)
