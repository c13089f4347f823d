"""A query gives the same rows on the same data without keys, constraints and indexes.

Claim: what a table promises (keys, UNIQUE, NOT NULL, CHECK, indexes of every kind) helps the engine to find rows, and
changes no answer.

Steps: each table is copied into one that has its columns and nothing else; then queries over tables, joins and derived
tables of the ones, and of the others, plain, with DISTINCT or with GROUP BY. Other tasks write to a table of their own.

Violated when: the bags differ.

Evidence: both queries, and what they gave.

Source: the idea of a database and a plain copy of it, told as the strongest of single-engine oracles on known bugs of
SQLite.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from simdsl.generation.expressions.printing import DialectText, render
from simdsl.plan.plan import Plan
from simdsl.properties.metamorphic import NO_CONFLICTS, MetamorphicBuilder, build_plan, relation_checker
from simdsl.properties.property import PlanSize, Property

_NAME: Final = "plain-copy"


def make(seed: int, size: PlanSize) -> Plan:
    """Queries over tables and over their copies."""
    doc = "What a table promises changes no answer."
    return build_plan(_NAME, "copy", doc, seed, size, _claim, among=NO_CONFLICTS, prepare=_copies)


def _copies(made: MetamorphicBuilder) -> Iterator[DialectText]:
    for table in made.ground.tables:
        yield table.create_copy(_copy(table.name))
        names = ", ".join(table.names)
        yield render("INSERT INTO {c} ({names}) SELECT {names} FROM {t}", c=_copy(table.name), t=table.name, names=names)


def _copy(name: str) -> str:
    return f"plain_{name}"


def _claim(made: MetamorphicBuilder) -> None:
    asking = made.asking()
    source = asking.source()
    shape, test = asking.shape(source), asking.condition(source)
    other = source.over({table.name: _copy(table.name) for table in source.tables})
    made.same(made.query("table", shape.over(source.text, test)), made.query("copy", shape.over(other, test)))


PROPERTY = Property(
    name=_NAME,
    specification=__doc__,
    make=make,
    judge=relation_checker("copy", "a plain copy of the data gives another answer"),
    never="no pair of queries gave rows",
)
