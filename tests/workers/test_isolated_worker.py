"""Plans in a process of their own, which some of them end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from multiprocessing import active_children
from pathlib import Path

import pytest

from simdsl.backends.protocol import BackendUnavailable
from simdsl.backends.registry import resolve
from simdsl.core.trace import StepCompleted, TaskChosen
from simdsl.core.verdicts import Failure, FailureKind, PlanEnded, PlanStarted, Progress, RunEnded, RunReport, Verdict
from simdsl.language.dump import dump
from simdsl.language.load import load_text
from simdsl.plan.outcomes import ErrorClass, Failed
from simdsl.plan.plan import Plan
from simdsl.runs.context import RunOptions
from simdsl.runs.differential import run_differential
from simdsl.runs.single import run_plan
from simdsl.workers.isolated_worker import IsolatedWorker
from tests.bugbase.founds import ROOT

DEADLY = "python:tests.workers.crashing:make"
HEAD = "simdsl: 1\nplan: test\n"
HOLDS = load_text(
    f"""{HEAD}
setup:
  - CREATE TABLE t (id INTEGER, v REAL)
tasks:
  a:
    - INSERT INTO t VALUES (1, 0.5) => 1 affected
    - SELECT id, v FROM t WHERE id = 1 => (1, 0.5)
  b:
    - INSERT INTO t VALUES (2, 1.5) => 1 affected
schedule: all
"""
)
OPTIONS = RunOptions(seed=1)


@pytest.fixture
def deadly() -> Iterator[IsolatedWorker]:
    with IsolatedWorker([DEADLY]) as isolated:
        yield isolated


def pause(seconds: float) -> None:
    threading.Event().wait(seconds)


def dies(word: str) -> Plan:
    return load_text(
        f"""{HEAD}
setup:
  - CREATE TABLE t (id INTEGER)
steps:
  - a: INSERT INTO t VALUES (1) => 1 affected
  - b: SELECT '{word}'
  - a: SELECT 2
"""
    )


def ran(isolated: IsolatedWorker, plan: Plan) -> list[Progress]:
    return list(isolated.run(plan, "x.yaml", OPTIONS))


def report_of(events: list[Progress]) -> RunReport:
    """Of the run that failed, which is the last one."""
    *_, run, ended = events
    assert isinstance(run, RunEnded)
    assert isinstance(ended, PlanEnded)
    assert ended.verdict is run.report.verdict is Verdict.FAIL
    assert ended.failed is run.report
    return run.report


def failure_of(events: list[Progress]) -> Failure:
    failure = report_of(events).failure
    assert failure is not None
    return failure


def test_what_holds_is_told_as_it_is_told_here(deadly: IsolatedWorker) -> None:
    here = list(run_plan(HOLDS, "x.yaml", resolve(DEADLY), OPTIONS))
    there = ran(deadly, HOLDS)
    assert there == here
    for one, other in zip(here, there, strict=True):
        if isinstance(one, RunEnded) and isinstance(other, RunEnded):
            assert list(one.report.trace) == list(other.report.trace)
            assert one.report.trace.digest() == other.report.trace.digest()


@pytest.mark.parametrize(
    ("word", "fingerprint", "how"),
    [
        ("abort", "crash/SIGABRT/query", "ended by SIGABRT"),
        ("segfault", "crash/SIGSEGV/query", "ended by SIGSEGV"),
        ("exit", "crash/exit 3/query", "ended with code 3"),
    ],
)
def test_a_process_that_dies_is_a_failure_at_its_statement(
    deadly: IsolatedWorker, word: str, fingerprint: str, how: str
) -> None:
    events = ran(deadly, dies(word))
    failure, report = failure_of(events), report_of(events)
    assert (failure.kind, failure.fingerprint) == (FailureKind.CRASH, fingerprint)
    assert failure.message == f"the process that ran the plan {how}, during this statement"
    assert (failure.path, failure.task) == (("steps", 1), "b")
    steps = list(report.trace.steps())
    assert [step.what for step in steps] == [
        "CREATE TABLE t (id INTEGER)",
        "INSERT INTO t VALUES (1)",
        f"SELECT '{word}'",
    ]
    assert steps[-1].outcome == Failed(ErrorClass.DRIVER_PANIC, f"the process {how}")
    assert isinstance(events[0], PlanStarted)
    assert events[0].backend == report.backend == "sqlite"


def test_the_next_plan_runs_in_another_process(deadly: IsolatedWorker) -> None:
    for _ in range(2):
        assert failure_of(ran(deadly, dies("abort"))).kind is FailureKind.CRASH
        ended = ran(deadly, HOLDS)[-1]
        assert isinstance(ended, PlanEnded)
        assert (ended.verdict, ended.runs) == (Verdict.PASS, 3)


def test_one_that_hangs_is_killed() -> None:
    with IsolatedWorker([DEADLY], limit_us=2_000_000) as isolated:
        failure = failure_of(ran(isolated, dies("hang")))
        assert failure.fingerprint == "crash/timeout/query"
        assert failure.message.endswith("did nothing for 2 s and was killed, during this statement")
        assert ran(isolated, HOLDS)


def test_the_schedule_up_to_the_crash_is_known(deadly: IsolatedWorker) -> None:
    plan = load_text(
        f"""{HEAD}
tasks:
  a:
    - SELECT 1
    - SELECT 'abort'
  b:
    - SELECT 2
    - SELECT 3
