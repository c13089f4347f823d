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

from simdsl.core.choices import Sampler
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
from simdsl.plan.deferred import dataclass
from simdsl.plan.expectations import Blocks, Expectation, ExpectedError, Ok
from simdsl.plan.outcomes import ErrorClass
from simdsl.plan.sql import Sql, SqlKind
from simdsl.plan.steps import Override, SqlStep, Step, StepOptions
from simdsl.profiles.profile import Profile
from simdsl.verbs.await_ import Await
from simdsl.verbs.checkout import Checkout
from simdsl.verbs.return_ import Return

WakeOutcome: TypeAlias = Callable[[DatabaseState, bool], Expectation]
"""The result of a wait for a lock, given the committed state after the holder ended and whether it committed."""

POOL: Final = "main"


class WaitReason(Enum):
    """What a session waits for."""

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
    """One task and its connection."""

    name: str
    is_connected: bool = False
    transaction: ModelTransaction | None = None
    waits_for: WaitReason | None = None
    wake_outcome: WakeOutcome | None = None  # of a wait for a lock


@dataclass(slots=True, kw_only=True, eq=False)
class CommittedState:
    """What is committed. At most one transaction has uncommitted writes that may stay; its session is the ``writer``."""

    state: DatabaseState
    version: int = 0
    writer: ModelSession | None = None

    def seen_by(self, session: ModelSession) -> DatabaseState:
        """What a statement of the session sees. The first one of a transaction takes its snapshot."""
        transaction = session.transaction
        if transaction is None:
            return self.state
        if transaction.state is None:
            transaction.state, transaction.version = self.state, self.version
        return transaction.state

    def may_write(self, session: ModelSession) -> bool:
        """Whether a write conflicts with nothing: no other session has written, and the snapshot is the latest."""
        if self.writer is not None:
            return self.writer is session
        return session.transaction is None or self.is_latest(session.transaction)

    def is_latest(self, transaction: ModelTransaction) -> bool:
        """Whether the transaction's snapshot is the latest committed state, or not taken yet."""
        return transaction.state is None or transaction.version == self.version

    def record_write(self, session: ModelSession, number: int, rows: TableRows, touched: tuple[int, ...]) -> None:
        """A write of the session succeeded: the table holds these rows now."""
        before = self.seen_by(session)
        after = (*before[:number], rows, *before[number + 1 :])
        transaction = session.transaction
        if transaction is None:
            self._commit(after)
            return
        self.writer = session
        transaction.wrote = True
        transaction.state = after
        # ROLLBACK TO may give up the locks of rows written after the savepoint: nothing may wait for those.
        if not transaction.savepoints:
            transaction.locked += [(number, key) for key in touched if key in self.state[number]]

    def end_transaction(self, session: ModelSession, *, commits: bool) -> None:
        """The session's transaction ends; its writes become the committed state, or are gone."""
        transaction = session.transaction
        if transaction is not None and transaction.wrote:
            if commits and transaction.state is not None:
                self._commit(transaction.state)
            self.writer = None
        session.transaction = None

    def touch(self) -> None:
        """A row was written with the values that it had: the rows are equal, yet older snapshots are out of date."""
        self.version += 1

    def _commit(self, state: DatabaseState) -> None:
        self.state = state
        self.version += 1


