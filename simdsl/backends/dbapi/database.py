"""A database behind blocking connections: its sessions and pools; and, where it is one file, its location and snapshot."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Generic, TypeVar
from urllib.parse import quote, unquote

from simdsl.backends import pools
from simdsl.backends.dbapi.session import BlockingSession, quote_name
from simdsl.backends.protocol import NOTHING_PENDING, BackendUnavailable, ConnectionSource, Pool, Session, Settled
from simdsl.backends.registry import mask
from simdsl.backends.workspace import Workspace
from simdsl.core.clock import Clock
from simdsl.plan.deferred import dataclass
from simdsl.plan.outcomes import ErrorClass, Failed, Rows
from simdsl.plan.plan import PoolSpec, Reset
from simdsl.plan.values import sorted_rows

MEMORY: Final = ":memory:"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileLocation:
    """Where a database lies. ``workspace`` is the directory that goes away with it, None for what the user named."""

    file: Path | None  # None is in memory
    workspace: Workspace | None = None
    journal_mode: str | None = None  # None leaves the file as it is


def parse_path(head: str, scheme: str, engine: str, *, memory: bool = False) -> str | None:
    """The path in ``scheme:///path``, None for a throwaway. Raises ``BackendUnavailable``."""
    if head in (scheme, f"{scheme}:", f"{scheme}://", f"{scheme}:///"):
        return None
    forms = [f"{scheme}:///file.db", f"{scheme}:////dir/file.db", *([f"{scheme}:///{MEMORY}"] if memory else [])]
    if not head.startswith(f"{scheme}:///") or (not memory and head.endswith(f"/{MEMORY}")):
        raise BackendUnavailable(f"`{mask(head)}` is no {engine} URL: write {', '.join(forms[:-1])} or {forms[-1]}")
    return unquote(head.removeprefix(f"{scheme}:///"))


def format_url(scheme: str, path: str | None, options: Mapping[str, str | None]) -> str:
    """The URL that selects this location; options that are None are left out."""
    query = "&".join(f"{key}={value}" for key, value in options.items() if value is not None)
    base = scheme if path is None else f"{scheme}:///{quote(path, safe='/:')}"
    return f"{base}?{query}" if query else base


def locate(
    path: str | None, scheme: str, *, journal_mode: str | None = None, throwaway_mode: str | None = None
) -> FileLocation:
    """The location of a path. Raises ``BackendUnavailable`` where its directory is missing."""
    if path is None:
        workspace = Workspace()
        return FileLocation(
            file=workspace.path / "main.db", workspace=workspace, journal_mode=journal_mode or throwaway_mode
        )
    if path == MEMORY:
        return FileLocation(file=None)
    file = Path(path).absolute()
    if not file.parent.is_dir():
        raise BackendUnavailable(f"{scheme}: the directory of `{path}` does not exist")
    return FileLocation(file=file, journal_mode=journal_mode)


class FileBackend:
    """Base of such backends; a descendant is a frozen dataclass with these fields.

    ``path`` None is a throwaway; ``pool`` None is SQLAlchemy's QueuePool.
    """

    name: str
    path: str | None
    pool: str | None

    @property
    def url(self) -> str:
        """A URL with what differs from the defaults."""
        return format_url(self.name, self.path, self.url_options())

    def url_options(self) -> Mapping[str, str | None]:
        """The parameters of the URL; None leaves one out."""
        return {"pool": self.pool}

    def load(self) -> None:
        """Import now what the URL names, so that a wrong URL fails before a plan is read. Raises ``BackendUnavailable``."""
        if self.pool not in (None, pools.QUEUE_POOL):
            pools.load_factory(str(self.pool))


S = TypeVar("S", bound=Session)
B = TypeVar("B", bound=BlockingSession)

DATABASE_IS_LOCKED: Final = "the database is locked by another process, or by a session that was left open"


class SessionRegistry(ABC, Generic[S]):
    """The sessions and pools of one database, numbered in the order of opening: what every driver's database keeps.

    A descendant connects, and knows what its driver's exceptions mean.
    """

    def __init__(self, pool: str | None) -> None:
        """``pool`` is the pool that the URL names, used where the plan names none; None is QueuePool."""
        self._pool = pool
        self._sessions: list[S] = []
        self._pools: list[Pool] = []

    @abstractmethod
    def make_session(self, number: int) -> S:
        """A session over a new connection. Raises the driver's errors."""

    @abstractmethod
    def failed(self, error: BaseException) -> Failed:
        """What the driver raised, as an outcome."""

    @property
    @abstractmethod
    def label(self) -> str:
        """How messages refer to the database."""

    def open(self) -> S:
        """A session that belongs to no pool. Raises ``BackendUnavailable`` where the engine refuses a connection."""
        try:
            return self.connect()
        except BackendUnavailable:
            raise
        except Exception as error:  # any driver error
            raise self.unavailable(error) from error

    def connect(self) -> S:
        """Like ``open``, but with the driver's own exception: a pool under test must see what its driver raises."""
        session = self.make_session(len(self._sessions) + 1)
        self._sessions.append(session)
        return session

    def pool(self, spec: PoolSpec, clock: Clock) -> Pool:
        """A pool whose connections are sessions of this database."""
        source = ConnectionSource(
            connect=lambda: self.lent_connection(self.connect()), session_of=self.session_of, failed=self.failed
        )
        pool = pools.make_pool(spec, clock, source, spec.driver or self._pool)
        self._pools.append(pool)
        return pool

    def lent_connection(self, session: S) -> Any:
        """What a pool lends for this session: the driver's connection, or a stand-in for it."""
        return getattr(session, "connection", session)

    def session_of(self, connection: object) -> Session:
        """The session behind a connection that a pool has lent."""
        for session in self._sessions:
            if self.lent_connection(session) is connection:
                return session
        raise LookupError("the pool lent a connection that was not made for it")

    def forget_sessions(self) -> None:
        """Close every pool and session; sessions number from 1 again, so that each run of a plan has the same trace."""
        for pool in self._pools:
            pool.close()
        self._pools.clear()
        for session in self._sessions:
            session.close()
        self._sessions.clear()

    def unavailable(self, error: BaseException) -> BackendUnavailable:
        """A failure of the database itself, not of a statement."""
        return BackendUnavailable(f"{self.label}: {error}")


