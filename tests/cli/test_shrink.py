"""``simdsl shrink``, and shrinking what a run found."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from simdsl.language.load import load_text
from tests.bugbase.founds import ROOT
from tests.cli.conftest import Shell

WRONG = """
simdsl: 1
plan: wrong
setup:
  - CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER)
  - INSERT INTO t VALUES (1, 10), (2, 20) => 2 affected
steps:
  - a: SELECT count(*) FROM t => 2
  - a: UPDATE t SET v = 11 WHERE id = 1 => 1 affected
  - b: SELECT 1 => 1
  - a: SELECT v FROM t WHERE id = 1 => 12
  - b: SELECT 2 => 2
"""


def test_the_smallest_plan_goes_to_standard_output_and_the_rest_to_standard_error(shell: Shell) -> None:
    shell.write("wrong.yaml", WRONG)
    said = shell("shrink", "wrong.yaml")
    assert said.code == 0
    assert [step.task for step in load_text(said.out).steps or () if hasattr(step, "task")] == ["a", "a"]
    assert "wrong.yaml: " in said.err
    assert "got 11" in said.err
    assert "shrinking 7 -> 4 steps (" in said.err


def test_a_file_is_written_and_fails_alike(shell: Shell) -> None:
    shell.write("wrong.yaml", WRONG)
    for name in ("small.yaml", "small.json"):
        assert shell("shrink", "wrong.yaml", "-o", name).out == ""
        again = shell("run", name)
        assert again.code == 1
        assert "got       11" in again.out


def test_a_plan_that_holds_has_nothing_to_shrink(shell: Shell) -> None:
    shell.write("right.yaml", WRONG.replace("=> 12", "=> 11"))
    said = shell("shrink", "right.yaml")
    assert (said.code, said.out) == (5, "")
    assert "does not fail" in said.err


def test_it_stops_after_so_many_tries_or_so_much_time(shell: Shell) -> None:
    shell.write("wrong.yaml", WRONG)
    few = shell("shrink", "wrong.yaml", "--max-rounds", "2")
    assert few.code == 0
    assert "(2 tries, " in few.err
    assert "stopped early" in few.err
    assert load_text(few.out).name == "wrong"
    none = shell("shrink", "wrong.yaml", "--for", "0ms")
    assert "(0 tries, " in none.err


def test_a_difference_of_two_backends_shrinks_too(shell: Shell) -> None:
    shell.write("differs.yaml", WRONG.replace("SELECT v FROM t WHERE id = 1 => 12", "SELECT sqlite_version()"))
    said = shell("shrink", "differs.yaml", "--differential", "sqlite?driver=apsw")
    assert said.code == 0
    assert load_text(said.out).steps == load_text("simdsl: 1\nplan: x\nsteps:\n  - a: SELECT sqlite_version()\n").steps


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["nowhere.yaml"], 2, "F001"),
        (["."], 2, "names 2 plans"),
        (["wrong.yaml", "--for", "soon"], 2, "U008"),
        (["wrong.yaml", "-o", "nowhere/x.yaml"], 2, "U009"),
        (["wrong.yaml", "--backend", "oracle"], 3, "B001"),
        (["wrong.yaml", "--holds-on", "oracle"], 3, "B001"),
        (["wrong.yaml", "--doublecheck", "--isolated"], 2, "U008"),
        (["wrong.yaml", "--doublecheck", "--differential", "sqlite"], 2, "U008"),
        (["wrong.yaml", "--holds-on", "sqlite"], 1, "fails on the reference backend as well"),
    ],
)
def test_what_cannot_be_done_is_said(shell: Shell, arguments: list[str], code: int, says: str) -> None:
    shell.write("wrong.yaml", WRONG)
    shell.write("other.yaml", WRONG)
    said = shell("shrink", *arguments)
    assert said.code == code
    assert says in said.err


def test_a_run_shows_the_smallest_plan_of_what_failed_and_keeps_both(shell: Shell) -> None:
    shell.write("wrong.yaml", WRONG)
    said = shell("run", "wrong.yaml", "--shrink-on-failure", "--bugbase-dir", "bugs")
    assert said.code == 1
    assert "shrinking 7 -> 4 steps (" in said.err
    assert "  - a: SELECT v FROM t => 12" in said.out.splitlines()
    assert "stored as bugs/missed_expectation" in said.out
    again = shell("bugs", "replay", "--bugbase-dir", "bugs", "--shrunk")
    assert again.code == 1
    assert again.out.startswith("FAILED  missed_expectation")


def test_a_run_shrinks_no_longer_than_it_may(shell: Shell) -> None:
    shell.write("wrong.yaml", WRONG)
    assert "(1 try, " in shell("run", "wrong.yaml", "--shrink-on-failure", "--shrink-max-rounds", "1").err
    assert "(0 tries, " in shell("run", "wrong.yaml", "--shrink-on-failure", "--shrink-for", "0ms").err
    for option, value in (("--shrink-max-rounds", "1"), ("--shrink-for", "1s")):
        alone = shell("run", "wrong.yaml", option, value)
        assert alone.code == 2
        assert "has no effect without --shrink-on-failure" in alone.err
    assert shell("run", "wrong.yaml", "--shrink-on-failure", "--shrink-for", "soon").code == 2


CRASHES = """
simdsl: 1
plan: crashes
setup:
  - CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER)
  - INSERT INTO t VALUES (1, 10), (2, 20) => 2 affected
