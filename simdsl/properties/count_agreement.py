"""count(*) of a query is the number of its rows.

Claim: `SELECT count(*) FROM (q)` gives the number of rows that q gives.

Steps: q, with DISTINCT, GROUP BY, LIMIT or a condition, over a table, a join or a derived table; the count. Others write
meanwhile, in some plans to the same tables; then both are one serializable transaction.

Violated when: the numbers differ.

Evidence: both queries, and what they gave.
"""

from __future__ import annotations

from typing import Final

from simdsl.generation.ground.both import Both, say
from simdsl.generation.ground.sources import Asking
from simdsl.plan.ir import Plan
from simdsl.properties.claims import judge_checks
from simdsl.properties.property import Property, Size
from simdsl.properties.stating import Statement, equal, rows, state, value

_NAME: Final = "count-agreement"


def make(seed: int, size: Size) -> Plan:
    """Queries, and their counts."""
    return state(_NAME, "count", "count(*) is the number of rows.", seed, size, _claim)


def _claim(made: Statement) -> None:
    said = _query(made.asking())
    listed = made.query("listed", said)
    counted = made.query("counted", say("SELECT count(*) FROM ({said}) AS q", said=said))
    made.check(equal(rows(listed), value(counted)), listed, counted)


def _query(asking: Asking) -> Both:
    source = asking.source()
    where = say(" WHERE {p}", p=asking.condition(source)) if asking.draws.below(3) else say("")
    match asking.draws.below(4):
        case 0:
            columns = asking.selected(source.columns)
            return say("SELECT DISTINCT {c} FROM {s}{where}", c=columns, s=source.text, where=where)
        case 1:
            column = asking.draws.one_of(source.columns)
            return say("SELECT {c} FROM {s}{where} GROUP BY {c}", c=column, s=source.text, where=where)
        case 2:
            said = say("SELECT {c} FROM {s}{where}", c=asking.selected(source.columns), s=source.text, where=where)
            rest = f" LIMIT {asking.draws.below(6)} OFFSET {asking.draws.below(4)}"
            return say("{said}{rest}", said=said, rest=rest)
        case _:
            return say("SELECT {c} FROM {s}{where}", c=asking.selected(source.columns), s=source.text, where=where)


PROPERTY = Property(
    name=_NAME,
    specification=__doc__,
    make=make,
    judge=judge_checks("count", "count(*) of a query is not the number of its rows"),
    never="no query and its count gave rows",
)
