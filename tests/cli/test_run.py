"""``simdsl run``: what is selected, what is said, what the exit code is."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

from simdsl.report.json_lines import read_trace
from tests.cli.conftest import BAD, FAILS, HOLDS, SILENT, TASKS, Shell


def test_a_plan_that_holds_exits_with_0_and_says_its_counts(shell: Shell) -> None:
    result = shell("run", shell.write("a.yaml", HOLDS))
    assert result.code == 0
    assert re.match(r"seed \d+, backend sqlite \(SQLite ", result.out)
    assert "pass a.yaml (3 assertions)" in result.out
    assert result.out.endswith("1 plan: 1 passed, 0 failed, 0 skipped, 0 warned; 1 run, 3 assertions\n")
    assert result.err == ""


def test_a_failure_exits_with_1_and_tells_its_story(shell: Shell) -> None:
    result = shell("run", shell.write("a.yaml", FAILS), "--seed", "7")
    assert result.code == 1
    assert result.out.splitlines()[0].startswith("seed 7, ")
    story = result.out[result.out.index("expectation failed") :]
    assert story.startswith("expectation failed: column 2: expected 11, got 10\n  --> a.yaml:11:31\n")
    assert "11 |   - b: SELECT id, v FROM t => (1, 11)\n   |                               ^^^^^^^\n" in story
    assert "   expected  (1, 11)\n   got       (1, 10)\n                 ^^\n" in story
    assert "   2 a INSERT INTO t VALUES (1, 10)  1 affected\n" in story
    assert "\nreproduce: simdsl run a.yaml --backend sqlite --seed 7\n" in story


def test_the_line_that_reproduces_a_failure_reproduces_it(shell: Shell) -> None:
    name = shell.write("with blank/a plan.yaml", TASKS)
    first = shell("run", name, "-v")
    assert first.code == 1
    line = next(line for line in first.out.splitlines() if line.startswith("reproduce: "))
    assert line.startswith("reproduce: simdsl run 'with blank/a plan.yaml' --backend sqlite --seed ")
    assert " --schedule 1-2-1" in line or " --schedule 1-1-2" in line
    again = shell(*shlex.split(line)[2:], "-v")
    assert again.code == 1
    digest = re.search(r"fail run \d+, (\S+), digest (\w+)", first.out)
    repeated = re.search(r"fail run \d+, (\S+), digest (\w+)", again.out)
    assert digest is not None
    assert repeated is not None
    assert digest.groups() == repeated.groups()


def test_params_are_part_of_the_line_that_reproduces(shell: Shell) -> None:
    text = "simdsl: 1\nplan: p\nparams:\n  - {n: 1}\n  - {n: 2}\nsteps:\n  - a: SELECT $n => 1\n"
    result = shell("run", shell.write("p.yaml", text))
    assert "params n = 2" in result.out
    assert " --params 2\n" in result.out
    assert shell("run", "p.yaml", "--params", "1").code == 0
    assert shell("run", "p.yaml", "--params", "2").code == 1
    assert shell("run", "p.yaml", "--params", "3").code == 2


def test_every_mistake_of_every_file_is_told_and_nothing_runs(shell: Shell) -> None:
    shell.write("good.yaml", HOLDS)
    shell.write("bad.yaml", BAD)
    result = shell("run", "good.yaml", "bad.yaml", "missing.yaml")
    assert result.code == 2
    assert result.out == ""
    assert "error[G201]" in result.err
    assert "bad.yaml:4:" in result.err
    assert "error[F001]" in result.err


def test_no_path_is_an_error_with_help(shell: Shell) -> None:
    result = shell("run")
    assert result.code == 2
    assert "error[U001]" in result.err
    assert "help: name a plan" in result.err


def test_directories_are_searched_in_order_for_what_looks_like_a_plan(shell: Shell) -> None:
    shell.write("plans/b.yml", HOLDS)
    shell.write("plans/a/c.yaml", HOLDS)
    shell.write("plans/d.json", json.dumps({"simdsl": 1, "plan": "j", "steps": [{"a": "SELECT 1 => 1"}]}))
    shell.write("plans/other.yaml", "services:\n  simdsl: 1\n")
    shell.write("plans/other.json", '{"nested": {"simdsl": 1}}')
    shell.write("plans/notes.txt", HOLDS)
    shell.write("plans/.hidden/e.yaml", HOLDS)
    result = shell("run", "plans", "--list")
    assert result.code == 0
    assert [line.split()[0] for line in result.out.splitlines()] == ["plans/a/c.yaml", "plans/b.yml", "plans/d.json"]


def test_a_broken_plan_in_a_directory_is_not_overlooked(shell: Shell) -> None:
    shell.write("plans/a.yaml", "simdls: 1\nplan: typo\nsteps:\n  - a: SELECT 1 => 1\n")
    result = shell("run", "plans")
    assert result.code == 2
    assert "simdls" in result.err


def test_patterns(shell: Shell) -> None:
    shell.write("x/a.yaml", HOLDS)
    shell.write("x/y/b.yaml", HOLDS)
    assert len(shell("run", "x/*.yaml", "--list").out.splitlines()) == 1
    assert len(shell("run", "x/**/*.yaml", "--list").out.splitlines()) == 2
    nothing = shell("run", "x/*.json")
    assert nothing.code == 2
    assert "error[U002]" in nothing.err


def test_a_file_named_twice_runs_once(shell: Shell) -> None:
    shell.write("x/a.yaml", HOLDS)
    assert "1 plan:" in shell("run", "x", "x/a.yaml", "./x/a.yaml").out


def test_a_directory_that_cannot_be_read(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    shell.write("locked/a.yaml", HOLDS)

    def refuse(path: str) -> None:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr("os.scandir", refuse)
    result = shell("run", "locked")
    assert result.code == 2
    assert "error[F002]: cannot be read: Permission denied\n --> locked" in result.err


def test_an_empty_directory_selects_nothing(shell: Shell) -> None:
    (shell.home / "empty").mkdir()
    result = shell("run", "empty")
    assert result.code == 5
    assert result.err == "no plans selected\n"


@pytest.mark.parametrize(
    ("options", "names"),
    [
        (["-k", "hold"], ["a.yaml"]),
        (["-k", "HOLDS or fails"], ["a.yaml", "b.yaml"]),
        (["-k", "not (hold or silent)"], ["b.yaml"]),
        (["-k", "yaml and not b.yaml"], ["a.yaml"]),
        (["-k", "a.yaml holds"], ["a.yaml"]),
        (["--tag", "quick"], ["a.yaml"]),
        (["--tag", "quick and slow"], []),
        (["--tag", "quick", "--tag", "slow"], ["a.yaml", "b.yaml"]),
        (["--tag", "quic"], []),
    ],
)
def test_selecting(shell: Shell, options: list[str], names: list[str]) -> None:
    shell.write("a.yaml", HOLDS)
    shell.write("b.yaml", FAILS)
    result = shell("run", ".", "--list", *options)
    assert [line.split()[0].removeprefix("./") for line in result.out.splitlines()] == names
    assert result.code == (0 if names else 5)


@pytest.mark.parametrize("expression", ["", "(a", "a and", "or b", "a )", "not"])
def test_a_selection_that_cannot_be_read(shell: Shell, expression: str) -> None:
    result = shell("run", shell.write("a.yaml", HOLDS), "-k", expression)
    assert result.code == 2
    assert "error[U004]" in result.err


def test_the_list_names_plans_and_tags_and_runs_nothing(shell: Shell) -> None:
    result = shell("run", shell.write("a.yaml", FAILS), "--list")
    assert (result.code, result.out) == (0, "a.yaml  fails [slow]\n")


@pytest.mark.parametrize(("options", "failed"), [([], 3), (["-x"], 1), (["--maxfail", "2"], 2)])
def test_stopping_early(shell: Shell, options: list[str], failed: int) -> None:
    for name in ("a.yaml", "b.yaml", "c.yaml"):
        shell.write(name, FAILS)
    result = shell("run", "a.yaml", "b.yaml", "c.yaml", *options)
    assert result.code == 1
    assert f"0 passed, {failed} failed" in result.out


def test_a_line_runs_up_to_its_step(shell: Shell) -> None:
    shell.write("a.yaml", FAILS)
    result = shell("run", "a.yaml:9")
    assert result.code == 0
    assert "2 assertions" in result.out
    assert "reproduce: simdsl run a.yaml:11 " in shell("run", "a.yaml:11").out


@pytest.mark.parametrize("place", ["a.yaml:99", "a.yaml:5", "t.yaml:7"])
def test_a_line_without_a_step_to_stop_at(shell: Shell, place: str) -> None:
    shell.write("a.yaml", HOLDS)
    shell.write("t.yaml", TASKS)
    result = shell("run", place)
    assert result.code == 2
    assert "error[U003]" in result.err
    assert place in result.err


def test_the_seed_of_the_call_is_stronger_than_the_plans(shell: Shell) -> None:
    text = TASKS.replace("schedule: all", "schedule: {seed: 5, runs: 3}\nseed: 6").replace("=> 1\n", "=> 0 or 1\n")
    text = text.replace("=> 0 affected", "=> 0 affected or 1 affected")
    shell.write("t.yaml", text)

    def events(*options: str) -> list[dict[str, object]]:
        return [json.loads(line) for line in shell("run", "t.yaml", "--json", *options).out.splitlines()]

    assert events()[1]["seed"] == 5
    assert events("--seed", "9")[1]["seed"] == 9
    assert events("--seed", "9") == events("--seed", "9")
    runs = [event["choices"] for event in events("--seed", "9") if event["event"] == "run_ended"]
    assert len(runs) == 3


def test_another_schedule(shell: Shell) -> None:
    shell.write("t.yaml", TASKS)
    assert shell("run", "t.yaml", "--schedule", "2-1-1").code == 0
    assert shell("run", "t.yaml", "--schedule", "b a a").code == 0
    assert shell("run", "t.yaml", "--schedule", "1-2-1").code == 1
    assert shell("run", "t.yaml", "--schedule", "all").code == 1


@pytest.mark.parametrize("schedule", ["1-3-1", "a c", "1--2", "{"])
def test_a_schedule_that_does_not_fit(shell: Shell, schedule: str) -> None:
    result = shell("run", shell.write("t.yaml", TASKS), "--schedule", schedule)
    assert result.code == 2
    assert "error[U005]" in result.err


def test_a_schedule_for_steps(shell: Shell) -> None:
    result = shell("run", shell.write("a.yaml", HOLDS), "--schedule", "1-1")
    assert result.code == 2
    assert "error[U005]" in result.err


def test_a_plan_for_other_backends_is_skipped_and_says_why(shell: Shell) -> None:
    shell.write("a.yaml", HOLDS.replace("tags:", "backends: [postgres]\ntags:"))
    shell.write("b.yaml", HOLDS)
    result = shell("run", "a.yaml", "b.yaml")
    assert result.code == 0
    assert "skip a.yaml (it is meant for postgres)" in result.out
    alone = shell("run", "a.yaml")
    assert alone.code == 5
    assert "no assertion was evaluated" in alone.out


def test_a_call_that_judged_nothing_exits_with_5(shell: Shell) -> None:
    result = shell("run", shell.write("a.yaml", SILENT))
    assert result.code == 5
    assert "warn a.yaml (0 assertions)" in result.out


def test_an_unknown_backend_exits_with_3(shell: Shell) -> None:
    shell.write("a.yaml", HOLDS)
    result = shell("run", "a.yaml", "--backend", "sqlight")
    assert result.code == 3
    assert "error[B001]" in result.err
    assert "did you mean `sqlite`?" in result.err


def test_a_backend_whose_module_does_not_import_exits_with_3(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    shell.write("a.yaml", HOLDS)
    shell.write("broken_backend_module.py", "raise RuntimeError('half made')\n")
    monkeypatch.syspath_prepend(str(shell.home))
    for module in ("no_such_module_anywhere", "broken_backend_module"):
        result = shell("run", "a.yaml", "--backend", f"python:{module}:make")
        assert result.code == 3
        assert "error[B002]" in result.err
        assert "Traceback" not in result.err


def test_the_backend_may_come_from_the_environment(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIMDSL_BACKEND", "sqlight")
    assert shell("run", shell.write("a.yaml", HOLDS)).code == 3


def test_quiet_says_only_the_seed_the_failures_and_the_counts(shell: Shell) -> None:
    shell.write("a.yaml", HOLDS)
    shell.write("b.yaml", FAILS)
    result = shell("run", "a.yaml", "b.yaml", "-q")
    assert "pass a.yaml" not in result.out
    assert "fail b.yaml" in result.out
    assert "reproduce:" in result.out


def test_verbose_says_a_line_a_run_and_twice_verbose_its_steps(shell: Shell) -> None:
    shell.write("t.yaml", TASKS.replace("=> 1\n", "=> 0 or 1\n").replace("=> 0 affected", "=> ok"))
    once = shell("run", "t.yaml", "-v")
    assert once.code == 0
    runs = re.findall(r"^  pass run (\d), (1-1-2|1-2-1|2-1-1), digest [0-9a-f]{16}, 3 assertions$", once.out, re.MULTILINE)
    assert len(runs) == 3
    assert "DELETE FROM t" not in once.out
    assert shell("run", "t.yaml", "-vv").out.count("DELETE FROM t") == 3


def test_json_is_all_that_is_on_standard_output(shell: Shell) -> None:
    shell.write("b.yaml", FAILS)
    result = shell("run", "b.yaml", "--json", "--seed", "3")
    assert result.code == 1
    events = [json.loads(line) for line in result.out.splitlines()]
    assert [event["event"] for event in events] == [
        "call_started",
        "plan_started",
        "run_ended",
        "plan_ended",
        "call_ended",
    ]
    assert events[0]["seed"] == 3
    assert events[2]["failure"]["kind"] == "missed_expectation"
    assert events[2]["failure"]["path"] == ["steps", 4]
    assert events[3]["reproduce"] == "simdsl run b.yaml --backend sqlite --seed 3"
    assert events[4]["failed"] == 1
    assert events[4]["interrupted"] is False


@pytest.mark.parametrize("options", [["-q", "-v"], ["--json", "-v"], ["--accept", "--dump-plan-on-failure", "x.yaml"]])
def test_options_that_contradict_each_other(shell: Shell, options: list[str]) -> None:
    result = shell("run", shell.write("a.yaml", HOLDS), *options)
    assert result.code == 2
    assert "error[U008]" in result.err


def test_an_unknown_option_exits_with_2(shell: Shell) -> None:
    result = shell("run", "--sed", "1")
    assert result.code == 2
    assert "--seed" in result.err
    assert "Traceback" not in result.err


def test_a_trace_holds_every_run(shell: Shell) -> None:
    shell.write("t.yaml", TASKS.replace("=> 1\n", "=> 0 or 1\n").replace("=> 0 affected", "=> ok"))
    result = shell("run", "t.yaml", "--trace", "t.jsonl", "--seed", "1")
    assert result.code == 0
    with open(shell.home / "t.jsonl", "rb") as file:
        runs = list(read_trace(file))
    assert [run.header["choices"] for run in runs] == [[1, 1, 2], [1, 2, 1], [2, 1, 1]]
    assert all(run.verdict == "pass" for run in runs)
    assert runs[0].header["description"]["engine"] == "SQLite"


def test_a_trace_that_cannot_be_written_is_refused_before_anything_runs(shell: Shell) -> None:
    result = shell("run", shell.write("a.yaml", HOLDS), "--trace", "no/such/t.jsonl")
    assert result.code == 2
    assert "error[U009]" in result.err
    assert result.out == ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("plans", [("a.yaml",), ("--generate", "--runs", "5")])
def test_a_trace_that_fills_the_disk_is_said(shell: Shell, plans: tuple[str, ...]) -> None:
    shell.write("a.yaml", HOLDS)
    result = shell("run", *plans, "--trace", "/dev/full")
    assert result.code == 2
    assert "error[U009]: cannot be written: No space left on device" in result.err


@pytest.mark.parametrize("suffix", ["yaml", "json"])
def test_a_failed_run_is_written_as_a_plan_that_fails_the_same_way(shell: Shell, suffix: str) -> None:
    first = shell("run", shell.write("t.yaml", TASKS), "-v", "--dump-plan-on-failure", f"pin.{suffix}")
    assert first.code == 1
    assert f"replay: simdsl run pin.{suffix} --backend sqlite\n" in first.out
    again = shell("run", f"pin.{suffix}", "-v")
    assert again.code == 1
    digest = re.compile(r"digest (\w+)")
    assert digest.findall(again.out) == digest.findall(first.out)[-1:]


def test_further_failures_are_written_beside_the_first(shell: Shell) -> None:
    shell.write("a.yaml", FAILS)
    shell.write("b.yaml", FAILS)
    shell("run", "a.yaml", "b.yaml", "--dump-plan-on-failure", "pin.yaml")
    assert (shell.home / "pin.yaml").exists()
    assert (shell.home / "pin-2.yaml").exists()


def test_a_run_is_written_as_one_order_of_steps(shell: Shell) -> None:
    failed = shell("run", shell.write("t.yaml", TASKS), "--schedule", "1-2-1", "--unroll", "steps.yaml")
    assert failed.code == 1
    assert "as steps: simdsl run steps.yaml --backend sqlite\n" in failed.out
    text = (shell.home / "steps.yaml").read_text()
    assert text[text.index("steps:") :] == (
        "steps:\n  - a: INSERT INTO t VALUES (1) => 1 affected\n  - b: DELETE FROM t => 1 affected\n"
    )
    shell.write("t.yaml", TASKS.replace("=> 1\n", "=> 0 or 1\n").replace("=> 0 affected", "=> ok"))
    assert shell("run", "t.yaml", "--unroll", "held.json").code == 0
    assert shell("run", "held.json").code == 0


def test_an_error_of_simdsl_itself_is_one_line_and_4(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    shell.write("raising_backend_module.py", RAISING)
    shell.write("a.yaml", HOLDS)
    monkeypatch.syspath_prepend(str(shell.home))
    arguments = ("run", "a.yaml", "--backend", "python:raising_backend_module:make")
    result = shell(*arguments)
    assert result.code == 4
    assert result.err.startswith("error[X001]: simdsl itself failed: ZeroDivisionError: ")
    assert "report it" in result.err
    assert "Traceback" not in result.err
    monkeypatch.setenv("SIMDSL_DEBUG", "1")
    assert "Traceback" in shell(*arguments).err


RAISING = """
from simdsl.backends.registry import resolve

