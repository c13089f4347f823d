"""What a failed run shows: which items of its timeline the failure is about, and the panel above the lanes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from simdsl.core.matcher import describe
from simdsl.core.verdicts import Failure, FailureKind, RunReport
from simdsl.plan.plan import Plan
from simdsl.plan.source import Path
from simdsl.plan.steps import Check, SqlStep
from simdsl.report.context import PlanSource
from simdsl.report.failure_text import failure_span
from simdsl.report.html.lanes import LaneGroup
from simdsl.report.html.markup import HtmlText
from simdsl.report.html.timeline import Timeline, TimelineItem, build_timeline
from simdsl.report.row_diff import RowPair, pair_rows, parse_rows, split_cells
from simdsl.rewriting.unroll import step_at
from simdsl.syntax.printer import expression_text


def lane_groups(plan: Plan, reports: Sequence[RunReport]) -> tuple[LaneGroup, ...]:
    """A run, or the runs of two backends, each with the item that failed and those that prove it."""
    failure = next((report.failure for report in reversed(reports) if report.failure is not None), None)
    sides: list[LaneGroup] = []
    timelines = [build_timeline(report.trace, partial(_words, plan)) for report in reports]
    hits = _hits(failure, timelines)
    for report, drawn, hit in zip(reports, timelines, hits, strict=True):
        own = failure is not None and (report.failure is failure or failure.kind is FailureKind.DIFFERENCE)
        hit = hit if own else None
        proof = _proof_finding(failure, drawn, hit) if own and failure is not None else ()
        sides.append(LaneGroup(label=report.backend, timeline=drawn, hit=hit, proof=frozenset(proof)))
    return tuple(sides)


def _words(plan: Plan, path: Path) -> str:
    """What a check or an invariant says."""
    try:
        step = step_at(plan, path)
    except KeyError:  # the trace of another plan
        return ""
    match step:
        case Check(expression=expression):
            return expression_text(expression)
        case SqlStep(sql=sql):
            return sql.text
        case _:
            return ""


def _hits(failure: Failure | None, timelines: Sequence[Timeline]) -> list[int | None]:
    if failure is None or not failure.path:
        return [None] * len(timelines)
    places = [[i for i, item in enumerate(drawn.items) if _is_at(item, failure)] for drawn in timelines]
    if failure.kind is FailureKind.DIFFERENCE and len(timelines) == len(failure.backend_outputs) == 2 and all(places):
        return list(_differing(failure, timelines, places))
    if failure.kind is FailureKind.PROPERTY:
        told = [
            [i for i in there if _is_told(drawn.items[i], failure)] for drawn, there in zip(timelines, places, strict=True)
        ]
        places = [proven[:1] or there for proven, there in zip(told, places, strict=True)]
    return [there[-1] if there else None for there in places]


def _is_at(item: TimelineItem, failure: Failure) -> bool:
    return item.path == failure.path and (failure.task is None or item.task == failure.task)


def _differing(failure: Failure, timelines: Sequence[Timeline], places: list[list[int]]) -> tuple[int, int]:
    """Of the times that a step ran, the one that the failure tells of: what both said, or else the first that differs."""
    ours, theirs = ([(i, _said(drawn.items[i])) for i in there] for drawn, there in zip(timelines, places, strict=True))
    both = [(i, j, left, right) for (i, left), (j, right) in zip(ours, theirs, strict=False)]
    wanted = tuple(said.said for said in failure.backend_outputs)
    exact = [(i, j) for i, j, left, right in both if (left, right) == wanted]
    other = [(i, j) for i, j, left, right in both if left != right]
    return (exact or other or [(places[0][-1], places[1][-1])])[0]


def _said(item: TimelineItem) -> str:
    return item.note if item.outcome is None else ": ".join(describe(item.outcome))


def _proof_finding(failure: Failure, drawn: Timeline, hit: int | None) -> list[int]:
    """The steps that a property's evidence tells: of equal ones the last that is not behind the violation."""
    if failure.kind is not FailureKind.PROPERTY:
        return []
    end = len(drawn.items) if hit is None else hit + 1
    return [i for line in failure.got if (i := evidence_item(line, drawn, end)) is not None]


def evidence_item(line: str, drawn: Timeline, end: int) -> int | None:
    """The item that a line of evidence tells, in front of ``end``: with its very outcome, else one that says the same."""
    known = [(i, item) for i, item in enumerate(drawn.items[:end]) if item.told]
    exact = [i for i, item in known if item.told == line]
    return max(exact or [i for i, item in known if line.startswith(item.told_as)], default=None)


def _is_told(item: TimelineItem, failure: Failure) -> bool:
    return item.told in failure.got or any(line.startswith(item.told_as) for line in failure.got if item.told_as)


def evidence_panel(
    report: RunReport, told: PlanSource, sides: Sequence[LaneGroup], *, key: str, again: str, markup: HtmlText
) -> Iterator[str]:
    """The panel above the lanes of a failed run."""
    assert report.failure is not None
    yield f'<section class=evidence id={key}-evidence tabindex=-1 aria-label="what failed">'
    yield from _failure(report.failure, told, markup)
    if report.failure.kind is FailureKind.PROPERTY:
        yield from _proof(report.failure, sides, key, markup)
    if report.failure.help:
        yield f"<p class=help><b>help</b> {markup.text(report.failure.help)}</p>"
    if any(side.hit is not None for side in sides):
        mark = next(f"{key}-hit{number or ''}" for number, side in enumerate(sides) if side.hit is not None)
        yield f'<p><a class=jump href="#{mark}">jump to the step</a></p>'
    for consequence in report.consequences:
        yield "<h4>after that, in consequence</h4>"
        yield from _failure(consequence, told, markup)
    yield f"<p class=again><b>reproduce</b> <code>{markup.text(again)}</code> <button class=copy>copy</button></p></section>"


