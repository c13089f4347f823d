"""An index changes no answer.

Claim: a query gives the same rows before an index is made, while it is there, after it was built again or analysed, and
when it is gone.

Steps: a query, plain, with DISTINCT or with GROUP BY; CREATE INDEX of any kind (on a column, on two, descending, partial,
on an expression, unique), mostly on what the query names; the query; ANALYZE or REINDEX; the query; DROP INDEX;
the query. Other tasks write to a table of their own.

Violated when: the bags differ.

Evidence: the query, and what it gave before and after.
"""

from __future__ import annotations

import re
from typing import Final

from simdsl.generation.expressions.ir import SqlExpression
from simdsl.generation.expressions.printing import DialectText, render
from simdsl.generation.fixture import FixtureTable, draw_fixture_index
from simdsl.generation.query_sources import QuerySampler
from simdsl.plan.plan import Plan
from simdsl.properties.metamorphic import NO_CONFLICTS, MetamorphicBuilder, build_plan, relation_checker
from simdsl.properties.property import PlanSize, Property

_NAME: Final = "index-independence"


def make(seed: int, size: PlanSize) -> Plan:
    """Queries around indexes that come and go."""
    return build_plan(_NAME, "index", "An index changes no answer.", seed, size, _claim, among=NO_CONFLICTS)


def _claim(made: MetamorphicBuilder) -> None:
    asking = made.asking()
    source = asking.table()
    test = asking.condition(source)
    said = asking.shape(source).over(source.text, test)
    name = f"extra_{made.place}"
    before = made.query("before", said)
    made.change(_index(made, asking, source.table, said, test, name))
    labels = [before, made.query("indexed", said)]
    if asking.draws.below(2):
        made.change(_rebuilt(name) if asking.draws.below(2) else render("ANALYZE {table}", table=source.table.name))
        labels.append(made.query("rebuilt", said))
    made.change(render("DROP INDEX {name}", name=name))
    labels.append(made.query("after", said))
    made.same(*labels)


def _index(
    made: MetamorphicBuilder, asking: QuerySampler, table: FixtureTable, said: DialectText, test: SqlExpression, name: str
) -> DialectText:
    """One that may serve the query: with its condition, on it, on a column that the query names, or any."""
    column = asking.draws.one_of(table.columns).name
    form = asking.draws.below(6)
    if form == 0:
        return render("CREATE INDEX {name} ON {t} ({c}) WHERE {p}", name=name, t=table.name, c=column, p=test)
    if form == 1:
        return render("CREATE INDEX {name} ON {t} (({p}))", name=name, t=table.name, p=test)
    named = _named(said, table)
    if form in (2, 3) and named:
        order = asking.draws.one_of(("", " DESC"))
        return render(
            "CREATE INDEX {name} ON {t} ({c}{order})", name=name, t=table.name, c=asking.draws.one_of(named), order=order
        )
    profile, rates = made.size.profile, made.ground.rates
    return draw_fixture_index(made.seed, profile, rates, table, name, (_NAME, made.place))


def _named(said: DialectText, table: FixtureTable) -> list[str]:
    """The columns that stand in a query."""
    words = set(re.findall(r"\w+", said.sqlite))
    return [column.name for column in table.columns if column.name in words]


def _rebuilt(name: str) -> DialectText:
    return DialectText(sqlite=f"REINDEX {name}", postgres=f"REINDEX INDEX {name}")


PROPERTY = Property(
    name=_NAME,
    specification=__doc__,
    make=make,
    judge=relation_checker("index", "an index changes what a query gives"),
    never="no query was asked with and without an index",
)
