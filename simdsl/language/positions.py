"""From offsets in a text to lines and columns, and from what a reader found there to a diagnostic."""

from __future__ import annotations

import re
from array import array
from bisect import bisect_right
from itertools import chain

from simdsl.plan.codes import Code
from simdsl.plan.dataclasses import dataclass
from simdsl.plan.diagnostics import Diagnostic
from simdsl.plan.source import Source, Span


@dataclass(frozen=True, slots=True)
class Finding:
    """What a reader found wrong between two offsets of the text."""

    code: Code
    start: int
    end: int
    message: str
    help: str | None = None


class Positions:
    """The lines of a source. Offsets are code points from the beginning of its text."""

    __slots__ = ("_last", "source", "starts")

    def __init__(self, source: Source) -> None:
        self.source = source
        self._last = (0, "")  # many diagnostics of one very long line share its text
        self.starts = array("q", chain((0,), (match.end() for match in re.finditer("\n", source.text))))

    def line_of(self, offset: int) -> int:
        """The number of the line in which an offset lies."""
        return bisect_right(self.starts, offset)

    def line(self, number: int) -> str:
        """The text of a line, without its end."""
        if self._last[0] != number:
            self._last = (number, self._cut(number))
        return self._last[1]

    def span(self, start: int, end: int) -> Span:
        """Offsets as a line, a column and a length; what lies beyond the line's end is cut off."""
        number = self.line_of(start)
        begin = self.starts[number - 1]
        line_end = begin + len(self.line(number))
        return Span(line=number, column=start - begin + 1, length=max(1, min(end, line_end) - start))

    def diagnostic(self, code: Code, message: str, span: Span | None, hint: str | None) -> Diagnostic:
        """A diagnostic that shows the line of its span."""
        text = self.line(span.line) if span else ""
        return Diagnostic(code=code, message=message, file=self.source.name, span=span, line=text, help=hint)

    def diagnose(self, finding: Finding) -> Diagnostic:
        """A finding as a person reads it."""
        span = self.span(finding.start, finding.end)
        return self.diagnostic(finding.code, finding.message, span, finding.help)

    def _cut(self, number: int) -> str:
        stop = self.starts[number] - 1 if number < len(self.starts) else len(self.source.text)
        return self.source.text[self.starts[number - 1] : stop].removesuffix("\r")
