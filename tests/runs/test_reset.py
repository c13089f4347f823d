"""``reset:`` empties a database in place before its setup, and says so where it cannot."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from simdsl.core.verdicts import FailureKind, Verdict
from tests.running import run

PLAN = """
    reset: {tables: [t]}
    setup:
      - INSERT INTO t VALUES (1)
    steps:
      - a: SELECT id FROM t => 1
    """


def test_each_run_begins_with_empty_tables(tmp_path: Path) -> None:
    file = tmp_path / "mine.db"
    with sqlite3.connect(file) as database:
        database.execute("CREATE TABLE t (id INTEGER PRIMARY KEY)")
        database.execute("INSERT INTO t VALUES (7)")
    database.close()
    for _ in range(2):
        assert run(PLAN, f"sqlite:///{file}").ended.verdict is Verdict.PASS


def test_a_table_that_is_not_there_is_empty_already() -> None:
    plan = PLAN.replace("setup:\n", "setup:\n      - CREATE TABLE IF NOT EXISTS t (id INTEGER PRIMARY KEY)\n")
    assert run(plan).ended.verdict is Verdict.PASS


def test_a_table_that_cannot_be_emptied_fails_the_setup(tmp_path: Path) -> None:
    file = tmp_path / "mine.db"
    with sqlite3.connect(file, isolation_level=None) as writer:
        writer.execute("CREATE TABLE t (id INTEGER PRIMARY KEY)")
        writer.execute("BEGIN IMMEDIATE")
        failure = run(PLAN, f"sqlite:///{file}").failure
    writer.close()
    assert (failure.kind, failure.path) == (FailureKind.SETUP, ("reset", "tables"))
    assert failure.message == "database is locked"
