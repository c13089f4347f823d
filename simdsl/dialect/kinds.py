"""What can be told of a value by looking at its expression: nothing is known of columns and variables."""

from __future__ import annotations

from enum import Enum, auto
from typing import Final

from simdsl.dialect.door import Tree, exp


class Kind(Enum):
    """The kind of an expression's value."""

    INTEGER = auto()
    REAL = auto()
    NUMBER = auto()  # one of the two above
    TEXT = auto()
    BOOLEAN = auto()  # a predicate, or TRUE or FALSE
    NULL = auto()
    UNKNOWN = auto()


NUMERIC: Final = frozenset({Kind.INTEGER, Kind.REAL, Kind.NUMBER})

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


def inner(node: Tree) -> Tree:
    """A node without the brackets around it."""
    while isinstance(node, exp.Paren):
        node = node.this
    return node


def bracketed(node: Tree) -> Tree:
    """A copy of a node that may stand anywhere: in brackets, unless it is one word or a call."""
    simple = (exp.Column, exp.Literal, exp.Placeholder, exp.Paren, exp.Func, exp.Subquery, exp.Null, exp.Boolean)
    is_operator = isinstance(node, (exp.And, exp.Or, exp.Case))  # which sqlglot counts among the functions
    return node.copy() if isinstance(node, simple) and not is_operator else exp.Paren(this=node.copy())


def outer(node: Tree) -> Tree:
    """A node with the brackets around it."""
    while isinstance(node.parent, exp.Paren):
        node = node.parent
    return node


def is_predicate(node: Tree) -> bool:
    """Whether a node is a condition by its form; LIKE may stand inside its ESCAPE."""
    node = inner(node)
    if is_assignment(node):
        return False
    return isinstance(node, PREDICATES) or (isinstance(node, exp.Escape) and isinstance(node.this, (exp.Like, exp.ILike)))


def is_assignment(node: Tree) -> bool:
    """Whether a node looks like a comparison and sets a column."""
    return (
        isinstance(node, exp.EQ) and isinstance(node.parent, (exp.Update, exp.OnConflict)) and node.arg_key == "expressions"
    )


def kind_of(node: Tree) -> Kind:
    """The kind of a node's value."""
    node = inner(node)
    if is_predicate(node):
        return Kind.BOOLEAN
    if isinstance(node, exp.Literal):
        return Kind.TEXT if node.is_string else Kind.INTEGER if node.name.isdecimal() else Kind.REAL
    for classes, kind in _KINDS:
        if isinstance(node, classes):
            return kind
    if isinstance(node, (exp.Window, exp.Filter)):
        return kind_of(node.this)
    if isinstance(node, exp.Neg):
        found = kind_of(node.this)
        return found if found in NUMERIC else Kind.NUMBER
    if isinstance(node, ARITHMETIC):
        kinds = [_number(kind_of(node.this)), _number(kind_of(node.expression))]
        return Kind.REAL if Kind.REAL in kinds else _joined(kinds)
    if isinstance(node, exp.Cast):
        written = node.to.args.get("kind")  # of a cast that was put in by simdsl
        return _CASTS.get(node.to.this, _WRITTEN.get(str(written).partition("(")[0], Kind.UNKNOWN))
    if isinstance(node, (exp.Ceil, exp.Floor)):
        found = kind_of(node.this)
        return found if found in NUMERIC else Kind.NUMBER
    if isinstance(
        node, (exp.Case, exp.If, exp.Coalesce, exp.Nullif, exp.Min, exp.Max, exp.Sum, exp.Abs, exp.Greatest, exp.Least)
    ):
        return _joined([kind_of(arm) for arm in arms(node)])
    return Kind.UNKNOWN


