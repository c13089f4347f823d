"""The line that shows how far shrinking has come."""

from __future__ import annotations

from dataclasses import field
from typing import TextIO

from simdsl.core.clock import real_ns
from simdsl.plan.dataclasses import dataclass
from simdsl.report.screen import screen_of
from simdsl.runs.shrink_driver import FailureRate, ShrinkDriver, runs_needed
from simdsl.shrinker.case import count_steps
from simdsl.shrinker.driver import ShrinkSnapshot


@dataclass(slots=True, kw_only=False)
class ShrinkProgress:
    """`shrinking 412 -> 6 steps (131 tries, 2.1 s)`: one line, which is updated in place on a terminal."""

    out: TextIO
    steps: int
    began_ns: int = field(default_factory=real_ns)
    best: ShrinkSnapshot | None = None

    def note(self, line: str) -> None:
        """A separate line."""
        self.out.write(f"{line}\n")

    def tell(self, best: ShrinkSnapshot) -> None:
        """Show the progress, if standard error is a terminal."""
        if screen_of(self.out).live:
            self.out.write(f"\r{self._line(best)}\x1b[K")
            self.out.flush()

    def follow(self, shrinking: ShrinkDriver) -> None:
        """Shrink, and show the progress. Raises what shrinking raises."""
        said = False
        for self.best in shrinking:
            if shrinking.failure_rate is not None and not said:
                said = True
                rate = shrinking.failure_rate
                self.note(f"flaky: fails {rate}; running each candidate up to {runs_needed(rate)} times")
            self.tell(self.best)

    def end(self, shrinking: ShrinkDriver) -> ShrinkSnapshot | None:
        """Write the last line; the best plan, or None if there was no candidate with the failure."""
        best = self.best
        if best is None:
            return None
        begin = "\r" if screen_of(self.out).live else ""
        stopped = "" if best.is_minimal else "; stopped early"
        often: FailureRate | None = shrinking.final_failure_rate
        rate = "" if often is None else f"; fails {often}"
        self.out.write(f"{begin}{self._line(best)}{stopped}{rate}\n")
        return best

    def _line(self, best: ShrinkSnapshot) -> str:
        seconds = (real_ns() - self.began_ns) / 1e9
        tries = "1 try" if best.asked == 1 else f"{best.asked:,} tries"
        return f"shrinking {self.steps:,} -> {count_steps(best.case.plan):,} steps ({tries}, {seconds:.1f} s)"
