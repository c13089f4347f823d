"""One unit, done here."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bench.soak.parts import PARTS, Part, Unit
from bench.soak.records import Counts
from bench.soak.work import do, versions, written
from simdsl.backends.protocol import BackendUnavailable
from simdsl.language.load import load_text
from tests.running import run_loaded

BROKEN = replace(PARTS["properties-sqlite"], backends=("python:tests.soak.broken:make",))


def done(part: Part, subject: str, last: int = 3) -> Counts:
    return do(Unit(part=part.name, subject=subject, first=1, last=last), part)


def test_a_property_is_counted() -> None:
    counts = done(PARTS["properties-sqlite"], "tx-commit-visible")
    assert (counts.plans, counts.failed, counts.without_assertions, counts.alarms) == (3, 0, 0, ())
    assert counts.assertions > counts.checks > 3


def test_the_same_seeds_come_to_the_same() -> None:
    part = PARTS["plans-sqlite"]
    assert done(part, "quick") == done(part, "quick") != done(part, "stress")


def test_an_alarm_keeps_the_plan_that_failed() -> None:
    counts = done(BROKEN, "tx-rollback-invisible")
    assert counts.failed == len(counts.alarms) >= 2
    first, *others = counts.alarms
    assert first.plan is not None
    assert all(alarm.plan is None for alarm in others if alarm.fingerprint == first.fingerprint)
    ran = run_loaded(load_text(first.plan), BROKEN.backends[0])
    assert ran.failure.fingerprint == first.fingerprint
    assert run_loaded(load_text(first.plan)).ended.failed is None


def test_what_is_skipped_is_told_by_its_reason() -> None:
    counts = done(PARTS["properties-sqlite"], "pool-survives-kill")
    assert counts.skipped == {"sqlite cannot do `fault: disconnect`": 3}
    assert (counts.assertions, counts.without_assertions, counts.failed) == (0, 0, 0)


def test_two_backends_are_compared() -> None:
    counts = done(PARTS["differential-apsw"], "quick")
    assert counts.failed == 0
    assert counts.assertions > done(PARTS["plans-sqlite"], "quick").assertions


def test_what_differs_is_an_alarm() -> None:
    part = replace(PARTS["differential-apsw"], backends=("sqlite", "python:tests.soak.broken:make"))
    counts = done(part, "write-heavy", last=5)
    assert any(alarm.fingerprint.startswith("backends_differ/") for alarm in counts.alarms)


def test_what_is_raised_is_an_alarm_with_its_plan() -> None:
    part = replace(PARTS["plans-sqlite"], backends=("python:tests.backends.failing:broken",))
    counts = done(part, "quick")
    assert [alarm.fingerprint for alarm in counts.alarms] == ["raised/RuntimeError"] * 3
    assert counts.alarms[0].message.startswith("RuntimeError: no more (line ")
    assert counts.alarms[0].plan == written(part, "quick", 1)


def test_expressions_are_compared() -> None:
    heard: list[int] = []
    part = replace(PARTS["expressions"], backends=("sqlite",))
    counts = do(Unit(part=part.name, subject="all types", first=1, last=1), part, heard.append)
    assert (counts.plans, counts.assertions, counts.failed, heard) == (1_000, 6_000, 0, [1])


def test_a_backend_that_is_not_there_is_no_result() -> None:
    with pytest.raises(BackendUnavailable):
        done(replace(PARTS["plans-sqlite"], backends=("nowhere",)), "quick")


def test_versions_are_those_of_the_engines() -> None:
    assert list(versions(PARTS["differential-apsw"])) == ["sqlite", "sqlite?driver=apsw"]
