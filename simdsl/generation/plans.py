"""Generated plans: from a profile and a seed, tasks that interleave in one order of steps, with every result expected.

Every result is certain before a step runs. Transactions are serializable, and at most one of them has uncommitted writes
that will stay, so what a statement sees is the same on every backend. A session that writes at the same time, or with an
old snapshot, is refused on one engine and waits, succeeds or fails on another: `session_model` expects each, and lets
none of it stay. At most one session waits at a time, so that nothing races.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import MappingProxyType
from typing import Final

from simdsl.core.choices import Sampler
from simdsl.generation.queries import draw_query
from simdsl.generation.schema import create_tables, draw_schema, draw_schema_change
from simdsl.generation.session_model import (
    POOL,
    ModelSession,
    ModelTransaction,
    SessionModel,
    WriteConflict,
    draw_autocommit_conflict,
    draw_conflicting_write,
    draw_stale_snapshot_write,
)
from simdsl.generation.statements import (
    BoundParameters,
    DatabaseState,
    expect_affected,
    expect_rows,
    nothing_checked_out,
    release,
    rollback_to,
    savepoint,
    sql,
)
from simdsl.generation.writes import WriteGenerator, draw_failing_statement
from simdsl.plan.backend_facts import generated_plan_backends
from simdsl.plan.expectations import Ok
from simdsl.plan.plan import Param, Plan, PoolSpec
from simdsl.plan.sql import Dialect, SqlKind
from simdsl.plan.steps import SqlStep, Step
from simdsl.profiles.profile import Profile
from simdsl.verbs.check import Check
from simdsl.verbs.sleep import Sleep


class WorkloadGenerator:
    """Generates the parts of one plan, in this order: ``setup``, then ``steps``, then ``last``, each once."""

    def __init__(self, profile: Profile, seed: int) -> None:
        self._profile = profile
        self._seed = seed
        self._parameters = BoundParameters(seed)
        self._writer = WriteGenerator(profile, self._parameters)
        self._tables = list(draw_schema(seed, profile.schema))
        self._sessions = SessionModel(profile, tuple({} for _ in self._tables))
        self._database = self._sessions.database
        self._names = 0
        weights = profile.weights
        # As a list in which each kind stands as often as its weight says, so that one draw chooses by weight.
        kinds = ("select", "insert", "update", "delete", "upsert", "ddl", "tx", "savepoint", "checkout", "sleep")
        self._kinds = tuple(kind for kind in kinds for _ in range(min(getattr(weights, kind), 1000)))

    @property
    def params(self) -> tuple[Param, ...]:
        """The variables that statements bind."""
        return self._parameters.params

    def setup(self) -> Iterator[Step]:
        """The tables, their indexes, and some rows in each table."""
        for text in create_tables(tuple(self._tables)):
            yield SqlStep(task="setup", sql=sql(text, SqlKind.DDL))
        for number, table in enumerate(self._tables):
            for index in table.indexes:
                yield SqlStep(task="setup", sql=sql(index.ddl, SqlKind.DDL))
            write = self._writer.insert(Sampler(self._seed, "setup", number), self._tables, self._database.state, number)
            state = self._database.state
            self._database.state = (*state[:number], write.rows, *state[number + 1 :])
            yield SqlStep(task="setup", sql=write.sql, expect=expect_affected(write.affected))

    def steps(self) -> Iterator[Step]:
        """About as many steps as the profile says; at the end no transaction is open and no connection is checked out."""
        count, number = 0, 0
        while count + self._sessions.steps_to_finish() < self._profile.steps:
            before = count
            for step in self._next_steps(Sampler(self._seed, "step", number)):
                count += 1
                yield step
            number += 1
            # A draw may give no step, and with some knobs none of them does: it counts as one, or this would never end.
            count = max(count, before + 1)
        yield from self._finish(Sampler(self._seed, "end"))

    def last(self) -> Iterator[Step]:
        """Queries of all tables at the end, with every row that they must hold."""
        for number, table in enumerate(self._tables):
            rows = self._database.state[number]
            text = sql(f"SELECT {table.names} FROM {table.name} ORDER BY id", SqlKind.QUERY, ordered=True)
            expect = expect_rows([rows[key] for key in sorted(rows)], many=len(rows))
            yield SqlStep(task="finally", sql=text, expect=expect)

    # One draw

    def _next_steps(self, sampler: Sampler) -> Iterator[Step]:
        profile = self._profile
        # The order of these choices is part of what a seed means: every draw moves all that are drawn after it.
        session = self._sessions.next_to_move(sampler)
        if sampler.chance(profile.sleep_rate):
            yield from self._sleep(sampler, session)
        if sampler.chance(profile.ddl_rate):
            yield from self._schema_change(sampler)
            return
        kind = sampler.one_of(self._kinds) if self._kinds else "select"
        if kind == "savepoint" and self._database.writer is not None:
            session = self._database.writer  # else most savepoints would have nothing to undo
        if kind == "sleep":
            yield from self._sleep(sampler, session)
            return
        if kind == "ddl":
            yield from self._schema_change(sampler)
            return
        if kind == "checkout" and session.is_connected and session.transaction is None:
            yield from self._sessions.release(session)
            return
        if not session.is_connected:
            yield from self._sessions.request_connection(sampler, session)
            if kind == "checkout" or not session.is_connected or session.waits_for:
                return
        transaction = session.transaction
        if transaction is not None and transaction.failed:
            yield from self._sessions.end(session, commits=False)
        elif kind == "tx" or (kind == "savepoint" and transaction is None):
            yield from self._begin_or_end(sampler, session)
        elif kind == "savepoint" and transaction is not None and transaction.state is not None:
            yield self._savepoint(sampler, session, transaction, transaction.state)
        elif sampler.chance(profile.error_rate):
            yield self._failing_statement(sampler, session)
        elif kind in _WRITE_KINDS:
            yield from self._write(sampler, session, kind)
        else:
            yield self._query(sampler, session)

    def _query(self, sampler: Sampler, session: ModelSession) -> Step:
        state = self._database.seen_by(session)
        profile = self._profile
        read = draw_query(sampler, self._tables, state, profile.queries, self._parameters, profile.expression_depth)
        return SqlStep(task=session.name, sql=read.sql, expect=read.expect)

    def _write(self, sampler: Sampler, session: ModelSession, kind: str) -> Iterator[Step]:
        database = self._database
        if not database.may_write(session):
            if sampler.chance(self._profile.contention_rate):
                yield from self._conflict(sampler, session)
            else:
                yield self._query(sampler, session)
            return
        number = sampler.below(len(self._tables))
        state = database.seen_by(session)
        match kind:
            case "insert":
                write = self._writer.insert(sampler, self._tables, state, number)
            case "update":
                write = self._writer.update(sampler, self._tables, state, number)
            case "delete":
                write = self._writer.delete(sampler, self._tables, state, number)
            case _:  # "upsert": a kind that is forgotten here would be missed by the test of all knobs
                write = self._writer.upsert(sampler, self._tables, state, number)
        database.record_write(session, write.number, write.rows, write.touched)
        yield SqlStep(task=session.name, sql=write.sql, expect=expect_affected(write.affected))

    def _failing_statement(self, sampler: Sampler, session: ModelSession) -> Step:
        may_write = session.transaction is None and self._database.writer is None
        state = self._database.seen_by(session)
        text, expect = draw_failing_statement(sampler, self._tables, state, self._writer, may_write=may_write)
        if session.transaction is not None:
            # PostgreSQL fails the transaction, SQLite goes on. The next step of the session rolls back, right on both.
            session.transaction.failed = True
        return SqlStep(task=session.name, sql=text, expect=expect)

    # Contention

    def _conflict(self, sampler: Sampler, session: ModelSession) -> Iterator[Step]:
        """A write that conflicts with the open writer or with a newer commit; a query if its result would be uncertain."""
        sessions, database, holder = self._sessions, self._database, self._database.writer
        held = holder.transaction if holder is not None else None
        conflict: WriteConflict | None = None
        if held is not None and held.failed:
            pass  # in PostgreSQL a failed transaction has lost its writes already, in SQLite it still has them
        elif session.transaction is not None and not database.is_latest(session.transaction):
            conflict = draw_stale_snapshot_write(sampler, self._tables, database, session, self._writer)
        elif held is not None and session.transaction is None and (sessions.is_at_transaction_limit() or sampler.below(2)):
            conflict = draw_autocommit_conflict(sampler, self._tables, held) if sessions.waiting is None else None
        elif held is not None:
            may_wait = sessions.waiting is None
            conflict = draw_conflicting_write(sampler, self._tables, database, held, self._writer, may_wait=may_wait)
            if conflict is not None and session.transaction is None:
                yield sessions.begin(session)
        if conflict is None:
            yield self._query(sampler, session)
            return
        yield from sessions.attempt(session, conflict)

    # Transactions

    def _begin_or_end(self, sampler: Sampler, session: ModelSession) -> Iterator[Step]:
        """End the session's transaction, or begin one; a query if too many are open."""
        if session.transaction is not None:
            yield from self._sessions.end(session, commits=not sampler.chance(self._profile.panic_rate))
        elif not self._sessions.is_at_transaction_limit():
            yield self._sessions.begin(session)
        else:
            yield self._query(sampler, session)

    def _savepoint(
        self, sampler: Sampler, session: ModelSession, transaction: ModelTransaction, state: DatabaseState
    ) -> Step:
        """SAVEPOINT, or ROLLBACK TO or RELEASE of the last one."""
        form = sampler.below(4)
        if not transaction.savepoints or (form == 0 and len(transaction.savepoints) < 3):
            name = f"s{len(transaction.savepoints) + 1}"
            transaction.savepoints.append((name, state))
            return SqlStep(task=session.name, sql=savepoint(name))
        name, before = transaction.savepoints[-1]
        if form < 3:
            # The rows are as before; locks that were taken since may be kept, which is why `locked` stops at savepoints.
            transaction.state = before
            return SqlStep(task=session.name, sql=rollback_to(name))
        transaction.savepoints.pop()
        return SqlStep(task=session.name, sql=release(name))

    def _schema_change(self, sampler: Sampler) -> Iterator[Step]:
        """A statement that changes the schema, after all transactions have ended.

        With a transaction open, SQLite would refuse it, PostgreSQL wait, and MySQL commit: nothing would be certain.
        """
        yield from self._sessions.end_all(sampler)
        able = [session for session in self._sessions.sessions if session.is_connected and session.waits_for is None]
        session = sampler.one_of(able) if able else self._sessions.sessions[0]
        if not session.is_connected:
            yield self._sessions.checkout(session)
        number = sampler.below(len(self._tables))
        self._names += 1
        state = self._database.state
        change = draw_schema_change(sampler, self._profile.schema, self._tables[number], state[number], self._names)
        if change is None:
            yield self._query(sampler, session)
            return
        self._tables[number] = change.table
        self._database.state = (*state[:number], change.rows, *state[number + 1 :])
        self._database.touch()
        # An older snapshot must not write to the table: the engines disagree on how that fails.
        if change.first is not None:
            yield SqlStep(task=session.name, sql=sql(change.first, SqlKind.QUERY), expect=expect_rows(()))
        yield SqlStep(task=session.name, sql=sql(change.text, SqlKind.DDL), expect=(Ok(),))

    # The pool and the clock

    def _sleep(self, sampler: Sampler, session: ModelSession) -> Iterator[Step]:
        """Virtual time passes; a task that is in no transaction may release its connection before."""
        holds = sampler.chance(self._profile.busy_rate)
        if session.is_connected and session.transaction is None and not holds:
            yield from self._sessions.release(session)
        # A session that waits for the pool has a deadline, and time must not reach it unseen.
        if self._sessions.waiting is None and self._profile.max_sleep_us > 0:
            yield Sleep(duration_us=1 + sampler.below(self._profile.max_sleep_us))

    # The end

    def _finish(self, sampler: Sampler) -> Iterator[Step]:
        yield from self._sessions.end_all(sampler)
        while lent := [session for session in self._sessions.sessions if session.is_connected]:
            yield from self._sessions.release(lent[0])
        yield Check(expression=nothing_checked_out(POOL))


