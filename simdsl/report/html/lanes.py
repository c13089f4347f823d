"""A run, or the runs of two backends side by side, as a grid of lanes."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, TypeAlias

from simdsl.plan.dataclasses import dataclass
from simdsl.plan.source import Path
from simdsl.report.html.markup import HtmlText
from simdsl.report.html.timeline import ItemKind, SpanKind, Timeline, TimelineItem, TimelineSpan

AlignedRow: TypeAlias = tuple[int | None, ...]
"""For each side the index of its item, or None: nothing there."""


_Place: TypeAlias = tuple[ItemKind, str, Path, str]


_Key: TypeAlias = tuple[_Place, int]


def aligned_rows(sides: Sequence[Timeline]) -> list[AlignedRow]:
    """The rows of one timeline, or of two that are aligned by step."""
    if len(sides) == 1:
        return [(index,) for index in range(len(sides[0].items))]
    left, right = (list(side.items) for side in sides)
    rows: list[AlignedRow] = []
    i = j = 0
    for a, b in [*_common(left, right), (len(left), len(right))]:
        rows += [(index, None) for index in range(i, a)]
        rows += [(None, index) for index in range(j, b)]
        if a < len(left):
            rows.append((a, b))
        i, j = a + 1, b + 1
    return rows


def _common(left: Sequence[TimelineItem], right: Sequence[TimelineItem]) -> Iterator[tuple[int, int]]:
    """The pairs that are the same step on both sides: as many as fit without crossing (a longest increasing subsequence)."""
    there = {key: index for index, key in _keys(right)}
    pairs = [(index, there[key]) for index, key in _keys(left) if key in there]
    ends: list[int] = []  # the last right index of the best chain of each length
    chain: list[int] = []  # the pair that has it
    before: list[int] = []
    for number, (_, b) in enumerate(pairs):
        length = bisect_left(ends, b)
        before.append(chain[length - 1] if length else -1)
        ends[length : length + 1] = [b]
        chain[length : length + 1] = [number]
    best: list[tuple[int, int]] = []
    at = chain[-1] if chain else -1
    while at >= 0:
        best.append(pairs[at])
        at = before[at]
    return reversed(best)


def _keys(items: Sequence[TimelineItem]) -> Iterator[tuple[int, _Key]]:
    seen: Counter[_Place] = Counter()
    for index, item in enumerate(items):
        place = (item.kind, item.task, item.path, item.what if item.kind is ItemKind.NOTE else "")
        seen[place] += 1
        yield index, (place, seen[place])


CHUNK: Final = 50
"""Rows that are laid out together."""


_TENTH: Final = CHUNK // 10


_LINE_PX: Final = 38
"""How high a row is taken to be before it is laid out."""


_SAYS: Final = {
    SpanKind.LOCK: "waits for a lock",
    SpanKind.POOL: "waits for a connection",
    SpanKind.SLEEP: "sleeps",
    SpanKind.TRANSACTION: "is in a transaction",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneGroup:
    """One backend's run. ``hit`` is the item that failed, ``proof`` are those that prove it."""

    label: str
    timeline: Timeline
    hit: int | None = None
    proof: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneGrid:
    """One or two sides over the same tasks."""

    key: str  # of the run within the page
    sides: Sequence[LaneGroup]
    tasks: Sequence[str]
    markup: HtmlText

    @property
    def columns(self) -> int:
        """How many lanes there are, all sides together."""
        return max(1, len(self.tasks)) * len(self.sides)

    def render(self) -> Iterator[str]:
        """The grid with its head."""
        drawing = _GridWriter(self, aligned_rows([side.timeline for side in self.sides]))
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


class _GridWriter:
    """Draws chunk after chunk; what lasts is cut where a chunk ends, and goes on in the next."""

    def __init__(self, lanes: LaneGrid, rows: list[AlignedRow]) -> None:
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

    def _bar(self, number: int, span: TimelineSpan) -> None:
        task = self._index.get(span.task)
        if task is None:
            return
        column = self.lanes.extent(number)[0] + task
        at = self._at[number]
        # A wait begins behind the item that tells of it.
        start = at[span.first] + (0 if span.extent is SpanKind.TRANSACTION else 1)
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

    def _gutter(self, at: int, line: int, items: Sequence[TimelineItem]) -> str:
        owners = {item.task for item in items}
        task = self._index.get(owners.pop()) if len(owners) == 1 else None
        owner = "" if task is None else f" t{task}"
        number = next((item.number for item in items if item.number is not None), None)
        mark = f"{self.lanes.key}-{at + 1}"
        return f'<a class="g a{line}{owner}" id={mark} href="#{mark}">{"·" if number is None else number}</a>'

    def _cell(self, number: int, index: int, item: TimelineItem, line: int) -> str:
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

    def _content(self, number: int, item: TimelineItem) -> str:
        markup = self.lanes.markup
        section = f"<span class=section>{item.section}</span>" if item.section else ""
        if item.kind is ItemKind.NOTE:
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

    def _arrow(self, number: int, item: TimelineItem, line: int) -> str:
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
