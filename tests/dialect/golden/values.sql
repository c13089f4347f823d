-- T-SQL of tests/dialect/corpus/values.yaml.
-- Made by `python -m tests.dialect` with sqlglot 30.31.0, DuckDB 2.0.1, PostgreSQL 18.6.3 and SQLite 3.40.1; do not edit.

-- add-subtract: SELECT id, a + b, a - b, a * b FROM v
SELECT id, a + b, a - b, a * b FROM v;

-- negate: SELECT id, -a, +b, - -a FROM v
SELECT id, -a, b, - -a FROM v;

-- divide-literals: SELECT 7 / 2, -7 / 2, 7 / -2
SELECT 7 / 2, -7 / 2, 7 / -2;

-- divide-literals-real: SELECT 7 / 2.0, 7.0 / 2
SELECT 7 / 2.0, 7.0 / 2;

-- divide-columns: SELECT id, a / b FROM v WHERE b <> 0
SELECT id, a / NULLIF(b, 0) FROM v WHERE b <> 0;

-- divide-by-zero: SELECT 1 / 0
SELECT 1 / NULLIF(0, 0);

-- divide-column-by-zero: SELECT id, a / b FROM v
SELECT id, a / NULLIF(b, 0) FROM v;

-- divide-casts: SELECT id, CAST(a AS INTEGER) / CAST(b AS INTEGER) FROM v
SELECT id, CAST(a AS INT) / NULLIF(CAST(b AS INT), 0) FROM v;

-- divide-real: SELECT id, r / 2 FROM v
SELECT id, r / 2 FROM v;

-- divide-by-real-literal: SELECT id, a / 2.0 FROM v
SELECT id, a / 2.0 FROM v;

-- divide-count: SELECT count(*) / 2 FROM v
SELECT COUNT(*) / 2 FROM v;

-- divide-bound: SELECT a / $n FROM v WHERE id = 1
SELECT a / NULLIF($n, 0) FROM v WHERE id = 1;

-- divide-sum: SELECT sum(a) / count(*) FROM v
SELECT SUM(a) / NULLIF(COUNT(*), 0) FROM v;

-- remainder: SELECT id, a % b FROM v WHERE b <> 0
SELECT id, a % NULLIF(b, 0) FROM v WHERE b <> 0;

-- remainder-zero: SELECT id, a % b FROM v
SELECT id, a % NULLIF(b, 0) FROM v;

-- remainder-negative: SELECT -7 % 2, 7 % -2
SELECT -7 % 2, 7 % -2;

-- remainder-real: SELECT 5.5 % 2
-- refused: % of numbers that are no integers

-- precedence: SELECT 2 + 3 * 4, (2 + 3) * 4, 2 - 3 - 4
SELECT 2 + 3 * 4, (2 + 3) * 4, 2 - 3 - 4;

-- bit-and-or: SELECT 12 & 10, 12 | 3, ~5
SELECT 12 & 10, 12 | 3, ~5;

-- bit-shift: SELECT 1 << 4, 256 >> 2
SELECT 1 << 4, 256 >> 2;

-- bit-mixed: SELECT 1 | 6 & 3 + 1
SELECT (1 | 6) & (3 + 1);

-- bit-column: SELECT id, a & 3 FROM v WHERE a > 0
SELECT id, a & 3 FROM v WHERE a > 0;

-- hex-literal: SELECT 0xff, 0x10 + 1
SELECT 255, 16 + 1;

-- exponent-literal: SELECT 1e3, 2.5e-1
SELECT 1e3, 2.5e-1;

-- real-arithmetic: SELECT id, r + 1, r * 2 FROM v
SELECT id, r + 1, r * 2 FROM v;

-- concat: SELECT id, s || z FROM v
SELECT id, CAST(s AS NVARCHAR(MAX)) + CAST(z AS NVARCHAR(MAX)) FROM v;

-- concat-literal: SELECT id, s || '-' || z FROM v
SELECT id, CAST(s AS NVARCHAR(MAX)) + '-' + CAST(z AS NVARCHAR(MAX)) FROM v;

-- concat-integer: SELECT id, s || a FROM v
SELECT id, CAST(s AS NVARCHAR(MAX)) + CAST(a AS NVARCHAR(MAX)) FROM v;

-- concat-integer-literals: SELECT 1 || 2
SELECT CAST(1 AS NVARCHAR(MAX)) + CAST(2 AS NVARCHAR(MAX));

