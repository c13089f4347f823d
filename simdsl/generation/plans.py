"""Generated plans: from a profile and a seed, a workload of interleaved tasks with expectations.

One order of steps, in which every result is certain. Transactions are serializable, and at most one of them has written
what will stay, so what a statement sees is known on every backend. A task that wants to write at the same time, or with an
old snapshot, is refused on one engine and waits, succeeds or fails on another: `write_conflicts` says which, and that none
of it stays. At most one task waits at a time, so that nothing races."""

from __future__ import annotations

from collections.abc import Iterator
from types import MappingProxyType
from typing import Final

from simdsl.generation.queries import draw_query
from simdsl.generation.sampler import Sampler
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
    """The parts of one plan. ``steps`` can be walked once; ``last`` is for afterwards."""

    def __init__(self, profile: Profile, seed: int) -> None:
        self._profile = profile
        self._seed = seed
        self._bank = BoundParameters(seed)
        self._writer = WriteGenerator(profile, self._bank)
        self._tables = list(draw_schema(seed, profile.schema))
        self._crew = SessionModel(profile, tuple({} for _ in self._tables))
        self._database = self._crew.database
        self._names = 0
        weights = profile.weights
        kinds = ("select", "insert", "update", "delete", "upsert", "ddl", "tx", "savepoint", "checkout", "sleep")
        self._kinds = tuple(kind for kind in kinds for _ in range(min(getattr(weights, kind), 1000)))

    @property
    def params(self) -> tuple[Param, ...]:
        """The values that statements bind."""
        return self._bank.params

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
        """About as many steps as the profile says; at the end everybody has finished and nothing is lent."""
        said, number = 0, 0
        while said + self._crew.steps_to_finish() < self._profile.steps:
            before = said
            for step in self._drawn(Sampler(self._seed, "step", number)):
                said += 1
                yield step
            number += 1
            said = max(said, before + 1)  # so that it ends, whatever the knobs are
        yield from self._finished(Sampler(self._seed, "end"))

    def last(self) -> Iterator[Step]:
        """What every table must hold in the end, row by row."""
        for number, table in enumerate(self._tables):
            rows = self._database.state[number]
            text = sql(f"SELECT {table.names} FROM {table.name} ORDER BY id", SqlKind.QUERY, ordered=True)
            expect = expect_rows([rows[key] for key in sorted(rows)], many=len(rows))
            yield SqlStep(task="finally", sql=text, expect=expect)

    # One draw

    def _drawn(self, draws: Sampler) -> Iterator[Step]:
        profile = self._profile
        session = self._crew.mover(draws)
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
            yield from self._crew.give_back(session)
            return
        if not session.is_connected:
            yield from self._crew.lend(draws, session)
            if kind == "checkout" or not session.is_connected or session.waits:
                return
        transaction = session.transaction
        if transaction is not None and transaction.failed:
            yield from self._crew.end(session, commits=False)
        elif kind == "tx" or (kind == "savepoint" and transaction is None):
            yield from self._moved(draws, session)
        elif kind == "savepoint" and transaction is not None and transaction.state is not None:
            yield self._saved(draws, session, transaction, transaction.state)
        elif draws.chance(profile.error_rate):
            yield self._mistaken(draws, session)
        elif kind in _WRITE_KINDS:
            yield from self._wrote(draws, session, kind)
        else:
            yield self._asked(draws, session)

    def _asked(self, draws: Sampler, session: ModelSession) -> Step:
        state = self._database.seen_by(session)
        profile = self._profile
        read = draw_query(draws, self._tables, state, profile.queries, self._bank, profile.expression_depth)
        return SqlStep(task=session.name, sql=read.sql, expect=read.expect)

    def _wrote(self, draws: Sampler, session: ModelSession, kind: str) -> Iterator[Step]:
        database = self._database
        if not database.may_write(session):
            if draws.chance(self._profile.contention_rate):
                yield from self._contended(draws, session)
            else:
                yield self._asked(draws, session)
            return
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
        yield SqlStep(task=session.name, sql=write.sql, expect=expect_affected(write.affected))

    def _mistaken(self, draws: Sampler, session: ModelSession) -> Step:
        may_write = session.transaction is None and self._database.writer is None
        state = self._database.seen_by(session)
        text, expect = draw_failing_statement(draws, self._tables, state, self._writer, may_write=may_write)
        if session.transaction is not None:
            session.transaction.failed = True  # everywhere but in SQLite, and so it goes no further
        return SqlStep(task=session.name, sql=text, expect=expect)

    # Contention

    def _contended(self, draws: Sampler, session: ModelSession) -> Iterator[Step]:
        """Somebody writes who comes second, or, where nobody could say what comes of it, reads."""
        crew, database, holder = self._crew, self._database, self._database.writer
        held = holder.transaction if holder is not None else None
        clash: WriteConflict | None = None
        if held is not None and held.failed:
            pass
        elif session.transaction is not None and not database.is_latest(session.transaction):
            clash = draw_stale_snapshot_write(draws, self._tables, database, session, self._writer)
        elif held is not None and session.transaction is None and (crew.is_busy() or draws.below(2)):
            clash = draw_autocommit_conflict(draws, self._tables, held) if crew.waiting is None else None
        elif held is not None:
            may_wait = crew.waiting is None
            clash = draw_conflicting_write(draws, self._tables, database, held, self._writer, may_wait=may_wait)
            if clash is not None and session.transaction is None:
                yield crew.begin(session)
        if clash is None:
            yield self._asked(draws, session)
            return
        yield from crew.clash(session, clash)

    # Transactions

    def _moved(self, draws: Sampler, session: ModelSession) -> Iterator[Step]:
        """A transaction ends, or begins; where too many are open, the task reads instead."""
        if session.transaction is not None:
            yield from self._crew.end(session, commits=not draws.chance(self._profile.panic_rate))
        elif not self._crew.is_busy():
            yield self._crew.begin(session)
        else:
            yield self._asked(draws, session)

    def _saved(self, draws: Sampler, session: ModelSession, transaction: ModelTransaction, state: DatabaseState) -> Step:
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

    def _changed(self, draws: Sampler) -> Iterator[Step]:
        """The schema changes, when nobody is in a transaction any more."""
        yield from self._crew.end_all(draws)
        able = [session for session in self._crew.sessions if session.is_connected and session.waits is None]
        session = draws.one_of(able) if able else self._crew.sessions[0]
        if not session.is_connected:
            yield self._crew.take(session)
        number = draws.below(len(self._tables))
        self._names += 1
        state = self._database.state
        change = draw_schema_change(draws, self._profile.schema, self._tables[number], state[number], self._names)
        if change is None:
            yield self._asked(draws, session)
            return
        self._tables[number] = change.table
        self._database.state = (*state[:number], change.rows, *state[number + 1 :])
        self._database.touched()
        if change.first is not None:
            yield SqlStep(task=session.name, sql=sql(change.first, SqlKind.QUERY), expect=expect_rows(()))
        yield SqlStep(task=session.name, sql=sql(change.text, SqlKind.DDL), expect=(Ok(),))

    # The pool and the clock

    def _slept(self, draws: Sampler, session: ModelSession) -> Iterator[Step]:
        """Time passes, unless somebody waits; a task that is in no transaction may give its connection back before."""
        holds = draws.chance(self._profile.busy_rate)
        if session.is_connected and session.transaction is None and not holds:
            yield from self._crew.give_back(session)
        if self._crew.waiting is None and self._profile.max_sleep_us > 0:
            yield Sleep(duration_us=1 + draws.below(self._profile.max_sleep_us))

    # The end

    def _finished(self, draws: Sampler) -> Iterator[Step]:
        yield from self._crew.end_all(draws)
        while lent := [session for session in self._crew.sessions if session.is_connected]:
            yield from self._crew.give_back(lent[0])
        yield Check(expression=nothing_checked_out(POOL))


_WRITE_KINDS: Final = frozenset({"insert", "update", "delete", "upsert"})


BACKENDS: Final = generated_plan_backends()
"""Where generated plans are meant to run. What they expect has been tried on each."""


def generate(profile: Profile, seed: int, dialect: str = "sqlite") -> Plan:
    """The plan: the same one for the same arguments, in every process. ``profile.seed`` is not looked at.

    Raises ``ValueError`` for a dialect other than ``sqlite``, from which statements are carried to the others.
    """
    if dialect != Dialect.SQLITE:
        raise ValueError(f"plans are generated in the dialect sqlite, not {dialect}")
    workload = WorkloadGenerator(profile, seed)
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


_NO_FAULTS: Final = "generated plans hold no faults: SQLite has none, and what one leaves behind cannot be told beforehand"


UNSUPPORTED_KNOBS: Final = MappingProxyType(
    {
        "doc": "it is said of the profile, not of its plans",
        "seed": "whoever calls gives the seed, and may take it from here",
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
"""By the knob as `--set` names it, why not."""
