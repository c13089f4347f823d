"""A backend for a PEP 249 driver from a description of its engine: what a third party's backend consists of.

``DbapiEngine`` says what is particular about an engine that keeps a database in one file (DuckDB, for example): how to
connect, how it writes transactions, what its errors mean, what it can do. ``backend`` makes the backend that a URL selects.
docs/how-to/add-a-backend.md has a complete example. A database server needs a ``Database`` of its own over
``SessionRegistry``, because the way back to a snapshot is different on each.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field, fields
from importlib import import_module
from typing import Any, Final

from simdsl.backends import pools as pool_names
from simdsl.backends.dbapi.database import FileBackend, FileDatabase, FileLocation, locate, parse_path
from simdsl.backends.dbapi.session import (
    DbapiSession,
    ErrorTable,
    LendableConnection,
    ParameterStyle,
    TransactionSyntax,
    compile_statement,
    fetch_values,
    quote_name,
)
from simdsl.backends.protocol import BackendUnavailable, Capabilities, Database, Description, Refusal, Statement
from simdsl.plan.deferred import dataclass
from simdsl.plan.outcomes import ErrorClass, Failed, Rows
from simdsl.plan.sql import Dialect, Sql
from simdsl.plan.values import sorted_rows

_TABLES: Final = "SELECT table_name FROM information_schema.tables WHERE table_type = 'BASE TABLE' ORDER BY table_name"
# Given by ``DbapiSession`` and by pools, whatever the engine.
_ALWAYS: Final = frozenset(
    {
        ErrorClass.CONNECTION_CLOSED,
        ErrorClass.POOL_TIMEOUT,
        ErrorClass.NUMERIC_VALUE_OUT_OF_RANGE,
        ErrorClass.INVALID_TEXT_REPRESENTATION,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DbapiEngine:
    """One engine and its PEP 249 driver. What has no default must be given."""

    name: str  # "duckdb", the scheme of its URLs
    module: str  # of the driver; imported when the backend is asked for
    dialect: Dialect
    transactions: TransactionSyntax  # its ``engine`` is the engine's name: "DuckDB"
    errors: ErrorTable
    abilities: frozenset[str] = frozenset()  # the boolean fields of ``Capabilities`` that are true
    connect: Callable[[Any, str], Any] = lambda module, path: module.connect(path)
    side_files: tuple[str, ...] = ()  # suffixes of the files that lie beside the database file: ".wal"
    tables: str = _TABLES  # a query for the names of the user's tables
    count_column: str | None = None  # the name of the column in which DML returns its count as a row
    uses_cursors: bool = True  # false where ``cursor()`` gives another connection, and not a cursor of this one
    binds_by_name: bool = False  # parameters go as a mapping, for the styles ``named`` and ``pyformat``
    install: str = ""  # what to do where the driver is missing: "pip install duckdb"
    engine_version: Callable[[Any], str] = lambda module: str(getattr(module, "__version__", "unknown"))

    def backend(self, url: str = "", pool: str | None = None) -> DbapiBackend:
        """The factory for an entry point, of ``name``, ``name?pool=...`` and ``name:///file``.

        Raises ``BackendUnavailable``.
        """
        path = parse_path(url or self.name, self.name, self.transactions.engine)
        backend = DbapiBackend(name=self.name, engine=self, path=path, pool=pool)
        backend.load()
        return backend

    def driver(self) -> Any:
        """The driver's module. Raises ``BackendUnavailable``."""
        try:
            return import_module(self.module)
        except ImportError as error:
            advice = f": {self.install}" if self.install else ""
            raise BackendUnavailable(f"{self.name}: the driver `{self.module}` is not installed{advice} ({error})") from None


@dataclasses.dataclass(frozen=True, kw_only=True)
class DbapiBackend(FileBackend):
    """See ``protocol.Backend``. Made by ``DbapiEngine.backend``."""

    engine: DbapiEngine = field(repr=False)
    name: str
    path: str | None = None
    pool: str | None = None

    @property
    def dialect(self) -> Dialect:
        """The engine's."""
        return self.engine.dialect

    @property
    def capabilities(self) -> Capabilities:
        """What the description says; what it does not mention is not claimed."""
        syntax = self.engine.transactions
        flags: dict[str, Any] = {
            item.name: item.name in self.engine.abilities for item in fields(Capabilities) if item.type == "bool"
        }
        return Capabilities(
            error_classes=self.engine.errors.declared | _ALWAYS,
            isolation_levels=syntax.levels,
            begin_modes=syntax.modes,
            **{**flags, "savepoints": syntax.savepoints},
        )

    def describe(self) -> Description:
        """Versions. An embedded engine is compiled into its driver, so both usually have the same."""
        module = self.engine.driver()
        return Description(
            driver=self.engine.module,
            driver_version=str(getattr(module, "__version__", "unknown")),
            engine=self.engine.transactions.engine,
            engine_version=self.engine.engine_version(module),
            pool=pool_names.describe_pool(self.pool),
        )

    def compile(self, sql: Sql, identifiers: Mapping[str, str]) -> Statement | Refusal:
        """Placeholders in the style that the driver's module declares."""
        style = ParameterStyle(self.engine.driver().paramstyle)
        return compile_statement(sql, identifiers, self.engine.transactions, style)

    def create(self) -> Database:
        """A database: a throwaway file, or the user's in place."""
        return DbapiDatabase(self.engine, locate(self.path, self.name), self.pool)

    def load(self) -> None:
        """Import now what the URL names. Raises ``BackendUnavailable``."""
        self.engine.driver()
        super().load()


class DbapiDatabase(FileDatabase[DbapiSession]):
    """See ``protocol.Database``. A database in one file, for any engine that ``DbapiEngine`` describes."""

    def __init__(self, engine: DbapiEngine, location: FileLocation, pool: str | None) -> None:
        self._engine = engine
        self._module = engine.driver()
        super().__init__(location, pool)
        self.side_files = engine.side_files

    def make_session(self, number: int) -> DbapiSession:
        """A session over a new connection."""
        return DbapiSession(self.connect_driver(), number, self._engine)

    def connect_driver(self) -> Any:
        """As the engine's description says."""
        return self._engine.connect(self._module, self._target)

    def lent_connection(self, session: DbapiSession) -> LendableConnection:
        """A stand-in, whose ``rollback`` the session sees."""
        return session.pooled

    def failed(self, error: BaseException) -> Failed:
        """By the engine's table."""
        return self._engine.errors.failed(error)

    def table_names(self) -> Sequence[str]:
        """As the engine's query gives them."""
        return [str(name) for (name,) in self._query(self._engine.tables).fetchall()]

    def _delete_rows(self, table: str) -> Failed | None:
        try:
            self._query(f"DELETE FROM {quote_name(table)}")
        except Exception as error:  # any driver error
            return self.failed(error)
        return None

    def _rows_of(self, table: str) -> Rows:
        cursor = self._query(f"SELECT * FROM {quote_name(table)}")
        return Rows(len(cursor.description), sorted_rows(fetch_values(cursor)))

    def _query(self, text: str) -> Any:
        cursor = self._admin.cursor() if self._engine.uses_cursors else self._admin
        cursor.execute(text)
        return cursor
