"""A differential run against the sum of the two runs that it is made of."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

from bench.measure import Result, Timed, side_by_side
from bench.postgres import looped, one_core
from simdsl.backends.protocol import Backend
from simdsl.backends.registry import resolve
from simdsl.core.verdicts import PlanEnded, Progress, Verdict
from simdsl.language.load import load_text
from simdsl.plan.plan import Plan
from simdsl.runs.context import RunOptions
from simdsl.runs.differential import run_differential
from simdsl.runs.single import run_plan


def results(rounds: int, steps: int) -> Iterator[Result]:
    """SQLite against another build of itself, and against PostgreSQL."""
    plan = load_text(looped(steps // 4))
    with one_core():
        yield _compare("differential, sqlite with libsql", plan, ("sqlite", "libsql"), rounds, steps)
        yield _compare("differential, sqlite with postgres", plan, ("sqlite", "postgres"), rounds, steps)


def _compare(what: str, plan: Plan, urls: Sequence[str], rounds: int, steps: int) -> Result:
    backends = [resolve(url) for url in urls]
    sides = side_by_side(_differential(plan, backends), _one_by_one(plan, backends), rounds)
    ours, theirs = (seconds / steps * 1e6 for seconds in (sides.ours, sides.peers))
    detail = f"{ours:.1f} us a step against {theirs:.1f} us one after the other, best against best {sides.best:.2f}x; wall"
    return Result(what=what, value=sides.ratio, unit="x", budget=1.25, stretch=None, detail=f"{detail}, {steps} steps")


def _differential(plan: Plan, backends: Sequence[Backend]) -> Timed:
    return lambda: _seconds(lambda: [run_differential(plan, "bench", backends, RunOptions(seed=1))])


def _one_by_one(plan: Plan, backends: Sequence[Backend]) -> Timed:
    return lambda: _seconds(lambda: [run_plan(plan, "bench", backend, RunOptions(seed=1)) for backend in backends])


def _seconds(make: Callable[[], list[Iterator[Progress]]]) -> float:
    start = time.perf_counter()
    for one in make():
        *_, ended = one
        assert isinstance(ended, PlanEnded)
        assert ended.verdict is Verdict.PASS, ended
    return time.perf_counter() - start
