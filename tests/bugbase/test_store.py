"""What is stored is whole, whoever else writes and however writers end."""

from __future__ import annotations

import json
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from simdsl.bugbase.entry import BugbaseError, BugState, folder_name
from simdsl.bugbase.store import BugStore
from simdsl.language.load import load_text
from simdsl.plan.codes import Code
from tests.bugbase.founds import LATER, THEN, found, start


@pytest.fixture
def store(tmp_path: Path) -> BugStore:
    return BugStore(tmp_path / "deep" / "bugs")


def test_an_empty_base_makes_nothing(store: BugStore) -> None:
    assert store.entries() == ((), ())
    assert not store.directory.exists()


def test_what_is_read_is_what_was_stored(store: BugStore) -> None:
    bug = replace(found(), config=replace(found().config, profile={"profile": "quick", "weights": {"select": 3}}))
    kept = store.add(bug, THEN)
    entry = store.find(kept.name)
    assert kept.is_new
    assert entry.config == bug.config
    assert entry.record.bug == bug.bug
    assert entry.record.failure == bug.failure
    assert entry.checked().plan == bug.plan
    assert (entry.record.first_seen, entry.record.last_seen, entry.record.count) == (THEN, THEN, 1)
    assert sorted(path.name for path in entry.folder.iterdir()) == [
        "config.json",
        "failure.json",
        "plan.yaml",
        "trace.jsonl",
    ]


def test_a_bug_that_is_met_again_is_counted_and_kept_as_found(store: BugStore) -> None:
    first = found()
    name = store.add(first, THEN).name
    again = store.add(replace(first, plan=replace(first.plan, name="other")), LATER)
    entry = store.find(name)
    assert again == (name, False)
    assert (entry.record.first_seen, entry.record.last_seen, entry.record.count) == (THEN, LATER, 2)
    assert entry.checked().plan == first.plan


def test_a_fixed_bug_that_is_met_again_is_open_and_a_known_one_stays_known(store: BugStore) -> None:
    name = store.add(found(), THEN).name
    store.mark(name, BugState.FIXED, "in 2.1")
    store.add(found(), LATER)
    assert (store.find(name).record.state, store.find(name).record.why) == (BugState.OPEN, None)
    store.mark(name, BugState.KNOWN, "the vendor knows")
    store.add(found(), LATER)
    assert (store.find(name).record.state, store.find(name).record.why) == (BugState.KNOWN, "the vendor knows")


def test_a_shrunk_plan_is_replaced_by_one_that_is_no_larger(store: BugStore) -> None:
    name = store.add(found(), THEN).name
    large, small = (load_text(f"simdsl: 1\nplan: {word}\nsteps:\n  - a: SELECT 1 => 2\n") for word in ("shrunk", "s"))
    for plan in (large, small, large):
        store.add_shrunk(name, plan)
    assert store.find(name).checked(shrunk=True).plan == small
    assert store.find(name).checked().plan == found().plan


def test_removing_takes_the_whole_folder(store: BugStore) -> None:
    name = store.add(found(), THEN).name
    store.remove(name)
    assert [path.name for path in store.directory.iterdir()] == [".lock"]


def test_a_name_may_be_cut_where_only_one_begins_so(store: BugStore) -> None:
    one, two = (store.add(found(f"SELECT 1 => {n}"), THEN).name for n in (2, 3))
    assert store.find(one[:-1]).name == one
    with pytest.raises(BugbaseError) as several:
        store.find("missed")
    with pytest.raises(BugbaseError) as nothing:
        store.find("nothing")
    assert several.value.diagnostic.code is Code.K003
    assert all(name in (several.value.diagnostic.help or "") for name in (one, two))
    assert nothing.value.diagnostic.code is Code.K001


