-- T-SQL of tests/dialect/corpus/writes.yaml.
-- Made by `python -m tests.dialect` with sqlglot 30.31.0, DuckDB 2.0.1, PostgreSQL 18.6.3 and SQLite 3.40.1; do not edit.

-- insert-values: INSERT INTO acc VALUES (9, 'zed', 1, 'z')
INSERT INTO acc VALUES (9, 'zed', 1, 'z');

-- insert-columns: INSERT INTO acc (id, owner) VALUES (9, 'zed')
INSERT INTO acc (id, owner) VALUES (9, 'zed');

-- insert-several: INSERT INTO acc (id, owner, n) VALUES (8, 'y', 1), (9, 'z', 2)
INSERT INTO acc (id, owner, n) VALUES (8, 'y', 1), (9, 'z', 2);

-- insert-select: INSERT INTO move (id, acc, d) SELECT id + 10, id, n FROM acc
INSERT INTO move (id, acc, d) SELECT id + 10, id, n FROM acc;

-- insert-with: WITH x AS (SELECT 9 AS k) INSERT INTO move (id, acc, d) SELECT k, 1, 1 FROM x
WITH x AS (SELECT 9 AS k) INSERT INTO move (id, acc, d) SELECT k, 1, 1 FROM x;

-- insert-null: INSERT INTO acc (id, owner, note) VALUES (9, NULL, NULL)
INSERT INTO acc (id, owner, note) VALUES (9, NULL, NULL);

-- insert-bound: INSERT INTO acc (id, owner, n) VALUES ($id, $owner, $n)
INSERT INTO acc (id, owner, n) VALUES ($id, $owner, $n);

-- insert-expression: INSERT INTO acc (id, owner, n) VALUES (4 + 5, 'a' || 'b', (SELECT max(n) FROM acc))
INSERT INTO acc (id, owner, n) VALUES (4 + 5, 'a' + 'b', (SELECT MAX(n) FROM acc));

-- insert-default-values: INSERT INTO d DEFAULT VALUES
INSERT INTO d DEFAULT VALUES;

-- insert-duplicate-key: INSERT INTO acc (id, owner) VALUES (1, 'new')
INSERT INTO acc (id, owner) VALUES (1, 'new');

-- insert-duplicate-unique: INSERT INTO acc (id, owner) VALUES (9, 'ann')
INSERT INTO acc (id, owner) VALUES (9, 'ann');

-- insert-not-null: INSERT INTO acc (id, owner, n) VALUES (9, 'x', NULL)
INSERT INTO acc (id, owner, n) VALUES (9, 'x', NULL);

-- insert-check: INSERT INTO move (id, acc, d) VALUES (9, 1, 0)
INSERT INTO move (id, acc, d) VALUES (9, 1, 0);

-- insert-generated-id: INSERT INTO g (v) VALUES ('a'), ('b')
INSERT INTO g (v) VALUES ('a'), ('b');

-- insert-generated-after-given: INSERT INTO g (v) VALUES ('b')
INSERT INTO g (v) VALUES ('b');

-- insert-text-into-integer: INSERT INTO acc (id, owner, n) VALUES (9, 'x', 'many')
INSERT INTO acc (id, owner, n) VALUES (9, 'x', 'many');

-- insert-or-ignore: INSERT OR IGNORE INTO acc (id, owner) VALUES (1, 'x'), (9, 'y')
-- refused: INSERT OR IGNORE

-- insert-or-ignore-null: INSERT OR IGNORE INTO acc (id, owner, n) VALUES (9, 'y', NULL)
-- refused: INSERT OR IGNORE

-- insert-or-replace: INSERT OR REPLACE INTO move (id, acc, d) VALUES (1, 2, 9)
-- refused: INSERT OR REPLACE

-- replace: REPLACE INTO move (id, acc, d) VALUES (1, 2, 9)
-- refused: REPLACE

-- insert-or-abort: INSERT OR ABORT INTO move (id, acc, d) VALUES (7, 2, 9)
INSERT INTO move (id, acc, d) VALUES (7, 2, 9);

-- insert-or-fail: INSERT OR FAIL INTO move (id, acc, d) VALUES (7, 2, 9)
-- refused: INSERT OR FAIL

