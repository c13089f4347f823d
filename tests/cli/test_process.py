"""What only a process of its own can show: imports, signals, closed pipes, and what is left behind."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

import simdsl
from tests.cli.conftest import FAILS, HOLDS
from tests.patience import PATIENCE_S

ROOT = Path(simdsl.__file__).parent.parent
DRIVERS = ("sqlite3", "psycopg", "psycopg_pool", "pyodbc", "libsql_experimental", "turso")
HEAVY = ("lark", "ruamel", "_ruamel_yaml", "jsonschema", "sqlglot", "sqlalchemy", "greenlet", "rich", *DRIVERS)
ENDLESS = HOLDS.split("steps:")[0] + (
    "tasks:\n  a:\n    - SELECT 1 => 1\n  b:\n    - SELECT 1 => 1\nschedule: {seed: 1, runs: 100000000}\n"
    "finally:\n  - DROP TABLE t\n"
)
POOLED = "simdsl: 1\nplan: p\npools:\n  main: {size: 1}\nsteps:\n  - checkout: a\n  - a: SELECT 1 => 1\n"


@pytest.fixture
def environment(tmp_path: Path) -> Mapping[str, str]:
    """As in a shell, with a directory of its own for temporary files."""
    (tmp_path / "tmp").mkdir()
    kept = {
        key: value
        for key, value in os.environ.items()
        if key not in ("CI", "NO_COLOR", "COLUMNS", "SIMDSL_BACKEND", "GITHUB_ACTIONS")
    }
    return kept | {"PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path / "tmp"), "TERM": "xterm"}


def simdsl_command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "simdsl", *arguments]


def imported(arguments: list[str], directory: Path, environment: Mapping[str, str]) -> set[str]:
    """The packages of HEAVY that a call imports."""
    script = (
        "import json, sys\nfrom simdsl.cli.main import call\ncode = call(sys.argv[1:])\n"
        "print('\\n' + json.dumps([code, sorted(sys.modules)]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        cwd=directory,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    code, modules = json.loads(done.stdout.splitlines()[-1])
    assert code == 0, done.stdout + done.stderr
    return {module.split(".")[0] for module in modules} & set(HEAVY)


@pytest.mark.parametrize(
    "arguments", [["--help"], ["run", "--help"], ["--version"], ["explain", "U001"], ["schema", "trace"]]
)
def test_what_needs_no_plan_imports_nothing_heavy(
    arguments: list[str], tmp_path: Path, environment: Mapping[str, str]
) -> None:
    assert imported(arguments, tmp_path, environment) == set()


def test_a_plan_imports_what_it_needs_and_no_more(tmp_path: Path, environment: Mapping[str, str]) -> None:
    (tmp_path / "a.yaml").write_text(HOLDS)
    (tmp_path / "p.yaml").write_text(POOLED)
    assert imported(["check", "a.yaml"], tmp_path, environment).isdisjoint(
        {"jsonschema", "sqlalchemy", "sqlite3", "greenlet"}
    )
    assert imported(["run", "a.yaml"], tmp_path, environment).isdisjoint({"jsonschema", "sqlalchemy", "greenlet", "rich"})
    assert {"sqlalchemy", "greenlet"} <= imported(["run", "p.yaml"], tmp_path, environment)


@pytest.mark.parametrize(
    ("backend", "drivers"),
    [
        ("sqlite", {"sqlite3"}),
        ("postgres", {"psycopg"}),
        ("libsql", {"libsql_experimental"}),
        ("turso", set()),  # only its child has the driver
    ],
)
def test_a_driver_is_imported_by_its_backend_alone(
    backend: str, drivers: set[str], tmp_path: Path, environment: Mapping[str, str]
) -> None:
    (tmp_path / "a.yaml").write_text("simdsl: 1\nplan: a\nsteps:\n  - a: SELECT 1 => 1\n")
    assert imported(["run", "a.yaml", "--backend", backend], tmp_path, environment) & set(DRIVERS) == drivers


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_run_ends_in_good_order(
    sent: signal.Signals, code: int, tmp_path: Path, environment: Mapping[str, str]
) -> None:
    (tmp_path / "a.yaml").write_text(ENDLESS)
    process = subprocess.Popen(
        simdsl_command("run", "a.yaml", "-v"),
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if "run 3," in line:
            break
    process.send_signal(sent)
    out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == code
    assert "interrupted after 0 plans" in out
    assert err == ""
    assert os.listdir(tmp_path / "tmp") == []


def test_nothing_is_left_behind(tmp_path: Path, environment: Mapping[str, str]) -> None:
    (tmp_path / "a.yaml").write_text(HOLDS)
    (tmp_path / "b.yaml").write_text(FAILS)
    (tmp_path / "p.yaml").write_text(POOLED)
    command = simdsl_command("run", "a.yaml", "b.yaml", "p.yaml")
    subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, check=False)
    assert os.listdir(tmp_path / "tmp") == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.yaml", "b.yaml", "p.yaml", "tmp"]


def test_a_reader_that_goes_away_is_no_failure(tmp_path: Path, environment: Mapping[str, str]) -> None:
    (tmp_path / "a.yaml").write_text(ENDLESS.replace("100000000", "20000"))
    process = subprocess.Popen(
        simdsl_command("run", "a.yaml", "-v"), cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    err = process.stderr.read()
    process.stderr.close()
    assert process.wait(timeout=PATIENCE_S) == 141
    assert err == b""


def on_a_terminal(command: list[str], directory: Path, environment: Mapping[str, str]) -> str:
    """What a call writes if its standard output is a terminal."""
    master, slave = pty.openpty()
    process = subprocess.Popen(command, cwd=directory, env=environment, stdout=slave, stderr=slave)
    os.close(slave)

    def chunks() -> Iterator[bytes]:
        while True:
            try:
                chunk = os.read(master, 65536)
            except OSError:  # Linux answers so when the other end is closed
                return
            if not chunk:
                return
            yield chunk

    text = b"".join(chunks()).decode()
    os.close(master)
    process.wait(timeout=PATIENCE_S)
    return text


def test_colour_and_progress_on_a_terminal_only(tmp_path: Path, environment: Mapping[str, str]) -> None:
    (tmp_path / "b.yaml").write_text(FAILS)
    command = simdsl_command("run", "b.yaml")
    colourful = on_a_terminal(command, tmp_path, environment)
    assert "\x1b[1;31m" in colourful
    assert "\r\x1b[K" in colourful
    plain = on_a_terminal(command, tmp_path, {**environment, "NO_COLOR": "1", "CI": "true"})
    assert "\x1b" not in plain
    piped = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert "\x1b" not in piped.stdout


def test_the_same_seed_says_the_same_in_every_process(tmp_path: Path, environment: Mapping[str, str]) -> None:
    (tmp_path / "a.yaml").write_text(ENDLESS.replace("100000000", "20"))
    texts = {
        subprocess.run(
            simdsl_command("run", "a.yaml", "-vv", "--seed", "11"),
            cwd=tmp_path,
            env={**environment, "PYTHONHASHSEED": str(hash_seed)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for hash_seed in (0, 1)
    }
    assert len(texts) == 1
