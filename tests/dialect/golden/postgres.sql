-- T-SQL of tests/dialect/corpus/postgres.yaml.
-- Made by `python -m tests.dialect` with sqlglot 30.31.0, DuckDB 2.0.1, PostgreSQL 18.6.3 and SQLite 3.40.1; do not edit.

-- select: SELECT id, a FROM p WHERE a > 3
SELECT id, a FROM p WHERE a > 3;

-- order: SELECT id, a FROM p ORDER BY a, id
SELECT id, a FROM p ORDER BY CASE WHEN a IS NULL THEN 1 ELSE 0 END, a, CASE WHEN id IS NULL THEN 1 ELSE 0 END, id;

-- order-descending: SELECT id, a FROM p ORDER BY a DESC, id
SELECT id, a FROM p ORDER BY CASE WHEN a IS NULL THEN 1 ELSE 0 END DESC, a DESC, CASE WHEN id IS NULL THEN 1 ELSE 0 END, id;

-- order-nulls-first: SELECT id, a FROM p ORDER BY a NULLS FIRST, id
SELECT id, a FROM p ORDER BY a, CASE WHEN id IS NULL THEN 1 ELSE 0 END, id;

-- order-ordinal: SELECT a, id FROM p ORDER BY 1, 2
-- refused: an ordinal in ORDER BY with NULL on the other side

-- limit-offset: SELECT id FROM p ORDER BY id LIMIT 1 OFFSET 1
SELECT id FROM p ORDER BY CASE WHEN id IS NULL THEN 1 ELSE 0 END, id OFFSET 1 ROWS FETCH FIRST 1 ROWS ONLY;

-- offset-alone: SELECT id FROM p ORDER BY id OFFSET 1
SELECT id FROM p ORDER BY CASE WHEN id IS NULL THEN 1 ELSE 0 END, id OFFSET 1 ROWS;

-- fetch-first: SELECT id FROM p ORDER BY id FETCH FIRST 2 ROWS ONLY
SELECT id FROM p ORDER BY CASE WHEN id IS NULL THEN 1 ELSE 0 END, id OFFSET 0 ROWS FETCH FIRST 2 ROWS ONLY;

-- fetch-ties: SELECT id FROM p ORDER BY id FETCH FIRST 2 ROWS WITH TIES
-- refused: FETCH ... WITH TIES or PERCENT

-- where-flag: SELECT id FROM p WHERE f
SELECT id FROM p WHERE f <> 0;

-- where-not-flag: SELECT id FROM p WHERE NOT f
SELECT id FROM p WHERE NOT (f <> 0);

-- where-is-true: SELECT id FROM p WHERE f IS NOT TRUE
SELECT id FROM p WHERE NOT CASE WHEN f <> 0 THEN 1 ELSE 0 END = 1;

-- select-boolean: SELECT id, f, a > 3 FROM p
SELECT id, f, CASE WHEN a > 3 THEN 1 WHEN NOT (a > 3) THEN 0 END FROM p;

-- like: SELECT id FROM p WHERE s LIKE 'Hel%'
SELECT id FROM p WHERE s COLLATE Latin1_General_100_BIN2 LIKE 'Hel%';

-- like-case: SELECT id FROM p WHERE s LIKE 'hel%'
SELECT id FROM p WHERE s COLLATE Latin1_General_100_BIN2 LIKE 'hel%';

-- not-like: SELECT id FROM p WHERE s NOT LIKE 'hel_'
SELECT id FROM p WHERE s COLLATE Latin1_General_100_BIN2 NOT LIKE 'hel_';

-- like-special: SELECT 'a*b' LIKE 'a*%', 'aXb' LIKE 'a*%', 'a[b' LIKE 'a[%'
SELECT CASE WHEN 'a*b' COLLATE Latin1_General_100_BIN2 LIKE 'a*%' THEN 1 WHEN NOT ('a*b' COLLATE Latin1_General_100_BIN2 LIKE 'a*%') THEN 0 END, CASE WHEN 'aXb' COLLATE Latin1_General_100_BIN2 LIKE 'a*%' THEN 1 WHEN NOT ('aXb' COLLATE Latin1_General_100_BIN2 LIKE 'a*%') THEN 0 END, CASE WHEN 'a[b' COLLATE Latin1_General_100_BIN2 LIKE 'a[[]%' THEN 1 WHEN NOT ('a[b' COLLATE Latin1_General_100_BIN2 LIKE 'a[[]%') THEN 0 END;