tasks:
  a:
    - BEGIN
    - UPDATE t SET v = 11 WHERE id = 1 => 1 affected
    - SELECT v, 'abort' FROM t WHERE id = 1
    - COMMIT
  b:
    - SELECT 1 => 1
    - SELECT 2 => 2
schedule: {seed: 3, runs: 4}
"""
DEADLY = "python:tests.workers.crashing:make"
SMALLEST_CRASH = ["  - a: SELECT 'abort'"]


def steps(text: str) -> list[str]:
    """The lines of a plan that are steps."""
    return [line for line in text.splitlines() if line.startswith("  - ")]


def simdsl(shell: Shell, *arguments: str, hash_seed: str = "random") -> subprocess.CompletedProcess[str]:
    """In a process of its own, which a crash would end."""
    return subprocess.run(
        [sys.executable, "-m", "simdsl", *arguments],
        cwd=shell.home,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_plan_that_ends_its_process_shrinks(shell: Shell) -> None:
    shell.write("crashes.yaml", CRASHES)
    assert simdsl(shell, "run", "crashes.yaml", "--backend", DEADLY).returncode == -6, "it is a real one"
    said = simdsl(shell, "shrink", "crashes.yaml", "--backend", DEADLY)
    assert said.returncode == 0
    assert "the process that ran the plan ended by SIGABRT, during this statement" in said.stderr
    assert "shrinking 8 -> 1 steps (" in said.stderr
    assert steps(said.stdout) == SMALLEST_CRASH


def test_an_isolated_run_tells_a_crash_and_goes_on_and_its_bug_stays_found(shell: Shell) -> None:
    shell.write("a.yaml", CRASHES)
    shell.write("b.yaml", WRONG.replace("=> 12", "=> 11"))
    bugs = ("--bugbase-dir", "bugs")
    said = shell("run", ".", "--isolated", "--backend", DEADLY, "--shrink-on-failure", *bugs)
    assert said.code == 1
    assert "crash: the process that ran the plan ended by SIGABRT" in said.out
    assert "a.yaml:11:7" in said.out
    assert "2 plans: 1 passed, 1 failed" in said.out
    assert set(SMALLEST_CRASH) <= set(said.out.splitlines())
    (bug,) = json.loads(shell("bugs", "list", "--json", *bugs).out)
    assert bug["fingerprint"] == "crash/SIGABRT/query"
    for more in ((), ("--shrunk",)):
        failed = shell("bugs", "replay", *bugs, *more)
        assert (failed.code, failed.out.split()[0]) == (1, "FAILED")
        fixed = shell("bugs", "replay", "--backend", "sqlite", *bugs, *more)
        assert (fixed.code, fixed.out.split()[0]) == (0, "FIXED")


def test_whatever_fails_can_be_shrunk_in_another_process(shell: Shell) -> None:
    shell.write("wrong.yaml", WRONG)
    said = shell("shrink", "wrong.yaml", "--seed", "1", "--isolated")
    assert (said.code, said.out) == (0, shell("shrink", "wrong.yaml", "--seed", "1").out)


SELDOM = """
simdsl: 1
plan: seldom
setup:
  - CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER)
  - INSERT INTO t VALUES (1, 10) => 1 affected
steps:
  - a: SELECT 1 => 1
  - a: SELECT v FROM t WHERE id = 1 => 10
  - b: SELECT 2 => 2