-- concat-precedence: SELECT 1 + 2 || 3
-- refused: arithmetic with a text

-- concat-real: SELECT 'x' || 1.5
-- refused: a real joined with `||`, which each engine writes in its own way

-- concat-null: SELECT 'x' || NULL
SELECT 'x' + CAST(NULL AS NVARCHAR(MAX));

-- concat-condition: SELECT (a > 3) || '!' FROM v
SELECT CAST((CASE WHEN a > 3 THEN 1 WHEN NOT (a > 3) THEN 0 END) AS NVARCHAR(MAX)) + '!' FROM v;

-- concat-bound: SELECT s || $t FROM v
SELECT CAST(s AS NVARCHAR(MAX)) + CAST($t AS NVARCHAR(MAX)) FROM v;

-- select-condition: SELECT id, a > 3 FROM v
SELECT id, CASE WHEN a > 3 THEN 1 WHEN NOT (a > 3) THEN 0 END FROM v;

-- select-conditions: SELECT id, a > 3 AND b < 3, NOT a = 7, a > 3 OR NULL FROM v
SELECT id, CASE WHEN a > 3 AND b < 3 THEN 1 WHEN NOT (a > 3 AND b < 3) THEN 0 END, CASE WHEN NOT a = 7 THEN 1 WHEN NOT (NOT a = 7) THEN 0 END, CASE WHEN a > 3 OR (NULL = 1) THEN 1 WHEN NOT (a > 3 OR (NULL = 1)) THEN 0 END FROM v;

-- select-is-null: SELECT id, a IS NULL, a IS NOT NULL FROM v
SELECT id, CASE WHEN a IS NULL THEN 1 ELSE 0 END, CASE WHEN a IS NOT NULL THEN 1 ELSE 0 END FROM v;

-- select-in: SELECT id, a IN (7, 12) FROM v
SELECT id, CASE WHEN a IN (7, 12) THEN 1 WHEN NOT (a IN (7, 12)) THEN 0 END FROM v;

-- select-between: SELECT id, a BETWEEN 0 AND 7 FROM v
SELECT id, CASE WHEN a BETWEEN 0 AND 7 THEN 1 WHEN NOT (a BETWEEN 0 AND 7) THEN 0 END FROM v;

-- select-exists: SELECT EXISTS (SELECT 1 FROM v WHERE a = 7), EXISTS (SELECT 1 FROM v WHERE a = 8)
SELECT CASE WHEN EXISTS(SELECT 1 FROM v WHERE a = 7) THEN 1 ELSE 0 END, CASE WHEN EXISTS(SELECT 1 FROM v WHERE a = 8) THEN 1 ELSE 0 END;

-- select-like: SELECT id, s LIKE 'hello%' FROM v
SELECT id, CASE WHEN s COLLATE Latin1_General_100_CI_AS_SC LIKE 'hello%' THEN 1 WHEN NOT (s COLLATE Latin1_General_100_CI_AS_SC LIKE 'hello%') THEN 0 END FROM v;

-- select-is: SELECT id, a IS b, a IS NOT b FROM v
SELECT id, CASE WHEN a IS NOT DISTINCT FROM b THEN 1 ELSE 0 END, CASE WHEN a IS DISTINCT FROM b THEN 1 ELSE 0 END FROM v;

-- select-true: SELECT TRUE, FALSE
SELECT 1, 0;

-- condition-in-arithmetic: SELECT id, (a > 3) + 1 FROM v
SELECT id, (CASE WHEN a > 3 THEN 1 WHEN NOT (a > 3) THEN 0 END) + 1 FROM v;

-- condition-summed: SELECT sum(a > 3), sum(a IS NULL) FROM v
SELECT SUM(CASE WHEN a > 3 THEN 1 WHEN NOT (a > 3) THEN 0 END), SUM(CASE WHEN a IS NULL THEN 1 ELSE 0 END) FROM v;

-- condition-averaged: SELECT avg(a > 3) FROM v
SELECT AVG(CAST(CASE WHEN a > 3 THEN 1 WHEN NOT (a > 3) THEN 0 END AS FLOAT)) FROM v;

-- condition-compared: SELECT id FROM v WHERE (a > 3) = 1
SELECT id FROM v WHERE (CASE WHEN a > 3 THEN 1 WHEN NOT (a > 3) THEN 0 END) = 1;

