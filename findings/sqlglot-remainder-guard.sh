#!/usr/bin/env bash
# sqlglot 30.30.0 and 30.31.0: SQLite's a % 0 is NULL, PostgreSQL's is an error. The older version translates the operator as
# it stands, so that the statement means something else; the newer one puts NULLIF around every divisor, also around a
# literal that is not zero and around one that has a NULLIF.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for version in 30.30.0 30.31.0; do
    python3 -m venv "$work/$version"
    "$work/$version/bin/pip" install -q "sqlglot==$version"
    for statement in "SELECT a % b FROM t" "SELECT 7 % 2" "SELECT a % NULLIF(b, 0) FROM t"; do
        "$work/$version/bin/python" - "$statement" <<'PY'
import sys

import sqlglot

print(sqlglot.transpile(sys.argv[1], read="sqlite", write="postgres")[0])
PY
    done >"$work/$version.out"
    printf '%s\n' "sqlglot $version"
    cat "$work/$version.out"
done
diff "$work/30.30.0.out" - <<'OUT'
SELECT a % b FROM t
SELECT 7 % 2
SELECT a % NULLIF(b, 0) FROM t
OUT
diff "$work/30.31.0.out" - <<'OUT'
SELECT a % NULLIF(b, 0) FROM t
SELECT 7 % NULLIF(2, 0)
SELECT a % NULLIF(NULLIF(b, 0), 0) FROM t
OUT
