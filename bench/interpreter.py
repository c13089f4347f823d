"""The interpreter against a loop that a person would write: the same statements over the same kind of database.

Ours runs with everything on: expectations checked, trace kept, digest taken, the always-on invariants read. Theirs
executes and fetches, and looks at nothing. Both open and close their database, and both databases have a second, idle
connection, as simdsl's always have: SQLite itself is a tenth slower with one.
"""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from bench.measure import Result, Timed, cpu_seconds, side_by_side
from simdsl.backends.registry import resolve
from simdsl.core.verdicts import PlanEnded, Verdict
from simdsl.language.load import load_text
from simdsl.plan.plan import Plan
from simdsl.runs.context import RunOptions
from simdsl.runs.single import run_plan

# What simdsl opens for sqlite:///:memory:, so that several sessions can meet in it.
_MEMORY = "file:bench?mode=memory&cache=shared"
_TABLE = "CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER)"


def results(rounds: int, steps: int) -> Iterator[Result]:
    """The ratios of an in-memory database and of a file in WAL mode."""
    looped = load_text(_looped(steps // 4))
    with _files() as directory:
        yield _compare(
            "interpreter, in memory",
            looped,
            "sqlite:///:memory:",
            _by_parameters(_MEMORY, steps // 4),
            rounds,
            steps,
            budget=2.0,
            stretch=1.5,
        )
        yield _compare(
            "interpreter, WAL file",
            looped,
            "sqlite",
            _by_parameters(str(directory / "raw.db"), steps // 4),
            rounds,
            steps,
            budget=1.3,
            stretch=1.15,
        )
        straight = _literal(steps // 4)
        yield _compare(
            "interpreter, in memory, every statement another text",
            load_text(_straight(straight)),
            "sqlite:///:memory:",
            _by_text(_MEMORY, [sql for sql, _ in straight]),
            rounds,
            steps,
            budget=None,
            stretch=None,
        )


def _compare(
    what: str, plan: Plan, url: str, peer: Timed, rounds: int, steps: int, *, budget: float | None, stretch: float | None
) -> Result:
    sides = side_by_side(_simdsl(plan, url), peer, rounds)
    ours, theirs = (seconds / steps * 1e6 for seconds in (sides.ours, sides.peers))
    detail = f"{ours:.2f} us a step against {theirs:.2f} us by hand, best against best {sides.best:.2f}x; CPU, {steps} steps"
    return Result(what=what, value=sides.ratio, unit="x", budget=budget, stretch=stretch, detail=detail)


def _simdsl(plan: Plan, url: str) -> Timed:
    backend = resolve(url)

    def run() -> None:
        *_, ended = run_plan(plan, "bench", backend, RunOptions(seed=1))
        assert isinstance(ended, PlanEnded)
        assert ended.verdict is Verdict.PASS, ended

    return lambda: cpu_seconds(run)


def _by_parameters(file: str, rounds: int) -> Timed:
    def loop() -> None:
        with _connection(file) as connection:
            execute = connection.execute
            for i in range(1, rounds + 1):
                execute("INSERT INTO t VALUES (?, 1)", (i,)).fetchall()
                execute("SELECT v FROM t WHERE id = ?", (i,)).fetchall()
                execute("UPDATE t SET v = v + 1 WHERE id = ?", (i,)).fetchall()
                execute("SELECT id, v FROM t WHERE id = ?", (i,)).fetchall()

    return lambda: cpu_seconds(loop)


def _by_text(file: str, statements: Sequence[str]) -> Timed:
    def loop() -> None:
        with _connection(file) as connection:
            execute = connection.execute
            for statement in statements:
                execute(statement).fetchall()

    return lambda: cpu_seconds(loop)


def _looped(rounds: int) -> str:
    return f"""\
simdsl: 1
plan: bench
setup:
  - {_TABLE}
steps:
  - for: i in 1..{rounds}
    do:
      - a: INSERT INTO t VALUES ($i, 1) => 1 affected
      - a: SELECT v FROM t WHERE id = $i => 1
      - a: UPDATE t SET v = v + 1 WHERE id = $i => 1 affected
      - a: SELECT id, v FROM t WHERE id = $i => ($i, 2)
"""


def _literal(rounds: int) -> list[tuple[str, str]]:
    return [
        line
        for i in range(1, rounds + 1)
        for line in (
            (f"INSERT INTO t VALUES ({i}, 1)", "1 affected"),
            (f"SELECT v FROM t WHERE id = {i}", "1"),
            (f"UPDATE t SET v = v + 1 WHERE id = {i}", "1 affected"),
            (f"SELECT id, v FROM t WHERE id = {i}", f"({i}, 2)"),
        )
    ]


def _straight(lines: Sequence[tuple[str, str]]) -> str:
    steps = "".join(f"  - a: {sql} => {expected}\n" for sql, expected in lines)
    return f"simdsl: 1\nplan: bench\nsetup:\n  - {_TABLE}\nsteps:\n{steps}"


@contextmanager
def _connection(file: str) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(file, isolation_level=None, timeout=0, uri=file == _MEMORY)
    try:
        if file != _MEMORY:
            connection.execute("PRAGMA journal_mode=wal")
            connection.execute("PRAGMA synchronous=off")
        connection.execute(_TABLE)
        with closing(sqlite3.connect(file, isolation_level=None, uri=file == _MEMORY)) as idle:
            idle.execute("SELECT count(*) FROM t").fetchall()
            yield connection
    finally:
        connection.close()
        Path(file).unlink(missing_ok=True)


@contextmanager
def _files() -> Iterator[Path]:
    root = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="simdsl-bench-", dir=root) as directory:
        yield Path(directory)
