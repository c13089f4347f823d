"""INSERT, UPDATE, DELETE and upserts: those that succeed, with the rows that they leave, and those that must fail."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from simdsl.core.choices import Sampler
from simdsl.generation.column_values import INTEGER_TYPES, TEXT_TYPES, ColumnValue, ColumnValues, draw_value, value_literal
from simdsl.generation.conditions import ConditionGenerator
from simdsl.generation.schema import ColumnDef, TableDef
from simdsl.generation.statements import BoundParameters, DatabaseState, TableRows, WriteStatement, expect_error, sql
from simdsl.plan.expectations import Expectation
from simdsl.plan.outcomes import ErrorClass
from simdsl.plan.sql import Sql, SqlKind
from simdsl.profiles.profile import Profile

MAX_ROWS: Final = 24
"""A table with this many rows gets no more: expected rows are printed in full, and a long plan must stay quick."""


class WriteGenerator:
    """Draws writes. It numbers new rows and unique values, so that no two sessions collide by accident.

    Every method takes the state that the writing session sees, and returns what the write must leave: ``number`` is that of
    the table.
    """

    def __init__(self, profile: Profile, parameters: BoundParameters) -> None:
        self._profile = profile
        self._parameters = parameters
        self._last = 0

    def insert(self, sampler: Sampler, tables: Sequence[TableDef], state: DatabaseState, number: int) -> WriteStatement:
        """INSERT; a DELETE if the table is full."""
        table, rows = tables[number], state[number]
        if len(rows) >= MAX_ROWS:
            return self.delete(sampler, tables, state, number)
        # A column that the statement leaves out gets its default, which is another code path of an engine.
        absent = [i for i, column in enumerate(table.columns) if i and column.default is not None and sampler.below(3) == 0]
        made, texts = dict(rows), []
        count = 1 + sampler.below(max(self._profile.schema.rows, 1))
        for _ in range(count):
            literal, row = self._row(sampler, table, rows, state, self._fresh(), absent)
            made[row[0]] = row  # type: ignore[index]  # a row begins with its key, an integer
            texts.append(literal)
        names = ", ".join(column.name for i, column in enumerate(table.columns) if i not in absent)
        text = f"INSERT INTO {table.name} ({names}) VALUES {', '.join(texts)}"
        return WriteStatement(sql=sql(text, SqlKind.DML), affected=count, number=number, rows=made, touched=())

    def upsert(self, sampler: Sampler, tables: Sequence[TableDef], state: DatabaseState, number: int) -> WriteStatement:
        """INSERT ... ON CONFLICT of a new or an existing key; a plain INSERT if the table has no key."""
        table, rows = tables[number], state[number]
        free = [i for i, column in enumerate(table.columns) if i and not column.unique]
        if not table.has_key or not free:
            return self.insert(sampler, tables, state, number)
        # A full table gets no new row, and of the others the conflict is the case worth having.
        is_there = bool(rows) and (sampler.below(3) > 0 or len(rows) >= MAX_ROWS)
        key = sampler.one_of(tuple(rows)) if is_there else self._fresh()
        literal, row = self._row(sampler, table, rows, state, key, ())
        position = sampler.one_of(free)
        name = table.columns[position].name
        text = f"INSERT INTO {table.name} ({table.names}) VALUES {literal}"
        text += f" ON CONFLICT (id) DO UPDATE SET {name} = excluded.{name}"
        if is_there:
            row = _replaced(rows[key], position, row[position])
        touched = (key,) if is_there else ()
        return WriteStatement(
            sql=sql(text, SqlKind.DML), affected=1, number=number, rows={**rows, key: row}, touched=touched
        )

    def update(self, sampler: Sampler, tables: Sequence[TableDef], state: DatabaseState, number: int) -> WriteStatement:
        """UPDATE of one column, to a value or by addition."""
        table, rows = tables[number], state[number]
        position = 1 + sampler.below(len(table.columns) - 1)
        column = table.columns[position]
        where, keys = self._some(sampler, table, rows, single=column.unique)
        made = dict(rows)
        if column.type in INTEGER_TYPES and column.references is None and not column.unique and sampler.below(2):
            delta = 1 + sampler.below(9)
            # Sums stay within a SMALLINT, and off the value that a CHECK forbids.
            if all(
                abs(value) < 20_000 and value + delta != column.forbidden for value in _integers_at(rows, keys, position)
            ):
                for key in keys:
                    old = rows[key][position]
                    made[key] = _replaced(rows[key], position, None if old is None else old + delta)  # type: ignore[operator]  # a number
                return self._written(table, number, f"SET {column.name} = {column.name} + {delta}{where}", made, keys)
        literal, value = self._value(sampler, column, rows, position, state)
        for key in keys:
            made[key] = _replaced(rows[key], position, value)
        return self._written(table, number, f"SET {column.name} = {literal}{where}", made, keys)

    def delete(self, sampler: Sampler, tables: Sequence[TableDef], state: DatabaseState, number: int) -> WriteStatement:
        """DELETE of some rows."""
        table, rows = tables[number], state[number]
        where, keys = self._some(sampler, table, rows, single=False)
        held = _referenced(tables, state, number)
        # Not rows that are referred to, which would be an error, and not most rows, or the plan would soon run empty.
        if any(key in held for key in keys) or len(keys) > max(len(rows) // 2, 1):
            free = [key for key in rows if key not in held]
            keys = [sampler.one_of(free)] if free else []
            where = f" WHERE id = {keys[0] if keys else 0}"
        gone = set(keys)
        left = {key: row for key, row in rows.items() if key not in gone}
        text = f"DELETE FROM {table.name}{where}"
        return WriteStatement(sql=sql(text, SqlKind.DML), affected=len(keys), number=number, rows=left, touched=tuple(keys))

    def fresh_row(self, sampler: Sampler, table: TableDef, state: DatabaseState, number: int) -> tuple[int, list[str]]:
        """The id of a new row that satisfies all constraints, and the text of each of its values."""
        key = self._fresh()
        texts = [str(key)]
        for i, column in enumerate(table.columns[1:], 1):
            texts.append(self._value(sampler, column, state[number], i, state)[0])
        return key, texts

    def overwrite(self, sampler: Sampler, tables: Sequence[TableDef], state: DatabaseState, number: int, key: int) -> Sql:
        """UPDATE of one existing row, to a value that breaks no constraint and that no reference depends on."""
        table, rows = tables[number], state[number]
        free = [i for i, column in enumerate(table.columns) if i and not column.unique and column.references is None]
        if not free:  # an UPDATE that changes nothing still takes the lock
            name = table.columns[1].name
            return sql(f"UPDATE {table.name} SET {name} = {name} WHERE id = {key}", SqlKind.DML)
        position = sampler.one_of(free)
        column = table.columns[position]
        literal, _ = self._value(sampler, column, rows, position, state)
        return sql(f"UPDATE {table.name} SET {column.name} = {literal} WHERE id = {key}", SqlKind.DML)

    def again(self, sampler: Sampler, tables: Sequence[TableDef], state: DatabaseState, number: int, key: int) -> Sql:
        """INSERT of a key that is taken, and of nothing else that could fail."""
        table = tables[number]
        _, texts = self.fresh_row(sampler, table, state, number)
        texts[0] = str(key)
        for i, column in enumerate(table.columns):
            if column.references is not None:
                texts[i] = "NULL"  # a foreign key would lock its parent, and then wait for another session than intended
        return sql(f"INSERT INTO {table.name} ({table.names}) VALUES ({', '.join(texts)})", SqlKind.DML)

    def _written(self, table: TableDef, number: int, rest: str, made: TableRows, keys: Sequence[int]) -> WriteStatement:
        text = f"UPDATE {table.name} {rest}"
        return WriteStatement(sql=sql(text, SqlKind.DML), affected=len(keys), number=number, rows=made, touched=tuple(keys))

    def _some(self, sampler: Sampler, table: TableDef, rows: TableRows, *, single: bool) -> tuple[str, list[int]]:
        """A WHERE and the ids of the rows that satisfy it; ``single``: at most one row."""
        if single or sampler.below(2):
            key = sampler.one_of(tuple(rows)) if rows else 0
            return f" WHERE id = {key}", [key] if rows else []
        # Without LIKE: its case folding differs between engines for letters beyond ASCII, and a write must be certain.
        conditions = ConditionGenerator(table, rows, self._profile.queries, self._parameters, like=False)
        condition = conditions.draw(sampler, min(self._profile.expression_depth, 2))
        test = condition.test
        return f" WHERE {condition.text}", [key for key, row in rows.items() if test(row) is True]

    def _row(
        self, sampler: Sampler, table: TableDef, rows: TableRows, state: DatabaseState, key: int, absent: Sequence[int]
    ) -> tuple[str, ColumnValues]:
        texts, values = [str(key)], [key]
        made: list[ColumnValue] = [*values]
        for i, column in enumerate(table.columns[1:], 1):
            if i in absent:
                made.append(column.default)
                continue
            literal, value = self._value(sampler, column, rows, i, state)
            texts.append(literal)
            made.append(value)
        return f"({', '.join(texts)})", tuple(made)

    def _value(
        self, sampler: Sampler, column: ColumnDef, rows: TableRows, position: int, state: DatabaseState
    ) -> tuple[str, ColumnValue]:
        """A value that satisfies the column's constraints, and its text."""
        if not column.not_null and sampler.chance(self._profile.values.null):
            return "NULL", None
        if column.references is not None:
            parents = tuple(state[column.references])
            value: ColumnValue = sampler.one_of(parents) if parents and sampler.below(4) else None
            return value_literal(value), value
        if column.unique:
            number = self._fresh()
            value = f"u{number}" if column.type in TEXT_TYPES else 100_000 + number
            return value_literal(value), value
        value = draw_value(sampler, column.type, self._profile.values, rows, position)
        literal, value = self._parameters.literal_or_bound(sampler, column.type, value)
        return literal, value

    def _fresh(self) -> int:
        self._last += 1
        return self._last


