"""Transactions that want the same: every way in which they meet is drawn, and comes to what the plan says."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any

import pytest

from simdsl.core.trace import StepCompleted
from simdsl.core.verdicts import FailureKind, Verdict
from simdsl.generation.plans import generate
from simdsl.plan.expectations import Blocks, Count, ExpectedError
from simdsl.plan.outcomes import ErrorClass, Failed
from simdsl.plan.plan import Plan
from simdsl.plan.sql import TransactionAction
from simdsl.plan.steps import SqlStep
from simdsl.profiles.load import load_profile
from simdsl.verbs.await_ import Await
from tests.plans.bundled import problem
from tests.running import run_loaded
from tests.runs.faulty_sqlite import Faithful, install_class

BUSIEST = (
    "contention_rate=1",
    "max_in_flight_tx=8",
    "weights.tx=60",
    "weights.update=60",
    "pool.size=6",
    "tasks=6",
    "weights.ddl=0",
    "ddl_rate=0",
    "error_rate=0",
)
"""Where many want to write at once."""
SEEDS = range(6)

LOCKED = ("postgres", "mssql")


def busiest(seed: int) -> Plan:
    return generate(load_profile("write-heavy", BUSIEST), seed)


def only(plan: Plan) -> Iterator[SqlStep | Await]:
    """The steps for engines with locks of rows."""
    for step in plan.steps or ():
        if isinstance(step, SqlStep | Await) and step.options.only == LOCKED:
            yield step


def refused(plan: Plan) -> Iterator[SqlStep]:
    """The steps for the others."""
    for step in plan.steps or ():
        if isinstance(step, SqlStep) and step.options.skip == LOCKED:
            yield step


def test_every_meeting_is_drawn() -> None:
    plans = [busiest(seed) for seed in SEEDS]
    met = {said for plan in plans for step in only(plan) for said in (step.expect or (None,))[:1]}
    kinds = {said.error_class if isinstance(said, ExpectedError) else type(said) for said in met}
    assert kinds == {Blocks, Count, ErrorClass.SERIALIZATION_FAILURE, ErrorClass.UNIQUE_VIOLATION}
    classes = {
        said.error_class
        for plan in plans
        for step in refused(plan)
        for said in step.expect or ()
        if isinstance(said, ExpectedError)
    }
    assert classes == {ErrorClass.BUSY, ErrorClass.SNAPSHOT_CONFLICT}


def test_both_say_the_same() -> None:
    for seed in SEEDS:
        plan = busiest(seed)
        second = [step.sql for step in only(plan) if isinstance(step, SqlStep)]
        assert second == [step.sql for step in refused(plan)]
        assert len(second) > 5


def test_a_transaction_that_came_second_is_rolled_back_before_anything_else() -> None:
    count = 0
    for seed in SEEDS:
        open_, second = set[str](), set[str]()
        for step in busiest(seed).steps or ():
            if not isinstance(step, SqlStep):
                continue
            said = step.sql.transaction
            if step.task in second and step.options.only != LOCKED:
                assert said is not None
                assert said.action is TransactionAction.ROLLBACK
                second.remove(step.task)
                count += 1
            if said is not None and said.action is TransactionAction.BEGIN:
                open_.add(step.task)
            elif said is not None and said.action in (TransactionAction.COMMIT, TransactionAction.ROLLBACK):
                open_.remove(step.task)
            elif step.options.skip == LOCKED and step.task in open_:
                second.add(step.task)
        assert not second
    assert count > 20


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("backend", ["sqlite", "libsql", "turso", "postgres"])
def test_it_comes_as_the_plan_says(backend: str, seed: int) -> None:
    if (missing := problem(backend)) is not None:
        pytest.skip(missing)
    ran = run_loaded(busiest(seed), backend)
    assert ran.ended.verdict is Verdict.PASS, ran.ended.failed
    outcomes = [event.outcome for event in ran.events(StepCompleted)]
    classes = {outcome.error_class for outcome in outcomes if isinstance(outcome, Failed)}
    if backend == "postgres":
        assert ErrorClass.SERIALIZATION_FAILURE in classes
    else:
        assert ErrorClass.BUSY in classes


class SwallowsARefusal(Faithful):
    """A statement that is refused reports success."""

    def execute(self, sql: str, parameters: Any = ()) -> Any:
        try:
            return super().execute(sql, parameters)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                raise
            return self


class ForgetsItsSnapshot(Faithful):
    """A transaction that is too late to write begins again, unasked."""

    def execute(self, sql: str, parameters: Any = ()) -> Any:
        try:
            return super().execute(sql, parameters)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY_SNAPSHOT:
                raise
            for text in ("ROLLBACK", "BEGIN"):
                super().execute(text)
            return super().execute(sql, parameters)


@pytest.mark.parametrize("fault", [SwallowsARefusal, ForgetsItsSnapshot])
def test_an_engine_that_lets_the_second_write_is_found(fault: type[Faithful]) -> None:
    faulty = f"sqlite?driver={install_class(fault.__name__, fault)}"
    failed = [run_loaded(busiest(seed), faulty).ended.failed for seed in SEEDS]
    assert {one.failure.kind for one in failed if one is not None and one.failure is not None} == {FailureKind.EXPECTATION}
