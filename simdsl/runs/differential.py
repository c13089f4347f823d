"""Run a plan on several backends, under the same schedules, and compare what they do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace

from simdsl.backends.protocol import Backend
from simdsl.backends.urls import mask
from simdsl.core.gc_pause import gc_paused
from simdsl.core.verdicts import PlanStarted, Progress, RunEnded, RunReport, Verdict
from simdsl.plan.plan import Plan
from simdsl.runner.lowering import Skipped, lower
from simdsl.runner.scheduling import ExplicitPolicy
from simdsl.runs.comparison import BackendComparison, ComparedBackend, KnownDifferenceKey
from simdsl.runs.context import RunContext, RunOptions
from simdsl.runs.verdict import PlanSummary, skip_reason


def run_differential(plan: Plan, file: str, backends: Sequence[Backend], options: RunOptions) -> Iterator[Progress]:
    """The events of all runs. The first backend explores; the others follow its choices and are compared with it.

    A report's ``backend`` is the label of its backend (see ``labels``).

    Raises:
        BackendUnavailable: One of the backends cannot be reached, or stopped answering.
    """
    seed = plan.seed if plan.seed is not None else options.seed
    names = labels(backends)
    yield PlanStarted(plan=plan, file=file, backend=", ".join(names), seed=seed)
    summary = PlanSummary(plan=plan, file=file, backend=", ".join(names), seed=seed)
    for name, backend in zip(names, backends, strict=True):
        reason = skip_reason(plan, backend)
        if reason is not None:
            yield summary.skipped(f"on {name}: {reason}")
            return
    options = replace(options, end_state=True)
    reported: dict[KnownDifferenceKey, str] = {}
    for params in plan.params or ((),):
        with gc_paused():
            programs = [lower(plan, backend, params, last=options.last) for backend in backends]
        with ExitStack() as stack:
            compared: list[ComparedBackend] = []
            for name, backend, program in zip(names, backends, programs, strict=True):
                if isinstance(program, Skipped):
                    yield summary.skipped(f"on {name}: {program.reason}")
                    return
                context = RunContext(plan, program, params, backend, options)
                stack.callback(context.close)
                compared.append(ComparedBackend(name, context))
            for report in _runs(plan, compared, seed, summary, reported):
                summary.add(report)
                yield RunEnded(report=report)
                if report.verdict is Verdict.FAIL:
                    yield summary.ended()
                    return
    yield summary.ended()


def labels(backends: Sequence[Backend]) -> tuple[str, ...]:
    """What reports call each backend: its name; its URL where names repeat; a number where URLs repeat as well."""
    names = [backend.name for backend in backends]
    names = [mask(one.url) if names.count(name) > 1 else name for name, one in zip(names, backends, strict=True)]
    return tuple(f"{name} #{i}" if names.count(name) > 1 else name for i, name in enumerate(names, 1))


def _runs(
    plan: Plan,
    compared: Sequence[ComparedBackend],
    seed: int,
    summary: PlanSummary,
    reported: dict[KnownDifferenceKey, str],
) -> Iterator[RunReport]:
    reference, *others = compared
    explorer = reference.context.schedules(seed)
    if explorer is not None and explorer.repeats:
        for one in compared:
            one.context.snapshot()
    comparisons = [BackendComparison(plan, reference, other, reported) for other in others]
    first = number = summary.runs
    for policy in explorer if explorer is not None else (None,):
        number += 1
        left = reference.run(policy, number)
        if explorer is not None:
            explorer.learn(left.trace)
        yield left
        if left.verdict is Verdict.FAIL:
            return
        for comparison in comparisons:
            other = comparison.other
            follower: ExplicitPolicy | None = None
            if explorer is not None:
                # An explicit schedule, not a strict replay: a task may be blocked here that was not blocked there, and
                # that is a difference to report rather than a divergence of the replay.
                names = other.context.program.thread_names
                follower = ExplicitPolicy(names, [names[choice - 1] for choice in left.choices])
            yield comparison.compare(left, other.run(follower, number))
    if explorer is not None and explorer.cut:
        summary.warn(f"the bound of {number - first} runs cut the exploration: there are more interleavings")
