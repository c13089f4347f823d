"""``--junit``, ``--html`` and ``--github``: what is written, where, and when."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from lxml import etree

import simdsl
from tests.cli.conftest import BAD, FAILS, HOLDS, SILENT, TASKS, Shell
from tests.patience import PATIENCE_S
from tests.report.test_junit import valid

ENDLESS = HOLDS.split("steps:")[0].replace("plan: holds", "plan: endless") + (
    "tasks:\n  a:\n    - SELECT 1 => 1\n  b:\n    - SELECT 1 => 1\nschedule: {seed: 1, runs: 100000000}\n"
    "finally:\n  - DROP TABLE t\n"
)
GONE = """
from simdsl.backends.protocol import BackendUnavailable
from simdsl.backends.registry import resolve
from simdsl.backends.wrappers import WrappedBackend, WrappedSession

class Gone(WrappedSession):
    def start(self, statement, arguments):
        if "unlucky" in statement.text:
            raise BackendUnavailable("the server has gone")
        return self.inner.start(statement, arguments)

def make():
    return WrappedBackend(resolve("sqlite"), "sqlite", Gone)
"""
ROOT = Path(simdsl.__file__).parent.parent


def cases(path: Path) -> list[tuple[str, list[str]]]:
    """(name, what is in it) of each test case of a valid document."""
    root = valid(path.read_bytes())
    return [(case.get("name"), [child.tag for child in case]) for case in root.iter("testcase")]


def test_a_call_writes_all_of_them_and_says_the_same_on_the_screen(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "summary.md")
    for name, text in (("a.yaml", HOLDS), ("b.yaml", FAILS), ("c.yaml", SILENT), ("d.yaml", TASKS)):
        shell.write(name, text)
    plain = shell("run", ".", "--seed", "7")
    told = shell("run", ".", "--seed", "7", "--junit", "j.xml", "--html", "r.html", "--github")
    assert (told.code, told.err) == (plain.code, plain.err)
    assert told.out.startswith(plain.out)
    assert told.out[len(plain.out) :].startswith("::group::simdsl: ")
    assert cases(shell.home / "j.xml") == [
        ("holds", ["system-out"]),
        ("fails", ["failure", "system-out"]),
        ("silent", ["skipped", "system-out"]),
        ("interleaved", ["system-out"]) if plain.out.count("fail ") == 1 else ("interleaved", ["failure", "system-out"]),
    ]
    assert "plans failed</h1>" in (shell.home / "r.html").read_text()
    assert (shell.home / "summary.md").read_text().startswith("### simdsl: 4 plans, ")


def test_annotations_come_by_themselves_in_a_job(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    shell.write("b.yaml", FAILS)
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_WORKSPACE", str(shell.home.parent))
    assert f"\n::error file={shell.home.name}/b.yaml,line=" in shell("run", "b.yaml").out
    assert "::" not in shell("run", "b.yaml", "--no-github").out
    monkeypatch.setenv("GITHUB_ACTIONS", "false")
    assert "::error" not in shell("run", "b.yaml").out
    assert "::error" in shell("run", "b.yaml", "--github").out


def test_events_keep_standard_output_for_themselves(shell: Shell) -> None:
    result = shell("run", shell.write("b.yaml", FAILS), "--json", "--github")
    assert [json.loads(line)["event"] for line in result.out.splitlines()][-1] == "call_ended"
    assert "::error file=b.yaml,line=" in result.err


def test_plans_that_cannot_be_read_are_reported(shell: Shell) -> None:
    shell.write("a.yaml", HOLDS)
    shell.write("bad.yaml", BAD)
    result = shell("run", ".", "--junit", "j.xml", "--github")
    assert result.code == 2
    assert "::error file=bad.yaml,line=4,col=" in result.out
    assert cases(shell.home / "j.xml") == [("./bad.yaml", ["error"])]


def test_a_backend_that_does_not_answer_is_reported(shell: Shell) -> None:
    shell.write("a.yaml", HOLDS)
    shell("run", "a.yaml", "--junit", "j.xml")
    url = "postgresql://u:hunter22@127.0.0.1:1/db"
    result = shell("run", "a.yaml", "--junit", "j.xml", "--github", "--backend", url)
    assert result.code == 3
    assert [what for _, what in cases(shell.home / "j.xml")] == [["error"]]
    assert "::error file=" in result.out
    assert "hunter22" not in result.out + (shell.home / "j.xml").read_text()


def test_a_plan_is_never_written_over(shell: Shell) -> None:
    shell.write("a.yaml", HOLDS)
    shell.write("bad.yaml", BAD)
    assert shell("run", "a.yaml", "bad.yaml", "--junit", "a.yaml").code == 2
    assert (shell.home / "a.yaml").read_text() == HOLDS


def test_doublecheck_and_loop_are_reported_once_each(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(shell.home / "summary.md"))
    shell.write("a.yaml", HOLDS)
    assert shell("run", "a.yaml", "--doublecheck").code == 0
    assert (shell.home / "summary.md").read_text() == "### simdsl: 1 plan, 1 pass\n\n"
    assert shell("run", "a.yaml", "--loop", "2").code == 0
    assert (shell.home / "summary.md").read_text() == "### simdsl: 1 plan, 1 pass\n\n" * 3


@pytest.mark.parametrize("option", ["--junit", "--html"])
def test_a_file_that_cannot_be_written_stops_the_call(shell: Shell, option: str) -> None:
    shell.write("a.yaml", HOLDS)
    result = shell("run", "a.yaml", option, "no/such/folder")
    assert (result.code, "U009" in result.err) == (2, True)
    result = shell("run", "a.yaml", option, "a.yaml")
    assert (result.code, "U009" in result.err) == (2, True)
    assert (shell.home / "a.yaml").read_text() == HOLDS


@pytest.mark.parametrize(
    "options",
    [
        ("--loop", "2", "--junit", "j.xml"),
        ("--loop", "2", "--html", "r.html"),
        ("--html-passing", "3"),
    ],
)
def test_what_has_nothing_to_speak_of_is_refused(shell: Shell, options: tuple[str, ...]) -> None:
    shell.write("a.yaml", HOLDS)
    result = shell("run", "a.yaml", *options)
    assert (result.code, "U008" in result.err) == (2, True)


def test_how_many_passing_runs_are_shown_can_be_said(shell: Shell) -> None:
    for number in range(3):
        shell.write(f"{number}.yaml", HOLDS)
    shell("run", ".", "--html", "r.html", "--html-passing", "1")
    assert (shell.home / "r.html").read_text().count('<details class="run pass"') == 1


def test_no_report_has_a_secret(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPASSWORD", "hunter<&22")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "summary.md")
    shell.write("s.yaml", "simdsl: 1\nplan: s\nsteps:\n  - a: SELECT 'hunter<&22' => 'x'\n  - a: SELECT 'hunter<&22'\n")
    result = shell("run", "s.yaml", "--junit", "j.xml", "--html", "r.html", "--github")
    assert result.code == 1
    for text in (result.out, *((shell.home / name).read_text() for name in ("j.xml", "r.html", "summary.md"))):
        assert "hunter" not in text
    for name in ("j.xml", "r.html"):
        assert "***" in (shell.home / name).read_text()


def test_an_old_report_is_not_mistaken_for_a_new_one(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """A backend that goes away ends the call: the plan that ran is an error, and what had ended is there."""
    shell.write("a.yaml", HOLDS)
    shell.write(
        "b.yaml", HOLDS.replace("plan: holds", "plan: unlucky").replace("SELECT count(*)", "SELECT /* unlucky */ count(*)")
    )
    assert shell("run", ".", "--junit", "j.xml", "--html", "r.html").code == 0

    shell.write("simdsl_gone.py", GONE)
    monkeypatch.syspath_prepend(str(shell.home))
    result = shell("run", ".", "--junit", "j.xml", "--html", "r.html", "--github", "-b", "python:simdsl_gone:make")
    assert result.code == 3
    assert cases(shell.home / "j.xml") == [("holds", ["system-out"]), ("unlucky", ["error"])]
    assert "the server has gone" in (shell.home / "r.html").read_text()
    assert "::error file=b.yaml,title=simdsl::the call did not finish: the server has gone" in result.out


def test_an_interrupted_call_reports_what_had_ended(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(HOLDS)
    (tmp_path / "b.yaml").write_text(ENDLESS)
    process = subprocess.Popen(
        [sys.executable, "-m", "simdsl", "run", "a.yaml", "b.yaml", "-v", "--junit", "j.xml", "--html", "r.html"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if "run 3," in line:
            break
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, err) == (130, "")
    assert cases(tmp_path / "j.xml") == [("holds", ["system-out"])]
    page = (tmp_path / "r.html").read_text()
    assert "interrupted: only the plans that had ended are here" in page
    assert page.endswith("</html>\n")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.yaml", "b.yaml", "j.xml", "r.html"]


def test_a_pipe_takes_a_report_too(shell: Shell) -> None:
    shell.write("a.yaml", HOLDS)
    read, write = os.pipe()
    try:
        assert shell("run", "a.yaml", "--junit", f"/dev/fd/{write}").code == 0
    finally:
        os.close(write)
    with os.fdopen(read, "rb") as written:
        valid(written.read())


def test_a_plain_run_imports_no_report_of_these(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(HOLDS)
    script = (
        "import sys\nfrom simdsl.cli.main import call\nassert call(sys.argv[1:]) == 0\n"
        "names = ('simdsl.report', 'simdsl.cli.run_files', 'xml')\n"
        "print(*sorted(name for name in sys.modules if name.startswith(names)))\n"
    )
    environment = {key: value for key, value in os.environ.items() if key != "GITHUB_ACTIONS"} | {"PYTHONPATH": str(ROOT)}

    def imported(*options: str) -> set[str]:
        command = [sys.executable, "-c", script, "run", "a.yaml", *options]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
        return set(done.stdout.splitlines()[-1].split())

    heavy = {"simdsl.cli.run_files", "simdsl.report.junit", "simdsl.report.github", "simdsl.report.html"}
    assert imported().isdisjoint({*heavy, "simdsl.report.html", "xml.etree.ElementTree"})
    assert imported("--junit", "j.xml").isdisjoint({"simdsl.report.github", "simdsl.report.html"})
    assert heavy <= imported("--junit", "j.xml", "--html", "r.html", "--github")
    assert etree.parse(tmp_path / "j.xml").getroot().get("tests") == "1"


def test_two_options_do_not_write_to_one_file(shell: Shell) -> None:
    shell.write("a.yaml", HOLDS)
    said = shell("run", "a.yaml", "--junit", "out", "--html", "./out")
    assert said.code == 2
    assert "two options write to this file" in said.err
    assert not (shell.home / "out").exists()
