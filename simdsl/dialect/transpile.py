"""Translate one statement: parse it, check it, rewrite it, generate the target's SQL, and check that nothing was lost."""

from __future__ import annotations

import re
from collections import Counter
from typing import Final

from simdsl.dialect.allowlist import check_allowed
from simdsl.dialect.arithmetic import rewrite_arithmetic
from simdsl.dialect.conditions import rewrite_conditions
from simdsl.dialect.ddl import rewrite_ddl
from simdsl.dialect.sqlglot_adapter import (
    SqlGenerationError,
    SqlParseError,
    SqlTree,
    exp,
    generate_sql,
    parse_tree,
    token_spans,
)
from simdsl.dialect.statements import rewrite_query, rewrite_write
from simdsl.dialect.strings import rewrite_strings
from simdsl.dialect.unsupported import DialectPair, Unsupported
from simdsl.plan.deferred import dataclass, lazy_regex
from simdsl.plan.sql import Dialect


@dataclass(frozen=True, slots=True, kw_only=True)
class Transpiled:
    """A translated statement. ``pinned`` are the placeholders that have to be replaced by their literals first."""

    text: str
    pinned: frozenset[str]


def transpile(text: str, route: DialectPair, marks: frozenset[str], variables: frozenset[str]) -> Transpiled:
    """Translate a statement in which ``marks`` stand for literals, and ``variables``, as ``:name``, for bound values.

    Where the value of a literal decides about the translation, the result is empty except for ``pinned``, which names the
    literal's placeholder. Raises ``Unsupported``.
    """
    shorn, rowid = _without_rowid(text) if route.source is Dialect.SQLITE else (text, True)
    try:
        tree = parse_tree(shorn, route.source)
    except SqlParseError as error:
        raise Unsupported(_unread(text)) from error
    check_allowed(tree, route)
    pinned = _pinned(tree, route, marks)
    if pinned:
        return Transpiled(text="", pinned=pinned)
    tree = rewrite(tree, route, shorn, rowid=rowid)
    expected = Counter(_sensitive(tree))
    # FILTER becomes an IIF inside the aggregate there, so that it is missing from the text for a good reason.
    if route.target is Dialect.TSQL:
        for part in tree.find_all(exp.Filter):
            expected -= Counter(_sensitive(part))
    # Every driver binds in its own way: here a placeholder stays a plain word, which the lowering replaces.
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
    """Rewrite everything in a tree that sqlglot would translate to something else. Raises ``Unsupported``."""
    for node in list(tree.find_all(exp.Is)):
        # Some of sqlglot's parsers give IS NOT a flag, others a NOT around it. The rules below know the NOT only.
        if node.args.get("negate"):
            node.set("negate", None)
            node.replace(exp.Not(this=node.copy()))
    # Arithmetic comes before strings and conditions, which look at casts; conditions come before queries, which move them.
    rewrite_write(tree, route)
    rewrite_arithmetic(tree, route)
    rewrite_strings(tree, route)
    rewrite_conditions(tree, route)
    tree = rewrite_query(tree, route)
    quote_reserved_words(tree, route)
    if not isinstance(tree, (exp.Create, exp.Alter, exp.Drop)):
        return tree
    # sqlglot takes INT and INTEGER for one type; for SQLite only the word INTEGER makes a key that numbers rows.
    spans = token_spans(text, route.source)
    follows = {start: spans[i + 1][2].upper() for i, (start, _, _) in enumerate(spans[:-1])}
    return rewrite_ddl(tree, route, lambda column: follows.get(column.this.meta.get("start"), ""), rowid=rowid)


def _without_rowid(text: str) -> tuple[str, bool]:
    """Remove WITHOUT ROWID, which only says how SQLite stores a table, and which sqlglot before 30.31 cannot parse."""
    shorn = _WITHOUT_ROWID.sub("", text) if _CREATE_TABLE.match(text) else text
    return shorn, shorn == text


def _unread(text: str) -> str:
    """The first words of a statement that sqlglot does not parse, to name it by."""
    found = _HEAD.match(text)
    return found.group().upper() if found else "this statement"


def _pinned(tree: SqlTree, route: DialectPair, marks: frozenset[str]) -> frozenset[str]:
    """The placeholders of literals whose value decides about the translation."""
    found = set()
    for node in tree.find_all(exp.Literal):
        if node.name in marks and not _is_free(node, route):
            found.add(node.name)
    return frozenset(found)


# Pinning costs a template for each value, and a placeholder that should be pinned gives wrong SQL. So the list names the
# places where no value matters, and everything else is pinned.
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
    """The statement; or the condition and the statement of an IF."""
    return tree.expressions if isinstance(tree, exp.Tuple) else [tree]