def arms(node: Tree) -> list[Tree]:
    """The expressions one of which is the value."""
    if isinstance(node, exp.Case):
        default = node.args.get("default")
        return [arm.args["true"] for arm in node.args["ifs"]] + ([default] if default is not None else [])
    if isinstance(node, exp.If):
        no = node.args.get("false")
        return [node.args["true"]] + ([no] if no is not None else [])
    if isinstance(node, (exp.Coalesce, exp.Greatest, exp.Least)):
        return [node.this, *node.expressions]
    return [node.this]


def is_mixed(node: Tree) -> bool:
    """Whether a value is an integer or a real to SQLite as it comes, and always a real to engines with types."""
    node = inner(node)
    if isinstance(node, (exp.Ceil, exp.Floor)):
        return kind_of(node.this) not in (Kind.INTEGER, Kind.REAL)
    if isinstance(node, (exp.Neg, exp.Abs)):
        return is_mixed(node.this)
    if isinstance(node, ARITHMETIC):
        return kind_of(node) is not Kind.REAL and (is_mixed(node.this) or is_mixed(node.expression))
    if not isinstance(node, _CHOOSING):
        return False
    choices = arms(node)
    return {kind_of(arm) for arm in choices} >= {Kind.INTEGER, Kind.REAL} or any(is_mixed(arm) for arm in choices)


def is_zero(number: exp.Literal) -> bool:
    """Whether a number literal is 0."""
    return not number.name.lower().partition("e")[0].strip("0.")


def is_whole(node: Tree) -> bool:
    """Whether a node is an integer literal, also under a sign or in brackets."""
    node = inner(node)
    return is_whole(node.this) if isinstance(node, exp.Neg) else isinstance(node, exp.Literal) and node.is_int


def _number(kind: Kind) -> Kind:
    return kind if kind in NUMERIC else Kind.UNKNOWN


def _joined(kinds: list[Kind]) -> Kind:
    """The kind that values of these kinds have in common."""
    found = {kind for kind in kinds if kind is not Kind.NULL}
    if len(found) == 1:
        return found.pop()
    if found and found <= NUMERIC:
        return Kind.REAL if Kind.REAL in found else Kind.NUMBER
    return Kind.UNKNOWN


_CHOOSING: Final = (exp.Case, exp.If, exp.Coalesce, exp.Greatest, exp.Least)
_KINDS: Final = (
    ((exp.Null,), Kind.NULL),
    ((exp.Count, exp.Length, exp.StrPosition, exp.Unicode, exp.Sign, *BITWISE, exp.BitwiseNot), Kind.INTEGER),
    ((exp.RowNumber, exp.Rank, exp.DenseRank, exp.Ntile), Kind.INTEGER),
    ((exp.Avg, exp.Round, exp.Sqrt, exp.Exp, exp.Ln, exp.Pow), Kind.REAL),
    ((exp.DPipe, exp.Lower, exp.Upper, exp.Substring, exp.Trim, exp.Replace, exp.GroupConcat, exp.Chr), Kind.TEXT),
    ((exp.Concat,), Kind.TEXT),
)
_WRITTEN: Final = {
    "DOUBLE PRECISION": Kind.REAL,
    "DOUBLE": Kind.REAL,
    "FLOAT": Kind.REAL,
    "REAL": Kind.REAL,
    "NUMERIC": Kind.NUMBER,
    "INTEGER": Kind.INTEGER,
    "INT": Kind.INTEGER,
    "TEXT": Kind.TEXT,
    "NVARCHAR": Kind.TEXT,
}
_CASTS: Final = {
    exp.DType.INT: Kind.INTEGER,
    exp.DType.BIGINT: Kind.INTEGER,
    exp.DType.SMALLINT: Kind.INTEGER,
    exp.DType.FLOAT: Kind.REAL,
    exp.DType.DOUBLE: Kind.REAL,
    exp.DType.DECIMAL: Kind.REAL,
    exp.DType.TEXT: Kind.TEXT,
    exp.DType.VARCHAR: Kind.TEXT,
    exp.DType.BOOLEAN: Kind.BOOLEAN,
}
