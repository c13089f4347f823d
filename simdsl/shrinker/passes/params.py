"""Variables and remarks of the plan that need not be there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from simdsl.plan.ir import Plan, PoolSpec
from simdsl.shrinker.case import Case


def propose(case: Case) -> Iterator[Case]:
    """Without params, without each of them; without doc and tags; with fewer and smaller pools."""
    for plan in _simpler(case.plan):
        yield replace(case, plan=plan)


def _simpler(plan: Plan) -> Iterator[Plan]:
    if plan.params:
        yield replace(plan, params=())
        for i in range(len(plan.params[0])):
            yield replace(plan, params=tuple((*entry[:i], *entry[i + 1 :]) for entry in plan.params))
    if plan.doc is not None:
        yield replace(plan, doc=None)
    if plan.tags:
        yield replace(plan, tags=())
    for i, pool in enumerate(plan.pools):
        yield replace(plan, pools=(*plan.pools[:i], *plan.pools[i + 1 :]))
        if pool.size > 1:
            yield replace(plan, pools=_with(plan, i, replace(pool, size=1)))


def _with(plan: Plan, i: int, pool: PoolSpec) -> tuple[PoolSpec, ...]:
    return (*plan.pools[:i], pool, *plan.pools[i + 1 :])
