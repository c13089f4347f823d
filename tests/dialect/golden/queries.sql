-- T-SQL of tests/dialect/corpus/queries.yaml.
-- Made by `python -m tests.dialect` with sqlglot 30.31.0, DuckDB 2.0.1, PostgreSQL 18.6.3 and SQLite 3.40.1; do not edit.

-- all-columns: SELECT * FROM item
SELECT * FROM item;

-- some-columns: SELECT id, name FROM item
SELECT id, name FROM item;

-- table-star: SELECT i.* FROM item AS i
SELECT i.* FROM item AS i;

-- alias-without-as: SELECT i.id n FROM item i
SELECT i.id AS n FROM item AS i;

-- constants: SELECT 1, 'x', NULL, 2.5
SELECT 1, 'x', NULL, 2.5;

-- where-equal: SELECT id FROM item WHERE price = 20
SELECT id FROM item WHERE price = 20;

-- where-double-equal: SELECT id FROM item WHERE price == 20
SELECT id FROM item WHERE price = 20;

-- where-not-equal: SELECT id FROM item WHERE price <> 20
SELECT id FROM item WHERE price <> 20;

-- where-not-equal-bang: SELECT id FROM item WHERE price != 20
SELECT id FROM item WHERE price <> 20;

-- where-range: SELECT id FROM item WHERE price >= 10 AND price < 20
SELECT id FROM item WHERE price >= 10 AND price < 20;

-- where-or: SELECT id FROM item WHERE price = 5 OR kind = 'root'
SELECT id FROM item WHERE price = 5 OR kind = 'root';

-- where-not: SELECT id FROM item WHERE NOT (price = 20)
SELECT id FROM item WHERE NOT (price = 20);

-- between: SELECT id FROM item WHERE price BETWEEN 5 AND 10
SELECT id FROM item WHERE price BETWEEN 5 AND 10;

-- not-between: SELECT id FROM item WHERE price NOT BETWEEN 5 AND 10
SELECT id FROM item WHERE NOT price BETWEEN 5 AND 10;

-- in-list: SELECT id FROM item WHERE price IN (5, 10)
SELECT id FROM item WHERE price IN (5, 10);

-- not-in-list: SELECT id FROM item WHERE price NOT IN (5, 10)
SELECT id FROM item WHERE NOT price IN (5, 10);

-- in-texts: SELECT id FROM item WHERE name IN ('apple', 'beet')
SELECT id FROM item WHERE name IN ('apple', 'beet');

-- in-query: SELECT id FROM item WHERE id IN (SELECT item FROM sale)
SELECT id FROM item WHERE id IN (SELECT item FROM sale);

-- not-in-query: SELECT id FROM item WHERE id NOT IN (SELECT item FROM sale)
SELECT id FROM item WHERE NOT id IN (SELECT item FROM sale);

-- in-empty: SELECT id FROM item WHERE id IN ()
-- refused: an empty list behind IN

-- in-table: SELECT id FROM item WHERE id IN sale
-- refused: a table behind IN

-- exists: SELECT id FROM item AS i WHERE EXISTS (SELECT 1 FROM sale WHERE item = i.id)
SELECT id FROM item AS i WHERE EXISTS(SELECT 1 FROM sale WHERE item = i.id);

-- not-exists: SELECT id FROM item AS i WHERE NOT EXISTS (SELECT 1 FROM sale WHERE item = i.id)
SELECT id FROM item AS i WHERE NOT EXISTS(SELECT 1 FROM sale WHERE item = i.id);

-- is-null: SELECT id FROM item WHERE price IS NULL
SELECT id FROM item WHERE price IS NULL;

-- is-not-null: SELECT id FROM item WHERE price IS NOT NULL
SELECT id FROM item WHERE price IS NOT NULL;

-- isnull-postfix: SELECT id FROM item WHERE price ISNULL
SELECT id FROM item WHERE price IS NULL;

-- notnull-postfix: SELECT id FROM item WHERE price NOTNULL
SELECT id FROM item WHERE price IS NOT NULL;

-- is-value: SELECT id FROM item WHERE price IS 20
SELECT id FROM item WHERE price IS NOT DISTINCT FROM 20;

