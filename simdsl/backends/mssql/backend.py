"""Microsoft SQL Server through pyodbc.

``mssql://user:password@host:1433`` names a server; ``mssql`` alone takes the URL from ``SIMDSL_MSSQL_URL``. A plan runs in a
database that simdsl makes there and drops afterwards; a database that the URL names is only where it logs in. What the URL
may add:

* ``driver=name``: the ODBC driver, by its registered name or by path; otherwise Microsoft's from the package
  ``mssql-python-odbc``, then an installed one of Microsoft's, then FreeTDS;
* ``encrypt=yes|no|strict`` and ``trust=yes|no`` (of a certificate that cannot be verified): otherwise as the driver has it;
* ``pool=module:factory``: another pool (see ``backends.pools``).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final
from urllib.parse import quote

from simdsl.backends import pools as pool_names
from simdsl.backends.dbapi.session import split_at_parameters
from simdsl.backends.mssql import FACTS
from simdsl.backends.mssql.database import MssqlDatabase, quote_name
from simdsl.backends.mssql.dsn import PORT, MssqlDsn, choose_driver, connect, driver_label, parse_dsn
from simdsl.backends.mssql.engine import DECLARED, ISOLATION_LEVELS, MssqlEngine, control_text
from simdsl.backends.odbc import driver as odbc
from simdsl.backends.protocol import Backend, BackendUnavailable, Capabilities, Database, Description, Refusal, Statement
from simdsl.backends.registry import check_parameters, split_query
from simdsl.plan.sql import Dialect, Sql

VARIABLE: Final = "SIMDSL_MSSQL_URL"

_VERSION: Final = (
    "SELECT CONVERT(nvarchar(128), SERVERPROPERTY('ProductVersion')), CONVERT(nvarchar(128), SERVERPROPERTY('Edition'))"
)


def from_url(head: str, query: Mapping[str, str]) -> Backend:
    """The backend that a URL selects. Raises ``BackendUnavailable``."""
    if head in ("mssql", "mssql:", "mssql://"):
        head, query = _from_environment(query)
    check_parameters(FACTS.name, query, tuple(FACTS.url_options))
    pool = query.get("pool")
    if pool not in (None, pool_names.QUEUE_POOL):
        pool_names.load_factory(str(pool))
    return MssqlBackend(dsn=parse_dsn(head, query), pool=pool)


@dataclass(frozen=True, kw_only=True)
class MssqlBackend:
    """See ``protocol.Backend``. ``pool`` None is SQLAlchemy's QueuePool."""

    dsn: MssqlDsn
    name: str = FACTS.name
    pool: str | None = None
    capabilities: Capabilities = field(
        default=Capabilities(
            error_classes=DECLARED,
            isolation_levels=ISOLATION_LEVELS,
            begin_modes=frozenset(),
            blocks_on_locks=True,
            snapshot_reads=False,
            savepoints=True,
            transactional_ddl=True,
            returning=False,  # OUTPUT does it, with another syntax
            upsert=False,  # MERGE does it
            boolean_type=False,
            deferred_constraints=False,
            nulls_first=True,
            integer_division=True,
            cancel=True,
        ),
        repr=False,
    )

    @property
    def url(self) -> str:
        """A URL with what differs from the defaults, and without the password."""
        dsn = self.dsn
        user = "" if dsn.user is None else quote(dsn.user, safe="")
        secret = "" if dsn.password is None else ":***"
        host = f"[{dsn.host}]" if ":" in dsn.host else quote(dsn.host, safe="\\")
        given = {"driver": dsn.driver, "encrypt": dsn.encrypt, "trust": dsn.trust, "pool": self.pool}
        query = "&".join(f"{key}={quote(value, safe='/:')}" for key, value in given.items() if value is not None)
        port = "" if dsn.port == PORT else f":{dsn.port}"
        database = "" if dsn.database == "master" else f"/{quote(dsn.database, safe='')}"
        return f"mssql://{user}{secret}{'@' if user else ''}{host}{port}{database}{'?' if query else ''}{query}"

    @property
    def dialect(self) -> Dialect:
        """Transact-SQL."""
        return FACTS.dialect

    def describe(self) -> Description:
        """Versions, from the server itself."""
        try:
            connection = connect(self.dsn, self._driver, self.dsn.database)
            ((version, edition),) = connection.execute(_VERSION).fetchall()
            connection.close()
        except BackendUnavailable:
            raise
        except Exception as error:  # any driver error
            raise BackendUnavailable(f"mssql: {self.dsn.address}: {self._engine.failed(error).text}") from None
        return Description(
            driver=f"pyodbc over {driver_label(self._driver)}",
            driver_version=odbc.version(),
            engine=f"Microsoft SQL Server, {edition}",
            engine_version=str(version),
            pool=pool_names.describe_pool(self.pool),
        )

    def compile(self, sql: Sql, identifiers: Mapping[str, str]) -> Statement | Refusal:
        """``?`` for what is bound, names in brackets, transactions in Transact-SQL's words."""
        if sql.transaction is None:
            pieces, parameters = split_at_parameters(sql, identifiers, quote_name)
            return Statement(text="?".join(pieces), parameters=parameters, kind=sql.kind)
        text = control_text(sql.transaction)
        if isinstance(text, Refusal):
            return text
        return Statement(text=text, parameters=(), kind=sql.kind, transaction=sql.transaction)

    def create(self) -> Database:
        """A new database on the server."""
        return MssqlDatabase(self.dsn, self._driver, self._engine, self.pool)

    @cached_property
    def _driver(self) -> str:
        return choose_driver(self.dsn)

    @property
    def _engine(self) -> MssqlEngine:
        return MssqlEngine((self.dsn.password,) if self.dsn.password else ())


def _from_environment(query: Mapping[str, str]) -> tuple[str, Mapping[str, str]]:
    url = os.environ.get(VARIABLE)
    if not url:
        raise BackendUnavailable(
            f"mssql needs a server: write mssql://user:password@host:{PORT}, or set {VARIABLE} to such a URL"
        )
    head, given = split_query(url)
    return head, {**given, **query}
