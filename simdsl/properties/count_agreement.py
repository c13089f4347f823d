"""count(*) of a query is the number of its rows.

Claim: `SELECT count(*) FROM (q)` gives the number of rows that q gives.

Steps: q, with DISTINCT, GROUP BY, LIMIT or a condition, over a table, a join or a derived table; the count. Others write
meanwhile, in some plans to the same tables; then both are one serializable transaction.

Violated when: the numbers differ.

Evidence: both queries, and what they gave.
"""

from __future__ import annotations

from typing import Final

from simdsl.generation.expressions.printing import DialectText, render
from simdsl.generation.query_sources import QuerySampler
from simdsl.plan.plan import Plan
from simdsl.properties.metamorphic import MetamorphicBuilder, build_plan, equal, relation_checker, rows, value
from simdsl.properties.property import PlanSize, Property

_NAME: Final = "count-agreement"


def make(seed: int, size: PlanSize) -> Plan:
    """Queries, and their counts."""
    return build_plan(_NAME, "count", "count(*) is the number of rows.", seed, size, _claim)


def _claim(made: MetamorphicBuilder) -> None:
    said = _query(made.asking())
    listed = made.query("listed", said)
    counted = made.query("counted", render("SELECT count(*) FROM ({said}) AS q", said=said))
    made.check(equal(rows(listed), value(counted)), listed, counted)


def _query(asking: QuerySampler) -> DialectText:
    source = asking.source()
    where = render(" WHERE {p}", p=asking.condition(source)) if asking.draws.below(3) else render("")
    match asking.draws.below(4):
        case 0:
            columns = asking.selected(source.columns)
            return render("SELECT DISTINCT {c} FROM {s}{where}", c=columns, s=source.text, where=where)
        case 1:
            column = asking.draws.one_of(source.columns)
            return render("SELECT {c} FROM {s}{where} GROUP BY {c}", c=column, s=source.text, where=where)
        case 2:
            said = render("SELECT {c} FROM {s}{where}", c=asking.selected(source.columns), s=source.text, where=where)
            rest = f" LIMIT {asking.draws.below(6)} OFFSET {asking.draws.below(4)}"
            return render("{said}{rest}", said=said, rest=rest)
        case _:
            return render("SELECT {c} FROM {s}{where}", c=asking.selected(source.columns), s=source.text, where=where)


PROPERTY = Property(
    name=_NAME,
    specification=__doc__,
    make=make,
    judge=relation_checker("count", "count(*) of a query is not the number of its rows"),
    never="no query and its count gave rows",
)
