"""Infer the type of an expression from its syntax alone: the types of columns and variables are unknown."""

from __future__ import annotations

from enum import Enum, auto
from typing import Final

from simdsl.dialect.sqlglot_adapter import SqlTree, exp


class ValueType(Enum):
    """What is known about the type of an expression's value."""

    INTEGER = auto()
    REAL = auto()
    NUMBER = auto()  # one of the two above
    TEXT = auto()
    BOOLEAN = auto()  # a predicate, or TRUE or FALSE
    NULL = auto()
    UNKNOWN = auto()


NUMERIC: Final = frozenset({ValueType.INTEGER, ValueType.REAL, ValueType.NUMBER})


PREDICATES: Final = (
    exp.EQ,
    exp.NEQ,
    exp.GT,
    exp.GTE,
    exp.LT,
    exp.LTE,
    exp.NullSafeEQ,
    exp.NullSafeNEQ,
    exp.Is,
    exp.In,
    exp.Between,
    exp.Like,
    exp.ILike,
    exp.Glob,
    exp.Exists,
    exp.And,
    exp.Or,
    exp.Not,
    exp.Boolean,
)


COMPARISONS: Final = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.NullSafeEQ, exp.NullSafeNEQ)


ARITHMETIC: Final = (exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod, exp.IntDiv)


BITWISE: Final = (exp.BitwiseAnd, exp.BitwiseOr, exp.BitwiseXor, exp.BitwiseLeftShift, exp.BitwiseRightShift)


def strip_parens(node: SqlTree) -> SqlTree:
    """The node inside of all brackets."""
    while isinstance(node, exp.Paren):
        node = node.this
    return node


def parenthesized(node: SqlTree) -> SqlTree:
    """A copy of a node that is safe as an operand: in brackets, unless it is a single word or a call."""
    simple = (exp.Column, exp.Literal, exp.Placeholder, exp.Paren, exp.Func, exp.Subquery, exp.Null, exp.Boolean)
    # sqlglot derives these three from its class of functions.
    is_operator = isinstance(node, (exp.And, exp.Or, exp.Case))
    return node.copy() if isinstance(node, simple) and not is_operator else exp.Paren(this=node.copy())


def with_parens(node: SqlTree) -> SqlTree:
    """The outermost of the brackets around a node, or the node itself."""
    while isinstance(node.parent, exp.Paren):
        node = node.parent
    return node


def is_predicate(node: SqlTree) -> bool:
    """Whether a node is a condition by its syntax. The ESCAPE of a LIKE is the node around it."""
    node = strip_parens(node)
    if is_assignment(node):
        return False
    return isinstance(node, PREDICATES) or (isinstance(node, exp.Escape) and isinstance(node.this, (exp.Like, exp.ILike)))


def is_assignment(node: SqlTree) -> bool:
    """Whether a node is the `a = b` of a SET clause, for which sqlglot uses the class of a comparison."""
    return (
        isinstance(node, exp.EQ) and isinstance(node.parent, (exp.Update, exp.OnConflict)) and node.arg_key == "expressions"
    )


def value_type(node: SqlTree) -> ValueType:
    """The type of a node's value, as far as its syntax tells."""
    node = strip_parens(node)
    if is_predicate(node):
        return ValueType.BOOLEAN
    if isinstance(node, exp.Literal):
        return ValueType.TEXT if node.is_string else ValueType.INTEGER if node.name.isdecimal() else ValueType.REAL
    for classes, kind in _KINDS:
        if isinstance(node, classes):
            return kind
    if isinstance(node, (exp.Window, exp.Filter)):
        return value_type(node.this)
    if isinstance(node, exp.Neg):
        found = value_type(node.this)
        return found if found in NUMERIC else ValueType.NUMBER
    if isinstance(node, ARITHMETIC):
        kinds = [_number(value_type(node.this)), _number(value_type(node.expression))]
        return ValueType.REAL if ValueType.REAL in kinds else _joined(kinds)
    if isinstance(node, exp.Cast):
        written = node.to.args.get("kind")  # of a cast that was put in by simdsl
        return _CASTS.get(node.to.this, _WRITTEN.get(str(written).partition("(")[0], ValueType.UNKNOWN))
    if isinstance(node, (exp.Ceil, exp.Floor)):
        found = value_type(node.this)
        return found if found in NUMERIC else ValueType.NUMBER
    if isinstance(
        node, (exp.Case, exp.If, exp.Coalesce, exp.Nullif, exp.Min, exp.Max, exp.Sum, exp.Abs, exp.Greatest, exp.Least)
    ):
        return _joined([value_type(arm) for arm in branches(node)])
    return ValueType.UNKNOWN