-- like-bound: SELECT id FROM p WHERE s LIKE $x
-- refused: LIKE with a pattern that is no plain text

-- ilike: SELECT id FROM p WHERE s ILIKE 'hel%'
SELECT id FROM p WHERE s COLLATE Latin1_General_100_CI_AS_SC LIKE 'hel%';

-- ilike-bound: SELECT id FROM p WHERE s ILIKE $x
-- refused: LIKE with a pattern that is no plain text

-- regular-expression: SELECT id FROM p WHERE s ~ '^H'
-- refused: a regular expression

-- is-distinct-from: SELECT id FROM p WHERE a IS DISTINCT FROM 7
SELECT id FROM p WHERE a IS DISTINCT FROM 7;

-- is-not-distinct-from: SELECT id FROM p WHERE a IS NOT DISTINCT FROM NULL
SELECT id FROM p WHERE a IS NOT DISTINCT FROM NULL;

-- divide: SELECT id, a / 2 FROM p
SELECT id, a / 2 FROM p;

-- divide-literals: SELECT 7 / 2, -7 / 2, 7 / 2.0
SELECT 7 / 2, -7 / 2, 7 / 2.0;

-- divide-by-zero: SELECT 1 / 0
SELECT 1 / 0;

-- remainder: SELECT id, b % 2 FROM p
SELECT id, b % 2 FROM p;

-- power: SELECT 2 ^ 3
SELECT POWER(CAST(2 AS FLOAT), 3);

-- cast-integer-literal: SELECT CAST('12' AS INTEGER), '7'::int
SELECT CAST('12' AS INT), CAST('7' AS INT);

-- cast-rounds: SELECT CAST(1.6 AS INTEGER), CAST(2.4 AS INTEGER), CAST(2.5 AS INTEGER)
-- refused: a cast to INT of what may be no integer

-- cast-column-integer: SELECT d::int FROM p
-- refused: a cast to INT of what may be no integer

-- cast-column-text: SELECT id::text FROM p
SELECT CAST(id AS NVARCHAR(MAX)) FROM p;

-- cast-boolean-text: SELECT (a > 3)::text FROM p
-- refused: a cast of a boolean to TEXT

-- cast-date: SELECT date '2024-01-31'
SELECT CAST('2024-01-31' AS DATE);

-- cast-timestamp: SELECT timestamp '2024-01-31 10:00'
-- refused: a cast to TIMESTAMP

-- cast-blob: SELECT '\x00ff'::bytea
-- refused: a cast to BYTEA

-- interval: SELECT interval '1 day'
-- refused: INTERVAL

-- extract: SELECT extract(year FROM date '2024-01-31')
-- refused: EXTRACT()

-- now: SELECT now() IS NOT NULL
-- refused: CURRENT_TIMESTAMP in an expression

-- generate-series: SELECT * FROM generate_series(1, 3)
-- refused: EXPLODING_GENERATE_SERIES()

-- array: SELECT ARRAY[1, 2]
-- refused: ARRAY[]

-- subscript: SELECT (ARRAY[1, 2])[1]
-- refused: a subscript

-- any-array: SELECT id FROM p WHERE id = ANY(ARRAY[1, 2])
-- refused: ANY

-- json: SELECT '{"a": 1}'::jsonb -> 'a'
-- refused: `->` on JSON

-- escape-string: SELECT E'a\nb'
-- refused: a string with escapes

-- dollar-quote: SELECT $$x$$
-- refused: a dollar quote

-- concat-operator: SELECT s || '!' FROM p
SELECT CAST(s AS NVARCHAR(MAX)) + '!' FROM p;

