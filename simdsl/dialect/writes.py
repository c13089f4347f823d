"""INSERT, UPDATE and DELETE: conflicts, what they return, defaults, several columns set at once."""

from __future__ import annotations

from simdsl.dialect.dialect_pair import DialectPair, Unsupported
from simdsl.dialect.sqlglot_adapter import SqlTree, exp
from simdsl.dialect.type_inference import strip_parens
from simdsl.plan.sql import Dialect


def rewrite_write(tree: SqlTree, route: DialectPair) -> None:
    """Mend a statement that changes rows; others are left alone."""
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
    if conflict is not None and joins and route.target is Dialect.SQLITE:  # which would read ON as a join's
        query.set("where", exp.Where(this=exp.Boolean(this=True)))


def _update(tree: exp.Update, route: DialectPair) -> None:
    _changed(tree, route)
    if route.target not in (Dialect.TSQL, Dialect.MYSQL, Dialect.DUCKDB):
        return
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
    """SQL Server returns rows before or after the change, and wants to be told which."""
    rows = "DELETED" if isinstance(tree, exp.Delete) else "INSERTED"
    for column in list(returning.find_all(exp.Column)):
        column.set("table", exp.to_identifier(rows))
    for star in list(returning.find_all(exp.Star)):
        if isinstance(star.parent, exp.Returning):
            star.replace(exp.Column(this=exp.Star(), table=exp.to_identifier(rows)))
