-- T-SQL of tests/dialect/corpus/functions.yaml.
-- Made by `python -m tests.dialect` with sqlglot 30.31.0, DuckDB 2.0.1, PostgreSQL 18.6.3 and SQLite 3.40.1; do not edit.

-- count-star: SELECT count(*) FROM w
SELECT COUNT(*) FROM w;

-- count-column: SELECT count(a) FROM w
SELECT COUNT(a) FROM w;

-- count-distinct: SELECT count(DISTINCT s) FROM w
SELECT COUNT(DISTINCT s) FROM w;

-- sum: SELECT sum(a), sum(r) FROM w
SELECT SUM(a), SUM(r) FROM w;

-- sum-empty: SELECT sum(a), count(a) FROM w WHERE id > 99
SELECT SUM(a), COUNT(a) FROM w WHERE id > 99;

-- sum-distinct: SELECT sum(DISTINCT b) FROM w
SELECT SUM(DISTINCT b) FROM w;

-- total: SELECT total(a), total(r) FROM w
SELECT COALESCE(CAST(SUM(a) AS FLOAT), 0), COALESCE(CAST(SUM(r) AS FLOAT), 0) FROM w;

-- total-empty: SELECT total(a) FROM w WHERE id > 99
SELECT COALESCE(CAST(SUM(a) AS FLOAT), 0) FROM w WHERE id > 99;

-- total-window: SELECT total(a) OVER () FROM w
-- refused: TOTAL() as a window function

-- avg-integers: SELECT avg(b) FROM w
SELECT AVG(CAST(b AS FLOAT)) FROM w;

-- avg-reals: SELECT avg(r) FROM w
SELECT AVG(CAST(r AS FLOAT)) FROM w;

-- avg-distinct: SELECT avg(DISTINCT b) FROM w
SELECT AVG(DISTINCT CAST(b AS FLOAT)) FROM w;

-- min-max: SELECT min(a), max(a), min(s), max(s) FROM w
SELECT MIN(a), MAX(a), MIN(s), MAX(s) FROM w;

-- max-of-two: SELECT id, max(a, b) FROM w
SELECT id, CASE WHEN a IS NULL OR b IS NULL THEN NULL ELSE GREATEST(a, b) END FROM w;

-- min-of-three: SELECT id, min(a, b, 4) FROM w
SELECT id, CASE WHEN a IS NULL OR b IS NULL THEN NULL ELSE LEAST(a, b, 4) END FROM w;

-- max-of-literals: SELECT max(1, 2, 3), min(1.5, 2)
SELECT GREATEST(1, 2, 3), LEAST(1.5, 2);

-- max-of-texts: SELECT max('a', 'B')
-- refused: MAX() or MIN() of several texts

-- filter: SELECT count(*) FILTER (WHERE a > 0), sum(b) FILTER (WHERE g = 'x') FROM w
SELECT COUNT(IIF(a > 0, 1, NULL)), SUM(IIF(g = 'x', b, NULL)) FROM w;

-- group-concat: SELECT group_concat(s) FROM w WHERE id = 1
SELECT STRING_AGG(CAST(s AS NVARCHAR(MAX)), ',') FROM w WHERE id = 1;

-- group-concat-separator: SELECT group_concat(s, '; ') FROM w WHERE id = 1
SELECT STRING_AGG(CAST(s AS NVARCHAR(MAX)), '; ') FROM w WHERE id = 1;

-- group-concat-integers: SELECT group_concat(a) FROM w WHERE id = 1
SELECT STRING_AGG(CAST(a AS NVARCHAR(MAX)), ',') FROM w WHERE id = 1;

-- group-concat-grouped: SELECT g, length(group_concat(s)) FROM w GROUP BY g
SELECT g, (LEN(STRING_AGG(CAST(s AS NVARCHAR(MAX)), ',') + '.') - 1) FROM w GROUP BY g;

-- group-concat-distinct: SELECT group_concat(DISTINCT s) FROM w WHERE s = 'Hello'
-- refused: STRING_AGG() of DISTINCT values

-- group-concat-empty: SELECT group_concat(s) FROM w WHERE id > 99
SELECT STRING_AGG(CAST(s AS NVARCHAR(MAX)), ',') FROM w WHERE id > 99;

-- abs: SELECT id, abs(a) FROM w
SELECT id, ABS(a) FROM w;

