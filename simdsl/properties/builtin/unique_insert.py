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

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from simdsl.core.trace import StepCompleted, TraceEvent
from simdsl.generation.statements import expect_affected, expect_error, expect_row_count
from simdsl.plan.outcomes import ErrorClass, Failed
from simdsl.plan.plan import Plan
from simdsl.plan.steps import Step
from simdsl.properties.keyed_statements import InsertRows, parse_keyed_statement
from simdsl.properties.plan_builder import OK, OR_CONFLICT, PlanBuilder, Script
from simdsl.properties.property import PropertyFinding, PropertyHeld, PropertyViolation, Requirement
from simdsl.properties.registry import register
from simdsl.properties.row_history import RowVersion, VersionHistory, WriteOutcome, describe_step
from simdsl.properties.table_catalog import NOT_EXECUTED

_KEYS_PER_TURN: Final = 2  # so few that tasks choose the same one


def _check(plan: Plan, events: Iterable[TraceEvent]) -> Iterator[PropertyFinding]:
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
    specification=__doc__,
    summary="A key is there once.",
    check=_check,
    requires=(Requirement.POOLS,),
    unchecked="nobody inserted a key that was there for certain",
)
def unique_insert(plan: PlanBuilder) -> None:
    """Tasks that insert what others insert too, and a reader."""
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
    body += [task.guard(), task.sql(second.format(own), _REFUSED), task.recover()]
    body.append(task.commit(None) if commits else task.rollback())
    return [task.retry(body, *place)]


def _insert_existing(plan: PlanBuilder, task: Script, *place: int | str) -> Step:
    """An INSERT of a key that is in the table from the first."""
    text = f"INSERT INTO t VALUES ({1 + plan.choose(3, 'old', *place)}, {plan.new_value()})"
    return task.retry([task.sql(text, _REFUSED)], *place, "old")


_REFUSED: Final = expect_error(ErrorClass.UNIQUE_VIOLATION)
_INSERTED_OR_REFUSED: Final = (*expect_affected(1), *_REFUSED, *OR_CONFLICT)
_FAILED_TRANSACTION: Final = expect_error(ErrorClass.BUSY, ErrorClass.IN_FAILED_SQL_TRANSACTION)
_LOOKED: Final = (*expect_row_count(1), *_FAILED_TRANSACTION)
_MAY_BE_FAILED: Final = (*OK, *_FAILED_TRANSACTION)
