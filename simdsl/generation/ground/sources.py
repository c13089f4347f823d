"""What a query selects from, and what it asks there: one table, a join, a derived table; predicates and values over them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from simdsl.generation.draws import Draws
from simdsl.generation.expressions.drawing import draw_expression
from simdsl.generation.expressions.ir import Column, Expression, SqlType
from simdsl.generation.ground.both import Both, join, say
from simdsl.generation.ground.tables import Ground, Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What stands behind FROM, and the columns that can be named there. ``table`` where it is one table and nothing else."""

    text: Both
    columns: tuple[Column, ...]
    tables: tuple[Table, ...]

    @property
    def table(self) -> Table:
        """The first table, or the only one."""
        return self.tables[0]

    def over(self, names: dict[str, str]) -> Both:
        """The same source over tables of other names."""
        sqlite, postgres = self.text.sqlite, self.text.postgres
        for old, new in names.items():
            sqlite, postgres = _renamed(sqlite, old, new), _renamed(postgres, old, new)
        return Both(sqlite=sqlite, postgres=postgres)


class Asking:
    """Everything that is drawn for one query: a function of the seed, the property and the place."""

    def __init__(self, ground: Ground, purpose: str, *place: int | str) -> None:
        self.ground = ground
        self.draws = Draws(ground.seed, purpose, *place)
        self._place: tuple[int | str, ...] = (purpose, *place)
        self._drawn = 0

    def table(self) -> Source:
        """One table, its columns by their bare names."""
        table = self.draws.one_of(self.ground.tables)
        return Source(text=say(table.name), columns=table.keyed, tables=(table,))

    def source(self) -> Source:
        """A table, a join at the profile's rate, or a derived table at the rate of subqueries."""
        queries = self.ground.profile.queries
        if self.draws.chance(queries.join):
            return self.joined()
        single = self.table()
        if self.draws.chance(queries.subquery):
            return self._derived(single)
        return single

    def joined(self) -> Source:
        """Two tables, or one with itself, as ``a`` and ``b``."""
        left, right = self.draws.one_of(self.ground.tables), self.draws.one_of(self.ground.tables)
        columns = (*left.called("a"), *right.called("b"))
        kind = self.draws.one_of(("JOIN", "LEFT JOIN", "CROSS JOIN"))
        said = say("{left} AS a {kind} {right} AS b", left=left.name, kind=kind, right=right.name)
        if kind != "CROSS JOIN":
            said = say("{said} ON {test}", said=said, test=self.predicate(columns))
        return Source(text=said, columns=columns, tables=(left, right))

    def predicate(self, columns: Sequence[Column], *, depth: int | None = None) -> Expression:
        """A condition over the columns."""
        return self.value(SqlType.BOOLEAN, columns, depth=depth)

    def value(self, wanted: SqlType, columns: Sequence[Column], *, depth: int | None = None) -> Expression:
        """An expression of a type, mostly of depth 1 or 2, at most as deep as the profile says."""
        deepest = max(self.ground.profile.expression_depth, 1)
        if depth is None:
            depth = min(1 + self.draws.below(3) // 2 + self.draws.below(4) // 3, deepest)
        self._drawn += 1
        return draw_expression(
            seed=self.ground.seed,
            place=(*self._place, self._drawn),
            wanted=wanted,
            columns=columns,
            depth=depth,
            rates=self.ground.rates,
        )

    def selected(self, columns: Sequence[Column]) -> Both:
        """What stands behind SELECT: one to three columns or expressions."""
        parts: list[Both] = []
        for i in range(1 + self.draws.below(3)):
            if self.draws.below(4):
                parts.append(say("{column} AS s{i}", column=self.draws.one_of(columns), i=i))
            else:
                value = self.value(self.draws.one_of(_TYPES), columns, depth=1)
                parts.append(say("{value} AS s{i}", value=value, i=i))
        return join(", ", parts)

    def _derived(self, single: Source) -> Source:
        inner = self.predicate(single.columns, depth=1)
        names = ", ".join(single.table.names)
        text = say("(SELECT {names} FROM {table} WHERE {inner}) AS s", names=names, table=single.text, inner=inner)
        return Source(text=text, columns=single.columns, tables=single.tables)


def _renamed(text: str, old: str, new: str) -> str:
    """A table's name where one stands: behind FROM, behind JOIN, or all of the text."""
    if text == old:
        return new
    for before in ("FROM ", "JOIN "):
        text = text.replace(f"{before}{old} ", f"{before}{new} ")
    return f"{new}{text[len(old) :]}" if text.startswith(f"{old} ") else text


_TYPES = tuple(SqlType)