-- is-not-value: SELECT id FROM item WHERE price IS NOT 20
SELECT id FROM item WHERE price IS DISTINCT FROM 20;

-- is-between-columns: SELECT id FROM item WHERE name IS kind
SELECT id FROM item WHERE name IS NOT DISTINCT FROM kind;

-- is-distinct-from: SELECT id FROM item WHERE price IS DISTINCT FROM 20
SELECT id FROM item WHERE price IS DISTINCT FROM 20;

-- order-ascending: SELECT id, price FROM item ORDER BY price, id
SELECT id, price FROM item ORDER BY price, id;

-- order-descending: SELECT id, price FROM item ORDER BY price DESC, id
SELECT id, price FROM item ORDER BY price DESC, id;

-- order-nulls-last: SELECT id, price FROM item ORDER BY price NULLS LAST, id
SELECT id, price FROM item ORDER BY CASE WHEN price IS NULL THEN 1 ELSE 0 END, price, id;

-- order-nulls-first-descending: SELECT id, price FROM item ORDER BY price DESC NULLS FIRST, id
SELECT id, price FROM item ORDER BY CASE WHEN price IS NULL THEN 1 ELSE 0 END DESC, price DESC, id;

-- order-text: SELECT name FROM item ORDER BY name
SELECT name FROM item ORDER BY name;

-- order-text-case: SELECT name FROM item WHERE name IS NOT NULL ORDER BY name DESC
SELECT name FROM item WHERE name IS NOT NULL ORDER BY name DESC;

-- order-ordinal: SELECT price, id FROM item ORDER BY 1, 2 DESC
SELECT price, id FROM item ORDER BY 1, 2 DESC;

-- order-ordinal-nulls: SELECT price, id FROM item ORDER BY 1 NULLS LAST, 2
-- refused: an ordinal in ORDER BY with NULL on the other side

-- order-alias: SELECT id, price + 1 AS more FROM item ORDER BY more, id
SELECT id, price + 1 AS more FROM item ORDER BY more, id;

-- order-expression: SELECT id FROM item ORDER BY -price, id
SELECT id FROM item ORDER BY -price, id;

-- order-case: SELECT id FROM item ORDER BY CASE WHEN kind = 'root' THEN 0 ELSE 1 END, id
SELECT id FROM item ORDER BY CASE WHEN kind = 'root' THEN 0 ELSE 1 END, id;

-- order-nocase: SELECT name FROM item WHERE name IS NOT NULL ORDER BY name COLLATE NOCASE
SELECT name FROM item WHERE name IS NOT NULL ORDER BY LOWER(name);

-- limit: SELECT id FROM item ORDER BY id LIMIT 2
SELECT TOP 2 id FROM item ORDER BY id;

-- limit-offset: SELECT id FROM item ORDER BY id LIMIT 2 OFFSET 1
SELECT id FROM item ORDER BY id OFFSET 1 ROWS FETCH FIRST 2 ROWS ONLY;

-- limit-comma: SELECT id FROM item ORDER BY id LIMIT 1, 2
SELECT id FROM item ORDER BY id OFFSET 1 ROWS FETCH FIRST 2 ROWS ONLY;

-- limit-zero: SELECT id FROM item LIMIT 0
SELECT TOP 0 id FROM item;

-- limit-negative: SELECT id FROM item LIMIT -1
SELECT id FROM item;

-- limit-negative-offset: SELECT id FROM item ORDER BY id LIMIT -1 OFFSET 3
SELECT id FROM item ORDER BY id OFFSET 3 ROWS;

-- limit-bound: SELECT id FROM item ORDER BY id LIMIT $n
SELECT TOP ($n) id FROM item ORDER BY id;

-- limit-offset-bound: SELECT id FROM item ORDER BY id LIMIT $n OFFSET $k
SELECT id FROM item ORDER BY id OFFSET $k ROWS FETCH FIRST $n ROWS ONLY;

-- limit-calculated: SELECT id FROM item ORDER BY id LIMIT 1 + 1
-- refused: a limit that is calculated

