"""What the runs of one plan add up to, in every mode."""

from __future__ import annotations

from dataclasses import field
from hashlib import blake2b

from simdsl.backends.protocol import Backend
from simdsl.core.verdicts import PlanEnded, RunReport, Verdict
from simdsl.plan.dataclasses import dataclass
from simdsl.plan.ir import Plan


def unfit(plan: Plan, backend: Backend) -> str | None:
    """Why a plan is not for a backend, or None."""
    if plan.backends and backend.name not in plan.backends:
        return f"it is meant for {', '.join(plan.backends)}"
    if plan.properties:
        from simdsl.properties import registry  # most plans name none

        return next(filter(None, map(registry.problem, plan.properties)), None)
    return None


@dataclass(slots=True, kw_only=True, eq=False)
class PlanTally:
    """What the runs of a plan add up to."""

    plan: Plan
    file: str
    backend: str
    seed: int
    runs: int = 0
    judged: int = 0
    steps: int = 0
    warnings: list[str] = field(default_factory=list)
    failed: RunReport | None = None
    tried: dict[str, int] = field(default_factory=dict)  # how often each property of the plan was judged
    digests: list[str] = field(default_factory=list)

    def add(self, report: RunReport) -> None:
        """Count a run that ended."""
        self.runs += 1
        self.judged += report.judged
        self.steps += report.steps
        self.digests.append("raced" if report.raced else report.digest)
        for warning in report.warnings:
            self.warn(warning)
        for one in report.properties:
            self.tried[one.name] = self.tried.get(one.name, 0) + one.judged
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
                self.warn(_unjudged(name))
        if not self.judged:
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
            judged=self.judged,
            steps=self.steps,
            reason=reason,
            warnings=tuple(self.warnings),
            failed=self.failed,
            digest=blake2b("".join(self.digests).encode(), digest_size=8).hexdigest() if self.digests else "",
        )


def _unjudged(name: str) -> str:
    from simdsl.properties import registry  # most plans name none

    return f"property {name} was not judged: {registry.find(name).never}"
