"""What a run did, in order: the steps as a transcript, and who still waits at the end."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from simdsl.core.matcher import describe
from simdsl.core.trace import (
    BlockReason,
    CheckEvaluated,
    ClockAdvanced,
    InvariantEvaluated,
    RaceDetected,
    SessionRolledBack,
    StepCompleted,
    TaskBlocked,
    TraceEvent,
)
from simdsl.plan.deferred import dataclass, lazy_regex
from simdsl.plan.outcomes import Failed, Outcome, Rows
from simdsl.plan.values import literal
from simdsl.report.screen import Screen, Style, fit, pad
from simdsl.syntax.printer import duration_text

# How many lines of a long history are shown at its beginning and at its end.
ENDS: Final = 6


_WIDEST_TASK: Final = 12


_COMFORTABLE: Final = 100


_VARIABLE: Final = lazy_regex(r"'(?:[^']|'')*'|\"[^\"]*\"|\$([a-z_][a-z0-9_]*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class TranscriptLine:
    """One line of the transcript. ``number`` counts the steps; what is no step has none."""

    number: int | None
    task: str
    what: str
    result: str
    bad: bool = False


def transcript(events: Iterable[TraceEvent], *, setup: bool = False) -> list[TranscriptLine]:
    """The transcript of a trace, without the steps of ``setup:`` unless they are asked for."""
    found: list[TranscriptLine] = []
    number = 0
    for event in events:
        if isinstance(event, (StepCompleted, TaskBlocked, CheckEvaluated)) and event.path[:1] == ("setup",) and not setup:
            continue
        if isinstance(event, (StepCompleted, CheckEvaluated)):
            number += 1
        entry = _entry(event, number)
        if entry is not None:
            found.append(entry)
    return found


def render_transcript(
    history: Sequence[TranscriptLine], screen: Screen, *, ends: int | None = ENDS, indent: int = 3
) -> list[str]:
    """The transcript in aligned columns; of a long one the first and the last ``ends`` lines."""
    # One line more than head and tail is shown whole: to replace it by a line of dots would save nothing.
    if ends is not None and len(history) > 2 * ends + 1:
        head, tail = history[:ends], history[-ends:]
        left_out = len(history) - 2 * ends
        cut = f"{' ' * indent}... {left_out} more"
        widths = _widths([*head, *tail], screen, indent)
        return [*_lines(head, widths, screen, indent), cut, *_lines(tail, widths, screen, indent)]
    return _lines(history, _widths(history, screen, indent), screen, indent)


def brief_outcome(outcome: Outcome) -> str:
    """An outcome in a few words."""
    match outcome:
        case Rows(rows=[], columns=_):
            return "empty"
        case Failed(error_class=error_class):
            return f"error {error_class}"
        case _:  # every other outcome reads as the plan language writes it
            return ", ".join(describe(outcome))


def statement_with_values(step: StepCompleted) -> str:
    """The statement with the values of its variables in their places, which reads better than two lists."""
    values = dict(zip(step.names, map(literal, step.arguments), strict=False))
    if not values:
        return step.what
    return _VARIABLE.sub(lambda match: values.get(match[1], match[0]) if match[1] else match[0], step.what)


def _entry(event: TraceEvent, number: int) -> TranscriptLine | None:
    match event:
        case StepCompleted():
            failed = isinstance(event.outcome, Failed) and not event.has_expectation
            return TranscriptLine(
                number=number,
                task=event.task,
                what=statement_with_values(event),
                result=brief_outcome(event.outcome),
                bad=failed,
            )
        case TaskBlocked(wait=BlockReason.SLEEP | BlockReason.RETRY):
            return TranscriptLine(number=None, task=event.task, what=event.what, result=_until(event, "sleeps"))
        case TaskBlocked():
            waits = f"waits for {', '.join(event.blockers) or 'the ' + event.wait}"
            return TranscriptLine(number=None, task=event.task, what=event.what, result=_until(event, waits))
        case CheckEvaluated():
            result = "holds" if event.held else "does not hold"
            return TranscriptLine(number=number, task=event.task or "", what="check", result=result, bad=not event.held)
        case InvariantEvaluated(held=False):
            return TranscriptLine(number=None, task="", what="invariant", result=brief_outcome(event.outcome), bad=True)
        case ClockAdvanced():
            return TranscriptLine(
                number=None, task="", what=f"(virtual clock advances to {duration_text(event.now_us)})", result=""
            )
        case SessionRolledBack():
            return TranscriptLine(number=None, task=event.task, what=f"(rolled back: {event.why})", result="")
        case RaceDetected():
            return TranscriptLine(number=None, task=", ".join(event.tasks), what="(raced: the engine chose)", result="")
        case _:  # choices, pool movements and invariants that hold would hide the steps
            return None


def _until(event: TaskBlocked, waits: str) -> str:
    return waits if event.until_us is None else f"{waits}, until {duration_text(event.until_us)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Widths:
    number: int
    task: int
    what: int
    result: int


def _widths(history: Sequence[TranscriptLine], screen: Screen, indent: int) -> _Widths:
    number = max((len(str(entry.number)) for entry in history if entry.number is not None), default=1)
    task = min(_WIDEST_TASK, max((len(entry.task) for entry in history), default=0))
    # Results beyond a hundred columns would stand too far from their statements to be read together.
    room = min(screen.width, _COMFORTABLE) - indent - number - task - 4
    wanted_what = max((len(_line(entry.what)) for entry in history), default=0)
    wanted_result = max((len(_line(entry.result)) for entry in history), default=0)
    # The statement gives way first: what came is why the line is read.
    result = min(wanted_result, max(room - wanted_what, room * 2 // 5))
    return _Widths(number=number, task=task, what=min(wanted_what, room - result), result=result)


def _lines(history: Sequence[TranscriptLine], widths: _Widths, screen: Screen, indent: int) -> list[str]:
    lines: list[str] = []
    for entry in history:
        number = "" if entry.number is None else str(entry.number)
        result = fit(_line(entry.result), widths.result)
        line = (
            f"{' ' * indent}{number:>{widths.number}} {pad(fit(entry.task, widths.task), widths.task)} "
            f"{pad(fit(_line(entry.what), widths.what), widths.what)}  "
        )
        lines.append(line + screen.paint(Style.ERROR, result) if entry.bad else (line + result).rstrip())
    return lines


def _line(text: str) -> str:
    return " ".join(text.split())
