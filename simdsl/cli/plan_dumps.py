"""``--dump-plan-on-failure`` and ``--unroll``: a run as a plan."""

from __future__ import annotations

import os
import shlex

from simdsl.backends.urls import mask
from simdsl.cli.listeners import CallContext, RunListener
from simdsl.cli.output import write_plan
from simdsl.core.verdicts import PlanEnded, PlanStarted, Progress, RunEnded, RunReport
from simdsl.plan.plan import Plan
from simdsl.rewriting.pin import pin_run
from simdsl.rewriting.unroll import unroll_run


class FailureDump(RunListener):
    """``--dump-plan-on-failure FILE``: the failing run of each plan, as a plan that replays it exactly."""

    def __init__(self, context: CallContext) -> None:
        super().__init__(context)
        assert context.request.dump is not None
        self._files = _PlanFiles(context, context.request.dump, "replay")

    def tell(self, progress: Progress) -> None:
        if isinstance(progress, PlanEnded) and progress.failed is not None:
            self._files.write(pin_run(progress.plan, progress.failed, progress.seed))


class UnrolledRun(RunListener):
    """``--unroll FILE``: the failing run of each plan, or else its first run, as a single order of ``steps:``."""

    def __init__(self, context: CallContext) -> None:
        super().__init__(context)
        assert context.request.unroll is not None
        self._files = _PlanFiles(context, context.request.unroll, "as steps")
        self._first: RunReport | None = None

    def tell(self, progress: Progress) -> None:
        if isinstance(progress, PlanStarted):
            self._first = None
        elif isinstance(progress, RunEnded):
            self._first = self._first or progress.report
        elif isinstance(progress, PlanEnded):
            shown = progress.failed or self._first
            if shown is not None:
                self._files.write(unroll_run(progress.plan, shown))


class _PlanFiles:
    """A file for the first plan, and files beside it with a number for further ones."""

    def __init__(self, context: CallContext, path: str, what: str) -> None:
        self._context = context
        self._path = path
        self._what = what
        self._count = 0

    def write(self, plan: Plan) -> None:
        self._count += 1
        stem, suffix = os.path.splitext(self._path)
        path = self._path if self._count == 1 else f"{stem}-{self._count}{suffix}"
        write_plan(plan, path)
        first, *others = map(mask, self._context.urls)
        words = ["simdsl", "run", path, "--backend", first]
        for url in others:
            words += ["--differential", url]
        self._context.note(f"{self._what}: {shlex.join(words)}")
