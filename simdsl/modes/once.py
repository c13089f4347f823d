"""Run a plan on one backend: every entry of its params, every schedule, until a run fails."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import blake2b

from simdsl.backends.protocol import Backend
from simdsl.core import collector
from simdsl.core.verdicts import PlanEnded, PlanStarted, Progress, RunEnded, RunReport, Verdict
from simdsl.modes.arena import Arena, RunOptions
from simdsl.plan.ir import Plan
from simdsl.runner.lowering import Skipped, lower


def run_plan(plan: Plan, file: str, backend: Backend, options: RunOptions) -> Iterator[Progress]:
    """The events of all runs. Raises ``BackendUnavailable``; whatever happens, nothing of a run is left behind."""
    seed = plan.seed if plan.seed is not None else options.seed
    yield PlanStarted(plan=plan, file=file, backend=backend.name, seed=seed)
    tally = _Tally(plan=plan, file=file, backend=backend.name, seed=seed)
    reason = _unfit(plan, backend)
    if reason is not None:
        yield tally.skipped(reason)
        return
    if plan.properties:
        tally.warn(f"this version judges no properties, so {', '.join(plan.properties)} went unjudged")
    for params in plan.params or ((),):
        with collector.paused():
            program = lower(plan, backend, params, last=options.last)
        if isinstance(program, Skipped):
            yield tally.skipped(program.reason)
            return
        arena = Arena(plan, program, params, backend, options)
        try:
            for report in _runs(arena, seed, tally):
                tally.add(report)
                yield RunEnded(report=report)
                if report.verdict is Verdict.FAIL and not options.keep_going:
                    yield tally.ended()
                    return
        finally:
            arena.close()
    yield tally.ended()


def _unfit(plan: Plan, backend: Backend) -> str | None:
    if plan.backends and backend.name not in plan.backends:
        return f"it is meant for {', '.join(plan.backends)}"
    return None


@dataclass(slots=True, kw_only=True, eq=False)
class _Tally:
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
    digests: list[str] = field(default_factory=list)

    def add(self, report: RunReport) -> None:
        self.runs += 1
        self.judged += report.judged
        self.steps += report.steps
        self.digests.append("raced" if report.raced else report.digest)
        for warning in report.warnings:
            self.warn(warning)
        if report.failure is not None and self.failed is None:
            self.failed = report

    def warn(self, warning: str) -> None:
        if warning not in self.warnings:
            self.warnings.append(warning)

    def skipped(self, reason: str) -> PlanEnded:
        return self._end(Verdict.SKIP, reason)

    def ended(self) -> PlanEnded:
        if self.failed is not None:
            return self._end(Verdict.FAIL)
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


def _runs(arena: Arena, seed: int, tally: _Tally) -> Iterator[RunReport]:
    schedules = arena.schedules(seed)
    if schedules is None:
        yield arena.run(None, tally.runs + 1)
        return
    if schedules.repeats:
        arena.keep()
    for chooser in schedules:
        report = arena.run(chooser, tally.runs + 1)
        schedules.learn(report.trace)
        yield report
    if schedules.cut:
        tally.warn(f"the bound of {tally.runs} runs cut the exploration: there are more interleavings")
