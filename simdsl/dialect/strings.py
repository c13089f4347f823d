"""Strings: LIKE and GLOB, concatenation, substrings, lengths, collations, blobs."""

from __future__ import annotations

from typing import Final

from simdsl.dialect.arithmetic import cast_once, raw_type
from simdsl.dialect.sqlglot_adapter import SqlTree, exp
from simdsl.dialect.type_inference import COMPARISONS, ValueType, is_mixed, is_whole, parenthesized, strip_parens, value_type
from simdsl.dialect.unsupported import DialectPair, Unsupported
from simdsl.plan.sql import Dialect

# Collations of SQL Server: without case but with accents, as SQLite's LIKE compares ASCII; and by code point.
_ANY_CASE: Final = "Latin1_General_100_CI_AS_SC"


_EXACT: Final = "Latin1_General_100_BIN2"


def rewrite_strings(tree: SqlTree, route: DialectPair) -> None:
    """Rewrite the string operations of a statement so that the target computes the strings of the source dialect.

    Raises ``Unsupported`` for an operation whose result would depend on the collation or on text of a number.
    """
    # SUBSTR and LENGTH look at the kind of their argument, so they come before anything inside them is rewritten.
    for node in reversed(list(tree.walk())):
        match node:
            case exp.Substring():
                _part(node, route)
            case exp.Length():
                _length(node, route)
    for node in reversed(list(tree.walk())):
        match node:
            case exp.Like() | exp.ILike():
                _like(node, route)
            case exp.Glob():
                _glob(node, route)
            case exp.DPipe():
                _join(node, route)
            case exp.StrPosition():
                _position(node, route)
            case exp.Unicode() if route.target is not Dialect.SQLITE:
                _code_point(node)
            case exp.GroupConcat():
                _list(node, route)
            case exp.Collate():
                _collate(node, route)
            case exp.HexString():
                _blob(node, route)
            case exp.Literal() if node.is_string and "\\" in node.name and route.target is Dialect.MYSQL:
                raise Unsupported("a text with a backslash")
    if route.target is Dialect.TSQL:
        # A plain literal is converted to the code page of the database, and loses what is not in it.
        for literal in list(tree.find_all(exp.Literal)):
            if literal.is_string and not literal.name.isascii():
                literal.replace(exp.National(this=literal.name))


def _code_point(node: exp.Unicode) -> None:
    """Keep UNICODE('') NULL: other engines return 0 or raise an error."""
    text = strip_parens(node.this)
    empty = text.expression if isinstance(text, exp.Nullif) else None
    if not (isinstance(empty, exp.Literal) and empty.is_string and not empty.name):
        node.set("this", exp.Nullif(this=node.this.copy(), expression=exp.Literal.string("")))


def _like(node: exp.Like | exp.ILike, route: DialectPair) -> None:
    """Keep the case sensitivity and the escape character of LIKE.

    SQLite's LIKE ignores the case of ASCII letters and has no escape character unless one is given. PostgreSQL's LIKE is
    case-sensitive, and ``\\`` escapes.
    """
    escaped = isinstance(node.parent, exp.Escape)
    pattern = strip_parens(node.expression)
    known = pattern.name if isinstance(pattern, exp.Literal) and pattern.is_string else None
    folds = isinstance(node, exp.ILike) or route.source is Dialect.SQLITE
    if route.source is Dialect.POSTGRES and not escaped and (known is None or "\\" in known):
        if route.target is not Dialect.SQLITE or not folds:
            raise Unsupported("LIKE with a pattern that is no plain text", "write the pattern as a text, or add ESCAPE")
        node.replace(exp.Escape(this=node.copy(), expression=exp.Literal.string("\\")))
        return
    match route.target:
        case Dialect.POSTGRES | Dialect.DUCKDB:
            _fold(node, folds, unescaped=not escaped and (known is None or "\\" in known), route=route)
        case Dialect.TSQL:
            _like_tsql(node, known, folds=folds, escaped=escaped)
        case Dialect.SQLITE if not folds:
            _to_glob(node, known, escaped=escaped)
        case Dialect.MYSQL if not folds or known is None or "\\" in known:
            raise Unsupported("LIKE" if folds else "LIKE that heeds the case")


def _fold(node: exp.Like | exp.ILike, folds: bool, *, unescaped: bool, route: DialectPair) -> None:
    if not folds:
        return
    made: SqlTree = exp.ILike(**{key: _copied(value) for key, value in node.args.items()})
    # ESCAPE '' is PostgreSQL's way to switch off the backslash.
    if unescaped and route.target is Dialect.POSTGRES:
        negated = made.args.get("negate")
        made.set("negate", None)
        made = exp.Escape(this=made, expression=exp.Literal.string(""))
        if negated:
            made = exp.Not(this=made)
    node.replace(made)


