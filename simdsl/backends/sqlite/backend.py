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
from pathlib import Path
from typing import Final
from urllib.parse import quote, unquote

from simdsl.backends.pools import names as pool_names
from simdsl.backends.protocol import (
    Backend,
    BackendUnavailable,
    Capabilities,
    Description,
    Pool,
    Refusal,
    Statement,
    World,
)
from simdsl.backends.sqlite import driver as sqlite_driver
from simdsl.backends.sqlite.driver import Driver
from simdsl.backends.sqlite.errors import DECLARED, failed
from simdsl.backends.sqlite.world import Place, SqliteWorld, quoted_name
from simdsl.backends.urls import check_parameters, mask
from simdsl.backends.workspace import Workspace
from simdsl.core.clock import Clock
from simdsl.plan.ir import Action, Dialect, Isolation, Mode, PoolSpec, Sql, Transaction

OPTIONS: Final = ("driver", "journal_mode", "pool")
JOURNAL_MODES: Final = ("wal", "delete")

MEMORY: Final = ":memory:"


def from_url(head: str, query: Mapping[str, str]) -> Backend:
    """The backend that a URL selects. Raises ``BackendUnavailable``."""
    check_parameters("sqlite", query, OPTIONS)
    mode = query.get("journal_mode")
    if mode is not None and mode not in JOURNAL_MODES:
        raise BackendUnavailable(f"journal_mode is {' or '.join(JOURNAL_MODES)}, not `{mode}`")
    path = _path(head)
    if path == MEMORY and mode is not None:
        raise BackendUnavailable("a database in memory has no journal_mode")
    backend = SqliteBackend(
        path=path, driver=query.get("driver", sqlite_driver.STDLIB), journal_mode=mode, pool=query.get("pool")
    )
    backend.load()
    return backend


def _path(head: str) -> str | None:
    if head in ("sqlite", "sqlite:", "sqlite://", "sqlite:///"):
        return None
    if not head.startswith("sqlite:///"):
        raise BackendUnavailable(
            f"`{mask(head)}` is no SQLite URL: write sqlite:///file.db, sqlite:////dir/file.db or sqlite:///:memory:"
        )
    return unquote(head.removeprefix("sqlite:///"))


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
        given = {
            "driver": None if self.driver == sqlite_driver.STDLIB else self.driver,
            "journal_mode": self.journal_mode,
            "pool": self.pool,
        }
        query = "&".join(f"{key}={value}" for key, value in given.items() if value is not None)
        place = "sqlite" if self.path is None else f"sqlite:///{quote(self.path, safe='/:')}"
        return f"{place}?{query}" if query else place

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
            isolation_levels=frozenset({Isolation.SERIALIZABLE}),
            begin_modes=frozenset({Mode.DEFERRED, Mode.IMMEDIATE, Mode.EXCLUSIVE}),
            blocks_on_locks=False,
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
        if sql.transaction is not None:
            return _control(sql, sql.transaction)
        text: list[str] = []
        parameters: list[str] = []
        for part in sql.fragments:
            if isinstance(part, str):
                text.append(part)
            elif part.name in identifiers:
                text.append(quoted_name(identifiers[part.name]))
            else:
                text.append("?")
                parameters.append(part.name)
        return Statement(text="".join(text), parameters=tuple(parameters), kind=sql.kind)

    def create(self) -> World:
        """A database: made, opened in place, or in memory."""
        return SqliteWorld(self._driver, self._place(), self._make_pool)

    def load(self) -> None:
        """Import now what the URL names. Raises ``BackendUnavailable``."""
        _ = self._driver
        if self.pool not in (None, pool_names.QUEUE_POOL):
            pool_names.load_factory(str(self.pool))

    @cached_property
    def _driver(self) -> Driver:
        return sqlite_driver.load(self.driver)

    def _place(self) -> Place:
        if self.path is None:
            workspace = Workspace()
            return Place(file=workspace.path / "main.db", workspace=workspace, journal_mode=self.journal_mode or "wal")
        if self.path == MEMORY:
            return Place(file=None)
        file = Path(self.path).absolute()
        if not file.parent.is_dir():
            raise BackendUnavailable(f"sqlite: the directory of `{self.path}` does not exist")
        return Place(file=file, journal_mode=self.journal_mode)

    def _make_pool(self, world: SqliteWorld, spec: PoolSpec, clock: Clock) -> Pool:
        from simdsl.backends.pools.driven import Source
        from simdsl.backends.pools.making import make_pool

        source = Source(connect=lambda: world.connect().connection, session_of=world.session_of, failed=failed)
        return make_pool(spec, clock, source, spec.driver or self.pool)


def _control(sql: Sql, transaction: Transaction) -> Statement | Refusal:
    text = _control_text(transaction)
    if isinstance(text, Refusal):
        return text
    return Statement(text=text, parameters=(), kind=sql.kind, transaction=transaction)


def _control_text(transaction: Transaction) -> str | Refusal:
    match transaction.action:
        case Action.BEGIN:
            return _begin_text(transaction)
        case Action.COMMIT | Action.ROLLBACK as action:
            return action.name
        case Action.SAVEPOINT:
            return f"SAVEPOINT {transaction.name}"
        case Action.ROLLBACK_TO:
            return f"ROLLBACK TO {transaction.name}"
        case Action.RELEASE:
            return f"RELEASE {transaction.name}"


def _begin_text(transaction: Transaction) -> str | Refusal:
    if transaction.isolation not in (None, Isolation.SERIALIZABLE):
        return Refusal(reason=f"SQLite has no isolation level {transaction.isolation.upper()}, only SERIALIZABLE")
    if transaction.mode is Mode.CONCURRENT:
        return Refusal(reason="SQLite has no BEGIN CONCURRENT")
    if transaction.read_only:
        return Refusal(reason="SQLite has no READ ONLY transactions")
    return f"BEGIN {transaction.mode.name}" if transaction.mode else "BEGIN"
