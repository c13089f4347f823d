"""Counting what a call came to."""

from __future__ import annotations

from simdsl.core.verdicts import CallEnded, Health, PlanEnded, Progress, Verdict
from simdsl.plan.dataclasses import dataclass


@dataclass(slots=True, eq=False)
class Tally:
    """Folds the progress of a call into its end."""

    seed: int
    plans: int = 0
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    warned: int = 0
    runs: int = 0
    judged: int = 0

    def tell(self, progress: Progress) -> None:
        """Count a plan that ended."""
        if not isinstance(progress, PlanEnded):
            return
        self.plans += 1
        self.runs += progress.runs
        self.judged += progress.judged
        match progress.verdict:
            case Verdict.PASS:
                self.passed += 1
            case Verdict.FAIL:
                self.failed += 1
            case Verdict.SKIP:
                self.skipped += 1
            case Verdict.WARN:
                self.warned += 1

    def end(self, *, interrupted: bool = False, health: Health | None = None) -> CallEnded:
        """What the call came to."""
        return CallEnded(
            seed=self.seed,
            plans=self.plans,
            passed=self.passed,
            failed=self.failed,
            skipped=self.skipped,
            warned=self.warned,
            runs=self.runs,
            judged=self.judged,
            interrupted=interrupted,
            health=health,
        )
