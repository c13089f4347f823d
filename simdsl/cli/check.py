"""``simdsl check``: everything that is wrong with plans, without a database."""

import sys
from typing import Annotated

import typer

from simdsl.cli.exits import Exit
from simdsl.report.diagnostics import DiagnosticFormat


def check(
    paths: Annotated[list[str] | None, typer.Argument(metavar="PATHS", hidden=True)] = None,
    stdin_filename: Annotated[
        str | None,
        typer.Option("--stdin-filename", metavar="NAME", help="What to call standard input; a name in .json makes it JSON."),
    ] = None,
    output_format: Annotated[
        DiagnosticFormat, typer.Option("--output-format", help="How to say it.")
    ] = DiagnosticFormat.TEXT,
) -> Exit | None:
    """Say everything that is wrong with plans, without a database.

    PATHS are plans, directories and patterns; - is standard input. Exits with 2 if there is an error; warnings are shown
    and forgiven.
    """
    from simdsl.cli.output import print_diagnostics
    from simdsl.cli.plan_files import STDIN, find_files, open_plans
    from simdsl.report.diagnostics import count_severities

    arguments = list(paths or ())
    if stdin_filename is not None and STDIN not in arguments:
        arguments.append(STDIN)
    found = find_files(arguments)
    opened = open_plans(found, stdin_filename)
    diagnostics = [*found.problems, *(diagnostic for plan in opened for diagnostic in plan.diagnostics)]
    print_diagnostics(diagnostics, sys.stdout, output_format)
    errors, warnings = count_severities(diagnostics)
    if output_format is DiagnosticFormat.TEXT:
        separator = "\n" if diagnostics else ""
        typer.echo(f"{separator}{_count(len(opened), 'plan')}: {_count(errors, 'error')}, {_count(warnings, 'warning')}")
    if errors:
        return Exit.BAD_INPUT
    return None if opened else Exit.NOTHING


def _count(n: int, noun: str) -> str:
    return f"{n} {noun if n == 1 else noun + 's'}"
