"""Properties of transactions: what is committed is visible, what is undone is not, and nothing is half done."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from simdsl.core.trace import TraceEvent
from simdsl.generation.statements import expect_affected, expect_error, expect_rows
from simdsl.plan.outcomes import ErrorClass
from simdsl.plan.plan import Plan
from simdsl.plan.steps import Step
from simdsl.properties.owned_rows import check_invisible_rows, invisible_rows_checker
from simdsl.properties.plan_builder import CONTENDED_KEY, OK, OK_OR_BUSY, OR_CONFLICT, PlanBuilder, Script
from simdsl.properties.property import PropertyFinding, PropertyHeld, PropertyViolation, Requirement
from simdsl.properties.registry import register
from simdsl.properties.row_history import VersionHistory, WriteOutcome

# tx-commit-visible


_OTHER_PROPERTIES = frozenset(
    (WriteOutcome.ROLLED_BACK, WriteOutcome.TO_SAVEPOINT, WriteOutcome.RETURNED, WriteOutcome.FAILED)
)


def _check_commit(plan: Plan, events: Iterable[TraceEvent]) -> Iterator[PropertyFinding]:
    """Compare every query with what was committed."""
    for seen in VersionHistory().read(events):
        last = seen.allowed[-1]
        reader = seen.read.task
        if seen.holds:
            uncommitted = any(one.outcome is WriteOutcome.OPEN and one.by.task != reader for one in seen.history)
            # A row that nobody else has written lately could not have shown the wrong value.
            if uncommitted or (last.ended_by is not None and last.by.task != reader):
                yield PropertyHeld(path=seen.read.path)
            continue
        culprit = seen.culprit
        if seen.own:
            continue  # what a transaction sees of its own writes is not a question of COMMIT
        if culprit is not None and culprit.outcome in _OTHER_PROPERTIES:
            continue  # another property reports it, or one bug would have two fingerprints
        if culprit is not None and culprit.outcome is WriteOutcome.OPEN:
            value = seen.shown(seen.got)
            message = f"{reader} sees {value} of table {seen.table}, which {culprit.by.task} has not committed"
            evidence = seen.evidence(culprit)
        elif not last.values:
            message = f"{reader} sees {seen.shown(seen.got)} of table {seen.table}, and there is no such row any more"
            evidence = seen.evidence(last if last.by is not seen.read else None)
        else:
            message = f"{reader} does not see {seen.shown(last.values)} of table {seen.table}, which is committed"
            evidence = seen.evidence(last if last.by is not seen.read else None)
        yield PropertyViolation(message=message, evidence=evidence, path=seen.read.path, task=reader)


@register(
    "tx-commit-visible",
    summary="What is committed is seen, and not before.",
    check=_check_commit,
    requires=(Requirement.POOLS,),
    unchecked="no query came after a COMMIT, or beside an open transaction",
)
def tx_commit_visible(plan: PlanBuilder) -> None:
    """What was committed is visible to everybody from then on, and to nobody else before.

    Claim: after a COMMIT every query of another connection that begins later shows what the transaction wrote. Before the
    COMMIT no query of another connection shows it, unless that one asked for READ UNCOMMITTED.

    Steps: BEGIN, writes, random steps, COMMIT, random steps; meanwhile other tasks write to the same row, and one reads.
    There are more tasks than connections.

    Violated when: a query does not show the last committed value of a row, or shows one that is not committed. Within a
    transaction any value committed since its first statement counts as the last, for it may have a snapshot.

    Evidence: the write, its COMMIT, and the query.
    """
    plan.use_keyed_tables()
    for task in plan.writers():
        for turn in range(plan.size.rounds):
            task.add(task.checkout(), task.begin(), *task.writes(task.number, turn), *task.extras(in_transaction=True))
            task.add(task.commit(), *task.extras(), task.read_all(), task.release())
    plan.add_reader()


# tx-rollback-invisible


@register(
    "tx-rollback-invisible",
    summary="What is rolled back is seen by nobody.",
    check=invisible_rows_checker(WriteOutcome.ROLLED_BACK),
    requires=(Requirement.POOLS,),
    unchecked="no query came after a ROLLBACK that undid something",
)
def tx_rollback_invisible(plan: PlanBuilder) -> None:
    """What was rolled back is visible to nobody.

    Claim: after a ROLLBACK no query shows what the transaction wrote, neither on the same connection nor on another one.

    Steps: BEGIN, writes, random steps, ROLLBACK (a few commit instead), random steps, a query on the same connection;
    meanwhile other tasks write to the same row, and one reads. There are more tasks than connections.

    Violated when: a query shows a value that only a transaction wrote that was rolled back.

    Evidence: the write, the ROLLBACK, and the query.
    """
    plan.use_keyed_tables()
    for task in plan.writers():
        for turn in range(plan.size.rounds):
            # A few commit, for a value that is overwritten by a committed one must not come back either.
            rolls_back = turn == 0 or plan.choose(4, "end", task.number, turn)
            end = task.rollback(OK) if rolls_back else task.commit()
            task.add(task.checkout(), task.begin(), *task.writes(task.number, turn), *task.extras(in_transaction=True))
            task.add(end, *task.extras(), task.read_all(), task.release())
    plan.add_reader()


# savepoint-rollback


def _check_savepoint(plan: Plan, events: Iterable[TraceEvent]) -> Iterator[PropertyFinding]:
    """Look for what was rolled back to a savepoint, and then for what should have stayed."""
    known = list(events)
    yield from check_invisible_rows(known, WriteOutcome.TO_SAVEPOINT)
    for seen in VersionHistory().read(known):
        last = seen.allowed[-1]
        if last.kept_by is None:
            continue
        if seen.holds:
            yield PropertyHeld(path=seen.read.path)
        elif seen.culprit is None or seen.culprit.outcome is WriteOutcome.COMMITTED:
            message = f"{seen.read.task} does not see {seen.shown(last.values)} of table {seen.table}, "
            message += f"which {last.kept_by.what} does not undo"
            yield PropertyViolation(message=message, evidence=seen.evidence(last), path=seen.read.path, task=seen.read.task)


@register(
    "savepoint-rollback",
    summary="What came after a savepoint can be undone alone.",
    check=_check_savepoint,
    requires=(Requirement.POOLS,),
    unchecked="no query came after a ROLLBACK TO that undid something",
)
def savepoint_rollback(plan: PlanBuilder) -> None:
    """ROLLBACK TO a savepoint undoes what came after it, and nothing else.

    Claim: after ROLLBACK TO every table is what it was before the savepoint, for the transaction itself and, once that is
    committed, for everybody. RELEASE undoes nothing.

    Steps: BEGIN, writes, SAVEPOINT, writes, ROLLBACK TO and perhaps RELEASE, or RELEASE alone, a query, COMMIT, a query;
    meanwhile another task does the same, and one reads. There are more tasks than connections. SQLite is asked for its
    integrity at the end.

    Violated when: a query shows a value that was rolled back to a savepoint, or does not show one that the same transaction
    had written before it or had released; or the engine complains about its own tables.

    Evidence: the write, the ROLLBACK TO or the RELEASE, and the query.
    """
    plan.use_keyed_tables()
    for task in plan.writers():
        for turn in range(plan.size.rounds):
            task.add(task.checkout(), task.begin())
            if plan.choose(2, "before", task.number, turn):
                task.add(task.sql(f"INSERT INTO t VALUES ({plan.new_row()})", OK_OR_BUSY))
            task.add(task.sql("SAVEPOINT s", OK), *task.writes(task.number, turn), *task.extras(in_transaction=True))
            end = plan.choose(5, "end", task.number, turn)
            if end < 4:
                task.add(task.sql("ROLLBACK TO s", OK))
            if end > 1:
                task.add(task.sql("RELEASE s", OK))
            task.add(task.read_all(), task.commit(), task.read_all(), task.release())
    plan.add_reader()
    # A savepoint's journal is what ROLLBACK TO writes back: a mistake there shows in the pages before it shows in rows.
    plan.finally_.steps.insert(0, plan.finally_.sql("PRAGMA integrity_check", expect_rows([("ok",)]), only=("sqlite",)))


# statement-atomicity


_LARGEST: Final = 999_999_999


@register(
    "statement-atomicity",
    summary="A statement that fails half-way has done nothing.",
    check=invisible_rows_checker(WriteOutcome.FAILED),
    requires=(Requirement.POOLS,),
    unchecked="no query came after a statement of several rows that failed at one of them",
)
def statement_atomicity(plan: PlanBuilder) -> None:
    """A statement that fails half-way has done nothing.

    Claim: of a write of several rows that fails at one of them, no part stays, inside of a transaction or outside.

    Steps: an INSERT whose last row has a key that exists, or an UPDATE of every row that a CHECK refuses for one; then a
    query of the same task, in its transaction if it is in one, and after its COMMIT; meanwhile another task does the same,
    and one reads. In PostgreSQL the error fails the whole transaction, so there a savepoint recovers it.

    Violated when: a query shows a value that only a failed statement would have written.

    Evidence: the statement that failed, and the query.
    """
    setup = plan.setup
    # The row that the CHECK refuses is the last one, so that an engine has changed the others before it fails.
    setup.add(setup.sql(f"CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER CHECK (v < {_LARGEST}))"))
    setup.add(setup.sql(f"INSERT INTO t VALUES (1, 1), (2, 2), (3, {_LARGEST - 1})", expect_affected(3)))
    plan.create_noise()
    for task in plan.writers():
        for turn in range(plan.size.rounds):
            task.add(task.checkout())
            if plan.choose(2, "in transaction", task.number, turn):
                task.add(task.begin(), task.guard(), _failing(plan, task, turn), task.recover())
                task.add(task.read_all(), task.commit())
            else:
                task.add(_failing(plan, task, turn))
            task.add(task.read_all(), *task.extras(), task.release())
    plan.add_reader()
    plan.finally_.add(plan.finally_.read_all())


def _failing(plan: PlanBuilder, task: Script, turn: int) -> Step:
    """An UPDATE that fails at its last row, or an INSERT that does."""
    if plan.choose(2, "update", task.number, turn):
        step = 10 + 10 * plan.choose(9, "by", task.number, turn) + task.number
        expect = (*expect_error(ErrorClass.CHECK_VIOLATION), *OR_CONFLICT)
        return task.sql(f"UPDATE t SET v = v + {step}", expect)
    rows = [f"({plan.new_row()})" for _ in range(1 + plan.choose(3, "rows", task.number, turn))]
    rows.append(f"({CONTENDED_KEY}, {plan.new_value()})")
    expect = (*expect_error(ErrorClass.UNIQUE_VIOLATION), *OR_CONFLICT)
    return task.sql(f"INSERT INTO t VALUES {', '.join(rows)}", expect)
