"""Whether a cell or a row of an expectation meets what a backend gave (rules.md 11-14, 17-19)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from datetime import date, datetime, time
from decimal import Decimal
from typing import assert_never

from simdsl.plan.dataclasses import dataclass
from simdsl.plan.ir import Anything, Bind, Cell, CellRow, Fixed, Scalar, Typed, TypedKind, Var
from simdsl.plan.values import Row, Value, as_text, same


@dataclass(slots=True, kw_only=True, eq=False)
class Meeting:
    """One expectation meeting one outcome: the variables it reads, and the names it binds on the way."""

    env: Mapping[str, Value]
    boolean_type: bool
    bound: dict[str, Value] = field(default_factory=dict)

    def cell(self, cell: Cell, value: Value) -> bool:
        """Whether the value is one that the cell means; ``?x`` binds it."""
        match cell:
            case Anything():
                return True
            case Scalar(value=wanted):
                return self._scalar(wanted, value)
            case Fixed(text=text):
                return _fixed(text, value)
            case Typed(kind=kind, text=text):
                return _typed(kind, text, value)
            case Var(name=name):
                return self._variable(self.env[name], value)
            case Bind(name=name):
                if name in self.bound:
                    return same(self.bound[name], value)
                self.bound[name] = value
                return True
            case _:
                assert_never(cell)

    def row(self, cells: CellRow, row: Row) -> bool:
        """Whether a whole row is met. Widths must be equal."""
        return len(cells) == len(row) and all(map(self.cell, cells, row))

    def in_order(self, wanted: Sequence[CellRow], rows: Sequence[Row]) -> bool:
        """Whether the rows are met one by one."""
        return len(wanted) == len(rows) and all(map(self.row, wanted, rows))

    def among(self, wanted: Sequence[CellRow], rows: Sequence[Row]) -> bool:
        """Whether each wanted row can be given a row of its own: a sub-bag, wildcards and all.

        A maximum bipartite matching by augmenting paths (Kuhn); rows without wildcards never need to augment.
        """
        owner: dict[int, int] = {}

        def place(i: int, seen: set[int]) -> bool:
            for j, row in enumerate(rows):
                if j not in seen and self.row(wanted[i], row):
                    seen.add(j)
                    if j not in owner or place(owner[j], seen):
                        owner[j] = i
                        return True
            return False

        for i, cells in enumerate(wanted):
            free = next((j for j, row in enumerate(rows) if j not in owner and self.row(cells, row)), None)
            if free is not None:
                owner[free] = i
            elif not place(i, set()):
                return False
        return True

    def _scalar(self, wanted: bool | int | float | str | bytes | None, value: Value) -> bool:
        if wanted is None or value is None:
            return wanted is value
        if isinstance(wanted, bool):
            return value is wanted or (not self.boolean_type and type(value) is int and value == int(wanted))
        if isinstance(wanted, int):
            return type(value) in (int, Decimal) and value == wanted
        if isinstance(wanted, str):
            return as_text(value) == wanted
        return same(wanted, value)

    def _variable(self, wanted: Value, value: Value) -> bool:
        if isinstance(wanted, (float, Decimal)):
            return isinstance(value, (float, Decimal)) and (same(wanted, value) or value == wanted)
        if isinstance(wanted, (date, time)):
            return same(wanted, value) or (isinstance(value, str) and as_text(wanted) == value)
        return self._scalar(wanted, value)


def _fixed(text: str, value: Value) -> bool:
    if isinstance(value, float):
        return value == float(text)
    return isinstance(value, Decimal) and value == Decimal(text)


def _typed(kind: TypedKind, text: str, value: Value) -> bool:
    match kind:
        case TypedKind.DECIMAL:
            return isinstance(value, Decimal) and value == Decimal(text)
        case TypedKind.DATE:
            return type(value) is date and value == date.fromisoformat(text)
        case TypedKind.TIME:
            return type(value) is time and as_text(value) == as_text(time.fromisoformat(text))
        case TypedKind.TIMESTAMP:
            return type(value) is datetime and as_text(value) == as_text(datetime.fromisoformat(text))
        case _:
            assert_never(kind)