schedule: b a b a
"""
    )
    report = report_of(ran(deadly, plan))
    assert report.choices == (2, 1, 2, 1)
    assert [event.choice for event in report.trace if isinstance(event, TaskChosen)] == [1, 0, 1, 0]


def test_params_and_the_number_of_the_run_are_known(deadly: IsolatedWorker) -> None:
    plan = load_text(f"{HEAD}params:\n  - {{x: 1}}\n  - {{x: 2}}\nsteps:\n  - a: SELECT $x, 'abort'\n    skip: [postgres]\n")
    report = report_of(ran(deadly, plan))
    assert (report.run, report.params) == (1, plan.params[0])
    (step,) = report.trace.steps()
    assert step.arguments == (1,)


def test_a_crash_in_setup_is_told_too(deadly: IsolatedWorker) -> None:
    plan = load_text(f"{HEAD}setup:\n  - CREATE TABLE t (id INTEGER)\n  - SELECT 'abort'\nsteps:\n  - a: SELECT 1\n")
    failure = failure_of(ran(deadly, plan))
    assert (failure.path, failure.fingerprint) == (("setup", 1), "crash/SIGABRT/query")


def test_a_crash_at_no_statement_names_none() -> None:
    with IsolatedWorker(["python:tests.workers.crashing:dies_when_closed"]) as isolated:
        failure = failure_of(ran(isolated, HOLDS))
    assert (failure.path, failure.fingerprint) == ((), "crash/SIGABRT/-")
    assert failure.message.endswith("ended by SIGABRT, outside of any statement")


def test_a_crash_before_anything_ran_is_told_too() -> None:
    with IsolatedWorker(["python:tests.workers.crashing:dies_at_once"]) as isolated:
        events = ran(isolated, HOLDS)
    assert failure_of(events).fingerprint == "crash/SIGABRT/-"
    assert list(report_of(events).trace) == []
    with IsolatedWorker(["python:tests.workers.crashing:dies_at_once", "sqlite"]) as isolated:
        assert report_of(ran(isolated, HOLDS)).backend == resolve("python:tests.workers.crashing:dies_at_once").url


def test_two_backends_are_compared_there(deadly: IsolatedWorker) -> None:
    plan = load_text(f"{HEAD}steps:\n  - a: SELECT sqlite_version()\n")
    urls = ["sqlite", "sqlite?driver=apsw"]
    with IsolatedWorker(urls) as isolated:
        assert ran(isolated, plan) == list(run_differential(plan, "x.yaml", list(map(resolve, urls)), OPTIONS))
    with IsolatedWorker(["sqlite", DEADLY]) as isolated:
        report = report_of(ran(isolated, dies("abort")))
    assert report.backend == f"{resolve(DEADLY).url}"


def test_a_backend_that_is_not_there_is_said() -> None:
    with IsolatedWorker(["oracle"]) as isolated:
        for _ in range(2):
            with pytest.raises(BackendUnavailable, match="oracle"):
                ran(isolated, HOLDS)


def test_an_error_of_our_own_is_no_finding() -> None:
    with (
        IsolatedWorker(["python:tests.workers.crashing:is_wrong"]) as isolated,
        pytest.raises(RuntimeError, match="ZeroDivision"),
    ):
        ran(isolated, HOLDS)


def test_whoever_leaves_early_or_closes_leaves_no_process(tmp_path: Path) -> None:
    before = set(active_children())
    isolated = IsolatedWorker([DEADLY])
    events = isolated.run(HOLDS, "x.yaml", OPTIONS)
    assert isinstance(next(events), PlanStarted)
    events.close()  # type: ignore[attr-defined]  # a generator
    assert set(active_children()) == before
    ran(isolated, HOLDS)
    assert len(set(active_children()) - before) == 1
    isolated.close()
    isolated.close()
    assert set(active_children()) == before


def test_a_statement_that_begins_is_a_sign_of_life() -> None:
    """Each of them takes half of the limit, and all of them several times as long."""
    steps = "\n".join(f"  - a: SELECT 'slow', {n} => ('slow', {n})" for n in range(6))
    with IsolatedWorker([DEADLY], limit_us=400_000) as isolated:
        ended = ran(isolated, load_text(f"{HEAD}steps:\n{steps}\n"))[-1]
    assert isinstance(ended, PlanEnded)
    assert ended.verdict is Verdict.PASS


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)])
def test_no_process_outlives_the_one_that_asks(tmp_path: Path, number: signal.Signals, code: int) -> None:
    plan = tmp_path / "hangs.yaml"
    plan.write_text(dump(dies("hang")), encoding="utf-8")
    process = subprocess.Popen(
        [sys.executable, "-m", "simdsl", "run", str(plan), "--isolated", "--backend", DEADLY],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdout is not None
    with process.stdout:
        assert process.stdout.readline().startswith(b"seed ")
        pause(1.0)  # until it hangs; earlier is no harm
        os.killpg(process.pid, number) if number is signal.SIGINT else process.send_signal(number)
        assert process.wait(30) == code
    for _ in range(100):
        try:
            os.killpg(process.pid, 0)  # asks whether there is one
        except ProcessLookupError:
            return
        pause(0.1)
    pytest.fail("a process is left")


def test_this_process_is_not_that_one(deadly: IsolatedWorker) -> None:
    plan = load_text(f"{HEAD}steps:\n  - a: SELECT 'pid'\n")
    *_, run, _ = ran(deadly, plan)
    assert isinstance(run, RunEnded)
    (step,) = run.report.trace
    assert isinstance(step, StepCompleted)
    assert step.outcome != (1, [(os.getpid(),)], None)
