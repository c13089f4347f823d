"""From a run that failed to the smallest plan that fails alike, on whatever it failed on."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Final, NamedTuple

from simdsl.core.verdicts import RunReport
from simdsl.failures.same_failure import (
    FailureIdentity,
    FailureMatcher,
    OtherFailure,
    PlanRunner,
    failed_run,
    failing_step,
    is_same_failure,
)
from simdsl.plan.dataclasses import dataclass
from simdsl.plan.plan import Plan
from simdsl.plan.source import Path
from simdsl.rewriting.pin import pin_run
from simdsl.shrinker.candidates import CandidateResult, is_loadable
from simdsl.shrinker.case import ShrinkCase
from simdsl.shrinker.driver import ShrinkSnapshot, shrink
from simdsl.shrinker.initial_case import recorded_case, unrolled_case

REPEATS: Final = 10
"""How often a run is repeated that does not fail alike at once."""


_MISS_PROBABILITY: Final = 0.05  # how probable it may be that a candidate is given up though it fails alike now and then


@dataclass(frozen=True, slots=True, kw_only=True)
class ShrinkLimits:
    """When to stop. ``rounds`` bounds the candidates that are run, ``repeats`` how often each is."""

    rounds: int | None = None
    is_over: Callable[[], bool] = lambda: False
    repeats: int = REPEATS


class NotReproducible(Exception):
    """The run does not fail alike when it is repeated, or not there alone. The message goes on where "the plan" begins."""


class FailureRate(NamedTuple):
    """How often a plan failed alike when it was repeated."""

    failed: int
    of: int

    def __str__(self) -> str:
        return f"{self.failed} of {self.of} times"


class ShrinkDriver:
    """One run that failed, on its way to the smallest plan that fails alike.

    ``often`` says of a run that failed only now and then how often it did, and ``often_at_last`` the same of the smallest
    plan; None where it always did. Then each candidate is run several times.
    """

    def __init__(
        self,
        plan: Plan,
        report: RunReport,
        seed: int,
        replay: PlanRunner,
        limits: ShrinkLimits,
        holds_on: PlanRunner | None = None,
    ) -> None:
        self.failure_rate: FailureRate | None = None
        self.final_failure_rate: FailureRate | None = None
        self._plan = plan
        self._report = report
        self._seed = seed
        self._replay = replay
        self._limits = limits
        self._bug = FailureIdentity.of_run(report)
        self._ask = FailureMatcher(replay, self._bug, holds_on)

    @property
    def others(self) -> Mapping[FailureIdentity, OtherFailure]:
        """The other bugs that were met so far."""
        return self._ask.others

    def __iter__(self) -> Iterator[ShrinkSnapshot]:
        """The best so far, again and again, and the last one at the end. To be asked for once.

        A plan of tasks is told as one order of `steps:` where that fails alike, before or after everything else. Raises
        ``NotReproducible``, and ``BackendUnavailable``.
        """
        limits = self._limits
        plan, report = (self._plan, self._report) if self._plan.workload is None else self._in_tasks()
        case, failing = self._start(replace(plan, seed=self._seed), report)
        last: ShrinkSnapshot | None = None
        for last in shrink(case, self._ask, failing=failing, rounds=limits.rounds, is_over=limits.is_over):
            yield last
        assert last is not None
        if last.is_minimal and last.case.plan.tasks is not None:
            told = self._as_steps(last.case)
            if told is not None and is_loadable(told) and self._ask(told) is CandidateResult.SAME:
                left = None if limits.rounds is None else max(limits.rounds - last.asked, 0)
                asked, others = last.asked, last.others
                for again in shrink(told, self._ask, rounds=left, is_over=limits.is_over):
                    last = replace(again, asked=again.asked + asked, others=again.others + others)
                    yield last
        self._look_again(last.case)

    def _in_tasks(self) -> tuple[Plan, RunReport]:
        """A run of a workload as a run of tasks, which is what can be cut."""
        pin = pin_run(self._plan, self._report, self._seed)
        for _ in range(self._limits.repeats):
            again = failed_run(self._replay, pin)
            if again is not None and is_same_failure(again, self._bug):
                return pin, again
        raise NotReproducible(self._never())

    def _start(self, plan: Plan, report: RunReport) -> tuple[ShrinkCase, Path]:
        ask, case = self._ask, recorded_case(plan, report.params, report.trace)
        told = unrolled_case(plan, report.params, report.trace)
        told = told if told is not None and is_loadable(told) else None
        if told is not None and ask(told) is CandidateResult.SAME:
            return told, ()
        if ask(case) is not CandidateResult.SAME:
            if ask.fails_everywhere:
                raise NotReproducible("fails on the backend where it should hold, too")
            self._repeat(case)
            if told is not None and ask(told) is CandidateResult.SAME:
                return told, ()
        return case, failing_step(report)

    def _repeat(self, case: ShrinkCase) -> None:
        """Find out how often a case fails that does not always, and try all others as often as that asks for."""
        repeats = self._limits.repeats
        found = self._ask.count(case, repeats)
        if not found:
            raise NotReproducible(self._never())
        self.failure_rate = FailureRate(found, repeats)
        self._ask.tries = runs_needed(self.failure_rate)

    def _as_steps(self, case: ShrinkCase) -> ShrinkCase | None:
        for _ in range(self._ask.tries):
            report = failed_run(self._replay, case.plan)
            if is_same_failure(report, self._bug):
                assert report is not None
                return unrolled_case(case.plan, report.params, report.trace)
        return None

    def _look_again(self, case: ShrinkCase) -> None:
        """See that the smallest plan fails alike once more, and if it need not, how often it does."""
        if self._limits.is_over() or (self.failure_rate is None and self._ask.count(case, 1)):
            return
        repeats = self._limits.repeats
        found = FailureRate(self._ask.count(case, repeats), repeats)
        self.final_failure_rate = found if found.failed < found.of or self.failure_rate is not None else None

    def _never(self) -> str:
        times = self._limits.repeats
        return f"does not fail alike when it is repeated{f' {times} times' if times > 1 else ''}"


def shrink_run(
    plan: Plan, report: RunReport, seed: int, replay: PlanRunner, limits: ShrinkLimits, holds_on: PlanRunner | None = None
) -> Iterator[ShrinkSnapshot]:
    """What ``Shrinking`` gives, for whom nothing else matters."""
    yield from ShrinkDriver(plan, report, seed, replay, limits, holds_on)


def runs_needed(failure_rate: FailureRate) -> int:
    """How often to run a plan that fails that often, to see it fail with a probability of 0.95; never more than was tried.

    >>> tries(Often(3, 10)), tries(Often(9, 10)), tries(Often(1, 10))
    (9, 2, 10)
    """
    if failure_rate.failed >= failure_rate.of:
        return 1
    return min(math.ceil(math.log(_MISS_PROBABILITY) / math.log(1 - failure_rate.failed / failure_rate.of)), failure_rate.of)
