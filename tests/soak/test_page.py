"""The page is what the results say."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from bench.soak import explained, records
from bench.soak.explained import Explanation, explanation
from bench.soak.page import PAGE, page
from bench.soak.parts import PARTS, Unit
from bench.soak.records import Alarm, Counts, Record, append
from bench.soak.source import ROOT

ALARM = Alarm(seed=7, fingerprint="missed_expectation/SELECT", message="got 3 | not 4", plan="simdsl: 1\n")
RECORD = Record(
    unit=Unit(part="plans-turso", subject="quick", first=1, last=50),
    counts=Counts(plans=50, steps=2_000, assertions=1_500, failed=1, skipped={"no pools": 2}, alarms=(ALARM,)),
    versions={"simdsl": "9", "turso": "Turso 1"},
    source="abc",
    date="2000-01-01",
    seconds=90.0,
)
KNOWN = Explanation(
    fingerprint=ALARM.fingerprint, backend="turso", contains="got 3", what="Turso cannot count", plan="plans/first.yaml"
)


def test_the_page_in_the_tree_is_what_the_results_in_the_tree_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run `python -m bench.soak --write`"


def test_results_in_the_tree_are_of_parts_that_there_are() -> None:
    assert {path.stem for path in records.RESULTS.glob("*.jsonl")} <= set(PARTS)


def test_plans_that_explain_alarms_are_there() -> None:
    for one in explained.load():
        assert one.plan is None or (ROOT / one.plan).is_file(), one


def test_nothing_measured_is_said(tmp_path: Path) -> None:
    assert "Nothing has been measured yet." in page(tmp_path)


def test_an_alarm_that_nobody_examined_is_said(tmp_path: Path) -> None:
    append(tmp_path, RECORD)
    text = page(tmp_path, ())
    assert "| [plans-turso](#plans-turso) | 50 | 50 | 1,500 | 0 | 2 | 1 | 1 | 2 |" in text
    assert "| `missed_expectation/SELECT` | 1 | quick, seed 7 | got 3 \\| not 4 | **not examined** |" in text
    assert "- 2: no pools" in text
    assert "Not finished: plans-turso." in text
    assert "Not measured: properties-sqlite, " in text


def test_an_alarm_that_somebody_examined_is_told_with_its_plan(tmp_path: Path) -> None:
    append(tmp_path, RECORD)
    text = page(tmp_path, (KNOWN,))
    assert "| Turso cannot count ([plan](../../plans/first.yaml)) |" in text
    assert "not examined**" not in text
    assert "| 50 | 50 | 1,500 | 0 | 2 | 1 | 0 | 2 |" in text


def test_an_explanation_is_of_one_backend_and_one_message() -> None:
    part = PARTS["plans-turso"]
    assert explanation(ALARM, part, "quick", (KNOWN,)) is KNOWN
    assert explanation(ALARM, PARTS["plans-sqlite"], "quick", (KNOWN,)) is None
    assert explanation(replace(ALARM, message="got 5"), part, "quick", (KNOWN,)) is None
    assert explanation(replace(ALARM, fingerprint="crash"), part, "quick", (KNOWN,)) is None
    one = replace(KNOWN, subject="stress")
    assert explanation(ALARM, part, "quick", (one,)) is None
    assert explanation(ALARM, part, "stress", (one,)) is one


def test_versions_that_differ_are_all_told(tmp_path: Path) -> None:
    append(tmp_path, RECORD)
    other = replace(RECORD, unit=replace(RECORD.unit, first=51, last=100), source="def", date="2000-01-03")
    append(tmp_path, other)
    text = page(tmp_path, ())
    assert "Measured 2000-01-01 to 2000-01-03." in text
    assert "- simdsl 9, Turso 1; sources abc\n- simdsl 9, Turso 1; sources def" in text
