"""Metamorphic relations between a query and the parts that it is made of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from simdsl.generation.expressions.ir import ColumnRef, SqlExpression, SqlType
from simdsl.generation.expressions.printing import DialectText, render
from simdsl.generation.fixture import QuerySampler, QuerySource
from simdsl.properties.metamorphic import MetamorphicPlan, build_claims
from simdsl.properties.plan_builder import PlanBuilder
from simdsl.properties.registry import register
from simdsl.properties.relations import bag, equal, relation_checker, total

# where-true-false-null


_PARTS: Final = (("kept", "{p}"), ("left", "NOT {p}"), ("unknown", "{p} IS NULL"))


@register(
    "where-true-false-null",
    aliases=("tlp",),
    summary="Three parts of a table are the table.",
    check=relation_checker("tlp", "the three parts of a query are not the whole"),
    unchecked="no query and its parts returned rows",
)
def tlp(plan: PlanBuilder) -> None:
    """What a condition keeps, its NOT keeps and its IS NULL keeps is everything, once (TLP).

    Claim: for a condition p every row is in exactly one of `WHERE p`, `WHERE NOT p`, `WHERE p IS NULL`. So the three results
    together are the result without a condition, as a bag; with DISTINCT and GROUP BY as a set of rows; for aggregates when
    the three are combined (the sum of counts and of sums, the least of MIN, the greatest of MAX); and for a condition on
    groups in HAVING.

    Steps: the query without a condition, and the three parts, over a table, a join or a derived table; for DISTINCT, GROUP
    BY and aggregates the parts are one query. Other tasks write meanwhile, in some plans to the same tables; then the
    queries are one serializable transaction.

    Violated when: the parts do not add up.

    Evidence: the queries, and what they returned.

    Source: Rigger and Su, Finding Bugs in Database Systems via Query Partitioning, OOPSLA 2020.
    """
    build_claims(plan, "tlp", _claim_tlp)


def _claim_tlp(made: MetamorphicPlan) -> None:
    sampler = made.sampler()
    source = sampler.source()
    form = sampler.choices.one_of(_FORMS)
    form(made, sampler, source, sampler.condition(source))


def _plain(made: MetamorphicPlan, sampler: QuerySampler, source: QuerySource, condition: SqlExpression) -> None:
    query = render("SELECT {columns} FROM {source}", columns=sampler.selected(source.columns), source=source.text)
    whole = made.query("whole", query)
    parts = [made.query(role, render(f"{{query}} WHERE {part}", query=query, p=condition)) for role, part in _PARTS]
    made.check(equal(bag(whole), total(*map(bag, parts))), whole, *parts)


def _distinct(made: MetamorphicPlan, sampler: QuerySampler, source: QuerySource, condition: SqlExpression) -> None:
    columns = sampler.selected(source.columns)
    query = render("SELECT DISTINCT {columns} FROM {source}", columns=columns, source=source.text)
    # A row of the result may stand for rows in several parts, so the parts are united as sets by the engine itself.
    _compare(made, query, _parts(query, condition, "", " UNION "))


def _grouped(made: MetamorphicPlan, sampler: QuerySampler, source: QuerySource, condition: SqlExpression) -> None:
    column = sampler.choices.one_of(source.columns)
    query = render("SELECT {column} FROM {source}", column=column, source=source.text)
    groups = f" GROUP BY {column.name}"
    whole = render("{query}{groups}", query=query, groups=groups)
    _compare(made, whole, _parts(query, condition, groups, " UNION "))


def _having(made: MetamorphicPlan, sampler: QuerySampler, source: QuerySource, condition: SqlExpression) -> None:
    """The condition is on groups: on their size, and on what they are grouped by."""
    column = sampler.choices.one_of(source.columns)
    # Expressions know no aggregates. The count is a column while the condition is drawn, and count(*) in its text.
    count = ColumnRef(name="count_of_rows", type=SqlType.INTEGER, nullable=False, narrow=True)
    on_groups = render("{condition}", condition=sampler.predicate((column, count), depth=1))
    on_groups = DialectText(
        sqlite=on_groups.sqlite.replace(count.name, "count(*)"), postgres=on_groups.postgres.replace(count.name, "count(*)")
    )
    where = render(" WHERE {p}", p=condition) if sampler.choices.below(2) else render("")
    query = render("SELECT {c}, count(*) FROM {s}{where} GROUP BY {c}", c=column, s=source.text, where=where)
    whole = made.query("whole", query)
    parts = [made.query(role, render(f"{{query}} HAVING {part}", query=query, p=on_groups)) for role, part in _PARTS]
    made.check(equal(bag(whole), total(*map(bag, parts))), whole, *parts)


def _aggregated(made: MetamorphicPlan, sampler: QuerySampler, source: QuerySource, condition: SqlExpression) -> None:
    column = sampler.choices.one_of([one for one in source.columns if one.type in _ORDERED_TYPES])
    number = sampler.choices.one_of([one for one in source.columns if one.type is SqlType.INTEGER])
    query = render(
        "SELECT count(*) AS n, min({c}) AS low, max({c}) AS high, sum({i}) AS total FROM {s}",
        c=column,
        i=number,
        s=source.text,
    )
    parts = _parts(query, condition, "", " UNION ALL ")
    # PostgreSQL's sums are NUMERIC: both sides are cast to the type that SQLite returns.
    combined = render(
        "SELECT CAST(sum(n) AS {big}), min(low), max(high), CAST(sum(total) AS {big}) FROM ({parts}) AS parts",
        parts=parts,
        big=_BIG_INTEGER,
    )
    one = render(
        "SELECT CAST(n AS {big}), low, high, CAST(total AS {big}) FROM ({query}) AS one", query=query, big=_BIG_INTEGER
    )
    _compare(made, one, combined)


def _compare(made: MetamorphicPlan, whole: DialectText, parts: DialectText) -> None:
    labels = made.query("whole", whole), made.query("parts", parts)
    made.check(equal(bag(labels[0]), bag(labels[1])), *labels)


def _parts(query: DialectText, condition: SqlExpression, rest: str, separator: str) -> DialectText:
    template = separator.join(f"{{query}} WHERE {part}{{rest}}" for _, part in _PARTS)
    return render(template, query=query, p=condition, rest=rest)


_FORMS: Final[tuple[Callable[[MetamorphicPlan, QuerySampler, QuerySource, SqlExpression], None], ...]] = (
    _plain,
    _plain,  # twice as likely as the others: it found most of the known bugs
    _distinct,
    _grouped,
    _having,
    _aggregated,
)
_ORDERED_TYPES: Final = (SqlType.INTEGER, SqlType.REAL, SqlType.TEXT)
_BIG_INTEGER: Final = DialectText(sqlite="INTEGER", postgres="BIGINT")


# union-all-preserves-cardinality


@register(
    "union-all-preserves-cardinality",
    summary="UNION ALL keeps every row of both sides.",
    check=relation_checker("union", "UNION ALL returns other rows than its two sides"),
    unchecked="no pair of queries returned rows",
)
def union_all(plan: PlanBuilder) -> None:
    """UNION ALL returns the rows of both sides, each as often as they have it.

    Claim: the bag of `q1 UNION ALL q2` is the bag of q1 plus the bag of q2.

    Steps: q1, q2, and both in one query, each over a table, a join or a derived table, with and without a condition. Other
    tasks write meanwhile, in some plans to the same tables; then the queries are one serializable transaction.

    Violated when: a row is missing, or there is one too many.

    Evidence: the three queries, and what they returned.
    """
    build_claims(plan, "union", _claim_union_all)


def _claim_union_all(made: MetamorphicPlan) -> None:
    sampler = made.sampler()
    # Both sides select the same types: a conversion between them would be the engine's own business.
    types = [sampler.choices.one_of(tuple(SqlType)) for _ in range(1 + sampler.choices.below(2))]
    left, right = _side(sampler, types), _side(sampler, types)
    one, other = made.query("one", left), made.query("other", right)
    both = made.query("both", render("{left} UNION ALL {right}", left=left, right=right))
    made.check(equal(bag(both), total(bag(one), bag(other))), one, other, both)


def _side(sampler: QuerySampler, types: list[SqlType]) -> DialectText:
    source = sampler.source()
    chosen = [_expression(sampler, of, source.columns) for of in types]
    template = "SELECT " + ", ".join(f"{{x{i}}} AS s{i}" for i in range(len(chosen))) + " FROM {source}"
    query = render(template, source=source.text, **{f"x{i}": one for i, one in enumerate(chosen)})
    if sampler.choices.below(2):
        return render("{query} WHERE {p}", query=query, p=sampler.condition(source))
    return query


def _expression(sampler: QuerySampler, of: SqlType, columns: tuple[ColumnRef, ...]) -> SqlExpression:
    fitting = [column for column in columns if column.type is of]
    return sampler.choices.one_of(fitting) if fitting and sampler.choices.below(3) else sampler.value(of, columns, depth=1)
