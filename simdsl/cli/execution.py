"""How plans are executed on the backends of a call: here, in a subprocess, or twice in two processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import field
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, TypeAlias

from simdsl.backends.protocol import Backend
from simdsl.core.verdicts import Failure, FailureKind, Progress
from simdsl.failures.same_failure import PlanRunner
from simdsl.plan.dataclasses import dataclass
from simdsl.plan.plan import Plan
from simdsl.runs.context import RunOptions
from simdsl.runs.differential import run_differential
from simdsl.runs.single import run_plan

if TYPE_CHECKING:
    from simdsl.workers.isolated_worker import IsolatedWorker

Execute: TypeAlias = Callable[[Plan, str, RunOptions], Iterator[Progress]]
"""A way to execute plans: the plan, the name of its file and the options; the events of all its runs."""


@dataclass(slots=True, kw_only=True)
class PlanExecutor:
    """Executes plans on these backends: the first one alone, or all of them compared. To be closed: it may start processes.

    Every method yields the events of all runs of a plan, and raises ``BackendUnavailable``.
    """

    urls: Sequence[str]
    backends: Sequence[Backend]
    _stack: ExitStack = field(default_factory=ExitStack)
    _worker: IsolatedWorker | None = None
    _second: IsolatedWorker | None = None

    def __enter__(self) -> PlanExecutor:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stack.close()

    def here(self, plan: Plan, file: str, options: RunOptions) -> Iterator[Progress]:
        """In this process."""
        if len(self.backends) == 1:
            return run_plan(plan, file, self.backends[0], options)
        return run_differential(plan, file, self.backends, options)

    def isolated(self, plan: Plan, file: str, options: RunOptions) -> Iterator[Progress]:
        """In a subprocess, which may die: that is a failure of the plan."""
        if self._worker is None:
            from simdsl.workers.isolated_worker import IsolatedWorker  # few calls need processes

            self._worker = self._stack.enter_context(IsolatedWorker(self.urls))
        return self._worker.run(plan, file, options)

    def doublechecked(self, plan: Plan, file: str, options: RunOptions) -> Iterator[Progress]:
        """Here and in a second process with another hash seed; a run whose traces differ fails."""
        from simdsl.cli.doublecheck import compared_runs, second_process  # few calls check determinism

        if self._second is None:
            self._second = self._stack.enter_context(second_process(self.urls))
        # The second process runs the plan to its end before this one begins, so that both may use one database.
        expected = self._second.run(plan, file, options)
        return compared_runs(self.here(plan, file, options), expected, self.backends)

    def for_failure(self, failure: Failure) -> Execute:
        """The way to see a failure again without harm: a crash needs a subprocess, and differing runs need two processes."""
        match failure.kind:
            case FailureKind.CRASH:
                return self.isolated
            case FailureKind.INSTABILITY:
                return self.doublechecked
            case _:
                return self.here


def replay(execute: Execute, file: str, options: RunOptions) -> PlanRunner:
    """The same, for one file and the same options every time."""
    return partial(_replay, execute, file, options)


def _replay(execute: Execute, file: str, options: RunOptions, plan: Plan) -> Iterator[Progress]:
    return execute(plan, file, options)