-- offset-without-order: SELECT count(*) FROM (SELECT id FROM item LIMIT 10 OFFSET 3) AS x
SELECT COUNT(*) FROM (SELECT id AS id FROM item ORDER BY (SELECT NULL) OFFSET 3 ROWS FETCH FIRST 10 ROWS ONLY) AS x;

-- distinct: SELECT DISTINCT kind FROM item
SELECT DISTINCT kind FROM item;

-- distinct-two: SELECT DISTINCT kind, price FROM item ORDER BY kind, price
SELECT DISTINCT kind, price FROM item ORDER BY kind, price;

-- group: SELECT kind, count(*) FROM item GROUP BY kind
SELECT kind, COUNT(*) FROM item GROUP BY kind;

-- group-having: SELECT kind, count(*) FROM item GROUP BY kind HAVING count(*) > 1
SELECT kind, COUNT(*) FROM item GROUP BY kind HAVING COUNT(*) > 1;

-- group-expression: SELECT price > 10, count(*) FROM item GROUP BY price > 10
SELECT CASE WHEN price > 10 THEN 1 WHEN NOT (price > 10) THEN 0 END, COUNT(*) FROM item GROUP BY CASE WHEN price > 10 THEN 1 WHEN NOT (price > 10) THEN 0 END;

-- group-ordinal: SELECT kind, sum(price) FROM item GROUP BY 1
-- refused: an ordinal in GROUP BY

-- group-alias: SELECT lower(kind) AS k, count(*) FROM item GROUP BY k
SELECT LOWER(kind) AS k, COUNT(*) FROM item GROUP BY k;

-- group-two: SELECT kind, price, count(*) FROM item GROUP BY kind, price
SELECT kind, price, COUNT(*) FROM item GROUP BY kind, price;

-- having-without-group: SELECT sum(price) FROM item HAVING count(*) > 1
SELECT SUM(price) FROM item HAVING COUNT(*) > 1;

-- bare-column-beside-aggregate: SELECT kind, name, max(price) FROM item WHERE price < 100 GROUP BY kind
SELECT kind, name, MAX(price) FROM item WHERE price < 100 GROUP BY kind;

-- inner-join: SELECT i.name, s.n FROM item AS i JOIN sale AS s ON s.item = i.id
SELECT i.name, s.n FROM item AS i JOIN sale AS s ON s.item = i.id;

-- left-join: SELECT i.id, s.n FROM item AS i LEFT JOIN sale AS s ON s.item = i.id
SELECT i.id, s.n FROM item AS i LEFT JOIN sale AS s ON s.item = i.id;

-- right-join: SELECT i.id, s.n FROM item AS i RIGHT JOIN sale AS s ON s.item = i.id
SELECT i.id, s.n FROM item AS i RIGHT JOIN sale AS s ON s.item = i.id;

-- full-join: SELECT i.id, s.n FROM item AS i FULL OUTER JOIN sale AS s ON s.item = i.id
SELECT i.id, s.n FROM item AS i FULL OUTER JOIN sale AS s ON s.item = i.id;

-- cross-join: SELECT count(*) FROM item CROSS JOIN sale
SELECT COUNT(*) FROM item CROSS JOIN sale;

-- comma-join: SELECT i.id, s.id FROM item i, sale s WHERE i.id = s.item
SELECT i.id, s.id FROM item AS i CROSS JOIN sale AS s WHERE i.id = s.item;

-- using-join: SELECT id, name, n FROM item JOIN sale USING (id)
-- refused: JOIN ... USING

-- natural-join: SELECT count(*) FROM item NATURAL JOIN sale
-- refused: NATURAL JOIN

-- self-join: SELECT a.id, b.id FROM item a JOIN item b ON a.price = b.price AND a.id < b.id
SELECT a.id, b.id FROM item AS a JOIN item AS b ON a.price = b.price AND a.id < b.id;

-- join-of-query: SELECT i.id, s.total FROM item i JOIN (SELECT item, sum(n) AS total FROM sale GROUP BY item) s ON s.item = i.id
SELECT i.id, s.total FROM item AS i JOIN (SELECT item AS item, SUM(n) AS total FROM sale GROUP BY item) AS s ON s.item = i.id;

