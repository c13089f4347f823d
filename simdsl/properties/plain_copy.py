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

from simdsl.generation.ground.both import Both, say
from simdsl.plan.ir import Plan
from simdsl.properties.claims import judge_checks
from simdsl.properties.property import Property, Size
from simdsl.properties.stating import UNTOUCHED, Statement, state

_NAME: Final = "plain-copy"


def make(seed: int, size: Size) -> Plan:
    """Queries over tables and over their copies."""
    doc = "What a table promises changes no answer."
    return state(_NAME, "copy", doc, seed, size, _claim, among=UNTOUCHED, prepare=_copies)


def _copies(made: Statement) -> Iterator[Both]:
    for table in made.ground.tables:
        yield table.create_copy(_copy(table.name))
        names = ", ".join(table.names)
        yield say("INSERT INTO {c} ({names}) SELECT {names} FROM {t}", c=_copy(table.name), t=table.name, names=names)


def _copy(name: str) -> str:
    return f"plain_{name}"


def _claim(made: Statement) -> None:
    asking = made.asking()
    source = asking.source()
    shape, test = asking.shape(source), asking.condition(source)
    other = source.over({table.name: _copy(table.name) for table in source.tables})
    made.same(made.query("table", shape.over(source.text, test)), made.query("copy", shape.over(other, test)))


PROPERTY = Property(
    name=_NAME,
    specification=__doc__,
    make=make,
    judge=judge_checks("copy", "a plain copy of the data gives another answer"),
    never="no pair of queries gave rows",
)