DAMAGE = {
    "no plan": ("plan.yaml", None),
    "no trace": ("trace.jsonl", None),
    "no config": ("config.json", None),
    "cut": ("failure.json", b'{"format": 1, "sta'),
    "not UTF-8": ("failure.json", b"\xff\xfe"),
    "a list": ("config.json", b"[]"),
    "another format": ("config.json", b'{"format": 99}'),
    "a key missing": ("failure.json", b'{"format": 1}'),
    "another type": ("failure.json", b'{"format": 1, "fingerprint": 3, "said": []}'),
    "no list of texts": ("failure.json", b'{"format": 1, "fingerprint": "x", "said": [1]}'),
    "no backends": ("config.json", b'{"format": 1, "backends": []}'),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_damaged_folder_is_told_and_the_others_are_there(store: BugStore, kind: str) -> None:
    sound, other = (store.add(found(f"SELECT 1 => {n}"), THEN).name for n in (2, 3))
    name, content = DAMAGE[kind]
    path = store.directory / other / name
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)
    entries, problems = store.entries()
    assert [entry.name for entry in entries] == [sound]
    assert [(one.code, one.file) for one in problems] == [(Code.K002, str(path))]


@pytest.mark.parametrize("state", ["closed", "", 3, None])
def test_a_state_that_is_none_is_damage(store: BugStore, state: object) -> None:
    path = store.directory / store.add(found(), THEN).name / "failure.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "state": state}))
    assert [one.code for one in store.entries()[1]] == [Code.K002]


def test_stray_files_are_left_alone(store: BugStore) -> None:
    name = store.add(found(), THEN).name
    (store.directory / "README").write_text("hello")
    (store.directory / ".git").mkdir()
    store.add(found(), LATER)
    entries, problems = store.entries()
    assert ([entry.name for entry in entries], problems) == ([name], ())
    assert (store.directory / ".git").is_dir()


def test_a_base_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "bugs").write_text("a file")
    with pytest.raises(BugbaseError) as told:
        BugStore(tmp_path / "bugs").add(found(), THEN)
    assert told.value.diagnostic.code is Code.U009


@pytest.mark.parametrize("place", ["/plan.yaml", "/config.json", "/trace.jsonl", "/failure.json", "os.rename"])
def test_a_writer_killed_while_it_stores_leaves_nothing_that_a_reader_sees(store: BugStore, place: str) -> None:
    assert start(store.directory, 0, 1, kill_at=place).wait() == -signal.SIGKILL
    assert store.entries() == ((), ())
    left = [path.name for path in store.directory.iterdir() if path.name.startswith(".new-")]
    assert left == [f".new-{folder_name(found().bug)}"]
    store.add(found(), LATER)
    assert [entry.record.count for entry in store.entries()[0]] == [1]
    assert sorted(path.name for path in store.directory.iterdir()) == [".lock", folder_name(found().bug)]


@pytest.mark.parametrize("place", ["/.failure.json", "os.rename"])
def test_a_writer_killed_while_it_counts_leaves_the_count_as_it_was(store: BugStore, place: str) -> None:
    name = store.add(found(), LATER).name
    assert start(store.directory, 0, 1, kill_at=place).wait() == -signal.SIGKILL
    assert store.find(name).record.count == 1
    store.add(found(), LATER)
    assert store.find(name).record.count == 2
    assert sorted(path.name for path in store.find(name).folder.iterdir()) == [
        "config.json",
        "failure.json",
        "plan.yaml",
        "trace.jsonl",
    ]


@pytest.mark.slow
def test_two_processes_at_once_lose_no_bug_and_no_count(store: BugStore) -> None:
    writers = [start(store.directory, 0, 50), start(store.directory, 25, 75)]
    while any(writer.poll() is None for writer in writers):
        assert store.entries()[1] == ()  # a reader in between sees whole bugs only
    assert [writer.returncode for writer in writers] == [0, 0]
    entries, problems = store.entries()
    assert problems == ()
    assert len(entries) == 75
    counts = {entry.record.bug: entry.record.count for entry in entries}
    assert sorted(counts.values()) == [1] * 50 + [2] * 25