-- condition-compared-condition: SELECT id FROM v WHERE (a > 3) = (b > 1)
SELECT id FROM v WHERE (CASE WHEN a > 3 THEN 1 WHEN NOT (a > 3) THEN 0 END) = (CASE WHEN b > 1 THEN 1 WHEN NOT (b > 1) THEN 0 END);

-- condition-is-null: SELECT id FROM v WHERE (a > 3) IS NULL
SELECT id FROM v WHERE (CASE WHEN a > 3 THEN 1 WHEN NOT (a > 3) THEN 0 END) IS NULL;

-- condition-chosen: SELECT id, CASE WHEN a > 3 THEN b > 1 ELSE 0 END FROM v
SELECT id, CASE WHEN a > 3 THEN CASE WHEN b > 1 THEN 1 WHEN NOT (b > 1) THEN 0 END ELSE 0 END FROM v;

-- condition-ordered: SELECT id FROM v ORDER BY a > 3, id
SELECT id FROM v ORDER BY CASE WHEN a > 3 THEN 1 WHEN NOT (a > 3) THEN 0 END, id;

-- condition-in-coalesce: SELECT id, coalesce(a > 3, 0) FROM v
SELECT id, COALESCE(CASE WHEN a > 3 THEN 1 WHEN NOT (a > 3) THEN 0 END, 0) FROM v;

-- where-true: SELECT id FROM v WHERE TRUE
SELECT id FROM v WHERE (1 = 1);

-- where-one: SELECT id FROM v WHERE 1
SELECT id FROM v WHERE (1 = 1);

-- where-zero: SELECT id FROM v WHERE 0
SELECT id FROM v WHERE (1 = 0);

-- where-null: SELECT id FROM v WHERE NULL
SELECT id FROM v WHERE (NULL = 1);

-- where-integer: SELECT id FROM v WHERE a
SELECT id FROM v WHERE a <> 0;

-- where-not-integer: SELECT id FROM v WHERE NOT a
SELECT id FROM v WHERE NOT (a <> 0);

-- where-integer-and: SELECT id FROM v WHERE a AND b
SELECT id FROM v WHERE (a <> 0) AND (b <> 0);

-- where-boolean: SELECT id FROM v WHERE f
SELECT id FROM v WHERE f <> 0;

-- where-not-boolean: SELECT id FROM v WHERE NOT f
SELECT id FROM v WHERE NOT (f <> 0);

-- where-arithmetic: SELECT id FROM v WHERE a - 7
SELECT id FROM v WHERE a - 7 <> 0;

-- where-length: SELECT id FROM v WHERE length(z)
SELECT id FROM v WHERE (LEN(z + '.') - 1 <> 0);

-- where-text: SELECT id FROM v WHERE '1'
-- refused: a text as a condition

-- where-real: SELECT id FROM v WHERE r
SELECT id FROM v WHERE r <> 0;

-- where-bound: SELECT id FROM v WHERE $yes
SELECT id FROM v WHERE $yes <> 0;

-- boolean-column: SELECT id, f FROM v
SELECT id, f FROM v;

-- boolean-equals-true: SELECT id FROM v WHERE f = TRUE
SELECT id FROM v WHERE f = 1;

-- boolean-equals-one: SELECT id FROM v WHERE f = 1
SELECT id FROM v WHERE f = 1;

-- boolean-is-true: SELECT id FROM v WHERE f IS TRUE
SELECT id FROM v WHERE CASE WHEN f <> 0 THEN 1 ELSE 0 END = 1;

-- boolean-is-not-true: SELECT id FROM v WHERE f IS NOT TRUE
SELECT id FROM v WHERE NOT CASE WHEN f <> 0 THEN 1 ELSE 0 END = 1;

-- boolean-is-false: SELECT id FROM v WHERE f IS FALSE
SELECT id FROM v WHERE CASE WHEN NOT (f <> 0) THEN 1 ELSE 0 END = 1;

-- integer-is-true: SELECT id, a IS TRUE, a IS NOT FALSE FROM v
SELECT id, CASE WHEN a <> 0 THEN 1 ELSE 0 END, CASE WHEN NOT CASE WHEN NOT (a <> 0) THEN 1 ELSE 0 END = 1 THEN 1 WHEN NOT (NOT CASE WHEN NOT (a <> 0) THEN 1 ELSE 0 END = 1) THEN 0 END FROM v;

