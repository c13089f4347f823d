"""``simdsl campaign``: seeds by the thousand, on many processes."""

from typing import Annotated

import typer

from simdsl.cli import knobs
from simdsl.cli.bugs import DEFAULT_BUGBASE
from simdsl.cli.exits import Exit


def campaign(
    seeds: Annotated[
        str, typer.Option("--seeds", metavar="FIRST..LAST", help="Which seeds, both included; a number N means 1..N.")
    ],
    profile: knobs.ProfileName = None,
    properties: Annotated[
        list[str] | None,
        typer.Option("--property", metavar="NAME", help="Plans of this property; may be given again. `all`: of each."),
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
    backend: Annotated[
        str,
        typer.Option(
            "--backend", "-b", metavar="URL", help="What to run on; see `simdsl backends`.", envvar="SIMDSL_BACKEND"
        ),
    ] = "sqlite",
    differential: Annotated[
        list[str] | None,
        typer.Option("--differential", "-d", metavar="URL", help="Run on this backend too and compare; may be given again."),
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option("--jobs", "-j", metavar="N", min=1, help="On so many processes; else one for each processor."),
    ] = None,
    cluster: Annotated[
        str | None,
        typer.Option("--cluster", metavar="ADDRESS", help="On the workers of this scheduler of dask, `tcp://HOST:PORT`."),
    ] = None,
    time: Annotated[
        str | None, typer.Option("--time", metavar="DURATION", help="Stop after that time, such as `10m`.")
    ] = None,
    bugbase: Annotated[
        str, typer.Option("--bugbase-dir", metavar="DIR", help="Where bugs are kept; see `simdsl bugs`.")
    ] = DEFAULT_BUGBASE,
    min_judged: Annotated[
        int,
        typer.Option(
            "--min-judged", metavar="N", min=1, help="Exit with 5 if the plans judged less: in all, or by any property."
        ),
    ] = 1,
    shrink: Annotated[bool, typer.Option("--shrink/--no-shrink", help="Shrink each bug that is new.")] = True,
    shrink_time: Annotated[
        str, typer.Option("--shrink-for", metavar="DURATION", help="Shrink each for that time at most.")
    ] = "30s",
    plan_time: Annotated[
        str,
        typer.Option("--hang-after", metavar="DURATION", help="A plan that does nothing for that long is ended: it failed."),
    ] = "60s",
    journal: Annotated[
        str | None,
        typer.Option("--journal", metavar="FILE", help="Where to note what is done; else a file under `.simdsl/campaigns`."),
    ] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Begin anew, whatever is done already.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Events as JSON lines on standard output, nothing else.")] = False,
) -> Exit:
    """Make and run the plans of many seeds, on many processes, and keep the bugs.

    Each bug is stored once, counted, and shrunk. A plan that ends its process, or hangs, is a bug too. The same command
    goes on where it was stopped; Ctrl-C stops it in good order, a second one at once.
    """
    from simdsl.cli.campaigning import CampaignOptions, run_campaign

    return run_campaign(
        CampaignOptions(
            seeds=seeds,
            profile=profile,
            properties=tuple(properties or ()),
            knobs=knobs.turned(
                steps=steps,
                tasks=tasks,
                pool_size=pool_size,
                max_in_flight_tx=max_in_flight_tx,
                ddl_rate=ddl_rate,
                busy_rate=busy_rate,
                panic_rate=panic_rate,
                sleep_rate=sleep_rate,
                overrides=overrides,
            ),
            urls=(backend, *(differential or ())),
            jobs=jobs,
            cluster=cluster,
            time=time,
            bugbase=bugbase,
            min_judged=min_judged,
            shrink_time=shrink_time if shrink else None,
            plan_time=plan_time,
            journal=journal,
            fresh=fresh,
            json=json,
        )
    )
