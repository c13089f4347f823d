"""``simdsl fmt``: write plans in the one form."""

import sys
from typing import Annotated

import typer

from simdsl.cli.exits import Exit


def fmt(
    paths: Annotated[
        list[str] | None,
        typer.Argument(metavar="PATHS", hidden=True),
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Change nothing; exit with 1 if a file would change.")] = False,
    diff: Annotated[bool, typer.Option("--diff", help="Change nothing; show what would. Exits like --check.")] = False,
) -> Exit | None:
    """Write plans in the one form, comments kept.

    PATHS are plans, directories and patterns; - reads standard input and writes standard output. A file that is no plan
    is left alone and exits with 2.
    """
    from simdsl.cli.formatting import format_files

    return format_files(list(paths or ()), write=not (check or diff), diff=diff, out=sys.stdout)
