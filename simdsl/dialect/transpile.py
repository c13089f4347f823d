"""One statement from one dialect to another: read, checked, mended, written, and looked over once more."""

from __future__ import annotations

import re
from collections import Counter
from typing import Final

from simdsl.dialect import allowlist, arithmetic, conditions, ddl, queries, reserved_words, strings, writes
from simdsl.dialect.dialect_pair import DialectPair, Unsupported
from simdsl.dialect.sqlglot_adapter import (
    SqlGenerationError,
    SqlParseError,
    SqlTree,
    exp,
    generate_sql,
    parse_tree,
    token_spans,
)
from simdsl.plan.dataclasses import dataclass
from simdsl.plan.regexes import lazy_regex
from simdsl.plan.sql import Dialect


@dataclass(frozen=True, slots=True, kw_only=True)
class Transpiled:
    """The statement in the target's dialect. ``pinned`` are those of the marks given that must not be marks."""

    text: str
    pinned: frozenset[str]


def transpile(text: str, route: DialectPair, marks: frozenset[str], variables: frozenset[str]) -> Transpiled:
    """Carry a statement in which ``marks`` stand for literals and ``variables``, as ``:name``, for bound values.

    If some marks turn out to stand where the value matters, they are named and the text means nothing.

    Raises ``Unsupported``.
    """
    shorn, rowid = _without_rowid(text) if route.source is Dialect.SQLITE else (text, True)
    try:
        tree = parse_tree(shorn, route.source)
    except SqlParseError as error:
        raise Unsupported(_unread(text)) from error
    allowlist.check_allowed(tree, route)
    pinned = _pinned(tree, route, marks)
    if pinned:
        return Transpiled(text="", pinned=pinned)
    tree = rewrite(tree, route, shorn, rowid=rowid)
    expected = Counter(_sensitive(tree))
    if route.target is Dialect.TSQL:  # FILTER becomes an IIF inside the aggregate
        for part in tree.find_all(exp.Filter):
            expected -= Counter(_sensitive(part))
    for node in list(tree.find_all(exp.Placeholder)):
        node.replace(exp.Var(this=node.name))
    if isinstance(tree, exp.Delete) and route.target is Dialect.TSQL:
        _deleted(tree)
    try:
        made = " ".join(generate_sql(part, route.target) for part in _parts(tree))
    except SqlGenerationError as error:
        raise Unsupported(str(error).splitlines()[0].rstrip(".")) from error
    if not isinstance(tree, exp.Tuple):
        _look_over(made, expected, route)
    _count(tree, made, marks | variables)
    return Transpiled(text=made, pinned=frozenset())


def rewrite(tree: SqlTree, route: DialectPair, text: str, *, rowid: bool = True) -> SqlTree:
    """The tree with everything mended that sqlglot would get wrong on this route. Raises ``Unsupported``."""
    for node in list(tree.find_all(exp.Is)):
        if node.args.get("negate"):  # by which some of sqlglot's parsers say IS NOT
            node.set("negate", None)
            node.replace(exp.Not(this=node.copy()))
    writes.rewrite_write(tree, route)
    arithmetic.rewrite_arithmetic(tree, route)
    strings.rewrite_strings(tree, route)
    conditions.rewrite_conditions(tree, route)
    tree = queries.rewrite_query(tree, route)
    reserved_words.quote_reserved_words(tree, route)
    if not isinstance(tree, (exp.Create, exp.Alter, exp.Drop)):
        return tree
    spans = token_spans(text, route.source)
    follows = {start: spans[i + 1][2].upper() for i, (start, _, _) in enumerate(spans[:-1])}
    return ddl.rewrite_ddl(tree, route, lambda column: follows.get(column.this.meta.get("start"), ""), rowid=rowid)


def _without_rowid(text: str) -> tuple[str, bool]:
    """WITHOUT ROWID says how SQLite stores a table, and sqlglot does not read it."""
    shorn = _WITHOUT_ROWID.sub("", text) if _CREATE_TABLE.match(text) else text
    return shorn, shorn == text


def _unread(text: str) -> str:
    """How to call a statement that sqlglot does not read."""
    found = _HEAD.match(text)
    return found.group().upper() if found else "this statement"


def _pinned(tree: SqlTree, route: DialectPair, marks: frozenset[str]) -> frozenset[str]:
    """The marks that stand where the literal's own value decides what is written."""
    found = set()
    for node in tree.find_all(exp.Literal):
        if node.name in marks and not _is_free(node, route):
            found.add(node.name)
    return frozenset(found)


