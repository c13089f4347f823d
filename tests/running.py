"""Run the text of a plan, for tests of everything above the language."""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import dedent
from typing import TypeVar

from simdsl.backends.protocol import Backend
from simdsl.backends.registry import resolve
from simdsl.core.trace import StepCompleted
from simdsl.core.verdicts import Failure, PlanEnded, RunEnded, RunReport
from simdsl.language.load import load_text
from simdsl.plan.outcomes import Failed
from simdsl.plan.plan import Plan
from simdsl.runs.context import RunOptions
from simdsl.runs.single import run_plan

E = TypeVar("E")

THREADED = "python:tests.backends.threaded_sqlite:make"
"""The backend on which statements wait for locks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What all runs of a plan came to."""

    plan: Plan
    ended: PlanEnded
    reports: tuple[RunReport, ...]

    @property
    def last(self) -> RunReport:
        return self.reports[-1]

    @property
    def failure(self) -> Failure:
        """The failure of a plan that failed."""
        assert self.ended.failed is not None, self.ended
        assert self.ended.failed.failure is not None
        return self.ended.failed.failure

    def events(self, kind: type[E]) -> list[E]:
        """Those of the last run."""
        return [event for event in self.last.trace if isinstance(event, kind)]

    def steps(self) -> list[tuple[str, str, str]]:
        """(task, statement, outcome) of the last run, briefly."""
        return [(event.task, event.what, brief(event)) for event in self.last.trace if isinstance(event, StepCompleted)]


def brief(event: StepCompleted) -> str:
    """An outcome in a word or two."""
    outcome = event.outcome
    return str(outcome.error_class) if isinstance(outcome, Failed) else str(outcome[1] if len(outcome) == 3 else outcome[0])


def run(text: str, backend: str | Backend = "sqlite", *, seed: int = 1, keep_going: bool = False) -> Ran:
    """Run a plan to its end. The head (`simdsl: 1`, `plan: test`) may be left out."""
    text = dedent(text)
    if not text.startswith("simdsl:"):
        text = f"simdsl: 1\nplan: test\n{text}"
    return run_loaded(load_text(text), backend, seed=seed, keep_going=keep_going)


def run_loaded(plan: Plan, backend: str | Backend = "sqlite", *, seed: int = 1, keep_going: bool = False) -> Ran:
    """Run a plan that is loaded already."""
    chosen = resolve(backend) if isinstance(backend, str) else backend
    *progress, ended = run_plan(plan, "test.yaml", chosen, RunOptions(seed=seed, keep_going=keep_going))
    assert isinstance(ended, PlanEnded)
    return Ran(plan=plan, ended=ended, reports=tuple(event.report for event in progress if isinstance(event, RunEnded)))