class FileDatabase(SessionRegistry[B]):
    """See ``protocol.Database``. A database in one file; its snapshot is the content of the file.

    An admin connection does what no session of the plan does: resets, end states. It holds no lock while it is idle.

    A descendant makes sessions and driver connections, names the files that lie beside the database file, and knows the
    engine's catalog and its ways to change a table without its constraints in the way.
    """

    side_files: tuple[str, ...] = ()

    def __init__(self, location: FileLocation, pool: str | None) -> None:
        super().__init__(pool)
        self._location = location
        self._content: bytes | None = None
        self._target = self._make_target()
        self._admin = self._open_admin(is_new=True)

    @property
    def label(self) -> str:
        """The file's path."""
        return self._target

    @abstractmethod
    def connect_driver(self) -> Any:
        """A new connection of the driver's, which begins no transaction by itself. Raises the driver's errors."""

    @abstractmethod
    def table_names(self) -> Sequence[str]:
        """The user's tables, read through the admin connection."""

    def settle(self, pending: Sequence[Session], limit_us: int) -> Settled:
        """Nothing is ever pending."""
        return NOTHING_PENDING

    def reset(self, reset: Reset) -> Failed | None:
        """Delete all rows of the tables, in an order that foreign keys allow.

        Each DELETE commits by itself, because in many engines a refused one fails its whole transaction. ``truncate`` and
        ``recreate`` do the same here: PEP 249 gives no way to a table's definition.
        """
        try:
            present = {name.casefold(): name for name in self.table_names()}
        except Exception as error:  # any driver error
            return self.failed(error)
        left = [present[name.casefold()] for name in reset.tables if name.casefold() in present]
        while left:
            refused = [(name, failure) for name in left if (failure := self._delete_rows(name)) is not None]
            if len(refused) == len(left) or any(
                failure.error_class is not ErrorClass.FOREIGN_KEY_VIOLATION for _, failure in refused
            ):
                return refused[0][1]
            left = [name for name, _ in refused]
        return None

    def snapshot(self) -> None:
        """Keep the content of the file."""
        self.forget_sessions()
        self._content = self._read()

    def restore(self) -> None:
        """Write the content back. Sessions number from 1 again."""
        self.forget_sessions()
        if self._content is None:
            raise RuntimeError("restore before snapshot")
        self._check_unlocked()
        self._rewrite(self._content)

    def end_state(self) -> Mapping[str, Rows]:
        """Read through the admin connection, so committed rows only."""
        try:
            return {name: self._rows_of(name) for name in self.table_names()}
        except Exception as error:  # another process may hold the user's file
            raise self.unavailable(error) from error

    def close(self) -> None:
        """Close everything and remove the throwaway directory. Idempotent."""
        try:
            self.forget_sessions()
            self._admin.close()
        finally:
            if self._location.workspace is not None:
                self._location.workspace.close()

    # What a descendant may refine

    def _make_target(self) -> str:
        assert self._location.file is not None, "this engine has no databases in memory that sessions share"
        return str(self._location.file)

    def _open_admin(self, *, is_new: bool = False) -> Any:
        """``is_new`` on the first time only."""
        del is_new
        try:
            return self.connect_driver()
        except Exception as error:  # any driver error
            if self._location.workspace is not None:
                self._location.workspace.close()
            raise self.unavailable(error) from error

    def _delete_rows(self, table: str) -> Failed | None:
        try:
            self._admin.execute(f"DELETE FROM {quote_name(table)}")
        except Exception as error:  # any driver error
            return self.failed(error)
        return None

    def _rows_of(self, table: str) -> Rows:
        cursor = self._admin.execute(f"SELECT * FROM {quote_name(table)}")
        return Rows(len(cursor.description), sorted_rows(cursor.fetchall()))

    def _flush(self) -> None:
        """Bring all committed content into the main file, as far as closing the last connection does not do it."""

    def _check_unlocked(self) -> None:
        """Raises ``BackendUnavailable`` where another process has the user's file open and would not notice a rewrite."""

    def _read(self) -> bytes:
        if self._location.file is None:
            raise BackendUnavailable(f"{self.label}: this driver has no backup, so a database in memory cannot be restored")
        self._flush()
        # Closed while it is read: POSIX drops a process's locks on a file as soon as it closes any descriptor of it.
        self._admin.close()
        content = self._location.file.read_bytes()
        self._admin = self._open_admin()
        return content

    def _rewrite(self, content: bytes) -> None:
        file = self._location.file
        assert file is not None, "a database in memory is never rewritten"
        self._admin.close()
        # A log that was left beside the file would be replayed into the content that is written now.
        for suffix in self.side_files:
            Path(f"{file}{suffix}").unlink(missing_ok=True)
        file.write_bytes(content)
        self._admin = self._open_admin(is_new=not content)