-- concat-function: SELECT concat(s, '!') FROM p
SELECT CONCAT(s, '!') FROM p;

-- position: SELECT id, position('l' in s) FROM p
SELECT id, CHARINDEX('l', s COLLATE Latin1_General_100_BIN2) FROM p;

-- strpos: SELECT id, strpos(s, 'l') FROM p
SELECT id, CHARINDEX('l', s COLLATE Latin1_General_100_BIN2) FROM p;

-- substring-from: SELECT substring(s FROM 2 FOR 3) FROM p
SELECT SUBSTRING(s, 2, 3) FROM p;

-- substr: SELECT substr(s, 2) FROM p
SELECT SUBSTRING(s, 2, 2147483647) FROM p;

-- substring-zero: SELECT substr('abc', 0, 2)
-- refused: SUBSTR() from before the first character

-- length-upper: SELECT length(s), upper(s), lower(s) FROM p
SELECT (LEN(s + '.') - 1), UPPER(s), LOWER(s) FROM p;

-- string-agg: SELECT string_agg(s, ', ') FROM p WHERE id = 1
SELECT STRING_AGG(CAST(s AS NVARCHAR(MAX)), ', ') FROM p WHERE id = 1;

-- string-agg-ordered: SELECT string_agg(s, ', ' ORDER BY id) FROM p
-- refused: an aggregate with ORDER BY inside

-- greatest: SELECT greatest(a, 3), least(a, 3) FROM p
SELECT GREATEST(a, 3), LEAST(a, 3) FROM p;

-- coalesce: SELECT coalesce(a, 0), nullif(a, 7) FROM p
SELECT COALESCE(a, 0), NULLIF(a, 7) FROM p;

-- aggregates: SELECT count(*), sum(a), min(b), max(s) FROM p
SELECT COUNT(*), SUM(a), MIN(b), MAX(s) FROM p;

-- avg: SELECT avg(b) FROM p
SELECT AVG(CAST(b AS FLOAT)) FROM p;

-- aggregate-filter: SELECT count(*) FILTER (WHERE a > 0) FROM p
SELECT COUNT(IIF(a > 0, 1, NULL)) FROM p;

-- bool-and: SELECT bool_and(f) FROM p
-- refused: BOOL_AND()

-- round-decimal: SELECT round(2.5), round(-2.5), round(2.345, 2)
SELECT ROUND(CAST(2.5 AS FLOAT), 0), ROUND(CAST(-2.5 AS FLOAT), 0), ROUND(CAST(2.345 AS FLOAT), 2);

-- trunc: SELECT trunc(1.7)
-- refused: TRUNC()

-- random: SELECT random() < 2
-- refused: RANDOM()

-- distinct-on: SELECT DISTINCT ON (p) p, n FROM q ORDER BY p, n
-- refused: DISTINCT ON

-- lateral: SELECT p.id, x.n FROM p, LATERAL (SELECT n FROM q WHERE q.p = p.id) AS x
-- refused: LATERAL

-- for-update: SELECT id FROM p WHERE id = 1 FOR UPDATE
-- refused: FOR UPDATE

-- for-share-skip-locked: SELECT id FROM p FOR SHARE SKIP LOCKED
-- refused: FOR SHARE

-- join-using: SELECT count(*) FROM p JOIN q USING (id)
-- refused: JOIN ... USING

-- full-join: SELECT p.id, q.id FROM p FULL JOIN q ON q.p = p.id
SELECT p.id, q.id FROM p FULL JOIN q ON q.p = p.id;

-- intersect-first: SELECT 1 AS n UNION SELECT 2 INTERSECT SELECT 3
SELECT 1 AS n UNION (SELECT 2 INTERSECT SELECT 3);

-- except-all: SELECT p FROM q EXCEPT ALL SELECT 1
-- refused: EXCEPT ALL

-- with: WITH x AS (SELECT id FROM p WHERE a = 7) SELECT n FROM q WHERE p IN (SELECT id FROM x)
WITH x AS (SELECT id AS id FROM p WHERE a = 7) SELECT n FROM q WHERE p IN (SELECT id FROM x);

