"""The list of constructs that are translated. Everything else is refused by name, so that nothing slips through.

``check_allowed`` sees the tree of a statement as it was written. What it allows, the other modules translate or rewrite.
"""

from __future__ import annotations

import re
from typing import Final

from simdsl.dialect.sqlglot_adapter import SqlTree, canonical_text, exp
from simdsl.dialect.unsupported import DialectPair, Unsupported, check_supported
from simdsl.plan.sql import Dialect


def check_allowed(tree: SqlTree, route: DialectPair) -> None:
    """Raises ``Unsupported`` for the first construct that is not translated between these dialects."""
    if not isinstance(tree, _STATEMENTS):
        raise Unsupported(canonical_text(tree).split(maxsplit=1)[0].upper())
    for node in tree.walk():
        name = type(node).__name__
        if isinstance(node, exp.Anonymous):
            if node.name.lower() not in _ANONYMOUS.get(route.source, ()):
                raise Unsupported(f"{node.name.upper()}()", _ADVICE.get(node.name.upper()))
        elif name not in _CARRIED:
            raise Unsupported(_said(node), _ADVICE.get(_said(node).rstrip("()")))
        refused = _REFUSED.get(name, {}).get(route.target)
        if refused is not None:
            raise Unsupported(refused)
        only = _ARGUMENTS.get(name)
        if only is not None:
            for key, value in node.args.items():
                if value and key not in only:
                    raise Unsupported(_argument(node, key))
        check_supported(node, route)


def _said(node: SqlTree) -> str:
    """The name of a node in SQL."""
    name = type(node).__name__
    if name in _WORDS:
        return _WORDS[name]
    if isinstance(node, exp.Func):
        return f"{node.sql_names()[0]}()"
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).upper()


def _argument(node: SqlTree, key: str) -> str:
    """The name of an argument of a node that is not translated."""
    if key == "locks":
        return "FOR UPDATE" if node.args["locks"][0].args.get("update") else "FOR SHARE"
    return f"{_said(node)} with {key.rstrip('_').replace('_', ' ').upper()}"


_STATEMENTS: Final = (exp.Query, exp.Values, exp.Insert, exp.Update, exp.Delete, exp.Create, exp.Alter, exp.Drop)


# Functions without a class of their own in sqlglot.
_ANONYMOUS: Final = {Dialect.SQLITE: ("total",)}


# Each of these classes has statements in the corpus, which run on the engines of both dialects.
_CARRIED_NAMES: Final = """
    Abs Add Alias Alter AlterRename And AutoIncrementColumnConstraint Avg Between BitwiseAnd BitwiseLeftShift BitwiseNot
    BitwiseOr BitwiseRightShift Boolean CTE Case Cast Ceil CharacterSet CheckColumnConstraint Chr Coalesce Collate
    CollateColumnConstraint Column ColumnConstraint ColumnDef ComputedColumnConstraint Concat Constraint Count Create
    CumeDist CurrentDate CurrentTime CurrentTimestamp DPipe DataType DataTypeParam DefaultColumnConstraint Delete
    DenseRank Distinct Div Drop EQ Escape Except Exists Exp Fetch Filter FirstValue Floor ForeignKey From GT GTE
    GeneratedAsIdentityColumnConstraint Glob Greatest Group GroupConcat Having HexString ILike Identifier If In Index
    IndexParameters Insert Intersect Is Join LT LTE Lag LastValue Lead Least Length Like Limit LimitOptions Literal Ln Log
    Lower Max Min Mod Mul NEQ Neg Not NotNullColumnConstraint NthValue Ntile Null NullSafeEQ NullSafeNEQ Nullif Offset
    OnConflict Or Order Ordered Paren PercentRank Placeholder Pow PrimaryKey PrimaryKeyColumnConstraint Properties Rank
    Reference RenameColumn Replace Returning Round RowNumber Schema Select Sign Sqrt Star StrPosition StrictProperty Sub
    Subquery Substring Sum Table TableAlias TemporaryProperty Trim Tuple Unicode Union UniqueColumnConstraint Update Upper
    Values Var Where Window WindowSpec With
"""


