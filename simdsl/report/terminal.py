"""The report for people: a line a plan, the story of every failure, and the counts at the end."""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from typing import Final, TextIO, assert_never

from simdsl.core.clock import real_ns
from simdsl.core.verdicts import AllPlansEnded, PlanEnded, PlanStarted, Progress, RunEnded, RunReport, Verdict
from simdsl.report.context import NOTHING_ASSERTED, CallHeader, PlanSource, Secrets, choice_list, count_noun, params_text
from simdsl.report.screen import Screen, Style, fit, visible

# Ten times a second is what eyes take for motion; more would cost a terminal more than the runs.
PROGRESS_EVERY_NS: Final = 100_000_000


_STYLES: Final = {
    Verdict.PASS: Style.GOOD,
    Verdict.FAIL: Style.ERROR,
    Verdict.SKIP: Style.FAINT,
    Verdict.WARN: Style.WARNING,
}


class Verbosity(IntEnum):
    """How much is told: ``-q``, nothing, ``-v``, ``-vv``."""

    QUIET = 0  # failures, warnings and the counts
    PLANS = 1  # a line a plan
    RUNS = 2  # a line a run
    STEPS = 3  # the steps of every run


class TerminalReport:
    """Writes the report as it is told what happens."""

    def __init__(
        self,
        out: TextIO,
        screen: Screen,
        *,
        detail: Verbosity,
        stories: bool = True,
        secrets: Secrets,
        told: Callable[[str], PlanSource],
        reproduce: Callable[[str, RunReport, int], str],
    ) -> None:
        """``told`` finds a plan's text by its file; ``reproduce`` gives the command that shows a failed run again.

        Without ``stories`` failures are counted and not told: somebody else says what became of them.
        """
        self._out = out
        self._screen = screen
        self._detail = detail
        self._stories = stories
        self._secrets = secrets
        self._told = told
        self._reproduce = reproduce
        self._call: CallHeader | None = None
        self._current: PlanStarted | None = None
        self._plans = self._runs = 0
        self._drawn_ns = 0
        self._drawn = False

    def start(self, call: CallHeader) -> None:
        """The seed comes first: whatever happens later can be repeated with it."""
        self._call = call
        self._say(f"seed {call.seed}, backend {call.backend}")

    def tell(self, progress: Progress) -> None:
        """Report what happened."""
        match progress:
            case PlanStarted():
                self._current = progress
                self._draw()
            case RunEnded(report=report):
                self._runs += 1
                self._run(report)
                self._draw()
            case PlanEnded():
                self._plans += 1
                self._plan(progress)
            case AllPlansEnded():
                self._end(progress)
            case _:
                assert_never(progress)

    def note(self, text: str) -> None:
        """A line that no event stands for, such as where a file was written."""
        self._say(self._screen.wrap(visible(text), rest="  "))

    def _run(self, report: RunReport) -> None:
        if self._detail < Verbosity.RUNS:
            return
        facts = [f"run {report.run}"]
        if report.params:
            facts.append(params_text(report.params))
        if report.choices:
            facts.append(choice_list(report.choices))
        facts += [f"digest {report.digest}", count_noun(report.assertions, "assertion")]
        if report.raced:
            facts.append("raced")
        verdict = self._screen.paint(_STYLES[report.verdict], str(report.verdict))
        self._say(f"  {verdict} {self._screen.wrap(visible(', '.join(facts)), rest='       ')}")
        if self._detail >= Verbosity.STEPS and report.failure is None:
            from simdsl.report import transcript  # only -vv needs it

            told = transcript.transcript(report.trace, setup=True)
            for line in transcript.render_transcript(told, self._screen, ends=None, indent=4):
                self._say(line)

    def _plan(self, ended: PlanEnded) -> None:
        if self._detail > Verbosity.QUIET or ended.verdict in (Verdict.FAIL, Verdict.WARN):
            self._say(self._plan_line(ended))
            for warning in ended.warnings:
                self._say(self._screen.wrap(visible(warning), first="     ", rest="     "))
        if self._stories and ended.failed is not None and ended.failed.failure is not None:
            self._failure(ended, ended.failed)

    def _plan_line(self, ended: PlanEnded) -> str:
        if ended.verdict is Verdict.SKIP:
            facts = ended.reason or "skipped"
        else:
            runs = f"{count_noun(ended.runs, 'run')}, " if ended.runs != 1 else ""
            facts = f"{runs}{count_noun(ended.assertions, 'assertion')}"
        ink = _STYLES[ended.verdict]
        text = self._screen.wrap(f"{visible(ended.file)} ({visible(facts)})", first="     ", rest="       ").lstrip()
        return f"{self._screen.paint(ink, str(ended.verdict))} {text}"

    def _failure(self, ended: PlanEnded, report: RunReport) -> None:
        from simdsl.report import failure_text  # most calls have no story to tell

        told = self._told(ended.file)
        self._say("")
        assert report.failure is not None
        for line in failure_text.render_failure(report, report.failure, told, self._screen):
            self._say(line)
        self._say("")
        # Never wrapped: it is there to be copied.
        self._say(f"reproduce: {self._reproduce(ended.file, report, ended.seed)}")
        self._say("")

    def _end(self, ended: AllPlansEnded) -> None:
        counts = ", ".join(
            (f"{ended.passed} passed", f"{ended.failed} failed", f"{ended.skipped} skipped", f"{ended.warned} warned")
        )
        done = f"{count_noun(ended.runs, 'run')}, {count_noun(ended.assertions, 'assertion')}"
        text = f"{count_noun(ended.plans, 'plan')}: {counts}; {done}"
        if ended.interrupted:
            text = f"interrupted after {text}"
        # Green only if something was asserted: a run without assertions must not look like success.
        if ended.failed:
            ink = Style.ERROR
        elif ended.warned or ended.interrupted or not ended.assertions:
            ink = Style.WARNING
        else:
            ink = Style.GOOD
        self._say(self._screen.paint(ink, self._screen.wrap(text, rest="  ")))
        if not ended.assertions and not ended.failed and not ended.interrupted:
            self._say(self._screen.wrap(NOTHING_ASSERTED, rest="  "))

    def _draw(self) -> None:
        """The progress line, at most ten times a second."""
        # A pipe or a CI log keeps every line for ever, so progress is for live screens only.
        if not self._screen.live or self._call is None or self._current is None:
            return
        now_ns = real_ns()
        if now_ns - self._drawn_ns < PROGRESS_EVERY_NS:
            return
        self._drawn_ns = now_ns
        text = f"{self._plans}/{self._call.plans} plans, {self._runs:,} runs  {self._current.file}"
        self._out.write(f"\r\x1b[K{self._screen.paint(Style.FAINT, fit(text, self._screen.width - 1))}")
        self._out.flush()
        self._drawn = True

    def _say(self, line: str) -> None:
        # The progress line has no line break, so that the next line can replace it.
        if self._drawn:
            self._out.write("\r\x1b[K")
            self._drawn = False
        self._out.write(self._secrets.hide(line) + "\n")
        self._out.flush()
