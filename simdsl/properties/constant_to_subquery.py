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

from simdsl.generation.expressions.ir import Column, Expression, Literal, SqlType
from simdsl.generation.expressions.parts import nodes
from simdsl.generation.expressions.values import draw_value
from simdsl.generation.ground.both import Both, say
from simdsl.generation.ground.sources import Asking, Source
from simdsl.plan.ir import Plan
from simdsl.properties.claims import judge_checks
from simdsl.properties.property import Property, Size
from simdsl.properties.stating import UNTOUCHED, Statement, state

_NAME: Final = "constant-to-subquery"
_PLACE: Final = "the_constant"
_TRIES: Final = 4


def make(seed: int, size: Size) -> Plan:
    """Queries with constants, and with subqueries in their place."""
    doc = "A constant and a subquery that gives it are the same."
    return state(_NAME, "folded", doc, seed, size, _claim, among=UNTOUCHED)


def _claim(made: Statement) -> None:
    asking = made.asking()
    source = asking.source()
    constant, subquery = _constant(made, asking)
    test = _condition(asking, source, constant.type)
    columns = asking.selected(source.columns)
    labels = [
        made.query(role, say("SELECT {c} FROM {s} WHERE {p}", c=columns, s=source.text, p=_with(test, by)))
        for role, by in (("constant", say("({c})", c=constant)), ("subquery", subquery))
    ]
    made.same(*labels)


def _constant(made: Statement, asking: Asking) -> tuple[Literal, Both]:
    """A constant, and a subquery that gives it."""
    table = asking.draws.one_of(made.ground.tables)
    numbers = [column for column in table.columns if column.type is SqlType.INTEGER]
    if numbers and asking.draws.below(2):
        column = asking.draws.one_of(numbers)
        values = [value for row in table.rows if isinstance(value := row[column.name], int)]
        function, found = asking.draws.one_of((("max", max), ("min", min)))
        constant = Literal(type=SqlType.INTEGER, value=found(values) if values else None)
        return constant, say("(SELECT {f}({c}) FROM {t})", f=function, c=column, t=table.name)
    of = asking.draws.one_of((SqlType.INTEGER, SqlType.TEXT, SqlType.REAL, SqlType.BOOLEAN))
    value = draw_value(seed=made.seed, place=(_NAME, made.place), of=of, rates=made.ground.rates, narrow=True)
    constant = Literal(type=of, value=value)
    return constant, say("(SELECT {c})", c=constant)


def _condition(asking: Asking, source: Source, of: SqlType) -> Expression:
    """A condition in which the constant's place stands, if a few tries give one."""
    place = Column(name=_PLACE, type=of, narrow=True)
    fitting = [column for column in source.columns if column.type is of] or list(source.columns[:1])
    drawn = asking.predicate((*fitting, place))
    for _ in range(_TRIES):
        if any(node == place for node in nodes(drawn)):
            break
        drawn = asking.predicate((*fitting, place))
    return drawn


def _with(test: Expression, by: Both) -> Both:
    said = say("{test}", test=test)
    return Both(sqlite=said.sqlite.replace(_PLACE, by.sqlite), postgres=said.postgres.replace(_PLACE, by.postgres))


PROPERTY = Property(
    name=_NAME,
    specification=__doc__,
    make=make,
    judge=judge_checks("folded", "a subquery in place of a constant changes what a query gives"),
    never="no pair of queries gave rows",
)
