"""``simdsl run --differential``: what is said, written and returned."""

from __future__ import annotations

import json
import re
import shlex

import pytest
from jsonschema import Draft202012Validator

from simdsl.plan import codes
from simdsl.report.json_lines import read_trace
from tests.cli.conftest import FAILS, HOLDS, TASKS, Shell
from tests.runs.faulty_sqlite import install

FAULTY = f"sqlite?driver={install('drops_a_row')}"
DIFFERS = """\
simdsl: 1
plan: differs
setup:
  - CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT)
  - INSERT INTO t VALUES (1, 'ada'), (2, 'grace')
steps:
  - a: SELECT count(*) FROM t => 2
  - a: SELECT id, name FROM t WHERE name IS NOT NULL AND length(name) < 100 => (1, 'ada'), (2, 'grace')
  - a: SELECT id FROM t
"""
SCHEDULED = """\
simdsl: 1
plan: scheduled
setup:
  - CREATE TABLE t (id INTEGER PRIMARY KEY)
tasks:
  a:
    - INSERT INTO t VALUES (1), (2)
  b:
    - SELECT id FROM t => any
schedule: all
""".replace("any", "0 rows or 1 row or 2 rows")


def story(out: str) -> str:
    return out[out.index("backends differ") : out.index("   steps so far")]


def test_backends_that_agree_exit_with_0(shell: Shell) -> None:
    result = shell("run", shell.write("a.yaml", HOLDS), "--differential", "libsql", "-d", "turso")
    assert result.code == 0
    first, last = result.out.splitlines()[0], result.out.splitlines()[-1]
    assert re.fullmatch(r"seed \d+, backend sqlite \(.*\) against libsql \(.*\) against turso \(.*\)", first)
    assert last.startswith("1 plan: 1 passed, 0 failed, 0 skipped, 0 warned; 3 runs, ")