class Raising:
    def __init__(self):
        self._sqlite = resolve("sqlite")
    def __getattr__(self, name):
        return getattr(self._sqlite, name)
    def create(self):
        return 1 // 0

make = Raising
"""


def test_a_plan_that_waits_for_itself_says_who_waits_for_whom(shell: Shell) -> None:
    steps = "  - a: BEGIN IMMEDIATE => ok\n  - b: BEGIN IMMEDIATE => ok\n  - a: COMMIT\n"
    shell.write("a.yaml", f"simdsl: 1\nplan: dead\nsteps:\n{steps}")
    result = shell("run", "a.yaml", "--backend", "threaded=python:tests.backends.threaded_sqlite:make")
    assert result.code == 1
    assert "plan deadlock: " in result.out
    assert " --> a.yaml:5:27\n" in result.out
    assert "   b waits for a: BEGIN IMMEDIATE\n" in result.out
    assert "reproduce: simdsl run a.yaml --backend threaded=python:tests.backends.threaded_sqlite:make --seed " in result.out


def test_secrets_of_the_url_are_shown_nowhere(shell: Shell) -> None:
    shell.write("a.yaml", HOLDS)
    result = shell("run", "a.yaml", "--backend", "sqlite://user:hunter22@host/db?password=tiger")
    assert result.code == 3
    assert "hunter22" not in result.err + result.out
    assert "tiger" not in result.err + result.out
    assert "***" in result.err


def test_secrets_are_masked_even_where_simdsl_itself_fails(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    shell.write("telling_backend_module.py", "def make(password):\n    raise KeyError(password)\n")
    shell.write(
        "raising_with_secret_module.py",
        RAISING.replace("1 // 0", "open(self.password)").replace(
            "def __init__(self):", "def __init__(self, password):\n        self.password = password"
        ),
    )
    shell.write("a.yaml", HOLDS)
    monkeypatch.syspath_prepend(str(shell.home))
    monkeypatch.setenv("SIMDSL_DEBUG", "1")
    for module, code in (("telling_backend_module", 3), ("raising_with_secret_module", 4)):
        result = shell("run", "a.yaml", "--backend", f"python:{module}:make?password=hunter22")
        assert result.code == code
        assert "hunter22" not in result.err + result.out


@pytest.mark.parametrize("option", ["--trace", "--dump-plan-on-failure", "--unroll"])
def test_no_plan_that_runs_is_written_over(shell: Shell, option: str) -> None:
    shell.write("a.yaml", FAILS)
    result = shell("run", "a.yaml", option, "./a.yaml")
    assert result.code == 2
    assert "error[U009]" in result.err
    assert (shell.home / "a.yaml").read_text() == FAILS


def test_a_plan_from_standard_input(shell: Shell) -> None:
    assert shell("run", "-", stdin=HOLDS).code == 0
    assert "error[U008]" in shell("run", "-", "--accept", stdin=FAILS).err
