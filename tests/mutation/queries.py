"""Queries that are planned or evaluated wrongly: NULL, joins, grouping, slices, subqueries.

Each rule changes one form of a SELECT and leaves every other statement alone, so the writes around it are right.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from sqlglot import exp

from simdsl.backends.protocol import Backend
from tests.modes.faulty_sqlite import DropsARow
from tests.mutation.bug import Bug, Kind, driver
from tests.mutation.rewriting import Node, also, bare, condition, in_where, rewriting
from tests.properties.planted import IgnoresLimit, StartsLate

_UNKNOWN_AS_FALSE: Final = "two-valued logic where SQL has three values"
_STRENGTH: Final = "an outer join that is simplified although its condition keeps NULLs"
_PUSHED: Final = "a condition that is pushed to a place where it means something else"


def not_keeps_unknown(node: exp.Not) -> Node | None:
    if not isinstance(node.parent, exp.Where):
        return None
    return exp.Not(this=exp.Coalesce(this=exp.Paren(this=node.this.copy()), expressions=[exp.false()]))


def expression_is_never_null(node: exp.Is) -> Node | None:
    if isinstance(node.expression, exp.Null) and not isinstance(bare(node.this), exp.Column | exp.Null) and in_where(node):
        return exp.false()
    return None


def not_in_skips_null(node: exp.In) -> Node | None:
    kept = [one.copy() for one in node.expressions if not isinstance(one, exp.Null)]
    if not isinstance(node.parent, exp.Not) or not kept or len(kept) == len(node.expressions):
        return None
    return exp.In(this=node.this.copy(), expressions=kept)


def in_drops_the_last(node: exp.In) -> Node | None:
    if len(node.expressions) < 3:
        return None
    return exp.In(this=node.this.copy(), expressions=[one.copy() for one in node.expressions[:-1]])


def between_excludes_a_column(node: exp.Between) -> Node | None:
    low, high = node.args["low"], node.args["high"]
    if not isinstance(bare(high), exp.Column):
        return None
    above = exp.GTE(this=exp.paren(node.this.copy()), expression=exp.paren(low.copy()))
    return exp.paren(exp.And(this=above, expression=exp.LT(this=exp.paren(node.this.copy()), expression=high.copy())))


def same_column_is_true(node: exp.Binary) -> Node | None:
    if isinstance(node, exp.EQ | exp.GTE | exp.LTE) and in_where(node) and isinstance(node.this, exp.Column):
        return exp.true() if node.this == node.expression else None
    return None


def is_not_true_loses_unknown(node: exp.Not) -> Node | None:
    inner = node.this
    if isinstance(inner, exp.Is) and isinstance(inner.expression, exp.Boolean) and inner.expression.this and in_where(node):
        return exp.Not(this=exp.paren(inner.this.copy()))
    return None


def or_stops_at_unknown(node: exp.Or) -> Node | None:
    if not in_where(node):
        return None
    left = exp.paren(node.this.copy())
    either = exp.Or(this=left, expression=exp.paren(node.expression.copy()))
    return exp.Case(ifs=[exp.If(this=exp.Is(this=left.copy(), expression=exp.null()), true=exp.null())], default=either)


def when_null_matches_null(node: exp.Case) -> Node | None:
    if node.this is None:
        return None
    ifs = [
        exp.If(this=exp.Is(this=exp.paren(node.this.copy()), expression=exp.paren(one.this.copy())), true=one.args["true"])
        for one in node.args["ifs"]
    ]
    return exp.Case(ifs=ifs, default=node.args.get("default"))


def is_of_two_columns_is_equality(node: exp.Is) -> Node | None:
    if isinstance(node.this, exp.Column) and isinstance(node.expression, exp.Column) and in_where(node):
        return exp.paren(exp.EQ(this=node.this.copy(), expression=node.expression.copy()))
    return None


def left_join_becomes_inner(node: exp.Select) -> Node | None:
    test = condition(node)
    joins = [join for join in node.args.get("joins") or () if join.side == "LEFT"]
    named = {column.table for column in test.find_all(exp.Column)} if test is not None else set()
    hit = [join for join in joins if join.this.alias in named]
    for join in hit:
        join.set("side", None)
    return node if hit else None


def where_moves_into_on(node: exp.Select) -> Node | None:
    test = condition(node)
    joins = [join for join in node.args.get("joins") or () if join.side == "LEFT"]
    if test is None or not joins:
        return None
    joins[-1].set("on", exp.and_(joins[-1].args["on"].copy(), test.copy()))
    node.set("where", None)
    return node


def derived_table_loses_its_where(node: exp.Select) -> Node | None:
    source = node.args.get("from_")
    inner = source.this.this if source is not None and isinstance(source.this, exp.Subquery) else None
    if condition(node) is None or not isinstance(inner, exp.Select) or condition(inner) is None:
        return None
    inner.set("where", None)
    return node


def union_all_is_union(node: exp.Union) -> Node | None:
    if node.args["distinct"]:
        return None
    node.set("distinct", True)
    return node


def distinct_of_several_columns(node: exp.Select) -> Node | None:
    if node.parent is not None or node.args.get("distinct") is None or len(node.expressions) < 2:
        return None
    node.set("distinct", None)
    return node


def having_is_ignored(node: exp.Select) -> Node | None:
    if node.args.get("having") is None or condition(node) is None:
        return None
    node.set("having", None)
    return node


def group_of_null_is_lost(node: exp.Select) -> Node | None:
    group = node.args.get("group")
    if group is None or condition(node) is not None or node.args.get("having") is not None:
        return None
    return also(node, exp.Not(this=exp.Is(this=group.expressions[0].copy(), expression=exp.null())))


def count_ignores_an_offset(node: exp.Select) -> Node | None:
    source = node.args.get("from_")
    inner = source.this.this if source is not None and isinstance(source.this, exp.Subquery) else None
    if not isinstance(node.expressions[0], exp.Count) or inner is None or inner.args.get("offset") is None:
        return None
    inner.set("offset", None)
    return node


def min_reads_the_first_entry(node: exp.Min) -> Node | None:
    select = node.find_ancestor(exp.Select)
    if select is None or condition(select) is not None or select.args.get("group") is not None:
        return None
    value = node.this
    has_null = exp.LT(this=exp.Count(this=value.copy()), expression=exp.Count(this=exp.Star()))
    return exp.Case(ifs=[exp.If(this=has_null, true=exp.null())], default=exp.Min(this=value.copy()))


def sum_of_nothing_is_zero(node: exp.Sum) -> Node | None:
    select = node.find_ancestor(exp.Select)
    if select is None or condition(select) is None or isinstance(node.parent, exp.Coalesce):
        return None
    return exp.Coalesce(this=exp.Sum(this=node.this.copy()), expressions=[exp.Literal.number(0)])


def first_term_of_an_order_ascends(node: exp.Select) -> Node | None:
    order = node.args.get("order")
    if order is None or node.args.get("limit") is None or not order.expressions[0].args.get("desc"):
        return None
    order.expressions[0].set("desc", False)
    return node


def scalar_subquery_of_null_is_zero(node: exp.Subquery) -> Node | None:
    if isinstance(node.parent, exp.From | exp.Join | exp.SetOperation | exp.In) or node.alias:
        return None
    return exp.Coalesce(this=node.copy(), expressions=[exp.Literal.number(0)])


def max_in_a_subquery_reads_one_row(node: exp.Max) -> Node | None:
    select = node.find_ancestor(exp.Select)
    if select is None or not isinstance(select.parent, exp.Subquery) or len(select.expressions) > 1 or node.parent is not select:
        return None
    select.set("limit", exp.Limit(expression=exp.Literal.number(1)))
    return node.this.copy()


def _query(name: str, does: str, model: str, make: Callable[[], Backend]) -> Bug:
    return Bug(name=name, does=does, model=model, make=make, kind=Kind.QUERY)


def _rule(name: str, does: str, model: str, kind: type[Node], rule: Callable[..., Node | None]) -> Bug:
    return _query(name, does, model, driver(name, rewriting(kind, rule)))


BUGS: Final = (
    _rule(
        "not-keeps-unknown",
        "`WHERE NOT p` keeps the rows for which `p` is unknown.",
        _UNKNOWN_AS_FALSE,
        exp.Not,
        not_keeps_unknown,
    ),
    _rule(
        "expression-never-null",
        "In a WHERE, `IS NULL` of anything but a column is false.",
        "nullability of an expression that is inferred wrongly",
        exp.Is,
        expression_is_never_null,
    ),
    _rule("not-in-skips-null", "`NOT IN` passes over a NULL in its list.", _UNKNOWN_AS_FALSE, exp.In, not_in_skips_null),
    _rule(
        "in-drops-last",
        "`IN` leaves out the last value of a list of three or more.",
        "an off-by-one in a list that is sorted or hashed",
        exp.In,
        in_drops_the_last,
    ),
    _rule(
        "between-excludes-column",
        "`BETWEEN` excludes its upper bound if that is a column.",
        "a range whose end is exclusive",
        exp.Between,
        between_excludes_a_column,
    ),
    _rule(
        "same-column-is-true",
        "In a WHERE, `c = c`, `c <= c` and `c >= c` are true although `c` is NULL.",
        "simplification that forgets NULL",
        exp.Binary,
        same_column_is_true,
    ),
    _rule(
        "is-not-true-loses-unknown",
        "In a WHERE, `p IS NOT TRUE` is read as `NOT p`.",
        _UNKNOWN_AS_FALSE,
        exp.Not,
        is_not_true_loses_unknown,
    ),
    _rule(
        "or-stops-at-unknown",
        "In a WHERE, `p OR q` is unknown if `p` is.",
        "short-circuit evaluation of three-valued logic",
        exp.Or,
        or_stops_at_unknown,
    ),
    _rule(
        "when-null-matches-null",
        "`CASE x WHEN y` takes the branch if both are NULL.",
        "equality and `IS` confused",
        exp.Case,
        when_null_matches_null,
    ),
    _rule(
        "is-becomes-equality",
        "In a WHERE, `IS` between two columns is read as `=`.",
        "an index lookup for `IS` that cannot find NULL",
        exp.Is,
        is_of_two_columns_is_equality,
    ),
    _rule(
        "left-join-becomes-inner",
        "A LEFT JOIN is an inner one if the WHERE names the right table.",
        _STRENGTH,
        exp.Select,
        left_join_becomes_inner,
    ),
    _rule(
        "where-moves-into-on",
        "The WHERE of a LEFT JOIN is evaluated as part of its ON.",
        _PUSHED,
        exp.Select,
        where_moves_into_on,
    ),
    _rule(
        "derived-table-loses-where",
        "A derived table with a WHERE loses it if the query around it has one too.",
        "a subquery that is flattened wrongly",
        exp.Select,
        derived_table_loses_its_where,
    ),
    _rule("union-all-is-union", "UNION ALL removes duplicates.", "a set operation taken for another", exp.Union, union_all_is_union),
    _rule(
        "distinct-of-several",
        "DISTINCT of two or more columns keeps duplicates.",
        "a DISTINCT that is optimised away",
        exp.Select,
        distinct_of_several_columns,
    ),
    _rule("having-ignored", "HAVING is ignored if there is a WHERE.", _PUSHED, exp.Select, having_is_ignored),
    _rule(
        "group-of-null-lost",
        "GROUP BY without WHERE and HAVING has no group for NULL.",
        "a loose index scan that begins behind the NULLs",
        exp.Select,
        group_of_null_is_lost,
    ),
    _rule(
        "count-ignores-offset",
        "`count(*)` of a derived table passes over its OFFSET.",
        "a count that is taken from a plan without its slice",
        exp.Select,
        count_ignores_an_offset,
    ),
    _rule(
        "min-reads-first-entry",
        "`min` without a WHERE is NULL if any value is.",
        "a minimum that is read off an index in which NULL comes first",
        exp.Min,
        min_reads_the_first_entry,
    ),
    _rule(
        "sum-of-nothing-is-zero",
        "`sum` of no value is 0 if there is a WHERE.",
        "an accumulator that is set up as a number",
        exp.Sum,
        sum_of_nothing_is_zero,
    ),
    _rule(
        "desc-ignored-with-limit",
        "ORDER BY with a LIMIT takes its first DESC for ASC.",
        "a top-n sorter that forgets the direction",
        exp.Select,
        first_term_of_an_order_ascends,
    ),
    _rule(
        "scalar-subquery-null-is-zero",
        "A scalar subquery that gives NULL gives 0.",
        "a register that is not cleared",
        exp.Subquery,
        scalar_subquery_of_null_is_zero,
    ),
    _rule(
        "max-subquery-reads-one-row",
        "`(SELECT max(c) FROM t)` is the value of the first row.",
        "an aggregate that is folded to a bare column",
        exp.Max,
        max_in_a_subquery_reads_one_row,
    ),
    _query(
        "limit-ignored",
        "LIMIT and OFFSET are passed over.",
        "a rewriting proxy that loses the end of a statement",
        driver("limit-ignored", IgnoresLimit),
    ),
    _query("offset-one-more", "OFFSET leaves out one row more.", "an off-by-one", driver("offset-one-more", StartsLate)),
    _query(
        "last-row-lost",
        "A query that gives several rows loses the last.",
        "a cursor that stops before the last row",
        driver("last-row-lost", DropsARow),
    ),
)
