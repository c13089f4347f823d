"""``simdsl shrink`` and ``--shrink-on-failure``: from a failing plan to the smallest one with the same failure."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from dataclasses import field
from typing import TextIO

from simdsl.backends.protocol import BackendUnavailable
from simdsl.cli.bugs import BugRecorder, BugStorage, other_bugs_line, run_mode
from simdsl.cli.execution import CallContext, PlanExecutor, RunListener, plan_runner
from simdsl.cli.option_values import conflict, deadline, resolve_backends, urls_of
from simdsl.cli.output import Exit, unavailable, usage, write_plan
from simdsl.cli.requests import ShrinkRequest
from simdsl.cli.selection import SelectedPlan, open_files, select
from simdsl.core.choices import fresh_seed
from simdsl.core.clock import real_ns
from simdsl.core.verdicts import PlanEnded, Progress, RunReport
from simdsl.failures import PlanRunner, failed_run, primary_failure
from simdsl.language.dump import dump
from simdsl.plan.codes import Code
from simdsl.plan.deferred import dataclass
from simdsl.plan.plan import Plan
from simdsl.report.context import Secrets, secrets_given
from simdsl.report.screen import screen_of
from simdsl.runner.lowering import TranslatorCache
from simdsl.runs.context import RunOptions
from simdsl.runs.shrink_driver import FailureRate, NotReproducible, ShrinkDriver, ShrinkLimits, runs_needed
from simdsl.shrinker.case import count_steps
from simdsl.shrinker.driver import ShrinkSnapshot


def shrink(request: ShrinkRequest) -> Exit:
    """Shrink the plan and write the result. Raises ``Stop`` for everything that keeps it from being done."""
    limits = ShrinkLimits(
        rounds=request.shrink_rounds, is_over=deadline("--shrink-for", request.shrink_for), repeats=request.runs
    )
    _check_options(request)
    urls = urls_of(request)
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
    first = plan_runner(executor.doublechecked if request.doublecheck else executor.isolated, name, options)
    report = _failing_run(first, selected.plan, limits.repeats)
    if report is None:
        sys.stderr.write(f"{name} does not fail (seed {seed}): there is nothing to shrink\n")
        return Exit.NOTHING_CHECKED
    progress = ShrinkProgress(sys.stderr, steps=count_steps(selected.plan))
    failure = primary_failure(report)
    progress.note(f"{name}: {secrets.hide(failure.message)}")
    again = plan_runner(executor.isolated if request.isolated else executor.for_failure(failure), name, options)
    # The reference is not the backend under suspicion, so it may run here unless the call wants isolation.
    passes_on = None
    if reference is not None:
        passes_on = plan_runner(reference.isolated if request.isolated else reference.here, name, options)
    shrinking = ShrinkDriver(selected.plan, report, seed, again, limits, passes_on)
    storage = None if request.bugbase is None else _storage(request, request.bugbase, executor, secrets, progress)
    # Stored before shrinking, which may take hours and be interrupted.
    bug = None if storage is None else storage.store(selected.plan, report, name, seed)
    code = Exit.OK
    try:
        progress.follow(shrinking)
    except KeyboardInterrupt:  # the best candidate so far is a result
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
    # Without warnings: a plan to shrink is known to fail, and its style does not matter.
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


class ShrinkOnFailure(RunListener):
    """Shrinks a plan when it has failed, and shows the result. The bug base, if there is one, stores it."""

    def __init__(self, context: CallContext) -> None:
        super().__init__(context)
        deadline("--shrink-for", context.request.shrink_for)  # refuses what is no duration before anything runs
        recorders = (one for one in context.listeners if isinstance(one, BugRecorder))
        self._recorder = next(recorders, None)

    def tell(self, progress: Progress) -> None:
        """Shrink what failed. Raises ``BackendUnavailable``."""
        if isinstance(progress, PlanEnded) and progress.failed is not None:
            # An executor for each plan: a process left over from shrinking one would be killed with the next one's crash.
            with PlanExecutor(urls=self.context.urls, backends=self.context.backends) as executor:
                self._shrink(progress, progress.failed, executor)

    def _shrink(self, ended: PlanEnded, report: RunReport, executor: PlanExecutor) -> None:
        request, note = self.context.request, self.context.note
        options = RunOptions(seed=ended.seed, translators=self.context.translators)
        again = plan_runner(executor.for_failure(primary_failure(report)), ended.file, options)
        # Each plan has the whole time for itself.
        limits = ShrinkLimits(rounds=request.shrink_rounds, is_over=deadline("--shrink-for", request.shrink_for))
        shrinking = ShrinkDriver(ended.plan, report, ended.seed, again, limits)
        line = ShrinkProgress(sys.stderr, steps=count_steps(ended.plan))
        try:
            line.follow(shrinking)
        except NotReproducible as error:
            note(f"{ended.file} {error}, so it is not shrunk")
            return
        best = line.end(shrinking)
        if best is None:
            return
        # As notes, line by line, so that --json keeps standard output to its events.
        for text in dump(best.case.plan).splitlines():
            note(text)
        storage = None if self._recorder is None else self._recorder.storage
        if self._recorder is not None and self._recorder.last is not None:
            self._recorder.storage.store_shrunk(self._recorder.last, best.case.plan)
        others = other_bugs_line(shrinking.others, storage, ended.file, ended.seed)
        if others is not None:
            note(others)


@dataclass(slots=True, kw_only=False)
class ShrinkProgress:
    """`shrinking 412 -> 6 steps (131 tries, 2.1 s)`: one line, which is updated in place on a terminal."""

    out: TextIO
    steps: int
    began_ns: int = field(default_factory=real_ns)
    best: ShrinkSnapshot | None = None

    def note(self, line: str) -> None:
        """A separate line."""
        self.out.write(f"{line}\n")

    def tell(self, best: ShrinkSnapshot) -> None:
        """Show the progress, if standard error is a terminal."""
        if screen_of(self.out).live:
            self.out.write(f"\r{self._line(best)}\x1b[K")
            self.out.flush()

    def follow(self, shrinking: ShrinkDriver) -> None:
        """Shrink, and show the progress. Raises what shrinking raises."""
        said = False
        for self.best in shrinking:
            if shrinking.failure_rate is not None and not said:
                said = True
                rate = shrinking.failure_rate
                self.note(f"flaky: fails {rate}; running each candidate up to {runs_needed(rate)} times")
            self.tell(self.best)

    def end(self, shrinking: ShrinkDriver) -> ShrinkSnapshot | None:
        """Write the last line; the best plan, or None if there was no candidate with the failure."""
        best = self.best
        if best is None:
            return None
        # On a terminal the last line replaces the line of progress; in a file it is the only one.
        begin = "\r" if screen_of(self.out).live else ""
        stopped = "" if best.is_minimal else "; stopped early"
        often: FailureRate | None = shrinking.final_failure_rate
        rate = "" if often is None else f"; fails {often}"
        self.out.write(f"{begin}{self._line(best)}{stopped}{rate}\n")
        return best

    def _line(self, best: ShrinkSnapshot) -> str:
        seconds = (real_ns() - self.began_ns) / 1e9
        tries = "1 try" if best.tried == 1 else f"{best.tried:,} tries"
        return f"shrinking {self.steps:,} -> {count_steps(best.case.plan):,} steps ({tries}, {seconds:.1f} s)"
