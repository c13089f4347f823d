"""Statements that change the schema, and the schema and the rows that they leave."""

from __future__ import annotations

from dataclasses import replace

from simdsl.generation.draws import Draws
from simdsl.generation.schema import Table, draw_column, draw_index
from simdsl.generation.statements import Rows
from simdsl.plan.dataclasses import dataclass
from simdsl.profiles.profile import Schema


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What is said, and the table and its rows afterwards. ``first`` is a query that is said before, without rows.

    In SQLite a connection that has not seen the latest schema finds no column to drop, and is not told that it is late; a
    query of that column brings it up to date.
    """

    text: str
    first: str | None = None
    table: Table
    rows: Rows


def draw_change(draws: Draws, knobs: Schema, table: Table, rows: Rows, fresh: int) -> Change | None:
    """CREATE INDEX, DROP INDEX, ADD COLUMN or DROP COLUMN; None where the knobs leave no room for any.

    ``fresh`` is a number for a name that nobody has had.
    """
    form = draws.below(4)
    if form == 0 and table.indexes:
        index = draws.one_of(table.indexes)
        left = tuple(one for one in table.indexes if one is not index)
        return Change(text=f"DROP INDEX {index.name}", table=replace(table, indexes=left), rows=rows)
    if form == 1:
        held = {name for index in table.indexes for name in index.columns}
        free = [i for i, column in enumerate(table.columns) if column.added and column.name not in held]
        if free:
            return _dropped(table, rows, draws.one_of(free))
    has_room = len(table.columns) < knobs.columns
    if form == 2 and has_room:
        return _added(draws, knobs, table, rows, f"x{fresh}")
    if knobs.index_kinds and len(table.indexes) < knobs.indexes:
        index = draw_index(draws, knobs, table, f"i{fresh}")
        return Change(text=index.ddl, table=table.with_index(index), rows=rows)
    if table.indexes:
        index = table.indexes[0]
        return Change(text=f"DROP INDEX {index.name}", table=replace(table, indexes=table.indexes[1:]), rows=rows)
    return _added(draws, knobs, table, rows, f"x{fresh}") if has_room else None


def _added(draws: Draws, knobs: Schema, table: Table, rows: Rows, name: str) -> Change:
    column = draw_column(draws, knobs, name)
    return Change(
        text=f"ALTER TABLE {table.name} ADD COLUMN {column.ddl}",
        table=replace(table, columns=(*table.columns, column)),
        rows={key: (*row, column.default) for key, row in rows.items()},
    )


def _dropped(table: Table, rows: Rows, i: int) -> Change:
    return Change(
        first=f"SELECT {table.columns[i].name} FROM {table.name} WHERE id = 0",
        text=f"ALTER TABLE {table.name} DROP COLUMN {table.columns[i].name}",
        table=replace(table, columns=(*table.columns[:i], *table.columns[i + 1 :])),
        rows={key: (*row[:i], *row[i + 1 :]) for key, row in rows.items()},
    )
