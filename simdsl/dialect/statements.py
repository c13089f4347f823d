"""Whole statements: the order and limits of queries, the keys by which they sort, and INSERT, UPDATE and DELETE."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final, TypeAlias

from simdsl.dialect.arithmetic import raw_type
from simdsl.dialect.sqlglot_adapter import SqlParseError, SqlTree, exp, parse_tree
from simdsl.dialect.type_inference import ValueType, is_whole, strip_parens, value_type
from simdsl.dialect.unsupported import DialectPair, Unsupported
from simdsl.plan.sql import Dialect

_KEY_CONTEXTS: Final = (exp.OnConflict, exp.PrimaryKey, exp.UniqueColumnConstraint, exp.Schema, exp.ForeignKey)


def rewrite_query(tree: SqlTree, route: DialectPair) -> SqlTree:
    """Rewrite the order, the limits and the VALUES of a query. Returns the tree, whose root may be a new one.

    Raises ``Unsupported``.
    """
    for node in reversed(list(tree.walk())):
        match node:
            case exp.Ordered():
                _rewrite_order(node, route)
            case exp.Not() if isinstance(node.this, exp.Is) and isinstance(node.this.expression, (exp.Null, exp.Boolean)):
                # IS NOT NULL, the only form that SQL Server accepts in the WHERE of an index.
                test = node.this
                node.replace(exp.Is(this=test.this.copy(), expression=exp.Not(this=test.expression.copy())))
            case exp.Limit() | exp.Fetch() | exp.Offset():
                _rewrite_limit(node, route)
            case exp.Count() if route.target is Dialect.TSQL:
                node.set("big_int", False)
            case exp.Subquery() if isinstance(node.parent, (exp.From, exp.Join)) and not node.args.get("alias"):
                if route.target in (Dialect.TSQL, Dialect.MYSQL, Dialect.POSTGRES):
                    node.set("alias", exp.TableAlias(this=exp.to_identifier(f"_d{_number(node, tree)}")))
            case exp.CTE() if route.target is Dialect.TSQL:
                _recursion(node)
            case exp.Values() if node is not tree and not isinstance(node.parent, exp.Insert):
                _rewrite_values(node, route)
    if isinstance(tree, exp.Values) and route.target in (Dialect.TSQL, Dialect.MYSQL):
        if route.target is Dialect.MYSQL:
            raise Unsupported("VALUES as a query", "write SELECT ... UNION ALL SELECT ...")
        tree.set("alias", _alias(tree, "v"))
        return exp.select("*").from_(tree)
    return tree


def _rewrite_order(node: exp.Ordered, route: DialectPair) -> None:
    place = node.parent
    if isinstance(place, _KEY_CONTEXTS):
        if node.args.get("desc"):
            raise Unsupported("DESC in a key")
        node.replace(node.this.copy())
        return
    descends = bool(node.args.get("desc"))
    if isinstance(place, exp.IndexParameters):
        # NULLS FIRST or LAST is set to the engine's default, so that it is not generated: an index sorts as its engine does.
        first = {Dialect.POSTGRES: descends, Dialect.DUCKDB: False}.get(route.target, not descends)
        node.set("nulls_first", first)
        return
    # These two have no NULLS FIRST and LAST: sqlglot adds a key that sorts by IS NULL, which some queries do not allow.
    if route.target in (Dialect.TSQL, Dialect.MYSQL) and bool(node.args.get("nulls_first")) is descends:
        if is_whole(node.this):
            raise Unsupported("an ordinal in ORDER BY with NULL on the other side", "name the column")
        if isinstance(place, exp.Order) and isinstance(place.parent, exp.Select) and place.parent.args.get("distinct"):
            raise Unsupported("ORDER BY of DISTINCT rows with NULL on the other side")
    if isinstance(place, exp.Order) and route.target is Dialect.TSQL:
        _inner_order(place)


def _inner_order(order: exp.Order) -> None:
    query = order.parent
    inside = isinstance(query, exp.Query) and (isinstance(query.parent, (exp.Subquery, exp.CTE, exp.Create, exp.In)))
    if inside and isinstance(query, exp.Query) and not query.args.get("limit") and not query.args.get("offset"):
        raise Unsupported("ORDER BY without LIMIT inside a query", "leave it out: nothing hangs on it")


def _rewrite_limit(node: SqlTree, route: DialectPair) -> None:
    key = "count" if isinstance(node, exp.Fetch) else "expression"
    value = node.args.get(key)
    if value is None:
        return
    if isinstance(strip_parens(value), exp.Neg):
        if not is_whole(value) or isinstance(node, exp.Offset):
            raise Unsupported("a limit below 0")
        node.pop()  # a negative limit is no limit in SQLite
    elif not isinstance(strip_parens(value), (exp.Literal, exp.Placeholder)):
        raise Unsupported("a limit that is calculated", "write the number, or bind it")


def _recursion(node: exp.CTE) -> None:
    holder = node.parent
    if isinstance(holder, exp.With) and holder.args.get("recursive") and isinstance(node.this, exp.Union):
        own = any(table.name == node.alias for table in node.this.find_all(exp.Table))
        if own and node.this.args.get("distinct"):
            raise Unsupported("WITH RECURSIVE with UNION", "write UNION ALL")
        first = node.this.this
        for value in first.expressions if own and isinstance(first, exp.Select) else ():
            text = value.this if isinstance(value, exp.Alias) else value
            # A string literal has the type of its own length, and the recursive part would be cut to it.
            if value_type(text) is ValueType.TEXT:
                text.replace(exp.Cast(this=text.copy(), to=raw_type("NVARCHAR(MAX)")))


def _rewrite_values(node: exp.Values, route: DialectPair) -> None:
    alias = node.args.get("alias")
    if route.target is Dialect.TSQL and isinstance(node.parent, (exp.From, exp.Join)):
        if alias is None or not alias.args.get("columns"):
            node.set("alias", _alias(node, alias.name if alias is not None and alias.this is not None else "v"))
    elif route.target is Dialect.TSQL and isinstance(node.parent, (exp.CTE, exp.SetOperation, exp.Subquery)):
        named = node.copy()
        named.set("alias", _alias(node, "v"))
        node.replace(exp.select("*").from_(named))


def _alias(node: exp.Values, name: str) -> exp.TableAlias:
    width = len(node.expressions[0].expressions) if isinstance(node.expressions[0], exp.Tuple) else 1
    columns = [exp.to_identifier(f"column{i + 1}") for i in range(width)]
    return exp.TableAlias(this=exp.to_identifier(name), columns=columns)


def _number(node: SqlTree, tree: SqlTree) -> int:
    return next(i for i, one in enumerate(tree.find_all(exp.Subquery)) if one is node)


def rewrite_write(tree: SqlTree, route: DialectPair) -> None:
    """Rewrite INSERT, UPDATE and DELETE; any other statement is left as it is. Raises ``Unsupported``."""
    match tree:
        case exp.Insert():
            _insert(tree, route)
        case exp.Update():
            _update(tree, route)
        case exp.Delete():
            _changed(tree, route)
        case _:
            return
    returning = tree.args.get("returning")
    if returning is not None and route.target is Dialect.TSQL:
        _output(tree, returning)


def _insert(tree: exp.Insert, route: DialectPair) -> None:
    word = str(tree.args.get("alternative") or "").upper()
    if word == "ABORT" or (word == "IGNORE" and route.target is Dialect.POSTGRES):
        tree.set("alternative", None)
        if word == "IGNORE":
            if tree.args.get("conflict") is not None:
                raise Unsupported("INSERT OR IGNORE with ON CONFLICT")
            tree.set("conflict", exp.OnConflict(action=exp.Var(this="DO NOTHING")))
    if tree.args.get("default"):
        tree.set("default", None)
        words = "() VALUES ()" if route.target is Dialect.MYSQL else "DEFAULT VALUES"
        tree.set("expression", exp.Var(this=words))
    conflict = tree.args.get("conflict")
    query = tree.expression
    joins = isinstance(query, exp.Select) and not query.args.get("where")
    # Without a WHERE, SQLite parses the ON of ON CONFLICT as that of a join.
    if conflict is not None and joins and route.target is Dialect.SQLITE:
        query.set("where", exp.Where(this=exp.Boolean(this=True)))


def _update(tree: exp.Update, route: DialectPair) -> None:
    _changed(tree, route)
    if route.target not in (Dialect.TSQL, Dialect.MYSQL, Dialect.DUCKDB):
        return
    # (a, b) = (1, 2): one assignment each, which means the same since all right sides are evaluated first.
    pairs: list[SqlTree] = []
    for pair in tree.expressions:
        if isinstance(pair.this, exp.Tuple):
            values = strip_parens(pair.expression).expressions
            pairs += [exp.EQ(this=a.copy(), expression=b.copy()) for a, b in zip(pair.this.expressions, values, strict=True)]
        else:
            pairs.append(pair)
    tree.set("expressions", pairs)


def _changed(tree: exp.Update | exp.Delete, route: DialectPair) -> None:
    table = tree.this
    if isinstance(table, exp.Table) and table.args.get("alias") and route.target in (Dialect.TSQL, Dialect.MYSQL):
        raise Unsupported("an alias of the table that is changed", "use its own name")
    if isinstance(table, exp.Table) and table.args.get("joins"):
        raise Unsupported("a join in the table that is changed")
    if tree.args.get("order") is not None:
        raise Unsupported("ORDER BY of rows that are changed", "choose the rows with a subquery")


def _output(tree: SqlTree, returning: SqlTree) -> None:
    """Qualify the columns of OUTPUT: SQL Server returns rows from before (DELETED) or after (INSERTED) the change."""
    rows = "DELETED" if isinstance(tree, exp.Delete) else "INSERTED"
    for column in list(returning.find_all(exp.Column)):
        column.set("table", exp.to_identifier(rows))
    for star in list(returning.find_all(exp.Star)):
        if isinstance(star.parent, exp.Returning):
            star.replace(exp.Column(this=exp.Star(), table=exp.to_identifier(rows)))


TableColumns: TypeAlias = Mapping[str, tuple[str, ...]]
"""The names of the columns of tables, by the name of the table; all in lower case."""


NO_COLUMNS: Final[TableColumns] = MappingProxyType({})


def sort_keys(text: str, dialect: Dialect, columns: TableColumns = NO_COLUMNS) -> tuple[int, ...] | None:
    """The result columns, counted from 0, of the outermost ORDER BY, as far as they are in the select list.

    None if the query cannot be parsed, has no ORDER BY, or selects a star from anything but one table with known columns.
    The result ends before the first key that is not selected: the order of later keys depends on it.
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
        found = _selected_column(key.this if isinstance(key, exp.Ordered) else key, selected)
        if found is None:
            break
        keys.append(found)
    return tuple(keys)


def columns_of(texts: Sequence[str], dialect: Dialect) -> TableColumns:
    """The columns of the tables that the statements create, without tables that are altered or created in two ways."""
    found: dict[str, tuple[str, ...]] = {}
    unsure: set[str] = set()
    for text in texts:
        # Parsing costs a millisecond, and most statements of a plan are no DDL.
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
    """The select list, with a star expanded to columns."""
    selected = list(tree.selects)
    if not any(one.is_star for one in selected):
        return selected
    tables = list(tree.find_all(exp.Table))
    if not isinstance(tree, exp.Select) or len(selected) != 1 or len(tables) != 1 or tree.find(exp.Subquery, exp.CTE):
        return None
    names = columns.get(tables[0].name.lower())
    return [exp.column(name) for name in names] if names is not None else None


def _selected_column(key: SqlTree, selected: list[SqlTree]) -> int | None:
    if isinstance(key, exp.Literal) and not key.is_string:
        number = int(key.this) if str(key.this).isdecimal() else 0
        return number - 1 if 1 <= number <= len(selected) else None
    for i, one in enumerate(selected):
        if isinstance(key, exp.Column) and not key.table and one.alias_or_name.lower() == key.name.lower():
            return i
        if one.unalias() == key:
            return i
    return None
