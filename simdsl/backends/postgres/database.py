"""One PostgreSQL database: its sessions, its pools, which session waits for which, and the way back to its snapshot.

The snapshot holds the rows of a database in memory, so that they can be put back without running setup again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import psycopg
from psycopg import sql

from simdsl.backends.postgres.provisioner import DatabaseProvisioner, TargetDatabase
from simdsl.backends.postgres.results import ResultReader, make_loaders, raised
from simdsl.backends.postgres.session import PostgresSession, wait_for_socket
from simdsl.backends.protocol import NOTHING_PENDING, BackendUnavailable, Pool, Session, Settled
from simdsl.core.clock import Clock, real_ns
from simdsl.plan.deferred import dataclass
from simdsl.plan.outcomes import Failed, Rows
from simdsl.plan.plan import PoolSpec, Reset, ResetMode
from simdsl.plan.values import sorted_rows

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


_TABLES: Final = """
SELECT n.nspname, c.relname, c.oid::int8, c.relkind = 'p', c.relispartition
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND n.nspname = coalesce(%s, n.nspname)
ORDER BY 1, 2
"""


_SEQUENCES: Final = """
SELECT n.nspname, c.relname
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'S' AND c.relpersistence <> 't' AND n.nspname !~ '^pg_' AND n.nspname = coalesce(%s, n.nspname)
ORDER BY 1, 2
"""


# Tables, and what they refer to by foreign keys, themselves aside.
_REFERENCES: Final = "SELECT conrelid, confrelid FROM pg_constraint WHERE contype = 'f' AND conrelid <> confrelid"


_TRIGGERS: Final = "SELECT EXISTS (SELECT FROM pg_trigger WHERE NOT tgisinternal)"


_UNGUARDED: Final = "SET LOCAL session_replication_role = replica"  # no triggers, and so no foreign keys either


_LOCK_LIMIT: Final = "SET LOCAL lock_timeout = '10s'"


_PUBLIC: Final = "public"


_VACUUM_EVERY: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresTable:
    """A table of the user's. ``is_parent`` holds no rows itself, ``is_part`` is seen through its parent."""

    schema: str
    name: str
    oid: int
    is_parent: bool
    is_part: bool

    @property
    def identifier(self) -> sql.Identifier:
        """Its quoted, qualified name."""
        return sql.Identifier(self.schema, self.name)

    @property
    def shown(self) -> str:
        """Its name, with its schema if that is not the usual one."""
        return self.name if self.schema == _PUBLIC else f"{self.schema}.{self.name}"


class RowSnapshot:
    """The rows of every table in COPY's binary format, and the state of every sequence.

    Binary, because it brings back exactly what was there: text would pass through each type's input function, and values
    that print the same need not be the same.
    """

    def __init__(
        self,
        tables: Sequence[PostgresTable],
        rows: Mapping[PostgresTable, bytes],
        sequences: Sequence[tuple[Any, ...]],
        *,
        can_be_put_back: bool,
        unguarded: bool,
    ) -> None:
        """``tables`` are in the order in which foreign keys let rows in; ``unguarded`` turns those and triggers off."""
        self.can_be_put_back = can_be_put_back
        self._rows = rows
        self._order = [table for table in tables if table in rows]
        self._times = 0
        begin = f"BEGIN; {_LOCK_LIMIT}" + (f"; {_UNGUARDED}" if unguarded else "")
        self._emptying = sql.SQL("; ").join(
            [
                sql.SQL(begin),
                *(sql.SQL("DELETE FROM ONLY {}").format(table.identifier) for table in reversed(tables)),
                *(
                    sql.SQL("SELECT setval({}, {}, {})").format(
                        sql.Literal(sql.Identifier(schema, name).as_string(None)), last, called
                    )
                    for schema, name, last, called in sequences
                ),
            ]
        )

    @classmethod
    def of(cls, connection: psycopg.Connection[Any], target: TargetDatabase) -> RowSnapshot:
        """What is committed now."""
        tables, is_ordered = _in_order(connection, [t for t in _tables(connection, target) if not t.is_parent])
        rows: dict[PostgresTable, bytes] = {}
        for table in tables:
            (is_there,) = _one(connection, sql.SQL("SELECT EXISTS (SELECT FROM ONLY {})").format(table.identifier))
            if is_there:
                rows[table] = _copied_out(connection, table)
        sequences = []
        for schema, name in connection.execute(_SEQUENCES, (target.schema,)).fetchall():
            state = _one(connection, sql.SQL("SELECT last_value, is_called FROM {}").format(sql.Identifier(schema, name)))
            sequences.append((schema, name, *state))
        (has_triggers,) = _one(connection, sql.SQL(_TRIGGERS))
        # A superuser can tell foreign keys and triggers to look away; for others the order must do.
        can = target.is_superuser or (is_ordered and not has_triggers)
        return cls(tables, rows, sequences, can_be_put_back=can, unguarded=target.is_superuser)

    def put_back(self, connection: psycopg.Connection[Any]) -> None:
        """Bring all rows and sequences back in one transaction. Raises psycopg's errors, then nothing has changed."""
        try:
            connection.execute(self._emptying, prepare=False)
            for table in self._order:
                with (
                    connection.cursor() as cursor,
                    cursor.copy(sql.SQL("COPY {} FROM STDIN (FORMAT binary)").format(table.identifier)) as copy,
                ):
                    copy.write(self._rows[table])
            connection.execute(b"COMMIT")
        except psycopg.Error:
            if not connection.closed:
                connection.execute(b"ROLLBACK")
            raise
        self._times += 1
        if self._times % _VACUUM_EVERY == 0:
            # Autovacuum is off, so every run would scan the dead rows of all runs before it.
            connection.execute(b"VACUUM")


