"""The properties that a plan names, judged on the trace of a run."""

from __future__ import annotations

from simdsl.core.trace import Trace
from simdsl.core.verdicts import Failure, FailureKind, Tried
from simdsl.plan.ir import Plan
from simdsl.properties import registry
from simdsl.properties.property import Violation


def judged(plan: Plan, trace: Trace) -> tuple[tuple[Tried, ...], list[Failure]]:
    """How often each could have been broken, and the first violation of each: what follows it follows from it."""
    tried: list[Tried] = []
    failures: list[Failure] = []
    for name in plan.properties:
        findings = list(registry.find(name).judge(plan, trace))
        violations = [finding for finding in findings if isinstance(finding, Violation)]
        tried.append(Tried(name, len(findings), len(violations)))
        failures += [_failure(name, violation, len(violations) - 1) for violation in violations[:1]]
    return tuple(tried), failures


def _failure(name: str, violation: Violation, further: int) -> Failure:
    follow = f"; {further} further {'violation' if further == 1 else 'violations'}" if further else ""
    return Failure(
        kind=FailureKind.PROPERTY,
        message=f"{name}: {violation.message}{follow}",
        path=violation.path,
        task=violation.task,
        got=violation.evidence,
        help=f"`simdsl explain {name}` says what it claims",
        fingerprint=f"{FailureKind.PROPERTY}/{name}",
    )
