#!/usr/bin/env bash
# DuckDB 2.0.1 and 1.5.6: two transactions are open at once. One updates a row, the other deletes the same row. Both commit
# without an error, and the committed update is gone. No order of the two explains the counts: after the update, the DELETE
# would find no row with the old value; after the DELETE, the UPDATE would find no row at all. Two updates do conflict.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for version in 2.0.1 1.5.6; do
    python3 -m venv "$work/$version"
    "$work/$version/bin/pip" install -q "duckdb==$version"
    "$work/$version/bin/python" - <<'PY'
import sys

import duckdb


def outcome(connection, statement):
    try:
        return connection.execute(statement).fetchall()
    except duckdb.Error as error:
        return f"{type(error).__name__}: {str(error).splitlines()[0]}"


def two_connections():
    first = duckdb.connect()
    first.execute("CREATE TABLE account (id INTEGER, balance INTEGER)")
    first.execute("INSERT INTO account VALUES (1, 100), (2, 200)")
    return first, first.cursor()  # a cursor is a second connection to the same database


a, b = two_connections()
a.execute("BEGIN")
b.execute("BEGIN")
updated = outcome(a, "UPDATE account SET balance = 70 WHERE id = 1")
deleted = outcome(b, "DELETE FROM account WHERE balance = 100")
ends = outcome(b, "COMMIT"), outcome(a, "COMMIT")
left = outcome(a, "SELECT id, balance FROM account")
print(f"DuckDB {duckdb.__version__}: rows updated {updated}, rows deleted {deleted}, commits {ends}, left {left}")

a, b = two_connections()
a.execute("BEGIN")
a.execute("UPDATE account SET balance = 70 WHERE id = 1")
second = outcome(b, "UPDATE account SET balance = 80 WHERE id = 1")
print(f"DuckDB {duckdb.__version__}: a second UPDATE of the row instead: {second}")
sys.exit(not (updated == deleted == [(1,)] and ends == ([], []) and left == [(2, 200)] and "Conflict" in str(second)))
PY
done
