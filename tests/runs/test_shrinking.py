"""Real bugs, shrunk: each finds X and comes to exactly Y. A plan that is nonsense would fail on the healthy driver too."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from simdsl.backends.protocol import Backend
from simdsl.backends.registry import resolve
from simdsl.core.verdicts import FailureKind
from simdsl.failures import FailureIdentity, PlanRunner, failed_run, primary_failure
from simdsl.language.dump import dump
from simdsl.language.load import load_text
from simdsl.plan.plan import Plan
from simdsl.properties.property import PlanSize
from simdsl.properties.registry import find
from simdsl.runs.context import RunOptions
from simdsl.runs.differential import run_differential
from simdsl.runs.shrink_driver import ShrinkDriver, ShrinkLimits
from simdsl.runs.single import run_plan
from simdsl.shrinker.driver import ShrinkSnapshot
from tests.mutation.catalogue import BUGS
from tests.runs.concurrent_faults import LosesACommitInACrowd
from tests.runs.faulty_sqlite import install, install_class

FOLDER = Path(__file__).resolve().parent / "shrunk"
"""The plans that shrinking has to end with, one for each bug."""


def on(backend: Backend) -> PlanRunner:
    """Runs plans on this backend."""
    return partial(run_plan, file="x", backend=backend, options=RunOptions(seed=1))


def shrunk(plan: Plan, replay: PlanRunner, holds_on: PlanRunner | None = None) -> ShrinkSnapshot:
    """The plan, shrunk to its end, which fails alike when it is written and read."""
    report = failed_run(replay, plan)
    assert report is not None
    *_, end = ShrinkDriver(plan, report, 1, replay, ShrinkLimits(), holds_on)
    again = failed_run(replay, load_text(dump(end.case.plan)))
    assert again is not None
    assert FailureIdentity.of_run(report) in [
        FailureIdentity.of(failure) for failure in (primary_failure(again), *again.consequences)
    ]
    assert end.is_minimal
    return end


def lines(plan: Plan) -> list[str]:
    """The lines of a plan's steps, as a file says them."""
    text = dump(plan)
    return [line.removeprefix("  - ") for line in text.splitlines() if line.startswith("  - ")]


def expected(name: str) -> str:
    """The text of a plan that shrinking has to end with."""
    return (FOLDER / f"{name}.yaml").read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "property_"),
    [
        ("lost-hand-off", "pool-checkout-return"),
        ("early-timeout", "pool-checkout-return"),
        ("leaked-transaction", "pool-clean-return"),
        ("return-commits", "pool-clean-return"),
        ("lost-commit", "tx-commit-visible"),
        ("stale-read", "tx-commit-visible"),
        ("rollback-commits", "tx-rollback-invisible"),
        ("rollback-to-keeps", "savepoint-rollback"),
        ("lost-update-after-busy", "retry-after-busy"),
        ("half-a-statement", "statement-atomicity"),
        ("unique-replaces", "unique-insert"),
        ("lost-last-row", "table-has-expected-content"),
        ("greatest-skips-null", "insert-values-select"),
        ("write-skips-rows", "read-your-updates-back"),
        ("delete-leaves-last", "delete-select"),
        ("ignored-limit", "select-limit"),
        ("create-empties", "double-create-failure"),
        ("drop-empties", "drop-select"),
        ("is-null-turned-round", "where-true-false-null"),
        ("null-passes-a-filter", "select-select-optimizer"),
        ("union-all-drops-duplicates", "union-all-preserves-cardinality"),
        ("indexed-bound-excluded", "plain-copy"),
        ("index-misses-null", "integrity"),
    ],
)
def test_what_a_property_finds_shrinks_to_exactly_this(name: str, property_: str) -> None:
    """The first plan of the property that finds the planted bug."""
    replay, holds_on = on(BUGS[name].make()), on(resolve(BUGS[name].sound))
    plans = (find(property_).plan(seed) for seed in range(40))
    plan = next(
        plan
        for plan in plans
        if (report := failed_run(replay, plan)) and primary_failure(report).kind is FailureKind.PROPERTY
    )
    assert dump(shrunk(plan, replay, holds_on).case.plan) == expected(name)


