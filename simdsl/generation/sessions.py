"""What is known of every task of a workload, and of the database that they share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field
from enum import Enum
from typing import TypeAlias

from simdsl.generation.statements import Rows, State
from simdsl.plan.dataclasses import dataclass
from simdsl.plan.ir import Expectation

Wakes: TypeAlias = Callable[[State, bool], Expectation]
"""What a wait comes to when the other transaction has left this state, by committing or not."""


class Wait(Enum):
    """What a task waits for."""

    POOL = "pool"
    LOCK = "lock"


@dataclass(slots=True, kw_only=True, eq=False)
class Transaction:
    """An open transaction. ``state`` is what it sees, None before its first statement."""

    state: State | None = None
    version: int = 0  # of the database, when it was first seen
    wrote: bool = False
    failed: bool = False
    savepoints: list[tuple[str, State]] = field(default_factory=list)
    locked: list[tuple[int, int]] = field(default_factory=list)  # (table, id), until the transaction ends


@dataclass(slots=True, kw_only=True, eq=False)
class Session:
    """A task."""

    name: str
    is_connected: bool = False
    transaction: Transaction | None = None
    waits: Wait | None = None
    wakes: Wakes | None = None  # what its wait for a lock will come to


@dataclass(slots=True, kw_only=True, eq=False)
class Database:
    """What is committed. Only one transaction at a time has written what may stay; its session is the ``writer``."""

    state: State
    version: int = 0
    writer: Session | None = None

    def seen_by(self, session: Session) -> State:
        """What a statement of the session sees. It begins the transaction's snapshot."""
        transaction = session.transaction
        if transaction is None:
            return self.state
        if transaction.state is None:
            transaction.state, transaction.version = self.state, self.version
        return transaction.state

    def may_write(self, session: Session) -> bool:
        """Whether a write neither meets the writer nor a snapshot that is not the latest."""
        if self.writer is not None:
            return self.writer is session
        return session.transaction is None or self.is_latest(session.transaction)

    def is_latest(self, transaction: Transaction) -> bool:
        """Whether the transaction sees what is committed now, if it sees anything yet."""
        return transaction.state is None or transaction.version == self.version

    def written(self, session: Session, number: int, rows: Rows, touched: tuple[int, ...]) -> None:
        """A write of the session has succeeded: a table holds these rows now."""
        before = self.seen_by(session)
        after = (*before[:number], rows, *before[number + 1 :])
        transaction = session.transaction
        if transaction is None:
            self._commit(after)
            return
        self.writer = session
        transaction.wrote = True
        transaction.state = after
        if not transaction.savepoints:
            transaction.locked += [(number, key) for key in touched if key in self.state[number]]

    def ended(self, session: Session, *, commits: bool) -> None:
        """The session's transaction has ended."""
        transaction = session.transaction
        if transaction is not None and transaction.wrote:
            if commits and transaction.state is not None:
                self._commit(transaction.state)
            self.writer = None
        session.transaction = None

    def touched(self) -> None:
        """A row was written, and is what it was: an older snapshot may not write it."""
        self.version += 1

    def _commit(self, state: State) -> None:
        self.state = state
        self.version += 1
