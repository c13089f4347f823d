"""Whatever a file holds, `run` and `check` answer with a diagnostic and exit code 2, and never with a traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from simdsl.cli.output import Exit
from tests.cli.conftest import Shell

BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)
TEXTS = {
    "malformed": "simdsl: 1\nplan: 'unclosed\nsteps: [\n",
    "bomb": BOMB,
    "deep": "simdsl: 1\nplan: x\nsteps: " + "[" * 5000 + "]" * 5000,
    "deep json": '{"simdsl": 1, "plan": ' + "[" * 100_000,
    "recursion": "simdsl: 1\nplan: x\nsteps: &s\n  - *s\n",
    "empty": "",
    "a list": "- 1\n- 2\n",
    "a number": "42\n",
    "deep expression": "simdsl: 1\nplan: x\nsteps:\n  - check: " + "(" * 3000 + "1" + ")" * 3000 + "\n",
}


@pytest.mark.parametrize("command", ["run", "check"])
@pytest.mark.parametrize("name", TEXTS)
def test_malformed_text(shell: Shell, name: str, command: str) -> None:
    file = "a.json" if "json" in name else "a.yaml"
    result = shell(command, shell.write(file, TEXTS[name]))
    said = result.out + result.err
    assert result.code == 2, said[:500]
    assert "error[" in said
    assert "X001" not in said
    assert "Traceback" not in said


@pytest.mark.parametrize("command", ["run", "check"])
@pytest.mark.parametrize(
    ("content", "code"),
    [(bytes(range(256)) * 64, "F003"), (b"\x89PNG\r\n\x1a\n\x00\x00", "F003"), ("simdsl: 1\n".encode("utf-16"), "F003")],
)
def test_binary_files(shell: Shell, content: bytes, code: str, command: str) -> None:
    (shell.home / "a.yaml").write_bytes(content)
    result = shell(command, "a.yaml")
    assert result.code == 2
    assert f"error[{code}]" in result.out + result.err


@pytest.mark.parametrize("command", ["run", "check", "fmt"])
def test_a_file_of_100_megabytes(shell: Shell, command: str) -> None:
    with open(shell.home / "a.yaml", "wb") as file:
        file.truncate(100 * 2**20)
    result = shell(command, "a.yaml")
    assert result.code == 2
    assert "error[F004]" in result.out + result.err


@pytest.mark.parametrize("command", ["run", "check", "fmt"])
def test_a_missing_file_says_what_was_probably_meant(shell: Shell, command: str) -> None:
    shell.write("first.yaml", "")
    result = shell(command, "frist.yaml")
    assert result.code == 2
    assert "error[F001]: no such file or directory\n --> frist.yaml" in result.out + result.err
    assert "help: did you mean `first.yaml`?" in result.out + result.err


def test_a_link_to_nowhere(shell: Shell) -> None:
    os.symlink(shell.home / "nowhere", shell.home / "a.yaml")
    result = shell("run", "a.yaml")
    assert result.code == 2
    assert "error[F001]" in result.err


def test_a_file_that_may_not_be_read(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    shell.write("a.yaml", "simdsl: 1\n")
    real = open

    def refuse(file: str | int | Path, *rest: object, **more: object) -> object:
        if str(file).endswith("a.yaml"):
            raise PermissionError(13, "Permission denied", str(file))
        return real(file, *rest, **more)  # type: ignore[call-overload]

    monkeypatch.setattr("builtins.open", refuse)
    result = shell("run", "a.yaml")
    assert result.code == 2
    assert "error[F002]" in result.err


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="the system has no /dev/full")
def test_a_full_standard_output_is_told_and_is_no_internal_error(tmp_path: Path) -> None:
    plan = tmp_path / "p.yaml"
    plan.write_text("simdsl: 1\nplan: p\nsteps:\n  - a: SELECT 1 => 1\n")
    with open("/dev/full", "wb") as full:
        ended = subprocess.run(
            [sys.executable, "-m", "simdsl", "run", str(plan)], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert ended.returncode == Exit.BAD_INPUT
    assert ended.stderr.startswith("error[U009]: cannot be written: ")
    assert "standard output" in ended.stderr
