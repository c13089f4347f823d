"""A soak from its first unit to its page: what is finished stays so, and what is wrong is told."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from bench.soak import source
from bench.soak.__main__ import main
from bench.soak.campaign import Campaign, Request, Stopped
from bench.soak.parts import Kind, Part
from bench.soak.pool import Workers
from bench.soak.records import Record, append, line, parsed, read

PART = Part(name="p", what="a part", kind=Kind.PLAN, backends=("sqlite",), subjects=("quick",), seeds=30, chunk=10)
COUNTS = {
    "plans": 10,
    "steps": 100,
    "assertions": 50,
    "checks": 40,
    "failed": 0,
    "without_assertions": 0,
    "skipped": {},
    "warned": {},
    "alarms": [],
}
ANSWER = json.dumps({"counts": COUNTS, "seconds": 1.0})
WORKS = f"import sys\nfor line in sys.stdin: print('{ANSWER}', flush=True)"
DIES = "import sys; input(); sys.exit(3)"
REFUSES = 'import sys\nfor line in sys.stdin: print(\'{"error": "no backend"}\', flush=True)'


def soak(
    directory: Path,
    script: str = WORKS,
    parts: Sequence[Part] = (PART,),
    *,
    seeds: int | None = None,
    any_source: bool = False,
    digest: Callable[[], str] = lambda: "sources",
) -> tuple[Campaign, list[Record]]:
    """One call: what it was, and what it recorded."""
    told: list[Record] = []
    request = Request(parts=tuple(parts), results=directory, last=seeds, any_source=any_source)
    campaign = Campaign(request=request, tell=told.append, digest=digest)
    campaign.prepare()
    workers = Workers(2, limit=60, command=(sys.executable, "-c", script))
    try:
        campaign.run(workers)
    finally:
        workers.close()
    return campaign, told


def test_every_unit_is_recorded_once(tmp_path: Path) -> None:
    campaign, told = soak(tmp_path)
    assert campaign.is_complete
    assert (campaign.finished, campaign.total) == (3, 3)
    assert sorted(str(record.unit) for record in told) == ["p quick 1..10", "p quick 11..20", "p quick 21..30"]
    assert sorted(read(tmp_path, "p"), key=str) == sorted((parsed(line(record)) for record in told), key=str)


def test_what_is_finished_is_not_repeated(tmp_path: Path) -> None:
    soak(tmp_path, seeds=10)
    _, told = soak(tmp_path)
    assert sorted(str(record.unit) for record in told) == ["p quick 11..20", "p quick 21..30"]
    campaign, told = soak(tmp_path)
    assert (campaign.is_complete, campaign.finished, told) == (True, 3, [])


@pytest.mark.parametrize("change", [{"source": "another"}, {"versions": {"simdsl": "0"}}])
def test_what_other_sources_measured_is_measured_again(tmp_path: Path, change: dict[str, object]) -> None:
    _, told = soak(tmp_path, seeds=10)
    append(tmp_path, replace(told[0], **change))  # type: ignore[arg-type]
    assert soak(tmp_path, seeds=10, any_source=True)[1] == []
    assert len(soak(tmp_path, seeds=10)[1]) == 1
    assert len(read(tmp_path, "p")) == 1


def test_a_target_ends_a_part(tmp_path: Path) -> None:
    endless = replace(PART, target=200, chunk=5)
    _, told = soak(tmp_path, parts=[endless])
    assert 5 <= len(told) <= 6  # one was under way
    assert soak(tmp_path, parts=[endless])[1] == []


def test_a_worker_that_dies_is_an_alarm_with_a_plan(tmp_path: Path) -> None:
    _, told = soak(tmp_path, DIES, seeds=10)
    (record,) = told
    assert record.crashed == "exit code 3"
    (alarm,) = record.counts.alarms
    assert (alarm.seed, alarm.fingerprint, record.counts.failed) == (1, "crash", 1)
    assert alarm.plan is not None
    assert alarm.plan.startswith("simdsl: 1\nplan: quick-1\n")


def test_a_unit_that_is_refused_ends_the_soak_and_is_no_result(tmp_path: Path) -> None:
    campaign, told = soak(tmp_path, REFUSES)
    assert told == []
    assert min(campaign.refused) == "p quick 1..10: no backend"
    assert len(campaign.refused) == 2  # nobody was given the third
    assert not campaign.is_complete


def test_sources_that_change_end_the_soak(tmp_path: Path) -> None:
    digests = iter(["one", *["other"] * 9])
    with pytest.raises(Stopped, match="the sources changed"):
        soak(tmp_path, digest=lambda: next(digests))
    assert read(tmp_path, "p") == []


def test_who_ends_it_keeps_what_is_under_way(tmp_path: Path) -> None:
    told: list[Record] = []
    campaign = Campaign(request=Request(parts=(PART,), results=tmp_path), tell=told.append)
    campaign.prepare()
    workers = Workers(2, limit=60, command=(sys.executable, "-c", WORKS))

    def tell(record: Record) -> None:
        told.append(record)
        campaign.is_over = True

    campaign.tell = tell
    try:
        campaign.run(workers)
    finally:
        workers.close()
    assert len(told) == 2  # both had begun, and the third never did
    assert not campaign.is_complete


def test_the_digest_is_of_the_sources() -> None:
    assert source.digest() == source.digest()
    assert len(source.digest()) == 12


@pytest.mark.parametrize(
    "arguments",
    [
        ["--part", "plans"],
        ["--seeds", "5"],
        ["--seeds", "0..5"],
        ["--seeds", "5..1"],
        ["--jobs", "0"],
        ["--time", "soon"],
        ["--time", ""],
    ],
)
def test_a_wrong_call_is_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "error: argument" in capsys.readouterr().err


def test_results_that_are_none_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "expressions.jsonl").write_text("nothing\n")
    assert main(["--part", "expressions", "--results", str(tmp_path)]) == 2
    assert "expressions.jsonl:1 is no record" in capsys.readouterr().err


def test_a_call_measures_and_another_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call = ["--part", "expressions", "--seeds", "1..1", "--jobs", "1", "--results", str(tmp_path)]
    assert main(call) == 0
    assert "0 of 1 units were finished before\n1/1 units, " in capsys.readouterr().err
    assert main(call) == 0
    assert "1 of 1 units were finished before\n" in capsys.readouterr().err
    assert main([*call, "--time", "0s", "--fresh"]) == 3
    assert main(["--list", *call]) == 0
    assert "expressions: " in capsys.readouterr().out
