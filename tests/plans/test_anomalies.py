"""What the explorations of all interleavings are there to show: the anomaly does happen, or the cure is really needed."""

from __future__ import annotations

import pytest

from simdsl.core.trace import StepCompleted
from simdsl.plan.outcomes import ErrorClass, Failed, Rows
from simdsl.plan.values import Value
from tests.plans.bundled import problem, ran


@pytest.mark.parametrize(
    ("name", "ends"),
    [
        # In some orders one deposit is lost, or the other one, and in some none.
        ("schedule/lost-update-at-read-committed", {105, 110, 115}),
        ("schedule/torn-report", {80, 100}),
        ("schedule/no-update-is-lost", {115}),
        ("schedule/doctors-on-call", {1}),
    ],
)
def test_what_the_interleavings_end_in(name: str, ends: set[int]) -> None:
    assert _ends(name) == ends


@pytest.mark.parametrize("name", ["schedule/no-update-is-lost", "schedule/doctors-on-call"])
def test_serializable_refuses_in_some_orders_and_not_in_others(name: str) -> None:
    assert {bool(count) for count in _refusals(name, "postgres")} == {True, False}


@pytest.mark.parametrize("name", ["schedule/lost-update-at-read-committed", "schedule/torn-report"])
def test_read_committed_never_says_a_word(name: str) -> None:
    assert set(_refusals(name, "postgres")) == {0}


def _ends(name: str) -> set[Value]:
    """The only cell that ``finally`` reads, over all runs."""
    ends = set[Value]()
    for report in ran(_on(name), "postgres").reports:
        for event in report.trace:
            if isinstance(event, StepCompleted) and event.path[0] == "finally":
                assert isinstance(event.outcome, Rows)
                ((end,),) = event.outcome.rows
                ends.add(end)
    return ends


def _refusals(name: str, backend: str) -> list[int]:
    """For each run, how many of its steps were refused by the engine's isolation."""
    refusals = []
    for report in ran(_on(name), backend).reports:
        outcomes = [event.outcome for event in report.trace if isinstance(event, StepCompleted)]
        classes = [outcome.error_class for outcome in outcomes if isinstance(outcome, Failed)]
        assert set(classes) <= {ErrorClass.SERIALIZATION_FAILURE}
        refusals.append(len(classes))
    return refusals


def _on(name: str) -> str:
    if (missing := problem("postgres")) is not None:
        pytest.skip(missing)
    return name
