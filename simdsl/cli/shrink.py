"""``simdsl shrink``: from a failing plan to the smallest one with the same failure."""

from __future__ import annotations

import sys
from contextlib import ExitStack

from simdsl.backends.protocol import BackendUnavailable
from simdsl.cli.backend_options import resolve_backends
from simdsl.cli.bug_recording import BugStorage, other_bugs_line, run_mode
from simdsl.cli.commands import ShrinkRequest
from simdsl.cli.durations import deadline
from simdsl.cli.errors import unavailable, usage
from simdsl.cli.execution import PlanExecutor, replay
from simdsl.cli.exits import Exit
from simdsl.cli.option_conflicts import conflict
from simdsl.cli.output import write_plan
from simdsl.cli.selection import SelectedPlan, open_files, select
from simdsl.cli.shrink_progress import ShrinkProgress
from simdsl.core.choices import fresh_seed
from simdsl.core.verdicts import RunReport
from simdsl.failures.same_failure import PlanRunner, failed_run, primary_failure
from simdsl.plan.codes import Code
from simdsl.plan.plan import Plan
from simdsl.report.secrets import Secrets, secrets_given
from simdsl.runner.lowering import TranslatorCache
from simdsl.runs.context import RunOptions
from simdsl.runs.shrink_driver import NotReproducible, ShrinkDriver, ShrinkLimits
from simdsl.shrinker.case import count_steps


def shrink(request: ShrinkRequest) -> Exit:
    """Shrink the plan and write the result. Raises ``Stop`` for everything that keeps it from being done."""
    limits = ShrinkLimits(
        rounds=request.shrink_rounds, is_over=deadline("--shrink-for", request.shrink_for), repeats=request.runs
    )
    _check_options(request)
    urls = request.urls
    selected = _select(request)
    secrets = secrets_given(*urls, *([request.holds_on] if request.holds_on else ()))
    with ExitStack() as stack:
        executor = stack.enter_context(PlanExecutor(urls=urls, backends=resolve_backends(urls)))
        reference = None
        if request.holds_on is not None:
            on = (request.holds_on,)
            reference = stack.enter_context(PlanExecutor(urls=on, backends=resolve_backends(on)))
        try:
            return _shrink(request, selected, executor, reference, limits, secrets)
        except BackendUnavailable as error:
            raise unavailable(error, secrets, urls[0]) from error


def _shrink(
    request: ShrinkRequest,
    selected: SelectedPlan,
    executor: PlanExecutor,
    reference: PlanExecutor | None,
    limits: ShrinkLimits,
    secrets: Secrets,
) -> Exit:
    name, seed = selected.name, selected.seed
    options = RunOptions(seed=seed, translators=TranslatorCache())
    # Until it is known how the plan fails, it may kill its process, so the first runs are isolated.
    first = replay(executor.doublechecked if request.doublecheck else executor.isolated, name, options)
    report = _failing_run(first, selected.plan, limits.repeats)
    if report is None:
        sys.stderr.write(f"{name} does not fail (seed {seed}): there is nothing to shrink\n")
        return Exit.NOTHING_CHECKED
    progress = ShrinkProgress(sys.stderr, steps=count_steps(selected.plan))
    failure = primary_failure(report)
    progress.note(f"{name}: {secrets.hide(failure.message)}")
    again = replay(executor.isolated if request.isolated else executor.for_failure(failure), name, options)
    passes_on = None
    if reference is not None:
        passes_on = replay(reference.isolated if request.isolated else reference.here, name, options)
    shrinking = ShrinkDriver(selected.plan, report, seed, again, limits, passes_on)
    storage = None if request.bugbase is None else _storage(request, request.bugbase, executor, secrets, progress)
    bug = None if storage is None else storage.store(selected.plan, report, name, seed)
    code = Exit.OK
    try:
        progress.follow(shrinking)
    except KeyboardInterrupt:
        code = Exit.INTERRUPTED
    except NotReproducible as error:
        progress.note(f"{name} {error}, so it is not shrunk")
        return Exit.FAILURE
    best = progress.end(shrinking)
    if best is not None:
        if storage is not None and bug is not None:
            storage.store_shrunk(bug, best.case.plan)
        write_plan(best.case.plan, request.output)
    others = other_bugs_line(shrinking.others, storage, name, seed)
    if others is not None:
        progress.note(others)
    return code


def _check_options(request: ShrinkRequest) -> None:
    if request.doublecheck and request.isolated:
        raise conflict("--doublecheck", "--isolated")
    if request.doublecheck and request.differential:
        raise conflict("--doublecheck", "--differential")


def _select(request: ShrinkRequest) -> SelectedPlan:
    opened = open_files((request.path,), show_warnings=False)
    if len(opened) != 1:
        raise usage(Code.U008, f"{request.path} names {len(opened)} plans, and one is shrunk at a time")
    return select(opened[0], request, fresh_seed() if request.seed is None else request.seed)


def _failing_run(again: PlanRunner, plan: Plan, runs: int) -> RunReport | None:
    """The first run that fails of so many repetitions."""
    return next(filter(None, (failed_run(again, plan) for _ in range(runs))), None)


def _storage(
    request: ShrinkRequest, directory: str, executor: PlanExecutor, secrets: Secrets, progress: ShrinkProgress
) -> BugStorage:
    return BugStorage(
        directory=directory,
        urls=executor.urls,
        backends=executor.backends,
        secrets=secrets,
        how=run_mode(len(executor.urls), doublecheck=request.doublecheck),
        note=progress.note,
    )