-- condition-is-true: SELECT id FROM v WHERE (a > 3) IS NOT TRUE
SELECT id FROM v WHERE NOT CASE WHEN (a > 3) THEN 1 ELSE 0 END = 1;

-- number-equals-text: SELECT 1 = '1'
-- refused: a comparison of a number with a text

-- column-equals-text-number: SELECT id FROM v WHERE a = '7'
SELECT id FROM v WHERE a = '7';

-- text-column-equals-number: SELECT id FROM v WHERE s = 7
SELECT id FROM v WHERE s = 7;

-- text-arithmetic: SELECT '3' + '4'
-- refused: arithmetic with a text

-- text-and-number: SELECT '3' + 4
-- refused: arithmetic with a text

-- chained-comparison: SELECT id FROM v WHERE a = b IS NULL
SELECT id FROM v WHERE (CASE WHEN a = b THEN 1 WHEN NOT (a = b) THEN 0 END) IS NULL;

-- comparison-then-like: SELECT a = s LIKE 'h%' FROM v
-- refused: comparisons side by side without brackets

-- less-then-equal: SELECT id FROM v WHERE (a < b) = TRUE
SELECT id FROM v WHERE (CASE WHEN a < b THEN 1 WHEN NOT (a < b) THEN 0 END) = 1;

-- not-precedence: SELECT id FROM v WHERE NOT a = 7 AND b = 2
SELECT id FROM v WHERE NOT a = 7 AND b = 2;

-- like: SELECT id FROM v WHERE s LIKE 'HELLO%'
SELECT id FROM v WHERE s COLLATE Latin1_General_100_CI_AS_SC LIKE 'HELLO%';

-- like-any-case: SELECT id FROM v WHERE s LIKE '%WORLD'
SELECT id FROM v WHERE s COLLATE Latin1_General_100_CI_AS_SC LIKE '%WORLD';

-- like-underscore: SELECT id FROM v WHERE s LIKE 'hell_'
SELECT id FROM v WHERE s COLLATE Latin1_General_100_CI_AS_SC LIKE 'hell_';

-- like-escape: SELECT id FROM v WHERE s LIKE 'ab!%c!_d' ESCAPE '!'
SELECT id FROM v WHERE s COLLATE Latin1_General_100_CI_AS_SC LIKE 'ab!%c!_d' ESCAPE '!';

-- not-like: SELECT id FROM v WHERE s NOT LIKE 'hello%'
SELECT id FROM v WHERE s COLLATE Latin1_General_100_CI_AS_SC NOT LIKE 'hello%';

-- like-column: SELECT id FROM v WHERE s LIKE '%' || z
SELECT id FROM v WHERE s COLLATE Latin1_General_100_CI_AS_SC LIKE REPLACE('%' + CAST(z AS NVARCHAR(MAX)), '[', '[[]');

-- like-bound: SELECT id FROM v WHERE s LIKE $p
SELECT id FROM v WHERE s COLLATE Latin1_General_100_CI_AS_SC LIKE REPLACE($p, '[', '[[]');

-- like-bound-bracket: SELECT 'a[b' LIKE $p
SELECT CASE WHEN 'a[b' COLLATE Latin1_General_100_CI_AS_SC LIKE REPLACE($p, '[', '[[]') THEN 1 WHEN NOT ('a[b' COLLATE Latin1_General_100_CI_AS_SC LIKE REPLACE($p, '[', '[[]')) THEN 0 END;

-- like-backslash: SELECT 'a\b' LIKE 'A\B', 'a%' LIKE 'a\%'
SELECT CASE WHEN 'a\b' COLLATE Latin1_General_100_CI_AS_SC LIKE 'A\B' THEN 1 WHEN NOT ('a\b' COLLATE Latin1_General_100_CI_AS_SC LIKE 'A\B') THEN 0 END, CASE WHEN 'a%' COLLATE Latin1_General_100_CI_AS_SC LIKE 'a\%' THEN 1 WHEN NOT ('a%' COLLATE Latin1_General_100_CI_AS_SC LIKE 'a\%') THEN 0 END;

