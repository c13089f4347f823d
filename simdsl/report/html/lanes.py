"""A run, or the runs of two backends side by side, as a grid: a column for each task, time downwards.

The rows are cut into chunks: a browser lays out only those that are seen (CSS ``content-visibility``), so that ten
thousand steps are readable. A place in the grid is a class, since the page's policy allows no style attributes: ``f`` is
the column where something begins, ``u`` the one in front of which it ends, ``a`` and ``z`` the same of rows, ``t`` the task.

Everything here is data; ``templates/lanes.html.jinja`` turns it into HTML.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, TypeAlias

from simdsl.plan.deferred import dataclass
from simdsl.plan.diagnostics import Path
from simdsl.plan.outcomes import Affected, Failed, Outcome, Rows
from simdsl.plan.values import literal
from simdsl.report.html.timeline import ItemKind, SpanKind, Timeline, TimelineItem, TimelineSpan
from simdsl.report.transcript import brief_outcome

# Rows that are laid out together.
CHUNK: Final = 50

_TENTH: Final = CHUNK // 10

# How high a row is taken to be before it is laid out. A wrong guess moves the scroll bar, no more.
_LINE_PX: Final = 38

_TITLES: Final = {
    SpanKind.LOCK: "waits for a lock",
    SpanKind.POOL: "waits for a connection",
    SpanKind.SLEEP: "sleeps",
    SpanKind.TRANSACTION: "is in a transaction",
}

# For each side the index of its item, or None where it has nothing in this row.
AlignedRow: TypeAlias = tuple[int | None, ...]

_Place: TypeAlias = tuple[ItemKind, str, Path, str]
_Key: TypeAlias = tuple[_Place, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneGroup:
    """One backend's run. ``hit`` is the item that failed, ``proof`` are those that prove it."""

    label: str
    timeline: Timeline
    hit: int | None = None
    proof: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class GridHead:
    """A name above a lane, or above all lanes of a backend (``task`` is None)."""

    label: str
    place: str
    task: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GridBar:
    """A wait or a transaction as a bar; ``kind`` is None for the arrow from a task that let another one go on."""

    place: str
    title: str
    kind: SpanKind | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CellOutcome:
    """What a statement returned: rows, or an error class with the engine's text, or a few words."""

    text: str = ""
    error: str = ""
    rows: Sequence[Sequence[str]] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class GridCell:
    """One item in its lane, or across all lanes of a side."""

    place: str
    what: str
    is_note: bool
    section: str | None
    outcome: CellOutcome | None
    notes: str
    id: str | None
    wake: GridBar | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GridRow:
    """One row: its number in the gutter, which is also its anchor, and what each side has there."""

    id: str
    number: str
    place: str
    cells: Sequence[GridCell]


@dataclass(frozen=True, slots=True, kw_only=True)
class GridChunk:
    """Rows that a browser lays out together. ``height`` is the class of the height that is assumed before."""

    height: str
    bars: Sequence[GridBar]
    divider: str | None
    rows: Sequence[GridRow]


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneGrid:
    """One or two sides over the same tasks."""

    key: str  # of the run within the page
    groups: Sequence[LaneGroup]
    tasks: Sequence[str]

    @property
    def columns(self) -> int:
        """How many lanes there are, all sides together."""
        return max(1, len(self.tasks)) * len(self.groups)

    def heads(self) -> Iterator[GridHead]:
        """The names above the lanes."""
        if len(self.groups) > 1:
            for number, group in enumerate(self.groups):
                first, end = self.extent(number)
                yield GridHead(label=group.label, place=f"f{first} u{end} a1")
        for number in range(len(self.groups)):
            for index, task in enumerate(self.tasks):
                edge = " edge" if number and not index else ""
                yield GridHead(label=task, place=f"f{self.extent(number)[0] + index} a2 t{index}{edge}", task=task)

    def chunks(self) -> Iterator[GridChunk]:
        """The rows, chunk after chunk, so that a page of many steps never stands in memory twice."""
        writer = _GridBuilder(self, aligned_rows([group.timeline for group in self.groups]))
        for first in range(0, len(writer.rows), CHUNK):
            yield writer.chunk(first)

    def extent(self, side: int) -> tuple[int, int]:
        """The first column of a side, and the one behind it; the first column of all holds the numbers."""
        width = max(1, len(self.tasks))
        return 2 + side * width, 2 + (side + 1) * width


