"""A model of the sessions of a generated workload: connections, transactions, snapshots, locks, and writes that conflict.

The model decides what each step must return, before any engine runs it. It never lets two transactions write what may
stay at the same time. A session that tries is the interesting case: where there is one lock for the whole database it is
refused, and where every row has a lock it waits, or goes on if nobody holds its row. Both are expected in the plan, so
nothing may be left behind that differs: the row is written as it was, or the transaction is rolled back in any case.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import field
from enum import Enum
from typing import Final, TypeAlias

from simdsl.generation.sampler import Sampler
from simdsl.generation.schema import TableDef
from simdsl.generation.statements import (
    BEGIN_SERIALIZABLE,
    COMMIT,
    ROLLBACK,
    DatabaseState,
    TableRows,
    expect_affected,
    expect_error,
    sql,
)
from simdsl.generation.writes import WriteGenerator
from simdsl.plan.backend_facts import row_locking_backends
from simdsl.plan.dataclasses import dataclass
from simdsl.plan.expectations import Blocks, Expectation, ExpectedError, Ok
from simdsl.plan.outcomes import ErrorClass
from simdsl.plan.sql import Sql, SqlKind
from simdsl.plan.steps import Override, SqlStep, Step, StepOptions
from simdsl.profiles.profile import Profile
from simdsl.verbs.await_ import Await
from simdsl.verbs.checkout import Checkout
from simdsl.verbs.return_ import Return

WakeOutcome: TypeAlias = Callable[[DatabaseState, bool], Expectation]
"""What a wait comes to when the other transaction has left this state, by committing or not."""


POOL: Final = "main"


class WaitReason(Enum):
    """What a task waits for."""

    POOL = "pool"
    LOCK = "lock"


@dataclass(slots=True, kw_only=True, eq=False)
class ModelTransaction:
    """An open transaction. ``state`` is what it sees, None before its first statement."""

    state: DatabaseState | None = None
    version: int = 0  # of the database, when it was first seen
    wrote: bool = False
    failed: bool = False
    savepoints: list[tuple[str, DatabaseState]] = field(default_factory=list)
    locked: list[tuple[int, int]] = field(default_factory=list)  # (table, id), until the transaction ends


@dataclass(slots=True, kw_only=True, eq=False)
class ModelSession:
    """A task."""

    name: str
    is_connected: bool = False
    transaction: ModelTransaction | None = None
    waits: WaitReason | None = None
    wakes: WakeOutcome | None = None  # what its wait for a lock will come to


@dataclass(slots=True, kw_only=True, eq=False)
class CommittedState:
    """What is committed. Only one transaction at a time has written what may stay; its session is the ``writer``."""

    state: DatabaseState
    version: int = 0
    writer: ModelSession | None = None

    def seen_by(self, session: ModelSession) -> DatabaseState:
        """What a statement of the session sees. It begins the transaction's snapshot."""
        transaction = session.transaction
        if transaction is None:
            return self.state
        if transaction.state is None:
            transaction.state, transaction.version = self.state, self.version
        return transaction.state

    def may_write(self, session: ModelSession) -> bool:
        """Whether a write neither meets the writer nor a snapshot that is not the latest."""
        if self.writer is not None:
            return self.writer is session
        return session.transaction is None or self.is_latest(session.transaction)

    def is_latest(self, transaction: ModelTransaction) -> bool:
        """Whether the transaction sees what is committed now, if it sees anything yet."""
        return transaction.state is None or transaction.version == self.version

    def written(self, session: ModelSession, number: int, rows: TableRows, touched: tuple[int, ...]) -> None:
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

    def ended(self, session: ModelSession, *, commits: bool) -> None:
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

    def _commit(self, state: DatabaseState) -> None:
        self.state = state
        self.version += 1


