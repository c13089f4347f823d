"""A run, or the runs of two backends side by side, as a grid of lanes.

The rows are cut into chunks: a browser lays out only those that are seen (CSS ``content-visibility``), so that ten
thousand steps are readable. A place in the grid is a class, since the page allows no style attributes: ``f`` is the
column where something begins, ``u`` the one in front of which it ends, ``a`` and ``z`` the same of rows, ``t`` the task.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from simdsl.plan.dataclasses import dataclass
from simdsl.report.html.align import Row, rows_of
from simdsl.report.html.markup import Markup
from simdsl.report.html.timeline import Extent, Item, Kind, Span, Timeline

CHUNK: Final = 50
"""Rows that are laid out together."""

_TENTH: Final = CHUNK // 10

_LINE_PX: Final = 38
"""How high a row is taken to be before it is laid out."""

_SAYS: Final = {
    Extent.LOCK: "waits for a lock",
    Extent.POOL: "waits for a connection",
    Extent.SLEEP: "sleeps",
    Extent.TRANSACTION: "is in a transaction",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One backend's run. ``hit`` is the item that failed, ``proof`` are those that prove it."""

    label: str
    timeline: Timeline
    hit: int | None = None
    proof: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Lanes:
    """One or two sides over the same tasks."""

    key: str  # of the run within the page
    sides: Sequence[Side]
    tasks: Sequence[str]
    markup: Markup

    @property
    def columns(self) -> int:
        """How many lanes there are, all sides together."""
        return max(1, len(self.tasks)) * len(self.sides)

    def render(self) -> Iterator[str]:
        """The grid with its head."""
        drawing = _Drawing(self, rows_of([side.timeline for side in self.sides]))
        kind = "pair" if len(self.sides) > 1 else "one"
        yield f'<div class="pane n{self.columns} {kind}" tabindex=0 data-lanes={self.columns}>'
        yield from self._head()
        for first in range(0, len(drawing.rows), CHUNK):
            yield drawing.chunk(first)
        yield "</div>"

    def _head(self) -> Iterator[str]:
        yield '<div class="head k">'
        if len(self.sides) > 1:
            for number, side in enumerate(self.sides):
                first, end = self.extent(number)
                yield f'<b class="side f{first} u{end} a1">{self.markup.text(side.label)}</b>'
        for number in range(len(self.sides)):
            for index, task in enumerate(self.tasks):
                name = self.markup.text(task)
                column = self.extent(number)[0] + index
                edge = " edge" if number and not index else ""
                yield f'<b class="lane f{column} a2 t{index}{edge}"><i class=dot></i>{name}</b>'
        yield "</div>"

    def extent(self, side: int) -> tuple[int, int]:
        """The first column of a side, and the one behind it; the first column of all holds the numbers."""
        width = max(1, len(self.tasks))
        return 2 + side * width, 2 + (side + 1) * width


