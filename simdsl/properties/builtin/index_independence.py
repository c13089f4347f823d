"""An index changes no answer.

Claim: a query returns the same rows before an index is made, while it is there, after it was rebuilt or analysed, and
when it is gone.

Steps: a query, plain, with DISTINCT or with GROUP BY; CREATE INDEX of any kind (on a column, on two, descending, partial,
on an expression, unique), mostly on what the query names; the query; ANALYZE or REINDEX; the query; DROP INDEX;
the query. Other tasks write to a table of their own.

Violated when: the bags differ.

Evidence: the query, and what it returned before and after.
"""

from __future__ import annotations

import re

from simdsl.generation.expressions.ir import SqlExpression
from simdsl.generation.expressions.printing import DialectText, render
from simdsl.generation.fixture import FixtureTable, draw_fixture_index
from simdsl.generation.query_sources import QuerySampler
from simdsl.properties.metamorphic import NO_CONFLICTS, MetamorphicPlan, build_claims
from simdsl.properties.plan_builder import PlanBuilder
from simdsl.properties.registry import register
from simdsl.properties.relations import relation_checker


@register(
    "index-independence",
    specification=__doc__,
    summary="An index changes no answer.",
    check=relation_checker("index", "an index changes what a query gives"),
    unchecked="no query was asked with and without an index",
)
def index_independence(plan: PlanBuilder) -> None:
    """Queries around indexes that come and go."""
    build_claims(plan, "index", _claim, concurrency=NO_CONFLICTS)


def _claim(made: MetamorphicPlan) -> None:
    sampler = made.sampler()
    source = sampler.table()
    condition = sampler.condition(source)
    query = sampler.shape(source).over(source.text, condition)
    name = f"extra_{made.number}"
    before = made.query("before", query)
    made.change(_index(made, sampler, source.table, query, condition, name))
    labels = [before, made.query("indexed", query)]
    if sampler.draws.below(2):
        if sampler.draws.below(2):
            made.change(DialectText(sqlite=f"REINDEX {name}", postgres=f"REINDEX INDEX {name}"))
        else:
            made.change(render("ANALYZE {table}", table=source.table.name))
        labels.append(made.query("rebuilt", query))
    made.change(render("DROP INDEX {name}", name=name))
    labels.append(made.query("after", query))
    made.same(*labels)


def _index(
    made: MetamorphicPlan,
    sampler: QuerySampler,
    table: FixtureTable,
    query: DialectText,
    condition: SqlExpression,
    name: str,
) -> DialectText:
    """CREATE INDEX, mostly one that may serve the query: an index that the planner ignores tests nothing."""
    column = sampler.draws.one_of(table.columns).name
    form = sampler.draws.below(6)
    if form == 0:
        return render("CREATE INDEX {name} ON {t} ({c}) WHERE {p}", name=name, t=table.name, c=column, p=condition)
    if form == 1:
        return render("CREATE INDEX {name} ON {t} (({p}))", name=name, t=table.name, p=condition)
    named = _columns_named(query, table)
    if form in (2, 3) and named:
        order = sampler.draws.one_of(("", " DESC"))
        column = sampler.draws.one_of(named)
        return render("CREATE INDEX {name} ON {t} ({c}{order})", name=name, t=table.name, c=column, order=order)
    profile, rates = made.plan.size.profile, made.fixture.rates
    return draw_fixture_index(made.plan.seed, profile, rates, table, name, (made.plan.name, made.number))


def _columns_named(query: DialectText, table: FixtureTable) -> list[str]:
    """The columns that occur in a query."""
    words = set(re.findall(r"\w+", query.sqlite))
    return [column.name for column in table.columns if column.name in words]
