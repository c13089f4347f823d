"""Whether a candidate fails as the plan did: the predicate that the shrinker is handed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

from simdsl.core.verdicts import Failure, FailureKind, PlanEnded, Progress, RunReport, Verdict
from simdsl.plan.ir import Path, Plan
from simdsl.shrinker.attempts import Answer
from simdsl.shrinker.case import Case

Replay: TypeAlias = Callable[[Plan], Iterator[Progress]]
"""Runs a plan on whatever it failed on."""


_STATED: Final = frozenset((FailureKind.EXPECTATION, FailureKind.INVARIANT))


@dataclass(frozen=True, slots=True, kw_only=True)
class Bug:
    """What two failures have in common if they are one bug.

    Of a missed expectation or invariant that is also what was expected and what came, or it would shrink to nonsense.
    """

    fingerprint: str
    said: tuple[str, ...] = ()

    @classmethod
    def of(cls, failure: Failure) -> Bug:
        """The bug that a failure shows."""
        said = (*failure.expected, *failure.got) if failure.kind in _STATED else ()
        return cls(fingerprint=failure.fingerprint, said=said)

    @classmethod
    def of_run(cls, report: RunReport) -> Bug:
        """The bug that a run shows. The violation of a property tells more than a missed expectation."""
        return cls.of(telling(report))


def telling(report: RunReport) -> Failure:
    """The failure of a run that says most. Raises ``ValueError`` for a run that did not fail."""
    if report.failure is None:
        raise ValueError("the run did not fail")
    failures = (report.failure, *report.consequences)
    return next((failure for failure in failures if failure.kind is FailureKind.PROPERTY), report.failure)


class Alike:
    """The predicate. ``others`` are the bugs that were met on the way, each with the first case that showed it.

    With ``holds_on`` a candidate must hold there: a plan that is nonsense fails everywhere.
    """

    def __init__(self, replay: Replay, bug: Bug, holds_on: Replay | None = None) -> None:
        self._replay = replay
        self._bug = bug
        self._holds_on = holds_on
        self.others: dict[Bug, Case] = {}
        self.fails_everywhere = False  # whether the last case failed where it should hold

    def __call__(self, case: Case) -> Answer:
        """Run it. Raises ``BackendUnavailable``."""
        report = failed(self._replay, case.plan)
        if report is None or report.failure is None:
            return Answer.HOLDS
        bugs = [Bug.of(failure) for failure in (report.failure, *report.consequences)]
        if self._bug not in bugs:
            self.others.setdefault(bugs[0], case)
            return Answer.OTHER
        self.fails_everywhere = self._holds_on is not None and not _holds(self._holds_on, case.plan)
        return Answer.HOLDS if self.fails_everywhere else Answer.SAME


def failed(replay: Replay, plan: Plan) -> RunReport | None:
    """The run of a plan that failed, if one did."""
    return _ended(replay, plan).failed


def place(report: RunReport) -> Path:
    """The step at which a run failed; empty where it is no step."""
    return telling(report).path


def _holds(replay: Replay, plan: Plan) -> bool:
    return _ended(replay, plan).verdict is not Verdict.FAIL


def _ended(replay: Replay, plan: Plan) -> PlanEnded:
    for event in replay(plan):
        if isinstance(event, PlanEnded):
            return event
    raise AssertionError("what runs a plan says that it has ended")
