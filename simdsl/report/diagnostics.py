"""Diagnostics as text for people, as JSON for programs, and as annotations for GitHub."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from itertools import groupby
from typing import Final, assert_never

from simdsl.plan.codes import Code
from simdsl.plan.diagnostics import Diagnostic, Severity, SourceSpan
from simdsl.report.screen import Screen, Style, excerpt, visible


class DiagnosticFormat(StrEnum):
    """The formats of ``--output-format``."""

    TEXT = "text"
    JSON = "json"
    GITHUB = "github"


def escape_command_data(text: str) -> str:
    """What stands behind the second ``::``: one line, whatever is in it."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def escape_command_property(text: str) -> str:
    """The value of a property, which commas separate."""
    return escape_command_data(text).replace(":", "%3A").replace(",", "%2C")


# How much of a source line is shown where the screen has no edge, in cells. Machine-made plans have very long lines.
LONGEST_SOURCE: Final = 200


# How many diagnostics of one file people are shown: a machine that writes plans makes one mistake ten thousand times.
MOST_DIAGNOSTICS: Final = 100


def render_diagnostics(diagnostics: Sequence[Diagnostic], form: DiagnosticFormat, screen: Screen) -> str:
    """All diagnostics in one format, ready to be printed; empty text for none, but in JSON an empty list."""
    match form:
        case DiagnosticFormat.TEXT:
            return "\n\n".join(_of_each_file(diagnostics, screen))
        case DiagnosticFormat.JSON:
            return json.dumps([diagnostic_json(diagnostic) for diagnostic in diagnostics], indent=2, ensure_ascii=False)
        case DiagnosticFormat.GITHUB:
            return "\n".join(diagnostic_annotation(diagnostic) for diagnostic in diagnostics)
        case _:
            assert_never(form)


def diagnostic_text(diagnostic: Diagnostic, screen: Screen) -> str:
    """A diagnostic as a person reads it: what, where, the line with a caret, and what would help."""
    ink = Style.ERROR if diagnostic.severity is Severity.ERROR else Style.WARNING
    label = f"{diagnostic.severity}[{diagnostic.code.name}]"
    head = screen.wrap(visible(diagnostic.message), first=f"{label}: ", rest="  ")
    head = screen.paint(ink, label) + screen.paint(Style.STRONG, head.removeprefix(label))
    lines = [head, *place_lines(diagnostic.file, diagnostic.span, diagnostic.line, screen, ink)]
    if diagnostic.help:
        margin = " " * gutter_width(diagnostic.span)
        lines.append(screen.wrap(visible(diagnostic.help), first=f"{margin} = help: ", rest=f"{margin}   "))
    return "\n".join(lines)


def place_lines(file: str, span: SourceSpan | None, line: str, screen: Screen, ink: Style = Style.ERROR) -> list[str]:
    """The lines that show where: ``--> file:line:column`` and, where a span is known, the source with a caret."""
    gutter = " " * gutter_width(span)
    arrow = screen.paint(Style.FAINT, "-->")
    if span is None:
        return [f"{gutter}{arrow} {visible(file)}"]
    bar = screen.paint(Style.FAINT, "|")
    # Long lines are cut around the mark, not at the end: what is marked must be seen.
    shown = excerpt(line, span.column, span.length, min(screen.width, LONGEST_SOURCE) - len(gutter) - 3)
    return [
        f"{gutter}{arrow} {visible(file)}:{span.line}:{span.column}",
        f"{gutter} {bar}",
        f"{screen.paint(Style.FAINT, str(span.line))} {bar} {shown.text}".rstrip(),
        f"{gutter} {bar} {' ' * shown.indent}{screen.paint(ink, '^' * shown.length)}",
    ]


def gutter_width(span: SourceSpan | None) -> int:
    """How many cells the number of this line takes."""
    return len(str(span.line)) if span else 1


def diagnostic_json(diagnostic: Diagnostic) -> dict[str, str | int | None]:
    """A diagnostic as one flat object. Lines and columns count from 1, in code points; ``end_column`` is exclusive."""
    span = diagnostic.span
    return {
        "code": diagnostic.code.name,
        "severity": str(diagnostic.severity),
        "message": diagnostic.message,
        "file": diagnostic.file,
        "line": span.line if span else None,
        "column": span.column if span else None,
        "end_column": span.column + span.length if span else None,
        "help": diagnostic.help,
    }


def diagnostic_annotation(diagnostic: Diagnostic) -> str:
    """A workflow command that annotates a file (GitHub's manual, "Workflow commands for GitHub Actions")."""
    span = diagnostic.span
    properties = [f"file={escape_command_property(diagnostic.file)}"]
    if span:
        properties += [f"line={span.line}", f"col={span.column}", f"endColumn={span.column + span.length}"]
    properties.append(f"title={escape_command_property('simdsl ' + diagnostic.code.name)}")
    message = diagnostic.message + (f"\nhelp: {diagnostic.help}" if diagnostic.help else "")
    return f"::{diagnostic.severity} {','.join(properties)}::{escape_command_data(message)}"


def _of_each_file(diagnostics: Sequence[Diagnostic], screen: Screen) -> Iterator[str]:
    for file, found in groupby(diagnostics, key=lambda diagnostic: diagnostic.file):
        collected = list(found)
        # The note that there is more than is collected comes last, and is shown however much before it is left out.
        notes = [diagnostic for diagnostic in collected if diagnostic.code is Code.W003]
        others = [diagnostic for diagnostic in collected if diagnostic.code is not Code.W003]
        yield from (diagnostic_text(diagnostic, screen) for diagnostic in others[:MOST_DIAGNOSTICS])
        if len(others) > MOST_DIAGNOSTICS:
            rest = f"{len(others) - MOST_DIAGNOSTICS:,} more of {visible(file)}"
            them = "these" if notes else "them all"
            yield screen.wrap(f"{rest}; `simdsl check --output-format json` has {them}", first="... and ", rest="  ")
        yield from (diagnostic_text(note, screen) for note in notes)


def count_severities(diagnostics: Iterable[Diagnostic]) -> tuple[int, int]:
    """How many errors and how many warnings there are."""
    severities = [diagnostic.severity for diagnostic in diagnostics]
    return severities.count(Severity.ERROR), severities.count(Severity.WARNING)
