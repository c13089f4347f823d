"""A constant and a subquery that gives it are the same (after CODDTest).

Claim: a query with a constant gives the same rows as the same query with `(SELECT constant)` in its place, and as the
query with a subquery whose value is known to be that constant.

Steps: a query with a condition in which a constant stands, the same with the constant as a scalar subquery without
FROM, and for the greatest or the least value of a column with the subquery that asks for it. Other tasks write to a
table of their own.

Violated when: the bags differ.

Evidence: both queries, and what they gave.

Source: Zhang and Rigger, Constant Optimization Driven Database System Testing, SIGMOD 2025.
"""

from __future__ import annotations

from typing import Final

from simdsl.generation.expressions.ir import ColumnRef, Literal, SqlExpression, SqlType, walk
from simdsl.generation.expressions.printing import DialectText, render
from simdsl.generation.expressions.values import draw_value
from simdsl.generation.query_sources import QuerySampler, QuerySource
from simdsl.plan.plan import Plan
from simdsl.properties.metamorphic import NO_CONFLICTS, MetamorphicBuilder, build_plan, relation_checker
from simdsl.properties.property import PlanSize, Property

_NAME: Final = "constant-to-subquery"
_PLACE: Final = "the_constant"
_TRIES: Final = 4


def make(seed: int, size: PlanSize) -> Plan:
    """Queries with constants, and with subqueries in their place."""
    doc = "A constant and a subquery that gives it are the same."
    return build_plan(_NAME, "folded", doc, seed, size, _claim, among=NO_CONFLICTS)


def _claim(made: MetamorphicBuilder) -> None:
    asking = made.asking()
    source = asking.source()
    constant, subquery = _constant(made, asking)
    test = _condition(asking, source, constant.type)
    columns = asking.selected(source.columns)
    labels = [
        made.query(role, render("SELECT {c} FROM {s} WHERE {p}", c=columns, s=source.text, p=_with(test, by)))
        for role, by in (("constant", render("({c})", c=constant)), ("subquery", subquery))
    ]
    made.same(*labels)


def _constant(made: MetamorphicBuilder, asking: QuerySampler) -> tuple[Literal, DialectText]:
    """A constant, and a subquery that gives it."""
    table = asking.draws.one_of(made.ground.tables)
    numbers = [column for column in table.columns if column.type is SqlType.INTEGER]
    if numbers and asking.draws.below(2):
        column = asking.draws.one_of(numbers)
        values = [value for row in table.rows if isinstance(value := row[column.name], int)]
        function, found = asking.draws.one_of((("max", max), ("min", min)))
        constant = Literal(type=SqlType.INTEGER, value=found(values) if values else None)
        return constant, render("(SELECT {f}({c}) FROM {t})", f=function, c=column, t=table.name)
    of = asking.draws.one_of((SqlType.INTEGER, SqlType.TEXT, SqlType.REAL, SqlType.BOOLEAN))
    value = draw_value(seed=made.seed, place=(_NAME, made.place), of=of, rates=made.ground.rates, narrow=True)
    constant = Literal(type=of, value=value)
    return constant, render("(SELECT {c})", c=constant)


def _condition(asking: QuerySampler, source: QuerySource, of: SqlType) -> SqlExpression:
    """A condition in which the constant's place stands, if a few tries give one."""
    place = ColumnRef(name=_PLACE, type=of, narrow=True)
    fitting = [column for column in source.columns if column.type is of] or list(source.columns[:1])
    drawn = asking.predicate((*fitting, place))
    for _ in range(_TRIES):
        if any(node == place for node in walk(drawn)):
            break
        drawn = asking.predicate((*fitting, place))
    return drawn


def _with(test: SqlExpression, by: DialectText) -> DialectText:
    said = render("{test}", test=test)
    return DialectText(sqlite=said.sqlite.replace(_PLACE, by.sqlite), postgres=said.postgres.replace(_PLACE, by.postgres))


PROPERTY = Property(
    name=_NAME,
    specification=__doc__,
    make=make,
    judge=relation_checker("folded", "a subquery in place of a constant changes what a query gives"),
    never="no pair of queries gave rows",
)
