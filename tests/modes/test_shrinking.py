"""Real bugs, shrunk: each finds X and comes to exactly Y. A plan that is nonsense would fail on the healthy driver too."""

from __future__ import annotations

from functools import partial

import pytest

from simdsl.backends.registry import resolve
from simdsl.language.load import load_text
from simdsl.language.write import dump
from simdsl.modes.alike import Bug, Replay, failed, telling
from simdsl.modes.arena import RunOptions
from simdsl.modes.once import run_plan
from simdsl.modes.shrinking import Limits, shrink_run
from simdsl.plan.ir import Plan
from simdsl.properties.registry import find
from simdsl.shrinker.shrink import Shrunk
from tests.modes.faulty_sqlite import install, install_class
from tests.properties.planted import ForgetsAfterBusy, StopsHalfWay

SETUP = "CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER)"
READ = "w1: SELECT id, v FROM t ORDER BY id"


def on(url: str) -> Replay:
    """Runs plans on this backend."""
    return partial(run_plan, file="x", backend=resolve(url), options=RunOptions(seed=1))


def shrunk(plan: Plan, url: str, *, holds_on: str | None = None) -> Shrunk:
    """The plan, shrunk to its end."""
    replay = on(url)
    report = failed(replay, plan)
    assert report is not None
    reference = None if holds_on is None else on(holds_on)
    *_, end = shrink_run(plan, report, 1, replay, Limits(), reference)
    again = failed(replay, load_text(dump(end.case.plan)))
    assert again is not None
    assert Bug.of_run(report) in [Bug.of(failure) for failure in (telling(again), *again.consequences)]
    assert end.is_minimal
    return end


def lines(plan: Plan) -> list[str]:
    """The lines of a plan's steps, as a file says them."""
    text = dump(plan)
    return [line.removeprefix("  - ") for line in text.splitlines() if line.startswith("  - ")]


def driver(name: str) -> str:
    """SQLite with a driver that has this fault."""
    return f"sqlite?driver={install(name)}"


@pytest.mark.parametrize(
    ("name", "url", "expected"),
    [
        (
            "tx-commit-visible",
            lambda: driver("loses_a_commit"),
            [SETUP, "w1: BEGIN", "w1: INSERT INTO t VALUES (0, 0)", "w1: COMMIT", READ],
        ),
        ("tx-commit-visible", lambda: driver("reads_what_was"), [SETUP, READ, "w1: INSERT INTO t VALUES (0, 0)", READ]),
        (
            "tx-rollback-invisible",
            lambda: driver("ignores_a_rollback"),
            [SETUP, "w1: BEGIN", "w1: INSERT INTO t VALUES (0, 0)", "w1: ROLLBACK", READ],
        ),
        (
            "savepoint-rollback",
            lambda: driver("ignores_a_rollback_to_a_savepoint"),
            [SETUP, "w1: SAVEPOINT s", "w1: INSERT INTO t VALUES (0, 0)", "w1: ROLLBACK TO s", READ],
        ),
        (
            "statement-atomicity",
            lambda: f"sqlite?driver={install_class('stops_half_way', StopsHalfWay)}",
            [
                SETUP,
                "INSERT INTO t VALUES (1, 1)",
                "w1: INSERT INTO t VALUES (0, 0), (1, 0) => error unique_violation",
                READ,
            ],
        ),
        (
            "pool-checkout-return",
            lambda: "sqlite?pool=tests.backends.planted_pools:lost_hand_off",
            ["checkout: t2 from main", "checkout: t3 from main", "checkout: t1 from main => blocks", "return: t2"],
        ),
        (
            "pool-clean-return",
            lambda: "sqlite?pool=tests.properties.planted:never_resets",
            ["checkout: w1 from main", "w1: BEGIN", "return: w1"],
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_property_shrinks_to_exactly_this(name: str, url: object, expected: list[str]) -> None:
    assert callable(url)
    assert lines(shrunk(find(name).plan(0), url(), holds_on="sqlite").case.plan) == expected


def test_a_lost_retry_keeps_three_tasks_and_one_retry() -> None:
    url = f"sqlite?driver={install_class('forgets_after_busy', ForgetsAfterBusy)}"
    plan = shrunk(find("retry-after-busy").plan(0), url, holds_on="sqlite").case.plan
    assert [(task.name, len(task.steps)) for task in plan.tasks or ()] == [("w1", 2), ("w2", 2), ("w3", 3)]


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
    assert lines(shrunk(plan, "sqlite").case.plan) == [
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
    url = driver("loses_a_commit")
    assert lines(shrunk(plan, url, holds_on="sqlite").case.plan) == [
        "CREATE TABLE t (id INTEGER)",
        "a: BEGIN",
        "a: INSERT INTO t VALUES (0)",
        "a: COMMIT",
        "a: SELECT COUNT(*) FROM t => 1",
    ]
