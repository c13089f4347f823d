"""A session over one ODBC connection and a worker thread: a call into ODBC returns only when the statement has ended.

The main thread begins a job and goes on. Outcomes come back through one inbox for all sessions of a database, so that it can
wait for whichever ends first. A job has a serial number: the outcome of a job that was given up is dropped.

The database behind ODBC has these sessions and its pools, and knows which of them waits for which."""

from __future__ import annotations

import contextlib
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from typing import Final, NamedTuple, Protocol

from simdsl.backends.dbapi.database import SessionRegistry
from simdsl.backends.dbapi.session import NOTHING, LendableConnection
from simdsl.backends.odbc.driver import OdbcConnection, OdbcCursor, bind_values, collect_outcome
from simdsl.backends.protocol import Session, Settled, Statement, Tx
from simdsl.core.clock import real_ns
from simdsl.plan.outcomes import ErrorClass, Failed, Outcome
from simdsl.plan.sql import TransactionControl
from simdsl.plan.values import Value


class OutcomeInbox:
    """Where the workers of a database put what they have done. Only the main thread takes out."""

    def __init__(self) -> None:
        self._done: SimpleQueue[_Done] = SimpleQueue()

    def put(self, worker: SessionThread, serial: int, outcome: Outcome) -> None:
        """Called by the workers."""
        self._done.put(_Done(worker, serial, outcome))

    def collect(self, limit_us: int) -> None:
        """Hand everything over that is there; if nothing is, wait at most this real time for the first."""
        try:
            done = self._done.get(timeout=limit_us / 1e6) if limit_us > 0 else self._done.get_nowait()
            while True:
                done.worker.take_over(done.serial, done.outcome)
                done = self._done.get_nowait()
        except Empty:
            return

    def wait_for(self, worker: SessionThread, limit_us: int) -> bool:
        """Collect until this worker is idle; false when the time was not enough."""
        deadline_ns = real_ns() + limit_us * 1_000
        while worker.is_busy:
            left_us = (deadline_ns - real_ns()) // 1_000
            if left_us <= 0:
                return False
            self.collect(left_us)
        return True


class SessionThread:
    """One thread and its job. Everything but the jobs themselves belongs to the main thread."""

    def __init__(self, inbox: OutcomeInbox, name: str) -> None:
        self.is_busy = False
        self._inbox = inbox
        self._serial = 0
        self._outcome: Outcome | None = None
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        # A daemon thread: a driver that hangs must not keep the process alive.
        self._thread = Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def begin(self, run: Callable[[], Outcome]) -> None:
        """Run this in the thread; it must not raise. One job at a time."""
        assert not self.is_busy, "one statement at a time"
        self._serial += 1
        self._outcome = None
        self.is_busy = True
        self._jobs.put(_Job(self._serial, run))

    @property
    def has_outcome(self) -> bool:
        """Whether a job has ended whose outcome was not taken yet."""
        return self._outcome is not None

    def take(self) -> Outcome | None:
        """The outcome of the job, once."""
        outcome, self._outcome = self._outcome, None
        return outcome

    def take_over(self, serial: int, outcome: Outcome) -> None:
        """What the inbox brings."""
        if serial == self._serial:
            self.is_busy, self._outcome = False, outcome

    def stop(self, limit_us: int) -> bool:
        """End the thread; false if it does not end in time, and then it is left behind."""
        self._jobs.put(None)
        self._thread.join(limit_us / 1e6)
        return not self._thread.is_alive()

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            self._inbox.put(self, job.serial, job.run())


class _Job(NamedTuple):
    serial: int
    run: Callable[[], Outcome]


class _Done(NamedTuple):
    worker: SessionThread
    serial: int
    outcome: Outcome


FAST_US: Final = 300  # most statements end within this; then the engine need not be asked which session waits for which


_QUIESCE_US: Final = 3_000_000


_AGAIN_US: Final = 20_000


_STOP_US: Final = 2_000_000


_CANCELED: Final = Failed(ErrorClass.QUERY_CANCELED, "the statement was cancelled", "HY008")


_HANGS: Final = Failed(ErrorClass.CONNECTION_LOST, "the driver does not come back from its last call", by="simdsl")


class OdbcEngine(Protocol):
    """An engine behind an ODBC driver. ODBC knows autocommit or none, so transactions are SQL text of ours."""

    @property
    def rollback(self) -> str:
        """Ends the open transaction, and is not an error where there is none."""

    @property
    def after_cancel(self) -> str | None:
        """What the session runs after a cancelled statement, before it reports the outcome."""

    @property
    def asks_before_control(self) -> bool:
        """Whether ``controlled`` needs to know the state before a transaction statement: one more round trip."""

    def failed(self, error: BaseException) -> Failed:
        """What the driver raised, as an outcome."""

    def controlled(self, transaction: TransactionControl, before: Tx | None, outcome: Outcome) -> Outcome:
        """The outcome of a transaction statement, by simdsl's rules. ``before`` None: the state was not asked for."""

    def tx(self, session: OdbcSession) -> Tx:
        """The state of an idle session's transaction, asked of the engine. Raises the driver's errors."""


