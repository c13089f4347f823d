"""``--shrink-on-failure``: of each plan that failed, the smallest one that fails alike."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import assert_never

from simdsl.backends.protocol import Backend
from simdsl.cli.shrinking import Progress as Line
from simdsl.cli.shrinking import step_count
from simdsl.core.verdicts import CallEnded, PlanEnded, PlanStarted, Progress, RunEnded, RunReport
from simdsl.language.write import dump
from simdsl.modes.alike import Replay
from simdsl.modes.arena import RunOptions
from simdsl.modes.differential import run_differential
from simdsl.modes.once import run_plan
from simdsl.modes.shrinking import Limits, Unstable, shrink_run
from simdsl.plan.ir import Plan
from simdsl.runner.translating import Translators
from simdsl.shrinker.shrink import Shrunk


@dataclass(slots=True, kw_only=True)
class ShrinkOnFailure:
    """Shrinks when a plan has ended. ``keep`` is told of the result; ``note`` of what a person should read."""

    backends: Sequence[Backend]
    translators: Translators
    limits: Callable[[], Limits]  # anew for each plan
    note: Callable[[str], None]
    keep: Callable[[Plan], None]

    def tell(self, progress: Progress) -> None:
        """Shrink what failed. Raises ``BackendUnavailable``."""
        match progress:
            case PlanEnded(failed=RunReport() as report, plan=plan, file=file, seed=seed):
                self._shrink(plan, file, report, seed)
            case PlanStarted() | RunEnded() | PlanEnded() | CallEnded():
                pass
            case _:
                assert_never(progress)

    def _shrink(self, plan: Plan, file: str, report: RunReport, seed: int) -> None:
        line = Line(sys.stderr, steps=step_count(plan))
        best: Shrunk | None = None
        try:
            for best in shrink_run(plan, report, seed, self._replay(file, seed), self.limits()):
                line.tell(best)
        except Unstable as error:
            self.note(f"{file} {error}, so it is not shrunk")
            return
        if best is None:
            return
        line.end(best)
        for text in dump(best.case.plan).splitlines():
            self.note(text)
        self.keep(best.case.plan)

    def _replay(self, file: str, seed: int) -> Replay:
        options = RunOptions(seed=seed, translators=self.translators)
        if len(self.backends) == 1:
            return partial(run_plan, file=file, backend=self.backends[0], options=options)
        return partial(run_differential, file=file, backends=self.backends, options=options)
