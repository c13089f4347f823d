"""Properties of writers that meet: at one row, or at one key."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from simdsl.core.trace import BlockReason, StepCompleted, TaskBlocked, TraceEvent
from simdsl.generation.statements import expect_affected, expect_error, expect_row_count, expect_rows
from simdsl.plan.outcomes import ErrorClass, Failed
from simdsl.plan.plan import Plan
from simdsl.plan.steps import Step
from simdsl.properties.keyed_tables import NOT_EXECUTED, InsertRows, parse_keyed_statement
from simdsl.properties.plan_builder import OK, OR_BUSY, OR_CONFLICT, PlanBuilder, Script
from simdsl.properties.property import PropertyFinding, PropertyHeld, PropertyViolation, Requirement
from simdsl.properties.registry import register
from simdsl.properties.row_history import RowVersion, VersionHistory, WriteOutcome, describe_step

# retry-after-busy


_RETRY_REFUSED: Final = frozenset((ErrorClass.BUSY, ErrorClass.LOCK_NOT_AVAILABLE))


def _check_retry(plan: Plan, events: Iterable[TraceEvent]) -> Iterator[PropertyFinding]:
    """Sums are checked only if writers met: writers that ran one after the other prove nothing."""
    history, waiting = VersionHistory(), _LockWaits()
    met = False
    for event in events:
        others = [task for task in history.open_tasks if task != getattr(event, "task", "")]
        is_refused = isinstance(event, StepCompleted) and _is_refused(event)
        met = met or waiting.is_lock_wait(event) or (is_refused and bool(others))
        if isinstance(event, StepCompleted) and is_refused:
            if others or waiting.anybody_but(event.task):
                yield PropertyHeld(path=event.path)
            else:
                yield _refused_alone(event, waiting.last_end)
        waiting.follow(event)
        for seen in history.read([event]):
            sums = [one for one in seen.history if one.is_sum and one.outcome is WriteOutcome.COMMITTED]
            reader, last = seen.read.task, seen.allowed[-1]
            if seen.holds:
                if met and len({one.by.task for one in sums}) > 1:
                    yield PropertyHeld(path=seen.read.path)
            elif sums and last.is_sum and (seen.culprit is None or seen.culprit.outcome is WriteOutcome.COMMITTED):
                message = f"an update is lost: {reader} sees {seen.shown(seen.got)} of table {seen.table}, and the "
                message += f"committed updates make {seen.shown(last.values)}"
                evidence = _additions(sums, seen.evidence())
                yield PropertyViolation(message=message, evidence=evidence, path=seen.read.path, task=reader)


class _LockWaits:
    """The tasks that wait for a lock, and the last step that ended a transaction."""

    def __init__(self) -> None:
        self.last_end: StepCompleted | None = None
        self._blocked: dict[str, None] = {}

    def is_lock_wait(self, event: TraceEvent) -> bool:
        return isinstance(event, TaskBlocked) and event.wait is BlockReason.LOCK

    def anybody_but(self, task: str) -> bool:
        return any(other != task for other in self._blocked)

    def follow(self, event: TraceEvent) -> None:
        if isinstance(event, TaskBlocked) and event.wait is BlockReason.LOCK:
            self._blocked[event.task] = None
        elif isinstance(event, StepCompleted):
            self._blocked.pop(event.task, None)
            if event.what.upper().startswith(("COMMIT", "ROLLBACK")) and not isinstance(event.outcome, Failed):
                self.last_end = event


def _is_refused(event: StepCompleted) -> bool:
    return isinstance(event.outcome, Failed) and event.outcome.error_class in _RETRY_REFUSED


def _refused_alone(event: StepCompleted, last: StepCompleted | None) -> PropertyViolation:
    return PropertyViolation(
        message=f"{event.task} is refused, and nobody else has a transaction",
        evidence=(*((describe_step(last),) if last is not None else ()), describe_step(event)),
        path=event.path,
        task=event.task,
    )


def _additions(sums: Sequence[RowVersion], query: tuple[str, ...]) -> tuple[str, ...]:
    steps = [describe_step(step) for one in sums for step in (one.by, one.ended_by) if step is not None]
    return (*steps, *query)


@register(
    "retry-after-busy",
    summary="Who repeats what was refused succeeds, and nothing is lost.",
    check=_check_retry,
    requires=(Requirement.POOLS,),
    unchecked="no two writers met",
)
def retry_after_busy(plan: PlanBuilder) -> None:
    """A task that is refused because of another writer succeeds when that one has finished, and no update is lost.

    Claim: nobody is told `busy` while nobody else has a transaction or waits. When all writers have ended, a row that all of
    them added to holds the sum.

    Steps: several tasks add to the same rows, each in a transaction that it repeats while the engine refuses it; where the
    engine has locks on rows, they wait. At the end the rows are read.

    Violated when: a statement is refused although nobody can hold a lock, or a query shows less or more than the sum of what
    was committed.

    Evidence: the refusal and who had been there last; or the additions, their COMMITs, and the query.
    """
    size = plan.size
    plan.create_keyed_table("t")
    total = 1
    for number in range(1, size.writers + 2):
        task = plan.task(f"w{number}", number)
        for turn in range(size.rounds):
            amount = 1 + plan.choose(50, "delta", number, turn)
            total += amount
            body = [_begin(plan, task, turn)]
            body.append(task.sql(f"UPDATE t SET v = v + {amount} WHERE id = 1", expect_affected(1)))
            if plan.choose(2, "look", number, turn):
                # A read between the write and the COMMIT holds the lock across one more step of the others.
                body.append(task.sql("SELECT id, v FROM t WHERE id = 1", (*expect_row_count(1), *OR_BUSY)))
            body.append(task.commit(None))
            attempts = 4 * (size.writers + 1) * size.rounds
            task.add(task.checkout(), task.retry(body, number, turn, attempts=attempts), task.release())
    last = plan.finally_
    last.add(last.sql("SELECT id, v FROM t ORDER BY id", expect_rows([(1, total), (2, 2), (3, 3)]), ordered=True))


def _begin(plan: PlanBuilder, task: Script, turn: int) -> Step:
    """BEGIN, or BEGIN IMMEDIATE, which takes SQLite's lock before the snapshot and so is refused at another moment."""
    if plan.choose(2, "begin", task.number, turn):
        return task.sql("BEGIN IMMEDIATE", instead=(("postgres", "BEGIN"), ("mssql", "BEGIN")))
    return task.begin()


