"""The command line as a whole. Each command has a module of its own; what it needs is imported when it runs.

These modules do not postpone their annotations: typer would have to evaluate each of them three times over.
"""

from typing import Annotated, Any

import typer

from simdsl import __version__
from simdsl.cli import (
    backends,
    bugs,
    campaign,
    check,
    explain,
    fmt,
    generate,
    init,
    profile,
    properties,
    run,
    schema,
    shrink,
)
from simdsl.cli.exits import guarded

EPILOG = (
    "Exit codes: 0 held, 1 failure found, 2 bad plan or usage, 3 backend unavailable, 4 internal error, "
    "5 nothing selected or nothing judged, 130 interrupted."
)


def command() -> Any:
    """The command line, ready to be called. Its type is that of the click inside typer, which has no public name."""
    # rich_markup_mode None keeps rich, and a tenth of a second, out of every call.
    app = typer.Typer(
        name="simdsl",
        help="One plan, any backend, every interleaving.",
        epilog=EPILOG,
        no_args_is_help=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_root)
    app.command("run", epilog=EPILOG)(guarded(run.run))
    app.command("check")(guarded(check.check))
    app.command("fmt")(guarded(fmt.fmt))
    app.command("explain")(guarded(explain.explain))
    app.command("properties")(guarded(properties.properties))
    app.command("generate")(guarded(generate.generate))
    app.command("campaign", epilog=EPILOG)(guarded(campaign.campaign))
    app.command("shrink")(guarded(shrink.shrink))
    app.add_typer(bugs.bugs(), name="bugs")
    app.command("schema")(guarded(schema.schema))
    app.add_typer(profile.profile(), name="profile")
    app.command("backends")(guarded(backends.backends))
    app.command("init")(guarded(init.init))
    return typer.main.get_command(app)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"simdsl {__version__}")
        raise typer.Exit


def _root(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", is_eager=True, callback=_show_version)
    ] = False,
) -> None:
    """Options that stand before every command; the version shows itself while they are read."""
