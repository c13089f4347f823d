"""When two failures are the same failure, and the interestingness test that tells the shrinker whether a candidate has it.

Deduplication, shrinking and the replay of stored bugs all use ``FailureIdentity``. A message is never a part of it: messages
hold values, temporary names and the words of an engine's version.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final, TypeAlias

from simdsl.core.verdicts import Failure, FailureKind, PlanEnded, Progress, RunReport, Verdict
from simdsl.plan.deferred import dataclass, lazy_regex
from simdsl.plan.diagnostics import Path
from simdsl.plan.outcomes import ErrorClass
from simdsl.plan.plan import Plan
from simdsl.shrinker.case import CandidateResult, ShrinkCase

PlanRunner: TypeAlias = Callable[[Plan], Iterator[Progress]]
"""Runs a plan where it failed: on one backend or several, in this process or another."""


# A mismatch is identified by what was expected and what came as well: any smaller plan mismatches somewhere.
_DETAILED_KINDS: Final = frozenset((FailureKind.EXPECTATION, FailureKind.INVARIANT))


# A correct database never fails in these ways, whatever the plan.
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


# Strings are matched first, so that a `$` within one is no variable.
_VARIABLE: Final = lazy_regex(r"'(?:[^']|'')*'|(?P<mark>[$?])(?P<name>[a-z_][a-z0-9_]*)")


_NEVER_ORDINARY: Final = frozenset((ErrorClass.DRIVER_PANIC, ErrorClass.DATA_CORRUPTED))


_MAX_DOUBTS: Final = 3
"""How often another failure of one identity is checked on the reference. Most candidates that fail differently fail there
as well, because what was removed is missing, and each check costs a run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureIdentity:
    """What two failures have in common if they are the same failure.

    ``details`` holds, of a mismatched expectation or invariant only, what was expected and what came.
    """

    fingerprint: str
    details: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """The first part of the fingerprint: a ``FailureKind``, possibly of another version of simdsl."""
        return self.fingerprint.partition("/")[0]

    @classmethod
    def of(cls, failure: Failure) -> FailureIdentity:
        """The identity of a failure."""
        details = (*_with_numbered_variables(failure.expected), *failure.got) if failure.kind in _DETAILED_KINDS else ()
        return cls(fingerprint=failure.fingerprint, details=details)

    @classmethod
    def of_run(cls, report: RunReport) -> FailureIdentity:
        """The identity of a run's primary failure."""
        return cls.of(primary_failure(report))


def _with_numbered_variables(lines: tuple[str, ...]) -> Iterator[str]:
    """Expectations with numbers instead of the names of variables: a pin of the same run gives them other names."""
    names: dict[str, str] = {}

    def number(match: re.Match[str]) -> str:
        mark, name = match["mark"], match["name"]
        return match[0] if name is None else f"{mark}{names.setdefault(name, str(len(names) + 1))}"

    return (_VARIABLE.sub(number, line) for line in lines)


def primary_failure(report: RunReport) -> Failure:
    """The failure of a run that says most: a violated property if there is one, else the first failure.

    Raises:
        ValueError: The run did not fail.
    """
    failures = failures_of(report)
    if not failures:
        raise ValueError("the run did not fail")
    return next((failure for failure in failures if failure.kind is FailureKind.PROPERTY), failures[0])


def failures_of(report: RunReport | None) -> tuple[Failure, ...]:
    """The first failure of a run and its consequences."""
    return () if report is None or report.failure is None else (report.failure, *report.consequences)


def is_same_failure(report: RunReport | None, identity: FailureIdentity) -> bool:
    """Whether a run has this failure, alone or among others."""
    return identity in map(FailureIdentity.of, failures_of(report))


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherFailure:
    """A failure that is not the one that is being shrunk, with the first plan and run that had it."""

    plan: Plan
    report: RunReport


class FailureMatcher:
    """The interestingness test of the shrinker: whether a candidate still has the failure.

    ``others`` are the other failures that candidates had; each may be a bug of its own. With a ``reference`` a candidate
    must pass there, because a plan that is merely wrong fails everywhere. For a flaky failure ``tries`` is more than 1: a
    candidate is run up to that often, until it has the failure.
    """

    def __init__(self, run: PlanRunner, identity: FailureIdentity, reference: PlanRunner | None = None) -> None:
        self.tries = 1
        self.others: dict[FailureIdentity, OtherFailure] = {}
        self.fails_everywhere = False  # whether the last candidate failed on the reference as well
        self._run = run
        self._identity = identity
        self._reference = reference
        self._doubted: Counter[FailureIdentity] = Counter()

    def __call__(self, case: ShrinkCase) -> CandidateResult:
        """Run a candidate. Raises ``BackendUnavailable``."""
        results = set()
        for _ in range(self.tries):
            result = self._once(case.plan)
            # A reference is deterministic as far as wrong plans go, so a candidate that fails there is not tried again.
            if result is CandidateResult.SAME_FAILURE or self.fails_everywhere:
                return result
            results.add(result)
        return CandidateResult.OTHER_FAILURE if CandidateResult.OTHER_FAILURE in results else CandidateResult.PASSES

    def count(self, case: ShrinkCase, times: int) -> int:
        """How many of so many runs have the failure. Raises ``BackendUnavailable``."""
        return sum(is_same_failure(failed_run(self._run, case.plan), self._identity) for _ in range(times))

    def _once(self, plan: Plan) -> CandidateResult:
        report = failed_run(self._run, plan)
        self.fails_everywhere = False
        if report is None or report.failure is None:
            return CandidateResult.PASSES
        if not is_same_failure(report, self._identity):
            self._note(plan, report)
            return CandidateResult.OTHER_FAILURE
        self.fails_everywhere = self._reference is not None and not _passes(self._reference, plan)
        return CandidateResult.PASSES if self.fails_everywhere else CandidateResult.SAME_FAILURE

    def _note(self, plan: Plan, report: RunReport) -> None:
        """Keep another failure, unless the plan itself may be to blame: what was removed may simply be missing."""
        identity = FailureIdentity.of_run(report)
        if identity in self.others or self._doubted[identity] == _MAX_DOUBTS:
            return
        is_bug = any(map(_is_independent_of_the_plan, failures_of(report)))
        if is_bug or (self._reference is not None and _passes(self._reference, plan)):
            self.others[identity] = OtherFailure(plan=plan, report=report)
        else:
            self._doubted[identity] += 1


def _is_independent_of_the_plan(failure: Failure) -> bool:
    """Whether no plan, however wrong, fails in this way on a correct database."""
    return failure.kind in _PLAN_INDEPENDENT_KINDS or any(f"/{one}/" in failure.fingerprint for one in _NEVER_ORDINARY)


def failed_run(run: PlanRunner, plan: Plan) -> RunReport | None:
    """Run a plan; its failed run, or None if it passed."""
    return _run_to_end(run, plan).failed


def failing_step(report: RunReport) -> Path:
    """The step at which a run failed; empty if the failure is not one of a step."""
    return primary_failure(report).path


def _passes(run: PlanRunner, plan: Plan) -> bool:
    return _run_to_end(run, plan).verdict is not Verdict.FAIL


def _run_to_end(run: PlanRunner, plan: Plan) -> PlanEnded:
    for event in run(plan):
        if isinstance(event, PlanEnded):
            return event
    raise AssertionError("a plan runner yields PlanEnded")