# unique-insert


_KEYS_PER_TURN: Final = 2  # so few that tasks choose the same one


def _check_unique(plan: Plan, events: Iterable[TraceEvent]) -> Iterator[PropertyFinding]:
    """Ask, before each INSERT, which of its keys exist."""
    history = VersionHistory()
    pairs: list[tuple[RowVersion, RowVersion]] = []  # both INSERTs succeeded while the first was not committed
    strict: set[str] = set()  # CREATE statements of tables that may refuse a row for another reason
    for event in events:
        waiting: list[RowVersion] = []
        if isinstance(event, StepCompleted):
            statement = parse_keyed_statement(event.what, dict(zip(event.names, event.arguments, strict=False)))
            upper = event.what.upper()
            if upper.startswith("CREATE") and ("CHECK" in upper or "NOT NULL" in upper):
                strict.add(upper)
            if isinstance(statement, InsertRows):
                is_strict = any(f" {statement.table.upper()} " in one for one in strict)
                yield from _check_insert(event, statement, history, is_strict=is_strict)
                waiting = [
                    version for key, _ in statement.rows for version in history.pending(event.task, statement.table, key)
                ]
        for seen in history.read([event]):
            if len(seen.got) > 1:
                message = f"{seen.read.task} sees key {seen.key} of table {seen.table} {len(seen.got)} times"
                yield PropertyViolation(message=message, evidence=seen.evidence(), path=seen.read.path, task=seen.read.task)
        if isinstance(event, StepCompleted):
            for first in waiting:
                second = history.written(event, first)
                if first.values and second is not None:
                    pairs.append((first, second))
            # Two uncommitted rows with one key are no violation yet: only when both are committed does a key stand twice.
            for pair in [pair for pair in pairs if all(one.outcome is WriteOutcome.COMMITTED for one in pair)]:
                pairs.remove(pair)
                if history.stands(pair[0]):
                    yield _both_committed(pair, event)
            pairs = [
                pair for pair in pairs if all(one.outcome in (WriteOutcome.OPEN, WriteOutcome.COMMITTED) for one in pair)
            ]


def _check_insert(
    step: StepCompleted, statement: InsertRows, history: VersionHistory, *, is_strict: bool
) -> Iterator[PropertyFinding]:
    last = {key: history.last(step.task, statement.table, key) for key, _ in statement.rows}
    existing = [version for version in last.values() if version is not None and version.values]
    failed = step.outcome.error_class if isinstance(step.outcome, Failed) else None
    if failed in NOT_EXECUTED or (failed is not ErrorClass.UNIQUE_VIOLATION and failed is not None and is_strict):
        return
    if existing:
        if failed is ErrorClass.UNIQUE_VIOLATION:
            yield PropertyHeld(path=step.path)
            return
        came = "succeeds" if failed is None else f"is told {failed}"
        message = f"{step.task} {came} with an INSERT of key {existing[0].key}, which table {statement.table} has already"
        yield PropertyViolation(message=message, evidence=_evidence(existing[0], step), path=step.path, task=step.task)
    elif any(version is None for version in last.values()) or len(last) < len(statement.rows):
        return  # of some key it is not certain whether a row has it
    elif failed is ErrorClass.UNIQUE_VIOLATION:
        message = f"{step.task} is refused with an INSERT into table {statement.table}, though no row has the key"
        yield PropertyViolation(message=message, evidence=(describe_step(step),), path=step.path, task=step.task)
    elif failed is None and any(history.was_undone(statement.table, key) for key in last):
        yield PropertyHeld(path=step.path)


