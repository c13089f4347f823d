"""A second backend, asynchronous: each session is a worker thread over SQLite, and lock waits are seen.

SQLite itself refuses at once what meets a lock. Here the backend plays the part of an engine that makes statements wait:
a statement that was refused parks, the backend knows which transactions hold the lock (SQLite's rollback-journal locks:
https://www.sqlite.org/lockingv3.html), and tries it again when one of them has ended. So circles of waiting are real: two
readers who both want to write, the first of whom then commits. An eventfd tells when a worker is done.
"""

from __future__ import annotations

import os
import select
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from enum import Enum
from functools import cached_property
from queue import SimpleQueue

from simdsl.backends.pools import make_pool
from simdsl.backends.protocol import Capabilities, ConnectionSource, Database, Pool, Session, Settled, Statement, Tx
from simdsl.backends.sqlite.backend import SqliteBackend
from simdsl.backends.sqlite.database import SqliteDatabase
from simdsl.backends.sqlite.errors import failed
from simdsl.backends.sqlite.session import SqliteSession
from simdsl.backends.wrappers import WrappedBackend
from simdsl.core.clock import Clock, real_ns
from simdsl.plan.outcomes import ErrorClass, Failed, Outcome, Rows
from simdsl.plan.plan import PoolSpec, Reset
from simdsl.plan.sql import SqlKind, TransactionAction, TransactionMode
from simdsl.plan.values import Value

_CANCELED = Failed(ErrorClass.QUERY_CANCELED, "the statement was cancelled", "57014")
_QUIESCE_US = 2_000_000


def make() -> ThreadedBackend:
    """The factory: ``python:tests.backends.threaded_sqlite:make``."""
    return ThreadedBackend()


class ThreadedBackend(WrappedBackend):
    """SQLite with a rollback journal, where lock waits are waits."""

    def __init__(self) -> None:
        self._sqlite = SqliteBackend(journal_mode="delete")
        super().__init__(self._sqlite, "threaded")

    @property
    def url(self) -> str:
        return "python:tests.backends.threaded_sqlite:make"

    @cached_property
    def capabilities(self) -> Capabilities:
        sqlite = self._sqlite.capabilities
        never = {ErrorClass.BUSY, ErrorClass.SNAPSHOT_CONFLICT}
        return replace(
            sqlite,
            error_classes=(sqlite.error_classes - never) | {ErrorClass.QUERY_CANCELED},
            blocks_on_locks=True,
            cancel=True,
        )

    def create(self) -> Database:
        database = self._sqlite.create()
        assert isinstance(database, SqliteDatabase)
        return ThreadedDatabase(database)


class State(Enum):
    """Of a session's statement."""

    NONE = "none"
    RUNNING = "running"
    PARKED = "parked"
    ENDED = "ended"


class ThreadedSession:
    """One connection and its worker. What the worker finds is taken over by the main thread only."""

    def __init__(self, inner: SqliteSession, database: ThreadedDatabase) -> None:
        self.id = inner.id
        self.inner = inner
        self.state = State.NONE
        self.statement: Statement | None = None
        self.arguments: Sequence[Value] = ()
        self.blockers: tuple[ThreadedSession, ...] = ()
        self.parked_as = 0
        # Locks that an open transaction holds, as far as others can wait for them.
        self.reads = self.writes = self.commits = False
        self.bell = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._database = database
        self._serial = 0
        self._outcome: Outcome | None = None
        self._jobs: SimpleQueue[tuple[int, Statement, Sequence[Value]] | None] = SimpleQueue()
        self._done: SimpleQueue[tuple[int, Outcome]] = SimpleQueue()
        self._worker = threading.Thread(target=self._work, name=f"session {self.id}", daemon=True)
        self._worker.start()

    def start(self, statement: Statement, arguments: Sequence[Value]) -> Outcome | None:
        assert self.state is State.NONE, "one statement at a time"
        if not self._worker.is_alive():
            return self.inner.start(statement, arguments)
        self.statement, self.arguments = statement, arguments
        self.retry()
        return None

    def retry(self) -> None:
        """Hand the statement to the worker."""
        assert self.statement is not None
        self._serial += 1
        self.state = State.RUNNING
        self._jobs.put((self._serial, self.statement, self.arguments))

    def poll(self) -> Outcome | None:
        self.take_over()
        if self.state is not State.ENDED:
            return None
        self.state = State.NONE
        return self._outcome

    def cancel(self) -> None:
        if self.state is State.RUNNING:
            self.inner.connection.interrupt()
        elif self.state is State.PARKED:
            self._end(_CANCELED)

    def tx(self) -> Tx:
        return self.inner.tx()

    def quiesce(self) -> None:
        self.cancel()
        self._database.wait_for_workers([self], _QUIESCE_US)
        self.cancel()
        self.state = State.NONE
        self.inner.quiesce()
        self._note_locks()

    def close(self) -> None:
        if self._worker.is_alive():
            self.quiesce()
            self._jobs.put(None)
            self._worker.join()
            os.close(self.bell)
        self.inner.close()
        self._note_locks()

    def take_over(self) -> None:
        """Learn, without waiting, what the worker has done."""
        if self.state is not State.RUNNING or self._done.empty():
            return
        os.eventfd_read(self.bell)
        serial, outcome = self._done.get()
        if serial != self._serial:
            return
        if isinstance(outcome, Failed) and outcome.error_class is ErrorClass.BUSY:
            self._park()
        else:
            self._end(outcome)

    def holds(self) -> bool:
        """Whether the transaction that made others wait is still there."""
        return self.tx() is Tx.OPEN

    def _park(self) -> None:
        assert self.statement is not None
        self.state = State.PARKED
        if _is(self.statement, TransactionAction.COMMIT):
            self.commits = True
        self.blockers = self._database.holders(self, self.statement)
        self.parked_as = self.parked_as or self._database.next_place()

    def _end(self, outcome: Outcome) -> None:
        self.state, self._outcome = State.ENDED, outcome
        self.parked_as = 0
        self.blockers = ()
        self._note_locks()

    def _note_locks(self) -> None:
        if self.tx() is not Tx.OPEN:
            self.reads = self.writes = self.commits = False
        elif self.statement is not None and not _begins_deferred(self.statement):
            self.reads = True
            self.writes = self.writes or _writes(self.statement)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            serial, statement, arguments = job
            self._done.put((serial, self.inner.start(statement, arguments)))
            os.eventfd_write(self.bell, 1)


