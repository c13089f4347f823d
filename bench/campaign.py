"""A campaign on one worker and on two, and beside the same plans made and run one after the other in this process."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from bench.measure import Result
from simdsl.backends.registry import resolve
from simdsl.bugbase.store import BugStore
from simdsl.campaign.campaign import Campaign
from simdsl.campaign.jobs import CampaignSpec, WorkerPool
from simdsl.campaign.journal import Journal
from simdsl.campaign.local_pool import LocalPool
from simdsl.core.verdicts import PlanEnded, Verdict
from simdsl.plan.plan import strip_seeds
from simdsl.profiles.load import load_profile
from simdsl.properties.registry import PlanGenerator
from simdsl.runner.lowering import TranslatorCache
from simdsl.runs.context import RunOptions
from simdsl.runs.single import run_plan

_SEEDS: Final = 2_000
_PROFILE: Final = "quick"


def results(rounds: int, seeds: int = _SEEDS) -> Iterator[Result]:
    """How much faster two workers are than one, and what a seed costs besides its plan. Whole calls, with their start."""
    generator = PlanGenerator(name=_PROFILE, options=("--generate",), profile=load_profile(_PROFILE))
    work = CampaignSpec(generators=(generator,), urls=("sqlite",))
    measured = [
        (_alone(work, seeds), *(seconds_with(LocalPool(work, size), work, seeds) for size in (1, 2)))
        for _ in range(max(1, rounds // 5))
    ]
    alone, one, two = (statistics.median(times) for times in zip(*measured, strict=True))
    speeds = f"{seeds / one:,.0f} seeds/s on one, {seeds / two:,.0f} on two, {seeds / alone:,.0f} in one loop"
    how = f"{seeds:,} seeds of the profile {_PROFILE}, median of {len(measured)}"
    yield Result(
        what="campaign, two workers against one",
        value=statistics.median(one / two for _, one, two in measured),
        unit="x",
        budget=1.8,
        stretch=1.95,
        detail=f"{speeds}; {how}",
        at_least=True,
    )
    yield Result(
        what="campaign, overhead of a seed",
        value=statistics.median((one - alone) / seeds * 1e3 for alone, one, _ in measured),
        unit=" ms",
        budget=1,
        stretch=0.2,
        detail=f"one worker against a loop without a campaign; {how}",
    )


def _seconds(do: Callable[[], None]) -> float:
    start = time.perf_counter()
    do()
    return time.perf_counter() - start


def _alone(work: CampaignSpec, seeds: int) -> float:
    (generator,) = work.generators
    backend, translators = resolve(work.urls[0]), TranslatorCache()

    def loop() -> None:
        for seed in range(1, seeds + 1):
            plan = strip_seeds(generator.plan(seed))
            *_, ended = run_plan(plan, plan.name, backend, RunOptions(seed=seed, translators=translators))
            assert isinstance(ended, PlanEnded)
            assert ended.verdict is not Verdict.FAIL

    return _seconds(loop)


def seconds_with(pool: WorkerPool, work: CampaignSpec, seeds: int) -> float:
    """How long a campaign takes that finds nothing."""
    with tempfile.TemporaryDirectory() as home, Journal(f"{home}/journal.jsonl", {}) as journal:

        def call() -> None:
            ended = Campaign(
                work=work,
                seeds=(1, seeds),
                pool=pool,
                store=BugStore(Path(home) / "bugs"),
                journal=journal,
                tell=lambda event: None,
                stop_asked=tuple,
            ).run()
            assert ended.totals.plans == seeds
            assert not ended.totals.bugs

        return _seconds(call)
