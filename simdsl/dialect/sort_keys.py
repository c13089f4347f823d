"""By which columns of its result a query sorts: as far as two engines can be asked to agree about an order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final, TypeAlias

from simdsl.dialect.sqlglot_adapter import SqlParseError, SqlTree, exp, parse_tree
from simdsl.plan.sql import Dialect

TableColumns: TypeAlias = Mapping[str, tuple[str, ...]]
"""The names of the columns of tables, by the name of the table; all in lower case."""


NO_COLUMNS: Final[TableColumns] = MappingProxyType({})


def sort_keys(text: str, dialect: Dialect, columns: TableColumns = NO_COLUMNS) -> tuple[int, ...] | None:
    """The columns of the outermost ORDER BY, from 0, in its order, as far as they stand in the select list.

    None where the query cannot be read, has no such ORDER BY, or selects by a star from what is not one table whose columns
    are known. Behind a key that is not selected, the order of the others says nothing.
    """
    try:
        tree = parse_tree(text, dialect)
    except SqlParseError:
        return None
    order = tree.args.get("order")
    if not isinstance(tree, exp.Query) or order is None:
        return None
    selected = _selected(tree, columns)
    if selected is None:
        return None
    keys: list[int] = []
    for key in order.expressions:
        found = _column(key.this if isinstance(key, exp.Ordered) else key, selected)
        if found is None:
            break
        keys.append(found)
    return tuple(keys)


def columns_of(texts: Sequence[str], dialect: Dialect) -> TableColumns:
    """The columns of the tables that these statements create. What is altered, or created in two ways, is left out."""
    found: dict[str, tuple[str, ...]] = {}
    unsure: set[str] = set()
    for text in texts:
        if text.lstrip()[:6].upper() not in ("CREATE", "ALTER "):
            continue
        try:
            tree = parse_tree(text, dialect)
        except SqlParseError:
            continue
        table = tree.find(exp.Table)
        name = table.name.lower() if table is not None else ""
        if isinstance(tree, exp.Create) and isinstance(tree.this, exp.Schema):
            names = tuple(one.name.lower() for one in tree.this.expressions if isinstance(one, exp.ColumnDef))
            if found.setdefault(name, names) != names:
                unsure.add(name)
        elif isinstance(tree, exp.Alter):
            unsure.add(name)
    return {name: names for name, names in found.items() if name not in unsure}


def _selected(tree: exp.Query, columns: TableColumns) -> list[SqlTree] | None:
    """The select list, a star written out."""
    selected = list(tree.selects)
    if not any(one.is_star for one in selected):
        return selected
    tables = list(tree.find_all(exp.Table))
    if not isinstance(tree, exp.Select) or len(selected) != 1 or len(tables) != 1 or tree.find(exp.Subquery, exp.CTE):
        return None
    names = columns.get(tables[0].name.lower())
    return [exp.column(name) for name in names] if names is not None else None


def _column(key: SqlTree, selected: list[SqlTree]) -> int | None:
    if isinstance(key, exp.Literal) and not key.is_string:
        number = int(key.this) if str(key.this).isdecimal() else 0
        return number - 1 if 1 <= number <= len(selected) else None
    for i, one in enumerate(selected):
        if isinstance(key, exp.Column) and not key.table and one.alias_or_name.lower() == key.name.lower():
            return i
        if one.unalias() == key:
            return i
    return None
