"""``simdsl fmt``: format plans in place, or show what would change."""

from __future__ import annotations

import difflib
import io
import sys

from simdsl.cli.output import Exit, print_diagnostics, unwritable
from simdsl.cli.requests import FmtRequest
from simdsl.cli.selection import STDIN, PlanPath, find_files, read_path
from simdsl.language.formatter import format_text
from simdsl.plan.diagnostics import Diagnostic
from simdsl.report.screen import Screen, Style, screen_of
from simdsl.syntax.files import replace_file


def fmt(request: FmtRequest) -> Exit | None:
    """Format every file. With ``--check`` or ``--diff`` nothing is changed; the exit code is 1 if a file would change."""
    write, out = not (request.check or request.diff), sys.stdout
    found = find_files(request.paths)
    refused = list(found.problems)
    changed = 0
    for target in found.targets:
        outcome = _format(target)
        if isinstance(outcome, tuple):
            refused += outcome
            continue
        before, after = outcome
        if target.file == STDIN and write:  # a filter passes on what is formatted already, too
            out.write(after)
        if before == after:
            continue
        changed += 1
        if request.diff:
            out.write(_difference(before, after, target.file, screen_of(out)))
        elif not write:
            out.write(f"would change {target.file}\n")
        elif target.file != STDIN:
            _write(target.file, after)
            out.write(f"changed {target.file}\n")
    # After all others: one invalid file is no reason to leave the rest unformatted.
    if refused:
        print_diagnostics(refused, sys.stderr)
        return Exit.BAD_INPUT
    if not found.targets:
        sys.stderr.write("no plans found\n")
        return Exit.NOTHING_CHECKED
    return Exit.FAILURE if changed and not write else None


def _format(target: PlanPath) -> tuple[Diagnostic, ...] | list[str]:
    """The text before and after, or why it cannot be formatted."""
    reading = read_path(target)
    if reading.document is None:
        return reading.problems
    document = reading.document
    made = format_text(document.source.text, document.source.name)
    if isinstance(made, tuple):
        return made
    # The formatter drops a byte order mark, which therefore counts as a change.
    return [("\ufeff" if document.bom else "") + document.source.text, made]


def _write(file: str, text: str) -> None:
    try:
        replace_file(file, text.encode())
    except OSError as error:
        raise unwritable(file, error) from None


def _difference(before: str, after: str, name: str, screen: Screen) -> str:
    inks = {"-": Style.ERROR, "+": Style.GOOD, "@": Style.PLACE}
    lines = difflib.unified_diff(_lines(before), _lines(after), name, f"{name} (formatted)")
    painted = []
    for line in lines:
        # As diff says it; otherwise the next line of the output would be glued to this one.
        text = line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"
        ink = inks.get(line[0])
        painted.append(screen.paint(ink, text[:-1]) + "\n" if ink else text)
    return "".join(painted)


def _lines(text: str) -> list[str]:
    """With their line ends. Only a line feed ends a line of a plan, not the other characters of `str.splitlines`."""
    return list(io.StringIO(text, newline="\n"))
