"""By which columns a query sorts, as far as that can be read off."""

from __future__ import annotations

import pytest

from simdsl.dialect.statements import columns_of, sort_keys
from simdsl.plan.sql import Dialect

TABLES = columns_of(["CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, v INTEGER, UNIQUE (name))"], Dialect.SQLITE)


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("SELECT id, name FROM t ORDER BY name", (1,)),
        ("SELECT id, name FROM t ORDER BY name DESC, id", (1, 0)),
        ("SELECT id, name FROM t ORDER BY 2, 1", (1, 0)),
        ("SELECT id, name AS n FROM t ORDER BY n", (1,)),
        ("SELECT id, NAME FROM t ORDER BY name", (1,)),
        ("SELECT t.id, t.name FROM t ORDER BY t.name", (1,)),
        ("SELECT id, v + 1 FROM t ORDER BY v + 1", (1,)),
        ("SELECT id, lower(name) FROM t ORDER BY lower(name), id", (1, 0)),
        ("SELECT id FROM t ORDER BY v", ()),
        ("SELECT id, v FROM t ORDER BY v, name, id", (1,)),  # behind a key that is not there, nothing is known
        ("SELECT id FROM t ORDER BY 3", ()),
        ("SELECT id FROM t ORDER BY id NULLS LAST LIMIT 3", (0,)),
        ("SELECT id FROM t UNION SELECT v FROM t ORDER BY id", (0,)),
        ("WITH c AS (SELECT id FROM t) SELECT id FROM c ORDER BY id", (0,)),
        ("SELECT id FROM t WHERE id = $n ORDER BY id", (0,)),
        ("SELECT id FROM t", None),
        ("SELECT id FROM (SELECT id FROM t ORDER BY id) AS s", None),
        ("UPDATE t SET v = 1", None),
        ("no statement at all (", None),
        ("", None),
        ("SELECT * FROM t ORDER BY v DESC, id", (2, 0)),
        ("SELECT * FROM T ORDER BY V", (2,)),
        ("SELECT * FROM t ORDER BY 2", (1,)),
        ("SELECT * FROM t WHERE v > 2 ORDER BY name LIMIT 2", (1,)),
        ("SELECT * FROM t ORDER BY v + 1", ()),
        ("SELECT t.* FROM t ORDER BY v", (2,)),
        ("SELECT *, 1 FROM t ORDER BY v", None),
        ("SELECT * FROM u ORDER BY v", None),
        ("SELECT * FROM t, u ORDER BY v", None),
        ("SELECT * FROM (SELECT v, id FROM t) AS s ORDER BY v", None),
        ("WITH t AS (SELECT 1 AS v) SELECT * FROM t ORDER BY v", None),
        ("SELECT * FROM t UNION SELECT * FROM t ORDER BY v", None),
    ],
)
def test_sort_keys(text: str, keys: tuple[int, ...] | None) -> None:
    assert sort_keys(text, Dialect.SQLITE, TABLES) == keys


def test_without_a_table_a_star_has_no_columns() -> None:
    assert sort_keys("SELECT * FROM t ORDER BY v", Dialect.SQLITE) is None


def test_each_dialect_is_read_as_itself() -> None:
    assert sort_keys("SELECT TOP 2 [id], v FROM t ORDER BY v", Dialect.TSQL) == (1,)
    assert sort_keys("SELECT id::text AS i, v FROM t ORDER BY i, v", Dialect.POSTGRES) == (0, 1)


@pytest.mark.parametrize(
    "unsure",
    [
        "ALTER TABLE t ADD COLUMN w INTEGER",
        "ALTER TABLE t RENAME COLUMN v TO w",
        "CREATE TABLE t (v INTEGER)",
        "CREATE TABLE T (v INTEGER)",
    ],
)
def test_a_table_that_changes_is_not_known(unsure: str) -> None:
    texts = ["CREATE TABLE t (id INTEGER, v INTEGER)", "CREATE TABLE u (x INTEGER)", unsure]
    assert columns_of(texts, Dialect.SQLITE) == {"u": ("x",)}


def test_what_creates_no_columns_tells_nothing() -> None:
    texts = [
        "CREATE TABLE t AS SELECT 1",
        "CREATE INDEX i ON u (a)",
        "CREATE VIEW w AS SELECT 1",
        "CREATE nonsense (",
        "SELECT 1",
    ]
    assert columns_of(texts, Dialect.SQLITE) == {}
