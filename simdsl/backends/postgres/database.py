"""One PostgreSQL database: its sessions, its pools, which session waits for which, and the way back to its snapshot."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import psycopg

from simdsl.backends.postgres.errors import raised
from simdsl.backends.postgres.provisioner import DatabaseProvisioner, TargetDatabase
from simdsl.backends.postgres.session import PostgresSession, wait_for_socket
from simdsl.backends.postgres.snapshot import RowSnapshot, empty_tables, read_end_state
from simdsl.backends.postgres.values import ResultReader, make_loaders
from simdsl.backends.protocol import NOTHING_PENDING, BackendUnavailable, Pool, Session, Settled
from simdsl.core.clock import Clock, real_ns
from simdsl.plan.outcomes import Failed, Rows
from simdsl.plan.plan import PoolSpec, Reset

if TYPE_CHECKING:
    from psycopg.adapt import AdaptersMap


# For each pid, the pids that its lock request waits for, those ahead of it in the queue included (manual, "System
# Information Functions").
_WAITS: Final = "SELECT pid, pg_blocking_pids(pid) FROM unnest(%s::int[]) AS pid"
_FIRST_LOOK_S: Final = 0.0002
_LAST_LOOK_S: Final = 0.02


class PostgresDatabase:
    """See ``protocol.Database``.

    The connection of a session that was closed is reset by ``DISCARD ALL`` and serves again, and so is one that a pool had
    idle at its end: to open one costs a process on the server. What a pool or a plan closes is closed for good.
    """

    def __init__(self, provisioner: DatabaseProvisioner, target: TargetDatabase, make_pool: PoolMaker) -> None:
        self.epoch = 0
        self.wrote_schema = False
        self._provisioner = provisioner
        self.target = target
        self._make_pool = make_pool
        self._adapters: AdaptersMap = make_loaders()
        self._sessions: list[PostgresSession] = []
        self._lent: list[PostgresSession] = []  # whose connections a pool made
        self._pools: list[Pool] = []
        self._spare: list[psycopg.Connection[Any]] = []
        self._observer: psycopg.Connection[Any] | None = None
        self._kept: RowSnapshot | None = None
        self._copy: str | None = None
        self._is_closed = False

    # Sessions and pools

    def open(self) -> PostgresSession:
        """Raises ``BackendUnavailable`` where the server refuses."""
        try:
            return self._session(self._renewed() or self._connected())
        except psycopg.Error as error:
            raise BackendUnavailable(f"postgres: {raised(error).text}") from error

    def connect(self) -> psycopg.Connection[Any]:
        """A connection for a pool, with the driver's own exception."""
        connection = self._renewed() or self._connected()
        self._lent.append(self._session(connection))
        return connection

    def keep(self, connection: psycopg.Connection[Any]) -> None:
        """Keep a connection that is idle when its pool is closed: opening one costs a server process, about 2 ms."""
        session = self._newest(connection)
        self._lent = [other for other in self._lent if other is not session]
        session.close()

    def pool(self, spec: PoolSpec, clock: Clock) -> Pool:
        """A pool whose connections are sessions of this database."""
        pool = self._make_pool(self, spec, clock)
        self._pools.append(pool)
        return pool

    def session_of(self, connection: object) -> Session:
        """The session of a connection that ``connect`` made. A pool may have reset it since it was lent last."""
        session = self._newest(connection)
        session.forget()
        return session

    def cancel(self, session: PostgresSession) -> None:
        """See ``session.SessionOwner``."""
        self._observe("SELECT pg_cancel_backend(%s)", session.pid)

    def retire(self, session: PostgresSession) -> None:
        """See ``session.SessionOwner``."""
        if session in self._lent or session.connection.closed:
            session.connection.close()
        else:
            self._spare.append(session.connection)

    # Waiting

    def settle(self, pending: Sequence[Session], limit_us: int) -> Settled:
        """Wait until each session has ended or is known to wait for another one of this database.

        A statement is pending because it still runs, or because it waits for a lock. Only the server knows which: its lock
        table is asked on the observer's connection, which holds no locks itself. The answer is true for the moment
        of the question only, so the sockets are looked at again afterwards: if one has become readable, locks may have been
        handed on, and everything is asked again. With no such change the picture is consistent, because a session that
        waits can only be released by another one, and all others are idle while this runs.

        The pauses between two looks double from 0.2 to 20 ms: a statement that is merely slow must not be disturbed by
        thousands of queries against the lock table.
        """
        if not pending:
            return NOTHING_PENDING
        sessions = [session for session in pending if isinstance(session, PostgresSession)]
        deadline_ns = real_ns() + limit_us * 1_000
        wait_s = _FIRST_LOOK_S
        while True:
            waiting = [session for session in sessions if not session.has_ended()]
            blockers = self._blockers(waiting) if waiting else {}
            # A session that has ended since the question was asked may have released others, so the answer is stale.
            if not any(session.has_ended() for session in waiting):
                if len(blockers) == len(waiting) or real_ns() > deadline_ns:
                    ended = frozenset(session.id for session in sessions if session not in waiting)
                    return Settled(ended, blockers)
                wait_for_socket([session.fileno() for session in waiting], (), wait_s)
                wait_s *= 2
                if wait_s > _LAST_LOOK_S:
                    wait_s = _LAST_LOOK_S
                    for session in waiting:
                        if session.is_canceled:
                            session.cancel()

    def _blockers(self, waiting: Sequence[PostgresSession]) -> dict[int, frozenset[int]]:
        """The sessions that each one waits for.

        One that waits for no session of this database is left out: it runs, or a process outside of the plan blocks it. So
        is one that was cancelled, which will end although the lock table may still list it.
        """
        numbers = {session.pid: session.id for session in self._sessions}
        found: dict[int, frozenset[int]] = {}
        for pid, pids in self._observe(_WAITS, [s.pid for s in waiting if not s.is_canceled]):
            own = frozenset(numbers[blocker] for blocker in pids if blocker in numbers)
            if own:
                found[numbers[pid]] = own
        return found

    # Content

    def reset(self, reset: Reset) -> Failed | None:
        """Empty the tables in one transaction."""
        try:
            empty_tables(self._observing(), reset, self.target)
        except psycopg.Error as error:
            return raised(error)
        return None

    def snapshot(self) -> None:
        """Keep the rows, and a copy of the database for runs that change more than rows.

        Rows go back in 0.1 to 2 ms, a database that is copied from its template in 15 ms (PostgreSQL 18 on tmpfs), and most
        plans change only rows. The copy is made now, while no session is connected: CREATE DATABASE refuses a template that
        is in use.
        """
        self._forget_sessions()
        self.wrote_schema = False
        try:
            self._kept = RowSnapshot.of(self._observing(), self.target)
            self._disconnect()
            if self.target.schema is None:
                self._copy = self._provisioner.copy(self.target)
        except psycopg.Error as error:
            raise BackendUnavailable(f"postgres: {raised(error).text}") from error

    def restore(self) -> None:
        """Put the rows back; or the whole database, where a statement may have changed the schema."""
        if self._kept is None:
            raise RuntimeError("restore before snapshot")
        self._forget_sessions()
        try:
            if not self.wrote_schema and self._kept.can_be_put_back:
                self._kept.put_back(self._observing())
                return
        except psycopg.Error:
            # What the plan left behind may be in the way, such as a prepared transaction that holds a lock: the slow way.
            pass
        if self._copy is None:
            raise BackendUnavailable(
                "postgres: a plan whose steps change its schema, or that has triggers or circular foreign keys, cannot be "
                "run again where this role may make no database; `ALTER ROLE ... CREATEDB` lets it"
            )
        self._disconnect()
        self._provisioner.remake(self.target, self._copy)
        self.wrote_schema = False
        self.epoch += 1

    def end_state(self) -> Mapping[str, Rows]:
        """Read on the observer's connection, so committed rows only."""
        try:
            observer = self._observing()
            return read_end_state(observer, self.target, ResultReader(observer, self._adapters))
        except psycopg.Error as error:
            raise BackendUnavailable(f"postgres: {raised(error).text}") from error

    def close(self) -> None:
        """Close everything and drop what was made. Idempotent."""
        if self._is_closed:
            return
        self._is_closed = True
        self._forget_sessions()
        self._disconnect()
        self._provisioner.give_up(self.target, *([self._copy] if self._copy else ()))
        self._provisioner.close()

    # Connections

    def _newest(self, connection: object) -> PostgresSession:
        """The latest session over a connection, which may have served several, one after the other."""
        for session in reversed(self._sessions):
            if session.connection is connection:
                return session
        raise LookupError("the pool lent a connection that was not made for it")

    def _session(self, connection: psycopg.Connection[Any]) -> PostgresSession:
        session = PostgresSession(connection, len(self._sessions) + 1, self, self._adapters)
        self._sessions.append(session)
        return session

    def _connected(self) -> psycopg.Connection[Any]:
        return self.target.connect()

    def _renewed(self) -> psycopg.Connection[Any] | None:
        while self._spare:
            connection = self._spare.pop()
            try:
                connection.execute("DISCARD ALL")
            except psycopg.OperationalError:  # the plan has terminated it; the next one may be alive
                connection.close()
                continue
            return connection
        return None

    def _observing(self) -> psycopg.Connection[Any]:
        if self._observer is None or self._observer.closed:
            self._observer = self.target.connect()
            self._observer.prepare_threshold = 0
        return self._observer

    def _observe(self, query: str, argument: Any) -> list[tuple[Any, ...]]:
        return self._observing().execute(query.encode(), (argument,)).fetchall()

    def _forget_sessions(self) -> None:
        for pool in self._pools:
            pool.close()
        self._pools.clear()
        for session in self._sessions:
            session.close()
        self._sessions.clear()
        self._lent.clear()

    def _disconnect(self) -> None:
        for connection in self._spare:
            connection.close()
        self._spare.clear()
        if self._observer is not None:
            self._observer.close()
            self._observer = None


PoolMaker = Callable[[PostgresDatabase, PoolSpec, Clock], Pool]