-- insert-or-rollback: INSERT OR ROLLBACK INTO move (id, acc, d) VALUES (7, 2, 9)
-- refused: INSERT OR ROLLBACK

-- upsert-nothing: INSERT INTO acc (id, owner) VALUES (1, 'x') ON CONFLICT DO NOTHING
-- refused: ON CONFLICT

-- upsert-nothing-columns: INSERT INTO acc (id, owner) VALUES (1, 'x'), (9, 'y') ON CONFLICT (id) DO NOTHING
-- refused: ON CONFLICT

-- upsert-update: INSERT INTO acc (id, owner, n) VALUES (1, 'ann', 1) ON CONFLICT (id) DO UPDATE SET n = acc.n + excluded.n
-- refused: ON CONFLICT

-- upsert-unique: INSERT INTO acc (id, owner, n) VALUES (9, 'bob', 1) ON CONFLICT(owner) DO UPDATE SET n = excluded.n, note = 'new'
-- refused: ON CONFLICT

-- upsert-where: INSERT INTO acc (id, owner, n) VALUES (1, 'ann', 1) ON CONFLICT (id) DO UPDATE SET n = excluded.n WHERE excluded.n > acc.n
-- refused: ON CONFLICT

-- upsert-returning: INSERT INTO acc (id, owner, n) VALUES (1, 'ann', 1) ON CONFLICT (id) DO UPDATE SET n = excluded.n RETURNING id, n
-- refused: ON CONFLICT

-- upsert-select: INSERT INTO move (id, acc, d) SELECT id, 1, 8 FROM move WHERE TRUE ON CONFLICT (id) DO UPDATE SET d = excluded.d
-- refused: ON CONFLICT

-- upsert-untargeted: INSERT INTO acc (id, owner) VALUES (1, 'x') ON CONFLICT DO UPDATE SET n = 5
-- refused: ON CONFLICT

-- upsert-other-column: INSERT INTO acc (id, owner) VALUES (1, 'x') ON CONFLICT (n) DO NOTHING
-- refused: ON CONFLICT

-- returning: INSERT INTO acc (id, owner) VALUES (9, 'z') RETURNING id, n
INSERT INTO acc (id, owner) OUTPUT INSERTED.id, INSERTED.n VALUES (9, 'z');

-- returning-star: INSERT INTO acc (id, owner) VALUES (9, 'z') RETURNING *
INSERT INTO acc (id, owner) OUTPUT INSERTED.* VALUES (9, 'z');

-- returning-expression: INSERT INTO acc (id, owner, n) VALUES (9, 'z', 4) RETURNING n * 2 AS twice
INSERT INTO acc (id, owner, n) OUTPUT INSERTED.n * 2 AS twice VALUES (9, 'z', 4);

-- returning-several: INSERT INTO move (id, acc, d) VALUES (8, 1, 1), (9, 1, 2) RETURNING id
INSERT INTO move (id, acc, d) OUTPUT INSERTED.id VALUES (8, 1, 1), (9, 1, 2);

-- update: UPDATE acc SET n = n + 1 WHERE id = 1
UPDATE acc SET n = n + 1 WHERE id = 1;

-- update-all: UPDATE acc SET note = 'x', n = 0
UPDATE acc SET note = 'x', n = 0;

-- update-none: UPDATE acc SET n = 0 WHERE id = 99
UPDATE acc SET n = 0 WHERE id = 99;

-- update-case: UPDATE acc SET n = CASE WHEN n > 15 THEN 1 ELSE 0 END
UPDATE acc SET n = CASE WHEN n > 15 THEN 1 ELSE 0 END;

-- update-query: UPDATE acc SET n = (SELECT count(*) FROM move WHERE acc = acc.id)
UPDATE acc SET n = (SELECT COUNT(*) FROM move WHERE acc = acc.id);

-- update-in: UPDATE acc SET n = 0 WHERE id IN (SELECT acc FROM move)
UPDATE acc SET n = 0 WHERE id IN (SELECT acc FROM move);

-- update-null: UPDATE acc SET note = NULL WHERE id = 1
UPDATE acc SET note = NULL WHERE id = 1;