@pytest.mark.slow
def test_a_bug_that_needs_three_tasks_keeps_three() -> None:
    backend = resolve(f"sqlite?driver={install_class('loses_a_commit_in_a_crowd', LosesACommitInACrowd)}")
    plan = find("tx-commit-visible").plan(0, PlanSize(writers=3))
    assert dump(shrunk(plan, on(backend), on(resolve("sqlite"))).case.plan) == expected("lost-in-a-crowd")


@pytest.mark.slow
def test_a_difference_of_two_engines_shrinks_to_what_they_differ_in() -> None:
    """Within a transaction SQLite shows what was there when it began to read, and PostgreSQL what others have committed."""
    plan = load_text(
        """
simdsl: 1
plan: accounts
setup:
  - CREATE TABLE account (id INTEGER PRIMARY KEY, owner TEXT NOT NULL, balance INTEGER NOT NULL)
  - CREATE TABLE log (id INTEGER PRIMARY KEY, what TEXT)
  - INSERT INTO account VALUES (1, 'ann', 100), (2, 'bob', 200), (3, 'eve', 300) => 3 affected
tasks:
  report:
    - SELECT count(*) FROM log => 0
    - BEGIN
    - SELECT sum(balance) FROM account
    - SELECT id, owner FROM account WHERE balance > 150 ORDER BY id
    - SELECT sum(balance) FROM account
    - COMMIT
  pay:
    - SELECT balance FROM account WHERE id = 1 => 100
    - BEGIN
    - UPDATE account SET balance = balance + 50 WHERE id = 1 => 1 affected
    - COMMIT
    - SELECT balance FROM account WHERE id = 1 => 150
schedule: report report report pay pay pay pay report report report pay
"""
    )
    backends = [resolve("sqlite"), resolve("postgres")]
    replay = partial(run_differential, file="x", backends=backends, options=RunOptions(seed=1))
    assert dump(shrunk(plan, replay).case.plan) == expected("sqlite-and-postgres")


def test_a_missed_expectation_keeps_what_was_expected_and_what_came() -> None:
    plan = load_text(
        """
simdsl: 1
plan: wrong
setup:
  - CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER, w TEXT)
  - INSERT INTO t VALUES (1, 10, 'long'), (2, 20, 'b'), (3, 30, 'c') => 3 affected
tasks:
  a:
    - BEGIN
    - UPDATE t SET v = 11 WHERE id = 1 => 1 affected
    - SELECT v FROM t WHERE id = 1 => 12
    - COMMIT
  b:
    - SELECT 1 => 1
    - SELECT 2 => 2
schedule: {seed: 3, runs: 4}
"""
    )
    assert lines(shrunk(plan, on(resolve("sqlite"))).case.plan) == [
        "CREATE TABLE t (v INTEGER)",
        "INSERT INTO t VALUES (0)",
        "a: UPDATE t SET v = 11",
        "a: SELECT v FROM t => 12",
    ]


def test_with_a_healthy_backend_nothing_becomes_nonsense() -> None:
    """Whatever is cut, the plan holds where nothing is wrong, so a lost update cannot become a plan that expects wrongly."""
    plan = load_text(
        """
simdsl: 1
plan: truncated
setup:
  - CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER)
steps:
  - a: BEGIN
  - a: INSERT INTO t VALUES (1, 1) => 1 affected
  - a: COMMIT
  - b: SELECT count(*) FROM t WHERE id = 1 => 1
"""
    )
    broken = on(resolve(f"sqlite?driver={install('loses_a_commit')}"))
    assert lines(shrunk(plan, broken, on(resolve("sqlite"))).case.plan) == [
        "CREATE TABLE t (id INTEGER)",
        "a: BEGIN",
        "a: INSERT INTO t VALUES (0)",
        "a: COMMIT",
        "a: SELECT COUNT(*) FROM t => 1",
    ]
