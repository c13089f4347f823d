"""The shrink driver: from a run that failed to the smallest plan with the same failure, run wherever it failed.

The shrinker itself (``simdsl.shrinker``) never runs anything. This module gives it a first candidate that is known to fail
and a test for all others, and deals with failures that do not happen every time.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Final, NamedTuple

from simdsl.core.verdicts import RunReport
from simdsl.failures import (
    FailureIdentity,
    FailureMatcher,
    OtherFailure,
    PlanRunner,
    failed_run,
    failing_step,
    is_same_failure,
)
from simdsl.plan.deferred import dataclass
from simdsl.plan.diagnostics import Path
from simdsl.plan.plan import Plan
from simdsl.rewriting.pin import pin_run
from simdsl.shrinker.case import CandidateResult, ShrinkCase, is_loadable
from simdsl.shrinker.driver import ShrinkSnapshot, recorded_case, shrink, unrolled_case

REPEATS: Final = 10
"""How often a run is repeated whose failure does not come back at once."""


_MISS_PROBABILITY: Final = 0.05  # of rejecting a candidate that has the failure, but not in these runs


@dataclass(frozen=True, slots=True, kw_only=True)
class ShrinkLimits:
    """When to stop. ``rounds`` bounds the candidates that are run, ``repeats`` how often a flaky one is."""

    rounds: int | None = None
    is_over: Callable[[], bool] = lambda: False
    repeats: int = REPEATS


class NotReproducible(Exception):
    """The failure does not come back, or the plan fails on the reference too. The message continues "the plan ..."."""


class FailureRate(NamedTuple):
    """How many of some repetitions had the failure."""

    failed: int
    of: int

    def __str__(self) -> str:
        return f"{self.failed} of {self.of} times"


class ShrinkDriver:
    """One failed run on its way to the smallest plan with the same failure. To be iterated once.

    For a flaky failure ``failure_rate`` says how often the original run had it and ``final_failure_rate`` how often the
    smallest plan has it; each candidate is then run several times. Both are None for a failure that always comes back.
    """

    def __init__(
        self,
        plan: Plan,
        report: RunReport,
        seed: int,
        run: PlanRunner,
        limits: ShrinkLimits,
        reference: PlanRunner | None = None,
    ) -> None:
        self.failure_rate: FailureRate | None = None
        self.final_failure_rate: FailureRate | None = None
        self._plan = plan
        self._report = report
        self._seed = seed
        self._run = run
        self._limits = limits
        self._identity = FailureIdentity.of_run(report)
        self._matcher = FailureMatcher(run, self._identity, reference)

    @property
    def others(self) -> Mapping[FailureIdentity, OtherFailure]:
        """The other failures that candidates had so far."""
        return self._matcher.others

    def __iter__(self) -> Iterator[ShrinkSnapshot]:
        """The best plan so far, after each round, and the final one last.

        Raises:
            NotReproducible: The failure does not come back, or the plan fails on the reference as well.
            BackendUnavailable: A backend cannot be reached.
        """
        limits, matcher = self._limits, self._matcher
        plan, report = (self._plan, self._report) if self._plan.workload is None else self._materialized()
        case, failing = self._initial(replace(plan, seed=self._seed), report)
        last: ShrinkSnapshot | None = None
        for last in shrink(case, matcher, failing=failing, rounds=limits.rounds, is_over=limits.is_over):
            yield last
        assert last is not None
        if last.is_minimal and last.case.plan.tasks is not None:
            # One order of `steps:` is easier to read than tasks with a schedule, and may be cut further. It is tried at
            # the beginning too; a plan that needed its tasks then may no longer need them now.
            steps = self._unrolled(last.case)
            if steps is not None and is_loadable(steps) and matcher(steps) is CandidateResult.SAME_FAILURE:
                left = None if limits.rounds is None else max(limits.rounds - last.tried, 0)
                asked, others = last.tried, last.others
                for again in shrink(steps, matcher, rounds=left, is_over=limits.is_over):
                    last = replace(again, tried=again.tried + asked, others=again.others + others)
                    yield last
        self._measure_result(last.case)

    def _materialized(self) -> tuple[Plan, RunReport]:
        """A run of a workload as a run of tasks: cutting a step of an action would change every run of that action."""
        pin = pin_run(self._plan, self._report, self._seed)
        for _ in range(self._limits.repeats):
            again = failed_run(self._run, pin)
            if again is not None and is_same_failure(again, self._identity):
                return pin, again
        raise NotReproducible(self._does_not_repeat())

    def _initial(self, plan: Plan, report: RunReport) -> tuple[ShrinkCase, Path]:
        """A first case that has the failure, as `steps:` if possible, and the step that failed."""
        matcher, case = self._matcher, recorded_case(plan, report.params, report.trace)
        steps = unrolled_case(plan, report.params, report.trace)
        steps = steps if steps is not None and is_loadable(steps) else None
        if steps is not None and matcher(steps) is CandidateResult.SAME_FAILURE:
            return steps, ()
        if matcher(case) is not CandidateResult.SAME_FAILURE:
            if matcher.fails_everywhere:
                raise NotReproducible("fails on the reference backend as well")
            self._measure_flakiness(case)
            if steps is not None and matcher(steps) is CandidateResult.SAME_FAILURE:
                return steps, ()
        return case, failing_step(report)

    def _measure_flakiness(self, case: ShrinkCase) -> None:
        """Find out how often a flaky case fails, and run each candidate as often as that requires."""
        repeats = self._limits.repeats
        found = self._matcher.count(case, repeats)
        if not found:
            raise NotReproducible(self._does_not_repeat())
        self.failure_rate = FailureRate(found, repeats)
        self._matcher.tries = runs_needed(self.failure_rate)

    def _unrolled(self, case: ShrinkCase) -> ShrinkCase | None:
        for _ in range(self._matcher.tries):
            report = failed_run(self._run, case.plan)
            if is_same_failure(report, self._identity):
                assert report is not None
                return unrolled_case(case.plan, report.params, report.trace)
        return None

    def _measure_result(self, case: ShrinkCase) -> None:
        """Run the smallest plan once more, and often if that shows that it is flaky."""
        if self._limits.is_over() or (self.failure_rate is None and self._matcher.count(case, 1)):
            return
        repeats = self._limits.repeats
        found = FailureRate(self._matcher.count(case, repeats), repeats)
        self.final_failure_rate = found if found.failed < found.of or self.failure_rate is not None else None

    def _does_not_repeat(self) -> str:
        times = self._limits.repeats
        return f"does not fail in the same way when it is repeated{f' {times} times' if times > 1 else ''}"


def runs_needed(rate: FailureRate) -> int:
    """How often to run a plan with this failure rate to see the failure with a probability of 0.95.

    Never more often than the rate was measured: with a lower rate, shrinking would take longer than it is worth.

    >>> runs_needed(FailureRate(3, 10)), runs_needed(FailureRate(9, 10)), runs_needed(FailureRate(1, 10))
    (9, 2, 10)
    """
    if rate.failed >= rate.of:
        return 1
    # The failure stays away in n runs with probability (1 - rate) ** n.
    return min(math.ceil(math.log(_MISS_PROBABILITY) / math.log(1 - rate.failed / rate.of)), rate.of)
