"""A query returns the same rows on the same data without keys, constraints and indexes.

Claim: what a table declares (keys, UNIQUE, NOT NULL, CHECK, indexes of every kind) helps the engine to find rows, and
changes no answer.

Steps: each table is copied into one that has its columns and nothing else; then queries over tables, joins and derived
tables of the originals, and the same over the copies, plain, with DISTINCT or with GROUP BY. Other tasks write to a table
of their own.

Violated when: the bags differ.

Evidence: both queries, and what they returned.

Source: a plain copy as the reference is the strongest of the single-engine oracles when they are measured on known bugs of
SQLite: it shows 49 of 109.
"""

from __future__ import annotations

from collections.abc import Iterator

from simdsl.generation.expressions.printing import DialectText, render
from simdsl.properties.metamorphic import NO_CONFLICTS, MetamorphicPlan, build_claims
from simdsl.properties.plan_builder import PlanBuilder
from simdsl.properties.registry import register
from simdsl.properties.relations import relation_checker


@register(
    "plain-copy",
    specification=__doc__,
    summary="What a table promises changes no answer.",
    check=relation_checker("copy", "a plain copy of the data gives another answer"),
    unchecked="no pair of queries returned rows",
)
def plain_copy(plan: PlanBuilder) -> None:
    """Queries over tables and over their copies, whose rows must not change: the copies would be out of date."""
    build_claims(plan, "copy", _claim, concurrency=NO_CONFLICTS, prepare=_copies)


def _copies(made: MetamorphicPlan) -> Iterator[DialectText]:
    for table in made.fixture.tables:
        copy, names = _copy(table.name), ", ".join(table.names)
        yield table.create_copy(copy)
        yield render("INSERT INTO {c} ({names}) SELECT {names} FROM {t}", c=copy, t=table.name, names=names)


def _copy(name: str) -> str:
    return f"plain_{name}"


def _claim(made: MetamorphicPlan) -> None:
    sampler = made.sampler()
    source = sampler.source()
    shape, condition = sampler.shape(source), sampler.condition(source)
    other = source.over({table.name: _copy(table.name) for table in source.tables})
    original = made.query("table", shape.over(source.text, condition))
    made.same(original, made.query("copy", shape.over(other, condition)))
