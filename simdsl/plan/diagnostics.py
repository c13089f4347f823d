"""Diagnostics: what is wrong with an input, where, and what would fix it."""

from __future__ import annotations

from enum import StrEnum

from simdsl.plan.codes import Code
from simdsl.plan.dataclasses import dataclass
from simdsl.plan.source import Location, SourceSpan


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
