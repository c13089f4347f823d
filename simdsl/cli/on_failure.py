"""``--shrink-on-failure``: of each plan that failed, the smallest one that fails alike."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import assert_never

from simdsl.backends.protocol import Backend
from simdsl.cli.again import Again
from simdsl.cli.keeping import Keeping
from simdsl.cli.shrinking import Progress as Line
from simdsl.cli.shrinking import tell_others
from simdsl.core.verdicts import CallEnded, PlanEnded, PlanStarted, Progress, RunEnded, RunReport
from simdsl.language.write import dump
from simdsl.modes.alike import telling
from simdsl.modes.arena import RunOptions
from simdsl.modes.shrinking import Limits, Shrinking, Unstable
from simdsl.plan.dataclasses import dataclass
from simdsl.plan.ir import Plan
from simdsl.runner.translating import Translators
from simdsl.shrinker.size import step_count


@dataclass(slots=True, kw_only=True)
class ShrinkOnFailure:
    """Shrinks when a plan has ended. ``keeping`` stores the result and other bugs; ``note`` is told what a person reads."""

    urls: Sequence[str]
    backends: Sequence[Backend]
    translators: Translators
    limits: Callable[[], Limits]  # anew for each plan
    note: Callable[[str], None]
    keeping: Keeping | None = None

    def tell(self, progress: Progress) -> None:
        """Shrink what failed. Raises ``BackendUnavailable``."""
        match progress:
            case PlanEnded(failed=RunReport() as report, plan=plan, file=file, seed=seed):
                options = RunOptions(seed=seed, translators=self.translators)
                with Again(file=file, urls=self.urls, backends=self.backends, options=options) as again:
                    self._shrink(plan, report, again)
            case PlanStarted() | RunEnded() | PlanEnded() | CallEnded():
                pass
            case _:
                assert_never(progress)

    def _shrink(self, plan: Plan, report: RunReport, again: Again) -> None:
        line = Line(sys.stderr, steps=step_count(plan))
        file, seed = again.file, again.options.seed
        shrinking = Shrinking(plan, report, seed, again.as_asked_by(telling(report)), self.limits())
        try:
            line.follow(shrinking)
        except Unstable as error:
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
