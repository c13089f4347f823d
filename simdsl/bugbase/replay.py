"""Running a stored bug again: is it still there?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from enum import StrEnum

from simdsl.bugbase.entry import BugEntry, BugState
from simdsl.core.verdicts import FailureKind, PlanEnded, Progress, RunEnded, RunReport, Verdict
from simdsl.failures import FailureIdentity, PlanRunner, primary_failure
from simdsl.plan.deferred import dataclass
from simdsl.plan.diagnostics import Severity
from simdsl.plan.plan import ExplicitSchedule, Plan, RecordedSchedule


class ReplayVerdict(StrEnum):
    """What a replay says."""

    FIXED = "FIXED"  # every run holds, and what failed was judged
    FAILED = "FAILED"  # it fails as it did
    ERROR = "ERROR"  # it cannot be said: the plan did not run, fails in another way, or judged nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class BugReplay:
    """A bug that was run again. ``reason`` says why where the answer does not."""

    entry: BugEntry
    answer: ReplayVerdict
    reason: str | None = None
    other: str | None = None  # the fingerprint, if it fails in another way

    @property
    def is_expected(self) -> bool:
        """Whether nobody need look: the bug is not there, or it is known."""
        return self.answer is ReplayVerdict.FIXED or (
            self.answer is ReplayVerdict.FAILED and self.entry.record.state is BugState.KNOWN
        )

    @property
    def is_failure(self) -> bool:
        """Whether a database did wrong: the bug is there and nobody said that it may, or another one is."""
        return not self.is_expected and (self.answer is ReplayVerdict.FAILED or self.other is not None)


def replay_bug(entry: BugEntry, run: PlanRunner, *, shrunk: bool = False, repeats: int = 1) -> BugReplay:
    """Run its plan, so many times or until it fails, and compare. Raises ``BackendUnavailable``.

    The recorded schedule is followed strictly. A bug that is fixed may leave it, since what failed then goes on now: the
    plan runs again, and the schedule is followed as far as it goes.
    """
    checked = entry.checked(shrunk=shrunk)
    if checked.plan is None:
        first = next(one for one in checked.diagnostics if one.severity is Severity.ERROR)
        return BugReplay(
            entry=entry, answer=ReplayVerdict.ERROR, reason=f"the plan cannot be used: {first.code.name}: {first.message}"
        )
    reports, ended = _run(run(checked.plan))
    for _ in range(repeats - 1):
        if ended.failed is not None:
            break
        reports, ended = _run(run(checked.plan))
    lenient = _lenient(checked.plan) if _diverged(ended.failed) else None
    if lenient is not None and not _is_same(entry, ended.failed):
        reports, ended = _run(run(lenient))
    if ended.failed is not None:
        return _failed(entry, ended.failed)
    if ended.verdict is Verdict.SKIP:
        return BugReplay(entry=entry, answer=ReplayVerdict.ERROR, reason=f"it did not run: {ended.reason}")
    if not _judged(entry.record.bug, reports, ended):
        return BugReplay(entry=entry, answer=ReplayVerdict.ERROR, reason="nothing fails, and what failed was not checked")
    return BugReplay(entry=entry, answer=ReplayVerdict.FIXED, reason="; ".join(ended.warnings) or None)


def _run(events: Iterator[Progress]) -> tuple[list[RunReport], PlanEnded]:
    reports: list[RunReport] = []
    for event in events:
        if isinstance(event, RunEnded):
            reports.append(event.report)
        elif isinstance(event, PlanEnded):
            return reports, event
    raise AssertionError("what runs a plan says that it has ended")


def _failed(entry: BugEntry, report: RunReport) -> BugReplay:
    first = primary_failure(report)
    if _is_same(entry, report):
        return BugReplay(entry=entry, answer=ReplayVerdict.FAILED, reason=first.message)
    reason = f"it fails in another way, {first.fingerprint}: {first.message}"
    return BugReplay(entry=entry, answer=ReplayVerdict.ERROR, reason=reason, other=first.fingerprint)


def _is_same(entry: BugEntry, report: RunReport | None) -> bool:
    failures = () if report is None or report.failure is None else (report.failure, *report.consequences)
    return entry.record.bug in map(FailureIdentity.of, failures)


def _diverged(report: RunReport | None) -> bool:
    """Whether a run left the recorded schedule; what properties say of such a run is another matter."""
    return report is not None and report.failure is not None and report.failure.kind is FailureKind.DIVERGENCE


def _judged(bug: FailureIdentity, reports: list[RunReport], ended: PlanEnded) -> bool:
    if bug.kind == FailureKind.CRASH:
        return True  # it is judged by coming to its end
    if bug.kind == FailureKind.PROPERTY:
        name = bug.fingerprint.partition("/")[2]
        return any(one.name == name and one.assertions for report in reports for one in report.properties)
    return ended.assertions > 0


def _lenient(plan: Plan) -> Plan | None:
    """The plan with its recorded choices as words, which need not fit."""
    if plan.tasks is None or not isinstance(plan.schedule, RecordedSchedule):
        return None
    names = [task.name for task in plan.tasks]
    words = tuple(names[choice - 1] for choice in plan.schedule.choices if choice <= len(names))
    return replace(plan, schedule=ExplicitSchedule(entries=words)) if words else None
