"""What a seed costs more on a cluster than on this machine: a scheduler and one worker, here too."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Iterator
from typing import Final

import dask
from distributed import LocalCluster

from bench.campaign import seconds_with
from bench.measure import Result
from simdsl.campaign.cluster import ClusterPool
from simdsl.campaign.jobs import CampaignSpec
from simdsl.campaign.local_pool import LocalPool
from simdsl.profiles.load import load_profile
from simdsl.properties.registry import PlanGenerator

_SEEDS: Final = 1_000
_PROFILE: Final = "quick"


def results(rounds: int, seeds: int = _SEEDS) -> Iterator[Result]:
    """Whole calls, with the start of a process each."""
    generator = PlanGenerator(name=_PROFILE, options=("--generate",), profile=load_profile(_PROFILE))
    work = CampaignSpec(generators=(generator,), urls=("sqlite",))
    with (
        tempfile.TemporaryDirectory() as home,
        dask.config.set({"temporary-directory": home}),
        LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address="127.0.0.1:0") as cluster,
    ):
        address = cluster.scheduler_address
        measured = [
            (
                seconds_with(LocalPool(work, 1), work, seeds),
                seconds_with(ClusterPool(address, work), work, seeds),
            )
            for _ in range(max(1, rounds // 5))
        ]
    here, there = (statistics.median(times) for times in zip(*measured, strict=True))
    yield Result(
        what="campaign, overhead of a seed on a cluster",
        value=statistics.median((there - here) / seeds * 1e3 for here, there in measured),
        unit=" ms",
        budget=None,
        stretch=None,
        detail=f"one worker of a cluster against one of this machine: {seeds / there:,.0f} and {seeds / here:,.0f} seeds/s; "
        f"{seeds:,} seeds of the profile {_PROFILE}, median of {len(measured)}",
    )
