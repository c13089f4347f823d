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

from simdsl.generation.expressions.ir import Column, Expression, SqlType
from simdsl.generation.ground.both import Both, say
from simdsl.generation.ground.sources import Asking, Source
from simdsl.plan.ir import Plan
from simdsl.properties.claims import judge_checks
from simdsl.properties.property import Property, Size
from simdsl.properties.stating import Statement, bag, equal, plus, state

_NAME: Final = "where-true-false-null"
_PARTS: Final = (("kept", "{p}"), ("left", "NOT {p}"), ("unknown", "{p} IS NULL"))


def make(seed: int, size: Size) -> Plan:
    """Queries and their three parts, of every form."""
    return state(_NAME, "tlp", "Three parts of a table are the table.", seed, size, _claim)


def _claim(made: Statement) -> None:
    asking = made.asking()
    source = asking.source()
    form = asking.draws.one_of(_FORMS)
    form(made, asking, source, asking.condition(source))


def _plain(made: Statement, asking: Asking, source: Source, test: Expression) -> None:
    said = say("SELECT {columns} FROM {source}", columns=asking.selected(source.columns), source=source.text)
    whole = made.query("whole", said)
    parts = [made.query(role, say(f"{{said}} WHERE {part}", said=said, p=test)) for role, part in _PARTS]
    made.check(equal(bag(whole), plus(*map(bag, parts))), whole, *parts)


def _distinct(made: Statement, asking: Asking, source: Source, test: Expression) -> None:
    columns = asking.selected(source.columns)
    said = say("SELECT DISTINCT {columns} FROM {source}", columns=columns, source=source.text)
    _united(made, said, _parts(said, test, "", " UNION "))


def _grouped(made: Statement, asking: Asking, source: Source, test: Expression) -> None:
    column = asking.draws.one_of(source.columns)
    said = say("SELECT {column} FROM {source}", column=column, source=source.text)
    groups = f" GROUP BY {column.name}"
    _united(made, say("{said}{groups}", said=said, groups=groups), _parts(said, test, groups, " UNION "))


def _having(made: Statement, asking: Asking, source: Source, test: Expression) -> None:
    """The condition is on groups: on their size, and on what they are grouped by."""
    column = asking.draws.one_of(source.columns)
    count = Column(name="count_of_rows", type=SqlType.INTEGER, nullable=False, narrow=True)
    on_groups = say("{test}", test=asking.predicate((column, count), depth=1))
    on_groups = Both(
        sqlite=on_groups.sqlite.replace(count.name, "count(*)"), postgres=on_groups.postgres.replace(count.name, "count(*)")
    )
    where = say(" WHERE {p}", p=test) if asking.draws.below(2) else say("")
    said = say("SELECT {c}, count(*) FROM {s}{where} GROUP BY {c}", c=column, s=source.text, where=where)
    whole = made.query("whole", said)
    parts = [made.query(role, say(f"{{said}} HAVING {part}", said=said, p=on_groups)) for role, part in _PARTS]
    made.check(equal(bag(whole), plus(*map(bag, parts))), whole, *parts)


def _aggregated(made: Statement, asking: Asking, source: Source, test: Expression) -> None:
    column = asking.draws.one_of([one for one in source.columns if one.type in _ORDERED])
    number = asking.draws.one_of([one for one in source.columns if one.type is SqlType.INTEGER])
    said = say(
        "SELECT count(*) AS n, min({c}) AS low, max({c}) AS high, sum({i}) AS total FROM {s}",
        c=column,
        i=number,
        s=source.text,
    )
    parts = _parts(said, test, "", " UNION ALL ")
    combined = say(
        "SELECT CAST(sum(n) AS {big}), min(low), max(high), CAST(sum(total) AS {big}) FROM ({parts}) AS parts",
        parts=parts,
        big=_BIG,
    )
    one = say("SELECT CAST(n AS {big}), low, high, CAST(total AS {big}) FROM ({said}) AS one", said=said, big=_BIG)
    _united(made, one, combined)


def _united(made: Statement, whole: Both, parts: Both) -> None:
    labels = made.query("whole", whole), made.query("parts", parts)
    made.check(equal(bag(labels[0]), bag(labels[1])), *labels)


def _parts(said: Both, test: Expression, rest: str, between: str) -> Both:
    template = between.join(f"{{said}} WHERE {part}{{rest}}" for _, part in _PARTS)
    return say(template, said=said, p=test, rest=rest)


_FORMS: Final[tuple[Callable[[Statement, Asking, Source, Expression], None], ...]] = (
    _plain,
    _plain,
    _distinct,
    _grouped,
    _having,
    _aggregated,
)
_ORDERED: Final = (SqlType.INTEGER, SqlType.REAL, SqlType.TEXT)
_BIG: Final = Both(sqlite="INTEGER", postgres="BIGINT")

PROPERTY = Property(
    name=_NAME,
    specification=__doc__,
    make=make,
    judge=judge_checks("tlp", "the three parts of a query are not the whole"),
    never="no query and its parts gave rows",
)
