"""Backends that wrap another one and change a little: count statements, delay them, lose or fake outcomes.

Each class forwards everything to ``inner``; a wrapper overrides what it changes (docs/how-to/add-a-backend.md has one).
Every session is wrapped, whether a database opened it or a pool lent it, and one physical connection stays one object.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from simdsl.backends.protocol import (
    Backend,
    Capabilities,
    Database,
    Description,
    Lease,
    Pool,
    PoolCounts,
    Refusal,
    Session,
    Settled,
    Statement,
    Ticket,
    Tx,
)
from simdsl.core.clock import Clock
from simdsl.plan.outcomes import Failed, Outcome, Rows
from simdsl.plan.plan import PoolSpec, Reset
from simdsl.plan.sql import Dialect, Sql
from simdsl.plan.values import Value

Wrap: TypeAlias = Callable[[Session], "WrappedSession"]


class WrappedSession:
    """See ``protocol.Session``."""

    def __init__(self, inner: Session) -> None:
        self.inner = inner

    @property
    def id(self) -> int:
        """The inner one's."""
        return self.inner.id

    def start(self, statement: Statement, arguments: Sequence[Value]) -> Outcome | None:
        """The inner one's."""
        return self.inner.start(statement, arguments)

    def poll(self) -> Outcome | None:
        """The inner one's."""
        return self.inner.poll()

    def cancel(self) -> None:
        """The inner one's."""
        self.inner.cancel()

    def tx(self) -> Tx:
        """The inner one's."""
        return self.inner.tx()

    def quiesce(self) -> None:
        """The inner one's."""
        self.inner.quiesce()

    def close(self) -> None:
        """The inner one's."""
        self.inner.close()


class WrappedDatabase:
    """See ``protocol.Database``. ``wrap`` makes the session around each new connection."""

    def __init__(self, inner: Database, wrap: Wrap) -> None:
        self.inner = inner
        self._wrap = wrap
        self._sessions: list[WrappedSession] = []

    def open(self) -> Session:
        """The inner one's, wrapped."""
        return self.wrapped(self.inner.open())

    def pool(self, spec: PoolSpec, clock: Clock) -> Pool:
        """The inner one's, lending wrapped sessions."""
        return _WrappedPool(self.inner.pool(spec, clock), self.wrapped)

    def settle(self, pending: Sequence[Session], limit_us: int) -> Settled:
        """The inner one's."""
        return self.inner.settle([_inner(session) for session in pending], limit_us)

    def reset(self, reset: Reset) -> Failed | None:
        """The inner one's."""
        return self.inner.reset(reset)

    def snapshot(self) -> None:
        """The inner one's."""
        self._sessions.clear()
        self.inner.snapshot()

    def restore(self) -> None:
        """The inner one's."""
        self._sessions.clear()
        self.inner.restore()

    def end_state(self) -> Mapping[str, Rows]:
        """The inner one's."""
        return self.inner.end_state()

    def close(self) -> None:
        """The inner one's."""
        self._sessions.clear()
        self.inner.close()

    def wrapped(self, session: Session) -> WrappedSession:
        """The wrapper of a session, always the same."""
        for known in self._sessions:
            if known.inner is session:
                return known
        made = self._wrap(session)
        self._sessions.append(made)
        return made


class WrappedBackend:
    """See ``protocol.Backend``. Without ``wrap`` the sessions are the inner one's."""

    def __init__(self, inner: Backend, name: str, wrap: Wrap | None = None) -> None:
        self.inner = inner
        self._name = name
        self._wrap = wrap

    @property
    def name(self) -> str:
        """This wrapper's own."""
        return self._name

    @property
    def url(self) -> str:
        """The name and the inner one's; a wrapper that can be selected by a URL says which."""
        return f"{self._name}={self.inner.url}"

    @property
    def dialect(self) -> Dialect:
        """The inner one's."""
        return self.inner.dialect

    @property
    def capabilities(self) -> Capabilities:
        """The inner one's."""
        return self.inner.capabilities

    def describe(self) -> Description:
        """The inner one's."""
        return self.inner.describe()

    def compile(self, sql: Sql, identifiers: Mapping[str, str]) -> Statement | Refusal:
        """The inner one's."""
        return self.inner.compile(sql, identifiers)

    def create(self) -> Database:
        """The inner one's, with every session wrapped."""
        database = self.inner.create()
        return database if self._wrap is None else WrappedDatabase(database, self._wrap)


class _WrappedPool:
    """See ``protocol.Pool``."""

    def __init__(self, inner: Pool, wrapped: Wrap) -> None:
        self._inner = inner
        self._wrapped = wrapped

    def request(self, task: str) -> Ticket:
        return _WrappedTicket(self._inner.request(task), self._wrapped)

    def release(self, lease: Lease) -> Failed | None:
        return self._inner.release(_inner_lease(lease))

    def invalidate(self, lease: Lease) -> None:
        self._inner.invalidate(_inner_lease(lease))

    def counts(self) -> PoolCounts:
        return self._inner.counts()

    def quiesce(self) -> None:
        self._inner.quiesce()

    def close(self) -> None:
        self._inner.close()


class _WrappedTicket:
    """See ``protocol.Ticket``."""

    def __init__(self, inner: Ticket, wrapped: Wrap) -> None:
        self._inner = inner
        self._wrapped = wrapped
        self._lease: _WrappedLease | None = None

    def poll(self) -> Lease | Failed | None:
        if self._lease is None:
            outcome = self._inner.poll()
            if outcome is None or isinstance(outcome, Failed):
                return outcome
            self._lease = _WrappedLease(outcome, self._wrapped(outcome.session))
        return self._lease

    def cancel(self) -> None:
        self._inner.cancel()


class _WrappedLease:
    """See ``protocol.Lease``."""

    def __init__(self, inner: Lease, session: WrappedSession) -> None:
        self.inner = inner
        self._session = session

    @property
    def session(self) -> Session:
        return self._session


def _inner(session: Session) -> Session:
    assert isinstance(session, WrappedSession), "a wrapped database settles its own sessions"
    return session.inner


def _inner_lease(lease: Lease) -> Lease:
    assert isinstance(lease, _WrappedLease), "a wrapped pool takes back its own leases"
    return lease.inner
