"""The seed that a call has chosen holds for everything in a plan."""

from __future__ import annotations

from dataclasses import replace

from simdsl.plan.ir import Pct, Plan, RandomWalk


def unseeded(plan: Plan) -> Plan:
    """Without seeds of its own, so that the one that was chosen holds everywhere."""
    schedule = plan.schedule
    if isinstance(schedule, RandomWalk | Pct):
        schedule = replace(schedule, seed=None)
    return replace(plan, seed=None, schedule=schedule)
