"""Timing two things side by side: interleaved, so that a machine that drifts drifts under both."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

Timed = Callable[[], float]
"""Does its work once and returns the seconds of CPU that it took."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One line of the report. ``value`` is to stay at or below ``budget``; ``stretch`` is what we would like.

    With ``at_least`` it is to reach it. Without a budget it is there to be known.
    """

    what: str
    value: float
    unit: str
    budget: float | None
    stretch: float | None
    detail: str
    at_least: bool = False

    @property
    def verdict(self) -> str:
        """Whether the budget is kept, in a word."""
        if self.budget is None:
            return "-"
        kept = self.value >= self.budget if self.at_least else self.value <= self.budget
        return "yes" if kept else "**no**"

    def amount(self, value: float | None) -> str:
        """A figure with its unit."""
        return "-" if value is None else f"{value:g}{self.unit}"


def cpu_seconds(work: Callable[[], object]) -> float:
    """The CPU time of this process that the work took."""
    start = time.process_time()
    work()
    return time.process_time() - start


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """Two things timed in turn, in seconds. ``ratio`` is the median of the ratios pair by pair.

    ``best`` compares the least disturbed run of each: what a busy neighbour adds, it adds to one side only.
    """

    ours: float
    peers: float
    ratio: float
    best: float


def side_by_side(ours: Timed, peers: Timed, rounds: int) -> Sides:
    """Medians over interleaved runs; one round of warming up is not counted."""
    ours(), peers()
    pairs = [(ours(), peers()) for _ in range(rounds)]
    return Sides(
        ours=statistics.median(our for our, _ in pairs),
        peers=statistics.median(peer for _, peer in pairs),
        ratio=statistics.median(our / peer for our, peer in pairs),
        best=min(our for our, _ in pairs) / min(peer for _, peer in pairs),
    )


def table(results: Sequence[Result]) -> str:
    """A Markdown table of the results."""
    lines = ["| what | measured | budget | stretch | within | how |", "|---|---:|---:|---:|---|---|"]
    lines += [
        f"| {r.what} | {r.value:.2f}{r.unit} | {r.amount(r.budget)} | {r.amount(r.stretch)} | {r.verdict} | {r.detail} |"
        for r in results
    ]
    return "\n".join(lines)
