"""PostgreSQL through psycopg 3.

``postgres`` is a throwaway server of this process (``embedded_server``), unless libpq's environment names one (``PGHOST``,
``PGHOSTADDR`` or ``PGSERVICE``); ``postgresql://user@host/db`` is a server of the user's, where simdsl makes a database of
its own, or a schema if it may make no database, and never touches anything else. The URL is libpq's, so
``?sslmode=require`` and its like work. What simdsl adds:

* ``pool=queuepool`` is SQLAlchemy's QueuePool, ``pool=module:factory`` one of the user's; the default is psycopg_pool;
* ``server=embedded`` is the throwaway server, whatever the environment says.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from simdsl.backends import pools as pool_names
from simdsl.backends.dbapi.session import TransactionSyntax, control_text, quote_name
from simdsl.backends.postgres import FACTS
from simdsl.backends.postgres.results import DECLARED, raised
from simdsl.backends.protocol import (
    Backend,
    BackendUnavailable,
    Capabilities,
    ConnectionSource,
    Database,
    Description,
    Pool,
    Refusal,
    Statement,
)
from simdsl.backends.registry import mask
from simdsl.core.clock import Clock
from simdsl.plan.plan import PoolSpec
from simdsl.plan.sql import Dialect, IsolationLevel, Sql

if TYPE_CHECKING:
    from simdsl.backends.postgres.database import PostgresDatabase
    from simdsl.backends.postgres.provisioner import DatabaseProvisioner

PSYCOPG_POOL: Final = "psycopg_pool"

_EMBEDDED: Final = "embedded"
_BARE: Final = tuple(scheme + tail for scheme in FACTS.schemes for tail in ("", ":", "://"))
_ENVIRONMENT: Final = ("PGHOST", "PGHOSTADDR", "PGSERVICE")
_SYNTAX: Final = TransactionSyntax(
    engine=FACTS.engine,
    levels=frozenset(IsolationLevel) - {IsolationLevel.SNAPSHOT},
    names_levels=True,
    access_modes=True,
    savepoint_word=True,
)


def from_url(head: str, query: Mapping[str, str]) -> Backend:
    """The backend that a URL selects. Raises ``BackendUnavailable``."""
    own = {key: value for key, value in query.items() if key in FACTS.url_options}
    theirs = {key: value for key, value in query.items() if key not in FACTS.url_options}
    if own.get("server", _EMBEDDED) != _EMBEDDED:
        raise BackendUnavailable(f"server is {_EMBEDDED} or is left out, not `{own['server']}`")
    uri: str | None = None
    if head not in _BARE:
        if not head.startswith(tuple(f"{scheme}://" for scheme in FACTS.schemes)):
            raise BackendUnavailable(f"`{mask(head)}` is no PostgreSQL URL: write postgresql://user@host/database")
        uri = head
    elif theirs or ("server" not in own and any(name in os.environ for name in _ENVIRONMENT)):
        uri = "postgresql://"
    if uri is not None:
        if "server" in own:
            raise BackendUnavailable("a URL that names a server cannot ask for the embedded one")
        if theirs:
            uri += "?" + "&".join(f"{quote(key)}={quote(value, safe='')}" for key, value in theirs.items())
    backend = PostgresBackend(uri=uri, pool=own.get("pool"))
    backend.load()
    return backend


@dataclass(frozen=True, kw_only=True)
class PostgresBackend:
    """See ``protocol.Backend``. ``uri`` None is the throwaway server; ``pool`` None is psycopg_pool."""

    name: str = FACTS.name
    uri: str | None = field(default=None, repr=False)
    pool: str | None = None

    @property
    def url(self) -> str:
        """A URL with what differs from the defaults, its secrets masked."""
        server = FACTS.name if self.uri is None else mask(self.uri)
        if self.pool is None:
            return server
        return f"{server}{'&' if '?' in server else '?'}pool={self.pool}"

    @property
    def dialect(self) -> Dialect:
        """PostgreSQL's own."""
        return FACTS.dialect

    @cached_property
    def capabilities(self) -> Capabilities:
        """What every version that is still maintained can do."""
        return Capabilities(
            error_classes=DECLARED,
            isolation_levels=_SYNTAX.levels,
            begin_modes=frozenset(),
            blocks_on_locks=True,
            snapshot_reads=True,
            savepoints=True,
            transactional_ddl=True,
            returning=True,
            upsert=True,
            boolean_type=True,
            deferred_constraints=True,
            nulls_first=False,
            integer_division=True,
            cancel=True,
        )

    def describe(self) -> Description:
        """Versions. A throwaway server need not be started for it."""
        import psycopg  # 190 ms: not before a plan runs here

        if self.uri is None:
            # Only for a throwaway server: a server of the user's needs no binaries here.
            from simdsl.backends.postgres.embedded_server import find_binaries

            found = find_binaries()
            engine = f"{found.version} from {found.source}"
        else:
            provisioner = self._make_provisioner()
            engine = provisioner.version
            provisioner.close()
        return Description(
            driver=f"psycopg ({psycopg.pq.__impl__})",
            driver_version=psycopg.__version__,
            engine=FACTS.engine,
            engine_version=engine,
            pool=_described_pool(self.pool),
        )

    def compile(self, sql: Sql, identifiers: Mapping[str, str]) -> Statement | Refusal:
        """Variables that name things are written as quoted names, all others become ``$1``, ``$2``, one for each name."""
        if sql.transaction is not None:
            text = control_text(sql.transaction, _SYNTAX)
            if isinstance(text, Refusal):
                return text
            return Statement(text=text, parameters=(), kind=sql.kind, transaction=sql.transaction)
        parts: list[str] = []
        parameters: dict[str, int] = {}
        for part in sql.fragments:
            if isinstance(part, str):
                parts.append(part)
            elif part.name in identifiers:
                parts.append(quote_name(identifiers[part.name]))
            else:
                parts.append(f"${parameters.setdefault(part.name, len(parameters) + 1)}")
        return Statement(text="".join(parts), parameters=tuple(parameters), kind=sql.kind)

    def create(self) -> Database:
        """A database of its own."""
        from simdsl.backends.postgres.database import PostgresDatabase  # loads psycopg

        provisioner = self._make_provisioner()
        try:
            target = provisioner.make()
        except BackendUnavailable:
            provisioner.close()
            raise
        return PostgresDatabase(provisioner, target, self._make_pool)

    def load(self) -> None:
        """Import now what the URL names. Raises ``BackendUnavailable``."""
        if self.pool not in (None, PSYCOPG_POOL, pool_names.QUEUE_POOL):
            pool_names.load_factory(str(self.pool))

    def _make_provisioner(self) -> DatabaseProvisioner:
        # Loads psycopg.
        from simdsl.backends.postgres.provisioner import embedded_provisioner, external_provisioner

        return embedded_provisioner() if self.uri is None else external_provisioner(self.uri)

    def _make_pool(self, database: PostgresDatabase, spec: PoolSpec, clock: Clock) -> Pool:
        source = ConnectionSource(connect=database.connect, session_of=database.session_of, failed=raised)
        chosen = spec.driver or self.pool
        if chosen in (None, PSYCOPG_POOL):
            from simdsl.backends.postgres.psycopgpool import make_psycopg_pool  # psycopg_pool takes 40 ms to load

            return make_psycopg_pool(spec, clock, source, database.keep)
        return pool_names.make_pool(spec, clock, source, chosen)


def _described_pool(pool: str | None) -> str:
    if pool in (None, PSYCOPG_POOL):
        from importlib.metadata import version  # 20 ms, and only this pool's version is not in its module

        module = sys.modules.get("simdsl.backends.postgres.psycopgpool")
        reason = module.problem() if module is not None else None
        waits = "waits in virtual time" if reason is None else f"is polled: {reason}"
        return f"psycopg_pool {version('psycopg-pool')}, {waits}"
    return pool_names.describe_pool(pool)