-- like-bracket: SELECT 'a[b]' LIKE 'a[b]', 'ab' LIKE 'a[b]'
SELECT CASE WHEN 'a[b]' COLLATE Latin1_General_100_CI_AS_SC LIKE 'a[[]b]' THEN 1 WHEN NOT ('a[b]' COLLATE Latin1_General_100_CI_AS_SC LIKE 'a[[]b]') THEN 0 END, CASE WHEN 'ab' COLLATE Latin1_General_100_CI_AS_SC LIKE 'a[[]b]' THEN 1 WHEN NOT ('ab' COLLATE Latin1_General_100_CI_AS_SC LIKE 'a[[]b]') THEN 0 END;

-- like-null: SELECT NULL LIKE 'x'
SELECT CASE WHEN NULL COLLATE Latin1_General_100_CI_AS_SC LIKE 'x' THEN 1 WHEN NOT (NULL COLLATE Latin1_General_100_CI_AS_SC LIKE 'x') THEN 0 END;

-- like-not-ascii: SELECT 'É' LIKE 'é'
SELECT CASE WHEN N'É' COLLATE Latin1_General_100_CI_AS_SC LIKE N'é' THEN 1 WHEN NOT (N'É' COLLATE Latin1_General_100_CI_AS_SC LIKE N'é') THEN 0 END;

-- like-integer: SELECT id FROM v WHERE a LIKE '1%'
SELECT id FROM v WHERE a COLLATE Latin1_General_100_CI_AS_SC LIKE '1%';

-- glob: SELECT id FROM v WHERE s GLOB 'h*'
SELECT id FROM v WHERE s COLLATE Latin1_General_100_BIN2 LIKE 'h%';

-- glob-question: SELECT id FROM v WHERE s GLOB 'hell?*'
SELECT id FROM v WHERE s COLLATE Latin1_General_100_BIN2 LIKE 'hell_%';

-- not-glob: SELECT id FROM v WHERE s NOT GLOB 'h*'
SELECT id FROM v WHERE NOT s COLLATE Latin1_General_100_BIN2 LIKE 'h%';

-- glob-set: SELECT id FROM v WHERE s GLOB '[hH]*'
-- refused: GLOB

-- glob-bound: SELECT id FROM v WHERE s GLOB $p
-- refused: GLOB

-- regexp: SELECT id FROM v WHERE s REGEXP 'h'
-- refused: a regular expression

-- match: SELECT id FROM v WHERE s MATCH 'h'
-- refused: MATCH

-- collate-nocase-equal: SELECT id FROM v WHERE s = 'HELLO' COLLATE NOCASE
SELECT id FROM v WHERE LOWER(s) = LOWER('HELLO');

-- collate-nocase-left: SELECT id FROM v WHERE s COLLATE NOCASE = 'HELLO'
SELECT id FROM v WHERE LOWER(s) = LOWER('HELLO');

-- collate-binary: SELECT id FROM v WHERE s = 'Hello' COLLATE BINARY
SELECT id FROM v WHERE s = 'Hello';

-- collate-rtrim: SELECT id FROM v WHERE s = 'Hello' COLLATE RTRIM
-- refused: COLLATE RTRIM

-- collate-elsewhere: SELECT max(s COLLATE NOCASE) FROM v
-- refused: COLLATE NOCASE

-- text-equal-case: SELECT id FROM v WHERE s = 'hello'
SELECT id FROM v WHERE s = 'hello';

-- text-less: SELECT id FROM v WHERE s < 'a'
SELECT id FROM v WHERE s < 'a';

-- blob-literal: SELECT x'00ff'
SELECT 0x00ff;

-- blob-equal: SELECT x'00ff' = x'00FF'
SELECT CASE WHEN 0x00ff = 0x00FF THEN 1 WHEN NOT (0x00ff = 0x00FF) THEN 0 END;

-- blob-length: SELECT length(x'00ff01')
-- refused: LENGTH() of a blob

-- blob-empty: SELECT x''
SELECT 0x;

-- null-arithmetic: SELECT NULL + 1, NULL = NULL, NULL IS NULL
SELECT NULL + 1, CASE WHEN NULL = NULL THEN 1 WHEN NOT (NULL = NULL) THEN 0 END, CASE WHEN NULL IS NULL THEN 1 ELSE 0 END;

-- integer-large: SELECT 9223372036854775807
SELECT 9223372036854775807;

-- integer-overflow: SELECT 9223372036854775807 + 1
SELECT 9223372036854775807 + 1;

-- integer-overflow-32: SELECT 2147483647 + 1
SELECT 2147483647 + 1;