def _both_committed(pair: tuple[RowVersion, RowVersion], step: StepCompleted) -> PropertyViolation:
    first, second = pair
    message = f"both INSERTs of key {first.key} stand, of {first.by.task} and of {second.by.task}"
    steps = [one for version in pair for one in (version.by, version.ended_by) if one is not None]
    evidence = tuple(map(describe_step, dict.fromkeys(steps)))
    return PropertyViolation(message=message, evidence=evidence, path=step.path, task=step.task)


def _evidence(version: RowVersion, step: StepCompleted) -> tuple[str, ...]:
    ended = (describe_step(version.ended_by),) if version.ended_by is not None else ()
    return (describe_step(version.by), *ended, describe_step(step))


@register(
    "unique-insert",
    summary="A key is there once.",
    check=_check_unique,
    requires=(Requirement.POOLS,),
    unchecked="nobody inserted a key that was there for certain",
)
def unique_insert(plan: PlanBuilder) -> None:
    """Of two rows with one key at most one stands.

    Claim: an INSERT of a key that a row has already fails as `unique_violation`, in the transaction of that row and in every
    other one. While the first row is not committed, the second INSERT waits or is refused for now; when that transaction was
    rolled back, it succeeds.

    Steps: tasks insert the same keys, alone or in one or two transactions that commit or roll back, with random steps in
    between, and insert a key again that they inserted themselves. There are more tasks than connections. In PostgreSQL the
    error fails the whole transaction, so there a savepoint recovers it.

    Violated when: a second INSERT of the key succeeds while the first row stands, or both are committed; it fails in another
    way than `unique_violation`; it is refused though no row has the key; or a query shows the key twice.

    Evidence: both INSERTs and what was committed, or the query.
    """
    plan.use_keyed_tables()
    for task in plan.writers():
        for turn in range(plan.size.rounds):
            task.add(task.checkout(), *_turn(plan, task, turn), *task.extras(), task.read_all())
            if task.number == 1 and turn == 0:
                # So that no plan is without a key that exists, whatever the others draw.
                task.add(_insert_existing(plan, task, "always"))
            task.add(task.release())
    plan.add_reader()


def _turn(plan: PlanBuilder, task: Script, turn: int) -> list[Step]:
    place = (task.number, turn)
    key = 1000 + _KEYS_PER_TURN * turn + plan.choose(_KEYS_PER_TURN, "key", *place)
    first = task.sql(f"INSERT INTO t VALUES ({key}, {plan.new_value()})", _INSERTED_OR_REFUSED)
    second = f"INSERT INTO t VALUES ({{}}, {plan.new_value()})"
    kind = plan.choose(6, "kind", *place)
    if kind == 0:
        return [first, *task.extras(), _insert_existing(plan, task, *place)]
    if kind == 1:
        again = task.sql(f"INSERT INTO t VALUES ({key}, {plan.new_value()})", _INSERTED_OR_REFUSED)
        return [first, *task.extras(), again]
    commits = plan.choose(3, "end", *place)
    if kind < 5:
        # The row is held open across a few steps, so that another task meets it before it is committed.
        held = [task.sql("SELECT count(*) FROM noise", _LOOKED)] * (1 + plan.choose(3, "held", *place))
        end = task.commit(_MAY_BE_FAILED) if commits else task.rollback()
        return [task.begin(), *task.extras(in_transaction=True), first, *held, end]
    own = plan.new_key()
    body: list[Step] = [task.begin(), task.sql(f"INSERT INTO t VALUES ({own}, {plan.new_value()})")]
    body += task.extras(in_transaction=True)
    body += [task.guard(), task.sql(second.format(own), _UNIQUE_REFUSED), task.recover()]
    body.append(task.commit(None) if commits else task.rollback())
    return [task.retry(body, *place)]


def _insert_existing(plan: PlanBuilder, task: Script, *place: int | str) -> Step:
    """An INSERT of a key that is in the table from the first."""
    text = f"INSERT INTO t VALUES ({1 + plan.choose(3, 'old', *place)}, {plan.new_value()})"
    return task.retry([task.sql(text, _UNIQUE_REFUSED)], *place, "old")


_UNIQUE_REFUSED: Final = expect_error(ErrorClass.UNIQUE_VIOLATION)
_INSERTED_OR_REFUSED: Final = (*expect_affected(1), *_UNIQUE_REFUSED, *OR_CONFLICT)
_FAILED_TRANSACTION: Final = expect_error(ErrorClass.BUSY, ErrorClass.IN_FAILED_SQL_TRANSACTION)
_LOOKED: Final = (*expect_row_count(1), *_FAILED_TRANSACTION)
_MAY_BE_FAILED: Final = (*OK, *_FAILED_TRANSACTION)
