"""``--doublecheck``: the same call in two processes."""

from __future__ import annotations

from pathlib import Path

import pytest

from simdsl.cli.execution import MASKS
from tests.cli.conftest import FAILS, HOLDS, SILENT, Shell

INTERLEAVED = """\
simdsl: 1
plan: interleaved
setup:
  - CREATE TABLE t (id INTEGER PRIMARY KEY)
tasks:
  a:
    - INSERT INTO t VALUES (1) => 1 affected
    - SELECT count(*) FROM t => >= 1 row
  b:
    - DELETE FROM t => >= 0 affected
schedule: all
"""
# A backend whose rows come in an order, and whose errors have a text, that depends on the hash of a text.
UNSTEADY = """
from simdsl.backends.registry import resolve
from simdsl.backends.wrappers import WrappedBackend, WrappedSession
from simdsl.plan.outcomes import Failed, Rows

class Unsteady(WrappedSession):
    def start(self, statement, arguments):
        outcome = self.inner.start(statement, arguments)
        if isinstance(outcome, Rows) and outcome.rows and what == "rows":
            return outcome._replace(rows=[(hash("x"),)])
        if isinstance(outcome, Failed) and what == "text":
            return outcome._replace(text=f"{outcome.text} at {hash('x')}")
        return outcome

what = "rows"

def rows():
    return WrappedBackend(resolve("sqlite"), "sqlite", Unsteady)

def text():
    global what
    what = "text"
    return WrappedBackend(resolve("sqlite"), "sqlite", Unsteady)
"""


@pytest.fixture
def unsteady(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    shell.write("simdsl_unsteady.py", UNSTEADY)
    monkeypatch.setenv("PYTHONPATH", str(shell.home))
    monkeypatch.syspath_prepend(str(shell.home))


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["sqlite", "postgres"])
def test_same_twice(shell: Shell, backend: str) -> None:
    shell.write("a.yaml", HOLDS)
    shell.write("b.yaml", INTERLEAVED)
    result = shell("run", "a.yaml", "b.yaml", "--backend", backend, "--doublecheck")
    assert result.code == 0
    assert "2 plans: 2 passed" in result.out


def test_every_run_counts_as_judged(shell: Shell) -> None:
    shell.write("silent.yaml", SILENT)
    assert shell("run", "silent.yaml").code == 5
    result = shell("run", "silent.yaml", "--doublecheck")
    assert (result.code, "1 run, 1 assertion" in result.out) == (0, True)


def test_a_plan_that_fails_fails_as_it_does_alone(shell: Shell) -> None:
    shell.write("a.yaml", FAILS)
    result = shell("run", "a.yaml", "--doublecheck")
    assert result.code == 1
    assert "expectation failed" in result.out
    assert "runs differ" not in result.out


def test_own_seeds_are_kept(shell: Shell) -> None:
    shell.write("walk.yaml", INTERLEAVED.replace("schedule: all", "schedule: {seed: 3, runs: 4}"))
    assert shell("run", "walk.yaml", "--doublecheck").code == 0
    assert shell("run", "walk.yaml", "--doublecheck", "--seed", "5").code == 0


def test_rows_that_depend_on_a_hash(shell: Shell, unsteady: None) -> None:
    shell.write("a.yaml", "simdsl: 1\nplan: a\nsteps:\n  - a: SELECT 1 => 1 row\n  - a: SELECT 2 => 1 row\n")
    backend = ("--backend", "python:simdsl_unsteady:rows")
    assert shell("run", "a.yaml", *backend).code == 0
    result = shell("run", "a.yaml", *backend, "--doublecheck")
    assert result.code == 1
    assert "runs differ: line 2 of the trace differs" in result.out
    assert "a.yaml:4:" in result.out


def test_text_of_an_error_that_depends_on_a_hash(shell: Shell, unsteady: None) -> None:
    shell.write("a.yaml", "simdsl: 1\nplan: a\nsteps:\n  - a: SELECT x FROM nowhere => error undefined_table\n")
    backend = ("--backend", "python:simdsl_unsteady:text")
    assert shell("run", "a.yaml", *backend).code == 0
    assert shell("run", "a.yaml", *backend, "--doublecheck").code == 1


@pytest.mark.parametrize(
    "step",
    [
        "- a: SELECT random() => 1 row",
        "- a: SELECT CURRENT_TIMESTAMP => 1 row",
        "- a: SELECT date('now') => 1 row",
        "- a: SELECT 1 => 1\n    postgres: SELECT now() => 1 row",
        "- for: i in 1..2\n    do:\n      - a: SELECT randomblob(2) => 1 row",
    ],
)
def test_what_is_another_one_every_time_is_refused(shell: Shell, step: str) -> None:
    shell.write("a.yaml", f"simdsl: 1\nplan: a\nsteps:\n  {step}\n")
    result = shell("run", "a.yaml", "--doublecheck")
    assert result.code == 2
    assert "error[D001]" in result.err


def test_words_within_texts_are_no_functions(shell: Shell) -> None:
    shell.write("a.yaml", "simdsl: 1\nplan: a\nsteps:\n  - a: SELECT 'random() at CURRENT_TIMESTAMP' => 1 row\n")
    assert shell("run", "a.yaml", "--doublecheck").code == 0


def test_what_does_not_go_together(shell: Shell) -> None:
    shell.write("a.yaml", HOLDS)
    for other in (["--accept"], ["--differential", "libsql"]):
        assert "U008" in shell("run", "a.yaml", "--doublecheck", *other).err


def test_standard_input_can_be_checked_twice(shell: Shell) -> None:
    assert shell("run", "-", "--doublecheck", stdin=HOLDS).code == 0


def test_generated_plans_can_be_checked_twice(shell: Shell) -> None:
    said = shell("run", "--generate", "--runs", "1", "--seed", "3", "--doublecheck")
    assert said.code == 0, said.out + said.err


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (b"/dev/shm/simdsl-123-ab_c/main.db", b"/dev/shm/simdsl-9-xyz/main.db"),
        (b'database "simdsl_0123456789abcdef"', b'database "simdsl_fedcba9876543210"'),
        (b"process 12 waits for transaction 34", b"process 56 waits for transaction 78"),
    ],
)
def test_what_may_differ_is_masked(one: bytes, other: bytes) -> None:
    for pattern, mask in MASKS:
        one, other = pattern.sub(mask, one), pattern.sub(mask, other)
    assert one == other


def test_nothing_is_left_behind(shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    shell.write("a.yaml", HOLDS)
    assert shell("run", "a.yaml", "--doublecheck").code == 0
    assert list((tmp_path / "temporary").iterdir()) == []
