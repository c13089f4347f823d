"""libSQL through ``libsql-experimental``, as a file on this machine: no server, no replica.

``libsql`` is a throwaway file, ``libsql:///file.db`` (relative) and ``libsql:////dir/file.db`` (absolute) are used in place
and never deleted. What the URL may add:

* ``journal_mode=wal|delete``: by default a throwaway is in WAL mode, and a user's file stays as it is;
* ``pool=module:factory``: another pool (see ``queuepool``).

Foreign keys are enforced from the start, where SQLite wants ``PRAGMA foreign_keys = ON``. The driver tells no error codes,
so messages classify, and a stale snapshot is ``busy`` as any other lock. It makes reals of integers beyond 32 bits, which
simdsl prevents; it cuts text at a NUL, which simdsl refuses to send; and it panics over text that is no UTF-8, which is
``driver_panic``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from simdsl.backends.dbapi.file_backend import locate
from simdsl.backends.libsql import FACTS
from simdsl.backends.libsql.database import SYNTAX, LibsqlDatabase, compile_libsql_statement
from simdsl.backends.libsql.driver import load_driver
from simdsl.backends.pools import names as pool_names
from simdsl.backends.protocol import Backend, Capabilities, Database, Description, Refusal, Statement
from simdsl.backends.sqlite import errors as sqlite_errors
from simdsl.backends.sqlite.driver import SqliteDriver
from simdsl.backends.sqlite.family import SqliteFamilyBackend, family_arguments, family_capabilities
from simdsl.plan.outcomes import ErrorClass
from simdsl.plan.sql import Sql

JOURNAL_MODES: Final = ("wal", "delete")

# Without codes, a stale snapshot cannot be told from any other lock.
DECLARED: Final = sqlite_errors.DECLARED - {ErrorClass.SNAPSHOT_CONFLICT} | {ErrorClass.DRIVER_PANIC}


def from_url(head: str, query: Mapping[str, str]) -> Backend:
    """The backend that a URL selects. Raises ``BackendUnavailable``."""
    arguments = family_arguments(FACTS, head, query, journal_modes=JOURNAL_MODES)
    backend = LibsqlBackend(**arguments)
    backend.load()
    return backend


@dataclass(frozen=True, kw_only=True)
class LibsqlBackend(SqliteFamilyBackend):
    """See ``protocol.Backend``."""

    name: str = FACTS.name
    path: str | None = None
    journal_mode: str | None = None
    pool: str | None = None

    @property
    def capabilities(self) -> Capabilities:
        """SQLite's, but for codes."""
        return family_capabilities(SYNTAX, DECLARED)

    def describe(self) -> Description:
        """Versions, without loading the pool. The engine's is that of the SQLite in it; it does not tell its own."""
        return Description(
            driver=self._driver.label,
            driver_version=self._driver.version,
            engine=FACTS.engine,
            engine_version=f"SQLite {self._driver.engine_version}",
            pool=pool_names.describe_pool(self.pool),
        )

    def compile(self, sql: Sql, identifiers: Mapping[str, str]) -> Statement | Refusal:
        """Variables that name things become quoted names, all others become ``?`` in text order."""
        return compile_libsql_statement(sql, identifiers)

    def create(self) -> Database:
        """A database: made, or opened in place."""
        location = locate(self.path, FACTS.name, journal_mode=self.journal_mode, throwaway_mode="wal")
        return LibsqlDatabase(self._driver, location, self.pool)

    def load(self) -> None:
        """Import now what the URL names. Raises ``BackendUnavailable``."""
        _ = self._driver
        super().load()

    @cached_property
    def _driver(self) -> SqliteDriver:
        return load_driver()
