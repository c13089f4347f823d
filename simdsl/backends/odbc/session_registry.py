"""The sessions and pools of one world, and who of them waits for whom."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeAlias

from simdsl.backends.odbc.driver import OdbcConnection
from simdsl.backends.odbc.session import OdbcEngine, OdbcSession, PooledOdbcConnection
from simdsl.backends.odbc.worker import OutcomeInbox
from simdsl.backends.pools.factory import make_pool
from simdsl.backends.pools.virtual_pool import ConnectionSource
from simdsl.backends.protocol import BackendUnavailable, Pool, Session, Settled, Statement
from simdsl.core.clock import Clock, real_ns
from simdsl.plan.plan import PoolSpec

Connect: TypeAlias = Callable[[int], tuple[OdbcConnection, int]]
"""A connection for the session of this number, and the engine's own number of it. Raises the driver's errors."""


FindBlockers: TypeAlias = Callable[[Sequence[int]], Mapping[int, frozenset[int]]]
"""Who blocks each of these, by the engine's own numbers; who waits for nobody is left out."""


_FIRST_WAIT_US: Final = 300


_LONGEST_WAIT_US: Final = 20_000


class OdbcSessionRegistry:
    """What an ODBC world does that is the same for every engine.

    ``looks``: how often in a row the engine has to say the same until it is believed. One is enough where its view is
    read from the lock table itself. ``sent`` is told each statement.
    """

    def __init__(
        self,
        engine: OdbcEngine,
        connect: Connect,
        look: FindBlockers,
        *,
        pool: str | None = None,
        looks: int = 1,
        sent: Callable[[Statement], None] | None = None,
    ) -> None:
        self._engine = engine
        self._connect = connect
        self._look = look
        self._pool = pool
        self._looks = looks
        self._sent = sent
        self._inbox = OutcomeInbox()
        self._sessions: list[OdbcSession] = []
        self._pools: list[Pool] = []

    def open(self) -> OdbcSession:
        """Raises ``BackendUnavailable`` where the engine lets nobody in."""
        try:
            return self.connect()
        except BackendUnavailable:
            raise
        except Exception as error:  # whatever the driver raises
            raise BackendUnavailable(f"no connection: {self._engine.failed(error).text}") from error

    def connect(self) -> OdbcSession:
        """As ``open``, with the driver's own exception: what a pool's creator may raise."""
        number = len(self._sessions) + 1
        connection, engine_id = self._connect(number)
        session = OdbcSession(connection, number, engine_id, self._engine, self._inbox, self._sent)
        self._sessions.append(session)
        return session

    def pool(self, spec: PoolSpec, clock: Clock) -> Pool:
        """A pool whose connections are sessions of this world."""
        source = ConnectionSource(
            connect=lambda: self.connect().pooled_connection, session_of=self._session_of, failed=self._engine.failed
        )
        pool = make_pool(spec, clock, source, spec.driver or self._pool)
        self._pools.append(pool)
        return pool

    def settle(self, pending: Sequence[Session], limit_us: int) -> Settled:
        """See ``protocol.World``. A session that was cancelled is never told as waiting: it has to end."""
        mine = [session for session in pending if isinstance(session, OdbcSession)]
        blockers = self._watched(mine, real_ns() + limit_us * 1_000)
        return Settled(frozenset(session.id for session in mine if session.has_ended), blockers)

    def forget(self) -> None:
        """Close every pool and session. Sessions number from 1 again."""
        for pool in self._pools:
            pool.close()
        self._pools.clear()
        for session in self._sessions:
            session.close()
        self._sessions.clear()

    def _watched(self, sessions: Sequence[OdbcSession], deadline_ns: int) -> Mapping[int, frozenset[int]]:
        wait_us, seen, times = 0, _NOBODY, 0
        while True:
            self._inbox.collect(wait_us)
            running = [session for session in sessions if session.is_running]
            if not running:
                return _NOBODY
            blockers = self._blockers(running)
            self._inbox.collect(0)
            if any(not session.is_running for session in running):
                wait_us, seen, times = 0, _NOBODY, 0  # somebody went on while the engine was asked
                continue
            times = times + 1 if blockers == seen else 1
            seen = blockers
            if len(blockers) == len(running) and times >= self._looks:
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
            return _NOBODY
        found = self._look([session.engine_id for session in waiting])
        blockers = {
            session.id: frozenset(numbers[i] for i in found.get(session.engine_id, ()) if i in numbers)
            for session in waiting
        }
        return {number: others for number, others in blockers.items() if others}

    def _session_of(self, connection: object) -> Session:
        if isinstance(connection, PooledOdbcConnection):
            return connection.session
        raise LookupError("the pool lent a connection that was not made for it")


_NOBODY: Final[Mapping[int, frozenset[int]]] = {}