class SessionModel:
    """All sessions, the database that they share, and the one of them that waits, if any.

    At most one waits at a time: with two, the engine would choose which to wake, and the plan could not say it.
    """

    def __init__(self, profile: Profile, state: DatabaseState) -> None:
        self.database = CommittedState(state=state)
        self.sessions = tuple(ModelSession(name=f"t{i + 1}") for i in range(profile.tasks))
        self.waiting: ModelSession | None = None
        self._profile = profile

    def next_to_move(self, sampler: Sampler) -> ModelSession:
        """A session that does not wait."""
        # The writer moves more often than the others, or its transaction would rarely hold more than one write.
        if self.database.writer is not None and sampler.below(3) == 0:
            return self.database.writer
        free = [session for session in self.sessions if session.waits_for is None]
        is_full = self.checked_out() >= self._profile.pool.size
        # With the pool exhausted a session without a connection can only wait, and only if no other one does.
        if is_full and (self.waiting is not None or sampler.below(8)):
            free = [session for session in free if session.is_connected] or free
        return sampler.one_of(free)

    def is_at_transaction_limit(self) -> bool:
        """Whether as many transactions are open as the profile allows."""
        return sum(one.transaction is not None for one in self.sessions) >= self._profile.max_in_flight_tx

    def begin(self, session: ModelSession) -> Step:
        """BEGIN."""
        session.transaction = ModelTransaction()
        return SqlStep(task=session.name, sql=BEGIN_SERIALIZABLE)

    def end(self, session: ModelSession, *, commits: bool) -> Iterator[Step]:
        """COMMIT or ROLLBACK; a session that waited for its lock goes on."""
        was_writer = self.database.writer is session
        self.database.end_transaction(session, commits=commits)
        yield SqlStep(task=session.name, sql=COMMIT if commits else ROLLBACK)
        waiting = self.waiting
        if was_writer and waiting is not None and waiting.waits_for is WaitReason.LOCK:
            yield from self._wake(waiting, commits=commits)

    def end_all(self, sampler: Sampler) -> Iterator[Step]:
        """End all transactions, that of the writer first: another session may wait for it, and cannot end before."""
        writer = self.database.writer
        for session in (*((writer,) if writer is not None else ()), *self.sessions):
            if session.transaction is not None:
                commits = not session.transaction.failed and not sampler.chance(self._profile.panic_rate)
                yield from self.end(session, commits=commits)

    def attempt(self, session: ModelSession, conflict: WriteConflict) -> Iterator[Step]:
        """A write that conflicts: one step for each kind of engine, after which the session waits or rolls back."""
        if session.transaction is not None:
            session.transaction.failed = True
        refused = StepOptions(skip=ROW_LOCKS, overrides=conflict.overrides, why="there is one lock for all rows")
        yield SqlStep(task=session.name, sql=conflict.sql, expect=conflict.refused, options=refused)
        locked = StepOptions(only=ROW_LOCKS, why="every row has a lock of its own")
        yield SqlStep(task=session.name, sql=conflict.sql, expect=conflict.locked, options=locked)
        if conflict.wake_outcome is not None:
            session.waits_for, session.wake_outcome, self.waiting = WaitReason.LOCK, conflict.wake_outcome, session
        else:
            yield from self.end(session, commits=False)

    def checked_out(self) -> int:
        """How many connections are checked out."""
        return sum(session.is_connected for session in self.sessions)

    def checkout(self, session: ModelSession) -> Step:
        """Check out a connection that is free."""
        session.is_connected = True
        return Checkout(task=session.name, pool=POOL, expect=(Ok(),))

    def request_connection(self, sampler: Sampler, session: ModelSession) -> Iterator[Step]:
        """Check out a connection; if none is free, wait for one, or be refused at the pool's deadline."""
        if self.checked_out() < self._profile.pool.size:
            yield self.checkout(session)
        elif self.waiting is None and sampler.below(2):
            session.waits_for, self.waiting = WaitReason.POOL, session
            yield Checkout(task=session.name, pool=POOL, expect=(Blocks(),))
        elif self.waiting is None:
            # Nothing else moves until the deadline, so the refusal is as certain as the wait.
            yield Checkout(task=session.name, pool=POOL, expect=_POOL_TIMEOUT)

    def release(self, session: ModelSession) -> Iterator[Step]:
        """Return the connection; a session that waited for one has it at once."""
        session.is_connected = False
        yield Return(task=session.name, expect=(Ok(),))
        waiting = self.waiting
        if waiting is not None and waiting.waits_for is WaitReason.POOL:
            waiting.waits_for, waiting.is_connected, self.waiting = None, True, None
            yield Await(task=waiting.name, expect=(Ok(),))

    def steps_to_finish(self) -> int:
        """How many steps it takes to end all transactions, return all connections, and check that."""
        transactions = sum(session.transaction is not None for session in self.sessions)
        # A session that is served by the pool must return the connection too; one that is woken only ends.
        waiting = 0 if self.waiting is None else 2 if self.waiting.waits_for is WaitReason.POOL else 1
        return transactions + waiting + self.checked_out() + 1

    def _wake(self, session: ModelSession, *, commits: bool) -> Iterator[Step]:
        """The session that waited for the writer's lock goes on; within a transaction it rolls back what it did."""
        assert session.wake_outcome is not None
        expect = session.wake_outcome(self.database.state, commits)
        session.waits_for, session.wake_outcome, self.waiting = None, None, None
        yield Await(task=session.name, expect=expect, options=StepOptions(only=ROW_LOCKS))
        if session.transaction is not None:
            yield from self.end(session, commits=False)
        else:
            # Only engines with row locks come here with a write; on the others the statement was refused. It has left
            # the row as it was, so the states agree, but not what older snapshots may still do.
            self.database.touch()


_POOL_TIMEOUT: Final[Expectation] = (ExpectedError(error_class=ErrorClass.POOL_TIMEOUT),)

ROW_LOCKS: Final = row_locking_backends()
"""The backends with a lock for every row; the others have one lock for the whole database."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteConflict:
    """A write that conflicts with another session's. ``wake_outcome`` is None if it waits on no engine."""

    sql: Sql
    refused: Expectation  # where one lock is for the whole database
    overrides: tuple[Override, ...] = ()  # of ``refused``
    locked: Expectation  # where every row has a lock
    wake_outcome: WakeOutcome | None = None


