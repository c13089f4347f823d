"""How a plan is run again and again: here, in a process of its own, or twice in two."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import field
from functools import partial
from pathlib import Path
from types import TracebackType

from simdsl.backends.protocol import Backend
from simdsl.core.verdicts import Failure, FailureKind, Progress
from simdsl.failures.same_failure import PlanRunner
from simdsl.language.dump import dump
from simdsl.plan.dataclasses import dataclass
from simdsl.plan.plan import Plan
from simdsl.runs.context import RunOptions
from simdsl.runs.differential import run_differential
from simdsl.runs.single import run_plan


@dataclass(slots=True, kw_only=True)
class Rerun:
    """Runs plans on the backends of a call, as they stand, under one name. To be closed: it may start a process."""

    file: str
    urls: Sequence[str]
    backends: Sequence[Backend]
    options: RunOptions
    _stack: ExitStack = field(default_factory=ExitStack)
    _isolated: PlanRunner | None = None

    def __enter__(self) -> Rerun:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stack.close()

    def as_asked_by(self, failure: Failure) -> PlanRunner:
        """What shows a failure again without harm: a crash needs a process of its own, and runs that differ need two."""
        match failure.kind:
            case FailureKind.CRASH:
                return self.isolated()
            case FailureKind.INSTABILITY:
                return self.doublechecked()
            case _:
                return self.here()

    def here(self) -> PlanRunner:
        """In this process."""
        if len(self.backends) == 1:
            return partial(run_plan, file=self.file, backend=self.backends[0], options=self.options)
        return partial(run_differential, file=self.file, backends=self.backends, options=self.options)

    def isolated(self) -> PlanRunner:
        """In a process which may die."""
        if self._isolated is None:
            from simdsl.workers.isolated_worker import IsolatedWorker  # most plans kill nobody

            isolated = self._stack.enter_context(IsolatedWorker(self.urls))
            self._isolated = partial(isolated.run, file=self.file, options=self.options)
        return self._isolated

    def doublechecked(self) -> PlanRunner:
        """Here, and in another process with another seed for hashes."""
        if os.environ.get("PYTHONHASHSEED", "random") == "random":
            return self._beside
        folder = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="simdsl-"))
        return partial(self._in_two, Path(folder) / "plan.yaml")

    def _beside(self, plan: Plan) -> Iterator[Progress]:
        """Beside the process of isolated plans, whose seed for hashes was drawn as it was started."""
        from simdsl.cli.doublecheck import WorkerRuns, doublechecked

        other = WorkerRuns(self.isolated()(plan), self.backends[0])
        return doublechecked(self.here()(plan), other, self.backends[0])

    def _in_two(self, file: Path, plan: Plan) -> Iterator[Progress]:
        """Where all processes have one seed for hashes, only a new one can be given another."""
        from simdsl.cli.doublecheck import OtherProcessRuns, doublechecked

        file.write_text(dump(plan), encoding="utf-8", newline="")
        other = OtherProcessRuns([str(file), "--seed", str(self.options.seed)], self.urls[0])
        return doublechecked(run_plan(plan, str(file), self.backends[0], self.options), other, self.backends[0])