class OdbcSession:
    """See ``protocol.Session``. ``engine_id`` is the connection's number in the engine's own views."""

    def __init__(
        self,
        connection: OdbcConnection,
        number: int,
        engine_id: int,
        engine: OdbcEngine,
        inbox: OutcomeInbox,
        sent: Callable[[Statement], None] | None = None,
    ) -> None:
        self.id = number
        self.engine_id = engine_id
        self.connection = connection
        self.pooled = LendableConnection(self)
        self.is_canceled = False
        self._engine = engine
        self._sent = sent
        self._cursor: OdbcCursor = connection.cursor()
        self._inbox = inbox
        self._worker = SessionThread(inbox, f"session {number}")
        self._tx: Tx | None = Tx.IDLE  # as last asked; None: something has happened since
        self._is_closed = False
        self._hangs = False
        # A cancel must hit the statement that it is meant for, never one that the worker sends after it.
        self._lock = Lock()
        self._can_be_canceled = False

    def start(self, statement: Statement, arguments: Sequence[Value]) -> Outcome | None:
        """Hand the statement to the worker; most are over in a moment, and then this is their outcome."""
        if self._hangs:
            return _HANGS
        if self._is_closed:
            return self._run(statement, arguments, None)  # the driver refuses in its own words
        asks = statement.transaction is not None and self._engine.asks_before_control
        before = self.tx() if asks else None
        self._tx = None
        self.is_canceled = False
        if self._sent is not None:
            self._sent(statement)
        self._can_be_canceled = True
        self._worker.begin(lambda: self._run(statement, arguments, before))
        self._inbox.wait_for(self._worker, FAST_US)
        return self._worker.take()

    def poll(self) -> Outcome | None:
        """What the worker has brought, without waiting."""
        self._inbox.collect(0)
        return self._worker.take()

    @property
    def is_running(self) -> bool:
        """Whether a statement is pending, as far as the main thread has looked."""
        return self._worker.is_busy

    @property
    def has_ended(self) -> bool:
        """Whether ``poll`` would give an outcome, as far as the main thread has looked."""
        return self._worker.has_outcome

    def cancel(self) -> None:
        """``SQLCancel``. ``settle`` repeats it: a statement that the worker has not yet begun does not hear it."""
        self._inbox.collect(0)
        with self._lock:
            if self._can_be_canceled:
                self.is_canceled = True
                # A connection that is lost refuses this too; the statement itself will say so.
                with contextlib.suppress(Exception):
                    self._cursor.cancel()

    def tx(self) -> Tx:
        """As the engine tells it. A pending statement is in a transaction, if only in its own."""
        if self._is_closed:
            return Tx.LOST
        self._inbox.collect(0)
        if self._worker.is_busy:
            return Tx.OPEN
        if self._tx is None:
            try:
                self._tx = self._engine.tx(self)
            except Exception:  # any driver error: a connection that cannot be asked is lost
                self._tx = Tx.LOST
        return self._tx

    def quiesce(self) -> None:
        """Cancel and drain the pending statement and roll back.

        One that does not end in time is abandoned, and the session is lost: Python cannot interrupt a driver that hangs.
        """
        deadline_ns = real_ns() + _QUIESCE_US * 1_000
        while self._worker.is_busy and real_ns() < deadline_ns:
            self.cancel()
            self._inbox.wait_for(self._worker, _AGAIN_US)
        self._worker.take()
        if self._worker.is_busy:
            self._leave_behind()
        elif self.tx() in (Tx.OPEN, Tx.FAILED):
            self._tx = None
            self._worker.begin(self._rolled_back)
            if not self._inbox.wait_for(self._worker, _QUIESCE_US):
                self._leave_behind()
            self._worker.take()

    def close(self) -> None:
        """Roll back and disconnect, in the worker: that may hang too. Idempotent."""
        if self._is_closed:
            return
        self.quiesce()
        if self._is_closed:
            return
        self._is_closed = True
        self._worker.begin(self._disconnected)
        self._hangs = not self._inbox.wait_for(self._worker, _STOP_US)
        self._worker.take()
        self._worker.stop(0 if self._hangs else _STOP_US)

    def roll_back(self) -> None:
        """For a pool: the rollback of a driver's connection, here and now. Raises the driver's errors."""
        if self._worker.is_busy:
            self.quiesce()
        self._tx = None
        self.connection.execute(self._engine.rollback).close()

    def _run(self, statement: Statement, arguments: Sequence[Value], before: Tx | None) -> Outcome:
        """In the worker."""
        outcome: Outcome
        try:
            values = bind_values(arguments)
            if values:
                self._cursor.execute(statement.text, *values)
            else:
                self._cursor.execute(statement.text)
            outcome = collect_outcome(self._cursor, statement)
            if self.is_canceled and outcome == NOTHING and statement.transaction is None:
                outcome = _CANCELED  # Microsoft's driver may say no word of an acknowledged cancel
        except Exception as error:  # every driver error is an outcome of the statement
            outcome = self._failed(error)
        with self._lock:
            self._can_be_canceled = False
        if isinstance(outcome, Failed) and outcome.error_class is ErrorClass.QUERY_CANCELED:
            self._after_cancel()
        if statement.transaction is not None:
            return self._engine.controlled(statement.transaction, before, outcome)
        return outcome

    def _failed(self, error: Exception) -> Failed:
        failure = self._engine.failed(error)
        if self.is_canceled and failure.error_class is ErrorClass.OTHER:
            # The driver manager forgets the error of a statement when that is cancelled once more: none is left to read.
            return failure._replace(error_class=ErrorClass.QUERY_CANCELED)
        return failure

    def _after_cancel(self) -> None:
        text = self._engine.after_cancel
        if text is not None:
            # If the connection is lost too, the next statement says so.
            with contextlib.suppress(Exception):
                self.connection.execute(text).close()

    def _rolled_back(self) -> Outcome:
        try:
            self.connection.execute(self._engine.rollback).close()
        except Exception as error:  # a deadlock has ended the transaction before, or the connection is lost
            return self._engine.failed(error)
        return NOTHING

    def _disconnected(self) -> Outcome:
        try:
            self.connection.close()
        except Exception as error:  # a lost connection may refuse even that
            return self._engine.failed(error)
        return NOTHING

    def _leave_behind(self) -> None:
        self._is_closed = self._hangs = True