-- join-on-flag: SELECT i.id FROM item i JOIN sale s ON 1 WHERE s.id = 1
SELECT i.id FROM item AS i JOIN sale AS s ON (1 = 1) WHERE s.id = 1;

-- scalar-query: SELECT id, (SELECT sum(n) FROM sale WHERE item = i.id) FROM item AS i
SELECT id, (SELECT SUM(n) FROM sale WHERE item = i.id) FROM item AS i;

-- derived-table: SELECT x.k FROM (SELECT kind AS k FROM item) AS x
SELECT x.k FROM (SELECT kind AS k FROM item) AS x;

-- derived-without-alias: SELECT k FROM (SELECT kind AS k FROM item)
SELECT k FROM (SELECT kind AS k FROM item) AS _d0;

-- derived-ordered: SELECT count(*) FROM (SELECT id FROM item ORDER BY price) AS x
-- refused: ORDER BY without LIMIT inside a query

-- derived-top: SELECT sum(id) FROM (SELECT id FROM item ORDER BY id LIMIT 3) AS x
SELECT SUM(id) FROM (SELECT TOP 3 id AS id FROM item ORDER BY id) AS x;

-- derived-unnamed-column: SELECT count(*) FROM (SELECT max(n) FROM sale GROUP BY item) AS x
SELECT COUNT(*) FROM (SELECT MAX(n) AS _col_0 FROM sale GROUP BY item) AS x;

-- union: SELECT id FROM item UNION SELECT item FROM sale
SELECT id FROM item UNION SELECT item FROM sale;

-- union-all: SELECT kind FROM item UNION ALL SELECT name FROM item
SELECT kind FROM item UNION ALL SELECT name FROM item;

-- intersect: SELECT id FROM item INTERSECT SELECT item FROM sale
SELECT id FROM item INTERSECT SELECT item FROM sale;

-- except: SELECT id FROM item EXCEPT SELECT item FROM sale
SELECT id FROM item EXCEPT SELECT item FROM sale;

-- set-operations-from-the-left: SELECT 1 AS n UNION SELECT 2 INTERSECT SELECT 3 EXCEPT SELECT 4
(SELECT 1 AS n UNION SELECT 2) INTERSECT SELECT 3 EXCEPT SELECT 4;

-- union-ordered: SELECT id AS k FROM item UNION SELECT item FROM sale ORDER BY k
SELECT id AS k FROM item UNION SELECT item FROM sale ORDER BY k;

-- union-ordered-nulls: SELECT price AS k FROM item UNION SELECT n FROM sale ORDER BY k DESC
SELECT price AS k FROM item UNION SELECT n FROM sale ORDER BY k DESC;

-- union-limited: SELECT id AS k FROM item UNION ALL SELECT item FROM sale ORDER BY k LIMIT 3
SELECT TOP 3 * FROM (SELECT id AS k FROM item UNION ALL SELECT item FROM sale) AS _l_0 ORDER BY k;

-- with: WITH big AS (SELECT id FROM item WHERE price > 10) SELECT count(*) FROM big
WITH big AS (SELECT id AS id FROM item WHERE price > 10) SELECT COUNT(*) FROM big;

-- with-two: WITH a AS (SELECT 1 AS x), b AS (SELECT x + 1 AS y FROM a) SELECT x, y FROM a, b
WITH a AS (SELECT 1 AS x), b AS (SELECT x + 1 AS y FROM a) SELECT x, y FROM a CROSS JOIN b;

-- with-columns: WITH a(p, q) AS (SELECT 1, 2) SELECT q, p FROM a
WITH a(p, q) AS (SELECT 1, 2) SELECT q, p FROM a;

-- with-values: WITH a(p, q) AS (VALUES (1, 'x'), (2, 'y')) SELECT p, q FROM a
WITH a(p, q) AS (SELECT * FROM (VALUES (1, 'x'), (2, 'y')) AS _values(column1, column2)) SELECT p, q FROM a;

-- with-recursive: WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 5) SELECT n FROM c
WITH c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 5) SELECT n FROM c;

-- with-recursive-values: WITH RECURSIVE c(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM c WHERE n < 5) SELECT sum(n) FROM c
WITH c(n) AS (SELECT * FROM (VALUES (1)) AS _values(column1) UNION ALL SELECT n + 1 FROM c WHERE n < 5) SELECT SUM(n) FROM c;

