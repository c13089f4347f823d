"""`simdsl campaign`: what it says, its exit codes, and what is left when it is stopped or killed."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from simdsl.report.screen import cell_width
from tests.campaign.planted import URL
from tests.cli.conftest import Shell
from tests.cli.test_process import ROOT, on_a_terminal, simdsl_command

pytestmark = pytest.mark.slow

SMALL = ("--set", "steps=12", "--set", "tasks=1")
WRONG = f"{URL}wrong&one_of=20"


@pytest.fixture
def home() -> Iterator[Path]:
    """A directory whose name is short enough for a socket."""
    path = Path(tempfile.mkdtemp(prefix="sc"))
    yield path
    shutil.rmtree(path)


@pytest.fixture
def environment(home: Path) -> Mapping[str, str]:
    """As in a shell; every process that a campaign starts has this directory for temporary files."""
    (home / "tmp").mkdir()
    kept = {key: value for key, value in os.environ.items() if key not in ("CI", "NO_COLOR", "COLUMNS", "SIMDSL_BACKEND")}
    return kept | {"PYTHONPATH": str(ROOT), "TMPDIR": str(home / "tmp"), "TERM": "xterm"}


def living(home: Path) -> list[str]:
    """The processes whose temporary files are there."""
    mark = f"TMPDIR={home / 'tmp'}".encode()
    found: list[str] = []
    for process in Path("/proc").iterdir():
        if process.name.isdecimal():
            try:
                if mark in (process / "environ").read_bytes().split(b"\0"):
                    found.append((process / "cmdline").read_text().replace("\0", " "))
            except OSError:  # it has just ended
                continue
    return found


def left(home: Path) -> list[str]:
    """The processes that still live when all had time to end."""
    for _ in range(200):
        if not living(home):
            break
        subprocess.run(["sleep", "0.05"], check=True)
    return living(home)


def events_of(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def start(home: Path, environment: Mapping[str, str], *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        simdsl_command("campaign", *arguments),
        cwd=home,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def until(process: subprocess.Popen[str], wanted: Callable[[dict[str, Any]], bool]) -> list[dict[str, Any]]:
    """Its events up to the first such one."""
    assert process.stdout is not None
    told: list[dict[str, Any]] = []
    for line in process.stdout:
        told.append(json.loads(line))
        if wanted(told[-1]):
            return told
    raise AssertionError(told)


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("--seeds", "5..4"), 2, "error[U008]: --seeds `5..4`: the last seed comes before the first"),
        (("--seeds", "0"), 2, "error[U008]: --seeds `0`: the range is empty"),
        (("--seeds", "1-4"), 2, "error[U008]: --seeds `1-4`: FIRST..LAST or a number is expected"),
        (("--seeds", "-4"), 2, "FIRST..LAST or a number is expected"),
        ((), 2, "Missing option '--seeds'"),
        (("--seeds", "4", "-j", "0"), 2, "0 is not in the range x>=1"),
        (("--seeds", "4", "--time", "soon"), 2, "error[U008]: --time `soon`"),
        (("--seeds", "4", "--time", "0s"), 2, "error[U008]: --time `0s`: the duration must be more than 0"),
        (("--seeds", "4", "--shrink-for", "x"), 2, "error[U008]: --shrink-for `x`"),
        (("--seeds", "4", "--hang-after", "x"), 2, "error[U008]: --hang-after `x`"),
        (("--seeds", "4", "--profile", "quik"), 2, "did you mean `quick`?"),
        (("--seeds", "4", "--property", "tx-commit"), 2, "error[N012]: there is no property `tx-commit`"),
        (("--seeds", "4", "--set", "stepz=1"), 2, "error[P0"),
        (("--seeds", "4", "--backend", "sqlight"), 3, "error[B001]"),
        (("--seeds", "4", "--backend", "sqlite:///:memory:"), 2, "error[U010]"),
        (("--seeds", "4", "--journal", "here/down"), 2, "error[U009]"),
    ],
)
def test_what_cannot_begin_says_why(shell: Shell, arguments: tuple[str, ...], code: int, says: str) -> None:
    shell.write("here", "a file")
    result = shell("campaign", *arguments)
    assert result.code == code, result
    assert says in " ".join(result.err.split())
    assert result.out == ""
    assert sorted(path.name for path in shell.home.iterdir()) == ["here"]


def test_what_holds_and_is_done_again(shell: Shell) -> None:
    first = shell("campaign", "--seeds", "6", "-j", "1", *SMALL)
    assert first.code == 0, first
    assert first.out.startswith("campaign quick, seeds 1 to 6, backend sqlite (SQLite ")
    assert "quick: 6 generated, " in first.out
    again = shell("campaign", "--seeds", "1..6", "-j", "2", *SMALL)
    assert again.code == 0
    assert "all 6 seeds are done already, by .simdsl/campaigns/" in again.out
    assert again.out.splitlines()[2] == first.out.splitlines()[1]
    assert not (shell.home / ".simdsl" / "bugs").exists()


def test_a_floor_that_is_not_reached(shell: Shell) -> None:
    result = shell("campaign", "--seeds", "3..4", "-j", "1", "--min-judged", "1000000", *SMALL)
    assert result.code == 5
    assert "more --seeds, a larger --profile" in " ".join(result.out.split())


def test_bugs_are_kept_shrunk_and_replayed(shell: Shell) -> None:
    result = shell("campaign", "--seeds", "2", "-j", "2", "--backend", WRONG, "--json", *SMALL)
    assert result.code == 1, result
    told = events_of(result.out)
    assert [one["event"] for one in told if one["event"] != "campaign_progress"] == [
        "campaign_started",
        "bug_found",
        "bug_shrunk",
        "campaign_ended",
    ]
    (bug,) = told[-1]["bugs"]
    assert (bug["seed"], bug["count"]) == (2, 1)
    assert told[-1]["health"]["of"][0]["generated"] == 2
    replay = shell("bugs", "replay", "--shrunk")
    assert replay.code == 1
    assert replay.out.startswith(f"FAILED  {bug['name']}")
    run = shell(*re.findall(r"[^\s']+", bug["reproduce"])[1:])
    assert run.code == 1
    assert shell("campaign", "--seeds", "2", "-j", "2", "--backend", WRONG, "--json", *SMALL).code == 1


def test_an_error_of_our_own_is_no_pass(shell: Shell) -> None:
    result = shell("campaign", "--seeds", "2", "-j", "1", "--backend", f"{URL}raise&one_of=20", *SMALL)
    assert result.code == 4
    assert "not checked, quick seed 2: simdsl itself failed: ZeroDivisionError" in result.out


def test_a_backend_that_cannot_be_reached(shell: Shell) -> None:
    result = shell("campaign", "--seeds", "2", "--backend", "postgresql://ann:hunter22@127.0.0.1:1/x", *SMALL)
    assert result.code == 3
    assert "hunter22" not in result.out + result.err


def test_time_is_over(shell: Shell) -> None:
    result = shell("campaign", "--seeds", "1000000", "-j", "1", "--time", "300ms", *SMALL)
    assert result.code in (0, 5)  # if there was time for a plan
    assert "time is over; the same command resumes the campaign" in result.out


def test_killed_it_goes_on_and_has_lost_nothing(home: Path, environment: Mapping[str, str]) -> None:
    arguments = ("--seeds", "60", "--backend", WRONG, "--no-shrink", "--json", *SMALL)
    process = start(home, environment, *arguments, "-j", "2")
    told = until(process, lambda event: event["event"] == "bug_found")
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert left(home) == []
    assert (home / told[-1]["place"] / "plan.yaml").is_file()
    again = start(home, environment, *arguments, "-j", "2")
    out, err = again.communicate()
    assert (again.returncode, err) == (1, "")
    whole = start(home, environment, *arguments, "-j", "1", "--fresh", "--bugbase-dir", "whole")
    whole_out, _ = whole.communicate()
    first, last, complete = events_of(out)[0], events_of(out)[-1], events_of(whole_out)[-1]
    assert 0 <= first["done"] < 60
    assert last["done_now"] == 60 - first["done"]
    assert (last["bugs"], last["health"]) == (complete["bugs"], complete["health"])
    assert {one.name for one in (home / ".simdsl/bugs").iterdir()} == {one.name for one in (home / "whole").iterdir()}


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_stopped_it_says_what_it_has(home: Path, environment: Mapping[str, str], sent: signal.Signals, code: int) -> None:
    process = start(home, environment, "--seeds", "1000000", "-j", "2", "--json", *SMALL)
    until(process, lambda event: event["event"] == "campaign_progress" and event["seeds"] > 0)
    os.killpg(process.pid, sent)
    out, err = process.communicate()
    assert (process.returncode, err) == (code, "")
    ended = events_of(out)[-1]
    assert ended["event"] == "campaign_ended"
    assert 0 < ended["seeds"] == ended["plans"] < 1_000_000
    assert left(home) == []
    assert os.listdir(home / "tmp") == []


def test_who_asks_twice_does_not_wait(home: Path, environment: Mapping[str, str]) -> None:
    process = start(home, environment, "--seeds", "2", "-j", "1", "--json", "--backend", f"{URL}spin&one_of=20", *SMALL)
    until(process, lambda event: event["event"] == "campaign_progress")
    process.send_signal(signal.SIGINT)
    until(process, lambda event: event["event"] == "campaign_stopping")
    process.send_signal(signal.SIGINT)
    process.communicate()
    assert process.returncode == 130
    assert left(home) == []


def test_no_worker_outlives_a_campaign_not_even_deep_in_a_driver(home: Path, environment: Mapping[str, str]) -> None:
    process = start(home, environment, "--seeds", "2..2", "-j", "1", "--json", "--backend", f"{URL}spin&one_of=20", *SMALL)
    told = [until(process, lambda event: event["event"] == "campaign_progress") for _ in range(3)]
    assert told[-1][-1]["seeds"] == 0
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert left(home) == []


def test_no_server_outlives_a_campaign(home: Path, environment: Mapping[str, str]) -> None:
    process = start(home, environment, "--seeds", "100000", "-j", "2", "--json", "--backend", "postgres", *SMALL)
    until(process, lambda event: event["event"] == "campaign_progress" and event["seeds"] > 0)
    assert any("postgres" in one for one in living(home))
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert left(home) == []


def test_two_at_once_are_one_too_many(home: Path, environment: Mapping[str, str]) -> None:
    process = start(home, environment, "--seeds", "1000000", "-j", "1", "--json", *SMALL)
    until(process, lambda event: event["event"] == "campaign_started")
    second = start(home, environment, "--seeds", "1000000", *SMALL)
    out, err = second.communicate()
    process.send_signal(signal.SIGINT)
    process.communicate()
    assert (second.returncode, out) == (2, "")
    assert "error[K004]" in err


def test_on_a_narrow_terminal(home: Path, environment: Mapping[str, str]) -> None:
    command = [sys.executable, "-c", "import sys, simdsl.cli.main as m; sys.exit(m.call(sys.argv[1:]))"]
    arguments = ["campaign", "--seeds", "60", "-j", "2", "--backend", WRONG, "--no-shrink", *SMALL]
    text = on_a_terminal([*command, *arguments], home, {**environment, "COLUMNS": "60"})
    plain = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", text)
    assert re.search(r"\x1b\[\d+F\x1b\[J", text)
    assert "60 of 60 seeds" in plain
    live = [line for line in plain.replace("\r", "").splitlines() if re.match(r"[\d,]+/60 seeds|\s+\d+x ", line)]
    assert live
    assert all(cell_width(line) < 60 for line in live)


def test_a_property_on_two_backends(shell: Shell) -> None:
    options = ("--property", "tx-commit-visible", "--property", "select-limit", "--differential", "libsql")
    result = shell("campaign", "--seeds", "2", "-j", "2", *options)
    assert result.code == 0, result
    assert result.out.startswith("campaign 2 properties, seeds 1 to 2, backend sqlite (")
    assert " against libsql (" in result.out
    assert "tx-commit-visible: 2 generated" in result.out
    assert "select-limit: 2 generated" in result.out
