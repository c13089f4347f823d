"""Pools that need not be there: each task has a connection of its own instead."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from simdsl.plan.ir import Await, Checkout, Retry, Return
from simdsl.shrinker.case import Case
from simdsl.shrinker.ties import Ties


def propose(case: Case) -> Iterator[Case]:
    """Without any pool, and without whoever asks for a connection or gives it back."""
    if not case.plan.pools:
        return
    leases = {path for path, step in case.places() if isinstance(step, Checkout | Return)}
    leases |= {path for path, step in case.places() if isinstance(step, Retry) and set(map(type, step.body)) <= {Checkout}}
    awaits = {path for path, step in case.places() if isinstance(step, Await)}
    without = case.without(leases | (Ties.of(case).with_dependents(leases) & awaits))
    if without is not None:
        yield replace(without, plan=replace(without.plan, pools=()))
