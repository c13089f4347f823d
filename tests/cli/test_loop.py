"""``simdsl run PATHS --runs N``: the same call with several seeds."""

from __future__ import annotations

import json
import re

import pytest

from tests.cli.conftest import HOLDS, SILENT, Shell

LOST = """\
simdsl: 1
plan: lost-update
setup:
  - CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER)
  - INSERT INTO t VALUES (1, 0) => 1 affected
tasks:
  a:
    - SELECT v FROM t => ?seen
    - UPDATE t SET v = $seen + 1 => 1 affected
  b:
    - SELECT v FROM t => ?seen
    - UPDATE t SET v = $seen + 1 => 1 affected
schedule: {runs: 1}
finally:
  - SELECT v FROM t => 2
"""
SAID = re.compile(r"^run (\d+) of (\d+), seed (\d+)$", re.MULTILINE)


def test_each_time_has_another_seed_which_is_said_and_used(shell: Shell) -> None:
    shell.write("a.yaml", HOLDS)
    said = shell("run", "a.yaml", "--runs", "3")
    assert said.code == 0, said.out + said.err
    found = SAID.findall(said.out)
    assert [(number, of) for number, of, _ in found] == [("1", "3"), ("2", "3"), ("3", "3")]
    seeds = [seed for _, _, seed in found]
    assert len(set(seeds)) == 3
    assert re.findall(r"^seed (\d+), backend", said.out, re.MULTILINE) == seeds
    assert said.out.endswith("ran 3 of 3 times: 0 failed\n")


def test_a_seed_makes_the_loop_the_same_again(shell: Shell) -> None:
    call = ("run", "--generate", "--runs", "1", "--loop", "2", "--seed", "7")
    once, again = shell(*call), shell(*call)
    assert once.out == again.out
    assert len(set(re.findall(r"generated:quick \(seed (\d+)\)", once.out))) == 2


def test_what_fails_is_told_with_its_seeds_and_fails_with_them(shell: Shell) -> None:
    shell.write("a.yaml", LOST)
    said = shell("run", "a.yaml", "--runs", "12", "--seed", "1")
    assert said.code == 1
    last = said.out.splitlines()[-1]
    match = re.fullmatch(r"ran 12 of 12 times: (\d+) failed; seed (.*)", last)
    assert match is not None, last
    seeds = match[2].split(", ")
    assert 0 < len(seeds) == int(match[1]) < 12
    for _, _, seed in SAID.findall(said.out):
        assert shell("run", "a.yaml", "--seed", seed).code == (1 if seed in seeds else 0)


def test_x_ends_it_with_the_first_failure(shell: Shell) -> None:
    shell.write("a.yaml", LOST)
    said = shell("run", "a.yaml", "--loop", "100", "--seed", "1", "-x")
    assert said.code == 1
    times = len(SAID.findall(said.out))
    assert times < 100
    assert said.out.splitlines()[-1].startswith(f"ran {times} of 100 times: 1 failed; seed ")


def test_what_judges_nothing_is_not_green(shell: Shell) -> None:
    shell.write("a.yaml", SILENT)
    said = shell("run", "a.yaml", "--loop", "2")
    assert said.code == 5
    assert said.out.endswith("ran 2 of 2 times: 0 failed, 2 checked nothing or too little\n")


def test_events_are_alone_on_standard_output(shell: Shell) -> None:
    shell.write("a.yaml", HOLDS)
    said = shell("run", "a.yaml", "--loop", "2", "--json")
    events = [json.loads(line) for line in said.out.splitlines()]
    assert [event["event"] for event in events].count("call_ended") == 2
    assert len(SAID.findall(said.err)) == 2


@pytest.mark.parametrize("option", [("--list",), ("--accept",), ("--trace", "t"), ("--html", "t"), ("--junit", "t")])
def test_what_every_turn_would_write_anew_is_refused(shell: Shell, option: tuple[str, ...]) -> None:
    shell.write("a.yaml", HOLDS)
    for name in ("--runs", "--loop"):
        said = shell("run", "a.yaml", name, "2", *option)
        assert said.code == 2
        assert f"{name} and" in said.err
        assert "cannot be combined" in said.err


def test_a_bad_plan_ends_it_at_once(shell: Shell) -> None:
    said = shell("run", "none.yaml", "--loop", "2")
    assert said.code == 2
    assert "times" not in said.out
