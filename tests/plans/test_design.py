"""The plans by which the language was designed: the one that introduces it, and the scenarios of its worked examples."""

from __future__ import annotations

import pytest

from simdsl.core.verdicts import Verdict
from simdsl.language.load import check_text, load_text
from simdsl.plan.expectations import Blocks
from simdsl.plan.plan import ExhaustiveSchedule
from tests.plans.bundled import plan_of, problem, ran
from tests.running import run_loaded

FIRST = """\
# yaml-language-server: $schema=../schemas/plan.schema.json
simdsl: 1
plan: commit-is-visible
doc: Another session sees nothing before COMMIT and everything after it.
setup:
  - CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER)
steps:
  - a: BEGIN
  - a: INSERT INTO t VALUES (1, 10) => 1 affected
  - b: SELECT count(*) FROM t => 0
  - a: COMMIT
  - b: SELECT id, v FROM t => (1, 10)
"""

PARTITIONS = """\
simdsl: 1
plan: partitions
setup:
  - CREATE TABLE t (c0 INTEGER)
  - INSERT INTO t VALUES (1), (5), (5), (NULL)
steps:
  - a: SELECT * FROM t
    label: whole
  - a: SELECT * FROM t WHERE c0 > 3
    label: kept
  - a: SELECT * FROM t WHERE NOT (c0 > 3)
    label: left
  - a: SELECT * FROM t WHERE (c0 > 3) IS NULL
    label: unknown
  - check: bag(whole) = bag(kept) + bag(left) + bag(unknown)
"""

TYPO = """\
simdsl: 1
plan: typo
steps:
  - a: UPDATE t SET v = 2 => 3 affectd
"""


@pytest.mark.parametrize(("text", "assertions"), [(FIRST, 3), (PARTITIONS, 1)], ids=["first", "partitions"])
def test_a_plan_that_introduces_the_language_holds(text: str, assertions: int) -> None:
    ended = run_loaded(load_text(text)).ended
    assert (ended.verdict, ended.assertions) == (Verdict.PASS, assertions)


def test_a_word_that_is_nearly_right_is_named() -> None:
    checked = check_text(TYPO, "plans/typo.yaml")
    (diagnostic,) = checked.diagnostics
    assert diagnostic.code.name == "G201"
    assert diagnostic.message == "unexpected `affectd` in a plan line"
    assert diagnostic.help == "did you mean `affected`?"
    assert diagnostic.span is not None
    assert (diagnostic.span.line, diagnostic.span.column, diagnostic.span.length) == (4, 32, 7)


def test_a_pool_hands_back_a_clean_connection() -> None:
    plan = plan_of("pool/clean-connection")
    assert [(pool.size, pool.timeout_us) for pool in plan.pools] == [(1, 50_000)]
    assert ran("pool/clean-connection").ended.verdict is Verdict.PASS


def test_writers_that_retry_survive_every_interleaving() -> None:
    assert plan_of("schedule/busy-writers-retry").schedule == ExhaustiveSchedule()
    ended = ran("schedule/busy-writers-retry").ended
    assert (ended.verdict, ended.runs) == (Verdict.PASS, 6)


def test_a_deadlock_needs_a_backend_that_waits() -> None:
    if (missing := problem("postgres")) is not None:
        pytest.skip(missing)
    outcomes = [outcome for _, _, outcome in ran("locks/two-row-deadlock", "postgres").steps()]
    assert outcomes.count("deadlock_detected") == 1
    assert "busy" not in outcomes
    outcomes = [outcome for _, _, outcome in ran("locks/two-row-deadlock").steps()]
    assert outcomes.count("busy") == 2
    assert "deadlock_detected" not in outcomes


def test_a_loop_with_captured_values_runs_for_each_entry() -> None:
    reports = ran("schedule/dense-ids").reports
    assert [report.params[0].value for report in reports] == [3, 5, 1, 2]
    assert {report.verdict for report in reports} == {Verdict.PASS}


def test_each_backend_has_its_own_expectation_of_the_second_writer() -> None:
    steps = plan_of("locks/second-writer").steps
    assert steps is not None
    (step,) = (step for step in steps if step.options.why is not None)
    assert {override.backend: override.expect for override in step.options.overrides} == {
        "postgres": (Blocks(),),
        "mssql": (Blocks(),),
    }
    assert ran("locks/second-writer").ended.verdict is Verdict.PASS