def _deleted(tree: exp.Delete) -> None:
    """Move OUTPUT behind the table: sqlglot generates it before the table, which SQL Server rejects."""
    returning = tree.args.get("returning")
    if returning is not None:
        tree.set(
            "this", exp.Var(this=f"{generate_sql(tree.this, Dialect.TSQL)} {generate_sql(returning, Dialect.TSQL).strip()}")
        )
        tree.set("returning", None)


def _sensitive(tree: SqlTree) -> list[str]:
    """The class names of the nodes without which the statement would mean something else."""
    return [type(node).__name__ for node in tree.walk() if isinstance(node, _WEIGHTY)]


def _look_over(made: str, expected: Counter[str], route: DialectPair) -> None:
    """Parse the generated text: it must contain every sensitive node of the tree. Raises ``Unsupported``."""
    try:
        again = parse_tree(made, route.target)
    except SqlParseError:
        if route.target is Dialect.TSQL and made.startswith(("EXEC sp_rename", "DELETE FROM")):
            return  # sqlglot does not parse these forms
        raise Unsupported("this statement") from None
    found = Counter(_sensitive(again))
    for name, count in expected.items():
        if found[name] < count:
            raise Unsupported(_lost(name))


def _lost(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).upper()


def _count(tree: SqlTree, made: str, marks: frozenset[str]) -> None:
    """Check that no placeholder was lost on the way from the tree to the text. Raises ``Unsupported``."""
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

# Operators and clauses beneath which a literal is translated in the same way whatever its value is.
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

# Clauses and constraints that a generator may drop without complaint when its dialect does not have them.
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


def quote_reserved_words(tree: SqlTree, route: DialectPair) -> None:
    """Quote the names that the target would parse as keywords."""
    reserved = _RESERVED.get(route.target, frozenset())
    for node in tree.find_all(exp.Identifier):
        name = node.name
        if not node.args.get("quoted") and name.lower() in reserved and not _is_row_alias(node):
            # PostgreSQL folds an unquoted name to lower case, and a quoted one not at all.
            node.set("this", name.lower() if route.target is Dialect.POSTGRES else name)
            node.set("quoted", True)


def _is_row_alias(node: exp.Identifier) -> bool:
    """Whether a name refers to the rows of an upsert or of OUTPUT, which must not be quoted."""
    return node.name.lower() in ("excluded", "inserted", "deleted")


# The keywords that SQLite accepts as plain names, from the manuals of PostgreSQL 18 (reserved, and reserved except for
# functions), SQL Server 2022, DuckDB and MySQL 8.4.
_POSTGRES_WORDS: Final = """
    analyse any array asymmetric authorization binary both concurrently current_catalog current_role current_schema
    current_user false fetch for freeze grant lateral leading localtime localtimestamp offset only overlaps placing
    session_user similar some symmetric system_user tablesample trailing true user variadic verbose window
"""

_TSQL_WORDS: Final = """
    any authorization backup break browse bulk checkpoint close clustered coalesce compute contains containstable continue
    convert current current_user cursor database dbcc deallocate declare deny disk distributed double dump errlvl exec
    execute exit external fetch file fillfactor for freetext full function goto grant holdlock identity identity_insert
    identitycol if key kill lineno load merge national nocheck nonclustered off offsets open option over percent pivot
    plan precision print proc procedure public raiserror read readtext reconfigure replication restore restrict return
    revert revoke right rowcount rowguidcol rule save schema securityaudit session_user setuser shutdown some statistics
    system_user textsize top tran trigger truncate try_convert tsequal unpivot updatetext use user varying view waitfor
    while within writetext
"""

_MYSQL_WORDS: Final = """
    accessible asensitive before bigint binary blob both call change character condition continue convert cube
    current_user cursor databases day_hour declare delayed describe deterministic div double dual each elseif empty
    enclosed escaped exit fetch float for force fulltext function generated get grant groups high_priority in infile inout
    int interval iterate key keys kill lateral leading leave linear lines load lock long loop low_priority match mod
    modifies optimize option optionally out outer outfile over partition precision procedure purge range rank read reads
    recursive release rename repeat require resignal restrict return revoke row rows schema schemas sensitive separator
    show signal spatial sql ssl starting stored straight_join system terminated tinyint trailing trigger undo unlock
    unsigned usage use varying virtual while window write xor year_month zerofill
"""

_RESERVED: Final = {
    Dialect.POSTGRES: frozenset(_POSTGRES_WORDS.split()),
    Dialect.DUCKDB: frozenset((*_POSTGRES_WORDS.split(), "qualify", "summarize", "pivot", "unpivot", "describe", "show")),
    Dialect.TSQL: frozenset(_TSQL_WORDS.split()),
    Dialect.MYSQL: frozenset(_MYSQL_WORDS.split()),
}
