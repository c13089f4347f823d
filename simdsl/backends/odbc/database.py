"""A database behind ODBC: its sessions and pools, and which of them waits for which."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Final

from simdsl.backends.dbapi.database import SessionRegistry
from simdsl.backends.dbapi.session import LendableConnection
from simdsl.backends.odbc.driver import OdbcConnection
from simdsl.backends.odbc.session import OdbcEngine, OdbcSession, OutcomeInbox
from simdsl.backends.protocol import Session, Settled, Statement
from simdsl.core.clock import real_ns
from simdsl.plan.outcomes import Failed

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
