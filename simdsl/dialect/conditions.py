"""Conditions and values.

SQLite and MySQL do not distinguish them, PostgreSQL and DuckDB have a boolean type, and SQL Server has conditions but no
type for their result. A condition that is used as a value, and the reverse, is rewritten to what the target knows.
"""

from __future__ import annotations

from typing import Final

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
from simdsl.dialect.unsupported import DialectPair, Unsupported
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
    """Turn values in the place of conditions into conditions, and conditions in the place of values into values."""
    if route.target in (Dialect.SQLITE, Dialect.MYSQL):
        return
    # IS TRUE first: its result is a condition that the second pass may have to turn into a value.
    for node in reversed(list(tree.walk())):
        if isinstance(node, exp.Is) and isinstance(strip_parens(node.expression), exp.Boolean):
            _truth(node, route)
    for node in reversed(list(tree.walk())):
        # Brackets are handled with what they hold, and a query has a condition only inside.
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
    """Whether the grammar expects a condition in the place of a node."""
    place = with_parens(node)
    parent = place.parent
    if isinstance(parent, (exp.And, exp.Or, exp.Not, exp.Where, exp.Having, exp.CheckColumnConstraint)):
        return True
    if isinstance(parent, exp.Join):
        return place.arg_key == "on"
    if isinstance(parent, exp.If) and place.arg_key == "this":
        case = parent.parent
        # CASE x WHEN 1: an operand that is compared with x.
        return not (isinstance(case, exp.Case) and case.args.get("this") is not None)
    return (
        isinstance(parent, exp.Is) and place.arg_key == "this" and isinstance(strip_parens(parent.expression), exp.Boolean)
    )


def _truth(node: exp.Is, route: DialectPair) -> None:
    """Rewrite ``x IS TRUE``, which is never NULL, for SQL Server, which has no such test."""
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
        # NULL = 1 is unknown, as NULL is; SQL Server does not accept NULL itself as a condition.
        if route.target is Dialect.TSQL:
            node.replace(exp.Paren(this=exp.EQ(this=exp.Null(), expression=_number(1))))
    elif kind is ValueType.TEXT:
        raise Unsupported("a text as a condition", "compare it with something")
    elif route.target is Dialect.TSQL or kind in NUMERIC:
        _unequal_zero(node)
    elif route.target is Dialect.POSTGRES and kind is ValueType.UNKNOWN:
        # The column may be a boolean or a number: PostgreSQL casts an integer, and leaves a boolean as it is.
        node.replace(exp.Cast(this=node.copy(), to=exp.DataType.build("boolean")))


def _always(truth: bool) -> SqlTree:
    """A condition that is always true or always false: SQL Server has no TRUE and FALSE."""
    return exp.Paren(this=exp.EQ(this=_number(1), expression=_number(int(truth))))


def _unequal_zero(node: SqlTree) -> None:
    place = with_parens(node)
    wrapped: SqlTree = exp.NEQ(this=node.copy(), expression=_number(0))
    node.replace(wrapped if place is not node or isinstance(node.parent, (exp.Where, exp.If)) else exp.Paren(this=wrapped))


def _as_value(node: SqlTree, route: DialectPair) -> None:
    """Turn a condition into a value: on SQL Server always, elsewhere only where a number is needed."""
    if route.target is Dialect.TSQL:
        node.replace(_number(int(node.this)) if isinstance(node, exp.Boolean) else _chosen(node))
    elif _is_counted(node):
        node.replace(exp.Cast(this=node.copy(), to=exp.DataType.build("int")))


def _chosen(node: SqlTree) -> SqlTree:
    """CASE that gives 1, 0 or, for a condition that is unknown, NULL."""
    yes = exp.If(this=node.copy(), true=_number(1))
    if _is_certain(node):
        return exp.Case(ifs=[yes], default=_number(0))
    no = exp.If(this=exp.Not(this=exp.Paren(this=node.copy())), true=_number(0))
    return exp.Case(ifs=[yes, no])


def _is_certain(node: SqlTree) -> bool:
    """Whether a predicate cannot be NULL, so that ELSE 0 is right."""
    node = strip_parens(node)
    if isinstance(node, exp.Not):
        return _is_certain(node.this)
    is_null = isinstance(node, exp.Is) and isinstance(strip_parens(node.expression), exp.Null)
    return is_null or isinstance(node, (exp.Exists, exp.NullSafeEQ, exp.NullSafeNEQ))


def _is_counted(node: SqlTree) -> bool:
    """Whether the place of a predicate needs a number: an operand of arithmetic, or beside numbers."""
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
        # PostgreSQL compares booleans with booleans; one number among the three makes it a comparison of numbers.
        return any(value_type(one) in NUMERIC for one in bounds if strip_parens(one) is not node)
    # All branches of a choice have one type: one number makes the condition beside it a number.
    choice = parent.parent if isinstance(parent, exp.If) and isinstance(parent.parent, exp.Case) else parent
    if isinstance(choice, (exp.Case, exp.If, exp.Coalesce, exp.Nullif)):
        others = [arm for arm in branches(choice) if strip_parens(arm) is not node]
        if isinstance(choice, exp.Nullif):
            others = [choice.expression if place.arg_key == "this" else choice.this]
        return any(value_type(one) in NUMERIC for one in others)
    return False


def _number(value: int) -> SqlTree:
    return exp.Literal.number(value)
