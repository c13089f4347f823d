-- T-SQL of tests/dialect/corpus/tables.yaml.
-- Made by `python -m tests.dialect` with sqlglot 30.31.0, DuckDB 2.0.1, PostgreSQL 18.6.3 and SQLite 3.40.1; do not edit.

-- create-integer: CREATE TABLE t (a INTEGER)
CREATE TABLE t (a INT);

-- create-int: CREATE TABLE t (a INT)
CREATE TABLE t (a INT);

-- create-real: CREATE TABLE t (a REAL)
CREATE TABLE t (a FLOAT);

-- create-float: CREATE TABLE t (a FLOAT)
CREATE TABLE t (a FLOAT);

-- create-double: CREATE TABLE t (a DOUBLE)
CREATE TABLE t (a FLOAT);

-- create-double-precision: CREATE TABLE t (a DOUBLE PRECISION)
CREATE TABLE t (a FLOAT);

-- create-bigint: CREATE TABLE t (a BIGINT)
CREATE TABLE t (a BIGINT);

-- create-integer-large: CREATE TABLE t (a INTEGER)
CREATE TABLE t (a INT);

-- create-small: CREATE TABLE t (a SMALLINT, b TINYINT)
CREATE TABLE t (a SMALLINT, b SMALLINT);

-- create-text: CREATE TABLE t (a TEXT)
CREATE TABLE t (a NVARCHAR(MAX) COLLATE Latin1_General_100_BIN2);

-- create-varchar: CREATE TABLE t (a VARCHAR(10))
CREATE TABLE t (a NVARCHAR(10) COLLATE Latin1_General_100_BIN2);

-- create-varchar-too-long: CREATE TABLE t (a VARCHAR(2))
CREATE TABLE t (a NVARCHAR(2) COLLATE Latin1_General_100_BIN2);

-- create-char: CREATE TABLE t (a CHAR(5))
CREATE TABLE t (a NVARCHAR(5) COLLATE Latin1_General_100_BIN2);

-- create-nvarchar: CREATE TABLE t (a NVARCHAR(5))
CREATE TABLE t (a NVARCHAR(5) COLLATE Latin1_General_100_BIN2);

-- create-blob: CREATE TABLE t (a BLOB)
CREATE TABLE t (a VARBINARY(MAX));

-- create-blob-bound: CREATE TABLE t (a BLOB)
CREATE TABLE t (a VARBINARY(MAX));

-- create-decimal: CREATE TABLE t (a DECIMAL(10, 2))
CREATE TABLE t (a NUMERIC(10, 2));

-- create-numeric-bare: CREATE TABLE t (a NUMERIC)
-- refused: the type NUMERIC without a size, which is another one everywhere

-- create-boolean: CREATE TABLE t (a BOOLEAN)
CREATE TABLE t (a BIT);

-- create-boolean-one: CREATE TABLE t (a BOOLEAN)
CREATE TABLE t (a BIT);

-- create-boolean-default: CREATE TABLE t (id INTEGER, a BOOLEAN NOT NULL DEFAULT 1, b BOOLEAN DEFAULT FALSE)
CREATE TABLE t (id INT, a BIT NOT NULL DEFAULT 1, b BIT DEFAULT 0);

-- create-date: CREATE TABLE t (a DATE)
CREATE TABLE t (a DATE);

-- create-datetime: CREATE TABLE t (a DATETIME)
CREATE TABLE t (a DATETIME2);

-- create-timestamp-default: CREATE TABLE t (id INTEGER, a TIMESTAMP DEFAULT CURRENT_TIMESTAMP)
CREATE TABLE t (id INT, a DATETIME2 DEFAULT SYSUTCDATETIME());

-- create-text-default-now: CREATE TABLE t (id INTEGER, a TEXT DEFAULT CURRENT_TIMESTAMP)
-- refused: CurrentTimestamp as the default of this type

-- create-no-type: CREATE TABLE t (a, b INTEGER)
-- refused: the column `a`, which has no type

-- create-no-types: CREATE TABLE t (a, b)
-- refused: the column `a`, which has no type