def _is_free(node: SqlTree, route: DialectPair) -> bool:
    parent: SqlTree | None = node.parent
    place = node
    while isinstance(parent, (exp.Paren, exp.Neg, exp.Alias)):
        place, parent = parent, parent.parent
    if isinstance(parent, exp.Tuple):
        return True
    if isinstance(parent, exp.If):
        return place.arg_key in ("true", "false") or isinstance(parent.parent, exp.Case)
    if isinstance(parent, exp.Case):
        return place.arg_key == "default"
    if isinstance(parent, (exp.Like, exp.ILike)):
        return route.source is Dialect.SQLITE and route.target in (Dialect.POSTGRES, Dialect.DUCKDB)
    return isinstance(parent, _FREE)


def _parts(tree: SqlTree) -> list[SqlTree]:
    """A statement, or a condition and the statement behind it."""
    return tree.expressions if isinstance(tree, exp.Tuple) else [tree]


def _deleted(tree: exp.Delete) -> None:
    """sqlglot writes OUTPUT before the table, where SQL Server does not look for it."""
    returning = tree.args.get("returning")
    if returning is not None:
        tree.set(
            "this", exp.Var(this=f"{generate_sql(tree.this, Dialect.TSQL)} {generate_sql(returning, Dialect.TSQL).strip()}")
        )
        tree.set("returning", None)


def _sensitive(tree: SqlTree) -> list[str]:
    """The names of the nodes whose loss would change what a statement means."""
    return [type(node).__name__ for node in tree.walk() if isinstance(node, _WEIGHTY)]


def _look_over(made: str, expected: Counter[str], route: DialectPair) -> None:
    """Read what was written: what was in the tree must be in the text."""
    try:
        again = parse_tree(made, route.target)
    except SqlParseError:
        if route.target is Dialect.TSQL and made.startswith(("EXEC sp_rename", "DELETE FROM")):
            return  # which sqlglot does not read itself
        raise Unsupported("this statement") from None
    found = Counter(_sensitive(again))
    for name, count in expected.items():
        if found[name] < count:
            raise Unsupported(_lost(name))


def _lost(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).upper()


def _count(tree: SqlTree, made: str, marks: frozenset[str]) -> None:
    """Every mark in the tree is in the text, as often."""
    in_tree = Counter(node.name for node in tree.find_all(exp.Literal, exp.Identifier, exp.Var, exp.National))
    in_text = Counter(re.findall(r"\d+\.\d+|\w+", made))
    for mark in marks:
        if in_text[mark] < max(1, in_tree[mark]):
            raise Unsupported("a value in this statement")


_WITHOUT_ROWID: Final = lazy_regex(
    r"(?<=\))\s*WITHOUT\s+ROWID\s*$|,\s*WITHOUT\s+ROWID\s*$|WITHOUT\s+ROWID\s*,", re.IGNORECASE
)


_CREATE_TABLE: Final = lazy_regex(r"\s*CREATE\s+TABLE\b", re.IGNORECASE)


_HEAD: Final = lazy_regex(
    r"(?:CREATE|DROP|ALTER)\s+(?:(?:TEMP|TEMPORARY|UNIQUE|VIRTUAL|OR|REPLACE)\s+)*\w+|(?:INSERT|UPDATE)\s+OR\s+\w+|\w+",
    re.IGNORECASE,
)


_FREE: Final = (
    exp.EQ,
    exp.NEQ,
    exp.GT,
    exp.GTE,
    exp.LT,
    exp.LTE,
    exp.NullSafeEQ,
    exp.NullSafeNEQ,
    exp.In,
    exp.Between,
    exp.Add,
    exp.Sub,
    exp.Mul,
    exp.Select,
    exp.Values,
    exp.Coalesce,
    exp.Returning,
)


_WEIGHTY: Final = (
    exp.Where,
    exp.Group,
    exp.Having,
    exp.Distinct,
    exp.Join,
    exp.CTE,
    exp.Window,
    exp.SetOperation,
    exp.OnConflict,
    exp.Returning,
    exp.Filter,
    exp.ForeignKey,
    exp.PrimaryKey,
    exp.PrimaryKeyColumnConstraint,
    exp.UniqueColumnConstraint,
    exp.NotNullColumnConstraint,
    exp.CheckColumnConstraint,
    exp.DefaultColumnConstraint,
    exp.Reference,
    exp.Escape,
    exp.Collate,
    exp.Star,
    exp.Ordered,
    exp.Exists,
    exp.Case,
)
