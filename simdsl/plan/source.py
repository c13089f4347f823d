"""Source text and locations in it. Lines and columns count from 1, and columns count code points.

A location in a plan is a ``Path`` of mapping keys and sequence indices from its root, such as ``("steps", 3, "a")``; the
document that was read turns it into a line and a column on demand.
"""

from __future__ import annotations

from typing import TypeAlias

from simdsl.plan.dataclasses import dataclass

Path: TypeAlias = tuple[str | int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceText:
    """A text that was read, and its name in messages."""

    name: str
    text: str

    def line(self, number: int) -> str:
        """The text of one line, without its end."""
        lines = self.text.split("\n")
        return lines[number - 1].rstrip("\r") if 0 < number <= len(lines) else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """A place in a plan: a path, and code points within the text that stands there.

    ``end`` None means the end of that text. ``key`` points at the mapping key that the path ends in, not at its value.
    """

    path: Path
    start: int = 0
    end: int | None = None
    key: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSpan:
    """A place in a source text: a line, a column, and a length of at least 1 code point in that line."""

    line: int
    column: int
    length: int = 1
