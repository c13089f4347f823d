#!/usr/bin/env bash
# pyturso 0.8.3: a small real literal is rounded to its neighbor. SQLite and Python read the nearest real of 64 bits.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q pyturso==0.8.3
"$work/venv/bin/python" - <<'PY'
import sqlite3
import sys

import turso

found = {
    name: module.connect(":memory:").cursor().execute("SELECT 1e-300").fetchall()[0][0]
    for name, module in (("SQLite", sqlite3), ("Turso", turso))
}
print(found)
sys.exit(not (found["SQLite"] == 1e-300 and found["Turso"] == 9.999999999999999e-301))
PY
