"""Run a plan on one backend: every entry of its params, every schedule, until a run fails."""

from __future__ import annotations

from collections.abc import Iterator

from simdsl.backends.protocol import Backend
from simdsl.core.verdicts import PlanStarted, Progress, RunEnded, RunReport, Verdict
from simdsl.plan.deferred import gc_paused
from simdsl.plan.plan import Plan
from simdsl.runner.lowering import Skipped, lower
from simdsl.runs.context import RunContext, RunOptions
from simdsl.runs.verdict import PlanSummary, evaluate_run, skip_reason


def run_plan(plan: Plan, file: str, backend: Backend, options: RunOptions) -> Iterator[Progress]:
    """The events of all runs: ``PlanStarted``, a ``RunEnded`` for each run, ``PlanEnded``.

    Nothing runs before the iterator is advanced, and each run happens when its event is asked for, so a caller that stops
    iterating stops the plan; closing the iterator closes the database.

    Raises:
        BackendUnavailable: The backend cannot be reached, or stopped answering.
    """
    seed = plan.seed if plan.seed is not None else options.seed
    yield PlanStarted(plan=plan, file=file, backend=backend.name, seed=seed)
    summary = PlanSummary(plan=plan, file=file, backend=backend.name, seed=seed)
    reason = skip_reason(plan, backend)
    if reason is not None:
        yield summary.skipped(reason)
        return
    for params in plan.params or ((),):
        with gc_paused():
            program = lower(plan, backend, params, last=options.last, translators=options.translators)
        if isinstance(program, Skipped):
            yield summary.skipped(program.reason)
            return
        context = RunContext(plan, program, params, backend, options)
        try:
            for report in _runs(context, seed, summary):
                summary.add(report)
                yield RunEnded(report=report)
                if report.verdict is Verdict.FAIL and not options.keep_going:
                    yield summary.ended()
                    return
        finally:
            context.close()
    yield summary.ended()


def _runs(context: RunContext, seed: int, summary: PlanSummary) -> Iterator[RunReport]:
    explorer = context.schedules(seed)
    if explorer is None:
        yield evaluate_run(context.run(None, summary.runs + 1))
        return
    if explorer.repeats:
        context.snapshot()
    for policy in explorer:
        report = evaluate_run(context.run(policy, summary.runs + 1))
        # An exhaustive explorer finds its next schedule from what was enabled in this run.
        explorer.learn(report.trace)
        yield report
    if explorer.cut:
        summary.warn(f"the bound of {summary.runs} runs cut the exploration: there are more interleavings")
