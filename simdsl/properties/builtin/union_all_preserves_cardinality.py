"""UNION ALL returns the rows of both sides, each as often as they have it.

Claim: the bag of `q1 UNION ALL q2` is the bag of q1 plus the bag of q2.

Steps: q1, q2, and both in one query, each over a table, a join or a derived table, with and without a condition. Other tasks
write meanwhile, in some plans to the same tables; then the queries are one serializable transaction.

Violated when: a row is missing, or there is one too many.

Evidence: the three queries, and what they returned.
"""

from __future__ import annotations

from simdsl.generation.expressions.ir import ColumnRef, SqlExpression, SqlType
from simdsl.generation.expressions.printing import DialectText, render
from simdsl.generation.query_sources import QuerySampler
from simdsl.properties.metamorphic import MetamorphicPlan, build_claims
from simdsl.properties.plan_builder import PlanBuilder
from simdsl.properties.registry import register
from simdsl.properties.relations import bag, equal, relation_checker, total


@register(
    "union-all-preserves-cardinality",
    specification=__doc__,
    summary="UNION ALL keeps every row of both sides.",
    check=relation_checker("union", "UNION ALL returns other rows than its two sides"),
    unchecked="no pair of queries returned rows",
)
def union_all(plan: PlanBuilder) -> None:
    """Pairs of queries, alone and together."""
    build_claims(plan, "union", _claim)


def _claim(made: MetamorphicPlan) -> None:
    sampler = made.sampler()
    # Both sides select the same types: a conversion between them would be the engine's own business.
    types = [sampler.draws.one_of(tuple(SqlType)) for _ in range(1 + sampler.draws.below(2))]
    left, right = _side(sampler, types), _side(sampler, types)
    one, other = made.query("one", left), made.query("other", right)
    both = made.query("both", render("{left} UNION ALL {right}", left=left, right=right))
    made.check(equal(bag(both), total(bag(one), bag(other))), one, other, both)


def _side(sampler: QuerySampler, types: list[SqlType]) -> DialectText:
    source = sampler.source()
    chosen = [_expression(sampler, of, source.columns) for of in types]
    template = "SELECT " + ", ".join(f"{{x{i}}} AS s{i}" for i in range(len(chosen))) + " FROM {source}"
    query = render(template, source=source.text, **{f"x{i}": one for i, one in enumerate(chosen)})
    if sampler.draws.below(2):
        return render("{query} WHERE {p}", query=query, p=sampler.condition(source))
    return query


def _expression(sampler: QuerySampler, of: SqlType, columns: tuple[ColumnRef, ...]) -> SqlExpression:
    fitting = [column for column in columns if column.type is of]
    return sampler.draws.one_of(fitting) if fitting and sampler.draws.below(3) else sampler.value(of, columns, depth=1)