_CARRIED: Final = frozenset(_CARRIED_NAMES.split())


# The arguments that are translated, for classes with optional clauses. Any other argument that is set is refused.
_ARGUMENTS: Final = {
    "Select": frozenset(
        (
            "with_",
            "distinct",
            "expressions",
            "limit",
            "from_",
            "joins",
            "where",
            "group",
            "having",
            "windows",
            "order",
            "offset",
        )
    ),
    "Insert": frozenset(("with_", "this", "expression", "conflict", "returning", "alternative", "default")),
    "Update": frozenset(("with_", "this", "expressions", "from_", "where", "returning", "order", "limit")),
    "Delete": frozenset(("with_", "this", "using", "where", "returning", "order", "limit")),
    "Table": frozenset(("this", "alias", "db", "joins")),
    "Subquery": frozenset(("this", "alias", "with_", "joins", "limit", "order", "offset")),
    "Create": frozenset(("this", "kind", "expression", "exists", "properties", "unique", "with_")),
    "Drop": frozenset(("this", "tables", "kind", "exists", "cascade", "restrict")),
    "Alter": frozenset(("this", "kind", "actions")),
    "ColumnDef": frozenset(("this", "kind", "constraints")),
    "Window": frozenset(("this", "partition_by", "order", "spec", "alias", "over", "first")),
    "OnConflict": frozenset(("expressions", "action", "conflict_keys", "constraint", "where", "index_where")),
    "Case": frozenset(("this", "ifs", "default")),
    "Substring": frozenset(("this", "start", "length")),
    "Round": frozenset(("this", "decimals")),
    "StrPosition": frozenset(("this", "substr")),
    "Between": frozenset(("this", "low", "high")),
    "Ordered": frozenset(("this", "desc", "nulls_first")),
    "Cast": frozenset(("this", "to")),
    "Reference": frozenset(("this", "expressions", "options")),
    "ForeignKey": frozenset(("expressions", "reference", "delete", "update", "options")),
    "Lag": frozenset(("this", "offset", "default")),
    "Lead": frozenset(("this", "offset", "default")),
    "Index": frozenset(("this", "table", "params")),
    "IndexParameters": frozenset(("columns", "where")),
}


# Functions and clauses that single targets lack, by the name of the class.
_REFUSED: Final = {
    "NthValue": {Dialect.TSQL: "NTH_VALUE()"},
    "Filter": {Dialect.MYSQL: "FILTER behind an aggregate"},
    "Unicode": {Dialect.MYSQL: "UNICODE()"},
}


# SQL's name of a class, where neither the class nor its function says it.
_WORDS: Final = {
    "Analyze": "ANALYZE",
    "Array": "ARRAY[]",
    "At": "AT TIME ZONE",
    "AtTimeZone": "AT TIME ZONE",
    "Attach": "ATTACH",
    "Bracket": "a subscript",
    "ByteString": "a string with escapes",
    "Detach": "DETACH",
    "Expr": "this expression",
    "Interval": "INTERVAL",
    "JSONExtract": "`->` on JSON",
    "JSONExtractScalar": "`->>` on JSON",
    "Lateral": "LATERAL",
    "Lock": "FOR UPDATE",
    "OnConflict": "ON CONFLICT",
    "Pragma": "PRAGMA",
    "Rand": "RANDOM()",
    "RawString": "a dollar quote",
    "RegexpLike": "a regular expression",
    "RegexpILike": "a regular expression",
    "LogicalAnd": "BOOL_AND()",
    "LogicalOr": "BOOL_OR()",
    "TimeToStr": "a date written by a format",
    "TsOrDsToDate": "DATE()",
    "TruncateTable": "TRUNCATE",
    "Unnest": "UNNEST()",
    "WithinGroup": "WITHIN GROUP",
}


_ADVICE: Final = {
    "LAST_INSERT_ROWID": "write INSERT ... RETURNING",
    "CHANGES": "expect `n affected` of the statement itself",
    "PRINTF": "join the parts with `||`",
    "FORMAT": "join the parts with `||`",
}
