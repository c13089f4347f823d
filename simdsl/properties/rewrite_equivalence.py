"""A condition and one that means the same keep the same rows.

Claim: a rewrite that logic allows changes no answer: De Morgan, NOT NOT, comparisons negated or swapped, BETWEEN as two
comparisons, IN as OR, CASE for COALESCE and NULLIF, constants folded, and more.

Steps: a query with a condition, the same query with the condition rewritten once or twice, over a table, a join or a derived
table. Others write meanwhile, in some plans to the same tables; then both queries are one serializable transaction.

Violated when: the bags differ.

Evidence: both queries, and what they gave.
"""

from __future__ import annotations

from typing import Final

from simdsl.generation.expressions.printing import render
from simdsl.generation.expressions.rewriting import draw_rewrite
from simdsl.plan.plan import Plan
from simdsl.properties.metamorphic import MetamorphicBuilder, build_plan, relation_checker
from simdsl.properties.property import PlanSize, Property

_NAME: Final = "rewrite-equivalence"


def make(seed: int, size: PlanSize) -> Plan:
    """Conditions, and the same in other words."""
    return build_plan(_NAME, "rewrite", "Conditions that mean the same keep the same rows.", seed, size, _claim)


def _claim(made: MetamorphicBuilder) -> None:
    asking = made.asking()
    source = asking.source()
    test = asking.condition(source)
    other = test
    for turn in range(1 + asking.draws.below(2)):
        rewriting = draw_rewrite(other, seed=made.seed, place=(made.place, turn))
        other = other if rewriting is None else rewriting.expression
    columns = asking.selected(source.columns)
    labels = [
        made.query(role, render("SELECT {c} FROM {s} WHERE {p}", c=columns, s=source.text, p=said))
        for role, said in (("one", test), ("other", other))
    ]
    made.same(*labels)


PROPERTY = Property(
    name=_NAME,
    specification=__doc__,
    make=make,
    judge=relation_checker("rewrite", "a condition that means the same keeps other rows"),
    never="no pair of queries gave rows",
)