class _GridBuilder:
    """Builds chunk after chunk; what lasts is cut where a chunk ends, and goes on in the next."""

    def __init__(self, grid: LaneGrid, rows: list[AlignedRow]) -> None:
        self.grid = grid
        self.rows = rows
        self._index = {task: index for index, task in enumerate(grid.tasks)}
        self._row_of: list[Mapping[int, int]] = [
            {index: at for at, row in enumerate(rows) if (index := row[side]) is not None}
            for side in range(len(grid.groups))
        ]
        self._bars: dict[int, list[GridBar]] = {}
        for number, group in enumerate(grid.groups):
            for span in group.timeline.spans:
                self._cut(number, span)

    def chunk(self, first: int) -> GridChunk:
        """The rows from here on."""
        count = min(CHUNK, len(self.rows) - first)
        divider = f"f{self.grid.extent(1)[0]} a1 z{count + 1}" if len(self.grid.groups) > 1 else None
        return GridChunk(
            height=f"h{-(-count // _TENTH)}",
            bars=self._bars.get(first, ()),
            divider=divider,
            rows=[self._row(at, at - first + 1) for at in range(first, first + count)],
        )

    def _cut(self, number: int, span: TimelineSpan) -> None:
        """A span as one bar for each chunk that it touches: a grid cannot reach into another one."""
        task = self._index.get(span.task)
        if task is None:
            return
        column = self.grid.extent(number)[0] + task
        row_of = self._row_of[number]
        # A wait begins behind the item that reports it; a transaction begins with its first statement.
        start = row_of[span.first] + (0 if span.kind is SpanKind.TRANSACTION else 1)
        end = len(self.rows) if span.last is None or span.last not in row_of else row_of[span.last]
        while start < end:
            first = start - start % CHUNK
            stop = min(end, first + CHUNK)
            place = f"f{column} a{start - first + 1} z{stop - first + 1} t{task}"
            bar = GridBar(place=place, title=f"{span.task} {_TITLES[span.kind]}", kind=span.kind)
            self._bars.setdefault(first, []).append(bar)
            start = stop

    def _row(self, at: int, line: int) -> GridRow:
        found = [(number, index) for number, index in enumerate(self.rows[at]) if index is not None]
        items = [(number, index, self.grid.groups[number].timeline.items[index]) for number, index in found]
        owners = {item.task for _, _, item in items}
        task = self._index.get(owners.pop()) if len(owners) == 1 else None
        number = next((item.number for _, _, item in items if item.number is not None), None)
        return GridRow(
            id=f"{self.grid.key}-{at + 1}",
            number="·" if number is None else str(number),
            place=f"a{line}" if task is None else f"a{line} t{task}",
            cells=[self._cell(number, index, item, line) for number, index, item in items],
        )

    def _cell(self, number: int, index: int, item: TimelineItem, line: int) -> GridCell:
        group = self.grid.groups[number]
        task = self._index.get(item.task) if item.section is None else None
        first, end = self.grid.extent(number)
        wake = self._wake(number, item, line)
        is_hit = index == group.hit
        classes = [
            str(item.kind),
            f"band f{first} u{end} a{line}" if task is None else f"f{first + task} a{line} t{task}",
            *(
                name
                for name, holds in (("hit", is_hit), ("proof", index in group.proof), ("bad", item.is_bad), ("woken", wake))
                if holds
            ),
        ]
        return GridCell(
            place=" ".join(classes),
            what=item.what,
            is_note=item.kind is ItemKind.NOTE,
            section=item.section,
            outcome=None if item.outcome is None else cell_outcome(item.outcome),
            notes=self._notes(number, item),
            id=f"{self.grid.key}-hit{number or ''}" if is_hit else None,
            wake=wake,
        )

    def _notes(self, number: int, item: TimelineItem) -> str:
        if item.kind is ItemKind.NOTE:
            return ""
        notes = [item.note] if item.note else []
        if item.woken_by is not None:
            notes.append(f"unblocked by {self.grid.groups[number].timeline.items[item.woken_by].task}")
        return "; ".join(notes)

    def _wake(self, number: int, item: TimelineItem, line: int) -> GridBar | None:
        """The arrow from the lane of the task that released something to the lane of the one that goes on."""
        if item.woken_by is None:
            return None
        waker = self.grid.groups[number].timeline.items[item.woken_by]
        start, end = self._index.get(waker.task), self._index.get(item.task)
        if start is None or end is None or start == end:
            return None
        first = self.grid.extent(number)[0]
        low, high = sorted((start, end))
        way = "right" if start < end else "left"
        place = f"{way} f{first + low} u{first + high + 1} w{high - low + 1} a{line} t{start} t{end}"
        return GridBar(place=place, title=f"{waker.task} unblocks {item.task}")


def cell_outcome(outcome: Outcome) -> CellOutcome:
    """An outcome as a cell shows it: several rows as a table, an error with its text, the rest in a few words."""
    match outcome:
        case Rows(rows=rows) if len(rows) > 1:
            return CellOutcome(rows=[[literal(value) for value in row] for row in rows])
        case Failed(error_class=error_class, text=text):
            return CellOutcome(error=str(error_class), text=text)
        case Affected(n=None):
            return CellOutcome()
        case Rows() | Affected():
            return CellOutcome(text=brief_outcome(outcome))


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
    """The pairs that are the same step on both sides: as many as fit without crossing.

    Keys are unique on either side, so the longest common subsequence is a longest increasing one of the right indices,
    which takes O(n log n) instead of the O(n²) of the general case: a campaign's plans have thousands of steps.
    """
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
    """Each item with what it is and the how-manieth of its kind it is: loops come to one step again and again."""
    seen: Counter[_Place] = Counter()
    for index, item in enumerate(items):
        place = (item.kind, item.task, item.path, item.what if item.kind is ItemKind.NOTE else "")
        seen[place] += 1
        yield index, (place, seen[place])


def grid_rules(columns: int, tasks: int, widest: int) -> str:
    """The CSS behind the classes: for so many lanes in one row, so many tasks, and arrows over so many lanes."""
    rules = [f".n{n}{{--n:{n}}}" for n in range(1, columns + 1)]
    rules += [f".f{n}{{grid-column-start:{n}}}.u{n}{{grid-column-end:{n}}}" for n in range(2, columns + 3)]
    rules += [f".a{n}{{grid-row-start:{n}}}.z{n}{{grid-row-end:{n}}}" for n in range(1, CHUNK + 2)]
    rules += [f".h{n}{{contain-intrinsic-size:auto {n * _TENTH * _LINE_PX}px}}" for n in range(1, 11)]
    rules += [f".w{n}{{margin-inline:calc(50%/{n})}}" for n in range(2, widest + 1)]
    rules += [f".off{n} .c .t{n}{{display:none}}.off{n} .lane.t{n}{{opacity:.35}}" for n in range(tasks)]
    return "\n".join(rules)
