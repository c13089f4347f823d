"""What a failed run says for itself: what broke, where, expected and got, and the command that shows it again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from simdsl.core.verdicts import Failure, FailureKind, RunReport
from simdsl.report.failures import span_of
from simdsl.report.html.finding import place_of
from simdsl.report.html.lanes import Side
from simdsl.report.html.markup import Markup
from simdsl.report.rows import Pair, pairs_of, rows_of, split_cells
from simdsl.report.told import Told


def panel(report: RunReport, told: Told, sides: Sequence[Side], *, key: str, again: str, markup: Markup) -> Iterator[str]:
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


def _failure(failure: Failure, told: Told, markup: Markup) -> Iterator[str]:
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


def _place(failure: Failure, told: Told, markup: Markup) -> Iterator[str]:
    where = span_of(failure, told)
    if where is None:
        yield f"<p class=faint>{markup.text(told.file)}</p>"
        return
    span, line = where
    start, end = span.column - 1, span.column - 1 + span.length
    override = f", for {failure.override}" if failure.override is not None else ""
    yield f"<p class=faint>{markup.text(told.file)}:{span.line}:{span.column}{markup.text(override)}</p>"
    shown = f"{markup.text(line[:start])}<mark>{markup.text(line[start:end])}</mark>{markup.text(line[end:])}"
    yield f"<pre class=source><span class=faint>{span.line}</span>  {shown}</pre>"


def _compared(failure: Failure, markup: Markup) -> Iterator[str]:
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


def _pairs(failure: Failure) -> list[Pair] | None:
    values: Mapping[str, str] = dict(failure.arguments)
    left = rows_of(failure.expected[0]) if len(failure.expected) == 1 else None
    right = [split_cells(line) for line in failure.got]
    whole = [row for row in right if row is not None]
    if left is None or len(whole) < len(right):
        return None
    known = [tuple(values.get(cell[1:], cell) if cell.startswith("$") else cell for cell in row) for row in left]
    return pairs_of(known, whole)


def _row(row: tuple[str, ...] | None, other: tuple[str, ...] | None, markup: Markup) -> str:
    if row is None:
        return "<span class=faint>no such row</span>"
    cells = [
        markup.text(cell) if other is None or (i < len(other) and other[i] == cell) else f"<mark>{markup.text(cell)}</mark>"
        for i, cell in enumerate(row)
    ]
    return f"<code>({', '.join(cells)})</code>"


def _beside(failure: Failure, markup: Markup) -> Iterator[str]:
    """What each backend said, what the plan expects if one missed it, and what was sent, once if it is the same."""
    sent = list(dict.fromkeys(said.sent for said in failure.beside if said.sent is not None))
    yield "<table class=beside>"
    if failure.expected:
        yield f"<tr><th>expected<td>{markup.code(', '.join(failure.expected))}"
    for said in failure.beside:
        yield f"<tr class=differs><th>{markup.text(said.backend)}<td>{markup.code(said.said)}"
    if len(sent) == 1:
        yield f"<tr><th>sent<td>{markup.code(sent[0])}"
    elif sent:
        for said in failure.beside:
            yield f"<tr><th>sent to {markup.text(said.backend)}<td>{markup.code(said.sent or 'nothing')}"
    yield "</table>"


def _proof(failure: Failure, sides: Sequence[Side], key: str, markup: Markup) -> Iterator[str]:
    """The steps that prove it, each with the way to its place in the lanes."""
    yield "<b>what proves it</b><ol class=proof-list>"
    for line in failure.got:
        found = (place_of(line, side.timeline, max(side.proof) + 1) for side in sides if side.proof)
        at = next((place for place in found if place is not None), None)
        text = f"<code>{markup.text(line)}</code>"
        yield f"<li>{text}" if at is None else f'<li><a href="#{key}-{at + 1}">{text}</a>'
    yield "</ol>"