-- with-recursive-union: WITH RECURSIVE c(n) AS (SELECT 1 UNION SELECT n % 3 + 1 FROM c) SELECT n FROM c
-- refused: WITH RECURSIVE with UNION

-- with-recursive-tree: WITH RECURSIVE c(n, p) AS (SELECT 1, 'x' UNION ALL SELECT n + 1, p || 'y' FROM c WHERE n < 3) SELECT n, p FROM c
WITH c(n, p) AS (SELECT 1, CAST('x' AS NVARCHAR(MAX)) UNION ALL SELECT n + 1, CAST(p AS NVARCHAR(MAX)) + 'y' FROM c WHERE n < 3) SELECT n, p FROM c;

-- with-recursive-limit: WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c LIMIT 4) SELECT n FROM c
-- refused: LIMIT of a recursive WITH

-- with-materialized: WITH a AS MATERIALIZED (SELECT 1 AS x) SELECT x FROM a
-- refused: MATERIALIZED

-- values: VALUES (1, 'a'), (2, 'b')
SELECT * FROM (VALUES (1, 'a'), (2, 'b')) AS v(column1, column2);

-- values-derived: SELECT * FROM (VALUES (1, 'a'), (2, 'b')) AS v
SELECT * FROM (VALUES (1, 'a'), (2, 'b')) AS v(column1, column2);

-- case-searched: SELECT id, CASE WHEN price > 10 THEN 'dear' WHEN price IS NULL THEN 'unknown' ELSE 'cheap' END FROM item
SELECT id, CASE WHEN price > 10 THEN 'dear' WHEN price IS NULL THEN 'unknown' ELSE 'cheap' END FROM item;

-- case-simple: SELECT id, CASE kind WHEN 'fruit' THEN 1 WHEN 'root' THEN 2 END FROM item
SELECT id, CASE kind WHEN 'fruit' THEN 1 WHEN 'root' THEN 2 END FROM item;

-- case-without-else: SELECT CASE WHEN price > 100 THEN 1 END FROM item
SELECT CASE WHEN price > 100 THEN 1 END FROM item;

-- iif: SELECT id, iif(price > 10, 'dear', 'cheap') FROM item
SELECT id, IIF(price > 10, 'dear', 'cheap') FROM item;

-- coalesce: SELECT id, coalesce(price, 0) FROM item
SELECT id, COALESCE(price, 0) FROM item;

-- ifnull: SELECT id, ifnull(name, '?') FROM item
SELECT id, COALESCE(name, '?') FROM item;

-- nullif: SELECT id, nullif(price, 20) FROM item
SELECT id, NULLIF(price, 20) FROM item;

-- quoted-names: SELECT "id", "name" FROM "item"
SELECT [id], [name] FROM [item];

-- bracket-names: SELECT [id] FROM [item]
SELECT [id] FROM [item];

-- backtick-names: SELECT `id` FROM `item`
SELECT [id] FROM [item];

-- quoted-alias: SELECT id AS "the id" FROM item
SELECT id AS [the id] FROM item;

-- reserved-alias: SELECT id AS "user", name AS "offset" FROM item
SELECT id AS [user], name AS [offset] FROM item;

-- comment-inside: SELECT id /* the key */ FROM item -- all of them
SELECT id FROM item;

-- text-with-quote: SELECT 'it''s'
SELECT 'it''s';

-- text-with-unicode: SELECT 'naïve ☃'
SELECT N'naïve ☃';

-- text-with-backslash: SELECT 'a\b'
SELECT 'a\b';

-- text-with-percent: SELECT '100%'
SELECT '100%';

-- double-quoted-text: SELECT "no such column" FROM item
SELECT [no such column] FROM item;

-- main-schema: SELECT id FROM main.item
-- refused: the schema `main`

-- sqlite-master: SELECT name FROM sqlite_master
-- refused: SQLite's own table sqlite_master

-- table-function: SELECT value FROM json_each('[1]')
-- refused: JSON_EACH()

-- rowid: SELECT rowid FROM item
-- refused: the rowid of a table