-- create-odd-type: CREATE TABLE t (a JSON)
-- refused: the type JSON

-- create-primary-key: CREATE TABLE t (id INTEGER PRIMARY KEY, s TEXT)
CREATE TABLE t (id INT PRIMARY KEY, s NVARCHAR(MAX) COLLATE Latin1_General_100_BIN2);

-- create-int-primary-key: CREATE TABLE t (id INT PRIMARY KEY, s TEXT)
CREATE TABLE t (id INT PRIMARY KEY, s NVARCHAR(MAX) COLLATE Latin1_General_100_BIN2);

-- create-autoincrement: CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, s TEXT)
CREATE TABLE t (id INT IDENTITY(1, 1) PRIMARY KEY, s NVARCHAR(MAX) COLLATE Latin1_General_100_BIN2);

-- create-autoincrement-given: CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, s TEXT)
CREATE TABLE t (id INT IDENTITY(1, 1) PRIMARY KEY, s NVARCHAR(MAX) COLLATE Latin1_General_100_BIN2);

-- create-table-primary-key: CREATE TABLE t (id INTEGER, s TEXT, PRIMARY KEY (id))
CREATE TABLE t (id INT, s NVARCHAR(MAX) COLLATE Latin1_General_100_BIN2, PRIMARY KEY (id));

-- create-composite-key: CREATE TABLE t (a INTEGER, b TEXT, PRIMARY KEY (a, b))
CREATE TABLE t (a INT, b NVARCHAR(450) COLLATE Latin1_General_100_BIN2, PRIMARY KEY (a, b));

-- create-text-key: CREATE TABLE t (k TEXT PRIMARY KEY, v INTEGER)
CREATE TABLE t (k NVARCHAR(450) COLLATE Latin1_General_100_BIN2 PRIMARY KEY, v INT);

-- create-text-key-null: CREATE TABLE t (k TEXT PRIMARY KEY)
CREATE TABLE t (k NVARCHAR(450) COLLATE Latin1_General_100_BIN2 PRIMARY KEY);

-- create-unique: CREATE TABLE t (a INTEGER UNIQUE, b TEXT, UNIQUE (a, b))
CREATE TABLE t (a INT UNIQUE, b NVARCHAR(450) COLLATE Latin1_General_100_BIN2, UNIQUE (a, b));

-- create-not-null: CREATE TABLE t (a INTEGER NOT NULL)
CREATE TABLE t (a INT NOT NULL);

-- create-default: CREATE TABLE t (id INTEGER, a INTEGER DEFAULT 3, b TEXT DEFAULT 'x', c INTEGER DEFAULT (1 + 2), d INTEGER DEFAULT -1)
CREATE TABLE t (id INT, a INT DEFAULT 3, b NVARCHAR(MAX) COLLATE Latin1_General_100_BIN2 DEFAULT 'x', c INT DEFAULT (1 + 2), d INT DEFAULT -1);

-- create-check: CREATE TABLE t (a INTEGER CHECK (a > 0), b INTEGER, CHECK (a < b))
CREATE TABLE t (a INT CHECK (a > 0), b INT, CHECK (a < b));

-- create-check-flag: CREATE TABLE t (a INTEGER, CHECK (a IN (0, 1) AND a IS NOT NULL))
CREATE TABLE t (a INT, CHECK (a IN (0, 1) AND a IS NOT NULL));

-- create-named-constraints: CREATE TABLE t (a INTEGER CONSTRAINT pos CHECK (a > 0), b INTEGER, CONSTRAINT uq UNIQUE (b))
CREATE TABLE t (a INT CONSTRAINT pos CHECK (a > 0), b INT, CONSTRAINT uq UNIQUE (b));

-- create-foreign-key: CREATE TABLE t (o INTEGER REFERENCES old (id))
CREATE TABLE t (o INT REFERENCES old (id));

-- create-foreign-key-table: CREATE TABLE t (o INTEGER, FOREIGN KEY (o) REFERENCES old (id))
CREATE TABLE t (o INT, FOREIGN KEY (o) REFERENCES old (id));

