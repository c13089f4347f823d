"""Where a report is shown: how wide it is, whether it takes color, and how text is fitted into it.

Widths are counted in terminal cells, for which rich knows the tables of Unicode. Control characters
are made visible, so that no text of a plan or of a database can command the terminal."""

from __future__ import annotations

import os
import shutil
import textwrap
from collections.abc import Mapping
from enum import StrEnum
from typing import Final, TextIO
from unicodedata import category

from simdsl.plan.deferred import dataclass

TAB: Final = 4


NARROWEST: Final = 40


UNBOUNDED: Final = 10_000


class Style(StrEnum):
    """What a piece of text is, so that color follows meaning. The values are SGR parameters (ECMA-48, 8.3.117)."""

    ERROR = "1;31"
    WARNING = "1;33"
    GOOD = "32"
    STRONG = "1"
    FAINT = "2"
    PLACE = "36"


@dataclass(frozen=True, slots=True, kw_only=True)
class Screen:
    """The properties of an output stream that matter to a report.

    ``width`` is in cells; where nobody sees an edge (a pipe, a file) it is ``UNBOUNDED``. ``live`` tells whether lines may
    be overwritten, as a progress line is.
    """

    width: int = UNBOUNDED
    color: bool = False
    live: bool = False

    def paint(self, ink: Style, text: str) -> str:
        """The text in color, or as it is."""
        return f"\x1b[{ink.value}m{text}\x1b[0m" if self.color and text else text

    def wrap(self, text: str, *, first: str = "", rest: str = "") -> str:
        """The text in lines that fit, the first and the other ones indented so. Long words stay whole."""
        if cell_width(first + text) <= self.width:
            return first + text
        return textwrap.fill(
            text,
            width=self.width,
            initial_indent=first,
            subsequent_indent=rest,
            break_long_words=False,
            break_on_hyphens=False,
        )


def screen_of(stream: TextIO, environment: Mapping[str, str] = os.environ) -> Screen:
    """The screen behind a stream: colored on a terminal unless ``NO_COLOR`` (no-color.org), silent about progress in CI."""
    terminal = stream.isatty()
    capable = terminal and environment.get("TERM") != "dumb"
    # COLUMNS counts without a terminal, so that tests and scripts can ask for a width.
    if terminal or environment.get("COLUMNS", "").isdigit():
        width = max(NARROWEST, shutil.get_terminal_size().columns)
    else:
        width = UNBOUNDED
    # A dumb terminal cannot move its cursor, and in CI each refresh of a progress line would be a line of the log.
    return Screen(
        width=width,
        color=capable and not environment.get("NO_COLOR"),
        live=capable and not environment.get("CI"),
    )


def visible(text: str) -> str:
    """The text on one line, with tabs expanded and control characters shown as escapes."""
    # By far the most texts: two C loops instead of one in Python.
    if text.isascii() and text.isprintable():
        return text
    shown: list[str] = []
    at = 0
    for character in text:
        piece = _shown(character, at)
        shown.append(piece)
        at += cell_width(piece)
    return "".join(shown)


def cell_width(text: str) -> int:
    """How many terminal cells a printable text takes."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len  # only for the few texts that need its tables: a plain run does without rich

    return cell_len(text)


def fit(text: str, width: int) -> str:
    """The visible text, cut to this width with an ellipsis if it is longer."""
    # Before it is measured: an escape is wider than the character that it stands for.
    text = visible(text)
    if cell_width(text) <= width:
        return text
    if text.isascii():
        return text[: width - 1].rstrip() + "…"
    from rich.cells import set_cell_size  # see cell_width

    # A wide character that would stand across the edge becomes a blank, which is cut off like any other.
    return set_cell_size(text, width - 1).rstrip() + "…"


def pad(text: str, width: int) -> str:
    """The text with blanks up to this width."""
    return text + " " * (width - cell_width(text))


@dataclass(frozen=True, slots=True, kw_only=True)
class Excerpt:
    """A line of source as it is shown, and where its marked part stands in it, in cells from 0."""

    text: str
    indent: int
    length: int


def excerpt(line: str, column: int, length: int, width: int) -> Excerpt:
    """A source line with a mark (column from 1, code points), cut on both sides so that it fits and the mark is seen."""
    # A plan in JSON may be one line of 16 MB with a thousand marks in it: only what can be shown around each is looked at.
    reach = 4 * width + TAB
    start, end = column - 1, column - 1 + length
    before, marked, after = line[max(0, start - reach) : start], line[start:end][:reach], line[end : end + reach]
    shown = [_expand(before, 0)]
    shown.append(_expand(marked, cell_width(shown[0])))
    shown.append(_expand(after, cell_width(shown[0] + shown[1])))
    head, body, tail = shown
    if cell_width(head + body + tail) <= width:
        return Excerpt(text=head + body + tail, indent=cell_width(head), length=max(1, cell_width(body)))
    body = fit(body, max(1, width - 2)) if cell_width(body) > width - 2 else body
    room = width - cell_width(body)
    # Two thirds of the room for what stands before the mark, which is read first; the rest goes to what follows.
    kept = min(cell_width(head), max(room * 2 // 3, room - cell_width(tail)))
    if kept < cell_width(head):
        head = "…" + _last(head, kept - 1)
    tail = fit(tail, width - cell_width(head + body)) if tail else tail
    return Excerpt(text=head + body + tail, indent=cell_width(head), length=max(1, cell_width(body)))


def _expand(text: str, at: int) -> str:
    shown: list[str] = []
    for character in text:
        piece = _shown(character, at)
        shown.append(piece)
        at += cell_width(piece)
    return "".join(shown)


def _shown(character: str, at: int) -> str:
    if character == "\t":
        return " " * (TAB - at % TAB)
    if character.isprintable() or category(character) == "Zs":
        return character
    # Format characters join or steer what stands beside them (ZWJ, bidi overrides), so they are shown like controls.
    return repr(character)[1:-1]


def _last(text: str, width: int) -> str:
    """The longest end of the text that fits into the width."""
    first = len(text)
    # From the end, and by the width of the whole rest: the width of a sequence is not the sum of its characters' widths.
    while first and cell_width(text[first - 1 :]) <= width:
        first -= 1
    return text[first:]
