"""Conditions on the rows of one table, and what they are worth, as far as that is certain."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from operator import eq, gt, lt, ne
from types import MappingProxyType
from typing import Any, Final, TypeAlias

from simdsl.generation.draws import Draws
from simdsl.generation.schema import Table
from simdsl.generation.statements import Bank, Rows
from simdsl.generation.values import COMPARED, TEXTS, Plain, Row, literal, ordinary
from simdsl.profiles.profile import Queries

Test: TypeAlias = Callable[[Row], bool | None]
"""TRUE, FALSE or NULL (None) of a row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """What stands behind WHERE. ``test`` is None where nobody says what it is worth."""

    text: str
    test: Test | None


class Conditions:
    """Draws conditions over a table. ``prefix`` stands before the names of columns (``a.``); ``like``: with LIKE."""

    def __init__(self, table: Table, rows: Rows, rates: Queries, bank: Bank, *, prefix: str = "", like: bool = True) -> None:
        self._table = table
        self._rows = rows
        self._ids = tuple(rows)
        self._rates = rates
        self._bank = bank
        self._prefix = prefix
        self._like = like

    def drawn(self, draws: Draws, depth: int) -> Condition:
        """A condition, at most ``depth`` connectives deep."""
        form = draws.below(9) if depth > 1 else 8
        if form > 2:
            return self._leaf(draws)
        left = self.drawn(draws, depth - 1)
        if form == 0:
            return _negated(left)
        return _joined(left, self.drawn(draws, depth - 1), is_and=form == 1)

    def _leaf(self, draws: Draws) -> Condition:
        rates = self._rates
        if draws.chance(rates.in_list):
            return self._in_list(draws)
        if draws.chance(rates.between):
            low = self._id(draws) - draws.below(3)
            high = low + draws.below(6)
            text = f"{self._prefix}id BETWEEN {low} AND {high}"
            return Condition(text=text, test=lambda row: low <= row[0] <= high)  # type: ignore[operator]  # the key
        position = draws.below(len(self._table.columns))
        column = self._table.columns[position]
        name = self._prefix + column.name
        if self._like and draws.chance(rates.like):
            texts = [other.name for other in self._table.columns if other.type in TEXTS]
            if texts:
                pattern = draws.one_of("aAbXé%_") + draws.one_of("%_") * draws.below(3)
                return Condition(text=f"{self._prefix}{draws.one_of(texts)} LIKE {literal(pattern)}", test=None)
        value = self._value(draws, position)
        if draws.chance(rates.is_distinct_from):
            text = f"{name} IS DISTINCT FROM {literal(value)}"
            return Condition(text=text, test=lambda row: row[position] != value)
        match draws.below(6):
            case 0:
                return Condition(text=f"{name} IS NULL", test=lambda row: row[position] is None)
            case 1:
                return Condition(text=f"{name} IS NOT NULL", test=lambda row: row[position] is not None)
            case 2 | 3:
                return self._about_id(draws)
            case _:
                if value is None:
                    return self._about_id(draws)
                return self._compared(draws, position, value)

    def _compared(self, draws: Draws, position: int, value: Plain) -> Condition:
        column = self._table.columns[position]
        said, wanted = self._bank.said(draws, column.type, value)
        sign = draws.one_of(("=", "<>", "<", ">") if column.type in COMPARED else ("=", "<>"))
        compare = _COMPARE[sign]

        def test(row: Row) -> bool | None:
            return None if row[position] is None else compare(row[position], wanted)

        return Condition(text=f"{self._prefix}{column.name} {sign} {said}", test=test)

    def _about_id(self, draws: Draws) -> Condition:
        wanted = self._id(draws)
        if draws.below(3):
            return Condition(text=f"{self._prefix}id = {wanted}", test=lambda row: row[0] == wanted)
        return Condition(text=f"{self._prefix}id > {wanted}", test=lambda row: row[0] > wanted)  # type: ignore[operator]  # the key

    def _in_list(self, draws: Draws) -> Condition:
        wanted = tuple(self._id(draws) for _ in range(1 + draws.below(4)))
        return Condition(text=f"{self._prefix}id IN ({', '.join(map(str, wanted))})", test=lambda row: row[0] in wanted)

    def _id(self, draws: Draws) -> int:
        return draws.one_of(self._ids) if self._ids else 1

    def _value(self, draws: Draws, position: int) -> Plain:
        """A value that the column has, or an ordinary one."""
        if self._ids and draws.below(4):
            return self._rows[draws.one_of(self._ids)][position]
        return ordinary(draws, self._table.columns[position].type)


def _negated(operand: Condition) -> Condition:
    test = operand.test
    if test is None:
        return Condition(text=f"NOT ({operand.text})", test=None)

    def negated(row: Row) -> bool | None:
        worth = test(row)
        return None if worth is None else not worth

    return Condition(text=f"NOT ({operand.text})", test=negated)


def _joined(left: Condition, right: Condition, *, is_and: bool) -> Condition:
    text = f"({left.text}) {'AND' if is_and else 'OR'} ({right.text})"
    one, other = left.test, right.test
    if one is None or other is None:
        return Condition(text=text, test=None)

    def both(row: Row) -> bool | None:
        first = one(row)
        if first is (not is_and):
            return first
        second = other(row)
        if second is (not is_and):
            return second
        return None if first is None or second is None else is_and

    return Condition(text=text, test=both)


_COMPARE: Final = MappingProxyType[str, Callable[[Any, Any], bool]]({"=": eq, "<>": ne, "<": lt, ">": gt})
