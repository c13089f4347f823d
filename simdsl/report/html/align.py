"""Two timelines side by side: which items stand in one row."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TypeAlias

from simdsl.plan.ir import Path
from simdsl.report.html.timeline import Item, Kind, Timeline

Row: TypeAlias = tuple[int | None, ...]
"""For each side the index of its item, or None: nothing there."""

_Place: TypeAlias = tuple[Kind, str, Path, str]
_Key: TypeAlias = tuple[_Place, int]


def rows_of(sides: Sequence[Timeline]) -> list[Row]:
    """The rows of one timeline, or of two that are aligned by step."""
    if len(sides) == 1:
        return [(index,) for index in range(len(sides[0].items))]
    left, right = (list(side.items) for side in sides)
    rows: list[Row] = []
    i = j = 0
    for a, b in [*_common(left, right), (len(left), len(right))]:
        rows += [(index, None) for index in range(i, a)]
        rows += [(None, index) for index in range(j, b)]
        if a < len(left):
            rows.append((a, b))
        i, j = a + 1, b + 1
    return rows


def _common(left: Sequence[Item], right: Sequence[Item]) -> Iterator[tuple[int, int]]:
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


def _keys(items: Sequence[Item]) -> Iterator[tuple[int, _Key]]:
    seen: Counter[_Place] = Counter()
    for index, item in enumerate(items):
        place = (item.kind, item.task, item.path, item.what if item.kind is Kind.NOTE else "")
        seen[place] += 1
        yield index, (place, seen[place])