-- create-foreign-key-cascade: CREATE TABLE t (o INTEGER REFERENCES old (id) ON DELETE CASCADE)
CREATE TABLE t (o INT REFERENCES old (id) ON DELETE CASCADE);

-- create-foreign-key-restrict: CREATE TABLE t (o INTEGER REFERENCES old (id) ON DELETE RESTRICT)
-- refused: ON DELETE RESTRICT

-- create-foreign-key-deferred: CREATE TABLE t (o INTEGER REFERENCES old (id) DEFERRABLE INITIALLY DEFERRED)
-- refused: a constraint that waits for COMMIT

-- create-foreign-key-violated: CREATE TABLE t (o INTEGER REFERENCES old (id))
CREATE TABLE t (o INT REFERENCES old (id));

-- create-nocase: CREATE TABLE t (a TEXT COLLATE NOCASE)
-- refused: COLLATE NOCASE of a column

-- create-binary: CREATE TABLE t (a TEXT COLLATE BINARY)
CREATE TABLE t (a NVARCHAR(MAX) COLLATE Latin1_General_100_BIN2);

-- create-generated: CREATE TABLE t (a INTEGER, b INTEGER GENERATED ALWAYS AS (a * 2) STORED)
CREATE TABLE t (a INT, b AS (a * 2) PERSISTED);

-- create-generated-virtual: CREATE TABLE t (a INTEGER, b INTEGER AS (a * 2))
CREATE TABLE t (a INT, b AS (a * 2));

-- create-without-rowid: CREATE TABLE t (k TEXT PRIMARY KEY, v INTEGER) WITHOUT ROWID
CREATE TABLE t (k NVARCHAR(450) COLLATE Latin1_General_100_BIN2 PRIMARY KEY, v INT);

-- create-strict: CREATE TABLE t (a INTEGER) STRICT
CREATE TABLE t (a INT);

-- create-strict-without-rowid: CREATE TABLE t (k TEXT PRIMARY KEY) STRICT, WITHOUT ROWID
CREATE TABLE t (k NVARCHAR(450) COLLATE Latin1_General_100_BIN2 PRIMARY KEY);

-- create-if-not-exists: CREATE TABLE IF NOT EXISTS t (a INTEGER)
IF OBJECT_ID(N't', N'U') IS NULL CREATE TABLE t (a INT);

-- create-if-not-exists-there: CREATE TABLE IF NOT EXISTS old (a INTEGER)
IF OBJECT_ID(N'old', N'U') IS NULL CREATE TABLE old (a INT);

-- create-twice: CREATE TABLE old (a INTEGER)
CREATE TABLE old (a INT);

-- create-temporary: CREATE TEMP TABLE t (a INTEGER)
-- refused: a temporary table

-- create-as: CREATE TABLE t AS SELECT id, s FROM old
SELECT * INTO t FROM (SELECT id AS id, s AS s FROM old) AS temp;

-- create-as-where: CREATE TABLE t AS SELECT id + 1 AS k FROM old WHERE a IS NOT NULL
SELECT * INTO t FROM (SELECT id + 1 AS k FROM old WHERE a IS NOT NULL) AS temp;

-- create-virtual: CREATE VIRTUAL TABLE t USING fts5(a)
-- refused: CREATE VIRTUAL TABLE

-- create-conflict-clause: CREATE TABLE t (a INTEGER UNIQUE ON CONFLICT REPLACE)
-- refused: CREATE TABLE

-- create-reserved-names: CREATE TABLE t (user TEXT, offset INTEGER, "end" INTEGER)
CREATE TABLE t ([user] NVARCHAR(MAX) COLLATE Latin1_General_100_BIN2, offset INT, [end] INT);

-- create-quoted-names: CREATE TABLE "my table" ("my column" INTEGER)
CREATE TABLE [my table] ([my column] INT);

-- create-index: CREATE INDEX i ON old (a)
CREATE INDEX i ON old(a);

-- create-index-two: CREATE INDEX i ON old (a DESC, s)
CREATE INDEX i ON old(a DESC, s);

