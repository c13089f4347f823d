"""``--shrink-on-failure``: of each plan that failed, the smallest one with the same failure."""

from __future__ import annotations

import sys

from simdsl.cli.bug_recording import BugRecorder, other_bugs_line
from simdsl.cli.durations import deadline
from simdsl.cli.execution import PlanExecutor, replay
from simdsl.cli.listeners import CallContext, RunListener
from simdsl.cli.shrink_progress import ShrinkProgress
from simdsl.core.verdicts import PlanEnded, Progress, RunReport
from simdsl.failures.same_failure import primary_failure
from simdsl.language.dump import dump
from simdsl.runs.context import RunOptions
from simdsl.runs.shrink_driver import NotReproducible, ShrinkDriver, ShrinkLimits
from simdsl.shrinker.case import count_steps


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
            with PlanExecutor(urls=self.context.urls, backends=self.context.backends) as executor:
                self._shrink(progress, progress.failed, executor)

    def _shrink(self, ended: PlanEnded, report: RunReport, executor: PlanExecutor) -> None:
        request, note = self.context.request, self.context.note
        options = RunOptions(seed=ended.seed, translators=self.context.translators)
        again = replay(executor.for_failure(primary_failure(report)), ended.file, options)
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
        for text in dump(best.case.plan).splitlines():
            note(text)
        storage = None if self._recorder is None else self._recorder.storage
        if self._recorder is not None and self._recorder.last is not None:
            self._recorder.storage.store_shrunk(self._recorder.last, best.case.plan)
        others = other_bugs_line(shrinking.others, storage, ended.file, ended.seed)
        if others is not None:
            note(others)
