"""Of two rows with one key at most one stands.

Claim: an INSERT of a key that a row has already fails as `unique_violation`, in the transaction of that row and in every
other one. While the first row is not committed, the second INSERT waits or is refused for now; when that transaction was
rolled back, it succeeds.

Steps: tasks insert the same keys, alone or in one or two transactions that commit or roll back, with random steps in
between, and insert a key again that they inserted themselves. There are more tasks than connections. PostgreSQL fails the
whole transaction, so there a savepoint heals it.

Violated when: a second INSERT of the key succeeds while the first row stands, or both are committed; it fails in another
way than `unique_violation`; it is refused though no row has the key; or a query shows the key twice.

Evidence: both INSERTs and what was committed, or the query.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from simdsl.core.trace import StepCompleted, TraceEvent
from simdsl.plan.outcomes import ErrorClass, Failed
from simdsl.plan.plan import Plan
from simdsl.properties.keyed_statements import InsertRows, parse_keyed_statement
from simdsl.properties.plan_builder import OR_CONFLICT, READ_ALL, PlanBuilder, StepText
from simdsl.properties.property import PlanSize, Property, PropertyFinding, PropertyHeld, PropertyViolation, Requirement
from simdsl.properties.row_history import RowVersion, VersionHistory, WriteOutcome, told
from simdsl.properties.table_catalog import NOT_EXECUTED

_KEYS = 2  # that are wanted at a time
_LOOK = "SELECT count(*) FROM noise => 1 row or error busy or error in_failed_sql_transaction"
_HEALED: tuple[StepText, StepText] = (
    {"sql": "SAVEPOINT s", "only": ["postgres"]},
    {"sql": "ROLLBACK TO s", "only": ["postgres"]},
)


def make(seed: int, size: PlanSize) -> Plan:
    """Tasks that insert what others insert too, and a reader."""
    draft = PlanBuilder("unique-insert", "A key is there once.", seed, size)
    tasks: dict[str, list[StepText]] = {}
    for number in range(1, size.writers + 1):
        steps: list[StepText] = []
        for turn in range(size.rounds):
            steps += [{"checkout": "from main"}, *_turn(draft, number, turn), *draft.extras(), READ_ALL]
            if number == 1 and turn == 0:
                steps.append(_old(draft, "always"))
            steps.append({"return": f"w{number}"})
        tasks[f"w{number}"] = steps
    tasks["reader"] = draft.reader()
    return draft.finish(tasks, pool=max(1, size.writers))


def _turn(draft: PlanBuilder, number: int, turn: int) -> list[StepText]:
    place = (number, turn)
    key = 1000 + _KEYS * turn + draft.pick(_KEYS, "key", *place)
    first = f"INSERT INTO t VALUES ({key}, {draft.value()}) => 1 affected or error unique_violation{OR_CONFLICT}"
    second = f"INSERT INTO t VALUES ({{}}, {draft.value()}) => error unique_violation"
    kind = draft.pick(6, "kind", *place)
    if kind == 0:
        return [first, *draft.extras(), _old(draft, *place)]
    if kind == 1:
        again = f"INSERT INTO t VALUES ({key}, {draft.value()}) => 1 affected or error unique_violation{OR_CONFLICT}"
        return [first, *draft.extras(), again]
    end = "COMMIT" if draft.pick(3, "end", *place) else "ROLLBACK"
    if kind < 5:
        held: list[StepText] = [_LOOK] * (1 + draft.pick(3, "held", *place))
        may = "" if end == "ROLLBACK" else " => ok or error busy or error in_failed_sql_transaction"
        return ["BEGIN", *draft.extras(in_transaction=True), first, *held, f"{end}{may}"]
    own = draft.key()
    body: list[StepText] = ["BEGIN", f"INSERT INTO t VALUES ({own}, {draft.value()})", *draft.extras(in_transaction=True)]
    body += [_HEALED[0], second.format(own), _HEALED[1], end]
    return [draft.until_done(body, *place)]


def _old(draft: PlanBuilder, *place: int | str) -> StepText:
    """A key that was there from the first."""
    insert = f"INSERT INTO t VALUES ({1 + draft.pick(3, 'old', *place)}, {draft.value()}) => error unique_violation"
    return draft.until_done([insert], *place, "old")


def judge(plan: Plan, events: Iterable[TraceEvent]) -> Iterator[PropertyFinding]:
    """Ask, before each INSERT of one row or more, which of its keys are there."""
    book = VersionHistory()
    beside: list[tuple[RowVersion, RowVersion]] = []  # both INSERTs succeeded while the first was not committed
    strict: set[str] = set()  # tables that may refuse a row for another reason
    for event in events:
        waiting: list[RowVersion] = []
        if isinstance(event, StepCompleted):
            said = parse_keyed_statement(event.what, dict(zip(event.names, event.arguments, strict=False)))
            upper = event.what.upper()
            if upper.startswith("CREATE") and ("CHECK" in upper or "NOT NULL" in upper):
                strict.add(upper)
            if isinstance(said, InsertRows):
                is_strict = any(f" {said.table.upper()} " in one for one in strict)
                yield from _insert(event, said, book, is_strict=is_strict)
                waiting = [open_ for key, _ in said.rows for open_ in book.pending(event.task, said.table, key)]
        for seen in book.read([event]):
            if len(seen.got) > 1:
                message = f"{seen.read.task} sees key {seen.key} of table {seen.table} {len(seen.got)} times"
                yield PropertyViolation(message=message, evidence=seen.evidence(), path=seen.read.path, task=seen.read.task)
        if isinstance(event, StepCompleted):
            for first in waiting:
                second = book.written(event, first)
                if first.cell and second is not None:
                    beside.append((first, second))
            for pair in [pair for pair in beside if all(one.fate is WriteOutcome.COMMITTED for one in pair)]:
                beside.remove(pair)
                if book.stands(pair[0]):
                    yield _both(pair, event)
            beside = [
                pair for pair in beside if all(one.fate in (WriteOutcome.OPEN, WriteOutcome.COMMITTED) for one in pair)
            ]


def _insert(step: StepCompleted, said: InsertRows, book: VersionHistory, *, is_strict: bool) -> Iterator[PropertyFinding]:
    last = {key: book.last(step.task, said.table, key) for key, _ in said.rows}
    there = [change for change in last.values() if change is not None and change.cell]
    failed = step.outcome.error_class if isinstance(step.outcome, Failed) else None
    if failed in NOT_EXECUTED or (failed is not ErrorClass.UNIQUE_VIOLATION and failed is not None and is_strict):
        return
    if there:
        if failed is ErrorClass.UNIQUE_VIOLATION:
            yield PropertyHeld(path=step.path)
            return
        came = "succeeds" if failed is None else f"is told {failed}"
        message = f"{step.task} {came} with an INSERT of key {there[0].key}, which table {said.table} has already"
        yield PropertyViolation(message=message, evidence=_told(there[0], step), path=step.path, task=step.task)
    elif any(change is None for change in last.values()) or len(last) < len(said.rows):
        return
    elif failed is ErrorClass.UNIQUE_VIOLATION:
        message = f"{step.task} is refused with an INSERT into table {said.table}, though no row has the key"
        yield PropertyViolation(message=message, evidence=(told(step),), path=step.path, task=step.task)
    elif failed is None and any(book.was_undone(said.table, key) for key in last):
        yield PropertyHeld(path=step.path)


def _both(pair: tuple[RowVersion, RowVersion], step: StepCompleted) -> PropertyViolation:
    first, second = pair
    message = f"both INSERTs of key {first.key} stand, of {first.by.task} and of {second.by.task}"
    steps = [one for change in pair for one in (change.by, change.sealed) if one is not None]
    return PropertyViolation(
        message=message, evidence=tuple(map(told, dict.fromkeys(steps))), path=step.path, task=step.task
    )


def _told(change: RowVersion, step: StepCompleted) -> tuple[str, ...]:
    sealed = (told(change.sealed),) if change.sealed is not None else ()
    return (told(change.by), *sealed, told(step))


PROPERTY = Property(
    name="unique-insert",
    specification=__doc__,
    make=make,
    judge=judge,
    needs=(Requirement.POOLS,),
    never="nobody inserted a key that was there for certain",
)
