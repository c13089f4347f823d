"""A constant and a subquery that returns it are the same (after CODDTest).

Claim: a query with a constant returns the same rows as the same query with `(SELECT constant)` in its place, and as the
query with a subquery whose value is known to be that constant.

Steps: a query with a condition in which a constant stands, the same with the constant as a scalar subquery without
FROM, and for the greatest or the least value of a column with the subquery that asks for it. Other tasks write to a
table of their own.

Violated when: the bags differ.

Evidence: both queries, and what they returned.

Source: Zhang and Rigger, Constant Optimization Driven Database System Testing, SIGMOD 2025.
"""

from __future__ import annotations

from typing import Final

from simdsl.generation.expressions.ir import ColumnRef, Literal, SqlExpression, SqlType, walk
from simdsl.generation.expressions.printing import DialectText, render
from simdsl.generation.expressions.values import draw_value
from simdsl.generation.query_sources import QuerySampler, QuerySource
from simdsl.properties.metamorphic import NO_CONFLICTS, MetamorphicPlan, build_claims
from simdsl.properties.plan_builder import PlanBuilder
from simdsl.properties.registry import register
from simdsl.properties.relations import relation_checker

_PLACEHOLDER: Final = "the_constant"
_TRIES: Final = 4


@register(
    "constant-to-subquery",
    specification=__doc__,
    summary="A constant and a subquery that gives it are the same.",
    check=relation_checker("folded", "a subquery in place of a constant changes what a query gives"),
    unchecked="no pair of queries returned rows",
)
def coddtest(plan: PlanBuilder) -> None:
    """Queries with constants, and with subqueries in their place. Nobody may change what the subqueries return."""
    build_claims(plan, "folded", _claim, concurrency=NO_CONFLICTS)


def _claim(made: MetamorphicPlan) -> None:
    sampler = made.sampler()
    source = sampler.source()
    constant, subquery = _constant(made, sampler)
    condition = _condition(sampler, source, constant.type)
    columns = sampler.selected(source.columns)
    labels = [
        made.query(role, render("SELECT {c} FROM {s} WHERE {p}", c=columns, s=source.text, p=_filled(condition, by)))
        for role, by in (("constant", render("({c})", c=constant)), ("subquery", subquery))
    ]
    made.same(*labels)


def _constant(made: MetamorphicPlan, sampler: QuerySampler) -> tuple[Literal, DialectText]:
    """A constant, and a subquery that returns it."""
    table = sampler.draws.one_of(made.fixture.tables)
    numbers = [column for column in table.columns if column.type is SqlType.INTEGER]
    if numbers and sampler.draws.below(2):
        column = sampler.draws.one_of(numbers)
        values = [value for row in table.rows if isinstance(value := row[column.name], int)]
        function, found = sampler.draws.one_of((("max", max), ("min", min)))
        constant = Literal(type=SqlType.INTEGER, value=found(values) if values else None)
        return constant, render("(SELECT {f}({c}) FROM {t})", f=function, c=column, t=table.name)
    of = sampler.draws.one_of((SqlType.INTEGER, SqlType.TEXT, SqlType.REAL, SqlType.BOOLEAN))
    place = (made.plan.name, made.number)
    value = draw_value(seed=made.plan.seed, place=place, of=of, rates=made.fixture.rates, narrow=True)
    constant = Literal(type=of, value=value)
    return constant, render("(SELECT {c})", c=constant)


def _condition(sampler: QuerySampler, source: QuerySource, of: SqlType) -> SqlExpression:
    """A condition with a placeholder for the constant, if a few tries give one.

    The placeholder is a column, for no literal of the expression's IR can be told from the others in its text.
    """
    placeholder = ColumnRef(name=_PLACEHOLDER, type=of, narrow=True)
    fitting = [column for column in source.columns if column.type is of] or list(source.columns[:1])
    drawn = sampler.predicate((*fitting, placeholder))
    for _ in range(_TRIES):
        if any(node == placeholder for node in walk(drawn)):
            break
        drawn = sampler.predicate((*fitting, placeholder))
    return drawn


def _filled(condition: SqlExpression, by: DialectText) -> DialectText:
    text = render("{condition}", condition=condition)
    return DialectText(
        sqlite=text.sqlite.replace(_PLACEHOLDER, by.sqlite), postgres=text.postgres.replace(_PLACEHOLDER, by.postgres)
    )