def empty_tables(connection: psycopg.Connection[Any], reset: Reset, target: TargetDatabase) -> None:
    """Empty the tables that the plan names and that are there, in one transaction. Raises psycopg's errors.

    ``recreate`` truncates and restarts identities: TRUNCATE gives a table and its indexes new files.
    """
    known = {table.shown: table for table in _tables(connection, target)} | {t.name: t for t in _tables(connection, target)}
    tables = [known[name].identifier for name in reset.tables if name in known]
    if not tables:
        return
    with connection.transaction():
        if target.is_superuser:
            connection.execute(_UNGUARDED.encode())
        if reset.mode is ResetMode.DELETE:
            for table in tables:
                connection.execute(sql.SQL("DELETE FROM {}").format(table))
        else:
            restart = sql.SQL(" RESTART IDENTITY" if reset.mode is ResetMode.RECREATE else "")
            connection.execute(sql.SQL("TRUNCATE {}").format(sql.SQL(", ").join(tables)) + restart)


def read_end_state(connection: psycopg.Connection[Any], target: TargetDatabase, reading: ResultReader) -> dict[str, Rows]:
    """Every table with its rows in the order of ``values.row_key``."""
    state: dict[str, Rows] = {}
    for table in _tables(connection, target):
        if not table.is_part:
            found = reading.rows(sql.SQL("SELECT * FROM {}").format(table.identifier))
            name = table.name if table.schema == (target.schema or _PUBLIC) else table.shown
            state[name] = found._replace(rows=sorted_rows(found.rows))
    return state


def _tables(connection: psycopg.Connection[Any], target: TargetDatabase) -> list[PostgresTable]:
    return [
        PostgresTable(schema=schema, name=name, oid=oid, is_parent=is_parent, is_part=is_part)
        for schema, name, oid, is_parent, is_part in connection.execute(_TABLES, (target.schema,)).fetchall()
    ]


def _in_order(connection: psycopg.Connection[Any], tables: Sequence[PostgresTable]) -> tuple[list[PostgresTable], bool]:
    """The tables, those that are referred to first; and whether there is such an order."""
    wanted: dict[int, set[int]] = {table.oid: set() for table in tables}
    for child, parent in connection.execute(_REFERENCES).fetchall():
        if child in wanted and parent in wanted:
            wanted[child].add(parent)
    ordered: list[PostgresTable] = []
    waiting = list(tables)
    while waiting:
        placed = {table.oid for table in ordered}
        free = next((table for table in waiting if wanted[table.oid] <= placed), None)
        if free is None:
            return [*ordered, *waiting], False
        ordered.append(free)
        waiting.remove(free)
    return ordered, True


def _copied_out(connection: psycopg.Connection[Any], table: PostgresTable) -> bytes:
    with (
        connection.cursor() as cursor,
        cursor.copy(sql.SQL("COPY {} TO STDOUT (FORMAT binary)").format(table.identifier)) as copy,
    ):
        return b"".join(bytes(part) for part in copy)


def _one(connection: psycopg.Connection[Any], query: sql.Composed | sql.SQL) -> tuple[Any, ...]:
    row: tuple[Any, ...] | None = connection.execute(query).fetchone()
    assert row is not None
    return row