@pytest.mark.parametrize("width", [60, 100])
def test_a_difference_is_a_table_of_what_each_said(shell: Shell, monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    shell.write("d.yaml", DIFFERS)
    monkeypatch.setenv("COLUMNS", str(width))
    result = shell("run", "d.yaml", "--backend", "good=sqlite", "--differential", f"bad={FAULTY}", "--seed", "7")
    assert result.code == 1
    assert story(result.out) == STORIES[width]
    lines = result.out.splitlines()
    assert all(len(line) <= width for line in lines[1:] if not line.startswith("reproduce: "))
    assert f"reproduce: simdsl run d.yaml --backend good=sqlite --differential 'bad={FAULTY}' --seed 7" in lines


STORIES = {
    60: """\
backends differ: good and bad differ at step 2 (rows), and
  the plan expects what good says
 --> d.yaml:8:80
  |
8 | …NULL AND length(name) < 100 => (1, 'ada'), (2, 'grace')
  |                                 ^^^^^^^^^^^^^^^^^^^^^^^^
   in run 1 on bad
   expected  (1, 'ada'), (2, 'grace')
   good      2 rows, (2, 'grace') among them
   bad       1 row
   sent      SELECT id, name FROM t WHERE name IS NOT NULL
             AND length(name) < 100
   help: if both are right, write at this step what one of
         them does, and `why:`
""",
    100: """\
backends differ: good and bad differ at step 2 (rows), and the plan expects what good says
 --> d.yaml:8:80
  |
8 | …ELECT id, name FROM t WHERE name IS NOT NULL AND length(name) < 100 => (1, 'ada'), (2, 'grace')
  |                                                                         ^^^^^^^^^^^^^^^^^^^^^^^^
   in run 1 on bad
   expected  (1, 'ada'), (2, 'grace')
   good      2 rows, (2, 'grace') among them
   bad       1 row
   sent      SELECT id, name FROM t WHERE name IS NOT NULL AND length(name) < 100
   help: if both are right, write at this step what one of them does, and `why:`
""",
}


def test_what_was_sent_is_shown_for_each_if_it_is_not_the_same(shell: Shell) -> None:
    text = "simdsl: 1\nplan: p\nsteps:\n  - a: SELECT 1\n    libsql: SELECT 2\n  - a: SELECT 3\n"
    shell.write("p.yaml", text.replace("    libsql: SELECT 2", "    why: a test\n    libsql: SELECT 2"))
    result = shell("run", "p.yaml", "--differential", "libsql")
    assert result.code == 0
    assert "warn p.yaml" in result.out
    assert "known difference: a: SELECT 1: sqlite (1), libsql (2): a test" in result.out


def test_the_line_that_reproduces_a_difference_does(shell: Shell) -> None:
    name = shell.write("s.yaml", SCHEDULED)
    first = shell("run", name, "--differential", FAULTY)
    assert first.code == 1
    line = next(line for line in first.out.splitlines() if line.startswith("reproduce: "))
    assert "--differential" in line
    assert "--schedule 1-2" in line
    again = shell(*shlex.split(line)[2:])
    assert again.code == 1
    assert story(again.out).replace("run 1", "") == story(first.out).replace("run 1", "")


def test_events_name_each_backend(shell: Shell) -> None:
    result = shell("run", shell.write("d.yaml", DIFFERS), "--differential", FAULTY, "--json")
    assert result.code == 1
    events = [json.loads(line) for line in result.out.splitlines()]
    assert [event["event"] for event in events] == [
        "call_started",
        "plan_started",
        "run_ended",
        "run_ended",
        "plan_ended",
        "call_ended",
    ]
    assert [event["backend"] for event in events[1:5]] == [f"sqlite, {FAULTY}", "sqlite", FAULTY, f"sqlite, {FAULTY}"]
    failure = events[3]["failure"]
    assert failure["kind"] == "backends_differ"
    assert failure["path"] == ["steps", 1]
    assert failure["expected"] == ["(1, 'ada'), (2, 'grace')"]
    sent = "SELECT id, name FROM t WHERE name IS NOT NULL AND length(name) < 100"
    assert failure["backend_outputs"] == [
        {"backend": "sqlite", "said": "2 rows, (2, 'grace') among them", "sent": sent},
        {"backend": FAULTY, "said": "1 row", "sent": sent},
    ]
    assert "--differential" in events[4]["reproduce"]


def test_a_trace_holds_the_runs_of_all_and_keeps_to_its_schema(shell: Shell) -> None:
    result = shell("run", shell.write("d.yaml", DIFFERS), "--differential", FAULTY, "--trace", "t.jsonl")
    assert result.code == 1
    lines = (shell.home / "t.jsonl").read_text(encoding="utf-8").splitlines()
    schema = json.loads(codes.path("schemas/trace.schema.json").read_text(encoding="utf-8"))
    validator = Draft202012Validator(schema)
    for line in lines:
        validator.validate(json.loads(line))
    runs = list(read_trace(lines))
    assert [(run.header["backend"], run.header["url"], str(run.verdict)) for run in runs] == [
        ("sqlite", "sqlite", "pass"),
        (FAULTY, FAULTY, "fail"),
    ]
    assert runs[0].header["description"]["driver"] == "sqlite3 (stdlib)"
    assert runs[1].header["description"]["driver"] == install("drops_a_row")
    assert runs[1].end["failure"]["backend_outputs"][1]["said"] == "1 row"


def test_x_stops_after_the_first_plan_that_differs(shell: Shell) -> None:
    shell.write("a.yaml", DIFFERS)
    shell.write("b.yaml", DIFFERS)
    result = shell("run", "a.yaml", "b.yaml", "-x", "--differential", FAULTY)
    assert result.code == 1
    assert "1 plan: 0 passed, 1 failed" in result.out


def test_list_runs_nothing(shell: Shell) -> None:
    result = shell("run", shell.write("a.yaml", HOLDS), "--differential", "nosuch", "--list")
    assert (result.code, result.out) == (0, "a.yaml  holds [quick, tx]\n")


def test_a_plan_that_fails_on_the_first_is_no_difference(shell: Shell) -> None:
    result = shell("run", shell.write("a.yaml", FAILS), "--differential", "libsql")
    assert result.code == 1
    assert "expectation failed" in result.out
    assert "backends differ" not in result.out


def test_a_plan_for_the_first_only_is_skipped(shell: Shell) -> None:
    text = HOLDS.replace("tags:", "backends: [sqlite]\ntags:")
    result = shell("run", shell.write("a.yaml", text), "--differential", "libsql", "-v")
    assert (
        "skip a.yaml (on libsql: it is meant for sqlite)" in result.out or "on libsql: it is meant for sqlite" in result.out
    )


def test_runs_of_both_are_listed(shell: Shell) -> None:
    shell.write("t.yaml", TASKS.replace("=> 1\n", "=> 0 or 1\n").replace("=> 0 affected", "=> 0 affected or 1 affected"))
    result = shell("run", "t.yaml", "--differential", "libsql", "-v")
    assert result.code == 0, result.out
    assert len(re.findall(r"^  pass run \d", result.out, re.MULTILINE)) == 6


@pytest.mark.parametrize("more", [["--accept"], ["--accept", "--json"]])
def test_what_does_not_go_together(shell: Shell, more: list[str]) -> None:
    result = shell("run", shell.write("a.yaml", HOLDS), "--differential", "libsql", *more)
    assert result.code == 2
    assert "error[U008]" in result.err


def test_an_unknown_backend_is_said_before_anything_runs(shell: Shell) -> None:
    result = shell("run", shell.write("a.yaml", HOLDS), "--differential", "nosuch")
    assert result.code != 0
    assert result.out == ""
    assert "there is no backend `nosuch`" in result.err


def test_passwords_of_all_are_hidden(shell: Shell) -> None:
    shell.write("a.yaml", DIFFERS)
    url = f"python:tests.cli.test_differential:make?password=geheim&driver={install('drops_a_row')}"
    result = shell("run", "a.yaml", "--differential", f"bad={url}", "--json", "--trace", "t.jsonl")
    assert result.code == 1
    written = (shell.home / "t.jsonl").read_text(encoding="utf-8")
    assert "geheim" not in result.out + result.err + written
    assert "***" in result.out


def make(password: str, driver: str) -> object:
    """A backend that takes a secret."""
    from simdsl.backends.registry import resolve

    return resolve(f"sqlite?driver={driver}")
