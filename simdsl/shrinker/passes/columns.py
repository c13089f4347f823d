"""Columns that need not be there: of tables, with their values, and of the results that show them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

from simdsl.dialect.door import Tree, exp, told
from simdsl.plan.ir import Path
from simdsl.shrinker.case import Case
from simdsl.shrinker.passes.rows import without_column
from simdsl.shrinker.passes.statements import rewritten, trees

Read: TypeAlias = Sequence[tuple[Path, Tree]]


def propose(case: Case) -> Iterator[Case]:
    """Each name of a column that no condition names: of all tables, then of each table; then names within queries."""
    read = [(path, tree) for path, _, tree in trees(case)]
    tables = {_table(tree): _defined(tree) for _, tree in read if _defined(tree)}
    names = dict.fromkeys(name for columns in tables.values() for name in reversed(columns))
    aliases = dict.fromkeys(alias.alias for _, tree in read for alias in tree.find_all(exp.Alias))
    for name in (*names, *(alias for alias in aliases if alias not in names)):
        yield from _without(case, read, name, tables)
        owners = [table for table, columns in tables.items() if name in columns]
        for table in owners if len(owners) > 1 else ():
            here = [(path, tree) for path, tree in read if _names(tree, table)]
            yield from _without(case, here, name, {table: tables[table]})


def _without(case: Case, read: Read, name: str, tables: Mapping[str, Sequence[str]]) -> Iterator[Case]:
    changes = {path: _dropped(tree, name, tables) for path, tree in read if _names(tree, name)}
    changes |= {path: _dropped(tree, name, tables) for path, tree in read if isinstance(tree, exp.Insert)}
    if not any(_names(tree, name) for tree in changes.values()) and (made := rewritten(case, changes)) is not None:
        yield made


def _dropped(tree: Tree, name: str, tables: Mapping[str, Sequence[str]]) -> Tree:
    """A statement without the column, and without the columns of results that name it; the last one stays."""
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


def _defined(tree: Tree) -> Sequence[str]:
    """The columns that CREATE TABLE gives a table."""
    if not isinstance(tree, exp.Create) or not isinstance(tree.this, exp.Schema):
        return ()
    return [part.name for part in tree.this.expressions if isinstance(part, exp.ColumnDef)]


def _table(tree: Tree) -> str:
    table = tree.find(exp.Table)
    return table.name if table is not None else ""


def _names(tree: Tree, name: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(name)}(?!\w)", told(tree)) is not None
