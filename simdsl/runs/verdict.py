"""From finished runs to verdicts: the oracles and properties that evaluate one run, and the summary of all runs of a plan.

Nothing here talks to a database: a run is evaluated from its trace alone, so the same trace always gets the same verdict.
"""

from __future__ import annotations

from _blake2 import blake2b  # that of hashlib, which would load OpenSSL too: 4 ms of a start
from collections.abc import Iterator, Sequence
from dataclasses import field
from typing import TYPE_CHECKING

from simdsl.backends.protocol import Backend
from simdsl.core.trace import Trace
from simdsl.core.verdicts import Failure, FailureKind, PlanEnded, PropertyResult, RunReport, Verdict
from simdsl.oracles import builtin_invariants
from simdsl.plan.deferred import dataclass, gc_paused
from simdsl.plan.outcomes import ErrorClass, Failed
from simdsl.plan.plan import Plan
from simdsl.runs.context import FinishedRun

if TYPE_CHECKING:
    from simdsl.properties.property import PropertyViolation


def evaluate_run(run: FinishedRun) -> RunReport:
    """The verdict on a run: what the interpreter noticed, what every run has to satisfy, and the plan's properties."""
    program, trace = run.program, run.trace
    with gc_paused():
        failures = [
            *run.failures,
            *builtin_invariants.violations(trace, program.transaction_actions(), pooled=bool(program.pools)),
        ]
        # Properties are evaluated even if the run has failed: a violated property says more than the mismatch that
        # stopped the run.
        properties, violations = _evaluate_properties(run.plan, trace)
        failures = _without_duplicates(failures, violations)
        digest = trace.digest()
    assertions = run.assertions + sum(one.assertions for one in properties)
    warnings = tuple(_warnings(run))
    return RunReport(
        plan=run.plan.name,
        backend=run.backend,
        params=run.params,
        run=run.number,
        choices=trace.choices() if program.scheduled else (),
        seed=run.seed,
        verdict=Verdict.FAIL if failures else Verdict.WARN if warnings or not assertions else Verdict.PASS,
        assertions=assertions,
        steps=trace.count(),
        digest=digest,
        trace=trace,
        failure=failures[0] if failures else None,
        consequences=tuple(failures[1:]),
        warnings=warnings,
        raced=run.raced,
        properties=properties,
        tables=run.tables,
    )


def skip_reason(plan: Plan, backend: Backend) -> str | None:
    """Why a plan cannot run on a backend, or None."""
    if plan.backends and backend.name not in plan.backends:
        return f"it is meant for {', '.join(plan.backends)}"
    if plan.properties:
        from simdsl.properties import registry  # start-up: most plans name no property, and there are 30 modules of them

        return next(filter(None, map(registry.problem, plan.properties)), None)
    return None


@dataclass(slots=True, kw_only=True, eq=False)
class PlanSummary:
    """What all runs of a plan on a backend add up to."""

    plan: Plan
    file: str
    backend: str
    seed: int
    runs: int = 0
    assertions: int = 0
    steps: int = 0
    warnings: list[str] = field(default_factory=list)
    failed: RunReport | None = None
    property_assertions: dict[str, int] = field(default_factory=dict)  # of each property of the plan
    digests: list[str] = field(default_factory=list)

    def add(self, report: RunReport) -> None:
        """Add a run that ended."""
        self.runs += 1
        self.assertions += report.assertions
        self.steps += report.steps
        # The engine decided the order of a race, so the digest of such a run may be another one next time.
        self.digests.append("raced" if report.raced else report.digest)
        for warning in report.warnings:
            self.warn(warning)
        for one in report.properties:
            self.property_assertions[one.name] = self.property_assertions.get(one.name, 0) + one.assertions
        if report.failure is not None and self.failed is None:
            self.failed = report

    def warn(self, warning: str) -> None:
        """Add a warning, once."""
        if warning not in self.warnings:
            self.warnings.append(warning)

    def skipped(self, reason: str) -> PlanEnded:
        """The plan did not run, for this reason."""
        return self._end(Verdict.SKIP, reason)

    def ended(self) -> PlanEnded:
        """The verdict on the plan."""
        if self.failed is not None:
            return self._end(Verdict.FAIL)
        for name, assertions in self.property_assertions.items():
            if not assertions:
                self.warn(_never_exercised(name))
        if not self.assertions:
            self.warn("nothing was asserted: no step has an expectation, and there is no check and no invariant")
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


def _evaluate_properties(plan: Plan, trace: Trace) -> tuple[tuple[PropertyResult, ...], list[Failure]]:
    """How often each property could have been violated, and the first violation of each, which causes the others."""
    if not plan.properties:
        return (), []
    from simdsl.properties import registry  # start-up: most plans name no property
    from simdsl.properties.property import PropertyViolation

    results: list[PropertyResult] = []
    failures: list[Failure] = []
    # A plan may name a property twice, by its own name and by that of a paper; results and fingerprints know one name.
    found = {one.name: one for one in map(registry.find, plan.properties)}
    for name, one in found.items():
        findings = list(one.check(plan, trace))
        violations = [finding for finding in findings if isinstance(finding, PropertyViolation)]
        results.append(PropertyResult(name, len(findings), len(violations)))
        failures += [_property_failure(name, violation, len(violations) - 1) for violation in violations[:1]]
    return tuple(results), failures


def _property_failure(name: str, violation: PropertyViolation, further: int) -> Failure:
    more = f"; {further} further {'violation' if further == 1 else 'violations'}" if further else ""
    return Failure(
        kind=FailureKind.PROPERTY,
        message=f"{name}: {violation.message}{more}",
        path=violation.path,
        task=violation.task,
        got=violation.evidence,
        help=f"`simdsl explain {name}` says what it claims",
        fingerprint=f"{FailureKind.PROPERTY}/{name}",
    )


def _without_duplicates(failures: Sequence[Failure], violations: Sequence[Failure]) -> list[Failure]:
    """All failures, but each once: a failed check that a property stated is reported as that property's violation."""
    at = {one.path: one for one in violations if one.path}
    kept = [at.pop(one.path, one) if one.kind is FailureKind.CHECK else one for one in failures]
    return [*kept, *(one for one in violations if one not in kept)]


def _warnings(run: FinishedRun) -> Iterator[str]:
    if run.raced:
        yield "race: the engine chose which of several waiting sessions to serve, so this digest may not repeat"
    if not run.has_unclassified_errors:
        return  # reading every step of a trace costs as much as running it
    for text, native in {
        event.outcome.text: event.outcome.native
        for event in run.trace.steps()
        if isinstance(event.outcome, Failed) and event.outcome.error_class is ErrorClass.OTHER
    }.items():
        yield f"unclassified error, native code {native}: {text}"


def _never_exercised(name: str) -> str:
    from simdsl.properties import registry  # start-up: most plans name no property

    return f"property {name} was never exercised: {registry.find(name).unchecked}"
