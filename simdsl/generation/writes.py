"""INSERT, UPDATE, DELETE and upserts: those that succeed, with the rows that they leave, and those that must fail."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from simdsl.generation.column_values import INTEGER_TYPES, TEXT_TYPES, ColumnValue, ColumnValues, draw_value, value_literal
from simdsl.generation.conditions import ConditionGenerator
from simdsl.generation.sampler import Sampler
from simdsl.generation.schema import ColumnDef, TableDef
from simdsl.generation.statements import BoundParameters, DatabaseState, TableRows, WriteStatement, expect_error, sql
from simdsl.plan.expectations import Expectation
from simdsl.plan.outcomes import ErrorClass
from simdsl.plan.sql import Sql, SqlKind
from simdsl.profiles.profile import Profile

MAX_ROWS: Final = 24
"""A table with so many rows gets no more, so that a plan stays quick however long it is."""


class WriteGenerator:
    """Draws writes for a schema. It numbers rows and unique values, so that no two tasks make the same."""

    def __init__(self, profile: Profile, bank: BoundParameters) -> None:
        self._profile = profile
        self._bank = bank
        self._last = 0

    def insert(self, sampler: Sampler, tables: Sequence[TableDef], state: DatabaseState, number: int) -> WriteStatement:
        """New rows; where the table is full, a DELETE instead."""
        table, rows = tables[number], state[number]
        if len(rows) >= MAX_ROWS:
            return self.delete(sampler, tables, state, number)
        absent = [i for i, column in enumerate(table.columns) if i and column.default is not None and sampler.below(3) == 0]
        made, texts = dict(rows), []
        count = 1 + sampler.below(max(self._profile.schema.rows, 1))
        for _ in range(count):
            said, row = self._row(sampler, table, rows, state, self._fresh(), absent)
            made[row[0]] = row  # type: ignore[index]  # a row begins with its key, an integer
            texts.append(said)
        names = ", ".join(column.name for i, column in enumerate(table.columns) if i not in absent)
        text = f"INSERT INTO {table.name} ({names}) VALUES {', '.join(texts)}"
        return WriteStatement(sql=sql(text, SqlKind.DML), affected=count, number=number, rows=made, touched=())

    def upsert(self, sampler: Sampler, tables: Sequence[TableDef], state: DatabaseState, number: int) -> WriteStatement:
        """A row that is new, or whose key is there; a plain INSERT where the table has no key."""
        table, rows = tables[number], state[number]
        free = [i for i, column in enumerate(table.columns) if i and not column.unique]
        if not table.has_key or not free:
            return self.insert(sampler, tables, state, number)
        is_there = bool(rows) and (sampler.below(3) > 0 or len(rows) >= MAX_ROWS)
        key = sampler.one_of(tuple(rows)) if is_there else self._fresh()
        said, row = self._row(sampler, table, rows, state, key, ())
        position = sampler.one_of(free)
        name = table.columns[position].name
        text = (
            f"INSERT INTO {table.name} ({table.names}) VALUES {said} ON CONFLICT (id) DO UPDATE SET {name} = excluded.{name}"
        )
        if is_there:
            row = _replaced(rows[key], position, row[position])
        touched = (key,) if is_there else ()
        return WriteStatement(
            sql=sql(text, SqlKind.DML), affected=1, number=number, rows={**rows, key: row}, touched=touched
        )

    def update(self, sampler: Sampler, tables: Sequence[TableDef], state: DatabaseState, number: int) -> WriteStatement:
        """A column of some rows gets a value, or becomes larger."""
        table, rows = tables[number], state[number]
        position = 1 + sampler.below(len(table.columns) - 1)
        column = table.columns[position]
        where, keys = self._some(sampler, table, rows, single=column.unique)
        made = dict(rows)
        if column.type in INTEGER_TYPES and column.references is None and not column.unique and sampler.below(2):
            delta = 1 + sampler.below(9)
            if all(
                abs(value) < 20_000 and value + delta != column.forbidden for value in _integers_at(rows, keys, position)
            ):
                for key in keys:
                    old = rows[key][position]
                    made[key] = _replaced(rows[key], position, None if old is None else old + delta)  # type: ignore[operator]  # a number
                return self._written(table, number, f"SET {column.name} = {column.name} + {delta}{where}", made, keys)
        said, value = self._value(sampler, column, rows, position, state)
        for key in keys:
            made[key] = _replaced(rows[key], position, value)
        return self._written(table, number, f"SET {column.name} = {said}{where}", made, keys)

    def delete(self, sampler: Sampler, tables: Sequence[TableDef], state: DatabaseState, number: int) -> WriteStatement:
        """Some rows go, but none that another table refers to, and not most of them: there would be nothing left to do."""
        table, rows = tables[number], state[number]
        where, keys = self._some(sampler, table, rows, single=False)
        held = _referenced(tables, state, number)
        if any(key in held for key in keys) or len(keys) > max(len(rows) // 2, 1):
            free = [key for key in rows if key not in held]
            keys = [sampler.one_of(free)] if free else []
            where = f" WHERE id = {keys[0] if keys else 0}"
        gone = set(keys)
        left = {key: row for key, row in rows.items() if key not in gone}
        text = f"DELETE FROM {table.name}{where}"
        return WriteStatement(sql=sql(text, SqlKind.DML), affected=len(keys), number=number, rows=left, touched=tuple(keys))

    def fresh_row(self, sampler: Sampler, table: TableDef, state: DatabaseState, number: int) -> tuple[int, list[str]]:
        """The id of a row that could be inserted, and the text of each of its values."""
        key = self._fresh()
        texts = [str(key)]
        for i, column in enumerate(table.columns[1:], 1):
            texts.append(self._value(sampler, column, state[number], i, state)[0])
        return key, texts

    def overwrite(self, sampler: Sampler, tables: Sequence[TableDef], state: DatabaseState, number: int, key: int) -> Sql:
        """One row that is there gets a value that it could keep, which no other row and no reference depends on."""
        table, rows = tables[number], state[number]
        free = [i for i, column in enumerate(table.columns) if i and not column.unique and column.references is None]
        if not free:
            name = table.columns[1].name
            return sql(f"UPDATE {table.name} SET {name} = {name} WHERE id = {key}", SqlKind.DML)
        position = sampler.one_of(free)
        column = table.columns[position]
        said, _ = self._value(sampler, column, rows, position, state)
        return sql(f"UPDATE {table.name} SET {column.name} = {said} WHERE id = {key}", SqlKind.DML)

    def again(self, sampler: Sampler, tables: Sequence[TableDef], state: DatabaseState, number: int, key: int) -> Sql:
        """A row with a key that is taken, and with nothing else that could be in the way."""
        table = tables[number]
        _, texts = self.fresh_row(sampler, table, state, number)
        texts[0] = str(key)
        for i, column in enumerate(table.columns):
            if column.references is not None:
                texts[i] = "NULL"
        return sql(f"INSERT INTO {table.name} ({table.names}) VALUES ({', '.join(texts)})", SqlKind.DML)

    def _written(self, table: TableDef, number: int, rest: str, made: TableRows, keys: Sequence[int]) -> WriteStatement:
        text = f"UPDATE {table.name} {rest}"
        return WriteStatement(sql=sql(text, SqlKind.DML), affected=len(keys), number=number, rows=made, touched=tuple(keys))

    def _some(self, sampler: Sampler, table: TableDef, rows: TableRows, *, single: bool) -> tuple[str, list[int]]:
        """A WHERE and the ids of the rows that meet it; ``single``: of one row at most."""
        if single or sampler.below(2):
            key = sampler.one_of(tuple(rows)) if rows else 0
            return f" WHERE id = {key}", [key] if rows else []
        conditions = ConditionGenerator(table, rows, self._profile.queries, self._bank, like=False)
        condition = conditions.drawn(sampler, min(self._profile.expression_depth, 2))
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
            said, value = self._value(sampler, column, rows, i, state)
            texts.append(said)
            made.append(value)
        return f"({', '.join(texts)})", tuple(made)

    def _value(
        self, sampler: Sampler, column: ColumnDef, rows: TableRows, position: int, state: DatabaseState
    ) -> tuple[str, ColumnValue]:
        """A value that the column takes, and its text."""
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
        said, value = self._bank.said(sampler, column.type, value)
        return said, value

    def _fresh(self) -> int:
        self._last += 1
        return self._last


def _replaced(row: ColumnValues, position: int, value: ColumnValue) -> ColumnValues:
    return (*row[:position], value, *row[position + 1 :])


def _integers_at(rows: TableRows, keys: Sequence[int], position: int) -> list[int]:
    return [value for key in keys if isinstance(value := rows[key][position], int)]


def _referenced(tables: Sequence[TableDef], state: DatabaseState, number: int) -> set[ColumnValue]:
    """The ids of a table to which rows of other tables refer."""
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
    """A statement and the error that it must come to. Without ``may_write`` it is a query."""
    number = sampler.below(len(tables))
    table, rows = tables[number], state[number]
    broken: list[tuple[int, str, ErrorClass]] = []  # position, text of a value, what comes of it
    if may_write and sampler.below(4):
        if table.has_key and rows:
            broken.append((0, str(sampler.one_of(tuple(rows))), ErrorClass.UNIQUE_VIOLATION))
        for i, column in enumerate(table.columns):
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
    _, texts = writer.fresh_row(sampler, table, state, number)
    texts[position] = text
    said = f"INSERT INTO {table.name} ({table.names}) VALUES ({', '.join(texts)})"
    return sql(said, SqlKind.DML), expect_error(error)
