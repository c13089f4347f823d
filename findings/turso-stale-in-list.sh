#!/usr/bin/env bash
# pyturso 0.8.3: the list of IN contains a column of the outer table, so it is another one for each outer row. Where the
# inner table is searched by an index, Turso builds the list for the first outer row only. SQLite returns five pairs.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q pyturso==0.8.3
"$work/venv/bin/python" - <<'PY'
import sqlite3
import sys

import turso

SETUP = ("CREATE TABLE t (id INTEGER, c TEXT)", "INSERT INTO t VALUES (1, 'a'), (2, 'b'), (3, 'a')")
QUERY = "SELECT a.id, b.id FROM t AS a CROSS JOIN t AS b WHERE b.c IN (a.c, NULL)"


def pairs(module, *more):
    cursor = module.connect(":memory:").cursor()
    for statement in (*SETUP, *more):
        cursor.execute(statement)
    return sorted(cursor.execute(QUERY).fetchall())


right = pairs(sqlite3, "CREATE INDEX i ON t (c)")
plain, indexed = pairs(turso), pairs(turso, "CREATE INDEX i ON t (c)")
print("SQLite, with an index:    ", right)
print("Turso, without an index:  ", plain)
print("Turso, with an index:     ", indexed)
sys.exit(not (plain == right != indexed))
PY
