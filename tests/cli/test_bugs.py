"""``simdsl bugs``, and the listener that stores what a run finds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from simdsl import __version__
from simdsl.backends.registry import resolve
from simdsl.bugbase.entry import BugState, RunMode
from simdsl.bugbase.store import DEFAULT_BUGBASE_DIR, BugStore
from simdsl.cli.bugs import BugStorage
from simdsl.cli.generate import generated_plans
from simdsl.cli.option_groups import DEFAULT_BUGBASE as HOME
from simdsl.cli.option_groups import ProfileOptions
from simdsl.cli.output import Stop
from simdsl.core.verdicts import RunEnded
from simdsl.language.load import load_text
from simdsl.plan.codes import Code
from simdsl.plan.plan import Plan
from simdsl.report.context import secrets_given
from simdsl.report.json_lines import read_trace
from simdsl.runs.context import RunOptions
from simdsl.runs.differential import run_differential
from simdsl.runs.single import run_plan
from tests.bugbase.founds import ROOT
from tests.cli.conftest import Shell
from tests.runs.faulty_sqlite import install

FAULT = "drops_a_row"
FAULTY = f"sqlite?driver={install(FAULT)}"
WRONG = """\
simdsl: 1
plan: rows
setup:
  - CREATE TABLE t (id INTEGER)
  - INSERT INTO t VALUES (1), (2)
tasks:
  a:
    - SELECT id FROM t ORDER BY id => (1), (2)
    - SELECT 1 => 1
  b:
    - SELECT 2 => 2
