"""The command line, called in this process, in an empty directory."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

import pytest

from simdsl.cli.main import call

HOLDS = """\
simdsl: 1
plan: holds
tags: [quick, tx]
setup:
  - CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER)
steps:
  - a: BEGIN
  - a: INSERT INTO t VALUES (1, 10) => 1 affected
  - b: SELECT count(*) FROM t => 0
  - a: COMMIT
  - b: SELECT id, v FROM t => (1, 10)
"""
FAILS = HOLDS.replace("plan: holds", "plan: fails").replace("=> (1, 10)", "=> (1, 11)").replace("[quick, tx]", "[slow]")
TASKS = """\
simdsl: 1
plan: interleaved
setup:
  - CREATE TABLE t (id INTEGER PRIMARY KEY)
tasks:
  a:
    - INSERT INTO t VALUES (1) => 1 affected
    - SELECT count(*) FROM t => 1
  b:
    - DELETE FROM t => 0 affected
schedule: all
"""
BAD = "simdsl: 1\nplan: bad\nsteps:\n  - a: UPDATE t SET v = 2 => 3 affectd\n"
SILENT = "simdsl: 1\nplan: silent\nsteps:\n  - a: SELECT 1\n"

_SPEAKING = ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY", "GITHUB_WORKSPACE")


@dataclass(frozen=True)
class Result:
    """What a call came to."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Shell:
    """An empty directory in which the command line is called."""

    home: Path
    run: Callable[..., Result]

    def write(self, name: str, text: str) -> str:
        """A file here; its name again."""
        path = self.home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text), encoding="utf-8", newline="")
        return name

    def __call__(self, *arguments: str, stdin: str | None = None) -> Result:
        """Call simdsl."""
        return self.run(*arguments, stdin=stdin)


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    """A shell in a directory of its own, without what the environment may say."""
    monkeypatch.chdir(tmp_path)
    for name in (*_SPEAKING, "SIMDSL_BACKEND", "SIMDSL_DEBUG", "SIMDSL_MSSQL_URL", "PGHOST", "COLUMNS", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)

    def run(*arguments: str, stdin: str | None = None) -> Result:
        if stdin is not None:
            monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode()), encoding="utf-8"))
        capsys.readouterr()
        code = call(arguments)
        captured = capsys.readouterr()
        return Result(code=code, out=captured.out, err=captured.err)

    return Shell(home=tmp_path, run=run)
