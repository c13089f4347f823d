"""Passes over tables: fewer tables, rows, columns and constraints."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import TypeAlias

from simdsl.dialect.sqlglot_adapter import SqlTree, canonical_text, exp
from simdsl.plan.diagnostics import Path
from simdsl.plan.expectations import ComparisonOperator, Count, CountUnit, Expectation
from simdsl.plan.steps import SqlStep
from simdsl.shrinker.case import ShrinkCase
from simdsl.shrinker.deletion import Dependencies
from simdsl.shrinker.query_passes import parsed_statements, with_statements


def merge_tables(case: ShrinkCase) -> Iterator[ShrinkCase]:
    """Each table that the plan creates becomes each other one; what creates and fills it goes. The last table first."""
    read = [(path, tree) for path, _, tree in parsed_statements(case)]
    names = [name for _, tree in read if (name := _made(tree)) is not None]
    for name in reversed(names):
        for other in [one for one in names if one != name]:
            renamed = with_statements(case, {path: _renamed(tree, name, other) for path, tree in read})
            gone = {path for path, tree in read if isinstance(tree, exp.Create | exp.Insert) and _about(tree) == name}
            if renamed is not None and (made := renamed.without(Dependencies.of(renamed).with_dependents(gone))) is not None:
                yield made


def _made(tree: SqlTree) -> str | None:
    return _about(tree) if isinstance(tree, exp.Create) and tree.kind == "TABLE" else None


def _about(tree: SqlTree) -> str | None:
    """The table that a statement creates, fills or indexes."""
    table = tree.find(exp.Table)
    return table.name if table is not None else None


def _renamed(tree: SqlTree, name: str, other: str) -> SqlTree:
    changed = tree.copy()
    for table in [table for table in changed.find_all(exp.Table) if table.name == name]:
        table.this.set("this", other)
    return changed


def remove_rows(case: ShrinkCase) -> Iterator[ShrinkCase]:
    """Each INSERT with the rows of the next one; without half of its rows, without each row, without each column."""
    yield from _merged(case)
    for path, step, tree in reversed(list(parsed_statements(case))):
        rows = _rows(tree)
        for gone in _selections(len(rows)):
            kept = len(rows) - len(gone)
            changed = with_statements(case, {path: _without_rows(tree, gone)}, {path: _fewer(step, len(rows), kept)})
            if changed is not None:
                yield changed
        for i in reversed(range(len(_columns(tree)))):
            if len(_columns(tree)) > 1 and rows:
                changed = with_statements(case, {path: without_column(tree, i)})
                if changed is not None:
                    yield changed


def _merged(case: ShrinkCase) -> Iterator[ShrinkCase]:
    """Two INSERTs of one task with the same head as one, the rows of the later one behind those of the earlier."""
    inserts = [(path, step, tree) for path, step, tree in parsed_statements(case) if _rows(tree)]
    for (path, step, tree), (other, later, more) in pairwise(inserts):
        # Same list, task and head: the rows arrive at the same time on the same connection as before.
        if (path[:-1], step.task, tree.this) == (other[:-1], later.task, more.this):
            changed = tree.copy()
            changed.args["expression"].set("expressions", [*_rows(changed), *_rows(more.copy())])
            merged = with_statements(case, {path: changed}, {path: None})
            if merged is not None and (made := merged.without({other})) is not None:
                yield made


def without_column(tree: SqlTree, gone: int) -> SqlTree:
    """An INSERT without a column: its name, where names are given, and its value in each row."""
    changed = tree.copy()
    target = changed.args["this"]
    if isinstance(target, exp.Schema):
        target.set("expressions", [column for i, column in enumerate(target.expressions) if i != gone])
    for row in _rows(changed):
        row.set("expressions", [cell for i, cell in enumerate(row.expressions) if i != gone])
    return changed


def _selections(n: int) -> Iterator[set[int]]:
    # Halves first where there are many rows; single rows always.
    if n > 3:
        yield set(range(n // 2, n))
        yield set(range(n // 2))
    if n > 1:
        yield from ({i} for i in reversed(range(n)))


def _rows(tree: SqlTree) -> list[SqlTree]:
    values = tree.args.get("expression") if isinstance(tree, exp.Insert) else None
    return list(values.expressions) if isinstance(values, exp.Values) else []


def _columns(tree: SqlTree) -> list[SqlTree]:
    target = tree.args.get("this")
    return list(target.expressions) if isinstance(tree, exp.Insert) and isinstance(target, exp.Schema) else []


def _without_rows(tree: SqlTree, gone: set[int]) -> SqlTree:
    changed = tree.copy()
    values = changed.args["expression"]
    values.set("expressions", [row for i, row in enumerate(values.expressions) if i not in gone])
    return changed


def _fewer(step: SqlStep, before: int, after: int) -> Expectation | None:
    """The expectation of an INSERT with fewer rows: `3 affected` becomes `2 affected`, or the shorter INSERT would fail."""
    if step.expect is None:
        return None
    return tuple(
        replace(one, n=after)
        if isinstance(one, Count)
        and one.what is CountUnit.AFFECTED
        and one.comparison is ComparisonOperator.EQ
        and one.n == before
        else one
        for one in step.expect
    )


ParsedStatements: TypeAlias = Sequence[tuple[Path, SqlTree]]


def remove_columns(case: ShrinkCase) -> Iterator[ShrinkCase]:
    """Columns without a use: of all tables at once, then of each table; then aliases within queries.

    A column goes with its values in every INSERT and with the result columns that show it, in one proposal: half of that
    would not even run. Columns that a condition names stay.
    """
    read = [(path, tree) for path, _, tree in parsed_statements(case)]
    tables = {_table(tree): _defined(tree) for _, tree in read if _defined(tree)}
    names = dict.fromkeys(name for columns in tables.values() for name in reversed(columns))
    aliases = dict.fromkeys(alias.alias for _, tree in read for alias in tree.find_all(exp.Alias))
    for name in (*names, *(alias for alias in aliases if alias not in names)):
        yield from _without(case, read, name, tables)
        owners = [table for table, columns in tables.items() if name in columns]
        for table in owners if len(owners) > 1 else ():
            here = [(path, tree) for path, tree in read if _names(tree, table)]
            yield from _without(case, here, name, {table: tables[table]})


def _without(
    case: ShrinkCase, read: ParsedStatements, name: str, tables: Mapping[str, Sequence[str]]
) -> Iterator[ShrinkCase]:
    changes = {path: _dropped(tree, name, tables) for path, tree in read if _names(tree, name)}
    changes |= {path: _dropped(tree, name, tables) for path, tree in read if isinstance(tree, exp.Insert)}
    # A column that is still named somewhere would only fail to run.
    if not any(_names(tree, name) for tree in changes.values()) and (made := with_statements(case, changes)) is not None:
        yield made


def _dropped(tree: SqlTree, name: str, tables: Mapping[str, Sequence[str]]) -> SqlTree:
    """A statement without the column and the result columns that name it; the last column of a list stays."""
    changed = tree.copy()
    for select in list(changed.find_all(exp.Select)):
        left = [column for column in select.expressions if column.alias != name and not _names(column, name)]
        select.set("expressions", left or select.expressions)
    if isinstance(changed, exp.Create) and isinstance(changed.this, exp.Schema):
        left = [part for part in changed.this.expressions if not (isinstance(part, exp.ColumnDef) and part.name == name)]
        changed.this.set("expressions", left or changed.this.expressions)
    if isinstance(changed, exp.Insert):
        target = changed.this
        named = [column.name for column in target.expressions] if isinstance(target, exp.Schema) else []
        columns = named or list(tables.get(_table(changed), ()))
        if name in columns and len(columns) > 1:
            changed = without_column(changed, columns.index(name))
    return changed


def _defined(tree: SqlTree) -> Sequence[str]:
    """The columns that CREATE TABLE gives a table."""
    if not isinstance(tree, exp.Create) or not isinstance(tree.this, exp.Schema):
        return ()
    return [part.name for part in tree.this.expressions if isinstance(part, exp.ColumnDef)]


def _table(tree: SqlTree) -> str:
    table = tree.find(exp.Table)
    return table.name if table is not None else ""


def _names(tree: SqlTree, name: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(name)}(?!\w)", canonical_text(tree)) is not None


def remove_constraints(case: ShrinkCase) -> Iterator[ShrinkCase]:
    """Each constraint of a table or a column, the last table first. Last of all passes: few bugs need their absence."""
    for path, _, tree in reversed(list(parsed_statements(case))):
        if isinstance(tree, exp.Create) and isinstance(tree.this, exp.Schema):
            for changed in _unconstrained(tree):
                if (made := with_statements(case, {path: changed})) is not None:
                    yield made


def _unconstrained(tree: SqlTree) -> Iterator[SqlTree]:
    for i, part in reversed(list(enumerate(tree.this.expressions))):
        if not isinstance(part, exp.ColumnDef):
            changed = tree.copy()
            changed.this.set("expressions", [one for j, one in enumerate(changed.this.expressions) if j != i])
            yield changed
        for j in reversed(range(len(part.args.get("constraints") or ()))):
            changed = tree.copy()
            column = changed.this.expressions[i]
            column.set("constraints", [one for k, one in enumerate(column.args["constraints"]) if k != j])
            yield changed
