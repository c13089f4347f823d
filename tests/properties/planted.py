"""A planted bug for each property that can be tried on SQLite: a driver, or a pool, with one fault.

The faults that other tests have too are theirs (tests/runs/faulty_sqlite.py, tests/backends/planted_pools.py).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from sqlalchemy.pool import QueuePool

from simdsl.backends.protocol import Backend
from simdsl.backends.registry import resolve
from tests.runs.faulty_sqlite import Faithful, Rows, install, install_class


class StopsHalfWay(Faithful):
    """A statement that fails keeps what it has done so far."""

    def execute(self, sql: str, parameters: Any = ()) -> Any:
        for word in ("INSERT", "UPDATE"):
            if sql.startswith(f"{word} "):
                sql = f"{word} OR FAIL{sql.removeprefix(word)}"
        return super().execute(sql, parameters)


class ForgetsAfterBusy(Faithful):
    """A connection that was refused once updates nothing the next time, and says that it did."""

    def execute(self, sql: str, parameters: Any = ()) -> Any:
        if sql.startswith("UPDATE") and vars(self.connection).pop("refused", False):
            sql = sql.replace("v = v +", "v = v + 0 *")
        try:
            return super().execute(sql, parameters)
        except sqlite3.OperationalError:
            vars(self.connection)["refused"] = True
            raise


class SkipsARow(Faithful):
    """What is written by a condition leaves out every third row."""

    def execute(self, sql: str, parameters: Any = ()) -> Any:
        if sql.startswith(("UPDATE t", "DELETE FROM t")) and " BETWEEN " in sql:
            sql = f"{sql} AND id % 3 <> 0"
        return super().execute(sql, parameters)


class IgnoresLimit(Faithful):
    """All rows, whatever LIMIT says."""

    def execute(self, sql: str, parameters: Any = ()) -> Any:
        return super().execute(sql.partition(" LIMIT ")[0], parameters)


class StartsLate(Faithful):
    """An OFFSET of one row more."""

    def execute(self, sql: str, parameters: Any = ()) -> Any:
        return super().execute(sql.replace(" OFFSET ", " OFFSET 1 + "), parameters)


class TurnsIsNullRound(Faithful):
    """IS NULL in a query is true where it should be false."""

    def execute(self, sql: str, parameters: Any = ()) -> Any:
        return super().execute(sql.replace("IS NULL", "IS NOT NULL") if sql.startswith("SELECT") else sql, parameters)


class CreatesSilently(Faithful):
    """A table that exists may be created again, and nothing happens."""

    def execute(self, sql: str, parameters: Any = ()) -> Any:
        return super().execute(sql.replace("CREATE TABLE ", "CREATE TABLE IF NOT EXISTS "), parameters)


class CreatesAnew(Faithful):
    """A table that exists is emptied, and its name refused all the same."""

    def execute(self, sql: str, parameters: Any = ()) -> Any:
        try:
            return super().execute(sql, parameters)
        except sqlite3.OperationalError as error:
            if "already exists" in str(error):
                super().execute(f"DELETE FROM {sql.split()[2]}")
            raise


class KeepsWhatIsDropped(Faithful):
    """DROP TABLE empties a table."""

    def execute(self, sql: str, parameters: Any = ()) -> Any:
        return super().execute(sql.replace("DROP TABLE ", "DELETE FROM "), parameters)


class Replaces(Faithful):
    """A second row of a key takes the place of the first."""

    def execute(self, sql: str, parameters: Any = ()) -> Any:
        return super().execute(sql.replace("INSERT INTO", "INSERT OR REPLACE INTO"), parameters)


class LosesARowToAnIndex(Faithful):
    """A new index costs the table its last row, as does a DROP of another table."""

    def execute(self, sql: str, parameters: Any = ()) -> Any:
        done = super().execute(sql, parameters)
        if sql.startswith(("CREATE INDEX", "DROP TABLE")):
            super().execute("DELETE FROM u WHERE id = (SELECT max(id) FROM u)")
        return done


def _where(said: str) -> str:
    """What stands behind the first WHERE."""
    return said.partition(" WHERE ")[2]


class MissesARow(Faithful):
    """A condition in WHERE loses the last row of what it keeps."""

    def changed(self, rows: Rows) -> Rows:
        return rows[:-1] if _where(self.said) else rows


class MissesARowByKey(Faithful):
    """A condition in WHERE loses a row of a table with a key."""

    def changed(self, rows: Rows) -> Rows:
        return rows[:-1] if _where(self.said) and "plain_" not in self.said else rows


class MissesARowByIndex(Faithful):
    """While an index is there that was made later, a condition in WHERE loses a row."""

    def execute(self, sql: str, parameters: Any = ()) -> Any:
        if sql.startswith(("CREATE INDEX extra", "DROP INDEX extra")):
            vars(self.connection)["indexed"] = sql.startswith("CREATE")
        return super().execute(sql, parameters)

    def changed(self, rows: Rows) -> Rows:
        return rows[:-1] if _where(self.said) and vars(self.connection).get("indexed") else rows


class FoldsWrongly(Faithful):
    """A condition with a subquery loses the last row of what it keeps."""

    def changed(self, rows: Rows) -> Rows:
        return rows[:-1] if "(SELECT " in _where(self.said) else rows


class DropsEquals(Faithful):
    """UNION ALL gives each row once."""

    def execute(self, sql: str, parameters: Any = ()) -> Any:
        return super().execute(sql.replace(" UNION ALL ", " UNION "), parameters)


class CountsOneMore(Faithful):
    """The rows of a subquery are one more than they are."""

    def execute(self, sql: str, parameters: Any = ()) -> Any:
        return super().execute(sql.replace("SELECT count(*) FROM (", "SELECT count(*) + 1 FROM ("), parameters)


class MissesARowInCase(Faithful):
    """A condition with CASE loses the last row of what it keeps."""

    def changed(self, rows: Rows) -> Rows:
        return rows[:-1] if "CASE" in _where(self.said) else rows


class IndexesAnother(Faithful):
    """A new index holds the rows of all, and is said to hold none."""

    def execute(self, sql: str, parameters: Any = ()) -> Any:
        made = super().execute(sql, parameters)
        if sql.startswith("CREATE INDEX extra") and " WHERE " not in sql:
            name = sql.split()[2]
            super().execute("PRAGMA writable_schema = ON")
            super().execute("UPDATE sqlite_master SET sql = sql || ' WHERE 0' WHERE name = ?", (name,))
            super().execute("PRAGMA writable_schema = RESET")
        return made


def never_resets(connect: Callable[[], Any], *, size: int, timeout: float, **_: object) -> QueuePool:
    """What is returned is lent again as it is."""
    return QueuePool(connect, pool_size=size, max_overflow=0, timeout=timeout, reset_on_return=None)


def driver(name: str) -> Callable[[], Backend]:
    """SQLite with this driver."""
    return lambda: resolve(f"sqlite?driver={name}")


def pool(place: str) -> Callable[[], Backend]:
    """SQLite with this pool."""
    return lambda: resolve(f"sqlite?pool={place}")


PLANTED: Final[Mapping[str, tuple[Callable[[], Backend], ...]]] = MappingProxyType(
    {
        "pool-checkout-return": (
            pool("tests.backends.planted_pools:lost_hand_off"),
            pool("tests.backends.planted_pools:lease_to_the_gone"),
            pool("tests.backends.planted_pools:no_wake_up"),
        ),
        "pool-clean-return": (pool("tests.properties.planted:never_resets"),),
        "tx-commit-visible": (driver(install("loses_a_commit")), driver(install("reads_what_was"))),
        "tx-rollback-invisible": (driver(install("ignores_a_rollback")),),
        "savepoint-rollback": (driver(install("ignores_a_rollback_to_a_savepoint")),),
        "retry-after-busy": (driver(install_class("forgets_after_busy", ForgetsAfterBusy)),),
        "statement-atomicity": (driver(install_class("stops_half_way", StopsHalfWay)),),
        "insert-values-select": (
            driver(install("drops_a_row")),
            driver(install_class("turns_is_null_round", TurnsIsNullRound)),
        ),
        "read-your-updates-back": (
            driver(install_class("skips_a_row", SkipsARow)),
            driver(install("ignores_a_rollback")),
        ),
        "delete-select": (driver(install_class("skips_a_row", SkipsARow)), driver(install("loses_a_commit"))),
        "select-limit": (
            driver(install_class("ignores_limit", IgnoresLimit)),
            driver(install_class("starts_late", StartsLate)),
        ),
        "double-create-failure": (
            driver(install_class("creates_silently", CreatesSilently)),
            driver(install_class("creates_anew", CreatesAnew)),
        ),
        "drop-select": (
            driver(install_class("keeps_what_is_dropped", KeepsWhatIsDropped)),
            driver(install("ignores_a_rollback")),
        ),
        "unique-insert": (
            driver(install_class("replaces", Replaces)),
            driver(install("swallows_an_error")),
            driver(install("raises_the_wrong_error")),
        ),
        "table-has-expected-content": (driver(install("loses_a_commit")), driver(install("duplicates_a_row"))),
        "all-tables-have-expected-content": (
            driver(install_class("loses_a_row_to_an_index", LosesARowToAnIndex)),
            driver(install("drops_a_row")),
        ),
        "select-select-optimizer": (driver(install_class("misses_a_row", MissesARow)),),
        "where-true-false-null": (
            driver(install_class("misses_a_row", MissesARow)),
            driver(install_class("turns_is_null_round", TurnsIsNullRound)),
        ),
        "union-all-preserves-cardinality": (driver(install_class("drops_equals", DropsEquals)),),
        "plain-copy": (driver(install_class("misses_a_row_by_key", MissesARowByKey)),),
        "index-independence": (driver(install_class("misses_a_row_by_index", MissesARowByIndex)),),
        "constant-to-subquery": (driver(install_class("folds_wrongly", FoldsWrongly)),),
        "dml-select-agreement": (driver(install_class("skips_a_row", SkipsARow)),),
        "count-agreement": (driver(install_class("counts_one_more", CountsOneMore)),),
        "integrity": (driver(install_class("indexes_another", IndexesAnother)),),
        "rewrite-equivalence": (driver(install_class("misses_a_row_in_case", MissesARowInCase)),),
    }
)
"""The backends with a bug that the property must find. No backend can lose a connection, so one property has none."""