-- create-index-unique: CREATE UNIQUE INDEX i ON old (s)
CREATE UNIQUE INDEX i ON old(s);

-- create-index-unique-null: CREATE UNIQUE INDEX i ON old (a)
CREATE UNIQUE INDEX i ON old(a);

-- create-index-partial: CREATE UNIQUE INDEX i ON old (s) WHERE a IS NOT NULL
CREATE UNIQUE INDEX i ON old(s) WHERE a IS NOT NULL;

-- create-index-expression: CREATE INDEX i ON old (lower(s))
-- refused: an index on an expression

-- create-index-sum: CREATE INDEX i ON old (a + 1)
-- refused: an index on an expression

-- create-index-nocase: CREATE INDEX i ON old (s COLLATE NOCASE)
-- refused: COLLATE NOCASE in an index

-- create-index-if-not-exists: CREATE INDEX IF NOT EXISTS i ON old (a)
IF NOT EXISTS (SELECT 1 FROM sys.indexes WHERE name = N'i' AND object_id = OBJECT_ID(N'old')) CREATE INDEX i ON old(a);

-- create-view: CREATE VIEW w AS SELECT id, a * 2 AS twice FROM old
CREATE VIEW w AS SELECT id, a * 2 AS twice FROM old;

-- create-view-columns: CREATE VIEW w (k, x) AS SELECT id, s FROM old
CREATE VIEW w (k, x) AS SELECT id, s FROM old;

-- create-view-condition: CREATE VIEW w AS SELECT id FROM old WHERE a > 3
CREATE VIEW w AS SELECT id FROM old WHERE a > 3;

-- create-view-if-not-exists: CREATE VIEW IF NOT EXISTS w AS SELECT id FROM old
-- refused: CREATE VIEW IF NOT EXISTS

-- create-trigger: CREATE TRIGGER g AFTER INSERT ON old BEGIN SELECT 1; END
-- refused: CREATE TRIGGER

-- drop-table: DROP TABLE old
DROP TABLE old;

-- drop-table-if-exists: DROP TABLE IF EXISTS nope
DROP TABLE IF EXISTS nope;

-- drop-missing: DROP TABLE nope
DROP TABLE nope;

-- drop-view: DROP VIEW w
DROP VIEW w;

-- drop-index: DROP INDEX i
-- refused: DROP INDEX without the name of its table

-- drop-trigger: DROP TRIGGER IF EXISTS g
-- refused: DROP TRIGGER

-- alter-add: ALTER TABLE old ADD COLUMN z INTEGER
ALTER TABLE old ADD z INT;

-- alter-add-default: ALTER TABLE old ADD COLUMN z TEXT DEFAULT 'q'
ALTER TABLE old ADD z NVARCHAR(MAX) COLLATE Latin1_General_100_BIN2 DEFAULT 'q';

-- alter-add-not-null: ALTER TABLE old ADD z INTEGER NOT NULL DEFAULT 0
ALTER TABLE old ADD z INT NOT NULL DEFAULT 0;

-- alter-rename: ALTER TABLE old RENAME TO fresh
EXEC sp_rename N'old', N'fresh';

-- alter-rename-column: ALTER TABLE old RENAME COLUMN s TO t
EXEC sp_rename N'old.s', N't', N'COLUMN';

-- alter-rename-column-short: ALTER TABLE old RENAME s TO t
EXEC sp_rename N'old.s', N't', N'COLUMN';

-- alter-drop-column: ALTER TABLE old DROP COLUMN s
ALTER TABLE old DROP COLUMN s;

-- pragma: PRAGMA foreign_keys = ON
-- refused: PRAGMA

-- explain: EXPLAIN QUERY PLAN SELECT * FROM old
-- refused: EXPLAIN

-- vacuum: VACUUM
-- refused: VACUUM

-- analyze: ANALYZE
-- refused: ANALYZE

-- attach: ATTACH ':memory:' AS other
-- refused: ATTACH

-- reindex: REINDEX
-- refused: REINDEX
