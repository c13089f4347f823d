"""Run a plan on one backend: every entry of its params, every schedule, until a run fails."""

from __future__ import annotations

from collections.abc import Iterator

from simdsl.backends.protocol import Backend
from simdsl.core import gc_pause
from simdsl.core.verdicts import PlanStarted, Progress, RunEnded, RunReport, Verdict
from simdsl.plan.plan import Plan
from simdsl.runner.lowering import Skipped, lower
from simdsl.runs.context import RunContext, RunOptions
from simdsl.runs.verdict import PlanSummary, skip_reason


def run_plan(plan: Plan, file: str, backend: Backend, options: RunOptions) -> Iterator[Progress]:
    """The events of all runs. Raises ``BackendUnavailable``; whatever happens, nothing of a run is left behind."""
    seed = plan.seed if plan.seed is not None else options.seed
    yield PlanStarted(plan=plan, file=file, backend=backend.name, seed=seed)
    tally = PlanSummary(plan=plan, file=file, backend=backend.name, seed=seed)
    reason = skip_reason(plan, backend)
    if reason is not None:
        yield tally.skipped(reason)
        return
    for params in plan.params or ((),):
        with gc_pause.gc_paused():
            program = lower(plan, backend, params, last=options.last, translators=options.translators)
        if isinstance(program, Skipped):
            yield tally.skipped(program.reason)
            return
        arena = RunContext(plan, program, params, backend, options)
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


def _runs(arena: RunContext, seed: int, tally: PlanSummary) -> Iterator[RunReport]:
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
