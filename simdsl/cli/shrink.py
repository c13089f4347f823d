"""``simdsl shrink``: the smallest plan that fails as a given one does."""

from typing import Annotated

import typer

from simdsl.cli.exits import Exit


def shrink(
    path: Annotated[str, typer.Argument(metavar="PLAN", help="A plan that fails; `-` reads standard input.")],
    backend: Annotated[
        str,
        typer.Option("--backend", "-b", metavar="URL", help="What it fails on.", envvar="SIMDSL_BACKEND"),
    ] = "sqlite",
    differential: Annotated[
        list[str] | None,
        typer.Option("--differential", "-d", metavar="URL", help="The backend from which it differs; may be given again."),
    ] = None,
    holds_on: Annotated[
        str | None,
        typer.Option("--holds-on", metavar="URL", help="Only what holds there: a plan that is nonsense does not."),
    ] = None,
    isolated: Annotated[
        bool, typer.Option("--isolated", help="Run everything in a process of its own, as is done for a crash anyway.")
    ] = False,
    doublecheck: Annotated[
        bool, typer.Option("--doublecheck", help="It fails because its trace is another one in another process.")
    ] = False,
    seed: Annotated[
        int | None,
        typer.Option("--seed", metavar="N", help="For what is drawn; else the plan's, else a fresh one."),
    ] = None,
    schedule: Annotated[
        str | None, typer.Option("--schedule", metavar="TEXT", help="Instead of the plan's schedule, such as a pin `1-1-2`.")
    ] = None,
    params: Annotated[
        int | None, typer.Option("--params", metavar="N", min=1, help="Only this entry of `params:`, counted from 1.")
    ] = None,
    max_rounds: Annotated[
        int | None, typer.Option("--max-rounds", metavar="N", min=1, help="Try at most that many smaller plans.")
    ] = None,
    time: Annotated[
        str | None,
        typer.Option("--for", metavar="DURATION", help="Stop after that time, such as `30s`."),
    ] = None,
    repeats: Annotated[
        int, typer.Option("--repeats", metavar="N", min=1, help="How often to run a plan that does not fail every time.")
    ] = 10,
    bugbase: Annotated[
        str | None,
        typer.Option("--bugbase-dir", metavar="DIR", help="Keep it there, and other bugs that are met; see `simdsl bugs`."),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", metavar="FILE", help="Where to; JSON if it ends in `.json`, else YAML."),
    ] = None,
) -> Exit:
    """Find the smallest plan that fails as this one does.

    The plan is run until it fails; then whatever can go goes: tasks, transactions, steps, rows, clauses, values. The result
    is one order of steps that was seen to fail with the same fingerprint. Ctrl-C gives the best so far.
    """
    from simdsl.cli.shrinking import ShrinkOptions, shrink_file

    return shrink_file(
        ShrinkOptions(
            path=path,
            backends=(backend, *(differential or ())),
            holds_on=holds_on,
            isolated=isolated,
            doublecheck=doublecheck,
            seed=seed,
            schedule=schedule,
            params=params,
            max_rounds=max_rounds,
            time=time,
            repeats=repeats,
            bugbase=bugbase,
            output=output,
        )
    )
