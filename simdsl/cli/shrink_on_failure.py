"""``--shrink-on-failure``: of each plan that failed, the smallest one that fails alike."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import assert_never

from simdsl.backends.protocol import Backend
from simdsl.cli.bug_recording import BugRecorder
from simdsl.cli.rerun import Rerun
from simdsl.cli.shrinking import ShrinkProgress as Line
from simdsl.cli.shrinking import tell_others
from simdsl.core.verdicts import AllPlansEnded, PlanEnded, PlanStarted, Progress, RunEnded, RunReport
from simdsl.failures.same_failure import primary_failure
from simdsl.language.dump import dump
from simdsl.plan.dataclasses import dataclass
from simdsl.plan.plan import Plan
from simdsl.runner.lowering import TranslatorCache
from simdsl.runs.context import RunOptions
from simdsl.runs.shrink_driver import NotReproducible, ShrinkDriver, ShrinkLimits
from simdsl.shrinker.case import count_steps


@dataclass(slots=True, kw_only=True)
class ShrinkOnFailure:
    """Shrinks when a plan has ended. ``keeping`` stores the result and other bugs; ``note`` is told what a person reads."""

    urls: Sequence[str]
    backends: Sequence[Backend]
    translators: TranslatorCache
    limits: Callable[[], ShrinkLimits]  # anew for each plan
    note: Callable[[str], None]
    keeping: BugRecorder | None = None

    def tell(self, progress: Progress) -> None:
        """Shrink what failed. Raises ``BackendUnavailable``."""
        match progress:
            case PlanEnded(failed=RunReport() as report, plan=plan, file=file, seed=seed):
                options = RunOptions(seed=seed, translators=self.translators)
                with Rerun(file=file, urls=self.urls, backends=self.backends, options=options) as again:
                    self._shrink(plan, report, again)
            case PlanStarted() | RunEnded() | PlanEnded() | AllPlansEnded():
                pass
            case _:
                assert_never(progress)

    def _shrink(self, plan: Plan, report: RunReport, again: Rerun) -> None:
        line = Line(sys.stderr, steps=count_steps(plan))
        file, seed = again.file, again.options.seed
        shrinking = ShrinkDriver(plan, report, seed, again.as_asked_by(primary_failure(report)), self.limits())
        try:
            line.follow(shrinking)
        except NotReproducible as error:
            self.note(f"{file} {error}, so it is not shrunk")
            return
        best = line.end(shrinking)
        if best is None:
            return
        for text in dump(best.case.plan).splitlines():
            self.note(text)
        if self.keeping is not None:
            self.keeping.keep_last_shrunk(best.case.plan)
        met = tell_others(shrinking.others, self.keeping, file, seed)
        if met is not None:
            self.note(met)