class ThreadedDatabase:
    """See ``protocol.Database``."""

    def __init__(self, inner: SqliteDatabase) -> None:
        self._inner = inner
        self._sessions: list[ThreadedSession] = []
        self._pools: list[Pool] = []
        self._places = 0

    def open(self) -> ThreadedSession:
        session = ThreadedSession(self._inner.open(), self)
        self._sessions.append(session)
        return session

    def pool(self, spec: PoolSpec, clock: Clock) -> Pool:
        source = ConnectionSource(connect=lambda: self.open().inner.connection, session_of=self._session_of, failed=failed)
        pool = make_pool(spec, clock, source, spec.driver)
        self._pools.append(pool)
        return pool

    def settle(self, pending: Sequence[Session], limit_us: int) -> Settled:
        deadline_ns = real_ns() + limit_us * 1_000
        while self.wait_for_workers(self._sessions, max(0, (deadline_ns - real_ns()) // 1_000)):
            ready = [s for s in self._sessions if s.state is State.PARKED and not all(b.holds() for b in s.blockers)]
            if not ready:
                break
            min(ready, key=lambda session: session.parked_as).retry()
        mine = [session for session in pending if isinstance(session, ThreadedSession)]
        return Settled(
            frozenset(session.id for session in mine if session.state is State.ENDED),
            {s.id: frozenset(b.id for b in s.blockers) for s in mine if s.state is State.PARKED},
        )

    def wait_for_workers(self, sessions: Sequence[ThreadedSession], limit_us: int) -> bool:
        """Wait until none of these runs; false when the time was not enough."""
        deadline_ns = real_ns() + limit_us * 1_000
        while True:
            for session in sessions:
                session.take_over()
            running = [session.bell for session in sessions if session.state is State.RUNNING]
            left_ns = deadline_ns - real_ns()
            if not running or left_ns <= 0:
                return not running
            select.select(running, [], [], left_ns / 1e9)

    def holders(self, waiter: ThreadedSession, statement: Statement) -> tuple[ThreadedSession, ...]:
        """Whose transactions keep this statement from going on."""
        others = [session for session in self._sessions if session is not waiter and session.holds()]
        if _is(statement, TransactionAction.COMMIT):
            return tuple(session for session in others if session.reads)
        writers = tuple(session for session in others if session.writes)
        if not _writes(statement):
            return tuple(session for session in writers if session.commits) or writers
        return writers or tuple(session for session in others if session.reads)

    def next_place(self) -> int:
        """Who parks first is served first."""
        self._places += 1
        return self._places

    def reset(self, reset: Reset) -> Failed | None:
        return self._inner.reset(reset)

    def snapshot(self) -> None:
        self._forget()
        self._inner.snapshot()

    def restore(self) -> None:
        self._forget()
        self._inner.restore()

    def end_state(self) -> Mapping[str, Rows]:
        return self._inner.end_state()

    def close(self) -> None:
        self._forget()
        self._inner.close()

    def _session_of(self, connection: object) -> Session:
        for session in self._sessions:
            if session.inner.connection is connection:
                return session
        raise LookupError("the pool lent a connection that was not made for it")

    def _forget(self) -> None:
        for pool in self._pools:
            pool.close()
        for session in self._sessions:
            session.close()
        self._pools.clear()
        self._sessions.clear()


def _is(statement: Statement, action: TransactionAction) -> bool:
    return statement.transaction is not None and statement.transaction.action is action


def _begins_deferred(statement: Statement) -> bool:
    return _is(statement, TransactionAction.BEGIN) and not _writes(statement)


def _writes(statement: Statement) -> bool:
    if statement.transaction is not None:
        return statement.transaction.mode in (TransactionMode.IMMEDIATE, TransactionMode.EXCLUSIVE)
    return statement.kind in (SqlKind.DML, SqlKind.DDL)