class SessionModel:
    """All tasks, the database that they share, and the one of them that waits, if any does."""

    def __init__(self, profile: Profile, state: DatabaseState) -> None:
        self.database = CommittedState(state=state)
        self.sessions = tuple(ModelSession(name=f"t{i + 1}") for i in range(profile.tasks))
        self.waiting: ModelSession | None = None
        self._profile = profile

    def mover(self, draws: Sampler) -> ModelSession:
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

    def begin(self, session: ModelSession) -> Step:
        """The session is in a transaction."""
        session.transaction = ModelTransaction()
        return SqlStep(task=session.name, sql=BEGIN_SERIALIZABLE)

    def end(self, session: ModelSession, *, commits: bool) -> Iterator[Step]:
        """The session's transaction ends; whoever waited for it goes on."""
        was_writer = self.database.writer is session
        self.database.ended(session, commits=commits)
        yield SqlStep(task=session.name, sql=COMMIT if commits else ROLLBACK)
        waiting = self.waiting
        if was_writer and waiting is not None and waiting.waits is WaitReason.LOCK:
            yield from self._served(waiting, commits=commits)

    def end_all(self, draws: Sampler) -> Iterator[Step]:
        """All transactions end, that of the writer first, for whom another one may wait."""
        writer = self.database.writer
        for session in (*((writer,) if writer is not None else ()), *self.sessions):
            if session.transaction is not None:
                commits = not session.transaction.failed and not draws.chance(self._profile.panic_rate)
                yield from self.end(session, commits=commits)

    def clash(self, session: ModelSession, clash: WriteConflict) -> Iterator[Step]:
        """The session writes, and comes second: it waits, or its transaction is rolled back."""
        if session.transaction is not None:
            session.transaction.failed = True
        refused = StepOptions(skip=ROW_LOCKS, overrides=clash.overrides, why="there is one lock for all rows")
        yield SqlStep(task=session.name, sql=clash.sql, expect=clash.refused, options=refused)
        locked = StepOptions(only=ROW_LOCKS, why="every row has a lock of its own")
        yield SqlStep(task=session.name, sql=clash.sql, expect=clash.locked, options=locked)
        if clash.wakes is not None:
            session.waits, session.wakes, self.waiting = WaitReason.LOCK, clash.wakes, session
        else:
            yield from self.end(session, commits=False)

    def lent_out(self) -> int:
        """How many connections are lent."""
        return sum(session.is_connected for session in self.sessions)

    def take(self, session: ModelSession) -> Step:
        """A connection that is free."""
        session.is_connected = True
        return Checkout(task=session.name, pool=POOL, expect=(Ok(),))

    def lend(self, draws: Sampler, session: ModelSession) -> Iterator[Step]:
        """A connection, or a wait for one, or a refusal at the pool's deadline."""
        if self.lent_out() < self._profile.pool.size:
            yield self.take(session)
        elif self.waiting is None and draws.below(2):
            session.waits, self.waiting = WaitReason.POOL, session
            yield Checkout(task=session.name, pool=POOL, expect=(Blocks(),))
        elif self.waiting is None:
            yield Checkout(task=session.name, pool=POOL, expect=_POOL_TIMEOUT)

    def give_back(self, session: ModelSession) -> Iterator[Step]:
        """A connection is free again; whoever waited for it has it."""
        session.is_connected = False
        yield Return(task=session.name, expect=(Ok(),))
        waiting = self.waiting
        if waiting is not None and waiting.waits is WaitReason.POOL:
            waiting.waits, waiting.is_connected, self.waiting = None, True, None
            yield Await(task=waiting.name, expect=(Ok(),))

    def steps_to_finish(self) -> int:
        """How many steps it takes until nothing is open and nothing lent, and to check that."""
        transactions = sum(session.transaction is not None for session in self.sessions)
        waiting = 0 if self.waiting is None else 2 if self.waiting.waits is WaitReason.POOL else 1
        return transactions + waiting + self.lent_out() + 1

    def _served(self, session: ModelSession, *, commits: bool) -> Iterator[Step]:
        """The task that waited for the writer's lock goes on; what it did in a transaction, it takes back."""
        assert session.wakes is not None
        expect = session.wakes(self.database.state, commits)
        session.waits, session.wakes, self.waiting = None, None, None
        yield Await(task=session.name, expect=expect, options=StepOptions(only=ROW_LOCKS))
        if session.transaction is not None:
            yield from self.end(session, commits=False)
        else:
            self.database.touched()


_POOL_TIMEOUT: Final[Expectation] = (ExpectedError(error_class=ErrorClass.POOL_TIMEOUT),)