def branches(node: SqlTree) -> list[SqlTree]:
    """The expressions one of which becomes the value."""
    if isinstance(node, exp.Case):
        default = node.args.get("default")
        return [arm.args["true"] for arm in node.args["ifs"]] + ([default] if default is not None else [])
    if isinstance(node, exp.If):
        no = node.args.get("false")
        return [node.args["true"]] + ([no] if no is not None else [])
    if isinstance(node, (exp.Coalesce, exp.Greatest, exp.Least)):
        return [node.this, *node.expressions]
    return [node.this]


def is_mixed(node: SqlTree) -> bool:
    """Whether SQLite may give an integer in one row and a real in the next, where typed engines always give a real."""
    node = strip_parens(node)
    if isinstance(node, (exp.Ceil, exp.Floor)):
        return value_type(node.this) not in (ValueType.INTEGER, ValueType.REAL)
    if isinstance(node, (exp.Neg, exp.Abs)):
        return is_mixed(node.this)
    if isinstance(node, ARITHMETIC):
        return value_type(node) is not ValueType.REAL and (is_mixed(node.this) or is_mixed(node.expression))
    if not isinstance(node, _CHOOSING):
        return False
    choices = branches(node)
    return {value_type(arm) for arm in choices} >= {ValueType.INTEGER, ValueType.REAL} or any(
        is_mixed(arm) for arm in choices
    )


def is_zero(number: exp.Literal) -> bool:
    """Whether a number literal is zero, as in 0, 0.0 and 0e5."""
    return not number.name.lower().partition("e")[0].strip("0.")


def is_whole(node: SqlTree) -> bool:
    """Whether a node is an integer literal, possibly with a sign or in brackets."""
    node = strip_parens(node)
    return is_whole(node.this) if isinstance(node, exp.Neg) else isinstance(node, exp.Literal) and node.is_int


def _number(kind: ValueType) -> ValueType:
    return kind if kind in NUMERIC else ValueType.UNKNOWN


def _joined(kinds: list[ValueType]) -> ValueType:
    """The type that branches of these types have in common. NULL adapts to the others."""
    found = {kind for kind in kinds if kind is not ValueType.NULL}
    if len(found) == 1:
        return found.pop()
    if found and found <= NUMERIC:
        return ValueType.REAL if ValueType.REAL in found else ValueType.NUMBER
    return ValueType.UNKNOWN


_CHOOSING: Final = (exp.Case, exp.If, exp.Coalesce, exp.Greatest, exp.Least)


_KINDS: Final = (
    ((exp.Null,), ValueType.NULL),
    ((exp.Count, exp.Length, exp.StrPosition, exp.Unicode, exp.Sign, *BITWISE, exp.BitwiseNot), ValueType.INTEGER),
    ((exp.RowNumber, exp.Rank, exp.DenseRank, exp.Ntile), ValueType.INTEGER),
    ((exp.Avg, exp.Round, exp.Sqrt, exp.Exp, exp.Ln, exp.Pow), ValueType.REAL),
    ((exp.DPipe, exp.Lower, exp.Upper, exp.Substring, exp.Trim, exp.Replace, exp.GroupConcat, exp.Chr), ValueType.TEXT),
    ((exp.Concat,), ValueType.TEXT),
)


_WRITTEN: Final = {
    "DOUBLE PRECISION": ValueType.REAL,
    "DOUBLE": ValueType.REAL,
    "FLOAT": ValueType.REAL,
    "REAL": ValueType.REAL,
    "NUMERIC": ValueType.NUMBER,
    "INTEGER": ValueType.INTEGER,
    "INT": ValueType.INTEGER,
    "TEXT": ValueType.TEXT,
    "NVARCHAR": ValueType.TEXT,
}


_CASTS: Final = {
    exp.DType.INT: ValueType.INTEGER,
    exp.DType.BIGINT: ValueType.INTEGER,
    exp.DType.SMALLINT: ValueType.INTEGER,
    exp.DType.FLOAT: ValueType.REAL,
    exp.DType.DOUBLE: ValueType.REAL,
    exp.DType.DECIMAL: ValueType.REAL,
    exp.DType.TEXT: ValueType.TEXT,
    exp.DType.VARCHAR: ValueType.TEXT,
    exp.DType.BOOLEAN: ValueType.BOOLEAN,
}