class _Drawing:
    """Draws chunk after chunk; what lasts is cut where a chunk ends, and goes on in the next."""

    def __init__(self, lanes: Lanes, rows: list[Row]) -> None:
        self.lanes = lanes
        self.rows = rows
        self._index = {task: index for index, task in enumerate(lanes.tasks)}
        self._at: list[Mapping[int, int]] = [
            {index: at for at, row in enumerate(rows) if (index := row[side]) is not None}
            for side in range(len(lanes.sides))
        ]
        self._bars: dict[int, list[str]] = {}
        for number, side in enumerate(lanes.sides):
            for span in side.timeline.spans:
                self._bar(number, span)

    def chunk(self, first: int) -> str:
        """The rows from here on."""
        lines = min(CHUNK, len(self.rows) - first)
        parts = [f'<div class="k c h{-(-lines // _TENTH)}">', *self._bars.get(first, ())]
        if len(self.lanes.sides) > 1:
            parts.append(f"<i class='middle f{self.lanes.extent(1)[0]} a1 z{lines + 1}'></i>")
        for at in range(first, min(first + CHUNK, len(self.rows))):
            parts += self._row(at, at - first + 1)
        parts.append("</div>")
        return "".join(parts)

    def _bar(self, number: int, span: Span) -> None:
        task = self._index.get(span.task)
        if task is None:
            return
        column = self.lanes.extent(number)[0] + task
        at = self._at[number]
        # A wait begins behind the item that tells of it.
        start = at[span.first] + (0 if span.extent is Extent.TRANSACTION else 1)
        end = len(self.rows) if span.last is None or span.last not in at else at[span.last]
        title = self.lanes.markup.text(f"{span.task} {_SAYS[span.extent]}")
        while start < end:
            first = start - start % CHUNK
            stop = min(end, first + CHUNK)
            place = f"f{column} a{start - first + 1} z{stop - first + 1} t{task}"
            self._bars.setdefault(first, []).append(f'<i class="bar {span.extent} {place}" title="{title}"></i>')
            start = stop

    def _row(self, at: int, line: int) -> Iterator[str]:
        row = self.rows[at]
        found = [(number, index) for number, index in enumerate(row) if index is not None]
        items = [(number, index, self.lanes.sides[number].timeline.items[index]) for number, index in found]
        yield self._gutter(at, line, [item for _, _, item in items])
        for number, index, item in items:
            yield self._cell(number, index, item, line)

    def _gutter(self, at: int, line: int, items: Sequence[Item]) -> str:
        owners = {item.task for item in items}
        task = self._index.get(owners.pop()) if len(owners) == 1 else None
        owner = "" if task is None else f" t{task}"
        number = next((item.number for item in items if item.number is not None), None)
        mark = f"{self.lanes.key}-{at + 1}"
        return f'<a class="g a{line}{owner}" id={mark} href="#{mark}">{"·" if number is None else number}</a>'

    def _cell(self, number: int, index: int, item: Item, line: int) -> str:
        side = self.lanes.sides[number]
        task = self._index.get(item.task) if item.section is None else None
        first, end = self.lanes.extent(number)
        place = f"band f{first} u{end} a{line}" if task is None else f"f{first + task} a{line} t{task}"
        classes = [str(item.kind), place]
        hit = index == side.hit
        if hit:
            classes.append("hit")
        if index in side.proof:
            classes.append("proof")
        if item.is_bad:
            classes.append("bad")
        arrow = self._arrow(number, item, line)
        if arrow:
            classes.append("woken")
        mark = f" id={self.lanes.key}-hit{number or ''}" if hit else ""
        return f'{arrow}<div class="{" ".join(classes)}"{mark}>{self._content(number, item)}</div>'

    def _content(self, number: int, item: Item) -> str:
        markup = self.lanes.markup
        section = f"<span class=section>{item.section}</span>" if item.section else ""
        if item.kind is Kind.NOTE:
            came = markup.outcome(item.outcome) if item.outcome is not None else ""
            return f"{section}<span>{markup.text(item.what)}</span> {came}"
        parts = [section, markup.code(item.what)]
        if item.outcome is not None:
            parts.append(markup.outcome(item.outcome))
        notes = [item.note] if item.note else []
        if item.woken_by is not None:
            waker = self.lanes.sides[number].timeline.items[item.woken_by]
            notes.append(f"let go on by {waker.task}")
        if notes:
            parts.append(f"<small>{markup.text('; '.join(notes))}</small>")
        return "".join(parts)

    def _arrow(self, number: int, item: Item, line: int) -> str:
        """From the lane of the one who let go to the lane of the one who goes on."""
        if item.woken_by is None:
            return ""
        waker = self.lanes.sides[number].timeline.items[item.woken_by]
        start, end = self._index.get(waker.task), self._index.get(item.task)
        if start is None or end is None or start == end:
            return ""
        first = self.lanes.extent(number)[0]
        low, high = sorted((start, end))
        way = "right" if start < end else "left"
        title = self.lanes.markup.text(f"{waker.task} lets {item.task} go on")
        place = f"f{first + low} u{first + high + 1} w{high - low + 1} a{line} t{start} t{end}"
        return f'<i class="wake {way} {place}" title="{title}"></i>'


def grid_rules(columns: int, tasks: int, widest: int) -> str:
    """The CSS behind the classes: for so many lanes in one row, so many tasks, and arrows over so many lanes."""
    rules = [f".n{n}{{--n:{n}}}" for n in range(1, columns + 1)]
    rules += [f".f{n}{{grid-column-start:{n}}}.u{n}{{grid-column-end:{n}}}" for n in range(2, columns + 3)]
    rules += [f".a{n}{{grid-row-start:{n}}}.z{n}{{grid-row-end:{n}}}" for n in range(1, CHUNK + 2)]
    rules += [f".h{n}{{contain-intrinsic-size:auto {n * _TENTH * _LINE_PX}px}}" for n in range(1, 11)]
    rules += [f".w{n}{{margin-inline:calc(50%/{n})}}" for n in range(2, widest + 1)]
    rules += [f".off{n} .c .t{n}{{display:none}}.off{n} .lane.t{n}{{opacity:.35}}" for n in range(tasks)]
    return "\n".join(rules)
