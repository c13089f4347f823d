"""SQLite through the standard library's ``sqlite3``, or a module that can take its place.

``sqlite`` is a throwaway file, ``sqlite:///file.db`` (relative) and ``sqlite:////dir/file.db`` (absolute) are used in place
and never deleted, ``sqlite:///:memory:`` is a database in memory. What the URL may add:

* ``driver=module``: another DB-API module (``pysqlite3``, ``sqlean``, a wrapper of the user's);
* ``journal_mode=wal|delete``: by default a throwaway is in WAL mode, for there readers and the writer do not stop each
  other, which gives plans the most to say, and a user's file stays as it is;
* ``pool=module:factory``: another pool (see ``queuepool``).

Sessions of a database in memory share one page cache, so their locks are SQLite's table locks, and a reader meets
``busy`` where in a file it would read the past (https://www.sqlite.org/sharedcache.html).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from simdsl.backends.pools import names as pool_names
from simdsl.backends.protocol import Backend, BackendUnavailable, Capabilities, Database, Description, Refusal, Statement
from simdsl.backends.sqlite import driver as sqlite_driver
from simdsl.backends.sqlite.database import SqliteDatabase
from simdsl.backends.sqlite.driver import SqliteDriver
from simdsl.backends.sqlite.errors import DECLARED
from simdsl.backends.sqlite.location import MEMORY, format_url, locate, parse_path
from simdsl.backends.sqlite.statements import compile_statement
from simdsl.backends.urls import check_parameters
from simdsl.plan.sql import Dialect, IsolationLevel, Sql, TransactionMode

OPTIONS: Final = ("driver", "journal_mode", "pool")
JOURNAL_MODES: Final = ("wal", "delete")


def from_url(head: str, query: Mapping[str, str]) -> Backend:
    """The backend that a URL selects. Raises ``BackendUnavailable``."""
    check_parameters("sqlite", query, OPTIONS)
    mode = query.get("journal_mode")
    if mode is not None and mode not in JOURNAL_MODES:
        raise BackendUnavailable(f"journal_mode is {' or '.join(JOURNAL_MODES)}, not `{mode}`")
    path = parse_path(head, "sqlite", "SQLite", memory=True)
    if path == MEMORY and mode is not None:
        raise BackendUnavailable("a database in memory has no journal_mode")
    backend = SqliteBackend(
        path=path, driver=query.get("driver", sqlite_driver.STDLIB), journal_mode=mode, pool=query.get("pool")
    )
    backend.load()
    return backend


@dataclass(frozen=True, kw_only=True)
class SqliteBackend:
    """See ``protocol.Backend``. ``path`` None is a throwaway; ``pool`` None is SQLAlchemy's QueuePool."""

    name: str = "sqlite"
    path: str | None = None
    driver: str = sqlite_driver.STDLIB
    journal_mode: str | None = None
    pool: str | None = None

    @property
    def url(self) -> str:
        """A URL with what differs from the defaults."""
        return format_url(
            "sqlite",
            self.path,
            {
                "driver": None if self.driver == sqlite_driver.STDLIB else self.driver,
                "journal_mode": self.journal_mode,
                "pool": self.pool,
            },
        )

    @property
    def dialect(self) -> Dialect:
        """SQLite's own."""
        return Dialect.SQLITE

    @cached_property
    def capabilities(self) -> Capabilities:
        """What SQLite of any version that Python 3.11 accepts can do; RETURNING came with 3.35."""
        version = tuple(int(part) for part in self._driver.engine_version.split(".") if part.isdecimal())
        return Capabilities(
            error_classes=DECLARED,
            isolation_levels=frozenset({IsolationLevel.SERIALIZABLE}),
            begin_modes=frozenset({TransactionMode.DEFERRED, TransactionMode.IMMEDIATE, TransactionMode.EXCLUSIVE}),
            blocks_on_locks=False,
            snapshot_reads=(self.journal_mode or ("wal" if self.path is None else None)) == "wal",
            savepoints=True,
            transactional_ddl=True,
            returning=version >= (3, 35),
            upsert=True,
            boolean_type=False,
            deferred_constraints=True,
            nulls_first=True,
            integer_division=True,
            cancel=False,
        )

    def describe(self) -> Description:
        """Versions, without loading the pool."""
        return Description(
            driver=self._driver.label,
            driver_version=self._driver.version,
            engine="SQLite",
            engine_version=self._driver.engine_version,
            pool=pool_names.describe_pool(self.pool),
        )

    def compile(self, sql: Sql, identifiers: Mapping[str, str]) -> Statement | Refusal:
        """Variables that name things are written as quoted names, all others become ``?`` in the order of the text."""
        return compile_statement(sql, identifiers, "SQLite")

    def create(self) -> Database:
        """A database: made, opened in place, or in memory."""
        place = locate(self.path, "sqlite", journal_mode=self.journal_mode, throwaway_mode="wal")
        return SqliteDatabase(self._driver, place, self.pool)

    def load(self) -> None:
        """Import now what the URL names. Raises ``BackendUnavailable``."""
        _ = self._driver
        if self.pool not in (None, pool_names.QUEUE_POOL):
            pool_names.load_factory(str(self.pool))

    @cached_property
    def _driver(self) -> SqliteDriver:
        return sqlite_driver.load_driver(self.driver)
