"""``simdsl run --generate``, properties sized by a profile, and the health of such a run."""

from __future__ import annotations

import json
import shlex

import pytest

from simdsl.cli.generate import find_profile
from simdsl.language.load import load_text
from simdsl.properties.property import PlanSize
from simdsl.properties.registry import find
from tests.cli.conftest import HOLDS, Shell
from tests.runs.faulty_sqlite import install


def test_the_plans_of_a_profile_run_one_for_each_seed(shell: Shell) -> None:
    said = shell("run", "--generate", "--seed", "42")
    assert said.code == 0, said.out + said.err
    passed = [line.partition(" (")[2].partition(")")[0] for line in said.out.splitlines() if line.startswith("pass ")]
    assert passed == ["seed 42", "seed 43", "seed 44"]
    assert "pass generated:quick (seed 42) (" in said.out
    assert "quick: 3 generated, " in said.out


def test_a_fresh_seed_is_said_and_gives_the_same_again(shell: Shell) -> None:
    once = shell("run", "--generate", "--runs", "1")
    seed = once.out.split("seed ")[1].split(",")[0]
    assert f"generated:quick (seed {seed})" in once.out
    assert shell("run", "--generate", "--runs", "1", "--seed", seed).out == once.out


def test_the_seed_of_a_profile_counts_less_than_the_option(shell: Shell) -> None:
    shell.write("mine.yaml", "simdsl: 1\nprofile: mine\ndoc: Mine.\nextends: quick\nseed: 5\n")
    call = ("run", "--generate", "--profile", "./mine.yaml", "--runs", "1")
    assert shell(*call).out.startswith("seed 5, ")
    assert "generated:mine (seed 6)" in shell(*call, "--seed", "6").out


def test_it_runs_what_generate_writes(shell: Shell) -> None:
    options = ("--profile", "write-heavy", "--seed", "7", "--steps", "40", "--set", "tasks=2")
    written = load_text(shell("generate", *options).out)
    dumped = shell("run", "--generate", *options, "--runs", "1", "--unroll", "ran.yaml")
    assert dumped.code == 0, dumped.out + dumped.err
    ran = load_text((shell.home / "ran.yaml").read_text())
    assert ran.setup == written.setup
    assert len(ran.steps or ()) == len(written.steps or ())


@pytest.mark.parametrize("more", [["--doublecheck"], ["--differential", "libsql"], ["--trace", "t.jsonl"]])
def test_it_works_with_the_other_ways_to_run(shell: Shell, more: list[str]) -> None:
    said = shell("run", "--generate", "--steps", "20", "--runs", "1", "--seed", "2", *more)
    assert said.code == 0, said.out + said.err


def test_the_line_of_a_failure_repeats_exactly_that_plan(shell: Shell) -> None:
    backend = f"sqlite?driver={install('ignores_a_rollback')}"
    call = ("run", "--generate", "--profile", "write-heavy", "--set", "weights.tx=40", "--runs", "3", "--seed", "1")
    said = shell(*call, "--backend", backend, "-x")
    assert said.code == 1
    (line,) = [line for line in said.out.splitlines() if line.startswith("reproduce: ")]
    words = shlex.split(line.removeprefix("reproduce: simdsl "))
    assert words[:8] == ["run", "--generate", "--profile", "write-heavy", "--set", "weights.tx=40", "--runs", "1"]
    again = shell(*words)
    assert again.code == 1
    assert line in again.out


@pytest.mark.parametrize("more", [("--profile", "write-heavy"), ("--steps", "150"), ("--generate",)])
def test_a_property_is_sized_by_the_profile(shell: Shell, more: tuple[str, ...]) -> None:
    call = ("run", "--property", "tx-commit-visible", "--runs", "1", "--seed", "3", *more)
    said = shell(*call, "--dump-plan-on-failure", "no.yaml", "--trace", "t.jsonl")
    assert said.code == 0, said.out + said.err
    name = "write-heavy" if "write-heavy" in more else "quick"
    profile = find_profile(name, ("steps=150",) if "--steps" in more else ()).profile
    plan = find("tx-commit-visible").plan(3, PlanSize.of(profile))
    header = json.loads((shell.home / "t.jsonl").read_text().partition("\n")[0])
    assert header["file"] == "property:tx-commit-visible (seed 3)"
    written = shell("generate", "--property", "tx-commit-visible", "--seed", "3", *(more if more[0] != "--generate" else ()))
    assert load_text(written.out) == (plan if more[0] != "--generate" else find("tx-commit-visible").plan(3))


def test_a_floor_that_is_missed_is_no_success(shell: Shell) -> None:
    said = shell("run", "--property", "tx-commit-visible", "--runs", "1", "--seed", "2", "--min-judged", "100000")
    assert said.code == 5
    assert "1 passed, 0 failed" in said.out
    assert "too few assertions: tx-commit-visible" in said.out
    assert "the floor is 100,000" in " ".join(said.out.split())


def test_what_was_skipped_everywhere_misses_no_floor(shell: Shell) -> None:
    call = ("run", "--property", "pool-survives-kill", "--property", "tx-commit-visible", "--runs", "1", "--seed", "2")
    assert shell(*call).code == 0
    assert shell(*call[:3], "--runs", "1").code == 5


def test_the_end_of_json_has_the_counts(shell: Shell) -> None:
    call = ("run", "--property", "pool-survives-kill", "--property", "tx-commit-visible", "--runs", "2", "--seed", "2")
    said = shell(*call, "--json", "--min-judged", "100000")
    health = json.loads(said.out.splitlines()[-1])["health"]
    assert said.code == 5
    killed, visible = health["of"]
    assert killed == {
        "name": "pool-survives-kill",
        "generated": 2,
        "assertions": 0,
        "failed": 0,
        "skipped": {"sqlite cannot do `fault: disconnect`": 2},
        "without_assertions": 0,
        "never": None,
        "below_floor": False,
    }
    assert visible["assertions"] > 0
    assert visible["below_floor"] is True
    assert health["floor"] == 100_000
    assert health["conflicts"] > 0


def test_the_end_of_json_of_files_has_none(shell: Shell) -> None:
    shell.write("plan.yaml", HOLDS)
    assert "health" not in json.loads(shell("run", "plan.yaml", "--json").out.splitlines()[-1])


@pytest.mark.parametrize(
    "arguments",
    [
        ["plan.yaml", "--generate"],
        ["--generate", "--accept"],
        ["plan.yaml", "--profile", "quick"],
        ["plan.yaml", "--steps", "3"],
        ["plan.yaml", "--min-judged", "3"],
    ],
)
def test_what_does_not_go_together_is_refused(shell: Shell, arguments: list[str]) -> None:
    shell.write("plan.yaml", HOLDS)
    said = shell("run", *arguments)
    assert said.code == 2
    assert "error[U008]" in said.err


def test_mistakes_in_a_profile_are_told_all_at_once(shell: Shell) -> None:
    said = shell("run", "--generate", "--profile", "quik", "--set", "stps=3")
    assert said.code == 2
    assert "did you mean `quick`?" in said.err
    assert "error[P002]: a profile has no knob `stps`" in said.err
