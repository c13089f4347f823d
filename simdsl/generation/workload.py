"""Tasks that interleave: who says what when, and what must come of it.

One order of steps, in which everything is certain. Transactions are serializable, and at most one of them has written; a
transaction whose snapshot is old only reads. So what a statement sees is known on every backend. What contends is one row,
written as it was by somebody who is in no transaction: where locks are of rows he waits, where there is one lock for
everything he is refused. At most one task waits at a time, so that nothing races.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from simdsl.generation.changes import draw_change
from simdsl.generation.controls import BEGIN, COMMIT, ROLLBACK, nothing_is_lent, release, rollback_to, savepoint
from simdsl.generation.draws import Draws
from simdsl.generation.mistakes import draw_mistake
from simdsl.generation.queries import draw_query
from simdsl.generation.schema import create, draw_schema
from simdsl.generation.sessions import Database, Session, Transaction, Wait
from simdsl.generation.statements import Bank, State, affected, sql, these
from simdsl.generation.writes import Writer
from simdsl.plan import ir
from simdsl.plan.ir import Expectation, Options, SqlKind, SqlStep, Step
from simdsl.plan.outcomes import ErrorClass
from simdsl.profiles.profile import Profile

POOL: Final = "main"


class Workload:
    """The parts of one plan. ``steps`` can be walked once; ``last`` is for afterwards."""

    def __init__(self, profile: Profile, seed: int) -> None:
        self._profile = profile
        self._seed = seed
        self._bank = Bank(seed)
        self._writer = Writer(profile, self._bank)
        self._tables = list(draw_schema(seed, profile.schema))
        self._database = Database(state=tuple({} for _ in self._tables))
        self._sessions = [Session(name=f"t{i + 1}") for i in range(profile.tasks)]
        self._waiting: Session | None = None
        self._names = 0
        weights = profile.weights
        kinds = ("select", "insert", "update", "delete", "upsert", "ddl", "tx", "savepoint", "checkout", "sleep")
        self._kinds = tuple(kind for kind in kinds for _ in range(min(getattr(weights, kind), 1000)))

    @property
    def params(self) -> tuple[ir.Param, ...]:
        """The values that statements bind."""
        return self._bank.params

    def setup(self) -> Iterator[Step]:
        """The tables, their indexes, and some rows in each table."""
        for text in create(tuple(self._tables)):
            yield SqlStep(task="setup", sql=sql(text, SqlKind.DDL))
        for number, table in enumerate(self._tables):
            for index in table.indexes:
                yield SqlStep(task="setup", sql=sql(index.ddl, SqlKind.DDL))
            write = self._writer.insert(Draws(self._seed, "setup", number), self._tables, self._database.state, number)
            state = self._database.state
            self._database.state = (*state[:number], write.rows, *state[number + 1 :])
            yield SqlStep(task="setup", sql=write.sql, expect=affected(write.affected))

    def steps(self) -> Iterator[Step]:
        """About as many steps as the profile says; at the end everybody has finished and nothing is lent."""
        said, number = 0, 0
        while said + self._open() < self._profile.steps:
            before = said
            for step in self._drawn(Draws(self._seed, "step", number)):
                said += 1
                yield step
            number += 1
            said = max(said, before + 1)  # so that it ends, whatever the knobs are
        yield from self._finished(Draws(self._seed, "end"))

    def last(self) -> Iterator[Step]:
        """What every table must hold in the end, row by row."""
        for number, table in enumerate(self._tables):
            rows = self._database.state[number]
            text = sql(f"SELECT {table.names} FROM {table.name} ORDER BY id", SqlKind.QUERY, ordered=True)
            expect = these([rows[key] for key in sorted(rows)], many=len(rows))
            yield SqlStep(task="finally", sql=text, expect=expect)

    # One draw

    def _drawn(self, draws: Draws) -> Iterator[Step]:
        profile = self._profile
        session = self._mover(draws)
        if draws.chance(profile.sleep_rate):
            yield from self._slept(draws, session)
        if draws.chance(profile.ddl_rate):
            yield from self._changed(draws)
            return
        kind = draws.one_of(self._kinds) if self._kinds else "select"
        if kind == "savepoint" and self._database.writer is not None:
            session = self._database.writer  # where there is something to undo
        if kind == "sleep":
            yield from self._slept(draws, session)
            return
        if kind == "ddl":
            yield from self._changed(draws)
            return
        if kind == "checkout" and session.is_connected and session.transaction is None:
            yield from self._returned(session)
            return
        if not session.is_connected:
            yield from self._lent(draws, session)
            if kind == "checkout" or not session.is_connected or session.waits:
                return
        transaction = session.transaction
        if transaction is not None and transaction.failed:
            yield from self._ended(session, commits=False)
        elif kind == "tx" or (kind == "savepoint" and transaction is None):
            yield from self._moved(draws, session)
        elif kind == "savepoint" and transaction is not None and transaction.state is not None:
            yield self._saved(draws, session, transaction, transaction.state)
        elif draws.chance(profile.error_rate):
            yield self._mistaken(draws, session)
        elif kind in _WRITES:
            yield self._wrote(draws, session, kind)
        else:
            yield self._asked(draws, session)

    def _mover(self, draws: Draws) -> Session:
        """A task that does not wait. Where all connections are lent, mostly one that has one; always, if somebody waits.

        Who has written moves more often, or little would be in its transaction.
        """
        if self._database.writer is not None and draws.below(3) == 0:
            return self._database.writer
        free = [session for session in self._sessions if session.waits is None]
        is_full = self._lent_out() >= self._profile.pool.size
        if is_full and (self._waiting is not None or draws.below(8)):
            free = [session for session in free if session.is_connected] or free
        return draws.one_of(free)

    def _asked(self, draws: Draws, session: Session) -> Step:
        state = self._database.seen_by(session)
        profile = self._profile
        read = draw_query(draws, self._tables, state, profile.queries, self._bank, profile.expression_depth)
        return SqlStep(task=session.name, sql=read.sql, expect=read.expect)

    def _wrote(self, draws: Draws, session: Session, kind: str) -> Step:
        database = self._database
        if not database.may_write(session):
            contended = self._contended(draws, session) if kind == "update" else None
            return contended if contended is not None else self._asked(draws, session)
        number = draws.below(len(self._tables))
        state = database.seen_by(session)
        match kind:
            case "insert":
                write = self._writer.insert(draws, self._tables, state, number)
            case "update":
                write = self._writer.update(draws, self._tables, state, number)
            case "delete":
                write = self._writer.delete(draws, self._tables, state, number)
            case _:
                write = self._writer.upsert(draws, self._tables, state, number)
        database.written(session, write.number, write.rows, write.touched)
        return SqlStep(task=session.name, sql=write.sql, expect=affected(write.affected))

    def _mistaken(self, draws: Draws, session: Session) -> Step:
        may_write = session.transaction is None and self._database.writer is None
        state = self._database.seen_by(session)
        text, expect = draw_mistake(draws, self._tables, state, self._writer, may_write=may_write)
        if session.transaction is not None:
            session.transaction.failed = True  # everywhere but in SQLite, and so it goes no further
        return SqlStep(task=session.name, sql=text, expect=expect)

    # Contention

    def _contended(self, draws: Draws, session: Session) -> Step | None:
        """A row that the writer has locked is written as it was; None where nobody could say what comes of it."""
        writer = self._database.writer
        holder = writer.transaction if writer is not None else None
        if holder is None or self._waiting is not None or session.transaction is not None:
            return None
        if holder.savepoints or not holder.locked or holder.failed:
            return None
        number, key = draws.one_of(holder.locked)
        table = self._tables[number]
        name = table.columns[1].name
        session.waits, session.touched, self._waiting = Wait.LOCK, (number, key), session
        text = f"UPDATE {table.name} SET {name} = {name} WHERE id = {key}"
        blocks = tuple(ir.Override(backend=backend, expect=(ir.Blocks(),)) for backend in _ROW_LOCKS)
        options = Options(overrides=blocks, why="where locks are of rows, it waits for the one that has written this row")
        return SqlStep(task=session.name, sql=sql(text, SqlKind.DML), expect=_BUSY, options=options)

    def _served(self, session: Session) -> Iterator[Step]:
        """The task that waited for the writer's lock goes on."""
        assert session.touched is not None
        number, key = session.touched
        session.waits, session.touched, self._waiting = None, None, None
        self._database.touched()
        expect = affected(1 if key in self._database.state[number] else 0)
        yield ir.Await(task=session.name, expect=expect, options=Options(only=_ROW_LOCKS))

    # Transactions

    def _moved(self, draws: Draws, session: Session) -> Iterator[Step]:
        """A transaction ends, or begins; where too many are open, the task reads instead."""
        if session.transaction is not None:
            yield from self._ended(session, commits=not draws.chance(self._profile.panic_rate))
        elif sum(other.transaction is not None for other in self._sessions) < self._profile.max_in_flight_tx:
            session.transaction = Transaction()
            yield SqlStep(task=session.name, sql=BEGIN)
        else:
            yield self._asked(draws, session)

    def _ended(self, session: Session, *, commits: bool) -> Iterator[Step]:
        was_writer = self._database.writer is session
        self._database.ended(session, commits=commits)
        yield SqlStep(task=session.name, sql=COMMIT if commits else ROLLBACK)
        waiting = self._waiting
        if was_writer and waiting is not None and waiting.waits is Wait.LOCK:
            yield from self._served(waiting)

    def _saved(self, draws: Draws, session: Session, transaction: Transaction, state: State) -> Step:
        """SAVEPOINT, or where there is one perhaps ROLLBACK TO or RELEASE of the last one."""
        form = draws.below(4)
        if not transaction.savepoints or (form == 0 and len(transaction.savepoints) < 3):
            name = f"s{len(transaction.savepoints) + 1}"
            transaction.savepoints.append((name, state))
            return SqlStep(task=session.name, sql=savepoint(name))
        name, before = transaction.savepoints[-1]
        if form < 3:
            transaction.state = before
            return SqlStep(task=session.name, sql=rollback_to(name))
        transaction.savepoints.pop()
        return SqlStep(task=session.name, sql=release(name))

    def _changed(self, draws: Draws) -> Iterator[Step]:
        """The schema changes, when nobody is in a transaction any more."""
        for session in self._sessions:
            if session.transaction is not None:
                commits = not session.transaction.failed and not draws.chance(self._profile.panic_rate)
                yield from self._ended(session, commits=commits)
        able = [session for session in self._sessions if session.is_connected and session.waits is None]
        session = draws.one_of(able) if able else self._sessions[0]
        if not session.is_connected:
            yield self._takes(session)
        number = draws.below(len(self._tables))
        self._names += 1
        state = self._database.state
        change = draw_change(draws, self._profile.schema, self._tables[number], state[number], self._names)
        if change is None:
            yield self._asked(draws, session)
            return
        self._tables[number] = change.table
        self._database.state = (*state[:number], change.rows, *state[number + 1 :])
        self._database.touched()
        if change.first is not None:
            yield SqlStep(task=session.name, sql=sql(change.first, SqlKind.QUERY), expect=these(()))
        yield SqlStep(task=session.name, sql=sql(change.text, SqlKind.DDL), expect=(ir.Ok(),))

    # The pool and the clock

    def _lent_out(self) -> int:
        return sum(session.is_connected for session in self._sessions)

    def _takes(self, session: Session) -> Step:
        session.is_connected = True
        return ir.Checkout(task=session.name, pool=POOL, expect=(ir.Ok(),))

    def _lent(self, draws: Draws, session: Session) -> Iterator[Step]:
        """A connection, or a wait for one, or a refusal at the pool's deadline."""
        if self._lent_out() < self._profile.pool.size:
            yield self._takes(session)
        elif self._waiting is None and draws.below(2):
            session.waits, self._waiting = Wait.POOL, session
            yield ir.Checkout(task=session.name, pool=POOL, expect=(ir.Blocks(),))
        elif self._waiting is None:
            yield ir.Checkout(task=session.name, pool=POOL, expect=_REFUSED)

    def _returned(self, session: Session) -> Iterator[Step]:
        session.is_connected = False
        yield ir.Return(task=session.name, expect=(ir.Ok(),))
        waiting = self._waiting
        if waiting is not None and waiting.waits is Wait.POOL:
            waiting.waits, waiting.is_connected, self._waiting = None, True, None
            yield ir.Await(task=waiting.name, expect=(ir.Ok(),))

    def _slept(self, draws: Draws, session: Session) -> Iterator[Step]:
        """Time passes, unless somebody waits; a task that is in no transaction may give its connection back before."""
        holds = draws.chance(self._profile.busy_rate)
        if session.is_connected and session.transaction is None and not holds:
            yield from self._returned(session)
        if self._waiting is None and self._profile.max_sleep_us > 0:
            yield ir.Sleep(duration_us=1 + draws.below(self._profile.max_sleep_us))

    # The end

    def _open(self) -> int:
        """How many steps it takes to finish."""
        transactions = sum(session.transaction is not None for session in self._sessions)
        waiting = 0 if self._waiting is None else 2 if self._waiting.waits is Wait.POOL else 1
        return transactions + waiting + self._lent_out() + 1

    def _finished(self, draws: Draws) -> Iterator[Step]:
        for session in self._sessions:
            if session.transaction is not None:
                commits = not session.transaction.failed and not draws.chance(self._profile.panic_rate)
                yield from self._ended(session, commits=commits)
        while lent := [session for session in self._sessions if session.is_connected]:
            yield from self._returned(lent[0])
        yield ir.Check(expression=nothing_is_lent(POOL))


_WRITES: Final = frozenset({"insert", "update", "delete", "upsert"})
_ROW_LOCKS: Final = ("postgres", "mssql")
_BUSY: Final[Expectation] = (ir.AnError(error_class=ErrorClass.BUSY),)
_REFUSED: Final[Expectation] = (ir.AnError(error_class=ErrorClass.POOL_TIMEOUT),)