"""


def test_what_fails_every_third_time_shrinks_and_says_so(shell: Shell) -> None:
    shell.write("seldom.yaml", SELDOM)
    said = shell("shrink", "seldom.yaml", "--backend", "python:tests.runs.unstable_backends:every?n=3")
    assert said.code == 0
    assert "flaky: fails 3 of 10 times; running each candidate up to 9 times" in said.err
    assert said.err.splitlines()[-1].startswith("shrinking 5 -> 3 steps (")
    assert "; fails 3 of 10 times" in said.err or "; fails 4 of 10 times" in said.err
    assert steps(said.out)[-1] == "  - a: SELECT v FROM t => 10"


def test_what_does_not_come_back_is_not_shrunk(shell: Shell) -> None:
    shell.write("seldom.yaml", SELDOM)
    said = shell("shrink", "seldom.yaml", "--repeats", "4", "--backend", "python:tests.runs.unstable_backends:every?n=9")
    assert (said.code, said.out) == (5, "")
    said = shell("run", "seldom.yaml", "--shrink-on-failure", "--backend", "python:tests.runs.unstable_backends:every?n=1")
    assert "it fails" not in said.err, "it always fails"


def test_other_bugs_that_are_met_are_kept_too(shell: Shell) -> None:
    shell.write(
        "two.yaml",
        """
        simdsl: 1
        plan: two
        setup:
          - CREATE TABLE t (id INTEGER)
          - INSERT INTO t VALUES (1), (2), (3)
        steps:
          - a: SELECT 1
          - a: SELECT id FROM t
        """,
    )
    backends = ("--seed", "1", "--backend", "sqlite", "--differential", "python:tests.runs.unstable_backends:two_faults")
    alone = shell("shrink", "two.yaml", *backends)
    assert alone.code == 0
    assert "1 other bug was found; `--bugbase-dir` stores such bugs: backends_differ/rows/SELECT/types" in alone.err
    kept = shell("shrink", "two.yaml", *backends, "--bugbase-dir", "bugs")
    assert (kept.code, kept.out) == (0, alone.out)
    assert "1 other bug was found: bugs" in kept.err
    found = json.loads(shell("bugs", "list", "--json", "--bugbase-dir", "bugs").out)
    assert {one["fingerprint"]: one["shrunk_plan"] is not None for one in found} == {
        "backends_differ/rows/SELECT/fewer": True,
        "backends_differ/rows/SELECT/types": False,
    }
    replayed = json.loads(shell("bugs", "replay", "--json", "--bugbase-dir", "bugs").out)
    assert [one["answer"] for one in replayed] == ["FAILED", "FAILED"]
    run = shell("run", "two.yaml", *backends, "--shrink-on-failure", "--bugbase-dir", "others")
    assert "1 other bug was found: others" in run.out


def test_what_fails_for_want_of_what_was_cut_is_no_bug(shell: Shell) -> None:
    shell.write("wrong.yaml", WRONG)
    assert "other bug" not in shell("shrink", "wrong.yaml", "--bugbase-dir", "bugs").err
    (bug,) = json.loads(shell("bugs", "list", "--json", "--bugbase-dir", "bugs").out)
    assert bug["fingerprint"].startswith("missed_expectation/")


@pytest.mark.slow
def test_runs_that_differ_shrink_where_all_processes_have_one_seed_for_hashes(shell: Shell) -> None:
    shell.write("a.yaml", SELDOM.replace("=> 10\n", "=> 1 row\n"))
    arguments = ("--doublecheck", "--max-rounds", "1", "--backend", "python:tests.runs.unstable_backends:hashed")
    said = simdsl(shell, "shrink", "a.yaml", *arguments, hash_seed="1")
    assert said.returncode == 0
    assert "shrinking 5 -> 4 steps (1 try, " in said.stderr


def test_runs_that_differ_shrink(shell: Shell) -> None:
    shell.write("a.yaml", SELDOM.replace("=> 10\n", "=> 1 row\n"))
    backend = ("--backend", "python:tests.runs.unstable_backends:hashed")
    said = simdsl(shell, "shrink", "a.yaml", *backend, "--doublecheck")
    assert said.returncode == 0
    assert "differs in the second process" in said.stderr
    assert steps(said.stdout)[-1] == "  - a: SELECT v FROM t"
    assert len(steps(said.stdout)) == 2


@pytest.mark.slow
def test_a_doublechecked_run_shrinks_what_differs(shell: Shell) -> None:
    shell.write("a.yaml", SELDOM.replace("=> 10\n", "=> 1 row\n"))
    arguments = ("--doublecheck", "--shrink-on-failure", "--bugbase-dir", "bugs")
    said = simdsl(shell, "run", "a.yaml", *arguments, "--backend", "python:tests.runs.unstable_backends:hashed")
    assert said.returncode == 1
    assert "runs differ: line" in said.stdout
    assert "  - a: SELECT v FROM t" in said.stdout.splitlines()
    (bug,) = json.loads(shell("bugs", "list", "--json", "--bugbase-dir", "bugs").out)
    assert bug["fingerprint"] == "runs_differ/step SELECT-step SELECT"
    assert simdsl(shell, "bugs", "replay", "--shrunk", "--bugbase-dir", "bugs").stdout.startswith("FAILED")
