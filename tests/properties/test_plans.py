"""The plans of the properties: they hold where nothing is wrong, and each finds the bug that was planted for it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import simdsl
from simdsl.backends.protocol import Backend
from simdsl.backends.registry import resolve
from simdsl.core.verdicts import FailureKind, Verdict
from simdsl.language.dump import dump, dump_json
from simdsl.language.load import load_text
from simdsl.language.property_names import built_in
from simdsl.plan.plan import Plan
from simdsl.plan.steps import Step
from simdsl.profiles.profile import Profile
from simdsl.properties.property import PlanSize
from simdsl.properties.registry import find
from simdsl.runs.context import RunOptions
from simdsl.runs.differential import run_differential
from simdsl.verbs.retry import Retry
from tests.properties.planted import PLANTED
from tests.running import Ran, run_loaded

RUNNABLE = [name for name in built_in() if name != "pool-survives-kill"]
SEEDS = 6
FEW = 3
"""tests/soak/test_sample.py runs 17 plans of each property on each backend."""
ENGINE_BUGS = {("where-true-false-null", "turso", 1): "turso-in-list-by-index.yaml"}
"""What an engine does wrong with a plan: a plan of ``plans/found`` tells it, and both must fail as long as it does."""


def violations(ran: Ran) -> list[str]:
    """What the properties say of the run that failed."""
    failed = ran.ended.failed
    assert failed is not None
    told = (failed.failure, *failed.consequences)
    return [one.message for one in told if one is not None and one.kind is FailureKind.PROPERTY]


def length(steps: tuple[Step, ...]) -> int:
    return sum(1 + (length(step.body) if isinstance(step, Retry) else 0) for step in steps)


@pytest.mark.parametrize("name", built_in())
def test_a_plan_is_a_function_of_its_seed(name: str) -> None:
    plans = [find(name).plan(seed) for seed in range(SEEDS)]
    assert plans == [find(name).plan(seed) for seed in range(SEEDS)]
    assert len({dump(plan) for plan in plans}) == SEEDS
    assert all(plan.properties == (name,) for plan in plans)


@pytest.mark.parametrize("name", built_in())
def test_a_plan_is_small_and_its_tasks_contend_for_the_pool(name: str) -> None:
    for seed in range(SEEDS):
        plan = find(name).plan(seed)
        tasks = plan.tasks or ()
        if plan.pools:
            assert len(tasks) >= 2
            assert len(tasks) > plan.pools[0].size
        assert 10 <= sum(length(task.steps) for task in tasks) <= 120


def test_a_size_makes_plans_larger() -> None:
    for name in built_in():
        small, large = (
            sum(length(task.steps) for task in find(name).plan(1, size).tasks or ())
            for size in (PlanSize(), PlanSize.of(Profile(name="large", steps=400, tasks=5)))
        )
        assert large > small


@pytest.mark.slow
@pytest.mark.parametrize("name", built_in())
def test_written_out_and_loaded_again_it_is_the_same_plan(name: str) -> None:
    for seed in range(SEEDS):
        plan = find(name).plan(seed)
        assert load_text(dump(plan)) == plan
        assert load_text(dump_json(plan), "plan.json") == plan


@pytest.mark.parametrize("name", RUNNABLE)
def test_it_holds_on_sqlite_and_is_exercised(name: str) -> None:
    assertions = 0
    for seed in range(SEEDS):
        ran = run_loaded(find(name).plan(seed))
        assert ran.ended.verdict is not Verdict.FAIL, (seed, ran.failure)
        assertions += sum(one.assertions for report in ran.reports for one in report.properties)
    assert assertions > SEEDS


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["postgres", "libsql", "turso"])
@pytest.mark.parametrize("name", RUNNABLE)
def test_it_holds_on_other_engines_and_is_exercised(name: str, backend: str) -> None:
    assertions = 0
    for seed in range(FEW):
        plan = find(name).plan(seed)
        if plan.backends and backend not in plan.backends:
            assert run_loaded(plan, backend).ended.verdict is Verdict.SKIP
            return
        ran = run_loaded(plan, backend)
        if (name, backend, seed) in ENGINE_BUGS:
            assert ran.ended.verdict is Verdict.FAIL, "the engine does it right now: take it out of ENGINE_BUGS"
            continue
        assert ran.ended.verdict in (Verdict.PASS, Verdict.WARN), (seed, ran.ended.reason, ran.ended.failed)
        assertions += sum(one.assertions for report in ran.reports for one in report.properties)
    assert assertions > FEW


@pytest.mark.parametrize("backend", ["sqlite", "postgres", "libsql", "turso"])
def test_no_backend_can_lose_a_connection_yet_and_that_is_said(backend: str) -> None:
    ran = run_loaded(find("pool-survives-kill").plan(1), backend)
    assert ran.ended.verdict is Verdict.SKIP
    assert (ran.ended.reason or "").endswith(f"{backend} cannot do `fault: disconnect`")


@pytest.mark.slow
@pytest.mark.parametrize("name", RUNNABLE)
def test_written_out_it_leaves_the_same_trace(name: str) -> None:
    plan = find(name).plan(5)
    ran, again = run_loaded(plan), run_loaded(load_text(dump(plan)))
    assert [report.digest for report in ran.reports] == [report.digest for report in again.reports]
    assert [report.properties for report in ran.reports] == [report.properties for report in again.reports]


@pytest.mark.slow
@pytest.mark.parametrize("name", RUNNABLE)
def test_two_builds_of_one_engine_agree(name: str) -> None:
    backends = [resolve("sqlite"), resolve("libsql")]
    *_, ended = run_differential(find(name).plan(2), "p", backends, RunOptions(seed=2))
    assert getattr(ended, "verdict", None) in (Verdict.PASS, Verdict.WARN), ended


@pytest.mark.parametrize(
    ("name", "backend"),
    [
        pytest.param(name, backend, id=f"{name}-{i}")
        for name, backends in PLANTED.items()
        for i, backend in enumerate(backends)
    ],
)
def test_a_planted_bug_is_found(name: str, backend: Callable[[], Backend]) -> None:
    broken = backend()
    for seed in range(10):
        ran = run_loaded(find(name).plan(seed), broken)
        if ran.ended.failed is not None and violations(ran):
            assert violations(ran)[0].startswith(f"{name}: ")
            return
    pytest.fail(f"{broken.url} was not caught")


def test_every_property_that_runs_has_a_planted_bug() -> None:
    assert sorted(PLANTED) == sorted(RUNNABLE)


def test_what_fails_fails_again_when_it_is_written_out() -> None:
    plan = find("tx-rollback-invisible").plan(3)
    (backend,) = (make() for make in PLANTED["tx-rollback-invisible"])
    first = run_loaded(plan, backend)
    again = run_loaded(load_text(dump(plan)), backend)
    assert first.failure == again.failure
    assert first.failure.kind is FailureKind.PROPERTY


@pytest.mark.slow
def test_two_processes_build_and_check_the_same() -> None:
    script = (
        "from simdsl.language.property_names import built_in\n"
        "from simdsl.language.dump import dump\n"
        "from simdsl.properties.registry import find\n"
        "from tests.running import run_loaded\n"
        "for name in built_in():\n"
        "    plan = find(name).plan(11)\n"
        "    print(dump(plan), [(r.digest, r.properties) for r in run_loaded(plan).reports])\n"
    )
    said = [
        subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONHASHSEED": seed},
            cwd=Path(simdsl.__file__).parent.parent,
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert said[0] == said[1]
    assert b"properties: [tx-commit-visible]" in said[0]


def test_the_same_plan_at_another_place_in_a_call_is_the_same() -> None:
    def made(order: list[str]) -> dict[str, Plan]:
        return {name: find(name).plan(7) for name in order}

    assert made(list(built_in())) == made(list(reversed(built_in())))
