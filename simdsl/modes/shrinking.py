"""From a run that failed to the smallest plan that fails alike, on whatever it failed on."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Final, NamedTuple

from simdsl.core.verdicts import RunReport
from simdsl.modes.alike import Alike, Bug, Other, Replay, failed, is_alike, place
from simdsl.modes.pin import pinned
from simdsl.plan.dataclasses import dataclass
from simdsl.plan.ir import Path, Plan
from simdsl.shrinker.attempts import Answer, is_sound
from simdsl.shrinker.case import Case
from simdsl.shrinker.shrink import Shrunk, shrink
from simdsl.shrinker.starting import as_steps, in_order

REPEATS: Final = 10
"""How often a run is repeated that does not fail alike at once."""

_MISSED: Final = 0.05  # how probable it may be that a candidate is given up though it fails alike now and then


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """When to stop. ``rounds`` bounds the candidates that are run, ``repeats`` how often each is."""

    rounds: int | None = None
    is_over: Callable[[], bool] = lambda: False
    repeats: int = REPEATS


class Unstable(Exception):
    """The run does not fail alike when it is repeated, or not there alone. The message goes on where "the plan" begins."""


class Often(NamedTuple):
    """How often a plan failed alike when it was repeated."""

    failed: int
    of: int

    def __str__(self) -> str:
        return f"{self.failed} of {self.of} times"


class Shrinking:
    """One run that failed, on its way to the smallest plan that fails alike.

    ``often`` says of a run that failed only now and then how often it did, and ``often_at_last`` the same of the smallest
    plan; None where it always did. Then each candidate is run several times.
    """

    def __init__(
        self, plan: Plan, report: RunReport, seed: int, replay: Replay, limits: Limits, holds_on: Replay | None = None
    ) -> None:
        self.often: Often | None = None
        self.often_at_last: Often | None = None
        self._plan = plan
        self._report = report
        self._seed = seed
        self._replay = replay
        self._limits = limits
        self._bug = Bug.of_run(report)
        self._ask = Alike(replay, self._bug, holds_on)

    @property
    def others(self) -> Mapping[Bug, Other]:
        """The other bugs that were met so far."""
        return self._ask.others

    def __iter__(self) -> Iterator[Shrunk]:
        """The best so far, again and again, and the last one at the end. To be asked for once.

        A plan of tasks is told as one order of `steps:` where that fails alike, before or after everything else. Raises
        ``Unstable``, and ``BackendUnavailable``.
        """
        limits = self._limits
        plan, report = (self._plan, self._report) if self._plan.workload is None else self._in_tasks()
        case, failing = self._start(replace(plan, seed=self._seed), report)
        last: Shrunk | None = None
        for last in shrink(case, self._ask, failing=failing, rounds=limits.rounds, is_over=limits.is_over):
            yield last
        assert last is not None
        if last.is_minimal and last.case.plan.tasks is not None:
            told = self._as_steps(last.case)
            if told is not None and is_sound(told) and self._ask(told) is Answer.SAME:
                left = None if limits.rounds is None else max(limits.rounds - last.asked, 0)
                asked, others = last.asked, last.others
                for again in shrink(told, self._ask, rounds=left, is_over=limits.is_over):
                    last = replace(again, asked=again.asked + asked, others=again.others + others)
                    yield last
        self._look_again(last.case)

    def _in_tasks(self) -> tuple[Plan, RunReport]:
        """A run of a workload as a run of tasks, which is what can be cut."""
        pin = pinned(self._plan, self._report, self._seed)
        for _ in range(self._limits.repeats):
            again = failed(self._replay, pin)
            if again is not None and is_alike(again, self._bug):
                return pin, again
        raise Unstable(self._never())

    def _start(self, plan: Plan, report: RunReport) -> tuple[Case, Path]:
        ask, case = self._ask, in_order(plan, report.params, report.trace)
        told = as_steps(plan, report.params, report.trace)
        told = told if told is not None and is_sound(told) else None
        if told is not None and ask(told) is Answer.SAME:
            return told, ()
        if ask(case) is not Answer.SAME:
            if ask.fails_everywhere:
                raise Unstable("fails on the backend where it should hold, too")
            self._repeat(case)
            if told is not None and ask(told) is Answer.SAME:
                return told, ()
        return case, place(report)

    def _repeat(self, case: Case) -> None:
        """Find out how often a case fails that does not always, and try all others as often as that asks for."""
        repeats = self._limits.repeats
        found = self._ask.count(case, repeats)
        if not found:
            raise Unstable(self._never())
        self.often = Often(found, repeats)
        self._ask.tries = tries(self.often)

    def _as_steps(self, case: Case) -> Case | None:
        for _ in range(self._ask.tries):
            report = failed(self._replay, case.plan)
            if is_alike(report, self._bug):
                assert report is not None
                return as_steps(case.plan, report.params, report.trace)
        return None

    def _look_again(self, case: Case) -> None:
        """See that the smallest plan fails alike once more, and if it need not, how often it does."""
        if self._limits.is_over() or (self.often is None and self._ask.count(case, 1)):
            return
        repeats = self._limits.repeats
        found = Often(self._ask.count(case, repeats), repeats)
        self.often_at_last = found if found.failed < found.of or self.often is not None else None

    def _never(self) -> str:
        times = self._limits.repeats
        return f"does not fail alike when it is repeated{f' {times} times' if times > 1 else ''}"


def shrink_run(
    plan: Plan, report: RunReport, seed: int, replay: Replay, limits: Limits, holds_on: Replay | None = None
) -> Iterator[Shrunk]:
    """What ``Shrinking`` gives, for whom nothing else matters."""
    yield from Shrinking(plan, report, seed, replay, limits, holds_on)


def tries(often: Often) -> int:
    """How often to run a plan that fails that often, to see it fail with a probability of 0.95; never more than was tried.

    >>> tries(Often(3, 10)), tries(Often(9, 10)), tries(Often(1, 10))
    (9, 2, 10)
    """
    if often.failed >= often.of:
        return 1
    return min(math.ceil(math.log(_MISSED) / math.log(1 - often.failed / often.of)), often.of)