schedule: {seed: 3, runs: 4}
"""
NEVER = "simdsl: 1\nplan: never\nsteps:\n  - a: SELECT 1 => 2\n"


def keep(
    text: str | Plan,
    *urls: str,
    secret_urls: tuple[str, ...] = (),
    how: RunMode | None = None,
    profile: Any = None,
    seed: int = 5,
) -> list[str]:
    """Run a plan with the listener, in the base of this directory; what it noted."""
    notes: list[str] = []
    backends = [resolve(url) for url in urls]
    given = secret_urls or urls
    chosen = how or (RunMode.DIFFERENTIAL if len(urls) > 1 else RunMode.ONCE)
    storage = BugStorage(
        directory=HOME,
        urls=given,
        backends=backends,
        secrets=secrets_given(*given),
        how=chosen,
        note=notes.append,
        profile=profile,
    )
    plan = load_text(text) if isinstance(text, str) else text
    options = RunOptions(seed=seed)
    events = (
        run_differential(plan, "found.yaml", backends, options)
        if len(backends) > 1
        else run_plan(plan, "found.yaml", backends[0], options)
    )
    for progress in events:
        if isinstance(progress, RunEnded) and progress.report.failure is not None:
            storage.store(plan, progress.report, "found.yaml", seed)
    return notes


def only(shell: Shell) -> dict[str, Any]:
    """The only bug there is, as JSON."""
    (bug,) = json.loads(shell("bugs", "list", "--json").out)
    assert isinstance(bug, dict)
    return bug


def fresh(shell: Shell, *arguments: str, fault: str = FAULT) -> subprocess.CompletedProcess[str]:
    """simdsl in another process, in which the faulty driver can be imported. Last it says what it has of the generator."""
    script = (
        "import sys; from tests.runs.faulty_sqlite import install; from simdsl.cli.main import call; "
        f"install({fault!r}); code = call(sys.argv[1:]); makers = ('simdsl.generation.plans', 'simdsl.cli.generate'); "
        "sys.stderr.write(''.join(one for one in sys.modules if one.startswith(makers))); sys.exit(code)"
    )
    return subprocess.run(
        [sys.executable, "-c", script, *arguments],
        cwd=shell.home,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_directory_is_the_one_of_the_base() -> None:
    assert HOME == DEFAULT_BUGBASE_DIR


def test_a_run_that_fails_is_stored_with_all_that_made_it(shell: Shell) -> None:
    profile = generated_plans((), ProfileOptions(steps=7)).profile
    (note,) = keep(WRONG, FAULTY, profile=profile)
    bug = only(shell)
    assert note == f"stored as {HOME}/{bug['name']}"
    assert bug["config"]["simdsl"] == __version__
    assert bug["config"]["profile"] == profile
    assert bug["config"]["profile"]["steps"] == 7
    assert bug["config"]["seed"] == 5
    assert bug["config"]["how"] == "run"
    assert bug["config"]["backends"][0]["url"] == FAULTY
    assert bug["config"]["backends"][0]["engine"] == "SQLite"
    assert (bug["state"], bug["count"], bug["why"], bug["verdict"]) == ("open", 1, None, "fail")
    assert bug["first_seen"] == bug["last_seen"]
    assert bug["failure"]["kind"] == "missed_expectation"
    with open(bug["trace"], "rb") as trace:
        (run,) = read_trace(trace)
    assert run.end["failure"]["fingerprint"] == bug["fingerprint"]
    assert keep(WRONG, FAULTY) == [f"seen again: {HOME}/{bug['name']}"]
    assert only(shell)["count"] == 2


def test_a_run_that_holds_stores_nothing(shell: Shell) -> None:
    assert keep(WRONG, "sqlite") == []
    assert not (shell.home / HOME).exists()
    assert shell("bugs", "list", "--json").out == "[]\n"


def test_a_profile_that_is_none_stops_the_call() -> None:
    with pytest.raises(Stop):
        generated_plans((), ProfileOptions(profile="nowhere"))


def test_another_process_says_failed_and_where_it_is_fixed_it_says_so(shell: Shell) -> None:
    keep(WRONG, FAULTY)
    name = only(shell)["name"]
    failed = fresh(shell, "bugs", "replay")
    assert (failed.returncode, failed.stderr) == (1, "")
    assert failed.stdout.startswith(f"FAILED  {name} (open): ")
    fixed = fresh(shell, "bugs", "replay", name, "--backend", "sqlite")
    assert (fixed.returncode, fixed.stdout, fixed.stderr) == (0, f"FIXED   {name} (open)\n", "")


def test_a_bug_of_a_generated_property_needs_no_generator(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    faulty = f"sqlite?driver={install('ignores_a_rollback')}"
    for one in generated_plans(["tx-rollback-invisible"], ProfileOptions()).plans(1, 3):
        keep(one.plan, faulty)
    bug = only(shell)
    assert bug["fingerprint"] == "property_violated/tx-rollback-invisible"
    assert bug["name"].startswith("property_violated-tx-rollback-invisible-")
    for room in [one for one in sys.modules if one.startswith("simdsl.generation")]:
        monkeypatch.delitem(sys.modules, room)
    monkeypatch.setitem(sys.modules, "simdsl.generation.plans", None)  # an import of it fails from here on
    assert shell("bugs", "replay").code == 1
    assert shell("bugs", "replay", "-b", "sqlite").out == f"FIXED   {bug['name']} (open)\n"


@pytest.mark.slow
def test_a_later_version_in_a_fresh_process_says_failed_and_then_fixed(shell: Shell) -> None:
    """The plan was generated; whoever replays it has no generator. ``stderr`` names what is imported of one."""
    fault = "ignores_a_rollback"
    url = f"sqlite?driver={install(fault)}"
    for one in generated_plans(["tx-rollback-invisible"], ProfileOptions()).plans(1, 3):
        keep(one.plan, url)
    bug = only(shell)
    config = Path(bug["plan"]).parent / "config.json"
    data = json.loads(config.read_text())
    config.write_text(json.dumps({**data, "simdsl": "0.0.1"}))
    assert only(shell)["config"]["simdsl"] == "0.0.1" != __version__
    assert "simdsl.cli.generate" in fresh(shell, "run", "--property", "tx-rollback-invisible", "--runs", "1").stderr
    failed = fresh(shell, "bugs", "replay", fault=fault)
    assert (failed.returncode, failed.stderr) == (1, "")
    assert failed.stdout.startswith(f"FAILED  {bug['name']} (open): ")
    seen = fresh(shell, "run", bug["plan"], "--backend", url, "--bugbase-dir", "again", fault=fault)
    assert (seen.returncode, seen.stderr) == (1, "")
    (again,) = json.loads(shell("bugs", "list", "--json", "--bugbase-dir", "again").out)
    assert (again["name"], again["fingerprint"]) == (bug["name"], "property_violated/tx-rollback-invisible")
    fixed = fresh(shell, "bugs", "replay", "--backend", "sqlite", "--update", fault=fault)
    assert (fixed.returncode, fixed.stdout, fixed.stderr) == (0, f"FIXED   {bug['name']} (open)\n", "")
    assert only(shell)["state"] == "fixed"


def test_a_difference_is_replayed_on_both(shell: Shell) -> None:
    keep(WRONG.replace(" => (1), (2)", ""), "sqlite", FAULTY)
    bug = only(shell)
    assert bug["config"]["how"] == "differential"
    assert shell("bugs", "replay").code == 1
    assert shell("bugs", "replay", "-b", "sqlite", "-b", "sqlite").code == 0
    one = shell("bugs", "replay", "-b", "sqlite")
    assert one.code == 5
    assert "it was found on 2 backends, and the call names 1 backend" in one.out


def test_a_doublecheck_is_replayed_in_two_processes(shell: Shell) -> None:
    keep(NEVER, "sqlite", how=RunMode.DOUBLECHECK)
    assert shell("bugs", "replay").code == 1
    BugStore(HOME).add_shrunk(only(shell)["name"], load_text(NEVER.replace("=> 2", "=> 1")))
    assert shell("bugs", "replay", "--shrunk").out.startswith("FIXED ")


def test_states_decide_what_fails_the_gate(shell: Shell) -> None:
    keep(WRONG, FAULTY)
    name = only(shell)["name"]
    assert shell("bugs", "replay").code == 1
    assert shell("bugs", "mark", name, "known").code == 2
    assert shell("bugs", "mark", name[:9], "known", "--why", "told the vendor").out == f"{name} is known\n"
    known = shell("bugs", "replay")
    assert known.code == 0
    assert known.out.startswith(f"FAILED  {name} (known): ")
    assert shell("bugs", "replay", "--update", "-b", "sqlite").code == 0
    assert only(shell)["state"] == "fixed"
    assert shell("bugs", "replay").code == 1
    assert only(shell)["state"] == "fixed"
    assert shell("bugs", "replay", "--update").code == 1
    assert (only(shell)["state"], only(shell)["count"]) == ("open", 2)


def test_another_failure_outweighs_what_cannot_be_said(shell: Shell) -> None:
    keep(WRONG, FAULTY)
    said = shell("bugs", "replay", "-b", f"sqlite?driver={install('duplicates_a_row')}")
    assert said.code == 1
    assert said.out.startswith("ERROR   ")
    answer = json.loads(shell("bugs", "replay", "--json", "-b", "sqlite").out)
    assert answer == [
        {
            "name": only(shell)["name"],
            "state": "open",
            "answer": "FIXED",
            "reason": None,
            "other": None,
            "expected": True,
        }
    ]


def test_a_backend_that_is_not_there_is_an_error(shell: Shell) -> None:
    keep(WRONG, FAULTY)
    said = shell("bugs", "replay", "-b", "oracle")
    assert said.code == 3
    assert said.out.startswith("ERROR   ")


def test_no_secret_is_stored_and_one_is_asked_for(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"python:tests.cli.test_differential:make?password=geheim&driver={install(FAULT)}"
    keep(NEVER.replace("SELECT 1 => 2", "SELECT 'geheim' => 2"), url)
    folder = Path(only(shell)["plan"]).parent
    for name in ("config.json", "failure.json", "trace.jsonl"):
        assert "geheim" not in (folder / name).read_text(), name
    assert only(shell)["config"]["backends"][0]["url"].endswith(f"?password=***&driver={install(FAULT)}")
    asked = shell("bugs", "replay")
    assert asked.code == 3
    assert "is not stored: name it by --backend, or in SIMDSL_BACKEND" in asked.out
    monkeypatch.setenv("SIMDSL_BACKEND", url)
    assert shell("bugs", "replay").code == 1


def test_a_shrunk_plan_is_run_if_it_is_wanted(shell: Shell) -> None:
    keep(NEVER, "sqlite")
    name = only(shell)["name"]
    BugStore(HOME).add_shrunk(name, load_text(NEVER.replace("=> 2", "=> 1")))
    assert shell("bugs", "replay").code == 1
    assert shell("bugs", "replay", "--shrunk").code == 0


def test_a_bug_that_seldom_fails_is_run_several_times(shell: Shell) -> None:
    url = "python:tests.runs.unstable_backends:every?n=2"
    text = "simdsl: 1\nplan: x\nsetup:\n  - CREATE TABLE t (id INTEGER)\nsteps:\n  - a: SELECT count(*) FROM t => 0\n"
    assert keep(text, "python:tests.runs.unstable_backends:every?n=1")
    assert shell("bugs", "replay", "--backend", url).out.startswith("FIXED")
    assert shell("bugs", "replay", "--backend", url, "--repeats", "2").out.startswith("FAILED")


def test_showing_a_bug_says_what_failed_and_where_it_is(shell: Shell) -> None:
    keep(NEVER, "sqlite")
    shown = shell("bugs", "show", "missed").out
    for text in (
        "missed_expectation",
        "expected    2",
        "got         (1)",
        "state       open",
        "found.yaml, seed 5",
        "plan.yaml",
    ):
        assert text in shown
    assert json.loads(shell("bugs", "show", "missed", "--json").out) == only(shell)


def test_pruning_removes_what_is_fixed_and_what_is_old(shell: Shell) -> None:
    keep(NEVER, "sqlite")
    keep(WRONG, FAULTY)
    store = BugStore(HOME)
    one, two = (entry.name for entry in store.entries()[0])
    assert shell("bugs", "prune").out == ""
    store.mark(one, BugState.FIXED)
    assert shell("bugs", "prune", "--dry-run").out.startswith(f"would remove {one} (fixed, last seen 20")
    assert len(store.entries()[0]) == 2
    assert shell("bugs", "prune").out.startswith(f"removed {one} (fixed, last seen 20")
    assert shell("bugs", "prune", "--not-seen-since", "2000-01-01").out == ""
    assert shell("bugs", "prune", "--not-seen-since", "yesterday").code == 2
    assert shell("bugs", "prune", "--not-seen-since", "9999-12-31").out.startswith(f"removed {two} (open, ")
    assert store.entries() == ((), ())


def test_a_folder_of_garbage_is_told_and_never_a_success(shell: Shell) -> None:
    keep(NEVER, "sqlite")
    shell.write(f"{HOME}/garbage/failure.json", "\0\1")
    for command in ("list", "prune"):
        said = shell("bugs", command)
        assert said.code == 2
        assert f"error[{Code.K002.name}]" in said.err
    assert "missed_expectation" in shell("bugs", "list").out
    assert shell("bugs", "show", "garbage").code == 2
    said = shell("bugs", "replay", "-b", "sqlite")
    assert said.code == 1
    BugStore(HOME).add_shrunk(only_sound(), load_text(NEVER.replace("=> 2", "=> 1")))
    assert shell("bugs", "replay", "--shrunk").code == 2


def only_sound() -> str:
    """The name of the only bug that is sound."""
    (entry,) = BugStore(HOME).entries()[0]
    return entry.name


def test_nothing_to_replay_is_no_success(shell: Shell) -> None:
    said = shell("bugs", "replay")
    assert (said.code, said.out) == (5, "")
    assert "no bugs in " in said.err


def test_a_base_that_cannot_be_written_stops_the_call(shell: Shell) -> None:
    shell.write(".simdsl", "a file")
    with pytest.raises(Stop) as stopped:
        keep(NEVER, "sqlite")
    assert stopped.value.diagnostics[0].code is Code.U009