-- with-recursive: WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 4) SELECT n FROM c
WITH c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 4) SELECT n FROM c;

-- with-that-writes: WITH x AS (DELETE FROM q RETURNING id) SELECT id FROM x
-- refused: a WITH that changes rows

-- values: VALUES (1, 'a'), (2, 'b')
SELECT * FROM (VALUES (1, 'a'), (2, 'b')) AS v(column1, column2);

-- grouping-sets: SELECT p, count(*) FROM q GROUP BY ROLLUP (p)
-- refused: ROLLUP

-- window: SELECT id, row_number() OVER (PARTITION BY p ORDER BY id) FROM q
SELECT id, ROW_NUMBER() OVER (PARTITION BY p ORDER BY CASE WHEN id IS NULL THEN 1 ELSE 0 END, id) FROM q;

-- window-order-nulls: SELECT id, rank() OVER (ORDER BY a) FROM p
SELECT id, RANK() OVER (ORDER BY CASE WHEN a IS NULL THEN 1 ELSE 0 END, a) FROM p;

-- insert: INSERT INTO q (id, p) VALUES (9, 1)
INSERT INTO q (id, p) VALUES (9, 1);

-- insert-returning: INSERT INTO q (id, p) VALUES (9, 1) RETURNING id, n
INSERT INTO q (id, p) OUTPUT INSERTED.id, INSERTED.n VALUES (9, 1);

-- insert-default: INSERT INTO q (id, p, n) VALUES (9, 1, DEFAULT)
INSERT INTO q (id, p, n) VALUES (9, 1, DEFAULT);

-- insert-overriding: INSERT INTO q (id, p) OVERRIDING SYSTEM VALUE VALUES (9, 1)
-- refused: INSERT

-- upsert: INSERT INTO q (id, p, n) VALUES (1, 1, 9) ON CONFLICT (id) DO UPDATE SET n = excluded.n
-- refused: ON CONFLICT

-- upsert-select: INSERT INTO q (id, p, n) SELECT id, 1, 9 FROM p ON CONFLICT (id) DO NOTHING
-- refused: ON CONFLICT

-- upsert-constraint: INSERT INTO q (id, p, n) VALUES (1, 1, 9) ON CONFLICT ON CONSTRAINT q_pkey DO NOTHING
-- refused: ON CONFLICT

-- update: UPDATE q SET n = n + 1 WHERE p = 1
UPDATE q SET n = n + 1 WHERE p = 1;

-- update-from: UPDATE q SET n = p.a FROM p WHERE p.id = q.p AND p.a IS NOT NULL
UPDATE q SET n = p.a FROM p WHERE p.id = q.p AND p.a IS NOT NULL;

-- update-returning: UPDATE q SET n = 0 WHERE id = 2 RETURNING *
UPDATE q SET n = 0 OUTPUT INSERTED.* WHERE id = 2;

-- delete: DELETE FROM q WHERE n > 5
DELETE FROM q WHERE n > 5;

-- delete-using: DELETE FROM q USING p WHERE p.id = q.p
-- refused: DELETE ... USING

-- delete-returning: DELETE FROM q WHERE id = 2 RETURNING n
DELETE FROM q OUTPUT DELETED.n WHERE id = 2;

-- truncate: TRUNCATE q
-- refused: TRUNCATE

-- merge: MERGE INTO q USING p ON p.id = q.id WHEN MATCHED THEN DELETE
-- refused: MERGE

-- create-types: CREATE TABLE t (a INTEGER, b BIGINT, c SMALLINT, d DOUBLE PRECISION, f BOOLEAN, g TEXT, h VARCHAR(9), i NUMERIC(8, 2))
CREATE TABLE t (a INT, b BIGINT, c SMALLINT, d FLOAT, f BIT, g NVARCHAR(MAX) COLLATE Latin1_General_100_BIN2, h NVARCHAR(9) COLLATE Latin1_General_100_BIN2, i NUMERIC(8, 2));

