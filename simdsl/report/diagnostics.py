"""Diagnostics as text for people, as JSON for programs, and as annotations for GitHub."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Final, assert_never

from simdsl.plan.diagnostics import Diagnostic, Severity
from simdsl.plan.source import Span
from simdsl.report.commands import as_data, as_property
from simdsl.report.formats import Format
from simdsl.report.screen import Ink, Screen, excerpt, visible

LONGEST: Final = 200
"""How much of a source line is shown where the screen has no edge, in cells. Machine-made plans have very long lines."""

MOST: Final = 100
"""How many diagnostics of one file people are shown: a machine that writes plans makes one mistake ten thousand times."""


def render(diagnostics: Sequence[Diagnostic], form: Format, screen: Screen) -> str:
    """All diagnostics in one format, ready to be printed; empty text for none, but in JSON an empty list."""
    match form:
        case Format.TEXT:
            return "\n\n".join(_of_each_file(diagnostics, screen))
        case Format.JSON:
            return json.dumps([as_json(diagnostic) for diagnostic in diagnostics], indent=2, ensure_ascii=False)
        case Format.GITHUB:
            return "\n".join(github(diagnostic) for diagnostic in diagnostics)
        case _:
            assert_never(form)


def text(diagnostic: Diagnostic, screen: Screen) -> str:
    """A diagnostic as a person reads it: what, where, the line with a caret, and what would help."""
    ink = Ink.ERROR if diagnostic.severity is Severity.ERROR else Ink.WARNING
    label = f"{diagnostic.severity}[{diagnostic.code.name}]"
    head = screen.wrap(visible(diagnostic.message), first=f"{label}: ", rest="  ")
    head = screen.paint(ink, label) + screen.paint(Ink.STRONG, head.removeprefix(label))
    lines = [head, *place(diagnostic.file, diagnostic.span, diagnostic.line, screen, ink)]
    if diagnostic.help:
        margin = " " * gutter_of(diagnostic.span)
        lines.append(screen.wrap(visible(diagnostic.help), first=f"{margin} = help: ", rest=f"{margin}   "))
    return "\n".join(lines)


def place(file: str, span: Span | None, line: str, screen: Screen, ink: Ink = Ink.ERROR) -> list[str]:
    """The lines that show where: ``--> file:line:column`` and, where a span is known, the source with a caret."""
    gutter = " " * gutter_of(span)
    arrow = screen.paint(Ink.FAINT, "-->")
    if span is None:
        return [f"{gutter}{arrow} {visible(file)}"]
    bar = screen.paint(Ink.FAINT, "|")
    shown = excerpt(line, span.column, span.length, min(screen.width, LONGEST) - len(gutter) - 3)
    return [
        f"{gutter}{arrow} {visible(file)}:{span.line}:{span.column}",
        f"{gutter} {bar}",
        f"{screen.paint(Ink.FAINT, str(span.line))} {bar} {shown.text}".rstrip(),
        f"{gutter} {bar} {' ' * shown.indent}{screen.paint(ink, '^' * shown.length)}",
    ]


def gutter_of(span: Span | None) -> int:
    """How many cells the number of this line takes."""
    return len(str(span.line)) if span else 1


def as_json(diagnostic: Diagnostic) -> dict[str, str | int | None]:
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


def github(diagnostic: Diagnostic) -> str:
    """A workflow command that annotates a file (GitHub's manual, "Workflow commands for GitHub Actions")."""
    span = diagnostic.span
    properties = [f"file={as_property(diagnostic.file)}"]
    if span:
        properties += [f"line={span.line}", f"col={span.column}", f"endColumn={span.column + span.length}"]
    properties.append(f"title={as_property('simdsl ' + diagnostic.code.name)}")
    message = diagnostic.message + (f"\nhelp: {diagnostic.help}" if diagnostic.help else "")
    return f"::{diagnostic.severity} {','.join(properties)}::{as_data(message)}"


def _of_each_file(diagnostics: Sequence[Diagnostic], screen: Screen) -> Iterator[str]:
    for file, found in groupby(diagnostics, key=lambda diagnostic: diagnostic.file):
        told = list(found)
        yield from (text(diagnostic, screen) for diagnostic in told[:MOST])
        if len(told) > MOST:
            rest = f"{len(told) - MOST:,} more of {visible(file)}"
            yield screen.wrap(f"{rest}; `simdsl check --output-format json` has them all", first="... and ", rest="  ")


def counted(diagnostics: Iterable[Diagnostic]) -> tuple[int, int]:
    """How many errors and how many warnings there are."""
    severities = [diagnostic.severity for diagnostic in diagnostics]
    return severities.count(Severity.ERROR), severities.count(Severity.WARNING)
