"""Diagnostics, what is wrong with an input and what would fix it, and the locations in source text that they point at.

Lines and columns count from 1, and columns count code points. A location in a plan is a ``Path`` of mapping keys and
sequence indices from its root, such as ``("steps", 3, "a")``; the document that was read turns it into a line and a
column on demand."""

from __future__ import annotations

from enum import StrEnum
from typing import TypeAlias

from simdsl.plan.codes import Code
from simdsl.plan.deferred import dataclass

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


class Severity(StrEnum):
    """An error refuses the input; a warning lets it through and is counted."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A diagnostic as the loader finds it: the place is still a path."""

    code: Code
    message: str
    at: Location
    help: str | None = None

    @property
    def severity(self) -> Severity:
        """See ``severity_of``."""
        return severity_of(self.code)


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostic:
    """A diagnostic as it is shown. ``span`` is None where the whole file is meant; ``line`` is the text of its line."""

    code: Code
    message: str
    file: str
    span: SourceSpan | None = None
    line: str = ""
    help: str | None = None

    @property
    def severity(self) -> Severity:
        """See ``severity_of``."""
        return severity_of(self.code)


def severity_of(code: Code) -> Severity:
    """Codes that begin with W are warnings."""
    return Severity.WARNING if code.name.startswith("W") else Severity.ERROR


class PlanError(Exception):
    """An input was refused. ``diagnostics`` holds everything that is wrong with it: at least one."""

    def __init__(self, diagnostics: tuple[Diagnostic, ...]) -> None:
        super().__init__("; ".join(f"{d.code.name}: {d.message}" for d in diagnostics))
        self.diagnostics = diagnostics