-- sign: SELECT id, sign(a) FROM w
SELECT id, CAST(SIGN(a) AS INT) FROM w;

-- round: SELECT id, round(r) FROM w
SELECT id, ROUND(CAST(r AS FLOAT), 0) FROM w;

-- round-digits: SELECT id, round(r, 1) FROM w
SELECT id, ROUND(CAST(r AS FLOAT), 1) FROM w;

-- round-literal: SELECT round(2.5), round(-2.5), round(3.14159, 2)
SELECT ROUND(CAST(2.5 AS FLOAT), 0), ROUND(CAST(-2.5 AS FLOAT), 0), ROUND(CAST(3.14159 AS FLOAT), 2);

-- round-integer: SELECT round(a) FROM w WHERE id = 1
SELECT ROUND(CAST(a AS FLOAT), 0) FROM w WHERE id = 1;

-- ceil-floor: SELECT ceil(2.1), floor(-2.1)
SELECT CEILING(2.1), FLOOR(-2.1);

-- ceil-column: SELECT id, ceil(r), floor(r) FROM w
SELECT id, CEILING(r), FLOOR(r) FROM w;

-- sqrt: SELECT sqrt(16), sqrt(2.25)
SELECT SQRT(16), SQRT(2.25);

-- power: SELECT pow(2, 10), power(2, 0.5)
SELECT POWER(CAST(2 AS FLOAT), 10), POWER(CAST(2 AS FLOAT), 0.5);

-- exp-ln: SELECT exp(0), ln(1)
SELECT EXP(0), LOG(1);

-- log: SELECT log(100)
-- refused: LOG()

-- lower-upper: SELECT lower(s), upper(s) FROM w
SELECT LOWER(s), UPPER(s) FROM w;

-- length: SELECT id, length(s) FROM w
SELECT id, (LEN(s + '.') - 1) FROM w;

-- length-blank: SELECT length('ab '), length('')
SELECT (LEN('ab  ' + '.') - 1), (LEN('' + '.') - 1);

-- length-number: SELECT length(123)
-- refused: LENGTH() of a number

-- substr: SELECT substr(s, 2, 3) FROM w
SELECT SUBSTRING(s, 2, 3) FROM w;

-- substr-to-end: SELECT substr(s, 3) FROM w
SELECT SUBSTRING(s, 3, 2147483647) FROM w;

-- substring: SELECT substring(s, 1, 1) FROM w
SELECT SUBSTRING(s, 1, 1) FROM w;

-- substr-long: SELECT substr('abc', 2, 99)
SELECT SUBSTRING('abc', 2, 99);

-- substr-negative: SELECT substr(s, -2) FROM w
SELECT RIGHT(s, 2) FROM w;

-- substr-negative-long: SELECT substr('ab', -5)
SELECT RIGHT('ab', 5);

-- substr-negative-length: SELECT substr('abcdef', -3, 2)
-- refused: SUBSTR() from before the first character

-- substr-zero: SELECT substr('abc', 0, 2)
-- refused: SUBSTR() from before the first character

-- substr-bound: SELECT substr('abcdef', $n)
-- refused: SUBSTR() from where only running tells

-- substr-after-found: SELECT substr(s, instr(s, 'l') + 1) FROM w
SELECT SUBSTRING(s, CHARINDEX('l', s COLLATE Latin1_General_100_BIN2) + 1, 2147483647) FROM w;

-- substr-column: SELECT substr(s, a) FROM w
-- refused: SUBSTR() from where only running tells

-- instr: SELECT id, instr(s, 'l') FROM w
SELECT id, CHARINDEX('l', s COLLATE Latin1_General_100_BIN2) FROM w;

-- instr-missing: SELECT instr('abc', 'x'), instr('abc', 'C')
SELECT CHARINDEX('x', 'abc' COLLATE Latin1_General_100_BIN2), CHARINDEX('C', 'abc' COLLATE Latin1_General_100_BIN2);

-- replace: SELECT replace(s, 'l', 'L') FROM w
SELECT REPLACE(s, 'l', 'L') FROM w;

-- replace-nothing: SELECT replace('abc', 'x', 'y')
SELECT REPLACE('abc', 'x', 'y');

-- trim: SELECT trim(' x '), ltrim(' x '), rtrim(' x ')
SELECT TRIM('  x '), LTRIM('  x '), RTRIM('  x ');

