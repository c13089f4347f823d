"""Statements that must fail, each in one way, and leave nothing behind."""

from __future__ import annotations

from collections.abc import Sequence

from simdsl.generation.draws import Draws
from simdsl.generation.schema import Table
from simdsl.generation.statements import State, sql
from simdsl.generation.values import literal
from simdsl.generation.writes import Writer
from simdsl.plan.ir import AnError, Expectation, Sql, SqlKind
from simdsl.plan.outcomes import ErrorClass


def draw_mistake(
    draws: Draws, tables: Sequence[Table], state: State, writer: Writer, *, may_write: bool
) -> tuple[Sql, Expectation]:
    """A statement and the error that it must come to. Without ``may_write`` it is a query."""
    number = draws.below(len(tables))
    table, rows = tables[number], state[number]
    broken: list[tuple[int, str, ErrorClass]] = []  # position, text of a value, what comes of it
    if may_write and draws.below(4):
        if table.has_key and rows:
            broken.append((0, str(draws.one_of(tuple(rows))), ErrorClass.UNIQUE_VIOLATION))
        for i, column in enumerate(table.columns):
            if column.not_null and not (i == 0 and table.has_key):
                broken.append((i, "NULL", ErrorClass.NOT_NULL_VIOLATION))
            if column.forbidden is not None:
                broken.append((i, literal(column.forbidden), ErrorClass.CHECK_VIOLATION))
            used = [row[i] for row in rows.values() if row[i] is not None] if column.unique else []
            if used:
                broken.append((i, literal(draws.one_of(used)), ErrorClass.UNIQUE_VIOLATION))
    if not broken:
        if draws.below(2):
            return sql("SELECT id FROM missing", SqlKind.QUERY), _error(ErrorClass.UNDEFINED_TABLE)
        return sql(f"SELECT missing FROM {table.name}", SqlKind.QUERY), _error(ErrorClass.UNDEFINED_COLUMN)
    position, text, error = draws.one_of(broken)
    _, texts = writer.fresh_row(draws, table, state, number)
    texts[position] = text
    said = f"INSERT INTO {table.name} ({table.names}) VALUES ({', '.join(texts)})"
    return sql(said, SqlKind.DML), _error(error)


def _error(error: ErrorClass) -> Expectation:
    return (AnError(error_class=error),)