-- create-blob: CREATE TABLE t (a BYTEA)
CREATE TABLE t (a VARBINARY(MAX));

-- create-serial: CREATE TABLE t (id SERIAL PRIMARY KEY, s TEXT)
CREATE TABLE t (id INT IDENTITY(1, 1) PRIMARY KEY, s NVARCHAR(MAX) COLLATE Latin1_General_100_BIN2);

-- create-identity: CREATE TABLE t (id INTEGER GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, s TEXT)
CREATE TABLE t (id INT IDENTITY(1, 1) PRIMARY KEY, s NVARCHAR(MAX) COLLATE Latin1_General_100_BIN2);

-- create-identity-always: CREATE TABLE t (id INTEGER GENERATED ALWAYS AS IDENTITY PRIMARY KEY)
-- refused: GENERATED ALWAYS AS IDENTITY

-- create-key-null: CREATE TABLE t (id INTEGER PRIMARY KEY)
CREATE TABLE t (id INT PRIMARY KEY);

-- create-text-key-null: CREATE TABLE t (id TEXT PRIMARY KEY)
CREATE TABLE t (id NVARCHAR(450) COLLATE Latin1_General_100_BIN2 PRIMARY KEY);

-- create-char: CREATE TABLE t (a CHAR(3))
-- refused: the type CHAR, which pads

-- create-array: CREATE TABLE t (a INTEGER[])
-- refused: the type INTEGER

-- create-jsonb: CREATE TABLE t (a JSONB)
-- refused: the type JSONB

-- create-uuid: CREATE TABLE t (a UUID)
CREATE TABLE t (a UNIQUEIDENTIFIER);

-- create-timestamptz: CREATE TABLE t (a TIMESTAMPTZ)
CREATE TABLE t (a DATETIMEOFFSET);

-- create-varchar-too-long: CREATE TABLE t (a VARCHAR(2))
CREATE TABLE t (a NVARCHAR(2) COLLATE Latin1_General_100_BIN2);

-- create-text-into-integer: CREATE TABLE t (a INTEGER)
CREATE TABLE t (a INT);

-- create-check: CREATE TABLE t (a INTEGER CHECK (a > 0))
CREATE TABLE t (a INT CHECK (a > 0));

-- create-boolean-default: CREATE TABLE t (id INTEGER, f BOOLEAN DEFAULT TRUE)
CREATE TABLE t (id INT, f BIT DEFAULT 1);

-- create-index: CREATE INDEX i ON p (a DESC, s)
CREATE INDEX i ON p(a DESC, s);

-- create-index-nulls: CREATE INDEX i ON p (a NULLS FIRST)
CREATE INDEX i ON p(a);

-- create-index-gin: CREATE INDEX i ON p USING gin (s)
-- refused: INDEX PARAMETERS with USING

-- create-index-concurrently: CREATE INDEX CONCURRENTLY i ON p (a)
-- refused: CREATE with CONCURRENTLY

-- create-view: CREATE VIEW w AS SELECT id FROM p WHERE f
CREATE VIEW w AS SELECT id FROM p WHERE f <> 0;

-- create-view-or-replace: CREATE OR REPLACE VIEW w AS SELECT id FROM p
-- refused: CREATE with REPLACE

-- create-schema: CREATE SCHEMA x
-- refused: CREATE SCHEMA

-- create-sequence: CREATE SEQUENCE x
-- refused: CREATE SEQUENCE

-- create-type: CREATE TYPE x AS ENUM ('a')
-- refused: CREATE TYPE

-- create-function: CREATE FUNCTION x() RETURNS int LANGUAGE sql AS 'SELECT 1'
-- refused: CREATE FUNCTION

-- alter-add: ALTER TABLE p ADD COLUMN z INTEGER
ALTER TABLE p ADD z INT;

-- alter-type: ALTER TABLE p ALTER COLUMN a TYPE BIGINT
-- refused: ALTER COLUMN

-- alter-rename-column: ALTER TABLE p RENAME COLUMN s TO t
EXEC sp_rename N'p.s', N't', N'COLUMN';

