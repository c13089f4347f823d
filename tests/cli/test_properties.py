"""Properties on the command line: listed, explained, run, written."""

from __future__ import annotations

import json
import shlex

import pytest

from simdsl.language.load import load_file
from simdsl.language.property_names import built_in
from simdsl.properties.registry import find
from tests.cli.conftest import HOLDS, Shell
from tests.runs.faulty_sqlite import install


@pytest.fixture(autouse=True)
def narrow(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """A screen of 60 columns."""
    monkeypatch.setenv("COLUMNS", "60")


def test_they_are_listed(shell: Shell) -> None:
    said = shell("properties")
    assert said.code == 0
    assert [line.split()[0] for line in said.out.splitlines() if not line.startswith(" ")] == list(built_in())
    assert all(len(line) <= 60 for line in said.out.splitlines())


def test_they_are_listed_as_json(shell: Shell) -> None:
    data = json.loads(shell("properties", "--json").out)
    assert [one["name"] for one in data] == list(built_in())
    by_name = {one["name"]: one for one in data}
    assert by_name["pool-survives-kill"]["needs"] == ["pools", "fault: disconnect"]
    assert by_name["select-select-optimizer"]["aliases"] == ["norec"]
    assert by_name["tx-commit-visible"]["claim"] == find("tx-commit-visible").claim
    assert "Violated when:" in by_name["tx-commit-visible"]["specification"]


def test_the_names_of_papers_select_properties(shell: Shell) -> None:
    papers = ("norec", "tlp", "pqs", "coddtest", "dqe")
    options = [word for name in papers for word in ("--property", name)]
    said = shell("run", *options, "--property", "select-select-optimizer", "--runs", "1", "--seed", "3", "--quiet")
    assert said.code == 0, said.out + said.err
    assert "5 plans: 5 passed" in " ".join(said.out.split())
    assert shell("explain", "tlp").out.startswith("where-true-false-null (tlp): ")
    assert "did you mean `norec`?" in shell("run", "--property", "norecc").err


def test_one_is_explained(shell: Shell) -> None:
    said = shell("explain", "savepoint-rollback")
    assert said.code == 0
    assert said.out.startswith("savepoint-rollback: ROLLBACK TO a savepoint undoes what came after it, and nothing else.\n")
    assert "Needs: pools." in said.out
    assert "did you mean `savepoint-rollback`?" in shell("explain", "savepoint-rolback").err


def test_its_plans_run_without_any_file(shell: Shell) -> None:
    said = shell("run", "--property", "tx-rollback-invisible", "--seed", "42")
    assert said.code == 0, said.out + said.err
    lines = said.out.splitlines()
    assert [line.split(" (")[1] for line in lines if line.startswith("pass ")] == ["seed 42)", "seed 43)", "seed 44)"]
    assert lines[1].startswith("pass property:tx-rollback-invisible (seed 42) (4 runs,")
    assert any(line.startswith("tx-rollback-invisible: 3 generated, ") for line in lines)
    assert all(len(line) <= 60 for line in lines[1:])


def test_all_of_them_run_and_what_is_skipped_says_why(shell: Shell) -> None:
    said = shell("run", "--property", "all", "--runs", "1", "--seed", "7", "--quiet")
    assert said.code == 0, said.out
    summary = " ".join(said.out.split())
    for name in built_in():
        assert f"{name}: 1 generated, " in summary
    assert "0 failed, 1 skipped (sqlite cannot do `fault: disconnect`)" in summary
    assert f"{len(built_in())} plans: {len(built_in()) - 1} passed, 0 failed, 1 skipped, 0 warned" in summary


def test_nothing_judged_is_no_pass(shell: Shell) -> None:
    said = shell("run", "--property", "pool-survives-kill", "--runs", "2")
    assert said.code == 5
    assert "2 skipped" in said.out


def test_what_was_never_met_is_said(shell: Shell) -> None:
    said = shell("run", "--property", "pool-checkout-return", "--runs", "1", "--seed", "1")
    assert said.code == 0
    assert "no lock conflicts occurred; locking was not exercised" in " ".join(said.out.split())


def test_a_violation_is_told_and_its_line_repeats_exactly_that_run(shell: Shell) -> None:
    backend = f"sqlite?driver={install('ignores_a_rollback')}"
    said = shell("run", "--property", "tx-rollback-invisible", "--seed", "42", "--runs", "2", "--backend", backend)
    assert said.code == 1
    assert "property violated: tx-rollback-invisible: " in said.out
    assert "   evidence\n" in said.out
    (line, *_) = [line for line in said.out.splitlines() if line.startswith("reproduce: ")]
    words = shlex.split(line.removeprefix("reproduce: simdsl "))
    assert words[:5] == ["run", "--property", "tx-rollback-invisible", "--runs", "1"]
    again = shell(*words)
    assert again.code == 1
    proof = said.out.split("   evidence\n")[1].split("   help: ")[0]
    assert again.out.split("   evidence\n")[1].split("   help: ")[0] == proof
    assert "1 plan: 0 passed, 1 failed" in again.out


@pytest.mark.parametrize("file", ["plan.yaml", "plan.json"])
def test_its_plan_is_written_and_runs_by_itself(shell: Shell, file: str) -> None:
    assert shell("generate", "--property", "statement-atomicity", "--seed", "5", "-o", file).code == 0
    assert load_file(file) == find("statement-atomicity").plan(5)
    assert shell("check", file).code == 0
    said = shell("run", file)
    assert said.code == 0
    assert f"pass {file} (4 runs," in said.out


def test_without_a_file_it_is_written_as_yaml(shell: Shell) -> None:
    said = shell("generate", "--property", "tx-commit-visible", "--seed", "1")
    assert said.out.startswith("simdsl: 1\nplan: tx-commit-visible\n")
    assert said.out == shell("generate", "--property", "tx-commit-visible", "--seed", "1").out
    assert shell("run", "-", stdin=said.out).code == 0


def test_a_file_that_cannot_be_written_is_said(shell: Shell) -> None:
    said = shell("generate", "--property", "tx-commit-visible", "-o", "no/such/place.yaml")
    assert said.code == 2
    assert "error[U009]: cannot be written" in said.err


def test_an_unknown_one_is_refused(shell: Shell) -> None:
    for command in ("run", "generate"):
        said = shell(command, "--property", "tx-comit-visible")
        assert said.code == 2
        assert "error[N012]: there is no property `tx-comit-visible`" in said.err
        assert "did you mean `tx-commit-visible`?" in said.err


@pytest.mark.parametrize(
    "arguments",
    [
        ["plan.yaml", "--property", "all"],
        ["--property", "all", "--accept"],
        ["plan.yaml", "--min-assertions", "3"],
    ],
)
def test_what_does_not_go_together_is_refused(shell: Shell, arguments: list[str]) -> None:
    shell.write("plan.yaml", HOLDS)
    said = shell("run", *arguments)
    assert said.code == 2
    assert "error[U008]" in said.err


def test_it_works_with_the_other_ways_to_run(shell: Shell) -> None:
    call = ("run", "--property", "tx-commit-visible", "--property", "retry-after-busy", "--runs", "1", "--seed", "2")
    for more in (["--doublecheck"], ["--differential", "libsql"], ["--unroll", "unrolled.yaml"], ["--trace", "t.jsonl"]):
        said = shell(*call, *more)
        assert said.code == 0, said.out + said.err
    assert shell("run", "unrolled.yaml").code == 0
    assert shell(*call, "-k", "retry", "--list").out == "property:retry-after-busy (seed 2)  retry-after-busy [property]\n"


def test_as_json_the_summary_stands_on_standard_error(shell: Shell) -> None:
    said = shell("run", "--property", "tx-commit-visible", "--runs", "1", "--seed", "2", "--json")
    events = [json.loads(line) for line in said.out.splitlines()]
    assert events[-1]["event"] == "call_ended"
    assert events[-2]["file"] == "property:tx-commit-visible (seed 2)"
    assert "tx-commit-visible: 1 generated" in said.err