def _replaced(row: ColumnValues, position: int, value: ColumnValue) -> ColumnValues:
    return (*row[:position], value, *row[position + 1 :])


def _integers_at(rows: TableRows, keys: Sequence[int], position: int) -> list[int]:
    return [value for key in keys if isinstance(value := rows[key][position], int)]


def _referenced(tables: Sequence[TableDef], state: DatabaseState, number: int) -> set[ColumnValue]:
    """The ids of a table that rows of other tables refer to."""
    return {
        row[i]
        for other, table in enumerate(tables)
        for i, column in enumerate(table.columns)
        if column.references == number
        for row in state[other].values()
    }


def draw_failing_statement(
    sampler: Sampler, tables: Sequence[TableDef], state: DatabaseState, writer: WriteGenerator, *, may_write: bool
) -> tuple[Sql, Expectation]:
    """A statement and the error that it must fail with. Without ``may_write`` it is a query."""
    number = sampler.below(len(tables))
    table, rows = tables[number], state[number]
    broken: list[tuple[int, str, ErrorClass]] = []  # position, text of a value, the error it causes
    if may_write and sampler.below(4):
        if table.has_key and rows:
            broken.append((0, str(sampler.one_of(tuple(rows))), ErrorClass.UNIQUE_VIOLATION))
        for i, column in enumerate(table.columns):
            # SQLite fills a NULL in an INTEGER PRIMARY KEY with the next id instead of refusing it.
            if column.not_null and not (i == 0 and table.has_key):
                broken.append((i, "NULL", ErrorClass.NOT_NULL_VIOLATION))
            if column.forbidden is not None:
                broken.append((i, value_literal(column.forbidden), ErrorClass.CHECK_VIOLATION))
            used = [row[i] for row in rows.values() if row[i] is not None] if column.unique else []
            if used:
                broken.append((i, value_literal(sampler.one_of(used)), ErrorClass.UNIQUE_VIOLATION))
    if not broken:
        if sampler.below(2):
            return sql("SELECT id FROM missing", SqlKind.QUERY), expect_error(ErrorClass.UNDEFINED_TABLE)
        return sql(f"SELECT missing FROM {table.name}", SqlKind.QUERY), expect_error(ErrorClass.UNDEFINED_COLUMN)
    position, text, error = sampler.one_of(broken)
    # Exactly one value is wrong: with two, engines differ in which they report.
    _, texts = writer.fresh_row(sampler, table, state, number)
    texts[position] = text
    literal = f"INSERT INTO {table.name} ({table.names}) VALUES ({', '.join(texts)})"
    return sql(literal, SqlKind.DML), expect_error(error)
