"""``simdsl run``: run plans and judge them."""

from typing import Annotated

import typer

from simdsl.cli import knobs
from simdsl.cli.exits import Exit


def run(
    paths: Annotated[
        list[str] | None,
        typer.Argument(metavar="PATHS", hidden=True),
    ] = None,
    generate: Annotated[
        bool, typer.Option("--generate", help="Instead of PATHS: plans of a profile, one for each seed from --seed on.")
    ] = False,
    properties: Annotated[
        list[str] | None,
        typer.Option(
            "--property",
            metavar="NAME",
            help="Instead of PATHS: plans of this property; may be given again. `all`: of each.",
        ),
    ] = None,
    runs: Annotated[
        int | None,
        typer.Option("--runs", metavar="N", min=1, help="That many generated plans, three by default; of each property."),
    ] = None,
    min_judged: Annotated[
        int | None,
        typer.Option(
            "--min-judged",
            metavar="N",
            min=1,
            help="Exit with 5 if generated plans judged less: in all, or by any property; 1 by default.",
        ),
    ] = None,
    profile: knobs.ProfileName = None,
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
    doublecheck: Annotated[
        bool, typer.Option("--doublecheck", help="Run everything in another process too; the traces must be the same.")
    ] = False,
    isolated: Annotated[
        bool, typer.Option("--isolated", help="Run in another process: a driver that ends it fails its plan.")
    ] = False,
    show_sql: Annotated[
        bool, typer.Option("--show-sql", help="Show what is sent of each statement that is changed.")
    ] = False,
    reset_table: Annotated[
        list[str] | None,
        typer.Option("--reset-table", metavar="NAME", help="Empty this table before each setup; may be given again."),
    ] = None,
    reset_mode: Annotated[
        str | None,
        typer.Option("--reset-mode", metavar="MODE", help="How: `delete`, which is the default, `truncate` or `recreate`."),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option("--seed", metavar="N", help="For everything that is drawn; else the plan's, else a fresh one."),
    ] = None,
    own_seed: Annotated[int | None, typer.Option("--fresh-seed", hidden=True)] = None,
    loop: Annotated[
        int | None,
        typer.Option(
            "--loop", metavar="N", min=1, help="Do it N times, each with another seed; -x stops after one that fails."
        ),
    ] = None,
    keyword: Annotated[
        str | None,
        typer.Option("-k", metavar="EXPR", help="Only plans whose name or file contains this; `a and not b` works."),
    ] = None,
    tag: Annotated[
        list[str] | None,
        typer.Option("--tag", metavar="EXPR", help="Only plans with this tag; may be given again: any of them."),
    ] = None,
    list_only: Annotated[bool, typer.Option("--list", help="List the selected plans and run nothing.")] = False,
    stop_early: Annotated[bool, typer.Option("-x", help="Stop after the first plan that fails.")] = False,
    maxfail: Annotated[
        int | None, typer.Option("--maxfail", metavar="N", min=1, help="Stop after this many plans have failed.")
    ] = None,
    schedule: Annotated[
        str | None,
        typer.Option("--schedule", metavar="TEXT", help="Instead of the plan's schedule: `all`, `a b a`, a pin `1-1-2`."),
    ] = None,
    params: Annotated[
        int | None, typer.Option("--params", metavar="N", min=1, help="Only this entry of `params:`, counted from 1.")
    ] = None,
    trace: Annotated[
        str | None, typer.Option("--trace", metavar="FILE", help="Write the trace of every run, as JSON lines.")
    ] = None,
    junit: Annotated[
        str | None, typer.Option("--junit", metavar="FILE", help="Write JUnit XML, a test case for every plan.")
    ] = None,
    html: Annotated[
        str | None, typer.Option("--html", metavar="FILE", help="Write the runs as one HTML page, a lane for every task.")
    ] = None,
    html_passing: Annotated[
        int | None,
        typer.Option("--html-passing", metavar="N", min=0, help="Show at most N runs that passed there, 20 by default."),
    ] = None,
    github: Annotated[
        bool | None,
        typer.Option("--github/--no-github", help="Annotations and a summary; by default if GITHUB_ACTIONS is `true`."),
    ] = None,
    dump: Annotated[
        str | None,
        typer.Option("--dump-plan-on-failure", metavar="FILE", help="Write a failed run as a plan that fails the same way."),
    ] = None,
    unroll: Annotated[
        str | None,
        typer.Option(
            "--unroll", metavar="FILE", help="Write the run that failed, else the first, as one order of `steps:`."
        ),
    ] = None,
    bugbase: Annotated[
        str | None,
        typer.Option("--bugbase-dir", metavar="DIR", help="Keep every run that fails there; see `simdsl bugs`."),
    ] = None,
    shrink: Annotated[
        bool, typer.Option("--shrink-on-failure", help="Show of a plan that failed the smallest that fails alike.")
    ] = False,
    shrink_rounds: Annotated[
        int | None, typer.Option("--shrink-max-rounds", metavar="N", min=1, help="Try at most that many smaller plans.")
    ] = None,
    shrink_time: Annotated[
        str | None, typer.Option("--shrink-for", metavar="DURATION", help="Shrink for that time at most, such as `30s`.")
    ] = None,
    accept: Annotated[
        bool, typer.Option("--accept", help="Rewrite expectations that were missed to what came, in place.")
    ] = False,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Only failures, warnings and the counts.")] = False,
    verbose: Annotated[
        int,
        typer.Option("-v", "--verbose", count=True, help="A line for every run; -vv: its steps too.", show_default=False),
    ] = 0,
    json: Annotated[bool, typer.Option("--json", help="Events as JSON lines on standard output, nothing else.")] = False,
    pg_host: Annotated[
        str | None, typer.Option("--pg-host", metavar="HOST", help="With `--backend postgres`: use that server.")
    ] = None,
    pg_port: Annotated[int | None, typer.Option("--pg-port", metavar="N", help="Its port.")] = None,
    pg_dbname: Annotated[
        str | None, typer.Option("--pg-dbname", metavar="NAME", help="The database to connect to; nothing is changed there.")
    ] = None,
    pg_user: Annotated[str | None, typer.Option("--pg-user", metavar="NAME", help="The role.")] = None,
    pg_password: Annotated[
        str | None, typer.Option("--pg-password", metavar="TEXT", help="Its password; `PGPASSWORD` tells it to nobody else.")
    ] = None,
    turso_db_path: Annotated[
        str | None, typer.Option("--turso-db-path", metavar="FILE", help="With `--backend turso`: use that file.")
    ] = None,
    mssql_host: Annotated[
        str | None, typer.Option("--mssql-host", metavar="HOST", help="With `--backend mssql`: use that server.")
    ] = None,
    mssql_port: Annotated[int | None, typer.Option("--mssql-port", metavar="N", help="Its port.")] = None,
    mssql_dbname: Annotated[
        str | None, typer.Option("--mssql-dbname", metavar="NAME", help="The database to connect to first.")
    ] = None,
    mssql_user: Annotated[str | None, typer.Option("--mssql-user", metavar="NAME", help="The login.")] = None,
    mssql_password: Annotated[
        str | None,
        typer.Option("--mssql-password", metavar="TEXT", help="Its password.", envvar="SIMDSL_MSSQL_PASSWORD"),
    ] = None,
    mssql_driver: Annotated[
        str | None, typer.Option("--mssql-driver", metavar="NAME", help="The ODBC driver, by the name it is installed as.")
    ] = None,
) -> Exit:
    """Run plans and judge them.

    PATHS are plans, directories and patterns; FILE:LINE runs up to the step at that line. Every plan is loaded first; if
    one is bad, all that is wrong with all of them is shown, and nothing runs.
    """
    from simdsl.core import gc_pause

    with gc_pause.gc_paused():
        from simdsl.cli.backend_options import backend_url
        from simdsl.cli.request import Request, on_github
        from simdsl.cli.running import run_request

        run_it = run_request
        if loop is not None:
            from simdsl.cli.loop import run_loop as run_it

    places = {
        "pg-host": pg_host,
        "pg-port": pg_port,
        "pg-dbname": pg_dbname,
        "pg-user": pg_user,
        "pg-password": pg_password,
        "turso-db-path": turso_db_path,
        "mssql-host": mssql_host,
        "mssql-port": mssql_port,
        "mssql-dbname": mssql_dbname,
        "mssql-user": mssql_user,
        "mssql-password": mssql_password if mssql_host is not None else None,
        "mssql-driver": mssql_driver,
    }
    return run_it(
        Request(
            paths=tuple(paths or ()),
            properties=tuple(properties or ()),
            generate=generate,
            profile=profile,
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
            runs=runs,
            min_judged=min_judged,
            backend=backend_url(backend, places),
            differential=tuple(differential or ()),
            doublecheck=doublecheck,
            isolated=isolated,
            show_sql=show_sql,
            reset_tables=tuple(reset_table or ()),
            reset_mode=reset_mode,
            seed=seed,
            fresh_seed=own_seed,
            loop=loop,
            keyword=keyword,
            tags=tuple(tag or ()),
            list_only=list_only,
            maxfail=1 if stop_early else maxfail,
            schedule=schedule,
            params=params,
            trace=trace,
            junit=junit,
            html=html,
            html_passing=html_passing,
            github=on_github() if github is None else github,
            dump=dump,
            unroll=unroll,
            bugbase=bugbase,
            shrink=shrink,
            shrink_rounds=shrink_rounds,
            shrink_time=shrink_time,
            accept=accept,
            quiet=quiet,
            verbose=verbose,
            json=json,
        )
    )
