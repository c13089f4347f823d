"""UNION ALL gives the rows of both sides, each as often as they have it.

Claim: the bag of `q1 UNION ALL q2` is the bag of q1 and the bag of q2.

Steps: q1, q2, and both in one query, each over a table, a join or a derived table, with and without a condition. Others
write meanwhile, in some plans to the same tables; then the queries are one serializable transaction.

Violated when: a row is missing, or one is too many.

Evidence: the three queries, and what they gave.
"""

from __future__ import annotations

from typing import Final

from simdsl.generation.expressions.ir import ColumnRef, SqlExpression, SqlType
from simdsl.generation.expressions.printing import DialectText, render
from simdsl.generation.query_sources import QuerySampler
from simdsl.plan.plan import Plan
from simdsl.properties.metamorphic import MetamorphicBuilder, bag, build_plan, equal, plus, relation_checker
from simdsl.properties.property import PlanSize, Property

_NAME: Final = "union-all-preserves-cardinality"


def make(seed: int, size: PlanSize) -> Plan:
    """Pairs of queries, alone and together."""
    return build_plan(_NAME, "union", "UNION ALL keeps every row of both sides.", seed, size, _claim)


def _claim(made: MetamorphicBuilder) -> None:
    asking = made.asking()
    types = [asking.draws.one_of(tuple(SqlType)) for _ in range(1 + asking.draws.below(2))]
    left, right = _side(asking, types), _side(asking, types)
    one, other = made.query("one", left), made.query("other", right)
    both = made.query("both", render("{left} UNION ALL {right}", left=left, right=right))
    made.check(equal(bag(both), plus(bag(one), bag(other))), one, other, both)


def _side(asking: QuerySampler, types: list[SqlType]) -> DialectText:
    source = asking.source()
    chosen = [_of(asking, of, source.columns) for of in types]
    template = "SELECT " + ", ".join(f"{{x{i}}} AS s{i}" for i in range(len(chosen))) + " FROM {source}"
    said = render(template, source=source.text, **{f"x{i}": one for i, one in enumerate(chosen)})
    return render("{said} WHERE {p}", said=said, p=asking.condition(source)) if asking.draws.below(2) else said


def _of(asking: QuerySampler, of: SqlType, columns: tuple[ColumnRef, ...]) -> SqlExpression:
    fitting = [column for column in columns if column.type is of]
    return asking.draws.one_of(fitting) if fitting and asking.draws.below(3) else asking.value(of, columns, depth=1)


PROPERTY = Property(
    name=_NAME,
    specification=__doc__,
    make=make,
    judge=relation_checker("union", "UNION ALL gives other rows than its two sides"),
    never="no pair of queries gave rows",
)
