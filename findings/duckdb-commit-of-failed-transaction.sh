#!/usr/bin/env bash
# DuckDB 2.0.1: after an error within a transaction, COMMIT returns without an error, and the transaction was rolled back. Up to
# 1.5.6 the same program commits its row. So the new version loses the row in silence.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for version in 2.0.1 1.5.6; do
    python3 -m venv "$work/$version"
    "$work/$version/bin/pip" install -q "duckdb==$version"
    "$work/$version/bin/python" - "$version" <<'PY'
import sys

import duckdb

connection = duckdb.connect()
connection.execute("CREATE TABLE note (id INTEGER)")
connection.execute("BEGIN")
connection.execute("INSERT INTO note VALUES (1)")
try:
    connection.execute("SELECT * FROM no_such_table")
except duckdb.CatalogException as error:
    print("error within the transaction:", str(error).splitlines()[0])
connection.execute("COMMIT")  # raises nothing
rows = connection.execute("SELECT id FROM note").fetchall()
print(f"DuckDB {duckdb.__version__}: COMMIT raised no error; rows: {rows}")
sys.exit(rows != ([] if sys.argv[1].startswith("2.") else [(1,)]))
PY
done
