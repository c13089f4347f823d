"""The report for people: a line a plan, the story of every failure, and the counts at the end.

Widths are counted in terminal cells, for which rich knows the tables of Unicode. Control characters
are made visible, so that no text of a plan or of a database can command the terminal."""

from __future__ import annotations

import os
import shutil
import textwrap
from collections.abc import Callable, Mapping
from enum import IntEnum, StrEnum
from typing import Final, TextIO, assert_never
from unicodedata import category

from simdsl.core.clock import real_ns
from simdsl.core.verdicts import AllPlansEnded, PlanEnded, PlanStarted, Progress, RunEnded, RunReport, Verdict
from simdsl.plan.deferred import dataclass
from simdsl.report.context import NOTHING_ASSERTED, CallHeader, PlanSource, Secrets, choice_list, count_noun, params_text

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
