"""From finished runs to verdicts: what the properties of a plan say about one run, and what all runs of a plan add up to."""

from __future__ import annotations

from dataclasses import field
from hashlib import blake2b

from simdsl.backends.protocol import Backend
from simdsl.core.trace import Trace
from simdsl.core.verdicts import Failure, FailureKind, PlanEnded, PropertyResult, RunReport, Verdict
from simdsl.plan.dataclasses import dataclass
from simdsl.plan.plan import Plan
from simdsl.properties import registry
from simdsl.properties.property import PropertyViolation


def skip_reason(plan: Plan, backend: Backend) -> str | None:
    """Why a plan is not for a backend, or None."""
    if plan.backends and backend.name not in plan.backends:
        return f"it is meant for {', '.join(plan.backends)}"
    if plan.properties:
        from simdsl.properties import registry  # most plans name none

        return next(filter(None, map(registry.problem, plan.properties)), None)
    return None


@dataclass(slots=True, kw_only=True, eq=False)
class PlanSummary:
    """What the runs of a plan add up to."""

    plan: Plan
    file: str
    backend: str
    seed: int
    runs: int = 0
    assertions: int = 0
    steps: int = 0
    warnings: list[str] = field(default_factory=list)
    failed: RunReport | None = None
    tried: dict[str, int] = field(default_factory=dict)  # how often each property of the plan was judged
    digests: list[str] = field(default_factory=list)

    def add(self, report: RunReport) -> None:
        """Count a run that ended."""
        self.runs += 1
        self.assertions += report.assertions
        self.steps += report.steps
        self.digests.append("raced" if report.raced else report.digest)
        for warning in report.warnings:
            self.warn(warning)
        for one in report.properties:
            self.tried[one.name] = self.tried.get(one.name, 0) + one.assertions
        if report.failure is not None and self.failed is None:
            self.failed = report

    def warn(self, warning: str) -> None:
        """Say something once."""
        if warning not in self.warnings:
            self.warnings.append(warning)

    def skipped(self, reason: str) -> PlanEnded:
        """Nothing ran, for this reason."""
        return self._end(Verdict.SKIP, reason)

    def ended(self) -> PlanEnded:
        """The verdict over all runs."""
        if self.failed is not None:
            return self._end(Verdict.FAIL)
        for name, judged in self.tried.items():
            if not judged:
                self.warn(_never_evaluated(name))
        if not self.assertions:
            self.warn("nothing was judged: no step has an expectation, and there is no check and no invariant")
        return self._end(Verdict.WARN if self.warnings else Verdict.PASS)

    def _end(self, verdict: Verdict, reason: str | None = None) -> PlanEnded:
        return PlanEnded(
            plan=self.plan,
            file=self.file,
            backend=self.backend,
            seed=self.seed,
            verdict=verdict,
            runs=self.runs,
            assertions=self.assertions,
            steps=self.steps,
            reason=reason,
            warnings=tuple(self.warnings),
            failed=self.failed,
            digest=blake2b("".join(self.digests).encode(), digest_size=8).hexdigest() if self.digests else "",
        )


def _never_evaluated(name: str) -> str:
    from simdsl.properties import registry  # most plans name none

    return f"property {name} was not judged: {registry.find(name).never}"


def evaluate_properties(plan: Plan, trace: Trace) -> tuple[tuple[PropertyResult, ...], list[Failure]]:
    """How often each could have been broken, and the first violation of each: what follows it follows from it."""
    tried: list[PropertyResult] = []
    failures: list[Failure] = []
    for name in plan.properties:
        findings = list(registry.find(name).judge(plan, trace))
        violations = [finding for finding in findings if isinstance(finding, PropertyViolation)]
        tried.append(PropertyResult(name, len(findings), len(violations)))
        failures += [_property_failure(name, violation, len(violations) - 1) for violation in violations[:1]]
    return tuple(tried), failures


def _property_failure(name: str, violation: PropertyViolation, further: int) -> Failure:
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
