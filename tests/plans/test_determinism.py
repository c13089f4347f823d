"""The same digests in every process and under load, and every executed schedule can be written down and run again."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from simdsl.core.trace import PoolChanged, SessionRolledBack, StepCompleted, TaskBlocked, TraceEvent
from simdsl.core.verdicts import RunReport, Verdict
from simdsl.language.dump import dump
from simdsl.language.load import load_text
from simdsl.plan.outcomes import Affected, Outcome, Rows
from simdsl.plan.plan import RecordedSchedule
from simdsl.plan.values import sorted_rows
from simdsl.rewriting.pin import pin_run, unroll_run
from tests.plans.bundled import NAMES, RACING, plan_of, problem, ran, why_skipped
from tests.running import run, run_loaded

pytestmark = pytest.mark.slow

CHECKOUT = Path(__file__).parents[2]
BOUND = {"sqlite": 8, "postgres": 2}
"""How many runs of a plan are replayed, at most."""

SCHEDULED = [
    (name, backend)
    for name in NAMES
    for backend in BOUND
    if plan_of(name).tasks is not None and why_skipped(name, backend) is None
]

scheduled = pytest.mark.parametrize(("name", "backend"), SCHEDULED)

# It ends by itself, should nobody be left to end it.
SPIN = "import time; end = time.monotonic() + 180\nwhile time.monotonic() < end: pass"

# Everything that depends on when the server does what: waits, a deadlock, deadlines, a session in the way of another's DDL.
WAITS = """
backends: [postgres]
setup:
  - CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER)
  - INSERT INTO t VALUES (1, 0), (2, 0)
steps:
  - for: i in 1..3
    do:
      - a: BEGIN
      - b: BEGIN
      - a: UPDATE t SET v = v + 1 WHERE id = 1 => 1 affected
      - b: UPDATE t SET v = v + 1 WHERE id = 2 => 1 affected
      - a: UPDATE t SET v = v + 10 WHERE id = 2 => blocks
      - b: UPDATE t SET v = v + 10 WHERE id = 1 => error deadlock_detected
      - await: a => 1 affected
      - b: ROLLBACK
      - b: UPDATE t SET v = v + 100 WHERE id = 2 => error statement_timeout
        timeout: 5ms
      - b: ALTER TABLE t ADD COLUMN IF NOT EXISTS note TEXT => blocks
      - a: COMMIT
      - await: b => ok
  - a: SELECT id, v FROM t ORDER BY id => (1, 3), (2, 30)
"""


@pytest.fixture
def load() -> Iterator[None]:
    """Every core is kept busy by a process of ours."""
    spinning = [subprocess.Popen([sys.executable, "-c", SPIN]) for _ in range(os.cpu_count() or 1)]
    try:
        yield
    finally:
        for process in spinning:
            process.kill()
            process.wait()


@pytest.mark.parametrize("backend", ["sqlite", "libsql"])
def test_digests_are_the_same_in_two_processes(backend: str) -> None:
    _, digests = _in_two_processes(backend)
    assert {len(seen) for seen in digests.values()} == {2}
    assert {run: seen for run, seen in digests.items() if len(set(seen)) > 1} == {}


@pytest.mark.usefixtures("load")
def test_digests_of_postgres_are_the_same_in_two_processes_under_load() -> None:
    names, digests = _in_two_processes("postgres")
    assert names == {name for name in NAMES if why_skipped(name, "postgres") is None}
    assert {len(seen) for seen in digests.values()} == {2}
    assert {run: seen for run, seen in digests.items() if len(set(seen)) > 1} == {}
    assert {run.partition(" ")[0] for run, seen in digests.items() if "raced" in seen} == RACING["postgres"]


@pytest.mark.usefixtures("load")
def test_waits_for_locks_come_to_the_same_ten_times_under_load() -> None:
    if (missing := problem("postgres")) is not None:
        pytest.skip(missing)
    reports = [run(WAITS, "postgres").last for _ in range(10)]
    assert [(report.verdict, report.failure) for report in reports] == [(Verdict.PASS, None)] * 10
    assert sum(isinstance(event, TaskBlocked) for event in reports[0].trace) == 9
    assert len({report.digest for report in reports}) == 1


@scheduled
def test_a_pin_replays_to_the_same_digest(name: str, backend: str) -> None:
    for report in _some(name, backend):
        pin = pin_run(plan_of(name), report, 1)
        assert isinstance(pin.schedule, RecordedSchedule)
        again = run_loaded(load_text(dump(pin)), backend)
        assert again.ended.verdict is Verdict.PASS, again.ended.failed
        assert (again.last.digest, again.last.choices) == (report.digest, report.choices)


@scheduled
def test_an_unrolled_view_holds_and_does_the_same(name: str, backend: str) -> None:
    for report in _some(name, backend):
        view = unroll_run(plan_of(name), report)
        again = run_loaded(load_text(dump(view)), backend)
        assert again.ended.verdict in (Verdict.PASS, Verdict.WARN), (again.ended.failed, dump(view))
        assert _said(again.last, "steps") == _said(report, "tasks"), dump(view)


def _in_two_processes(backend: str) -> tuple[set[str], dict[str, list[str]]]:
    """The names of the plans that ran, and the digests of each of their runs, from both processes."""
    if (missing := problem(backend)) is not None:
        pytest.skip(missing)
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.plans.bundled", backend],
            cwd=CHECKOUT,
            env={**os.environ, "PYTHONHASHSEED": seed},
            stdout=subprocess.PIPE,
            text=True,
        )
        for seed in ("1", "20261123")
    ]
    printed = [process.communicate()[0].splitlines() for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    digests = defaultdict[str, list[str]](list)
    for line in (*printed[0], *printed[1]):
        of, _, digest = line.rpartition(" ")
        digests[of].append(digest)
    assert len(digests) > 300
    return {of.partition(" ")[0] for of in digests}, dict(digests)


def _some(name: str, backend: str) -> tuple[RunReport, ...]:
    """At most ``BOUND`` runs, spread over all of them."""
    if (missing := problem(backend)) is not None:
        pytest.skip(missing)
    reports = ran(name, backend).reports
    return reports[:: -(-len(reports) // BOUND[backend])]


_Said = tuple[str, str, tuple[object, ...], Outcome]


def _said(report: RunReport, section: str) -> list[_Said]:
    """(task, statement, arguments, outcome), with what simdsl itself undid before a further attempt of a retry.

    Names of variables are left out: a view has to call two values of one variable by two names.
    """
    events = list(report.trace)
    return [said for event, after in zip(events, [*events[1:], None], strict=True) if (said := _one(event, after, section))]


def _one(event: TraceEvent, after: TraceEvent | None, section: str) -> _Said | None:
    match event:
        case StepCompleted(task=task, path=path, outcome=outcome) if path[0] == section:
            if isinstance(outcome, Rows) and not event.ordered:
                outcome = outcome._replace(rows=sorted_rows(outcome.rows))
            return (task, re.sub(r"\$\w+", "$", event.what), event.arguments, outcome)
        case SessionRolledBack(task=task):
            return (task, "ROLLBACK", (), Affected())
        case PoolChanged(checked_out=False, task=task) if not (isinstance(after, StepCompleted) and after.what == "return"):
            return (task, "return", (), Affected())
        case _:
            return None
