"""UPDATE and DELETE touch the rows that SELECT sees, and no others (after DQE).

Claim: with one condition, SELECT, UPDATE and DELETE agree on the rows.

Steps: the keys that SELECT gives; then in a transaction an UPDATE that marks rows, or a DELETE, the keys that are marked or
left, and ROLLBACK. Others write meanwhile, in some plans to the same tables; then all of it is one serializable transaction.

Violated when: other rows are touched than SELECT saw.

Evidence: the queries, and what they gave.

Source: Song, Wang, Zhu, Liu and Su, Testing Database Systems via Differential Query Execution, ICSE 2023.
"""

from __future__ import annotations

from typing import Final

from simdsl.generation.expressions.printing import render
from simdsl.generation.fixture import MARK
from simdsl.plan.plan import Plan
from simdsl.plan.sql import TransactionAction
from simdsl.properties.metamorphic import Concurrency, MetamorphicBuilder, bag, build_plan, equal, plus, relation_checker
from simdsl.properties.property import PlanSize, Property

_NAME: Final = "dml-select-agreement"


def make(seed: int, size: PlanSize) -> Plan:
    """Conditions, for SELECT and for what writes."""
    return build_plan(_NAME, "dml", "UPDATE and DELETE touch what SELECT sees.", seed, size, _claim)


def _claim(made: MetamorphicBuilder) -> None:
    asking = made.asking()
    source = asking.table()
    table, test = source.table, asking.condition(source)
    seen = made.query("seen", render("SELECT id FROM {t} WHERE {p}", t=table.name, p=test))
    is_own = made.among is not Concurrency.RIVALS  # else the claim is in a transaction as it is
    if is_own:
        made.control(TransactionAction.BEGIN)
    if asking.draws.below(2):
        wrote = made.write(render("UPDATE {t} SET {mark} = {n} WHERE {p}", t=table.name, mark=MARK, n=made.place, p=test))
        marked = render("SELECT id FROM {t} WHERE {mark} = {n}", t=table.name, mark=MARK, n=made.place)
        touched = made.query("touched", marked)
        made.check(equal(bag(seen), bag(touched)), seen, wrote, touched)
    else:
        whole = made.query("whole", render("SELECT id FROM {t}", t=table.name))
        wrote = made.write(render("DELETE FROM {t} WHERE {p}", t=table.name, p=test))
        left = made.query("left", render("SELECT id FROM {t}", t=table.name))
        made.check(equal(bag(whole), plus(bag(seen), bag(left))), seen, whole, wrote, left)
    if is_own:
        made.control(TransactionAction.ROLLBACK)


PROPERTY = Property(
    name=_NAME,
    specification=__doc__,
    make=make,
    judge=relation_checker("dml", "a statement that writes touches other rows than SELECT sees"),
    never="nothing was written with a condition",
)