-- drop-two: DROP TABLE p, q
DROP TABLE p, q;

-- drop-cascade: DROP TABLE q CASCADE
-- refused: DROP ... CASCADE

-- lock-table: LOCK TABLE p IN EXCLUSIVE MODE
-- refused: LOCK

-- set: SET work_mem = '4MB'
-- refused: SET

-- notify: NOTIFY x
-- refused: NOTIFY

-- do-block: DO 'BEGIN END'
-- refused: DO

-- copy: COPY p TO STDOUT
-- refused: COPY

-- explain: EXPLAIN SELECT 1
-- refused: EXPLAIN

-- vacuum: VACUUM
-- refused: VACUUM

-- current-user: SELECT current_user IS NOT NULL
-- refused: CURRENT_USER()

-- ctid: SELECT ctid FROM p
-- refused: `ctid` of PostgreSQL

-- schema-name: SELECT id FROM public.p
-- refused: the schema `public`

-- create-real: CREATE TABLE t (a REAL)
CREATE TABLE t (a REAL);

-- concat-precedence: SELECT s || a + 1, (s || a) FROM p
SELECT CAST(s AS NVARCHAR(MAX)) + CAST((a + 1) AS NVARCHAR(MAX)), (CAST(s AS NVARCHAR(MAX)) + CAST(a AS NVARCHAR(MAX))) FROM p;

-- not-is-not-null: SELECT id FROM p WHERE NOT s IS NOT NULL
SELECT id FROM p WHERE NOT s IS NOT NULL;

-- select-is-not-null: SELECT s IS NOT NULL, NOT s IS NULL, f IS NOT TRUE FROM p
SELECT CASE WHEN s IS NOT NULL THEN 1 ELSE 0 END, CASE WHEN s IS NOT NULL THEN 1 ELSE 0 END, CASE WHEN NOT CASE WHEN f <> 0 THEN 1 ELSE 0 END = 1 THEN 1 WHEN NOT (NOT CASE WHEN f <> 0 THEN 1 ELSE 0 END = 1) THEN 0 END FROM p;

-- compared-is-null: SELECT id FROM p WHERE (a = b) IS NULL
SELECT id FROM p WHERE (CASE WHEN a = b THEN 1 WHEN NOT (a = b) THEN 0 END) IS NULL;

-- compared-like: SELECT id FROM p WHERE f = (s LIKE 'H%')
SELECT id FROM p WHERE f = (CASE WHEN s COLLATE Latin1_General_100_BIN2 LIKE 'H%' THEN 1 WHEN NOT (s COLLATE Latin1_General_100_BIN2 LIKE 'H%') THEN 0 END);

-- compared-like-bare: SELECT id FROM p WHERE f = s LIKE 'H%'
SELECT id FROM p WHERE f = (CASE WHEN s COLLATE Latin1_General_100_BIN2 LIKE 'H%' THEN 1 WHEN NOT (s COLLATE Latin1_General_100_BIN2 LIKE 'H%') THEN 0 END);

-- floor-of-integer: SELECT floor(-3) / length('ab')
SELECT CAST(-3 AS FLOAT) / (LEN('ab' + '.') - 1);

-- floor-text: SELECT floor(3)::text
-- refused: a cast of a real to TEXT, which each engine writes in its own way

-- nested-choices: SELECT CASE WHEN f AND a > 3 THEN 'x' WHEN NOT f THEN 'y' ELSE 'z' END FROM p
SELECT CASE WHEN (f <> 0) AND a > 3 THEN 'x' WHEN NOT (f <> 0) THEN 'y' ELSE 'z' END FROM p;

-- bit-precedence: SELECT 1 | 6 & 3 + 1, 1 << 2 + 1
SELECT (1 | 6) & (3 + 1), 1 << (2 + 1);

-- boolean-column-text: SELECT s || f FROM p
SELECT CAST(s AS NVARCHAR(MAX)) + CAST(f AS NVARCHAR(MAX)) FROM p;
