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
    """One line of the report. ``value`` is to stay at or below ``budget``; ``stretch`` is what we would like."""

    what: str
    value: float
    unit: str
    budget: float
    stretch: float
    detail: str

    @property
    def is_within(self) -> bool:
        """Whether the budget is kept."""
        return self.value <= self.budget


def cpu_seconds(work: Callable[[], object]) -> float:
    """The CPU time of this process that the work took."""
    start = time.process_time()
    work()
    return time.process_time() - start


def side_by_side(ours: Timed, peers: Timed, rounds: int) -> tuple[float, float, float]:
    """(median of ours, median of the peer's, median of the ratios pair by pair); one round of warming up is not counted."""
    ours(), peers()
    pairs = [(ours(), peers()) for _ in range(rounds)]
    ratios = [our / peer for our, peer in pairs]
    return (
        statistics.median(our for our, _ in pairs),
        statistics.median(peer for _, peer in pairs),
        statistics.median(ratios),
    )


def table(results: Sequence[Result]) -> str:
    """A Markdown table of the results."""
    lines = ["| what | measured | budget | stretch | within | how |", "|---|---:|---:|---:|---|---|"]
    for r in results:
        within = "yes" if r.is_within else "**no**"
        lines.append(
            f"| {r.what} | {r.value:.2f}{r.unit} | {r.budget:g}{r.unit} | {r.stretch:g}{r.unit} | {within} | {r.detail} |"
        )
    return "\n".join(lines)
