"""Results on the disk."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bench.soak.parts import Unit
from bench.soak.records import Alarm, Counts, Record, append, line, parsed, read, rewrite

UNIT = Unit(part="plain", subject="quick", first=1, last=10)
RECORD = Record(
    unit=UNIT,
    counts=Counts(
        plans=10,
        steps=500,
        assertions=300,
        failed=1,
        skipped={"no pools": 2},
        warned={"it raced": 1},
        alarms=(Alarm(seed=3, fingerprint="missed_expectation/SELECT", message="got é\n2", plan="simdsl: 1\n"),),
    ),
    versions={"simdsl": "1"},
    source="abc",
    date="2000-01-01",
    seconds=1.5,
)


def test_a_record_is_what_its_line_says() -> None:
    assert parsed(line(RECORD)) == RECORD
    assert "\n" not in line(RECORD)


def test_records_are_added_and_read(tmp_path: Path) -> None:
    second = replace(RECORD, unit=replace(UNIT, first=11, last=20))
    append(tmp_path / "new", RECORD)
    append(tmp_path / "new", second)
    assert read(tmp_path / "new", "plain") == [RECORD, second]
    assert read(tmp_path / "new", "other") == []


def test_the_last_record_of_a_unit_counts(tmp_path: Path) -> None:
    append(tmp_path, RECORD)
    append(tmp_path, replace(RECORD, source="def"))
    assert [record.source for record in read(tmp_path, "plain")] == ["def"]


def test_a_line_that_was_cut_off_is_no_record_and_does_not_spoil_the_next(tmp_path: Path) -> None:
    append(tmp_path, RECORD)
    with (tmp_path / "plain.jsonl").open("a", encoding="utf-8") as out:
        out.write(line(replace(RECORD, source="é" * 9))[:-20])
    assert read(tmp_path, "plain") == [RECORD]
    again = replace(RECORD, source="def")
    append(tmp_path, again)
    assert read(tmp_path, "plain") == [again]


@pytest.mark.parametrize("text", ["", "{}", "[]", "no JSON", '{"unit": {}, "counts": {"alarms": []}}'])
def test_what_is_no_record_is_told_with_its_place(tmp_path: Path, text: str) -> None:
    append(tmp_path, RECORD)
    with (tmp_path / "plain.jsonl").open("a", encoding="utf-8") as out:
        out.write(f"{text}\n")
    with pytest.raises(ValueError, match=r"plain\.jsonl:2 is no record: "):
        read(tmp_path, "plain")


def test_discarded_results_are_gone(tmp_path: Path) -> None:
    append(tmp_path, RECORD)
    rewrite(tmp_path, "plain", ())
    assert read(tmp_path, "plain") == []