-- trim-characters: SELECT trim('xxaxx', 'x'), ltrim('xa', 'x'), rtrim('ax', 'x')
-- refused: TRIM() of given characters

-- char: SELECT char(65)
-- refused: CHAR(), which is bytes there

-- char-several: SELECT char(65, 66)
-- refused: CHAR() of several code points

-- unicode: SELECT unicode('A')
SELECT UNICODE(NULLIF('A', ''));

-- unicode-empty: SELECT unicode('')
SELECT UNICODE(NULLIF('', ''));

-- coalesce-three: SELECT coalesce(a, b, 0) FROM w
SELECT COALESCE(a, b, 0) FROM w;

-- nullif-text: SELECT nullif(s, 'Hello') FROM w
SELECT NULLIF(s, 'Hello') FROM w;

-- iif-nested: SELECT iif(a > 0, iif(b > 4, 'p', 'q'), 'r') FROM w
SELECT IIF(a > 0, IIF(b > 4, 'p', 'q'), 'r') FROM w;

-- typeof: SELECT typeof(a) FROM w
-- refused: TYPEOF()

-- printf: SELECT printf('%d', 3)
-- refused: PRINTF()

-- format: SELECT format('%d', 3)
-- refused: FORMAT()

-- quote: SELECT quote('x')
-- refused: QUOTE()

-- hex: SELECT hex('x')
-- refused: HEX()

-- random: SELECT random() IS NOT NULL
-- refused: RANDOM()

-- randomblob: SELECT length(randomblob(4))
-- refused: RANDOMBLOB()

-- zeroblob: SELECT zeroblob(2)
-- refused: ZEROBLOB()

-- changes: SELECT changes()
-- refused: CHANGES()

-- last-insert-rowid: SELECT last_insert_rowid()
-- refused: LAST_INSERT_ROWID()

-- sqlite-version: SELECT sqlite_version() IS NOT NULL
-- refused: CURRENT_VERSION()

-- date-now: SELECT date('now') IS NOT NULL
-- refused: DATE()

-- date-literal: SELECT date('2024-01-31', '+1 month')
-- refused: DATE()

-- datetime: SELECT datetime('2024-01-31 10:00:00')
-- refused: DATETIME()

-- time: SELECT time('10:00')
-- refused: TIME()

-- julianday: SELECT julianday('2024-01-31')
-- refused: JULIANDAY()

-- strftime: SELECT strftime('%Y', '2024-01-31')
-- refused: a date written by a format

-- unixepoch: SELECT unixepoch('2024-01-31')
-- refused: UNIXEPOCH()

-- current-timestamp: SELECT CURRENT_TIMESTAMP IS NOT NULL
-- refused: CURRENT_TIMESTAMP in an expression

-- current-date: SELECT CURRENT_DATE IS NOT NULL
-- refused: CURRENT_DATE in an expression

-- json-extract: SELECT json_extract('{"a": 1}', '$.a')
-- refused: `->>` on JSON

-- json-arrow: SELECT '{"a": 1}' -> 'a'
-- refused: `->` on JSON

-- json-array: SELECT json_array(1, 2)
-- refused: JSON_ARRAY()

-- like-function: SELECT like('a%', 'abc')
SELECT CASE WHEN 'abc' COLLATE Latin1_General_100_CI_AS_SC LIKE 'a%' THEN 1 WHEN NOT ('abc' COLLATE Latin1_General_100_CI_AS_SC LIKE 'a%') THEN 0 END;

-- soundex: SELECT unlikely(a) FROM w
-- refused: UNLIKELY()

-- scalar-of-aggregate: SELECT abs(min(a)), length(max(s)) FROM w
SELECT ABS(MIN(a)), (LEN(MAX(s) + '.') - 1) FROM w;

-- nested-functions: SELECT upper(substr(s, 1, 1)) || lower(substr(s, 2)) FROM w
SELECT UPPER(SUBSTRING(s, 1, 1)) + LOWER(SUBSTRING(s, 2, 2147483647)) FROM w;

-- group-aggregates: SELECT g, count(*), sum(a), max(b) FROM w GROUP BY g ORDER BY g
SELECT g, COUNT(*), SUM(a), MAX(b) FROM w GROUP BY g ORDER BY g;
