"""What a condition keeps, its NOT keeps and its IS NULL keeps is everything, once (TLP).

Claim: for a condition p every row is in exactly one of `WHERE p`, `WHERE NOT p`, `WHERE p IS NULL`. So the three
results are together the result without a condition, as a bag; with DISTINCT and GROUP BY as a set of rows; for
aggregates when the three are combined (the sum of counts and of sums, the least of MIN, the greatest of MAX); and for a
condition on groups in HAVING.

Steps: the query without a condition, and the three parts, over a table, a join or a derived table; for DISTINCT, GROUP
BY and aggregates the parts are one query. Others write meanwhile, in some plans to the same tables; then the queries
are one serializable transaction.

Violated when: the parts do not add up.

Evidence: the queries, and what they gave.

Source: Rigger and Su, Finding Bugs in Database Systems via Query Partitioning, OOPSLA 2020.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from simdsl.generation.expressions.ir import ColumnRef, SqlExpression, SqlType
from simdsl.generation.expressions.printing import DialectText, render
from simdsl.generation.query_sources import QuerySampler, QuerySource
from simdsl.plan.plan import Plan
from simdsl.properties.metamorphic import MetamorphicBuilder, bag, build_plan, equal, plus, relation_checker
from simdsl.properties.property import PlanSize, Property

_NAME: Final = "where-true-false-null"
_PARTS: Final = (("kept", "{p}"), ("left", "NOT {p}"), ("unknown", "{p} IS NULL"))


def make(seed: int, size: PlanSize) -> Plan:
    """Queries and their three parts, of every form."""
    return build_plan(_NAME, "tlp", "Three parts of a table are the table.", seed, size, _claim)


def _claim(made: MetamorphicBuilder) -> None:
    asking = made.asking()
    source = asking.source()
    form = asking.draws.one_of(_FORMS)
    form(made, asking, source, asking.condition(source))


def _plain(made: MetamorphicBuilder, asking: QuerySampler, source: QuerySource, test: SqlExpression) -> None:
    said = render("SELECT {columns} FROM {source}", columns=asking.selected(source.columns), source=source.text)
    whole = made.query("whole", said)
    parts = [made.query(role, render(f"{{said}} WHERE {part}", said=said, p=test)) for role, part in _PARTS]
    made.check(equal(bag(whole), plus(*map(bag, parts))), whole, *parts)


def _distinct(made: MetamorphicBuilder, asking: QuerySampler, source: QuerySource, test: SqlExpression) -> None:
    columns = asking.selected(source.columns)
    said = render("SELECT DISTINCT {columns} FROM {source}", columns=columns, source=source.text)
    _united(made, said, _parts(said, test, "", " UNION "))


def _grouped(made: MetamorphicBuilder, asking: QuerySampler, source: QuerySource, test: SqlExpression) -> None:
    column = asking.draws.one_of(source.columns)
    said = render("SELECT {column} FROM {source}", column=column, source=source.text)
    groups = f" GROUP BY {column.name}"
    _united(made, render("{said}{groups}", said=said, groups=groups), _parts(said, test, groups, " UNION "))


def _having(made: MetamorphicBuilder, asking: QuerySampler, source: QuerySource, test: SqlExpression) -> None:
    """The condition is on groups: on their size, and on what they are grouped by."""
    column = asking.draws.one_of(source.columns)
    count = ColumnRef(name="count_of_rows", type=SqlType.INTEGER, nullable=False, narrow=True)
    on_groups = render("{test}", test=asking.predicate((column, count), depth=1))
    on_groups = DialectText(
        sqlite=on_groups.sqlite.replace(count.name, "count(*)"), postgres=on_groups.postgres.replace(count.name, "count(*)")
    )
    where = render(" WHERE {p}", p=test) if asking.draws.below(2) else render("")
    said = render("SELECT {c}, count(*) FROM {s}{where} GROUP BY {c}", c=column, s=source.text, where=where)
    whole = made.query("whole", said)
    parts = [made.query(role, render(f"{{said}} HAVING {part}", said=said, p=on_groups)) for role, part in _PARTS]
    made.check(equal(bag(whole), plus(*map(bag, parts))), whole, *parts)


def _aggregated(made: MetamorphicBuilder, asking: QuerySampler, source: QuerySource, test: SqlExpression) -> None:
    column = asking.draws.one_of([one for one in source.columns if one.type in _ORDERED])
    number = asking.draws.one_of([one for one in source.columns if one.type is SqlType.INTEGER])
    said = render(
        "SELECT count(*) AS n, min({c}) AS low, max({c}) AS high, sum({i}) AS total FROM {s}",
        c=column,
        i=number,
        s=source.text,
    )
    parts = _parts(said, test, "", " UNION ALL ")
    combined = render(
        "SELECT CAST(sum(n) AS {big}), min(low), max(high), CAST(sum(total) AS {big}) FROM ({parts}) AS parts",
        parts=parts,
        big=_BIG,
    )
    one = render("SELECT CAST(n AS {big}), low, high, CAST(total AS {big}) FROM ({said}) AS one", said=said, big=_BIG)
    _united(made, one, combined)


def _united(made: MetamorphicBuilder, whole: DialectText, parts: DialectText) -> None:
    labels = made.query("whole", whole), made.query("parts", parts)
    made.check(equal(bag(labels[0]), bag(labels[1])), *labels)


def _parts(said: DialectText, test: SqlExpression, rest: str, between: str) -> DialectText:
    template = between.join(f"{{said}} WHERE {part}{{rest}}" for _, part in _PARTS)
    return render(template, said=said, p=test, rest=rest)


_FORMS: Final[tuple[Callable[[MetamorphicBuilder, QuerySampler, QuerySource, SqlExpression], None], ...]] = (
    _plain,
    _plain,
    _distinct,
    _grouped,
    _having,
    _aggregated,
)
_ORDERED: Final = (SqlType.INTEGER, SqlType.REAL, SqlType.TEXT)
_BIG: Final = DialectText(sqlite="INTEGER", postgres="BIGINT")

PROPERTY = Property(
    name=_NAME,
    specification=__doc__,
    make=make,
    judge=relation_checker("tlp", "the three parts of a query are not the whole"),
    never="no query and its parts gave rows",
)
