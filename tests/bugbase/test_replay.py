"""FIXED, FAILED, ERROR: each for its own reason."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from simdsl.backends.registry import resolve
from simdsl.bugbase.entry import BugEntry, BugReplay, BugState, ReplayVerdict, replay_bug
from simdsl.bugbase.store import BugStore
from simdsl.runs.context import RunOptions
from simdsl.runs.single import run_plan
from tests.bugbase.founds import THEN, found
from tests.runs.faulty_sqlite import install

FAULTY = f"sqlite?driver={install('drops_a_row')}"
ROWS = """\
simdsl: 1
plan: rows
setup:
  - CREATE TABLE t (id INTEGER)
  - INSERT INTO t VALUES (1), (2)
{body}"""
STEPS = ROWS.format(body="steps:\n  - a: SELECT id FROM t ORDER BY id => (1), (2)\n")
# What fails is not the last step, so a run that goes on leaves the recorded schedule.
TASKS = ROWS.format(
    body="""\
tasks:
  a:
    - SELECT id FROM t ORDER BY id => (1), (2)
    - SELECT 1 => 1
  b:
    - SELECT 2 => 2
    - SELECT 3 => 3
schedule: {seed: 3, runs: 4}
"""
)


def kept(directory: Path, text: str, url: str = FAULTY) -> BugEntry:
    """A bug that was found on a backend and stored."""
    store = BugStore(directory)
    return store.find(store.add(found(text, url=url), THEN).name)


def again(entry: BugEntry, url: str) -> BugReplay:
    """It, run again."""
    return replay_bug(entry, partial(run_plan, file="x", backend=resolve(url), options=RunOptions(seed=1)))


@pytest.mark.parametrize("text", [STEPS, TASKS], ids=["steps", "tasks"])
def test_it_fails_where_the_fault_is_and_is_fixed_where_it_is_not(tmp_path: Path, text: str) -> None:
    entry = kept(tmp_path, text)
    assert again(entry, FAULTY).answer is ReplayVerdict.FAILED
    said = again(entry, "sqlite")
    assert (said.answer, said.reason, said.other) == (ReplayVerdict.FIXED, None, None)


def test_another_failure_is_an_error_and_a_failure(tmp_path: Path) -> None:
    said = again(kept(tmp_path, STEPS), f"sqlite?driver={install('duplicates_a_row')}")
    assert said.answer is ReplayVerdict.ERROR
    assert said.is_failure
    assert said.other is not None
    assert "it fails in another way" in (said.reason or "")


def test_a_plan_for_another_backend_is_an_error_and_no_failure(tmp_path: Path) -> None:
    entry = kept(tmp_path, STEPS.replace("plan: rows", "plan: rows\nbackends: [sqlite]"))
    said = again(entry, "libsql")
    assert said.answer is ReplayVerdict.ERROR
    assert not said.is_failure
    assert not said.is_expected
    assert "it did not run: it is meant for sqlite" in (said.reason or "")


def test_a_plan_that_judges_nothing_is_not_fixed(tmp_path: Path) -> None:
    entry = kept(tmp_path, STEPS)
    path = entry.plan_file()
    path.write_text(re.sub(r" ORDER BY id(?s:.*?)(?=\nseed)", "", path.read_text()))
    assert "=>" not in path.read_text()
    said = again(entry, "sqlite")
    assert (said.answer, said.reason) == (ReplayVerdict.ERROR, "nothing fails, and what failed was not checked")


@pytest.mark.parametrize(
    ("change", "says"),
    [(lambda text: text[:20], "the plan cannot be used: "), (lambda text: "", "the plan cannot be used: ")],
)
def test_a_plan_that_is_no_plan_is_an_error(tmp_path: Path, change: object, says: str) -> None:
    entry = kept(tmp_path, STEPS)
    assert callable(change)
    entry.plan_file().write_text(change(entry.plan_file().read_text()))
    said = again(entry, "sqlite")
    assert said.answer is ReplayVerdict.ERROR
    assert (said.reason or "").startswith(says)


def test_a_property_that_is_no_longer_there_is_an_error_with_its_name(tmp_path: Path) -> None:
    entry = kept(tmp_path, STEPS)
    path = entry.plan_file()
    path.write_text(path.read_text().replace("setup:", "properties: [mine-and-gone]\nsetup:"))
    said = again(entry, FAULTY)
    assert said.answer is ReplayVerdict.ERROR
    assert "mine-and-gone" in (said.reason or "")


@pytest.mark.parametrize(
    ("state", "answer", "is_expected", "is_failure"),
    [
        (BugState.OPEN, ReplayVerdict.FAILED, False, True),
        (BugState.OPEN, ReplayVerdict.FIXED, True, False),
        (BugState.KNOWN, ReplayVerdict.FAILED, True, False),
        (BugState.KNOWN, ReplayVerdict.ERROR, False, False),
        (BugState.FIXED, ReplayVerdict.FAILED, False, True),
        (BugState.FIXED, ReplayVerdict.FIXED, True, False),
    ],
)
def test_what_is_expected_of_each_state(
    tmp_path: Path, state: BugState, answer: ReplayVerdict, is_expected: bool, is_failure: bool
) -> None:
    entry = kept(tmp_path, STEPS)
    one = BugReplay(entry=replace(entry, record=replace(entry.record, state=state)), answer=answer)
    assert (one.is_expected, one.is_failure) == (is_expected, is_failure)
