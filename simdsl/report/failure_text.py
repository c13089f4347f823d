"""A failed run as a person reads it: what broke, where, what was expected, what came, and how it came to that."""

from __future__ import annotations

from collections.abc import Mapping

from simdsl.core.trace import TaskBlocked, Trace
from simdsl.core.verdicts import Failure, FailureKind, RunReport
from simdsl.language.step_source import step_source
from simdsl.plan.source import Location, Path, SourceSpan
from simdsl.report import transcript
from simdsl.report.context import PlanSource, choice_list, params_text
from simdsl.report.diagnostics import gutter_width, place_lines
from simdsl.report.row_diff import compare_rows
from simdsl.report.screen import Screen, Style, fit, visible


def render_failure(report: RunReport, failure: Failure, source: PlanSource, screen: Screen) -> list[str]:
    """The whole story of a failed run, without the line that reproduces it."""
    lines = [*_head(failure, source, screen), *_run(report, screen), *_values(failure, report, screen)]
    if failure.kind is FailureKind.DEADLOCK:
        lines += _waiting(failure, report.trace, screen)
    else:
        lines += _difference(failure, screen)
    if failure.help:
        lines.append(screen.wrap(visible(failure.help), first="   help: ", rest="         "))
    lines += _history(report, failure, screen)
    for consequence in report.consequences:
        lines.append("")
        lines.append(screen.wrap(f"as a consequence: {visible(consequence.message)}", rest="  "))
        lines += _place(consequence, source, screen)
        lines += _difference(consequence, screen)
    return lines


def failure_span(failure: Failure, source: PlanSource) -> tuple[SourceSpan, str] | None:
    """Where the caret goes, and the text of that line: the expectation that was missed, else the whole step."""
    document = source.document
    if document is None or not failure.path:
        return None
    line = step_source(document, source.plan, failure.path, failure.override)
    span = document.locate(line.at if line is not None else Location(path=failure.path))
    return (span, document.source.line(span.line)) if span is not None else None


def _head(failure: Failure, source: PlanSource, screen: Screen) -> list[str]:
    label = failure.kind.label
    text = screen.wrap(visible(failure.message), first=f"{label}: ", rest="  ")
    return [
        screen.paint(Style.ERROR, label) + screen.paint(Style.STRONG, text[len(label) :]),
        *_place(failure, source, screen),
    ]


def _place(failure: Failure, source: PlanSource, screen: Screen) -> list[str]:
    where = failure_span(failure, source)
    span, line = where if where is not None else (None, "")
    lines = place_lines(source.file, span, line, screen)
    if failure.override is not None and span is not None:
        lines.append(f"{' ' * gutter_width(span)} = for {failure.override}")
    return lines


def _run(report: RunReport, screen: Screen) -> list[str]:
    words = [f"run {report.run} on {report.backend}"]
    if report.params:
        words.append(f"params {params_text(report.params)}")
    if report.choices:
        words.append(f"schedule {choice_list(report.choices)}")
    return [screen.wrap(visible(", ".join(words)), first="   in ", rest="      ")]


def _values(failure: Failure, report: RunReport, screen: Screen) -> list[str]:
    given = {param.name for param in report.params}
    shown = [f"${name} = {value}" for name, value in failure.arguments if name not in given]
    return [screen.wrap(visible(", ".join(shown)), first="   with ", rest="        ")] if shown else []


def _difference(failure: Failure, screen: Screen) -> list[str]:
    values: Mapping[str, str] = dict(failure.arguments)
    match failure.kind:
        case FailureKind.DEADLOCK | FailureKind.STUCK | FailureKind.CHECK:
            return [f"   {fit(line, screen.width - 3)}" for line in failure.got]
        case FailureKind.DIFFERENCE:
            return _beside(failure, screen)
        case FailureKind.PROPERTY:
            proof = [screen.wrap(visible(line), first="     ", rest="       ") for line in failure.got]
            return ["   evidence", *proof]
        case _:
            return (
                compare_rows(failure.expected, failure.got, screen, values)
                if failure.expected or failure.got
                else []
            )


def _beside(failure: Failure, screen: Screen) -> list[str]:
    """What the plan expects if one missed it, what each backend said, and what was sent, once if it is the same."""
    width = max((len(said.backend) for said in failure.backend_outputs), default=0)
    width = max(width, len("expected") if failure.expected else len("sent"))

    def line(label: str, text: str) -> str:
        return screen.wrap(visible(text), first=f"   {label:<{width}}  ", rest=" " * (width + 5))

    lines = [line("expected", ", ".join(failure.expected))] if failure.expected else []
    lines += [line(said.backend, said.said) for said in failure.backend_outputs]
    sent = list(dict.fromkeys(said.sent for said in failure.backend_outputs if said.sent is not None))
    if len(sent) == 1:
        lines.append(line("sent", sent[0]))
    elif sent:
        lines.append("   was sent")
        lines += [line(said.backend, said.sent if said.sent is not None else "nothing") for said in failure.backend_outputs]
    return lines


def _waiting(failure: Failure, trace: Trace, screen: Screen) -> list[str]:
    """Who waits for whom, and with which statement."""
    parked: dict[str, str] = {}
    for event in trace:
        if isinstance(event, TaskBlocked):
            parked[event.task] = event.what
    lines: list[str] = []
    for line in failure.got:
        statement = parked.get(line.partition(" waits for ")[0])
        lines.append(f"   {fit(f'{line}: {statement}' if statement else line, screen.width - 3)}")
    return lines


def _history(report: RunReport, failure: Failure, screen: Screen) -> list[str]:
    in_setup = failure.kind is FailureKind.SETUP or _is_setup(failure.path)
    lines = transcript.transcript(report.trace, setup=in_setup)
    if not lines:
        return []
    return [screen.paint(Style.FAINT, "   steps so far"), *transcript.render_transcript(lines, screen)]


def _is_setup(path: Path) -> bool:
    return path[:1] == ("setup",)
