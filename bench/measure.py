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

    Without a budget it is there to be known.
    """

    what: str
    value: float
    unit: str
    budget: float | None
    stretch: float | None
    detail: str

    @property
    def verdict(self) -> str:
        """Whether the budget is kept, in a word."""
        if self.budget is None:
            return "-"
        return "yes" if self.value <= self.budget else "**no**"

    def amount(self, value: float | None) -> str:
        """A figure with its unit."""
        return "-" if value is None else f"{value:g}{self.unit}"


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
    lines += [
        f"| {r.what} | {r.value:.2f}{r.unit} | {r.amount(r.budget)} | {r.amount(r.stretch)} | {r.verdict} | {r.detail} |"
        for r in results
    ]
    return "\n".join(lines)
