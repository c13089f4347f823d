"""``simdsl shrink``."""

from __future__ import annotations

import pytest

from simdsl.language.load import load_text
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
    assert "wrong.yaml: row 1, column 1 is 11" in said.err or "wrong.yaml: got 11" in said.err
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
    assert "stopped before it was done" in few.err
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
        (["wrong.yaml", "--holds-on", "sqlite"], 1, "fails on the backend where it should hold, too"),
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
        assert "nothing says that anything is shrunk" in alone.err
    assert shell("run", "wrong.yaml", "--shrink-on-failure", "--doublecheck").code == 2
    assert shell("run", "wrong.yaml", "--shrink-on-failure", "--shrink-for", "soon").code == 2