def _like_tsql(node: exp.Like | exp.ILike, known: str | None, *, folds: bool, escaped: bool) -> None:
    """Set the collation that decides about case, and escape ``[``, which begins a set of characters in SQL Server."""
    pattern = node.expression.copy()
    if known is not None:
        if "[" in known:
            if escaped:
                raise Unsupported("LIKE ... ESCAPE with `[`")
            pattern = exp.Literal.string(known.replace("[", "[[]"))
    elif escaped:
        raise Unsupported("LIKE ... ESCAPE with a pattern that is no text")
    else:
        pattern = exp.Replace(this=pattern, expression=exp.Literal.string("["), replacement=exp.Literal.string("[[]"))
    value = exp.Collate(this=parenthesized(node.this), expression=exp.Var(this=_ANY_CASE if folds else _EXACT))
    node.replace(exp.Like(this=value, expression=pattern, negate=node.args.get("negate")))


def _to_glob(node: exp.Like | exp.ILike, known: str | None, *, escaped: bool) -> None:
    if known is None or escaped or "\\" in known:
        raise Unsupported("LIKE, which heeds the case,", "write ILIKE if the case does not matter, or the pattern as a text")
    pattern = "".join({"%": "*", "_": "?", "*": "[*]", "?": "[?]", "[": "[[]"}.get(letter, letter) for letter in known)
    glob: SqlTree = exp.Glob(this=node.this.copy(), expression=exp.Literal.string(pattern))
    node.replace(exp.Not(this=glob) if node.args.get("negate") else glob)


def _glob(node: exp.Glob, route: DialectPair) -> None:
    if route.source is not Dialect.SQLITE or route.target is Dialect.DUCKDB:
        return
    pattern = strip_parens(node.expression)
    known = pattern.name if isinstance(pattern, exp.Literal) and pattern.is_string else None
    # GLOB's sets and LIKE's wildcards would have to be escaped in each other.
    if known is None or any(letter in known for letter in "[%_\\") or route.target is Dialect.MYSQL:
        raise Unsupported("GLOB", "write LIKE where the case does not matter")
    text = exp.Literal.string(known.replace("*", "%").replace("?", "_"))
    value = node.this.copy()
    if route.target is Dialect.TSQL:
        value = exp.Collate(this=parenthesized(value), expression=exp.Var(this=_EXACT))
    node.replace(exp.Like(this=value, expression=text))


def _join(node: exp.DPipe, route: DialectPair) -> None:
    """Cast operands of ``||`` to strings where the target would not concatenate them.

    ``||`` becomes ``+`` in SQL Server, which adds if one side is a number.
    """
    for side in (node.this, node.expression):
        found = value_type(side)
        if found is ValueType.REAL or is_mixed(side):
            raise Unsupported("a real joined with `||`, which each engine writes in its own way")
        if found is ValueType.BOOLEAN and route.source is Dialect.POSTGRES:
            raise Unsupported("a condition joined with `||`")
        if found is ValueType.BOOLEAN and route.target not in (Dialect.TSQL, Dialect.MYSQL):
            side.replace(cast_once(cast_once(side, "INTEGER"), "TEXT"))
        elif route.target is Dialect.TSQL and found is not ValueType.TEXT:
            side.replace(cast_once(side, "NVARCHAR(MAX)"))
        elif route.target is Dialect.POSTGRES and found in (ValueType.INTEGER, ValueType.NUMBER):
            side.replace(cast_once(side, "TEXT"))


def _part(node: exp.Substring, route: DialectPair) -> None:
    """Rewrite SUBSTR with a start below 1, which counts from the end in SQLite.

    A start of 0 and a negative length have a meaning of their own in each engine, and are refused.
    """
    start, length = node.args.get("start"), node.args.get("length")
    first = _whole(start)
    if first is None and not _is_positive(start):
        raise Unsupported("SUBSTR() from where only running tells", "write the start as a number")
    if length is not None and (_whole(length) or 0) < 0:
        raise Unsupported("SUBSTR() with a negative length")
    if length is not None and _whole(length) is None and not _is_positive(length, zero=True):
        raise Unsupported("SUBSTR() with a length that only running tells", "write the length as a number")
    if first is not None and first < 1:
        if first == 0 or length is not None or route.source is not Dialect.SQLITE:
            raise Unsupported("SUBSTR() from before the first character")
        if route.target in (Dialect.POSTGRES, Dialect.TSQL):
            node.replace(exp.Anonymous(this="RIGHT", expressions=[node.this.copy(), exp.Literal.number(-first)]))
        return
    if length is None and route.target is Dialect.TSQL:
        node.set("length", exp.Literal.number(2147483647))


