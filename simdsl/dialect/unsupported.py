"""Constructs that cannot be translated between two dialects, and the checks that find them.

``allowlist`` decides by the class of a node; the checks here look at its arguments and at its place.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from simdsl.dialect.sqlglot_adapter import SqlTree, exp
from simdsl.dialect.type_inference import COMPARISONS, is_assignment, is_whole, strip_parens
from simdsl.plan.deferred import dataclass
from simdsl.plan.sql import Dialect


@dataclass(frozen=True, slots=True, kw_only=True)
class DialectPair:
    """The dialect in which a statement is written, and the one to which it is translated."""

    source: Dialect
    target: Dialect


class Unsupported(Exception):
    """A statement contains ``construct``, which has no translation. ``advice`` names a form that both dialects have."""

    def __init__(self, construct: str, advice: str | None = None) -> None:
        super().__init__(construct)
        self.construct = construct
        self.advice = advice


def check_supported(node: SqlTree, route: DialectPair) -> None:
    """Raises ``Unsupported`` if this form of a node has no translation for this pair of dialects."""
    found = _CHECKS.get(type(node).__name__)
    if found is not None:
        found(node, route)


def _create(node: SqlTree, route: DialectPair) -> None:
    kind = str(node.args.get("kind")).upper()
    if kind not in ("TABLE", "INDEX", "VIEW"):
        raise Unsupported(f"CREATE {kind}")
    properties = node.args.get("properties")
    for one in properties.expressions if properties is not None else ():
        name = type(one).__name__.removesuffix("Property").upper()
        if name not in ("TEMPORARY", "STRICT"):
            raise Unsupported(f"CREATE {name} {kind}")


def _cte(node: SqlTree, route: DialectPair) -> None:
    holder = node.parent
    if isinstance(holder, exp.With) and holder.args.get("recursive") and node.this.args.get("limit"):
        raise Unsupported("LIMIT of a recursive WITH", "stop by a condition")


def _column(node: SqlTree, route: DialectPair) -> None:
    if node.name.lower() in ("rowid", "_rowid_") and route.source is Dialect.SQLITE:
        raise Unsupported("the rowid of a table", "name a column of its own as INTEGER PRIMARY KEY")
    # System columns, and functions without brackets that sqlglot parses as columns.
    system = ("ctid", "xmin", "xmax", "tableoid", "current_catalog", "session_user", "user", "current_role")
    if node.name.lower() in system and route.source is Dialect.POSTGRES and not node.this.args.get("quoted"):
        raise Unsupported(f"`{node.name}` of PostgreSQL")


def _compared(node: SqlTree, route: DialectPair) -> None:
    """Refuse ``a = b LIKE c``: SQLite parses it from the left, every other engine from the right."""
    if is_assignment(node):
        return
    if route.source is Dialect.SQLITE and isinstance(node, (exp.EQ, exp.NEQ, exp.NullSafeEQ, exp.NullSafeNEQ, exp.Is)):
        right = node.expression
        if isinstance(right, (exp.Like, exp.Glob, exp.In, exp.Between, exp.Is, exp.Escape, *COMPARISONS[:2])):
            raise Unsupported("comparisons side by side without brackets", "put brackets around the first one")
    if route.source is Dialect.POSTGRES and isinstance(node.expression, (exp.Is, exp.NullSafeEQ, exp.NullSafeNEQ)):
        raise Unsupported("IS behind a comparison without brackets", "put brackets around the comparison")
    both = {type(strip_parens(side)) for side in (node.this, node.expression)}
    if isinstance(node, COMPARISONS) and both == {exp.Tuple} and route.target is Dialect.TSQL:
        raise Unsupported("a comparison of rows")


def _in(node: SqlTree, route: DialectPair) -> None:
    if route.target is Dialect.TSQL and isinstance(strip_parens(node.this), exp.Tuple):
        raise Unsupported("a row before IN")
    if node.args.get("field") is not None:
        raise Unsupported("a table behind IN", "write a subquery")
    if node.args.get("query") is None and not node.expressions:
        raise Unsupported("an empty list behind IN", "write `1 = 0`")


def _insert(node: SqlTree, route: DialectPair) -> None:
    if isinstance(node.args.get("alternative"), str) or node.args.get("alternative"):
        _alternative(str(node.args["alternative"]).upper(), route)


def _alternative(word: str, route: DialectPair) -> None:
    if word in ("IGNORE", "REPLACE") and route.target is Dialect.DUCKDB:
        return
    if word == "ABORT" or (word == "IGNORE" and route.target is Dialect.POSTGRES):
        return
    advice = "write ON CONFLICT (...) DO UPDATE" if word == "REPLACE" and route.target is Dialect.POSTGRES else None
    raise Unsupported(f"INSERT OR {word}", advice)


def _conflict(node: SqlTree, route: DialectPair) -> None:
    if route.target in (Dialect.TSQL, Dialect.MYSQL):
        raise Unsupported("ON CONFLICT")
    if node.args.get("constraint"):
        raise Unsupported("ON CONFLICT ON CONSTRAINT", "name the columns")
    updates = "UPDATE" in str(node.args.get("action")).upper()
    if updates and not node.args.get("conflict_keys"):
        raise Unsupported("ON CONFLICT DO UPDATE without the columns", "name the columns: ON CONFLICT (id) DO UPDATE")


def _returning(node: SqlTree, route: DialectPair) -> None:
    if route.target is Dialect.MYSQL:
        raise Unsupported("RETURNING")
    if route.target is Dialect.TSQL and node.find(exp.Subquery, exp.Exists, exp.AggFunc) is not None:
        raise Unsupported("a query within RETURNING")


def _join(node: SqlTree, route: DialectPair) -> None:
    if route.target is Dialect.TSQL and (node.args.get("using") or node.args.get("method")):
        raise Unsupported("JOIN ... USING" if node.args.get("using") else "NATURAL JOIN", "write the condition behind ON")
    if route.target is Dialect.MYSQL and node.args.get("side") == "FULL":
        raise Unsupported("FULL JOIN")
    if node.args.get("method") not in (None, "", "NATURAL"):
        raise Unsupported(f"{node.args['method']} JOIN")


def _distinct(node: SqlTree, route: DialectPair) -> None:
    if node.args.get("on"):
        raise Unsupported("DISTINCT ON", "number the rows with ROW_NUMBER()")
    if not isinstance(node.parent, exp.Select) and len(node.expressions) != 1:
        raise Unsupported("DISTINCT of other than one value in a function")


def _set_operation(node: SqlTree, route: DialectPair) -> None:
    # EXCEPT ALL and INTERSECT ALL: neither SQLite nor SQL Server counts duplicates.
    bag = not node.args.get("distinct") and not isinstance(node, exp.Union)
    if bag and route.target in (Dialect.SQLITE, Dialect.TSQL):
        raise Unsupported(f"{type(node).__name__.upper()} ALL")
    nested = strip_parens(node.expression)
    while isinstance(nested, exp.Subquery) and nested.args.get("alias") is None:
        nested = nested.this
    if isinstance(nested, exp.SetOperation) and route.target is Dialect.SQLITE:
        raise Unsupported("set operations in brackets", "put the inner one into a WITH")


def _with(node: SqlTree, route: DialectPair) -> None:
    for cte in node.expressions:
        if not isinstance(cte.this, exp.Query):
            raise Unsupported("a WITH that changes rows")
        if cte.args.get("materialized") is not None and route.target not in (
            Dialect.POSTGRES,
            Dialect.SQLITE,
            Dialect.DUCKDB,
        ):
            raise Unsupported("MATERIALIZED")


def _table(node: SqlTree, route: DialectPair) -> None:
    if route.source is Dialect.SQLITE and node.name.lower().startswith(("sqlite_", "pragma_")):
        raise Unsupported(f"SQLite's own table {node.name}")
    if node.args.get("indexed") is not None:
        raise Unsupported("INDEXED BY", "leave it out: it changes no row")
    schema = node.args.get("db")
    if schema is None:
        return
    # Schemas that exist without being created: no other engine has one of the same name.
    own = {Dialect.SQLITE: ("main", "temp"), Dialect.POSTGRES: ("public", "pg_catalog", "information_schema")}
    if route.target is Dialect.SQLITE or schema.name.lower() in own.get(route.source, ()):
        raise Unsupported(f"the schema `{schema.name}`", "leave it out")


def _spec(node: SqlTree, route: DialectPair) -> None:
    kind = node.args.get("kind")
    if route.target not in (Dialect.TSQL, Dialect.MYSQL):
        return
    if kind == "GROUPS" or node.args.get("exclude"):
        raise Unsupported("a frame of GROUPS" if kind == "GROUPS" else "EXCLUDE in a frame")
    if kind == "RANGE" and any(isinstance(node.args.get(end), exp.Expr) for end in ("start", "end")):
        raise Unsupported("a frame of RANGE with an offset")


def _window(node: SqlTree, route: DialectPair) -> None:
    # OVER (w ORDER BY ...): the dialects disagree about which clauses of w may be extended.
    named = isinstance(node.args.get("alias"), exp.Identifier)
    if named and isinstance(node.this, exp.Func) and (node.args.get("order") or node.args.get("spec")):
        raise Unsupported("a window that builds on another one", "write the window out")


def _update(node: SqlTree, route: DialectPair) -> None:
    if node.args.get("from_") and route.target is Dialect.MYSQL:
        raise Unsupported("UPDATE ... FROM")
    if route.target is Dialect.MYSQL:
        _in_turn(node)
    for pair in node.expressions:
        if isinstance(pair.this, exp.Tuple) and route.target in (Dialect.TSQL, Dialect.MYSQL, Dialect.DUCKDB):
            values = strip_parens(pair.expression)
            if not isinstance(values, exp.Tuple) or len(values.expressions) != len(pair.this.expressions):
                raise Unsupported("several columns set from one query")


def _in_turn(node: SqlTree) -> None:
    """Refuse an UPDATE that MySQL would run differently: it sets columns in turn, and reads what it has set already."""
    changed: set[str] = set()
    for pair in node.expressions:
        if any(column.name.lower() in changed for column in pair.expression.find_all(exp.Column)):
            raise Unsupported("an UPDATE that reads a column that it has set")
        changed.add(pair.this.name.lower())


def _delete(node: SqlTree, route: DialectPair) -> None:
    if node.args.get("using"):
        raise Unsupported("DELETE ... USING", "write WHERE ... IN (SELECT ...) or EXISTS")


def _limit(node: SqlTree, route: DialectPair) -> None:
    if isinstance(node.parent, (exp.Delete, exp.Update)):
        raise Unsupported(f"{type(node.parent).__name__.upper()} ... LIMIT", "choose the rows with a subquery")


def _fetch(node: SqlTree, route: DialectPair) -> None:
    options = node.args.get("limit_options")
    if options is not None and (options.args.get("percent") or options.args.get("with_ties")):
        raise Unsupported("FETCH ... WITH TIES or PERCENT")


def _concat(node: SqlTree, route: DialectPair) -> None:
    if route.source is Dialect.SQLITE or route.target is Dialect.SQLITE:
        raise Unsupported("CONCAT()", "write `||`")


# PostgreSQL ignores NULL arguments; DuckDB and SQL Server do so too.
def _greatest(node: SqlTree, route: DialectPair) -> None:
    if route.source is Dialect.POSTGRES and route.target not in (Dialect.DUCKDB, Dialect.TSQL):
        raise Unsupported(f"{type(node).__name__.upper()}(), which skips NULL")


def _log(node: SqlTree, route: DialectPair) -> None:
    raise Unsupported("LOG()", "write LN()")


def _trim(node: SqlTree, route: DialectPair) -> None:
    if node.args.get("expression") is not None and route.target in (Dialect.MYSQL, Dialect.TSQL):
        raise Unsupported("TRIM() of given characters")


def _chr(node: SqlTree, route: DialectPair) -> None:
    if len(node.expressions) != 1:
        raise Unsupported("CHAR() of several code points", "join them with `||`")
    if route.target is Dialect.TSQL:
        raise Unsupported("CHAR(), which is bytes there", "write the character itself")


# The time of a statement or of a transaction, with or without a zone, in a text or a type: no two engines agree.
def _timestamp(node: SqlTree, route: DialectPair) -> None:
    if not isinstance(node.parent, exp.DefaultColumnConstraint):
        is_date, is_time = isinstance(node, exp.CurrentDate), isinstance(node, exp.CurrentTime)
        name = "CURRENT_DATE" if is_date else "CURRENT_TIME" if is_time else "CURRENT_TIMESTAMP"
        raise Unsupported(f"{name} in an expression", "bind a value of the plan's own")


def _default_only(node: SqlTree, route: DialectPair) -> None:
    if node.name.upper() == "DEFAULT" and route.target is Dialect.SQLITE:
        raise Unsupported("DEFAULT as a value", "leave the column out")


def _group(node: SqlTree, route: DialectPair) -> None:
    if any(node.args.get(key) for key in ("grouping_sets", "cube", "rollup", "totals", "all")):
        raise Unsupported("GROUPING SETS, CUBE or ROLLUP")
    if route.target is Dialect.TSQL and any(is_whole(one) for one in node.expressions):
        raise Unsupported("an ordinal in GROUP BY", "name the column")


def _aggregate_order(node: SqlTree, route: DialectPair) -> None:
    if node.find(exp.Order) is not None:
        raise Unsupported("an aggregate with ORDER BY inside")
    if route.target is Dialect.TSQL and isinstance(node.this, exp.Distinct):
        raise Unsupported("STRING_AGG() of DISTINCT values")


def _total(node: SqlTree, route: DialectPair) -> None:
    if len(node.expressions) != 1:
        raise Unsupported("TOTAL() of other than one value")
    if isinstance(node.parent, exp.Window):
        raise Unsupported("TOTAL() as a window function", "write COALESCE(SUM(...) OVER (...), 0.0)")


# By the name of a class, because sqlglot renames and adds classes, and a name that is missing must not stop the import.
_CHECKS: Final[dict[str, Callable[[SqlTree, DialectPair], None]]] = {
    "Anonymous": _total,
    "CTE": _cte,
    "Chr": _chr,
    "Column": _column,
    "Concat": _concat,
    "Create": _create,
    "CurrentDate": _timestamp,
    "CurrentTime": _timestamp,
    "CurrentTimestamp": _timestamp,
    "Delete": _delete,
    "Distinct": _distinct,
    "EQ": _compared,
    "Except": _set_operation,
    "Fetch": _fetch,
    "GT": _compared,
    "GTE": _compared,
    "Greatest": _greatest,
    "Group": _group,
    "GroupConcat": _aggregate_order,
    "In": _in,
    "Insert": _insert,
    "Intersect": _set_operation,
    "Is": _compared,
    "Join": _join,
    "LT": _compared,
    "LTE": _compared,
    "Least": _greatest,
    "Limit": _limit,
    "Log": _log,
    "NEQ": _compared,
    "NullSafeEQ": _compared,
    "NullSafeNEQ": _compared,
    "OnConflict": _conflict,
    "Returning": _returning,
    "Table": _table,
    "Trim": _trim,
    "Union": _set_operation,
    "Update": _update,
    "Var": _default_only,
    "Window": _window,
    "WindowSpec": _spec,
    "With": _with,
}
