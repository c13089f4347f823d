"""What a report is: a fold over the events of a call, which gives its parts when the call has ended.

A report is one module with ``open_report`` (a report of a call that begins) and ``refused`` (the report of a call in which
nothing ran). It makes bytes and writes nothing: the command line knows the files, streams and variables where they go. To
add one: the module, its listener and option in the command line, and a test.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from typing import NamedTuple, Protocol

from simdsl.core.verdicts import Progress, RunReport
from simdsl.plan.dataclasses import dataclass
from simdsl.plan.diagnostics import Diagnostic
from simdsl.report.context import CallHeader, PlanSource
from simdsl.report.secrets import Secrets


class Destination(Enum):
    """Where a part of a report goes."""

    FILE = "file"  # the file that the option names; replaced whole
    LOG = "log"  # the call's own output, which the CI server reads
    SUMMARY = "summary"  # a file of the CI server's, to which every step appends


class ReportOutput(NamedTuple):
    """A part of a finished report, UTF-8."""

    destination: Destination
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportContext:
    """What the reports of a call share."""

    header: CallHeader
    secrets: Secrets
    source_of: Callable[[str], PlanSource]  # a plan's text by its file
    reproduce: Callable[[str, RunReport, int], str]  # the command that shows a failed run again: file, run, seed
    repository_path: Callable[[str], str | None] = lambda file: file  # None for a plan that is in no file
    passing_runs: int | None = None  # how many runs that passed are shown in full; None leaves it to the report


class Report(Protocol):
    """A fold over the events of a call."""

    def tell(self, progress: Progress) -> None:
        """Take in what happened."""

    def outputs(self, broken: str | None = None) -> Sequence[ReportOutput]:
        """The report, asked for once, when the call has ended. ``broken`` says why it came to no end, if it did not."""


class ReportModule(Protocol):
    """What a module of a report defines."""

    def open_report(self, context: ReportContext) -> Report:
        """A report of a call that begins."""

    def refused(
        self, diagnostics: Sequence[Diagnostic], secrets: Secrets, repository_path: Callable[[str], str | None]
    ) -> Sequence[ReportOutput]:
        """The report of a call in which nothing ran, with the reasons. Empty where there is nothing to show."""
