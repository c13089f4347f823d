"""A run as a plan: the pin that repeats it, and the view that reads like a transcript."""

from __future__ import annotations

from simdsl.core.trace import StepCompleted
from simdsl.core.verdicts import RunReport, Verdict
from simdsl.language.dump import dump
from simdsl.language.load import load_text
from simdsl.rewriting.pin import pin_run, unroll_run
from tests.running import THREADED, brief, run, run_loaded

RETRIES = """
setup:
  - CREATE TABLE acc (id INTEGER PRIMARY KEY, n INTEGER)
  - INSERT INTO acc VALUES (1, 0)
params:
  - {by: 7}
tasks:
  a:
    - retry: 4 times on busy or snapshot_conflict every 5ms
      do:
        - BEGIN
        - SELECT n FROM acc => ?n
        - UPDATE acc SET n = $n + $by => 1 affected
        - COMMIT
  b:
    - retry: 4 times on busy or snapshot_conflict every 5ms
      do:
        - BEGIN
        - SELECT n FROM acc => ?n
        - UPDATE acc SET n = $n + 10 => 1 affected
        - COMMIT
schedule: all
finally:
  - SELECT n FROM acc => 17
"""

POOLED = """
pools:
  main: {size: 1, timeout: 20ms}
tasks:
  a:
    - checkout: from main
    - for: i in 1..2
      do:
        - SELECT $i => $i
    - sleep: 50ms
    - return: a
  b:
    - checkout: from main => ok or error pool_timeout
    - sleep: 10ms
    - return: b => ok or error connection_closed
schedule: {seed: 1, runs: 5}
"""

LOCKED = """
setup:
  - CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER)
  - INSERT INTO t VALUES (1, 0)
tasks:
  a:
    - BEGIN IMMEDIATE
    - UPDATE t SET v = v + 1 => 1 affected
    - COMMIT
  b:
    - UPDATE t SET v = v + 10 => 1 affected
    - SELECT v FROM t => ?v
schedule: all
"""


def essence(report: RunReport) -> list[tuple[str, str, str]]:
    """(task, statement, outcome) of what the tasks did."""
    return [
        (event.task, _unnamed(event), brief(event))
        for event in report.trace
        if isinstance(event, StepCompleted) and event.path[0] in ("steps", "tasks")
    ]


def _unnamed(event: StepCompleted) -> str:
    what = event.what
    for name in sorted(event.names, key=len, reverse=True):
        what = what.replace(f"${name}", "?")
    return f"{what} {event.arguments}"


def test_a_pin_replays_every_interleaving_to_its_digest() -> None:
    for text, backend in ((RETRIES, "sqlite"), (POOLED, "sqlite"), (LOCKED, THREADED)):
        ran = run(text, backend)
        assert ran.ended.verdict is Verdict.PASS, ran.ended.failed
        assert ran.ended.runs > 1
        for report in ran.reports:
            pin = load_text(dump(pin_run(ran.plan, report, 1)))
            again = run_loaded(pin, backend)
            assert [r.digest for r in again.reports] == [report.digest], report.choices
            assert again.last.choices == report.choices


def test_an_unrolled_view_does_what_the_run_did() -> None:
    for text, backend in ((RETRIES, "sqlite"), (POOLED, "sqlite"), (LOCKED, THREADED)):
        ran = run(text, backend)
        for report in ran.reports:
            view = unroll_run(ran.plan, report)
            again = run_loaded(load_text(dump(view)), backend)
            assert again.ended.verdict is Verdict.PASS, (dump(view), again.ended.failed)
            expected = essence(report)
            got = [step for step in essence(again.last) if step[1] != "ROLLBACK ()"]
            assert got == expected, dump(view)


def test_a_view_of_steps_is_the_plan_with_this_runs_params() -> None:
    ran = run("params:\n  - {n: 1}\n  - {n: 2}\nsteps:\n  - a: SELECT $n => $n\n")
    view = unroll_run(ran.plan, ran.reports[1])
    assert view.steps == ran.plan.steps
    assert [[p.value for p in entry] for entry in view.params] == [[2]]


def test_reals_are_written_as_a_person_would() -> None:
    steps = "".join(f"    - SELECT {value} => _\n" for value in ("1.5", "-0.25", "1e300", "9e999"))
    ran = run(f"tasks:\n  a:\n{steps}schedule: all\n")
    text = dump(unroll_run(ran.plan, ran.last))
    assert [line.split("=> ")[1] for line in text.splitlines() if "=>" in line] == ["1.5", "-0.25", "1e+300", "inf"]
