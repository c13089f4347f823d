"""From a run that failed to the smallest plan that fails alike, on whatever it failed on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from simdsl.core.verdicts import RunReport
from simdsl.modes.alike import Alike, Bug, Replay, failed, place
from simdsl.modes.pin import pinned
from simdsl.plan.ir import Path, Plan
from simdsl.shrinker.attempts import Answer, is_sound
from simdsl.shrinker.case import Case
from simdsl.shrinker.shrink import Shrunk, shrink
from simdsl.shrinker.starting import as_steps, in_order


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """When to stop. ``rounds`` bounds the candidates that are run."""

    rounds: int | None = None
    is_over: Callable[[], bool] = lambda: False


class Unstable(Exception):
    """The run does not fail alike when it is repeated, or not there alone. The message goes on where "the plan" begins."""


def shrink_run(
    plan: Plan, report: RunReport, seed: int, replay: Replay, limits: Limits, holds_on: Replay | None = None
) -> Iterator[Shrunk]:
    """The best so far, again and again, and the last one at the end.

    A plan of tasks is told as one order of `steps:` where that fails alike, before or after everything else. Raises
    ``Unstable``, and ``BackendUnavailable``.
    """
    if plan.workload is not None:
        plan, report = _in_tasks(plan, report, seed, replay)
    ask = Alike(replay, Bug.of_run(report), holds_on)
    case, failing = _start(replace(plan, seed=seed), report, ask)
    last: Shrunk | None = None
    for last in shrink(case, ask, failing=failing, rounds=limits.rounds, is_over=limits.is_over):
        yield last
    if last is None or not last.is_minimal or last.case.plan.tasks is None:
        return
    told = _as_steps(last.case, replay)
    if told is not None and is_sound(told) and ask(told) is Answer.SAME:
        left = None if limits.rounds is None else max(limits.rounds - last.asked, 0)
        for again in shrink(told, ask, rounds=left, is_over=limits.is_over):
            yield replace(again, asked=again.asked + last.asked, others=again.others + last.others)


def _in_tasks(plan: Plan, report: RunReport, seed: int, replay: Replay) -> tuple[Plan, RunReport]:
    """A run of a workload as a run of tasks, which is what can be cut."""
    pin = pinned(plan, report, seed)
    again = failed(replay, pin)
    if again is None or Bug.of_run(again) != Bug.of_run(report):
        raise Unstable("does not fail alike when it is repeated")
    return pin, again


def _start(plan: Plan, report: RunReport, ask: Alike) -> tuple[Case, Path]:
    told = as_steps(plan, report.params, report.trace)
    if told is not None and is_sound(told) and ask(told) is Answer.SAME:
        return told, ()
    case = in_order(plan, report.params, report.trace)
    if ask(case) is not Answer.SAME:
        where = "fails on the backend where it should hold, too"
        raise Unstable(where if ask.fails_everywhere else "does not fail alike when it is repeated")
    return case, place(report)


def _as_steps(case: Case, replay: Replay) -> Case | None:
    report = failed(replay, case.plan)
    return None if report is None else as_steps(case.plan, report.params, report.trace)
