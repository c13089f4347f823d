"""A condition in WHERE keeps as many rows as it is true for (NoREC).

Claim: `SELECT ... WHERE p` gives as many rows as `(p) IS TRUE` is true for, when that is computed for every row. In WHERE an
engine may use indexes and rewrite the condition; in the list of a SELECT it hardly can.

Steps: both queries, over a table, a join or a derived table. Others write meanwhile, in some plans to the same tables; then
both queries are one serializable transaction.

Violated when: the numbers differ.

Evidence: both queries, and what they gave.

Source: Rigger and Su, Detecting Optimization Bugs in Database Engines via Non-Optimizing Reference Engine Construction,
ESEC/FSE 2020.
"""

from __future__ import annotations

from typing import Final

from simdsl.generation.expressions.printing import render
from simdsl.plan.plan import Plan
from simdsl.properties.metamorphic import MetamorphicBuilder, build_plan, equal, relation_checker, rows, value
from simdsl.properties.property import PlanSize, Property

_NAME: Final = "select-select-optimizer"


def make(seed: int, size: PlanSize) -> Plan:
    """Conditions, asked twice."""
    return build_plan(_NAME, "norec", "A condition keeps the rows that it is true for.", seed, size, _claim)


def _claim(made: MetamorphicBuilder) -> None:
    asking = made.asking()
    source = asking.source()
    test = asking.condition(source)
    column = asking.draws.one_of(source.columns)
    kept = made.query("kept", render("SELECT {column} FROM {source} WHERE {p}", column=column, source=source.text, p=test))
    counted = render("SELECT coalesce(sum(CASE WHEN {p} IS TRUE THEN 1 ELSE 0 END), 0) FROM {s}", p=test, s=source.text)
    true = made.query("true", counted)
    made.check(equal(rows(kept), value(true)), kept, true)


PROPERTY = Property(
    name=_NAME,
    specification=__doc__,
    make=make,
    judge=relation_checker("norec", "WHERE keeps another number of rows than the condition is true for"),
    never="no pair of queries gave rows",
)