-- rowid-qualified: SELECT i._rowid_ FROM item i
-- refused: the rowid of a table

-- indexed-by: SELECT id FROM item NOT INDEXED
-- refused: INDEXED BY

-- row-values-equal: SELECT id FROM item WHERE (kind, price) = ('root', 20)
-- refused: a comparison of rows

-- row-values-less: SELECT id FROM item WHERE (price, id) < (20, 4)
-- refused: a comparison of rows

-- row-values-in: SELECT id FROM item WHERE (id, price) IN (SELECT item, 10 FROM sale)
-- refused: a row before IN

-- bound-twice: SELECT $a, id FROM item WHERE price = $b OR price = $a + $b
SELECT $a, id FROM item WHERE price = $b OR price = $a + $b;

-- bound-in-list: SELECT id FROM item WHERE id IN ($a, $b)
SELECT id FROM item WHERE id IN ($a, $b);

-- bound-text: SELECT id FROM item WHERE name = $a
SELECT id FROM item WHERE name = $a;

-- window-row-number: SELECT id, row_number() OVER (ORDER BY id DESC) FROM item
SELECT id, ROW_NUMBER() OVER (ORDER BY id DESC) FROM item;

-- window-rank: SELECT id, rank() OVER (ORDER BY price), dense_rank() OVER (ORDER BY price) FROM item
SELECT id, RANK() OVER (ORDER BY price), DENSE_RANK() OVER (ORDER BY price) FROM item;

-- window-partition: SELECT id, sum(price) OVER (PARTITION BY kind ORDER BY id) FROM item
SELECT id, SUM(price) OVER (PARTITION BY kind ORDER BY id) FROM item;

-- window-frame: SELECT id, sum(id) OVER (ORDER BY id ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING) FROM item
SELECT id, SUM(id) OVER (ORDER BY id ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING) FROM item;

-- window-lag: SELECT id, lag(price) OVER (ORDER BY id), lead(price, 2, 0) OVER (ORDER BY id) FROM item
SELECT id, LAG(price) OVER (ORDER BY id), LEAD(price, 2, 0) OVER (ORDER BY id) FROM item;

-- window-first-last: SELECT id, first_value(name) OVER (ORDER BY id), last_value(id) OVER (ORDER BY id) FROM item
SELECT id, FIRST_VALUE(name) OVER (ORDER BY id), LAST_VALUE(id) OVER (ORDER BY id) FROM item;

-- window-nth: SELECT id, nth_value(name, 2) OVER (ORDER BY id) FROM item
-- refused: NTH_VALUE()

-- window-named: SELECT id, sum(id) OVER w, count(*) OVER w FROM item WINDOW w AS (ORDER BY id)
SELECT id, SUM(id) OVER w, COUNT(*) OVER w FROM item WINDOW w AS (ORDER BY id);

-- window-whole: SELECT id, count(*) OVER (), max(price) OVER () FROM item
SELECT id, COUNT(*) OVER (), MAX(price) OVER () FROM item;

-- window-ntile: SELECT id, ntile(2) OVER (ORDER BY id) FROM item
SELECT id, NTILE(2) OVER (ORDER BY id) FROM item;

-- window-groups: SELECT id, count(*) OVER (ORDER BY kind GROUPS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM item
-- refused: a frame of GROUPS

-- window-range: SELECT id, sum(id) OVER (ORDER BY id RANGE BETWEEN 1 PRECEDING AND CURRENT ROW) FROM item
-- refused: a frame of RANGE with an offset

-- window-exclude: SELECT id, sum(id) OVER (ORDER BY id ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING EXCLUDE CURRENT ROW) FROM item
-- refused: EXCLUDE in a frame

-- window-filter: SELECT id, count(*) FILTER (WHERE price > 5) OVER (ORDER BY id) FROM item
SELECT id, COUNT(IIF(price > 5, 1, NULL)) OVER (ORDER BY id) FROM item;

-- window-percent-rank: SELECT id, percent_rank() OVER (ORDER BY id), cume_dist() OVER (ORDER BY id) FROM item
SELECT id, PERCENT_RANK() OVER (ORDER BY id), CUME_DIST() OVER (ORDER BY id) FROM item;
