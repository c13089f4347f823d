"""What a query says of several rows at once: aggregates and window functions, and what they come to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import TypeAlias

from simdsl.generation.draws import Draws
from simdsl.generation.schema import Column
from simdsl.generation.values import COMPARED, Plain, Row

Cellular: TypeAlias = Callable[[Row, int], Plain]
"""The cell of a result for a row, which is the so-manieth by id (from 1)."""

Summary: TypeAlias = Callable[[Sequence[Row]], Plain]
"""What some rows come to, of which there is at least one."""


def draw_aggregate(draws: Draws, column: Column, position: int) -> tuple[str, Summary]:
    """An aggregate of a column, which stands at a position of the row, or of the ids."""
    name = column.name

    def values(rows: Sequence[Row]) -> list[Plain]:
        return [value for row in rows if (value := row[position]) is not None]

    match draws.below(5):
        case 0 if column.type in COMPARED:
            return f"min({name})", lambda rows: min(values(rows), default=None)  # type: ignore[type-var]  # of one type
        case 1 if column.type in COMPARED:
            return f"max({name})", lambda rows: max(values(rows), default=None)  # type: ignore[type-var]  # of one type
        case 2:
            return "sum(id)", lambda rows: sum(map(_id, rows))
        case 3:
            return f"count(DISTINCT {name})", lambda rows: len(set(values(rows)))
        case _:
            return f"count({name})", lambda rows: len(values(rows))


def draw_window(draws: Draws, name: str, position: int, rows: Sequence[Row]) -> tuple[str, Cellular]:
    """A window function over all rows of a query, by id or within those that are alike in a column."""
    ids = sorted(map(_id, rows))
    match draws.below(5):
        case 0:
            return "row_number() OVER (ORDER BY id)", lambda row, i: i
        case 1:
            sums = tuple(accumulate(ids))
            return "sum(id) OVER (ORDER BY id)", lambda row, i: sums[i - 1]
        case 2:
            return "lag(id) OVER (ORDER BY id)", lambda row, i: ids[i - 2] if i > 1 else None
        case 3:
            return "lead(id, 1, 0) OVER (ORDER BY id)", lambda row, i: ids[i] if i < len(ids) else 0
        case _:
            counted = Counter(row[position] for row in rows)
            return f"count(*) OVER (PARTITION BY {name})", lambda row, i: counted[row[position]]


def _id(row: Row) -> int:
    key: int = row[0]  # type: ignore[assignment]  # a row begins with its key, an integer
    return key