-- update-swap: UPDATE move SET acc = id, id = acc + 10
UPDATE move SET acc = id, id = acc + 10;

-- update-row: UPDATE acc SET (n, note) = (7, 'r') WHERE id = 1
UPDATE acc SET n = 7, note = 'r' WHERE id = 1;

-- update-row-query: UPDATE acc SET (n, note) = (SELECT 7, 'r') WHERE id = 1
-- refused: several columns set from one query

-- update-from: UPDATE acc SET n = acc.n + move.d FROM move WHERE move.acc = acc.id
UPDATE acc SET n = acc.n + move.d FROM move WHERE move.acc = acc.id;

-- update-from-query: UPDATE acc SET n = s.t FROM (SELECT acc AS k, sum(d) AS t FROM move GROUP BY acc) AS s WHERE s.k = acc.id
UPDATE acc SET n = s.t FROM (SELECT acc AS k, SUM(d) AS t FROM move GROUP BY acc) AS s WHERE s.k = acc.id;

-- update-alias: UPDATE acc AS a SET n = 1 WHERE a.id = 1
-- refused: an alias of the table that is changed

-- update-returning: UPDATE acc SET n = n + 1 WHERE id < 3 RETURNING id, n
UPDATE acc SET n = n + 1 OUTPUT INSERTED.id, INSERTED.n WHERE id < 3;

-- update-returning-star: UPDATE acc SET n = n + 1 WHERE id = 3 RETURNING *
UPDATE acc SET n = n + 1 OUTPUT INSERTED.* WHERE id = 3;

-- update-bound: UPDATE acc SET n = n - $d WHERE id = $id AND n >= $d
UPDATE acc SET n = n - $d WHERE id = $id AND n >= $d;

-- update-to-condition: UPDATE acc SET n = n > 15
UPDATE acc SET n = CASE WHEN n > 15 THEN 1 WHEN NOT (n > 15) THEN 0 END;

-- update-or-ignore: UPDATE OR IGNORE acc SET id = 1
-- refused: UPDATE OR IGNORE

-- update-unique-violation: UPDATE acc SET owner = 'bob' WHERE id = 1
UPDATE acc SET owner = 'bob' WHERE id = 1;

-- update-limit: UPDATE acc SET n = 0 LIMIT 1
-- refused: UPDATE ... LIMIT

-- update-with: WITH x AS (SELECT 1 AS k) UPDATE acc SET n = 0 WHERE id IN (SELECT k FROM x)
WITH x AS (SELECT 1 AS k) UPDATE acc SET n = 0 WHERE id IN (SELECT k FROM x);

-- delete: DELETE FROM move WHERE id = 1
DELETE FROM move WHERE id = 1;

-- delete-all: DELETE FROM move
DELETE FROM move;

-- delete-in: DELETE FROM move WHERE acc IN (SELECT id FROM acc WHERE n > 15)
DELETE FROM move WHERE acc IN (SELECT id FROM acc WHERE n > 15);

-- delete-exists: DELETE FROM move WHERE EXISTS (SELECT 1 FROM acc WHERE acc.id = move.acc AND acc.n < 15)
DELETE FROM move WHERE EXISTS(SELECT 1 FROM acc WHERE acc.id = move.acc AND acc.n < 15);

-- delete-returning: DELETE FROM move WHERE id = 2 RETURNING id, d
DELETE FROM move OUTPUT DELETED.id, DELETED.d WHERE id = 2;

-- delete-returning-star: DELETE FROM move RETURNING *
DELETE FROM move OUTPUT DELETED.*;

-- delete-limit: DELETE FROM move ORDER BY id LIMIT 1
-- refused: DELETE ... LIMIT

-- delete-bound: DELETE FROM move WHERE id = $id
DELETE FROM move WHERE id = $id;

-- delete-by-flag: DELETE FROM move WHERE 1
DELETE FROM move WHERE (1 = 1);

-- insert-missing-column: INSERT INTO acc (id, nope) VALUES (9, 1)
INSERT INTO acc (id, nope) VALUES (9, 1);

-- insert-missing-table: INSERT INTO nope VALUES (1)
INSERT INTO nope VALUES (1);

-- select-missing-column: SELECT nope FROM acc
SELECT nope FROM acc;
