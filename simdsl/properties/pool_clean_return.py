"""What a transaction left open is gone when its connection is lent again.

Claim: when a connection is returned within a transaction, the next owner finds no transaction, no row that it wrote and
nothing that it made. What a session set outside of a transaction is the pool's contract, and is not judged.

Steps: BEGIN, writes, perhaps a temporary table, `return` without COMMIT; other tasks check connections out of the same
pool, find that there is no transaction to commit, and read.

Violated when: a connection comes back with its transaction open; a query shows a row that was left open at a return; or a
temporary table of such a transaction is still there.

Evidence: the write, the return, and what shows it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from simdsl.core.trace import PoolChanged, StepCompleted, TraceEvent
from simdsl.plan.outcomes import Failed, Rows
from simdsl.plan.plan import Plan
from simdsl.plan.regexes import lazy_regex
from simdsl.plan.sql import TransactionAction
from simdsl.properties.plan_builder import READ_ALL, PlanBuilder, StepText
from simdsl.properties.property import PlanSize, Property, PropertyFinding, PropertyHeld, PropertyViolation, Requirement
from simdsl.properties.row_history import WriteOutcome, told
from simdsl.properties.row_visibility import check_rolled_back_rows
from simdsl.syntax.sql_statements import parse_transaction

_TEMPORARY = lazy_regex(r"CREATE TEMP(?:ORARY)? TABLE (\w+)", re.IGNORECASE)
_FROM = lazy_regex(r"\bFROM (\w+)", re.IGNORECASE)


def make(seed: int, size: PlanSize) -> Plan:
    """Careless tasks, and tasks that come after them."""
    draft = PlanBuilder("pool-clean-return", "What was left open is gone when the connection is lent again.", seed, size)
    tasks: dict[str, list[StepText]] = {}
    for number in range(1, size.writers + 1):
        steps: list[StepText] = []
        for turn in range(size.rounds):
            steps += [{"checkout": "from main"}, "BEGIN"]
            if draft.pick(2, "temporary", number, turn):
                steps.append("CREATE TEMPORARY TABLE scratch (v INTEGER) => ok or error busy")
            steps += [*draft.write(number, turn), *draft.extras(in_transaction=True), {"return": f"w{number}"}]
        tasks[f"w{number}"] = steps
    steps = []
    for _ in range(size.rounds + 1):
        steps += [{"checkout": "from main"}, "COMMIT => error no_active_transaction", READ_ALL]
        steps += ["SELECT v FROM scratch => error undefined_table", *draft.extras(), {"return": "next"}]
    tasks["next"] = steps
    return draft.finish(tasks, pool=1 + draft.pick(max(1, size.writers), "size"))


def judge(plan: Plan, events: Iterable[TraceEvent]) -> Iterator[PropertyFinding]:
    """The pool's word about the transaction, then rows, then temporary tables."""
    known = list(events)
    for event in known:
        if isinstance(event, PoolChanged) and not event.checked_out and event.in_transaction:
            message = f"pool {event.pool} took connection {event.session} back from {event.task} in an open transaction"
            yield PropertyViolation(message=message, evidence=(f"{event.task}: return",), task=event.task)
    yield from check_rolled_back_rows(known, WriteOutcome.RETURNED)
    yield from _temporary(known)


def _temporary(events: Iterable[TraceEvent]) -> Iterator[PropertyFinding]:
    """Temporary tables belong to a session: those that a transaction made, and that was open at the return."""
    inside: set[str] = set()
    made: dict[str, dict[str, StepCompleted]] = {}  # by task: what its transaction made
    left: dict[tuple[int, str], StepCompleted] = {}  # by connection and name: what should be gone
    for event in events:
        if isinstance(event, PoolChanged):
            if not event.checked_out:
                left |= {(event.session, name): step for name, step in made.pop(event.task, {}).items()}
                inside.discard(event.task)
            continue
        if not isinstance(event, StepCompleted):
            continue
        transaction = parse_transaction(event.what)
        if transaction is not None and not isinstance(event.outcome, Failed):
            if transaction.action is TransactionAction.BEGIN:
                inside.add(event.task)
            elif transaction.action in (TransactionAction.COMMIT, TransactionAction.ROLLBACK):
                inside.discard(event.task)
                made.pop(event.task, None)
        elif event.session is not None:
            yield from _scratch(event, event.session, event.task in inside, made, left)


def _scratch(
    event: StepCompleted,
    session: int,
    inside: bool,
    made: dict[str, dict[str, StepCompleted]],
    left: dict[tuple[int, str], StepCompleted],
) -> Iterator[PropertyFinding]:
    if match := _TEMPORARY.match(event.what):
        if not isinstance(event.outcome, Failed):
            left.pop((session, match[1].lower()), None)
            if inside:
                made.setdefault(event.task, {})[match[1].lower()] = event
        return
    match = _FROM.search(event.what)
    name = match[1].lower() if match else ""
    maker = left.get((session, name))
    if maker is None or name in made.get(event.task, {}):
        return
    if isinstance(event.outcome, Rows):
        message = f"{event.task} finds table {name}, which {maker.task} made in a transaction that it left open"
        evidence = (told(maker), f"{maker.task}: return", told(event))
        yield PropertyViolation(message=message, evidence=evidence, path=event.path, task=event.task)
    else:
        yield PropertyHeld(path=event.path)


PROPERTY = Property(
    name="pool-clean-return",
    specification=__doc__,
    make=make,
    judge=judge,
    needs=(Requirement.POOLS,),
    never="nobody read after a connection was returned within a transaction that had written",
)
