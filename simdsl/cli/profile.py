"""``simdsl profile``: what a generated workload is made of."""

import sys
from typing import Annotated

import typer

from simdsl.cli.exits import Exit, guarded
from simdsl.report.diagnostics import DiagnosticFormat


def profile() -> typer.Typer:
    """The commands about profiles, to be added to the command line."""
    app = typer.Typer(
        help="List, show and check profiles.",
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    app.command("list")(guarded(profile_list))
    app.command("show")(guarded(profile_show))
    app.command("check")(guarded(profile_check))
    return app


def profile_names(incomplete: str) -> list[str]:
    """The profiles that begin so, for a shell that completes."""
    from simdsl.profiles.profile_files import available_profiles

    return [place.name for place in available_profiles() if place.name and place.name.startswith(incomplete)]


def profile_list(
    as_json: Annotated[bool, typer.Option("--json", help="As JSON: the name, the doc and the file of each.")] = False,
) -> Exit | None:
    """List the profiles that have a name here.

    They lie in ./profiles, or come with simdsl. Exits with 2 if one of them cannot be used.
    """
    from simdsl.cli.output import print_diagnostics
    from simdsl.cli.profiling import listed

    text, diagnostics = listed(sys.stdout, as_json=as_json)
    typer.echo(text)
    print_diagnostics(diagnostics, sys.stderr)
    return Exit.BAD_INPUT if diagnostics else None


def profile_show(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="A profile, or the path of its file.", autocompletion=profile_names)
    ],
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Turn a knob, such as weights.update=0; may be given again."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON: the profile, and the origin of each value.")] = False,
) -> None:
    """Show a profile as a whole, merged.

    What it says counts more than what it extends, that more than defaults, and options count most. Behind every value
    stands who said it. The output is a profile that extends nothing.
    """
    from simdsl.cli.exits import Stop
    from simdsl.profiles.load import check_profile
    from simdsl.profiles.serialize import to_json_text, to_yaml
    from simdsl.report.screen import screen_of

    checked = check_profile(name, overrides or ())
    if checked.merged is None:
        raise Stop(Exit.BAD_INPUT, *checked.diagnostics)
    if as_json:
        typer.echo(to_json_text(checked.merged))
    else:
        typer.echo(to_yaml(checked.merged, screen_of(sys.stdout).width), nl=False)


def profile_check(
    paths: Annotated[list[str] | None, typer.Argument(metavar="PATHS", hidden=True)] = None,
    output_format: Annotated[
        DiagnosticFormat, typer.Option("--output-format", help="How to say it.")
    ] = DiagnosticFormat.TEXT,
) -> Exit | None:
    """Say everything that is wrong with profiles.

    What they extend is looked at too. PATHS are profiles, directories and patterns; - is standard input. Plans that lie
    beside profiles are left out. Exits with 2 if there is an error.
    """
    from simdsl.cli.output import print_diagnostics
    from simdsl.cli.profiling import check_paths
    from simdsl.report.diagnostics import count_severities

    count, diagnostics = check_paths(list(paths or ()))
    print_diagnostics(diagnostics, sys.stdout, output_format)
    errors, warnings = count_severities(diagnostics)
    if output_format is DiagnosticFormat.TEXT:
        separator = "\n" if diagnostics else ""
        typer.echo(f"{separator}{_count(count, 'profile')}: {_count(errors, 'error')}, {_count(warnings, 'warning')}")
    if errors:
        return Exit.BAD_INPUT
    return None if count else Exit.NOTHING


def _count(n: int, noun: str) -> str:
    return f"{n} {noun if n == 1 else noun + 's'}"
