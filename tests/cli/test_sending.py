"""``--show-sql``, ``explain PLAN`` and ``--reset-table``."""

from __future__ import annotations

from tests.cli.conftest import BAD, Shell

PLAN = """\
simdsl: 1
plan: bound
setup:
  - CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER)
steps:
  - for: i in 1..2
    do:
      - a: INSERT INTO t VALUES ($i, 1) => 1 affected
  - a: SELECT count(*) FROM t => 2
"""
KEPT = """\
simdsl: 1
plan: kept
steps:
  - a: INSERT INTO t VALUES (1) => 1 affected
  - a: SELECT count(*) FROM t => 1
"""


def test_show_sql_shows_what_is_not_sent_as_it_stands(shell: Shell) -> None:
    shell.write("p.yaml", PLAN)
    result = shell("run", "p.yaml", "--show-sql")
    assert result.code == 0
    assert "INSERT INTO t VALUES (?, 1)" in result.out
    assert "count(*)" not in result.out
    shell.write("q.yaml", "simdsl: 1\nplan: q\nsteps:\n  - a: SELECT 1 => 1\n")
    assert "every statement is sent unchanged" in shell("run", "q.yaml", "--show-sql").out


def test_explain_shows_a_plan_as_a_backend_is_sent_it(shell: Shell) -> None:
    shell.write("p.yaml", PLAN)
    result = shell("explain", "p.yaml", "--backend", "postgres")
    assert result.code == 0
    assert "INSERT INTO t VALUES ($1, 1)    -- $i" in result.out
    assert "SELECT count(*) FROM t" in result.out


def test_explain_of_what_cannot_be_explained(shell: Shell) -> None:
    shell.write("bad.yaml", BAD)
    assert shell("explain", "bad.yaml").code == 2
    assert shell("explain", "missing.yaml").code == 2
    shell.write("p.yaml", PLAN)
    assert shell("explain", "p.yaml", "--backend", "sqlight").code == 3


def test_reset_table_empties_before_each_setup(shell: Shell) -> None:
    shell.write("schema.yaml", "simdsl: 1\nplan: s\nsteps:\n  - a: CREATE TABLE t (id INTEGER PRIMARY KEY) => ok\n")
    shell.write("kept.yaml", KEPT)
    file = ("--backend", "sqlite:///t.db")
    assert shell("run", "schema.yaml", *file).code == 0
    assert shell("run", "kept.yaml", *file).code == 0
    assert shell("run", "kept.yaml", *file).code == 1
    for mode in ("delete", "truncate", "recreate"):
        assert shell("run", "kept.yaml", *file, "--reset-table", "t", "--reset-mode", mode).code == 0
    assert shell("run", "kept.yaml", *file, "--reset-table", "t").code == 0
    assert "U008" in shell("run", "kept.yaml", *file, "--reset-mode", "delete").err
    assert "truncate" in shell("run", "kept.yaml", *file, "--reset-table", "t", "--reset-mode", "trunkate").err
