"""Where shrinking starts: the run that failed, as a plan with one order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field, replace

from simdsl.core.trace import (
    BlockReason,
    CheckEvaluated,
    ClockAdvanced,
    StepCompleted,
    TaskBlocked,
    TaskChosen,
    Trace,
    TraceEvent,
)
from simdsl.plan.dataclasses import dataclass
from simdsl.plan.expectations import Blocks
from simdsl.plan.plan import Param, Plan
from simdsl.plan.source import Path
from simdsl.plan.steps import BlockStep, SqlStep, Step
from simdsl.shrinker.case import ShrinkCase
from simdsl.verbs.await_ import Await
from simdsl.verbs.check import Check
from simdsl.verbs.checkout import Checkout
from simdsl.verbs.return_ import Return
from simdsl.verbs.sleep import Sleep


def recorded_case(plan: Plan, params: tuple[Param, ...], trace: Trace) -> ShrinkCase:
    """The run of a plan as a case: its tasks under the explicit schedule that the run took; a plan of `steps:` as it is."""
    plan = replace(plan, params=(params,) if params else ())
    if plan.tasks is None:
        return ShrinkCase(plan=plan)
    return ShrinkCase(plan=plan).in_order(_started(plan, trace))


def unrolled_case(plan: Plan, params: tuple[Param, ...], trace: Trace) -> ShrinkCase | None:
    """The same run unrolled into a single order of `steps:`, every step with the expectation that it has in the plan.

    It reads like a transcript, so it is preferred wherever it has the same failure. None for a plan of `steps:`, and for one
    with loops: how often a body runs may depend on what comes back, which a list of steps cannot say.
    """
    if plan.tasks is None or any(isinstance(step, BlockStep) for task in plan.tasks for step in task.steps):
        return None
    transcript = _Transcript(
        steps={("tasks", task.name, i): step for task in plan.tasks for i, step in enumerate(task.steps)}
    )
    steps = tuple(transcript.steps_of(trace))
    params_ = (params,) if params else ()
    return ShrinkCase(plan=replace(plan, params=params_, tasks=None, schedule=None, steps=steps)) if steps else None


def _started(plan: Plan, trace: Trace) -> Iterator[Path]:
    """The step that each choice of the scheduler started: the first event of the chosen task after the choice."""
    names = [task.name for task in plan.tasks or ()]
    chosen: str | None = None
    for event in trace:
        match event:
            case TaskChosen(choice=choice):
                chosen = names[choice]
            case (
                StepCompleted(task=task, path=path)
                | TaskBlocked(task=task, path=path)
                | CheckEvaluated(task=task, path=path)
            ):
                if task == chosen and path and path[0] == "tasks":
                    yield path
                    chosen = None
            case _:  # no step of a task
                pass


@dataclass(slots=True, kw_only=True, eq=False)
class _Transcript:
    steps: dict[Path, Step]
    waiting: set[str] = field(default_factory=set)
    now_us: int = 0

    def steps_of(self, trace: Trace) -> Iterator[Step]:
        for event in trace:
            yield from self._one(event)

    def _one(self, event: TraceEvent) -> Iterator[Step]:
        match event:
            case ClockAdvanced(now_us=now_us):
                # Virtual time is part of what happened: a timeout fires only if it passes in the transcript, too.
                yield Sleep(duration_us=now_us - self.now_us)
                self.now_us = now_us
            case TaskBlocked(wait=BlockReason.LOCK | BlockReason.POOL, task=task, path=path) if path in self.steps:
                self.waiting.add(task)
                yield _waiting(self.steps[path])
            case StepCompleted(task=task, path=path) if path in self.steps:
                if task in self.waiting:
                    self.waiting.remove(task)
                    step = self.steps[path]
                    expect = step.expect if isinstance(step, SqlStep | Checkout) else None
                    yield Await(task=task, expect=expect, options=replace(step.options, overrides=()))
                else:
                    yield self.steps[path]
            case CheckEvaluated(path=path) if path in self.steps:
                yield replace(_check(self.steps[path]), task=None)
            case _:  # leaves no step in a transcript
                pass


def _waiting(step: Step) -> Step:
    match step:
        case SqlStep() | Checkout() | Return():
            return replace(step, expect=(Blocks(),), options=replace(step.options, label=None))
        case _:
            return step


def _check(step: Step) -> Check:
    assert isinstance(step, Check)
    return step
