"""A condition in WHERE keeps as many rows as it is true for (NoREC).

Claim: `SELECT ... WHERE p` returns as many rows as `(p) IS TRUE` is true for, when that is computed for every row. In WHERE
an engine may use indexes and rewrite the condition; in the select list it hardly can.

Steps: both queries, over a table, a join or a derived table. Other tasks write meanwhile, in some plans to the same tables;
then both queries are one serializable transaction.

Violated when: the numbers differ.

Evidence: both queries, and what they returned.

Source: Rigger and Su, Detecting Optimization Bugs in Database Engines via Non-Optimizing Reference Engine Construction,
ESEC/FSE 2020.
"""

from __future__ import annotations

from simdsl.generation.expressions.printing import render
from simdsl.properties.metamorphic import MetamorphicPlan, build_claims
from simdsl.properties.plan_builder import PlanBuilder
from simdsl.properties.registry import register
from simdsl.properties.relations import equal, relation_checker, rows, value


@register(
    "select-select-optimizer",
    specification=__doc__,
    summary="A condition keeps the rows that it is true for.",
    check=relation_checker("norec", "WHERE keeps another number of rows than the condition is true for"),
    unchecked="no pair of queries returned rows",
)
def norec(plan: PlanBuilder) -> None:
    """Random conditions, each asked in WHERE and in the select list."""
    build_claims(plan, "norec", _claim)


def _claim(made: MetamorphicPlan) -> None:
    sampler = made.sampler()
    source = sampler.source()
    condition = sampler.condition(source)
    column = sampler.draws.one_of(source.columns)
    kept = made.query(
        "kept", render("SELECT {column} FROM {source} WHERE {p}", column=column, source=source.text, p=condition)
    )
    # An aggregate over all rows leaves the planner nothing to optimize: each row must be looked at.
    counted = render("SELECT coalesce(sum(CASE WHEN {p} IS TRUE THEN 1 ELSE 0 END), 0) FROM {s}", p=condition, s=source.text)
    true = made.query("true", counted)
    made.check(equal(rows(kept), value(true)), kept, true)