def _is_positive(node: SqlTree | None, *, zero: bool = False) -> bool:
    """Whether a length or position plus a number is at least 1, or with ``zero`` at least 0, for all data."""
    if node is None:
        return False
    node = strip_parens(node)
    if isinstance(node, (exp.Length, exp.StrPosition)):
        return zero
    if not isinstance(node, exp.Add):
        return False
    sides = (strip_parens(node.this), strip_parens(node.expression))
    return any((_whole(side) or 0) > 0 for side in sides) and any(
        isinstance(side, (exp.Length, exp.StrPosition)) for side in sides
    )


def _length(node: exp.Length, route: DialectPair) -> None:
    """Append a character before LEN of SQL Server, which does not count trailing blanks."""
    if value_type(node.this) in (ValueType.INTEGER, ValueType.REAL, ValueType.NUMBER, ValueType.BOOLEAN):
        raise Unsupported("LENGTH() of a number")
    # Bytes here, characters there, or no such function at all.
    if isinstance(strip_parens(node.this), exp.HexString) and route.target not in (Dialect.POSTGRES, Dialect.SQLITE):
        raise Unsupported("LENGTH() of a blob")
    if route.target is Dialect.TSQL:
        longer = exp.Add(this=node.this.copy(), expression=exp.Literal.string("."))
        length = exp.Anonymous(this="LEN", expressions=[longer])
        node.replace(exp.Paren(this=exp.Sub(this=length, expression=exp.Literal.number(1))))


def _position(node: exp.StrPosition, route: DialectPair) -> None:
    if route.target is Dialect.TSQL:
        value = exp.Collate(this=parenthesized(node.this), expression=exp.Var(this=_EXACT))
        node.replace(exp.Anonymous(this="CHARINDEX", expressions=[node.args["substr"].copy(), value]))


def _list(node: exp.GroupConcat, route: DialectPair) -> None:
    """Cast the values of GROUP_CONCAT to strings, which only SQLite and MySQL do implicitly."""
    separator = node.args.get("separator")
    if route.target is Dialect.SQLITE and isinstance(node.this, exp.Distinct):
        if separator is not None and separator.name != ",":
            raise Unsupported("STRING_AGG() of DISTINCT values with a separator of its own")
        node.set("separator", None)
        return
    if route.target in (Dialect.SQLITE, Dialect.MYSQL):
        return
    holder = node.this if isinstance(node.this, exp.Distinct) else node
    value = holder.expressions[0] if isinstance(holder, exp.Distinct) else node.this
    if value_type(value) is not ValueType.TEXT:
        value.replace(cast_once(value, "NVARCHAR(MAX)" if route.target is Dialect.TSQL else "TEXT"))


def _collate(node: exp.Collate, route: DialectPair) -> None:
    name = node.expression.name.upper()
    if route.source is not Dialect.SQLITE or name not in ("NOCASE", "BINARY"):
        if route.target is Dialect.TSQL and name in (_ANY_CASE.upper(), _EXACT.upper()):
            return
        raise Unsupported(f"COLLATE {node.expression.name}")
    if isinstance(node.parent, exp.Ordered) and isinstance(node.parent.parent, exp.IndexParameters):
        raise Unsupported(f"COLLATE {name} in an index", "index LOWER(...)")
    comparison = node.parent
    # LOWER is what NOCASE compares: both fold ASCII letters only in SQLite, and the corpus has no others.
    if name == "BINARY":
        node.replace(node.this.copy())
    elif isinstance(comparison, COMPARISONS):
        for side in (comparison.this, comparison.expression):
            plain = side.this if isinstance(side, exp.Collate) else side
            side.replace(exp.Lower(this=plain.copy()))
    elif isinstance(comparison, (exp.Ordered, exp.Group)):
        node.replace(exp.Lower(this=node.this.copy()))
    else:
        raise Unsupported("COLLATE NOCASE", "write LOWER(...)")


def _blob(node: exp.HexString, route: DialectPair) -> None:
    if route.target is Dialect.POSTGRES:
        node.replace(exp.Cast(this=exp.Literal.string("\\x" + node.name), to=raw_type("BYTEA")))
    elif route.target is Dialect.DUCKDB:
        node.replace(exp.Anonymous(this="UNHEX", expressions=[exp.Literal.string(node.name)]))


def _whole(node: SqlTree | None) -> int | None:
    """The value of an integer literal, with its sign; None for anything else."""
    if node is None or not is_whole(node):
        return None
    node = strip_parens(node)
    return -(_whole(node.this) or 0) if isinstance(node, exp.Neg) else int(node.name)


def _copied(value: object) -> object:
    return value.copy() if isinstance(value, exp.Expr) else value
