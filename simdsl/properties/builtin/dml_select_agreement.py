"""UPDATE and DELETE touch the rows that SELECT sees, and no others (after DQE).

Claim: with one condition, SELECT, UPDATE and DELETE agree on the rows.

Steps: the keys that SELECT returns; then in a transaction an UPDATE that marks rows, or a DELETE, the keys that are marked
or left, and ROLLBACK. Other tasks write meanwhile, in some plans to the same tables; then all of it is one serializable
transaction.

Violated when: other rows are touched than SELECT saw.

Evidence: the queries, and what they returned.

Source: Song, Wang, Zhu, Liu and Su, Testing Database Systems via Differential Query Execution, ICSE 2023.
"""

from __future__ import annotations

from simdsl.generation.expressions.printing import render
from simdsl.generation.fixture import MARK
from simdsl.properties.metamorphic import Concurrency, MetamorphicPlan, build_claims
from simdsl.properties.plan_builder import PlanBuilder
from simdsl.properties.registry import register
from simdsl.properties.relations import bag, equal, relation_checker, total


@register(
    "dml-select-agreement",
    specification=__doc__,
    summary="UPDATE and DELETE touch what SELECT sees.",
    check=relation_checker("dml", "a statement that writes touches other rows than SELECT sees"),
    unchecked="nothing was written with a condition",
)
def dqe(plan: PlanBuilder) -> None:
    """Conditions, each for SELECT and for UPDATE or DELETE."""
    build_claims(plan, "dml", _claim)


def _claim(made: MetamorphicPlan) -> None:
    sampler = made.sampler()
    source = sampler.table()
    table, condition = source.table, sampler.condition(source)
    seen = made.query("seen", render("SELECT id FROM {t} WHERE {p}", t=table.name, p=condition))
    needs_transaction = made.concurrency is not Concurrency.CONFLICTING  # else the claim is in a transaction already
    if needs_transaction:
        made.begin()
    if sampler.draws.below(2):
        # The rows are recognized by a mark that no condition reads: the UPDATE cannot change what its condition is about.
        n = made.number
        wrote = made.write(render("UPDATE {t} SET {mark} = {n} WHERE {p}", t=table.name, mark=MARK, n=n, p=condition))
        marked = render("SELECT id FROM {t} WHERE {mark} = {n}", t=table.name, mark=MARK, n=n)
        touched = made.query("touched", marked)
        made.check(equal(bag(seen), bag(touched)), seen, wrote, touched)
    else:
        whole = made.query("whole", render("SELECT id FROM {t}", t=table.name))
        wrote = made.write(render("DELETE FROM {t} WHERE {p}", t=table.name, p=condition))
        left = made.query("left", render("SELECT id FROM {t}", t=table.name))
        made.check(equal(bag(whole), total(bag(seen), bag(left))), seen, whole, wrote, left)
    if needs_transaction:
        made.rollback()
