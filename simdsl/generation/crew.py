"""The tasks of a workload: who has a connection, who is in a transaction, who waits, and the steps that change it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from simdsl.generation.contention import ROW_LOCKS, Clash
from simdsl.generation.controls import BEGIN, COMMIT, ROLLBACK
from simdsl.generation.draws import Draws
from simdsl.generation.sessions import Database, Session, Transaction, Wait
from simdsl.generation.statements import State
from simdsl.plan.ir import AnError as ExpectedError
from simdsl.plan.ir import Await, Blocks, Checkout, Expectation, Ok, Options, Return, SqlStep, Step
from simdsl.plan.outcomes import ErrorClass
from simdsl.profiles.profile import Profile

POOL: Final = "main"


class Crew:
    """All tasks, the database that they share, and the one of them that waits, if any does."""

    def __init__(self, profile: Profile, state: State) -> None:
        self.database = Database(state=state)
        self.sessions = tuple(Session(name=f"t{i + 1}") for i in range(profile.tasks))
        self.waiting: Session | None = None
        self._profile = profile

    def mover(self, draws: Draws) -> Session:
        """A task that does not wait. Where all connections are lent, mostly one that has one; always, if somebody waits.

        Who has written moves more often, or little would be in its transaction.
        """
        if self.database.writer is not None and draws.below(3) == 0:
            return self.database.writer
        free = [session for session in self.sessions if session.waits is None]
        is_full = self.lent_out() >= self._profile.pool.size
        if is_full and (self.waiting is not None or draws.below(8)):
            free = [session for session in free if session.is_connected] or free
        return draws.one_of(free)

    def is_busy(self) -> bool:
        """Whether as many transactions are open as may be."""
        return sum(one.transaction is not None for one in self.sessions) >= self._profile.max_in_flight_tx

    def begin(self, session: Session) -> Step:
        """The session is in a transaction."""
        session.transaction = Transaction()
        return SqlStep(task=session.name, sql=BEGIN)

    def end(self, session: Session, *, commits: bool) -> Iterator[Step]:
        """The session's transaction ends; whoever waited for it goes on."""
        was_writer = self.database.writer is session
        self.database.ended(session, commits=commits)
        yield SqlStep(task=session.name, sql=COMMIT if commits else ROLLBACK)
        waiting = self.waiting
        if was_writer and waiting is not None and waiting.waits is Wait.LOCK:
            yield from self._served(waiting, commits=commits)

    def end_all(self, draws: Draws) -> Iterator[Step]:
        """All transactions end, that of the writer first, for whom another one may wait."""
        writer = self.database.writer
        for session in (*((writer,) if writer is not None else ()), *self.sessions):
            if session.transaction is not None:
                commits = not session.transaction.failed and not draws.chance(self._profile.panic_rate)
                yield from self.end(session, commits=commits)

    def clash(self, session: Session, clash: Clash) -> Iterator[Step]:
        """The session writes, and comes second: it waits, or its transaction is rolled back."""
        if session.transaction is not None:
            session.transaction.failed = True
        refused = Options(skip=ROW_LOCKS, overrides=clash.overrides, why="there is one lock for all rows")
        yield SqlStep(task=session.name, sql=clash.sql, expect=clash.refused, options=refused)
        locked = Options(only=ROW_LOCKS, why="every row has a lock of its own")
        yield SqlStep(task=session.name, sql=clash.sql, expect=clash.locked, options=locked)
        if clash.wakes is not None:
            session.waits, session.wakes, self.waiting = Wait.LOCK, clash.wakes, session
        else:
            yield from self.end(session, commits=False)

    def lent_out(self) -> int:
        """How many connections are lent."""
        return sum(session.is_connected for session in self.sessions)

    def take(self, session: Session) -> Step:
        """A connection that is free."""
        session.is_connected = True
        return Checkout(task=session.name, pool=POOL, expect=(Ok(),))

    def lend(self, draws: Draws, session: Session) -> Iterator[Step]:
        """A connection, or a wait for one, or a refusal at the pool's deadline."""
        if self.lent_out() < self._profile.pool.size:
            yield self.take(session)
        elif self.waiting is None and draws.below(2):
            session.waits, self.waiting = Wait.POOL, session
            yield Checkout(task=session.name, pool=POOL, expect=(Blocks(),))
        elif self.waiting is None:
            yield Checkout(task=session.name, pool=POOL, expect=_REFUSED)

    def give_back(self, session: Session) -> Iterator[Step]:
        """A connection is free again; whoever waited for it has it."""
        session.is_connected = False
        yield Return(task=session.name, expect=(Ok(),))
        waiting = self.waiting
        if waiting is not None and waiting.waits is Wait.POOL:
            waiting.waits, waiting.is_connected, self.waiting = None, True, None
            yield Await(task=waiting.name, expect=(Ok(),))

    def steps_to_finish(self) -> int:
        """How many steps it takes until nothing is open and nothing lent, and to check that."""
        transactions = sum(session.transaction is not None for session in self.sessions)
        waiting = 0 if self.waiting is None else 2 if self.waiting.waits is Wait.POOL else 1
        return transactions + waiting + self.lent_out() + 1

    def _served(self, session: Session, *, commits: bool) -> Iterator[Step]:
        """The task that waited for the writer's lock goes on; what it did in a transaction, it takes back."""
        assert session.wakes is not None
        expect = session.wakes(self.database.state, commits)
        session.waits, session.wakes, self.waiting = None, None, None
        yield Await(task=session.name, expect=expect, options=Options(only=ROW_LOCKS))
        if session.transaction is not None:
            yield from self.end(session, commits=False)
        else:
            self.database.touched()


_REFUSED: Final[Expectation] = (ExpectedError(error_class=ErrorClass.POOL_TIMEOUT),)
