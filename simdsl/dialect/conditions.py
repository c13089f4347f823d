"""Conditions and values: to SQLite and MySQL they are one thing, to PostgreSQL and DuckDB two types, and SQL Server has no
type for the former at all.
"""

from __future__ import annotations

from typing import Final

from simdsl.dialect.dialect_pair import DialectPair, Unsupported
from simdsl.dialect.sqlglot_adapter import SqlTree, exp
from simdsl.dialect.type_inference import (
    ARITHMETIC,
    BITWISE,
    COMPARISONS,
    NUMERIC,
    ValueType,
    branches,
    is_predicate,
    is_zero,
    strip_parens,
    value_type,
    with_parens,
)
from simdsl.plan.sql import Dialect

_COUNTING: Final = (
    exp.Sum,
    exp.Avg,
    exp.Abs,
    exp.Round,
    exp.Max,
    exp.Min,
    exp.Neg,
    exp.Sign,
    exp.Ceil,
    exp.Floor,
    *ARITHMETIC,
    *BITWISE,
)


def rewrite_conditions(tree: SqlTree, route: DialectPair) -> None:
    """Values that stand for conditions become conditions, and conditions that stand for values become values."""
    if route.target in (Dialect.SQLITE, Dialect.MYSQL):
        return
    for node in reversed(list(tree.walk())):
        if isinstance(node, exp.Is) and isinstance(strip_parens(node.expression), exp.Boolean):
            _truth(node, route)
    for node in reversed(list(tree.walk())):
        if isinstance(node, (exp.Paren, exp.Query)) and not isinstance(node, exp.Subquery):
            continue
        if not isinstance(node, exp.Condition) or isinstance(node.parent, exp.Escape):
            continue
        wants, has = _is_wanted(node), is_predicate(node)
        if wants and isinstance(node, exp.Boolean) and route.target is Dialect.TSQL:
            node.replace(_always(bool(node.this)))
        elif wants and not has:
            _as_condition(node, route)
        elif has and not wants:
            _as_value(node, route)


def _is_wanted(node: SqlTree) -> bool:
    """Whether a condition is wanted where a node stands."""
    place = with_parens(node)
    parent = place.parent
    if isinstance(parent, (exp.And, exp.Or, exp.Not, exp.Where, exp.Having, exp.CheckColumnConstraint)):
        return True
    if isinstance(parent, exp.Join):
        return place.arg_key == "on"
    if isinstance(parent, exp.If) and place.arg_key == "this":
        case = parent.parent
        return not (isinstance(case, exp.Case) and case.args.get("this") is not None)
    return (
        isinstance(parent, exp.Is) and place.arg_key == "this" and isinstance(strip_parens(parent.expression), exp.Boolean)
    )


def _truth(node: exp.Is, route: DialectPair) -> None:
    """``x IS TRUE`` is never NULL. SQL Server has no such test."""
    if route.target is not Dialect.TSQL:
        return
    condition = node.this
    if not strip_parens(node.expression).this:
        condition = exp.Not(this=exp.Paren(this=condition.copy()))
    test = exp.Case(ifs=[exp.If(this=condition.copy(), true=_number(1))], default=_number(0))
    node.replace(exp.EQ(this=test, expression=_number(1)) if _is_wanted(node) else test)


def _as_condition(node: SqlTree, route: DialectPair) -> None:
    kind = value_type(node)
    if isinstance(node, exp.Literal):
        if node.is_string:
            raise Unsupported("a text as a condition", "compare it with something")
        truth = not is_zero(node)
        node.replace(_always(truth) if route.target is Dialect.TSQL else exp.Boolean(this=truth))
    elif kind is ValueType.NULL:
        if route.target is Dialect.TSQL:
            node.replace(exp.Paren(this=exp.EQ(this=exp.Null(), expression=_number(1))))
    elif kind is ValueType.TEXT:
        raise Unsupported("a text as a condition", "compare it with something")
    elif route.target is Dialect.TSQL or kind in NUMERIC:
        _unequal_zero(node)
    elif route.target is Dialect.POSTGRES and kind is ValueType.UNKNOWN:
        node.replace(exp.Cast(this=node.copy(), to=exp.DataType.build("boolean")))


def _always(truth: bool) -> SqlTree:
    """What SQL Server writes for TRUE and FALSE as conditions."""
    return exp.Paren(this=exp.EQ(this=_number(1), expression=_number(int(truth))))


def _unequal_zero(node: SqlTree) -> None:
    place = with_parens(node)
    wrapped: SqlTree = exp.NEQ(this=node.copy(), expression=_number(0))
    node.replace(wrapped if place is not node or isinstance(node.parent, (exp.Where, exp.If)) else exp.Paren(this=wrapped))


def _as_value(node: SqlTree, route: DialectPair) -> None:
    """A predicate where a value is wanted: a number where one is counted with, and nowhere a condition on SQL Server."""
    if route.target is Dialect.TSQL:
        node.replace(_number(int(node.this)) if isinstance(node, exp.Boolean) else _chosen(node))
    elif _is_counted(node):
        node.replace(exp.Cast(this=node.copy(), to=exp.DataType.build("int")))


def _chosen(node: SqlTree) -> SqlTree:
    """1, 0 or NULL."""
    yes = exp.If(this=node.copy(), true=_number(1))
    if _is_certain(node):
        return exp.Case(ifs=[yes], default=_number(0))
    no = exp.If(this=exp.Not(this=exp.Paren(this=node.copy())), true=_number(0))
    return exp.Case(ifs=[yes, no])


def _is_certain(node: SqlTree) -> bool:
    """Whether a predicate is never NULL."""
    node = strip_parens(node)
    if isinstance(node, exp.Not):
        return _is_certain(node.this)
    is_null = isinstance(node, exp.Is) and isinstance(strip_parens(node.expression), exp.Null)
    return is_null or isinstance(node, (exp.Exists, exp.NullSafeEQ, exp.NullSafeNEQ))


def _is_counted(node: SqlTree) -> bool:
    """Whether a number is wanted where a predicate stands."""
    place = with_parens(node)
    parent = place.parent
    if isinstance(parent, (exp.DPipe, *_COUNTING)):
        return True
    if isinstance(parent, COMPARISONS):
        other = parent.expression if place.arg_key == "this" else parent.this
        return value_type(other) in NUMERIC
    if isinstance(parent, exp.In) and place.arg_key == "this":
        return any(value_type(one) in NUMERIC for one in parent.expressions)
    if isinstance(parent, exp.Between):
        bounds = (parent.this, parent.args["low"], parent.args["high"])
        return any(value_type(one) in NUMERIC for one in bounds if strip_parens(one) is not node)
    choice = parent.parent if isinstance(parent, exp.If) and isinstance(parent.parent, exp.Case) else parent
    if isinstance(choice, (exp.Case, exp.If, exp.Coalesce, exp.Nullif)):
        others = [arm for arm in branches(choice) if strip_parens(arm) is not node]
        if isinstance(choice, exp.Nullif):
            others = [choice.expression if place.arg_key == "this" else choice.this]
        return any(value_type(one) in NUMERIC for one in others)
    return False


def _number(value: int) -> SqlTree:
    return exp.Literal.number(value)