ROW_LOCKS: Final = row_locking_backends()
"""The backends that have a lock for every row; the others have one for all rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteConflict:
    """A write that comes second. ``wakes`` is None where it waits nowhere."""

    sql: Sql
    refused: Expectation  # where there is one lock for everything
    overrides: tuple[Override, ...] = ()  # of that
    locked: Expectation  # where locks are of rows
    wakes: WakeOutcome | None = None


def draw_autocommit_conflict(draws: Sampler, tables: Sequence[TableDef], holder: ModelTransaction) -> WriteConflict | None:
    """Outside of a transaction: a row that another one has written is written as it was."""
    if holder.savepoints or not holder.locked:
        return None
    number, key = draws.one_of(holder.locked)
    name = tables[number].columns[1].name

    def wakes(state: DatabaseState, commits: bool) -> Expectation:
        return expect_affected(1 if key in state[number] else 0)

    text = f"UPDATE {tables[number].name} SET {name} = {name} WHERE id = {key}"
    return WriteConflict(sql=sql(text, SqlKind.DML), refused=_BUSY, locked=_WAITS, wakes=wakes)


def draw_conflicting_write(
    draws: Sampler,
    tables: Sequence[TableDef],
    database: CommittedState,
    holder: ModelTransaction,
    writer: WriteGenerator,
    *,
    may_wait: bool,
) -> WriteConflict | None:
    """In a transaction that has not written, and whose snapshot is the latest: a row or a key of ``holder``, or another row.

    None where there is none of them. The transaction has to be rolled back next, or when it has waited.
    """
    form = draws.below(4)
    if may_wait and not holder.savepoints and holder.state is not None:
        if form == 0 and (clash := _same_key(draws, tables, database.state, holder.state, writer)) is not None:
            return clash
        if form < 3 and holder.locked:
            return _same_row(draws, tables, database.state, writer, holder.locked)
    return _other_row(draws, tables, database.state, holder, writer)


def draw_stale_snapshot_write(
    draws: Sampler, tables: Sequence[TableDef], database: CommittedState, session: ModelSession, writer: WriteGenerator
) -> WriteConflict | None:
    """In a transaction whose snapshot is not the latest: a row that somebody has changed since.

    None where none has changed. The transaction has to be rolled back next.
    """
    transaction = session.transaction
    seen = transaction.state if transaction is not None else None
    if seen is None:
        return None
    # A row whose values are the same may never have been written to the file.
    changed = [
        (number, key)
        for number, (then, now) in enumerate(zip(seen, database.state, strict=True))
        if then is not now
        for key, row in then.items()
        if now.get(key) != row
    ]
    if not changed:
        return None
    number, key = draws.one_of(changed)
    text = writer.overwrite(draws, tables, seen, number, key)
    failed = expect_error(ErrorClass.SERIALIZATION_FAILURE)
    if database.writer is not None:
        return WriteConflict(sql=text, refused=_BUSY, locked=failed)
    libsql = (Override(backend="libsql", expect=_BUSY),)
    return WriteConflict(sql=text, refused=expect_error(ErrorClass.SNAPSHOT_CONFLICT), overrides=libsql, locked=failed)


def _same_row(
    draws: Sampler,
    tables: Sequence[TableDef],
    state: DatabaseState,
    writer: WriteGenerator,
    locked: Sequence[tuple[int, int]],
) -> WriteConflict:
    number, key = draws.one_of(locked)

    def wakes(state: DatabaseState, commits: bool) -> Expectation:
        return expect_error(ErrorClass.SERIALIZATION_FAILURE) if commits else expect_affected(1)

    text = writer.overwrite(draws, tables, state, number, key)
    return WriteConflict(sql=text, refused=_BUSY, locked=_WAITS, wakes=wakes)


def _same_key(
    draws: Sampler, tables: Sequence[TableDef], state: DatabaseState, other: DatabaseState, writer: WriteGenerator
) -> WriteConflict | None:
    made = [
        (number, key)
        for number, table in enumerate(tables)
        if table.has_key and state[number] is not other[number]
        for key in other[number]
        if key not in state[number]
    ]
    if not made:
        return None
    number, key = draws.one_of(made)

    def wakes(state: DatabaseState, commits: bool) -> Expectation:
        if not commits:
            return expect_affected(1)
        if key in state[number]:
            # The other row may be seen before its key is: then it is a conflict of snapshots.
            return expect_error(ErrorClass.UNIQUE_VIOLATION, ErrorClass.SERIALIZATION_FAILURE)
        return (*expect_affected(1), *expect_error(ErrorClass.SERIALIZATION_FAILURE))

    text = writer.again(draws, tables, state, number, key)
    return WriteConflict(sql=text, refused=_BUSY, locked=_WAITS, wakes=wakes)


def _other_row(
    draws: Sampler, tables: Sequence[TableDef], state: DatabaseState, holder: ModelTransaction, writer: WriteGenerator
) -> WriteConflict | None:
    """A row that the holder has not written, of a table to which none refers: what is referred to is locked too."""
    referred = {column.references for table in tables for column in table.columns}
    theirs: DatabaseState = holder.state if holder.state is not None else state
    free = [
        (number, key)
        for number, rows in enumerate(state)
        if number not in referred
        for key, row in rows.items()
        if theirs[number].get(key) is row
    ]
    if not free:
        return None
    number, key = draws.one_of(free)
    return WriteConflict(sql=writer.overwrite(draws, tables, state, number, key), refused=_BUSY, locked=expect_affected(1))


_BUSY: Final = expect_error(ErrorClass.BUSY)


_WAITS: Final[Expectation] = (Blocks(),)
