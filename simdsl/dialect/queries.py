"""Queries: order and NULL, limits, VALUES, derived tables."""

from __future__ import annotations

from typing import Final

from simdsl.dialect.arithmetic import raw_type
from simdsl.dialect.dialect_pair import DialectPair, Unsupported
from simdsl.dialect.sqlglot_adapter import SqlTree, exp
from simdsl.dialect.type_inference import ValueType, is_whole, strip_parens, value_type
from simdsl.plan.sql import Dialect

_KEYS: Final = (exp.OnConflict, exp.PrimaryKey, exp.UniqueColumnConstraint, exp.Schema, exp.ForeignKey)


def rewrite_query(tree: SqlTree, route: DialectPair) -> SqlTree:
    """Mend what rows a query has and in which order; returns the tree, whose root may be another one."""
    for node in reversed(list(tree.walk())):
        match node:
            case exp.Ordered():
                _order(node, route)
            case exp.Not() if isinstance(node.this, exp.Is) and isinstance(node.this.expression, (exp.Null, exp.Boolean)):
                test = node.this  # as people write it, and the only way in an index on some rows of SQL Server
                node.replace(exp.Is(this=test.this.copy(), expression=exp.Not(this=test.expression.copy())))
            case exp.Limit() | exp.Fetch() | exp.Offset():
                _limit(node, route)
            case exp.Count() if route.target is Dialect.TSQL:
                node.set("big_int", False)
            case exp.Subquery() if isinstance(node.parent, (exp.From, exp.Join)) and not node.args.get("alias"):
                if route.target in (Dialect.TSQL, Dialect.MYSQL, Dialect.POSTGRES):
                    node.set("alias", exp.TableAlias(this=exp.to_identifier(f"_d{_number(node, tree)}")))
            case exp.CTE() if route.target is Dialect.TSQL:
                _recursion(node)
            case exp.Values() if node is not tree and not isinstance(node.parent, exp.Insert):
                _values(node, route)
    if isinstance(tree, exp.Values) and route.target in (Dialect.TSQL, Dialect.MYSQL):
        if route.target is Dialect.MYSQL:
            raise Unsupported("VALUES as a query", "write SELECT ... UNION ALL SELECT ...")
        tree.set("alias", _alias(tree, "v"))
        return exp.select("*").from_(tree)
    return tree


def _order(node: exp.Ordered, route: DialectPair) -> None:
    place = node.parent
    if isinstance(place, _KEYS):
        if node.args.get("desc"):
            raise Unsupported("DESC in a key")
        node.replace(node.this.copy())
        return
    descends = bool(node.args.get("desc"))
    if isinstance(place, exp.IndexParameters):
        # An index is written without NULLS, in whatever way its engine sorts.
        first = {Dialect.POSTGRES: descends, Dialect.DUCKDB: False}.get(route.target, not descends)
        node.set("nulls_first", first)
        return
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


def _limit(node: SqlTree, route: DialectPair) -> None:
    key = "count" if isinstance(node, exp.Fetch) else "expression"
    value = node.args.get(key)
    if value is None:
        return
    if isinstance(strip_parens(value), exp.Neg):
        if not is_whole(value) or isinstance(node, exp.Offset):
            raise Unsupported("a limit below 0")
        node.pop()  # to SQLite, a negative limit is none
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
            if value_type(text) is ValueType.TEXT:  # else its type would be too short for what follows
                text.replace(exp.Cast(this=text.copy(), to=raw_type("NVARCHAR(MAX)")))


def _values(node: exp.Values, route: DialectPair) -> None:
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