_FIRST_WAIT_US: Final = 300


_LONGEST_WAIT_US: Final = 20_000


_NO_BLOCKERS: Final[Mapping[int, frozenset[int]]] = {}


class OdbcDatabase(SessionRegistry[OdbcSession]):
    """What a database behind ODBC does that is the same for every engine. A descendant resets, snapshots and restores it."""

    looks = 1
    """How often in a row the engine has to give the same answer to ``find_blockers`` until it is believed: once is enough
    where the answer is read from the lock table itself."""

    def __init__(self, engine: OdbcEngine, pool: str | None) -> None:
        super().__init__(pool)
        self._engine = engine
        self._inbox = OutcomeInbox()

    @abstractmethod
    def connect_driver(self, number: int) -> tuple[OdbcConnection, int]:
        """A connection for the session of this number, and the engine's own number of it. Raises the driver's errors."""

    @abstractmethod
    def find_blockers(self, engine_ids: Sequence[int]) -> Mapping[int, frozenset[int]]:
        """Which connections block each of these, by the engine's own numbers; one that does not wait is left out."""

    def note_statement(self, statement: Statement) -> None:
        """Called before each statement is sent."""

    def make_session(self, number: int) -> OdbcSession:
        """A session over a new connection."""
        connection, engine_id = self.connect_driver(number)
        return OdbcSession(connection, number, engine_id, self._engine, self._inbox, self.note_statement)

    def lent_connection(self, session: OdbcSession) -> LendableConnection:
        """A stand-in whose ``rollback`` the session sees: pyodbc's own would know of no transaction that SQL text began."""
        return session.pooled

    def failed(self, error: BaseException) -> Failed:
        """By the engine's own rules."""
        return self._engine.failed(error)

    def settle(self, pending: Sequence[Session], limit_us: int) -> Settled:
        """See ``protocol.Database``. A session that was cancelled is never reported as waiting: it has to end."""
        own = [session for session in pending if isinstance(session, OdbcSession)]
        blockers = self._watched(own, real_ns() + limit_us * 1_000)
        return Settled(frozenset(session.id for session in own if session.has_ended), blockers)

    def _watched(self, sessions: Sequence[OdbcSession], deadline_ns: int) -> Mapping[int, frozenset[int]]:
        wait_us, seen, times = 0, _NO_BLOCKERS, 0
        while True:
            self._inbox.collect(wait_us)
            running = [session for session in sessions if session.is_running]
            if not running:
                return _NO_BLOCKERS
            blockers = self._blockers(running)
            self._inbox.collect(0)
            if any(not session.is_running for session in running):
                wait_us, seen, times = (
                    0,
                    _NO_BLOCKERS,
                    0,
                )  # a session went on while the engine was asked, so its answer is stale
                continue
            times = times + 1 if blockers == seen else 1
            seen = blockers
            if len(blockers) == len(running) and times >= self.looks:
                return blockers
            if real_ns() >= deadline_ns:
                return blockers
            for session in running:
                if session.is_canceled:
                    session.cancel()
            known = len(blockers) == len(running)
            wait_us = 0 if known else min(max(_FIRST_WAIT_US, 2 * wait_us), _LONGEST_WAIT_US)

    def _blockers(self, running: Sequence[OdbcSession]) -> Mapping[int, frozenset[int]]:
        """Own sessions only, by their own numbers."""
        numbers = {session.engine_id: session.id for session in self._sessions}
        waiting = [session for session in running if not session.is_canceled]
        if not waiting:
            return _NO_BLOCKERS
        found = self.find_blockers([session.engine_id for session in waiting])
        blockers = {
            session.id: frozenset(numbers[i] for i in found.get(session.engine_id, ()) if i in numbers)
            for session in waiting
        }
        return {number: others for number, others in blockers.items() if others}
