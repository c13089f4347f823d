"""Counting what a call came to, and the exit code that says so."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from simdsl.core.verdicts import CallEnded, PlanEnded, Progress, Verdict


class Exit(IntEnum):
    """The exit codes of every command."""

    HELD = 0  # everything that was asked for held, or was done
    FAILURE = 1  # a plan failed, or `fmt --check` found a file that is not in form
    BAD_INPUT = 2  # a bad plan, or bad usage of the command line
    UNAVAILABLE = 3  # an unknown backend, or one that cannot be reached
    INTERNAL = 4  # simdsl itself is wrong
    NOTHING = 5  # nothing was selected, or nothing was judged in the whole call
    INTERRUPTED = 130  # Ctrl-C
    TERMINATED = 143  # a request to terminate
    UNREAD = 141  # whoever read the output has gone


@dataclass(slots=True)
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

    def end(self, *, interrupted: bool = False) -> CallEnded:
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
        )


def exit_of(ended: CallEnded) -> Exit:
    """The exit code of a call of `simdsl run`: a failure outweighs what was skipped or not judged."""
    if ended.interrupted:
        return Exit.INTERRUPTED
    if ended.failed:
        return Exit.FAILURE
    return Exit.HELD if ended.judged else Exit.NOTHING