-- cast-text-integer: SELECT CAST('12' AS INTEGER), CAST('-3' AS INTEGER)
SELECT CAST('12' AS INT), CAST('-3' AS INT);

-- cast-text-not-a-number: SELECT CAST('12x' AS INTEGER)
-- refused: a CAST of a text that is no number to a number

-- cast-real-integer: SELECT CAST(1.5 AS INTEGER), CAST(-1.5 AS INTEGER), CAST(2.5 AS INTEGER)
SELECT CAST(1.5 AS INT), CAST(-1.5 AS INT), CAST(2.5 AS INT);

-- cast-column-integer: SELECT id, CAST(r AS INTEGER) FROM v
SELECT id, CAST(r AS INT) FROM v;

-- cast-text-column-integer: SELECT id, CAST(s AS INTEGER) FROM v
SELECT id, CAST(s AS INT) FROM v;

-- cast-integer-text: SELECT id, CAST(a AS TEXT) FROM v
SELECT id, CAST(a AS NVARCHAR(MAX)) FROM v;

-- cast-integer-real: SELECT id, CAST(a AS REAL) FROM v
SELECT id, CAST(a AS FLOAT) FROM v;

-- cast-real-text: SELECT CAST(1.5 AS TEXT)
-- refused: a CAST of a real to text, which each engine writes in its own way

-- cast-real-column-text: SELECT CAST(r + 0.5 AS TEXT) FROM v WHERE id = 1
-- refused: a CAST of a real to text, which each engine writes in its own way

-- cast-bare-real-column-text: SELECT CAST(r * 2 AS TEXT) FROM v WHERE id = 1
SELECT CAST(r * 2 AS NVARCHAR(MAX)) FROM v WHERE id = 1;

-- cast-condition: SELECT id, CAST(a > 3 AS INTEGER) FROM v
SELECT id, CAST(CASE WHEN a > 3 THEN 1 WHEN NOT (a > 3) THEN 0 END AS INT) FROM v;

-- cast-numeric: SELECT CAST('1.50' AS NUMERIC)
-- refused: CAST(... AS NUMERIC)

-- cast-blob: SELECT CAST('x' AS BLOB)
-- refused: CAST(... AS BLOB)

-- cast-date: SELECT CAST('2024-01-01' AS DATE)
-- refused: CAST(... AS DATE)

-- cast-boolean: SELECT CAST(a AS BOOLEAN) FROM v
-- refused: CAST(... AS INTEGER)

-- cast-bound: SELECT CAST($x AS INTEGER)
SELECT CAST($x AS INT);

-- boolean-column-text: SELECT s || f FROM v
SELECT CAST(s AS NVARCHAR(MAX)) + CAST(f AS NVARCHAR(MAX)) FROM v;

-- boolean-literal-text: SELECT 'x' || TRUE
SELECT 'x' + CAST(1 AS NVARCHAR(MAX));

-- divide-sign: SELECT sign(-3) / 2
SELECT CAST(SIGN(-3) AS INT) / 2;

-- divide-ceil: SELECT 7 / ceil(a) FROM v
-- refused: a division of what may be an integer or a real

-- divide-mixed: SELECT 7 / coalesce(NULL, CASE WHEN a > 3 THEN 2 ELSE 2.5 END) FROM v
-- refused: a division of what may be an integer or a real

-- divide-mixed-columns: SELECT id, -3 / CASE WHEN a > 3 THEN a ELSE r END FROM v WHERE id = 1
SELECT id, -3 / NULLIF(CASE WHEN a > 3 THEN a ELSE r END, 0) FROM v WHERE id = 1;

-- remainder-real-column: SELECT id, r % 2 FROM v
SELECT id, r % 2 FROM v;

-- remainder-hidden-real: SELECT coalesce(2.5, a) % 2 FROM v
-- refused: % of numbers that are no integers

-- ceil-of-integers: SELECT ceil(1 + 1), - ceil(1 + 1), floor(7) / 2
SELECT (1 + 1), -(1 + 1), 7 / 2;

-- average-of-cast: SELECT CAST((a > 3) AS REAL), round(a > 3) FROM v
SELECT CAST((CASE WHEN a > 3 THEN 1 WHEN NOT (a > 3) THEN 0 END) AS FLOAT), ROUND(CAST(CASE WHEN a > 3 THEN 1 WHEN NOT (a > 3) THEN 0 END AS FLOAT), 0) FROM v;
