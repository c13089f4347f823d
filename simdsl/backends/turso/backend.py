"""Turso through ``pyturso``: SQLite's files, SQL and messages, written anew in Rust.

``turso`` is a throwaway file, ``turso:///file.db`` (relative) and ``turso:////dir/file.db`` (absolute) are used in place and
never deleted; no other process can open a file at the same time. What the URL may add:

* ``journal_mode=wal|mvcc``: by default a throwaway is in WAL mode, and a user's file stays as it is. ``BEGIN CONCURRENT``
  needs ``mvcc``: it is snapshot isolation, and a write that meets another transaction's is ``serialization_failure`` and
  ends its own transaction. A plain ``BEGIN`` still has one writer at a time;
* ``pool=module:factory``: another pool (see ``queuepool``).

The engine aborts its process when it panics, so it has one of its own (docs/adr/0023). Its death is the outcome
``driver_panic`` of the statement under way, with what the engine said of it; other sessions are lost, and whatever opens a
connection after that finds a new process.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from simdsl.backends.dbapi.file_backend import locate
from simdsl.backends.dbapi.statements import TransactionSyntax, compile_statement
from simdsl.backends.pools import names as pool_names
from simdsl.backends.protocol import (
    Backend,
    BackendUnavailable,
    Capabilities,
    Database,
    Description,
    Refusal,
    Statement,
)
from simdsl.backends.sqlite.driver import package_version
from simdsl.backends.sqlite.family import SqliteFamilyBackend, family_arguments, family_capabilities, transaction_syntax
from simdsl.backends.turso import FACTS
from simdsl.backends.turso.database import TursoDatabase
from simdsl.backends.turso.process import LIMIT_US
from simdsl.plan.outcomes import ErrorClass
from simdsl.plan.sql import Sql

JOURNAL_MODES: Final = ("wal", "mvcc")
_MVCC: Final = "mvcc"

_COMMON: Final = frozenset(
    {
        ErrorClass.UNIQUE_VIOLATION,
        ErrorClass.NOT_NULL_VIOLATION,
        ErrorClass.FOREIGN_KEY_VIOLATION,
        ErrorClass.CHECK_VIOLATION,
        ErrorClass.SYNTAX_ERROR,
        ErrorClass.UNDEFINED_TABLE,
        ErrorClass.UNDEFINED_COLUMN,
        ErrorClass.UNDEFINED_FUNCTION,
        ErrorClass.UNDEFINED_OBJECT,
        ErrorClass.DUPLICATE_TABLE,
        ErrorClass.DUPLICATE_OBJECT,
        ErrorClass.DATATYPE_MISMATCH,
        ErrorClass.NUMERIC_VALUE_OUT_OF_RANGE,
        ErrorClass.STRING_DATA_RIGHT_TRUNCATION,
        ErrorClass.INVALID_TEXT_REPRESENTATION,
        ErrorClass.BUSY,
        ErrorClass.NO_ACTIVE_TRANSACTION,
        ErrorClass.ACTIVE_SQL_TRANSACTION,
        ErrorClass.INVALID_SAVEPOINT_SPECIFICATION,
        ErrorClass.CONNECTION_CLOSED,
        ErrorClass.CONNECTION_LOST,
        ErrorClass.POOL_TIMEOUT,
        ErrorClass.READ_ONLY,
        ErrorClass.IO_ERROR,
        ErrorClass.DATA_CORRUPTED,
        ErrorClass.INSUFFICIENT_PRIVILEGE,
        ErrorClass.FEATURE_NOT_SUPPORTED,
        ErrorClass.DRIVER_PANIC,
    }
)
# In MVCC mode rows go to a log, which max_page_count does not limit, and a stale snapshot is ``busy`` as any other lock.
DECLARED: Final = _COMMON | {ErrorClass.SNAPSHOT_CONFLICT, ErrorClass.DISK_FULL}
MVCC_DECLARED: Final = _COMMON | {ErrorClass.SERIALIZATION_FAILURE}


def from_url(head: str, query: Mapping[str, str]) -> Backend:
    """The backend that a URL selects. Raises ``BackendUnavailable``."""
    arguments = family_arguments(FACTS, head, query, journal_modes=JOURNAL_MODES)
    backend = TursoBackend(**arguments)
    backend.load()
    return backend


@dataclass(frozen=True, kw_only=True)
class TursoBackend(SqliteFamilyBackend):
    """See ``protocol.Backend``. ``limit_us`` is how long a statement may take in real time before its process is killed."""

    name: str = FACTS.name
    path: str | None = None
    journal_mode: str | None = None
    pool: str | None = None
    limit_us: int = LIMIT_US

    @property
    def capabilities(self) -> Capabilities:
        """What 0.8 can do, each tested."""
        return family_capabilities(self._syntax, MVCC_DECLARED if self._is_mvcc else DECLARED)

    def describe(self) -> Description:
        """Versions, without starting the engine: it is compiled into its driver and has the same."""
        version = self._version
        return Description(
            driver="pyturso, in a process of its own",
            driver_version=version,
            engine=FACTS.engine,
            engine_version=version,
            pool=pool_names.describe_pool(self.pool),
        )

    def compile(self, sql: Sql, identifiers: Mapping[str, str]) -> Statement | Refusal:
        """Variables that name things become quoted names, all others become ``?`` in text order."""
        return compile_statement(sql, identifiers, self._syntax)

    def create(self) -> Database:
        """A database: made, or opened in place."""
        location = locate(self.path, FACTS.name, journal_mode=self.journal_mode, throwaway_mode="wal")
        return TursoDatabase(location, self.pool, self._version, self.limit_us)

    def load(self) -> None:
        """Look now for what the URL names. Raises ``BackendUnavailable``."""
        _ = self._version
        super().load()

    @property
    def _is_mvcc(self) -> bool:
        return self.journal_mode == _MVCC

    @cached_property
    def _syntax(self) -> TransactionSyntax:
        engine = FACTS.engine if self._is_mvcc else f"{FACTS.engine} without journal_mode=mvcc"
        return transaction_syntax(engine, concurrent=self._is_mvcc)

    @cached_property  # a directory is searched, and the trace of every run asks
    def _version(self) -> str:
        version = package_version("turso", "pyturso")
        if version is None:
            raise BackendUnavailable("turso: its driver is not installed: pip install 'simdsl[turso]'")
        return version
