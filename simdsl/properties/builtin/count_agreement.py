"""count(*) of a query is the number of its rows.

Claim: `SELECT count(*) FROM (q)` returns the number of rows that q returns.

Steps: q, with DISTINCT, GROUP BY, LIMIT or a condition, over a table, a join or a derived table; the count. Other tasks
write meanwhile, in some plans to the same tables; then both are one serializable transaction.

Violated when: the numbers differ.

Evidence: both queries, and what they returned.
"""

from __future__ import annotations

from simdsl.generation.expressions.printing import DialectText, render
from simdsl.generation.query_sources import QuerySampler
from simdsl.properties.metamorphic import MetamorphicPlan, build_claims
from simdsl.properties.plan_builder import PlanBuilder
from simdsl.properties.registry import register
from simdsl.properties.relations import equal, relation_checker, rows, value


@register(
    "count-agreement",
    specification=__doc__,
    summary="count(*) is the number of rows.",
    check=relation_checker("count", "count(*) of a query is not the number of its rows"),
    unchecked="no query and its count returned rows",
)
def count_agreement(plan: PlanBuilder) -> None:
    """Queries, and their counts."""
    build_claims(plan, "count", _claim)


def _claim(made: MetamorphicPlan) -> None:
    query = _query(made.sampler())
    listed = made.query("listed", query)
    counted = made.query("counted", render("SELECT count(*) FROM ({query}) AS q", query=query))
    made.check(equal(rows(listed), value(counted)), listed, counted)


def _query(sampler: QuerySampler) -> DialectText:
    """What an engine may count without producing the rows: it may skip sorting, columns, and whole joins."""
    source = sampler.source()
    where = render(" WHERE {p}", p=sampler.condition(source)) if sampler.draws.below(3) else render("")
    match sampler.draws.below(4):
        case 0:
            columns = sampler.selected(source.columns)
            return render("SELECT DISTINCT {c} FROM {s}{where}", c=columns, s=source.text, where=where)
        case 1:
            column = sampler.draws.one_of(source.columns)
            return render("SELECT {c} FROM {s}{where} GROUP BY {c}", c=column, s=source.text, where=where)
        case 2:
            columns = sampler.selected(source.columns)
            # Which rows a LIMIT without an order keeps is open; how many is not.
            limit = f" LIMIT {sampler.draws.below(6)} OFFSET {sampler.draws.below(4)}"
            return render("SELECT {c} FROM {s}{where}{limit}", c=columns, s=source.text, where=where, limit=limit)
        case _:  # the last of four numbers: a plain query
            columns = sampler.selected(source.columns)
            return render("SELECT {c} FROM {s}{where}", c=columns, s=source.text, where=where)
