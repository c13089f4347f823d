"""SQLite through the standard library's ``sqlite3``, or a module that can take its place.

``sqlite`` is a throwaway file, ``sqlite:///file.db`` (relative) and ``sqlite:////dir/file.db`` (absolute) are used in place
and never deleted, ``sqlite:///:memory:`` is a database in memory. What the URL may add:

* ``driver=module``: another DB-API module (``pysqlite3``, ``sqlean``, a wrapper of the user's);
* ``journal_mode=wal|delete``: by default a throwaway is in WAL mode, for there readers and the writer do not stop each
  other, which gives plans the most to say, and a user's file stays as it is;
* ``pool=module:factory``: another pool (see ``backends.pools``).

Sessions of a database in memory share one page cache, so their locks are SQLite's table locks, and a reader meets
``busy`` where in a file it would read the past (https://www.sqlite.org/sharedcache.html).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from simdsl.backends import pools as pool_names
from simdsl.backends.dbapi.database import MEMORY, FileBackend, locate, parse_path
from simdsl.backends.dbapi.session import TransactionSyntax, compile_statement
from simdsl.backends.protocol import (
    Backend,
    BackendUnavailable,
    Capabilities,
    Database,
    Description,
    Refusal,
    Statement,
)
from simdsl.backends.registry import check_parameters
from simdsl.backends.sqlite import FACTS
from simdsl.backends.sqlite.database import SqliteDatabase
from simdsl.backends.sqlite.errors import DECLARED
from simdsl.backends.sqlite.session import STDLIB, SqliteDriver, load_driver
from simdsl.plan.backend_facts import BackendFacts
from simdsl.plan.outcomes import ErrorClass
from simdsl.plan.sql import Dialect, IsolationLevel, Sql, TransactionMode

_LEVELS: Final = frozenset({IsolationLevel.SERIALIZABLE})
_MODES: Final = frozenset({TransactionMode.DEFERRED, TransactionMode.IMMEDIATE, TransactionMode.EXCLUSIVE})


def transaction_syntax(engine: str, *, concurrent: bool = False) -> TransactionSyntax:
    """How the family writes transactions. ``concurrent`` adds BEGIN CONCURRENT, which only Turso has."""
    modes = _MODES | {TransactionMode.CONCURRENT} if concurrent else _MODES
    return TransactionSyntax(engine=engine, levels=_LEVELS, modes=modes)


class SqliteFamilyBackend(FileBackend):
    """Base of the family's backends. ``journal_mode`` None: WAL for a throwaway, and a user's file stays as it is."""

    journal_mode: str | None

    @property
    def dialect(self) -> Dialect:
        """SQLite's."""
        return Dialect.SQLITE

    def url_options(self) -> Mapping[str, str | None]:
        """The parameters of the URL; None leaves one out."""
        return {"journal_mode": self.journal_mode, "pool": self.pool}


def family_capabilities(
    syntax: TransactionSyntax, declared: frozenset[ErrorClass], *, snapshot_reads: bool = True, returning: bool = True
) -> Capabilities:
    """What all engines of the family can do, each tested by the conformance suite."""
    return Capabilities(
        error_classes=declared,
        isolation_levels=syntax.levels,
        begin_modes=syntax.modes,
        blocks_on_locks=False,  # with a busy timeout of 0, the answer to a lock is ``busy``
        snapshot_reads=snapshot_reads,
        savepoints=True,
        transactional_ddl=True,
        returning=returning,
        upsert=True,
        boolean_type=False,
        deferred_constraints=True,
        nulls_first=True,
        integer_division=True,
        cancel=False,
    )


def family_arguments(
    facts: BackendFacts, head: str, query: Mapping[str, str], *, journal_modes: Sequence[str], memory: bool = False
) -> dict[str, Any]:
    """``path``, ``journal_mode`` and ``pool`` of a URL, for the backend's constructor. Raises ``BackendUnavailable``."""
    check_parameters(facts.name, query, tuple(facts.url_options))
    mode = query.get("journal_mode")
    if mode is not None and mode not in journal_modes:
        raise BackendUnavailable(f"journal_mode is {' or '.join(journal_modes)}, not `{mode}`")
    path = parse_path(head, facts.name, facts.engine, memory=memory)
    return {"path": path, "journal_mode": mode, "pool": query.get("pool")}


JOURNAL_MODES: Final = ("wal", "delete")


def from_url(head: str, query: Mapping[str, str]) -> Backend:
    """The backend that a URL selects. Raises ``BackendUnavailable``."""
    arguments = family_arguments(FACTS, head, query, journal_modes=JOURNAL_MODES, memory=True)
    if arguments["path"] == MEMORY and arguments["journal_mode"] is not None:
        raise BackendUnavailable("a database in memory has no journal_mode")
    backend = SqliteBackend(**arguments, driver=query.get("driver", STDLIB))
    backend.load()
    return backend


@dataclass(frozen=True, kw_only=True)
class SqliteBackend(SqliteFamilyBackend):
    """See ``protocol.Backend``. ``driver`` is the name of the DB-API module."""

    name: str = FACTS.name
    path: str | None = None
    journal_mode: str | None = None
    pool: str | None = None
    driver: str = STDLIB

    def url_options(self) -> Mapping[str, str | None]:
        """The parameters of the URL; None leaves one out."""
        return {"driver": None if self.driver == STDLIB else self.driver, **super().url_options()}

    @cached_property
    def capabilities(self) -> Capabilities:
        """What SQLite of any version that Python 3.11 accepts can do; RETURNING came with 3.35."""
        version = tuple(int(part) for part in self._driver.engine_version.split(".") if part.isdecimal())
        mode = self.journal_mode or ("wal" if self.path is None else None)
        return family_capabilities(_SYNTAX, DECLARED, snapshot_reads=mode == "wal", returning=version >= (3, 35))

    def describe(self) -> Description:
        """Versions, without loading the pool."""
        return Description(
            driver=self._driver.label,
            driver_version=self._driver.version,
            engine=FACTS.engine,
            engine_version=self._driver.engine_version,
            pool=pool_names.describe_pool(self.pool),
        )

    def compile(self, sql: Sql, identifiers: Mapping[str, str]) -> Statement | Refusal:
        """Variables that name things become quoted names, all others become ``?`` in text order."""
        return compile_statement(sql, identifiers, _SYNTAX)

    def create(self) -> Database:
        """A database: made, opened in place, or in memory."""
        location = locate(self.path, FACTS.name, journal_mode=self.journal_mode, throwaway_mode="wal")
        return SqliteDatabase(self._driver, location, self.pool)

    def load(self) -> None:
        """Import now what the URL names. Raises ``BackendUnavailable``."""
        _ = self._driver
        super().load()

    @cached_property
    def _driver(self) -> SqliteDriver:
        return load_driver(self.driver)


_SYNTAX: Final = transaction_syntax(FACTS.engine)
