"""What a generated statement is, and how its text becomes SQL of a plan.

In a text in the making a variable stands between two ``MARK``; a literal never holds one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

from simdsl.generation.draws import Draws
from simdsl.generation.values import WHOLE, Plain, Row, cell, literal
from simdsl.plan.dataclasses import dataclass
from simdsl.plan.ir import Comparison, Count, Counted, ExactRows, Expectation, Param, Sql, SqlKind, Var
from simdsl.profiles.profile import ColumnType

Rows: TypeAlias = Mapping[int, Row]
"""The rows of a table by their id."""

State: TypeAlias = tuple[Rows, ...]
"""The rows of every table, by the table's number. Never changed: who writes makes another one."""

MARK: Final = "\x01"
MANY: Final = 3
"""So many rows are expected one by one; of more only the number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """A statement that changes one table, what it must come to, and what is there afterwards."""

    sql: Sql
    affected: int
    number: int  # of the table
    rows: Rows
    touched: tuple[int, ...]  # ids of rows that were there before


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """A query, and what it must come to."""

    sql: Sql
    expect: Expectation


class Bank:
    """The values that are bound rather than written: small integers and short texts, some for each type of column.

    A variable is only ever bound to columns of its type, for PostgreSQL takes one that stands twice to be of one type.
    """

    def __init__(self, seed: int) -> None:
        draws = Draws(seed, "bank")
        values: dict[str, int | str] = {}
        names: dict[ColumnType, tuple[str, ...]] = {}
        for of in _BOUND:
            names[of] = tuple(f"{of}_{i}" for i in range(3))
            for i, name in enumerate(names[of]):
                values[name] = draws.below(90) - 30 if of in WHOLE else f"{draws.one_of('abcXYZ')}{draws.one_of('é ß')}{i}"
        self._names: Mapping[ColumnType, tuple[str, ...]] = names
        self.values: Mapping[str, int | str] = values

    @property
    def params(self) -> tuple[Param, ...]:
        """All of them, as the plan declares them."""
        return tuple(Param(name=name, value=value) for name, value in self.values.items())

    def said(self, draws: Draws, of: ColumnType, value: Plain) -> tuple[str, Plain]:
        """A value and its text: mostly the one that is given, and now and then a bound one in its place."""
        name = self.bound(draws, of)
        return (literal(value), value) if name is None else (f"{MARK}{name}{MARK}", self.values[name])

    def bound(self, draws: Draws, of: ColumnType) -> str | None:
        """Now and then the name of a value for a type of column."""
        names = self._names.get(of)
        return None if names is None or draws.below(8) else draws.one_of(names)


def sql(text: str, kind: SqlKind, *, ordered: bool = False) -> Sql:
    """The text as a plan holds it, cut at its variables."""
    if MARK not in text:
        return Sql(fragments=(text,), kind=kind, ordered=ordered)
    parts: list[str | Var] = []
    for i, part in enumerate(text.split(MARK)):
        if i % 2:
            parts.append(Var(name=part))
        elif part:
            parts.append(part)
    return Sql(fragments=tuple(parts), kind=kind, ordered=ordered)


def affected(n: int) -> Expectation:
    """``n affected``."""
    return (Count(what=Counted.AFFECTED, comparison=Comparison.EQ, n=n),)


def these(rows: Sequence[Row], *, many: int = MANY) -> Expectation:
    """Exactly these rows, or where there are more than ``many`` so many rows."""
    if 0 < len(rows) <= many:
        return (ExactRows(rows=tuple(tuple(map(cell, row)) for row in rows)),)
    return (Count(what=Counted.ROWS, comparison=Comparison.EQ, n=len(rows)),)


_BOUND: Final = (ColumnType.INTEGER, ColumnType.BIGINT, ColumnType.SMALLINT, ColumnType.TEXT, ColumnType.VARCHAR)
