"""The journal: what was written is read, half a line is not, and one process at a time."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from simdsl.campaign.jobs import InternalFailure
from simdsl.campaign.journal import Journal, JournalError, default_path
from simdsl.campaign.progress import BugSighting, SeedRangeResult
from simdsl.core.verdicts import GeneratorHealth, GeneratorStats
from simdsl.plan.codes import Code
from simdsl.plan.values import Json

WORK: dict[str, Json] = {"profile": {"steps": 3}, "first": 1}


def part(first: int) -> SeedRangeResult:
    one = GeneratorStats(
        name="é", generated=3, assertions=2, failed=1, skipped=(("why", 1),), without_assertions=1, never="so"
    )
    return SeedRangeResult(
        first=first,
        last=first + 2,
        health=GeneratorHealth(floor=0, of=(one,), runs=3, conflicts=1, pool_waits=0),
        bugs=(BugSighting(name="b-1", fingerprint="f", message="\ud800 ü", generator="é", seed=first, count=1),),
        internal_failures=(InternalFailure(generator="é", seed=first, message="no"),),
        micros=12,
    )


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "deep" / "down" / "journal.jsonl")


def test_what_was_added_is_there_again(path: str) -> None:
    with Journal(path, WORK) as journal:
        assert journal.parts == ()
        journal.add([part(1)])
        journal.add([part(4), part(7)])
    with Journal(path, WORK) as journal:
        assert journal.parts == (part(1), part(4), part(7))


@pytest.mark.parametrize("cut", [1, 20, 300])
def test_half_a_line_is_taken_away(path: str, cut: int) -> None:
    with Journal(path, WORK) as journal:
        journal.add([part(1)])
        whole = Path(path).read_bytes()
        journal.add([part(4)])
    torn = Path(path).read_bytes()[: len(whole) + cut]
    Path(path).write_bytes(torn)
    with Journal(path, WORK) as journal:
        assert journal.parts == (part(1),)
        journal.add([part(7)])
    assert Path(path).read_bytes().startswith(whole)
    with Journal(path, WORK) as journal:
        assert journal.parts == (part(1), part(7))


def test_half_a_first_line_is_no_journal_yet(path: str) -> None:
    with Journal(path, WORK):
        whole = Path(path).read_bytes()
    Path(path).write_bytes(whole[:10])
    with Journal(path, WORK) as journal:
        assert journal.parts == ()
    assert Path(path).read_bytes() == whole


def test_fresh_forgets(path: str) -> None:
    with Journal(path, WORK) as journal:
        journal.add([part(1)])
    with Journal(path, WORK, fresh=True) as journal:
        assert journal.parts == ()
        journal.add([part(4)])
    with Journal(path, WORK) as journal:
        assert journal.parts == (part(4),)


def test_one_at_a_time(path: str) -> None:
    with Journal(path, WORK) as journal:
        journal.add([part(1)])
        with pytest.raises(JournalError) as refused:
            Journal(path, WORK, fresh=True)
        assert refused.value.diagnostic.code is Code.K004
    with Journal(path, WORK) as journal:
        assert journal.parts == (part(1),)


@pytest.mark.parametrize(
    "text",
    [
        json.dumps({"record": "campaign", "format": 2, "work": {"other": 1}}),
        json.dumps({"record": "campaign", "format": 99, "work": WORK}),
        json.dumps({"record": "run"}),
        "[1, 2]",
        "no JSON",
        json.dumps({"record": "campaign", "format": 2, "work": WORK}) + "\n{}",
        json.dumps({"record": "campaign", "format": 2, "work": WORK}) + '\n{"first": 1}\n',
        "\xff",
    ],
)
def test_anything_else_is_left_alone(path: str, text: str) -> None:
    Path(path).parent.mkdir(parents=True)
    before = text.encode("latin-1") + b"\n"
    Path(path).write_bytes(before)
    with pytest.raises(JournalError) as refused:
        Journal(path, WORK)
    assert refused.value.diagnostic.code is Code.K005
    assert Path(path).read_bytes() == before


def test_a_place_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(JournalError) as refused:
        Journal(str(tmp_path / "file" / "journal"), WORK)
    assert refused.value.diagnostic.code is Code.U009


def test_each_work_has_a_place_of_its_own() -> None:
    assert default_path(WORK) == default_path(dict(reversed(WORK.items())))
    assert default_path(WORK) != default_path({**WORK, "first": 2})
