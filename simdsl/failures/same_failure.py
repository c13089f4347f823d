"""Whether a candidate fails as the plan did: the predicate that the shrinker is handed."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final, TypeAlias

from simdsl.core.verdicts import Failure, FailureKind, PlanEnded, Progress, RunReport, Verdict
from simdsl.plan.dataclasses import dataclass
from simdsl.plan.outcomes import ErrorClass
from simdsl.plan.plan import Plan
from simdsl.plan.regexes import lazy_regex
from simdsl.plan.source import Path
from simdsl.shrinker.candidates import CandidateResult
from simdsl.shrinker.case import ShrinkCase

PlanRunner: TypeAlias = Callable[[Plan], Iterator[Progress]]
"""Runs a plan on whatever it failed on."""


_DETAILED_KINDS: Final = frozenset((FailureKind.EXPECTATION, FailureKind.INVARIANT))


_PLAN_INDEPENDENT_KINDS: Final = frozenset(
    (
        FailureKind.POOL,
        FailureKind.TRANSACTION,
        FailureKind.DIFFERENCE,
        FailureKind.INSTABILITY,
        FailureKind.CRASH,
        FailureKind.PROPERTY,
    )
)


_VARIABLE: Final = lazy_regex(r"'(?:[^']|'')*'|(?P<mark>[$?])(?P<name>[a-z_][a-z0-9_]*)")


_NEVER_ORDINARY: Final = frozenset((ErrorClass.DRIVER_PANIC, ErrorClass.DATA_CORRUPTED))


_MAX_DOUBTS: Final = 3
"""So often what fails in another way is run on the backend where it should hold; most of it fails there, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureIdentity:
    """What two failures have in common if they are one bug.

    Of a missed expectation or invariant that is also what was expected and what came, or it would shrink to nonsense.
    """

    fingerprint: str
    said: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """The first part of the fingerprint: a ``FailureKind`` of this version, or of another one."""
        return self.fingerprint.partition("/")[0]

    @classmethod
    def of(cls, failure: Failure) -> FailureIdentity:
        """The bug that a failure shows."""
        said = (*_with_numbered_variables(failure.expected), *failure.got) if failure.kind in _DETAILED_KINDS else ()
        return cls(fingerprint=failure.fingerprint, said=said)

    @classmethod
    def of_run(cls, report: RunReport) -> FailureIdentity:
        """The bug that a run shows. The violation of a property tells more than a missed expectation."""
        return cls.of(primary_failure(report))


def _with_numbered_variables(lines: tuple[str, ...]) -> Iterator[str]:
    """Expectations with their variables numbered: what they are called is another matter in a pin of the same run."""
    names: dict[str, str] = {}

    def number(match: re.Match[str]) -> str:
        mark, name = match["mark"], match["name"]
        return match[0] if name is None else f"{mark}{names.setdefault(name, str(len(names) + 1))}"

    return (_VARIABLE.sub(number, line) for line in lines)


def primary_failure(report: RunReport) -> Failure:
    """The failure of a run that says most. Raises ``ValueError`` for a run that did not fail."""
    failures = failures_of(report)
    if not failures:
        raise ValueError("the run did not fail")
    return next((failure for failure in failures if failure.kind is FailureKind.PROPERTY), failures[0])


def failures_of(report: RunReport | None) -> tuple[Failure, ...]:
    """The first failure of a run and its consequences."""
    return () if report is None or report.failure is None else (report.failure, *report.consequences)


def is_same_failure(report: RunReport | None, bug: FailureIdentity) -> bool:
    """Whether a run shows this bug, be it among others."""
    return bug in map(FailureIdentity.of, failures_of(report))


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherFailure:
    """Another bug, with the first run that showed it."""

    plan: Plan
    report: RunReport


class FailureMatcher:
    """The predicate. ``others`` are the bugs that were met on the way.

    With ``holds_on`` a candidate must hold there: a plan that is nonsense fails everywhere. A candidate is run up to
    ``tries`` times, until it fails alike.
    """

    def __init__(self, replay: PlanRunner, bug: FailureIdentity, holds_on: PlanRunner | None = None) -> None:
        self.tries = 1
        self.others: dict[FailureIdentity, OtherFailure] = {}
        self.fails_everywhere = False  # whether the last case failed where it should hold
        self._replay = replay
        self._bug = bug
        self._holds_on = holds_on
        self._doubted: Counter[FailureIdentity] = Counter()

    def __call__(self, case: ShrinkCase) -> CandidateResult:
        """Run it. Raises ``BackendUnavailable``."""
        answers = set()
        for _ in range(self.tries):
            answer = self._once(case.plan)
            if answer is CandidateResult.SAME or self.fails_everywhere:
                return answer
            answers.add(answer)
        return CandidateResult.OTHER if CandidateResult.OTHER in answers else CandidateResult.HOLDS

    def count(self, case: ShrinkCase, times: int) -> int:
        """How often it fails alike when it is run so many times. Raises ``BackendUnavailable``."""
        return sum(is_same_failure(failed_run(self._replay, case.plan), self._bug) for _ in range(times))

    def _once(self, plan: Plan) -> CandidateResult:
        report = failed_run(self._replay, plan)
        self.fails_everywhere = False
        if report is None or report.failure is None:
            return CandidateResult.HOLDS
        if not is_same_failure(report, self._bug):
            self._note(plan, report)
            return CandidateResult.OTHER
        self.fails_everywhere = self._holds_on is not None and not _holds(self._holds_on, plan)
        return CandidateResult.HOLDS if self.fails_everywhere else CandidateResult.SAME

    def _note(self, plan: Plan, report: RunReport) -> None:
        """Keep another bug, if it is one: what was cut may miss what is gone, and that is nobody's bug."""
        bug = FailureIdentity.of_run(report)
        if bug in self.others or self._doubted[bug] == _MAX_DOUBTS:
            return
        if any(map(_is_independent_of_the_plan, failures_of(report))) or (self._holds_on and _holds(self._holds_on, plan)):
            self.others[bug] = OtherFailure(plan=plan, report=report)
        else:
            self._doubted[bug] += 1


def _is_independent_of_the_plan(failure: Failure) -> bool:
    """Whether no plan can be so wrong that it fails in this way on a database that is right."""
    return failure.kind in _PLAN_INDEPENDENT_KINDS or any(f"/{one}/" in failure.fingerprint for one in _NEVER_ORDINARY)


def failed_run(replay: PlanRunner, plan: Plan) -> RunReport | None:
    """The run of a plan that failed, if one did."""
    return _run_to_end(replay, plan).failed


def failing_step(report: RunReport) -> Path:
    """The step at which a run failed; empty where it is no step."""
    return primary_failure(report).path


def _holds(replay: PlanRunner, plan: Plan) -> bool:
    return _run_to_end(replay, plan).verdict is not Verdict.FAIL


def _run_to_end(replay: PlanRunner, plan: Plan) -> PlanEnded:
    for event in replay(plan):
        if isinstance(event, PlanEnded):
            return event
    raise AssertionError("what runs a plan says that it has ended")
