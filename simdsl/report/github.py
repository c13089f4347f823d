"""A run in GitHub Actions: annotations where a plan failed, and the summary of the job.

GitHub reads annotations from the log (its manual, "Workflow commands for GitHub Actions") and shows ten of a kind for each
step; the summary is Markdown that a step appends to a file, one MiB at most.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Final, assert_never

from simdsl.core.verdicts import AllPlansEnded, Failure, PlanEnded, PlanStarted, Progress, RunEnded, Verdict
from simdsl.plan.diagnostics import Diagnostic, SourceSpan
from simdsl.report.context import Destination, Report, ReportContext, ReportOutput, Secrets
from simdsl.report.diagnostics import diagnostic_annotation, escape_command_data, escape_command_property
from simdsl.report.failure_text import failure_span
from simdsl.report.screen import visible

# The most that one call appends to the summary, in bytes: GitHub takes a MiB of a whole step.
SUMMARY_SIZE: Final = 900_000

_LONGEST: Final = 300
_LINES: Final = 20


class GitHubReport:
    """Folds a call into the lines of its annotations, and into its part of the summary."""

    def __init__(self, context: ReportContext) -> None:
        self._context = context
        self._annotations: list[str] = []
        self._failed: list[tuple[PlanEnded, str]] = []
        self._counts = dict.fromkeys(Verdict, 0)
        self._running: PlanStarted | None = None

    def tell(self, progress: Progress) -> None:
        """Take in what happened."""
        match progress:
            case PlanStarted():
                self._running = progress
            case PlanEnded():
                self._running = None
                self._ended(progress)
            case RunEnded() | AllPlansEnded():
                pass
            case _:
                assert_never(progress)

    def outputs(self, broken: str | None = None) -> Sequence[ReportOutput]:
        """The annotations for the log, and the part of the summary."""
        return [
            ReportOutput(Destination.LOG, self.annotations(broken).encode()),
            ReportOutput(Destination.SUMMARY, self.summary(broken).encode("utf-8", "backslashreplace")),
        ]

    def annotations(self, broken: str | None = None) -> str:
        """The workflow commands in a group of their own, which the log shows folded; empty if there is nothing to say.

        ``broken`` says why the call came to no end.
        """
        # The call's own diagnosis comes last, since it is what keeps the other annotations from being complete.
        lines = list(self._annotations)
        if broken is not None:
            file = self._context.repository_path(self._running.file) if self._running is not None else None
            lines.append(annotation("error", broken, title="simdsl", file=file))
        return grouped(list(map(self._context.secrets.hide, lines)))

    def summary(self, broken: str | None = None) -> str:
        """Markdown: the counts, and of each plan that failed what it is and how to show it again."""
        total = sum(self._counts.values())
        counts = ", ".join(f"{number} {verdict}" for verdict, number in self._counts.items() if number) or "nothing ran"
        parts = [f"### simdsl: {total} {'plan' if total == 1 else 'plans'}, {counts}\n"]
        if broken is not None:
            parts.append(f"\n**{self._markdown(broken)}**\n")
        if self._failed:
            parts.append("\n| plan | where | what |\n|---|---|---|\n")
            # Half of the room for the table and half for the commands, so that neither crowds the other out.
            parts += self._bounded([self._line(ended) for ended, _ in self._failed], SUMMARY_SIZE // 2)
            parts.append("\n<details><summary>how to reproduce</summary>\n\n")
            commands = [f"{_fenced(self._context.secrets.hide(again))}\n" for _, again in self._failed]
            parts += self._bounded(commands, SUMMARY_SIZE // 2)
            parts.append("</details>\n")
        return "".join([*parts, "\n"])

    def _ended(self, ended: PlanEnded) -> None:
        self._counts[ended.verdict] += 1
        file = self._context.repository_path(ended.file)
        if ended.verdict is Verdict.WARN and ended.warnings:
            text = "\n".join(ended.warnings)
            self._annotations.append(annotation("warning", text, title=f"simdsl {ended.plan.name}", file=file))
        report = ended.failed
        if report is None or report.failure is None:
            return
        failure = report.failure
        again = self._context.reproduce(ended.file, report, ended.seed)
        self._failed.append((ended, again))
        where = failure_span(failure, self._context.source_of(ended.file))
        span = where[0] if where is not None else None
        title = f"simdsl {ended.plan.name}: {failure.kind.label}"
        text = "\n".join([*_told_lines(failure), f"reproduce: {again}"])
        self._annotations.append(annotation("error", text, title=title, file=file, span=span))

    def _line(self, ended: PlanEnded) -> str:
        report = ended.failed
        assert report is not None
        assert report.failure is not None
        where = failure_span(report.failure, self._context.source_of(ended.file))
        file = self._context.repository_path(ended.file) or ended.file
        place = f"{file}:{where[0].line}" if where is not None else file
        kind = report.failure.kind.label
        what = f"**{kind}**: {self._markdown(report.failure.message)} ({self._markdown(report.backend)})"
        return f"| {self._markdown(ended.plan.name)} | {self._markdown(place)} | {what} |\n"

    def _markdown(self, text: str) -> str:
        return markdown(self._context.secrets.hide(text[: _LONGEST * 10]))

    def _bounded(self, lines: Sequence[str], size: int) -> Iterator[str]:
        """As many as there is room for, and how many are left out."""
        used = 0
        for number, line in enumerate(lines):
            used += len(line.encode())
            if used > size:
                yield f"\n{len(lines) - number:,} more are left out\n"
                return
            yield line


def open_report(context: ReportContext) -> Report:
    """See ``protocol.ReportModule``."""
    return GitHubReport(context)


def refused(
    diagnostics: Sequence[Diagnostic], secrets: Secrets, repository_path: Callable[[str], str | None]
) -> Sequence[ReportOutput]:
    """The annotations of plans that could not be read."""
    placed = [replace(one, file=repository_path(one.file) or one.file) for one in diagnostics]
    lines = grouped([secrets.hide(diagnostic_annotation(one)) for one in placed])
    return [ReportOutput(Destination.LOG, lines.encode())]


def annotation(level: str, text: str, *, title: str, file: str | None = None, span: SourceSpan | None = None) -> str:
    """One workflow command."""
    properties = [] if file is None else [f"file={escape_command_property(file)}"]
    if span is not None and file is not None:
        properties += [f"line={span.line}", f"col={span.column}", f"endColumn={span.column + span.length}"]
    properties.append(f"title={escape_command_property(visible(title))}")
    return f"::{level} {','.join(properties)}::{escape_command_data(text)}"


def grouped(lines: Sequence[str]) -> str:
    """The lines in a group, or nothing where there are none."""
    if not lines:
        return ""
    noun = "annotation" if len(lines) == 1 else "annotations"
    return "\n".join([f"::group::simdsl: {len(lines)} {noun}", *lines, "::endgroup::"]) + "\n"


def markdown(text: str) -> str:
    """Text in a cell of a table that no Markdown and no HTML reads as its own: marks become character references."""
    return re.sub(r"[^\w\s,.;=/-]|_", lambda mark: f"&#{ord(mark[0])};", visible(text))


def _told_lines(failure: Failure) -> list[str]:
    lines = [failure.message]
    lines += [f"expected: {line}" for line in failure.expected]
    lines += [f"got: {line}" for line in failure.got]
    lines += [f"{said.backend}: {said.said}" for said in failure.backend_outputs]
    lines = [line if len(line) <= _LONGEST else f"{line[:_LONGEST]} …" for line in lines]
    more = len(lines) - _LINES
    return [*lines[:_LINES], f"… {more:,} more lines"] if more > 0 else lines


def _fenced(text: str) -> str:
    """A block of code, whatever back quotes are in it."""
    # A fence must be longer than any run of back quotes inside it (CommonMark, 4.5).
    longest = max((len(found) for found in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}sh\n{text}\n{fence}\n"