def _failure(failure: Failure, told: PlanSource, markup: HtmlText) -> Iterator[str]:
    kind = str(failure.kind).replace("_", " ")
    yield f"<h3><span class=kind>{kind}</span> {markup.text(failure.message)}</h3>"
    yield from _place(failure, told, markup)
    if failure.arguments:
        values = ", ".join(f"${name} = {value}" for name, value in failure.arguments)
        yield f"<p><b>with</b> <code>{markup.text(values)}</code></p>"
    if failure.kind is FailureKind.DIFFERENCE:
        yield from _beside(failure, markup)
    elif failure.kind is not FailureKind.PROPERTY and (failure.expected or failure.got):
        yield from _compared(failure, markup)


def _place(failure: Failure, told: PlanSource, markup: HtmlText) -> Iterator[str]:
    where = failure_span(failure, told)
    if where is None:
        yield f"<p class=faint>{markup.text(told.file)}</p>"
        return
    span, line = where
    start, end = span.column - 1, span.column - 1 + span.length
    override = f", for {failure.override}" if failure.override is not None else ""
    yield f"<p class=faint>{markup.text(told.file)}:{span.line}:{span.column}{markup.text(override)}</p>"
    shown = f"{markup.text(line[:start])}<mark>{markup.text(line[start:end])}</mark>{markup.text(line[end:])}"
    yield f"<pre class=source><span class=faint>{span.line}</span>  {shown}</pre>"


def _compared(failure: Failure, markup: HtmlText) -> Iterator[str]:
    """Expected and got: a table where both are rows, else line by line."""
    pairs = _pairs(failure)
    if pairs is None:
        yield "<div class=two>"
        for name, lines in (("expected", failure.expected), ("got", failure.got)):
            if lines or name == "got":
                text = "\n".join(map(markup.text, lines)) or "nothing"
                yield f"<div class={name}><b>{name}</b><pre>{text}</pre></div>"
        yield "</div>"
        return
    yield "<table class=compared><tr><th><th>expected<th>got"
    for pair in pairs:
        sign = "=" if pair.is_same else "≠"
        kind = "same" if pair.is_same else "differs"
        expected, got = _row(pair.expected, pair.got, markup), _row(pair.got, pair.expected, markup)
        yield f"<tr class={kind}><th>{sign}<td>{expected}<td>{got}"
    yield "</table>"


def _pairs(failure: Failure) -> list[RowPair] | None:
    values: Mapping[str, str] = dict(failure.arguments)
    left = parse_rows(failure.expected[0]) if len(failure.expected) == 1 else None
    right = [split_cells(line) for line in failure.got]
    whole = [row for row in right if row is not None]
    if left is None or len(whole) < len(right):
        return None
    known = [tuple(values.get(cell[1:], cell) if cell.startswith("$") else cell for cell in row) for row in left]
    return pair_rows(known, whole)


def _row(row: tuple[str, ...] | None, other: tuple[str, ...] | None, markup: HtmlText) -> str:
    if row is None:
        return "<span class=faint>no such row</span>"
    cells = [
        markup.text(cell) if other is None or (i < len(other) and other[i] == cell) else f"<mark>{markup.text(cell)}</mark>"
        for i, cell in enumerate(row)
    ]
    return f"<code>({', '.join(cells)})</code>"


def _beside(failure: Failure, markup: HtmlText) -> Iterator[str]:
    """What each backend said, what the plan expects if one missed it, and what was sent, once if it is the same."""
    sent = list(dict.fromkeys(said.sent for said in failure.backend_outputs if said.sent is not None))
    yield "<table class=beside>"
    if failure.expected:
        yield f"<tr><th>expected<td>{markup.code(', '.join(failure.expected))}"
    for said in failure.backend_outputs:
        yield f"<tr class=differs><th>{markup.text(said.backend)}<td>{markup.code(said.said)}"
    if len(sent) == 1:
        yield f"<tr><th>sent<td>{markup.code(sent[0])}"
    elif sent:
        for said in failure.backend_outputs:
            yield f"<tr><th>sent to {markup.text(said.backend)}<td>{markup.code(said.sent or 'nothing')}"
    yield "</table>"


def _proof(failure: Failure, sides: Sequence[LaneGroup], key: str, markup: HtmlText) -> Iterator[str]:
    """The steps that prove it, each with the way to its place in the lanes."""
    yield "<b>what proves it</b><ol class=proof-list>"
    for line in failure.got:
        found = (evidence_item(line, side.timeline, max(side.proof) + 1) for side in sides if side.proof)
        at = next((place for place in found if place is not None), None)
        text = f"<code>{markup.text(line)}</code>"
        yield f"<li>{text}" if at is None else f'<li><a href="#{key}-{at + 1}">{text}</a>'
    yield "</ol>"
