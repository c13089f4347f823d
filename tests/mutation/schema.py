"""Bugs of tables that come and go, and of indexes that are not what they are declared as."""

from __future__ import annotations

import re
from typing import Any, Final

from tests.mutation.bug import Bug, Kind, driver
from tests.properties.planted import CreatesAnew, CreatesSilently, KeepsWhatIsDropped, LosesARowToAnIndex
from tests.runs.faulty_sqlite import Faithful

_INDEX: Final = re.compile(r"CREATE INDEX (\w+) ON (\w+) \((.*?)\)( WHERE .*)?", re.DOTALL)


class Misbuilds(Faithful):
    """An index is built of another definition than the one that the schema keeps: SQLite itself then trusts it."""

    def execute(self, sql: str, parameters: Any = ()) -> Any:
        found = _INDEX.fullmatch(sql)
        built = self.built(found) if found else None
        if found is None or built is None:
            return super().execute(sql, parameters)
        super().execute(built, parameters)
        super().execute("PRAGMA writable_schema = ON")
        super().execute("UPDATE sqlite_schema SET sql = ? WHERE name = ?", (sql, found[1]))
        (version,) = super().execute("PRAGMA schema_version").fetchone()
        super().execute(f"PRAGMA schema_version = {version + 1}")
        return super().execute("PRAGMA writable_schema = OFF")

    def built(self, found: re.Match[str]) -> str | None:
        """What is built in its place, None for the index itself."""
        raise NotImplementedError


class IndexMissesNull(Misbuilds):
    def built(self, found: re.Match[str]) -> str | None:
        name, table, columns, condition = found.groups()
        first = columns.split(",")[0].removesuffix(" DESC")
        if condition or not re.fullmatch(r"\w+", first):
            return None
        return f"CREATE INDEX {name} ON {table} ({columns}) WHERE {first} IS NOT NULL"


class IndexTurnedRound(Misbuilds):
    def built(self, found: re.Match[str]) -> str | None:
        name, table, columns, _ = found.groups()
        return f"CREATE INDEX {name} ON {table} ({columns.removesuffix(' DESC')})" if columns.endswith(" DESC") else None


class PartialIndexMissesRows(Misbuilds):
    def built(self, found: re.Match[str]) -> str | None:
        name, table, columns, condition = found.groups()
        return f"CREATE INDEX {name} ON {table} ({columns}) WHERE ({condition[7:]}) AND id % 2" if condition else None


class IndexWithoutCase(Misbuilds):
    def built(self, found: re.Match[str]) -> str | None:
        name, table, columns, condition = found.groups()
        if condition or not re.fullmatch(r"\w+", columns):
            return None
        return f"CREATE INDEX {name} ON {table} ({columns} COLLATE NOCASE)"


class ReindexForgets(Faithful):
    """REINDEX costs the table a row."""

    def execute(self, sql: str, parameters: Any = ()) -> Any:
        done = super().execute(sql, parameters)
        if sql.startswith("REINDEX "):
            query = "SELECT tbl_name FROM sqlite_schema WHERE name = ?"
            for (table,) in super().execute(query, (sql.split()[1],)).fetchall():
                super().execute(f"DELETE FROM {table} WHERE id = 1")
        return done


class ForgetsADefault(Faithful):
    def execute(self, sql: str, parameters: Any = ()) -> Any:
        return super().execute(sql.replace(" DEFAULT 0", "") if sql.startswith("CREATE TABLE") else sql, parameters)


BUGS: Final = (
    Bug(
        name="silent-create",
        kind=Kind.SCHEMA,
        does="A table that exists may be created again, and nothing happens.",
        model="IF NOT EXISTS, where nobody said so",
        expected="double-create-failure",
        make=driver("silent-create", CreatesSilently),
    ),
    Bug(
        name="create-empties",
        kind=Kind.SCHEMA,
        does="To create a table that exists is refused, and empties it.",
        model="a failure that is found after the work",
        expected="double-create-failure",
        make=driver("create-empties", CreatesAnew),
    ),
    Bug(
        name="drop-empties",
        kind=Kind.SCHEMA,
        does="DROP TABLE empties the table and keeps it.",
        model="a catalogue that is not told",
        expected="drop-select",
        make=driver("drop-empties", KeepsWhatIsDropped),
    ),
    Bug(
        name="index-costs-a-row",
        kind=Kind.INDEX,
        does="A new index, or a dropped table, costs another table its last row.",
        model="pages that are freed twice",
        expected="all-tables-have-expected-content",
        make=driver("index-costs-a-row", LosesARowToAnIndex),
    ),
    Bug(
        name="index-misses-null",
        kind=Kind.INDEX,
        does="An index has no entry for a row whose column is NULL, and is used as if it had.",
        model="Oracle's indexes leave NULL out, and its planner knows",
        expected="integrity",
        make=driver("index-misses-null", IndexMissesNull),
    ),
    Bug(
        name="partial-index-misses-rows",
        kind=Kind.INDEX,
        does="A partial index has no entries for rows with an even key.",
        model="a partial index that is used for more than it holds",
        expected="index-independence",
        make=driver("partial-index-misses-rows", PartialIndexMissesRows),
    ),
    Bug(
        name="index-turned-round",
        kind=Kind.INDEX,
        does="A descending index is built ascending.",
        model="a flag that one of two places reads",
        expected="integrity",
        make=driver("index-turned-round", IndexTurnedRound),
    ),
    Bug(
        name="index-without-case",
        kind=Kind.INDEX,
        does="An index sorts texts without their case, and is read as if it did not.",
        model="a collation that changed under an index, as with a new version of a locale library",
        expected="integrity",
        make=driver("index-without-case", IndexWithoutCase),
    ),
    Bug(
        name="reindex-costs-a-row",
        kind=Kind.INDEX,
        does="REINDEX costs the table its first row.",
        model="a table that is built again with its index",
        expected="index-independence",
        make=driver("reindex-costs-a-row", ReindexForgets),
    ),
    Bug(
        name="forgotten-default",
        kind=Kind.SCHEMA,
        does="A column's DEFAULT is forgotten.",
        model="a migration that copies names and types",
        expected="read-your-updates-back",
        make=driver("forgotten-default", ForgetsADefault),
    ),
)
