"""``simdsl check``: find mistakes in plans without a database."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from simdsl.cli.output import Exit, counted, print_diagnostics
from simdsl.cli.requests import CheckRequest
from simdsl.cli.selection import STDIN, find_files, open_plans
from simdsl.plan.diagnostics import Diagnostic
from simdsl.report import diagnostics as report
from simdsl.report.diagnostics import DiagnosticFormat


def check(request: CheckRequest) -> Exit | None:
    """Print the diagnostics of all plans, and how many there are. Raises ``Stop`` if no paths are given."""
    paths = list(request.paths)
    # Editors give the name of what they pipe, and leave out the dash.
    if request.stdin_filename is not None and STDIN not in paths:
        paths.append(STDIN)
    found = find_files(paths)
    opened = open_plans(found, request.stdin_filename)
    diagnostics = [*found.problems, *(diagnostic for plan in opened for diagnostic in plan.diagnostics)]
    return print_findings(diagnostics, counted(len(opened), "plan"), bool(opened), DiagnosticFormat(request.output_format))


def print_findings(diagnostics: Sequence[Diagnostic], checked: str, is_any: bool, form: DiagnosticFormat) -> Exit | None:
    """Print diagnostics and, as text, a line that counts them: ``2 plans: 1 error, 0 warnings``; the exit code."""
    print_diagnostics(diagnostics, sys.stdout, form)
    errors, warnings = report.count_severities(diagnostics)
    if form is DiagnosticFormat.TEXT:
        # Only for people: in JSON and annotations, a line of text would be garbage.
        separator = "\n" if diagnostics else ""
        print(f"{separator}{checked}: {counted(errors, 'error')}, {counted(warnings, 'warning')}")
    if errors:
        return Exit.BAD_INPUT
    return None if is_any else Exit.NOTHING_CHECKED