def draw_autocommit_conflict(sampler: Sampler, tables: Sequence[TableDef], holder: ModelTransaction) -> WriteConflict | None:
    """Outside of a transaction: an UPDATE that leaves a locked row as it was; None if no row is locked for certain."""
    if holder.savepoints or not holder.locked:
        return None
    number, key = sampler.one_of(holder.locked)
    name = tables[number].columns[1].name

    def wake_outcome(state: DatabaseState, commits: bool) -> Expectation:
        return expect_affected(1 if key in state[number] else 0)

    text = f"UPDATE {tables[number].name} SET {name} = {name} WHERE id = {key}"
    return WriteConflict(sql=sql(text, SqlKind.DML), refused=_BUSY, locked=_WAITS, wake_outcome=wake_outcome)


def draw_conflicting_write(
    sampler: Sampler,
    tables: Sequence[TableDef],
    database: CommittedState,
    holder: ModelTransaction,
    writer: WriteGenerator,
    *,
    may_wait: bool,
) -> WriteConflict | None:
    """In a transaction that has not written and whose snapshot is the latest: a write to a row or a key of ``holder``.

    Or to another row, which only the lock of the whole database refuses. None if there is no such row. The transaction must
    be rolled back next, or after it has waited.
    """
    form = sampler.below(4)
    if may_wait and not holder.savepoints and holder.state is not None:
        if form == 0 and (conflict := _same_key(sampler, tables, database.state, holder.state, writer)) is not None:
            return conflict
        if form < 3 and holder.locked:
            return _same_row(sampler, tables, database.state, writer, holder.locked)
    return _other_row(sampler, tables, database.state, holder, writer)


def draw_stale_snapshot_write(
    sampler: Sampler, tables: Sequence[TableDef], database: CommittedState, session: ModelSession, writer: WriteGenerator
) -> WriteConflict | None:
    """In a transaction whose snapshot is out of date: a write to a row that was changed since; None if none was.

    The transaction must be rolled back next.
    """
    transaction = session.transaction
    seen = transaction.state if transaction is not None else None
    if seen is None:
        return None
    # A row with equal values may never have been written to the file, and then SQLite sees no conflict.
    changed = [
        (number, key)
        for number, (then, now) in enumerate(zip(seen, database.state, strict=True))
        if then is not now
        for key, row in then.items()
        if now.get(key) != row
    ]
    if not changed:
        return None
    number, key = sampler.one_of(changed)
    text = writer.overwrite(sampler, tables, seen, number, key)
    failed = expect_error(ErrorClass.SERIALIZATION_FAILURE)
    if database.writer is not None:
        return WriteConflict(sql=text, refused=_BUSY, locked=failed)
    # libSQL's driver reports a lock and an old snapshot as the same error.
    libsql = (Override(backend="libsql", expect=_BUSY),)
    return WriteConflict(sql=text, refused=expect_error(ErrorClass.SNAPSHOT_CONFLICT), overrides=libsql, locked=failed)


def _same_row(
    sampler: Sampler,
    tables: Sequence[TableDef],
    state: DatabaseState,
    writer: WriteGenerator,
    locked: Sequence[tuple[int, int]],
) -> WriteConflict:
    number, key = sampler.one_of(locked)

    def wake_outcome(state: DatabaseState, commits: bool) -> Expectation:
        # First updater wins: a serializable transaction cannot write a row that was committed after its snapshot.
        return expect_error(ErrorClass.SERIALIZATION_FAILURE) if commits else expect_affected(1)

    text = writer.overwrite(sampler, tables, state, number, key)
    return WriteConflict(sql=text, refused=_BUSY, locked=_WAITS, wake_outcome=wake_outcome)


def _same_key(
    sampler: Sampler, tables: Sequence[TableDef], state: DatabaseState, other: DatabaseState, writer: WriteGenerator
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
    number, key = sampler.one_of(made)

    def wake_outcome(state: DatabaseState, commits: bool) -> Expectation:
        if not commits:
            return expect_affected(1)
        if key in state[number]:
            # PostgreSQL may notice the newer row before the duplicate key, and then reports the conflict of snapshots.
            return expect_error(ErrorClass.UNIQUE_VIOLATION, ErrorClass.SERIALIZATION_FAILURE)
        return (*expect_affected(1), *expect_error(ErrorClass.SERIALIZATION_FAILURE))

    text = writer.again(sampler, tables, state, number, key)
    return WriteConflict(sql=text, refused=_BUSY, locked=_WAITS, wake_outcome=wake_outcome)


def _other_row(
    sampler: Sampler, tables: Sequence[TableDef], state: DatabaseState, holder: ModelTransaction, writer: WriteGenerator
) -> WriteConflict | None:
    """A write to a row that the holder has not written: refused only by a lock of the whole database."""
    # A foreign key locks the row that it refers to as well, so tables that are referred to are left out.
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
    number, key = sampler.one_of(free)
    return WriteConflict(sql=writer.overwrite(sampler, tables, state, number, key), refused=_BUSY, locked=expect_affected(1))


_BUSY: Final = expect_error(ErrorClass.BUSY)
_WAITS: Final[Expectation] = (Blocks(),)
