"""Shrinking 1,000 steps of which 3, 6 or 12 matter: how many smaller plans are run until nothing is left over."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from bench.measure import Result
from simdsl.shrinker.case import ShrinkCase
from simdsl.shrinker.driver import shrink
from tests.shrinker.synthetic import Synthetic, synthetic

_BUDGETS: Final = ((3, 80, 50), (6, 140, 95), (12, 240, 175))
_STEPS: Final = 1_000
_SEEDS: Final = 10


def results() -> Iterator[Result]:
    """The largest number of tries of ten plans each; a plan with a step too many counts as a thousand."""
    for pairs in (0, 30):
        for needed, budget, stretch in _BUDGETS:
            tries = [_tries(synthetic(_STEPS, needed, pairs, seed)) for seed in range(_SEEDS)]
            coupled = f", {pairs} pairs of BEGIN and COMMIT" if pairs else ""
            yield Result(
                what=f"shrinking, {needed} of {_STEPS:,} steps needed{coupled}",
                value=max(tries),
                unit=" tries",
                budget=budget,
                stretch=stretch,
                detail=f"the most of {_SEEDS} plans; {sum(tries) / len(tries):.0f} on average; nothing left over",
            )


def _tries(made: Synthetic) -> int:
    *_, end = shrink(made.case, made.ask)
    return end.tried if _said(end.case) == made.needed else _STEPS


def _said(case: ShrinkCase) -> set[str]:
    return {step.sql.text for step in case.plan.steps or () if hasattr(step, "sql")}
