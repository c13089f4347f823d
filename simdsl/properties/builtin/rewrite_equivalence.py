"""A condition and an equivalent one keep the same rows.

Claim: a rewrite that logic allows changes no answer: De Morgan, NOT NOT, comparisons negated or swapped, BETWEEN as two
comparisons, IN as OR, CASE for COALESCE and NULLIF, constants folded, and more.

Steps: a query with a condition, the same query with the condition rewritten once or twice, over a table, a join or a derived
table. Other tasks write meanwhile, in some plans to the same tables; then both queries are one serializable transaction.

Violated when: the bags differ.

Evidence: both queries, and what they returned.
"""

from __future__ import annotations

from simdsl.generation.expressions.printing import render
from simdsl.generation.expressions.rewriting import draw_rewrite
from simdsl.properties.metamorphic import MetamorphicPlan, build_claims
from simdsl.properties.plan_builder import PlanBuilder
from simdsl.properties.registry import register
from simdsl.properties.relations import relation_checker


@register(
    "rewrite-equivalence",
    specification=__doc__,
    summary="Conditions that mean the same keep the same rows.",
    check=relation_checker("rewrite", "a condition that means the same keeps other rows"),
    unchecked="no pair of queries returned rows",
)
def rewrite_equivalence(plan: PlanBuilder) -> None:
    """Conditions, and the same conditions rewritten."""
    build_claims(plan, "rewrite", _claim)


def _claim(made: MetamorphicPlan) -> None:
    sampler = made.sampler()
    source = sampler.source()
    condition = sampler.condition(source)
    other = condition
    # Two rewrites in a row reach forms that no single one has, such as a negated BETWEEN as an OR.
    for turn in range(1 + sampler.draws.below(2)):
        rewrite = draw_rewrite(other, seed=made.plan.seed, place=(made.number, turn))
        other = other if rewrite is None else rewrite.expression
    columns = sampler.selected(source.columns)
    labels = [
        made.query(role, render("SELECT {c} FROM {s} WHERE {p}", c=columns, s=source.text, p=one))
        for role, one in (("one", condition), ("other", other))
    ]
    made.same(*labels)