_WRITE_KINDS: Final = frozenset({"insert", "update", "delete", "upsert"})

BACKENDS: Final = generated_plan_backends()
"""The backends that generated plans run on: what they expect has been tried on each."""


def generate(profile: Profile, seed: int, dialect: str = "sqlite") -> Plan:
    """The plan: the same one for the same arguments, in every process. ``profile.seed`` is ignored.

    Raises ``ValueError`` for a dialect other than ``sqlite``: statements are generated in it and transpiled to the others.
    """
    if dialect != Dialect.SQLITE:
        raise ValueError(f"plans are generated in the dialect sqlite, not {dialect}")
    workload = WorkloadGenerator(profile, seed)
    # In this order: each part changes the state that the next one starts from.
    setup = tuple(workload.setup())
    steps = tuple(workload.steps())
    return Plan(
        name=f"{profile.name}-{seed}",
        doc=f"Generated from the profile {profile.name} with seed {seed}.",
        tags=("generated",),
        dialect=Dialect.SQLITE,
        backends=BACKENDS,
        pools=(PoolSpec(name=POOL, size=profile.pool.size, timeout_us=profile.pool.timeout_us),),
        params=(workload.params,),
        setup=setup,
        steps=steps,
        finally_=tuple(workload.last()),
        seed=seed,
    )


_NO_FAULTS: Final = (
    "generated plans hold no faults: SQLite has none, and what a fault leaves behind cannot be known beforehand"
)

UNSUPPORTED_KNOBS: Final = MappingProxyType(
    {
        "doc": "it describes the profile, not its plans",
        "seed": "the caller chooses the seed, and may take it from here",
        "weights.fault": _NO_FAULTS,
        "faults.disconnect": _NO_FAULTS,
        "faults.cancel": _NO_FAULTS,
        "faults.timeout": _NO_FAULTS,
        "faults.io_error": _NO_FAULTS,
        "faults.disk_full": _NO_FAULTS,
        "faults.reopen": _NO_FAULTS,
        "faults.crash": _NO_FAULTS,
    }
)
"""Knobs that change nothing yet, as `--set` names them, with the reason. A test turns every other one."""
