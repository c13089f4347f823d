"""What a transaction left open is gone when its connection is lent again.

Claim: when a connection is returned within a transaction, the next owner finds no transaction, no row that it wrote and
nothing that it made. What a session set outside of a transaction is the pool's contract, and is not checked.

Steps: BEGIN, writes, perhaps a temporary table, `return` without COMMIT; other tasks check connections out of the same
pool, find that there is no transaction to commit, and read.

Violated when: a connection comes back with its transaction open; a query shows a row that was left open at a return; or a
temporary table of such a transaction is still there.

Evidence: the write, the return, and what shows it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from simdsl.core.trace import PoolChanged, StepCompleted, TraceEvent
from simdsl.generation.statements import expect_error
from simdsl.plan.outcomes import ErrorClass, Failed, Rows
from simdsl.plan.plan import Plan
from simdsl.plan.regexes import lazy_regex
from simdsl.plan.sql import TransactionAction
from simdsl.properties.plan_builder import OK_OR_BUSY, PlanBuilder
from simdsl.properties.property import PropertyFinding, PropertyHeld, PropertyViolation, Requirement
from simdsl.properties.registry import register
from simdsl.properties.row_history import WriteOutcome, describe_step
from simdsl.properties.row_visibility import check_invisible_rows
from simdsl.syntax.sql_statements import parse_transaction

_CREATE_TEMPORARY: Final = lazy_regex(r"CREATE TEMP(?:ORARY)? TABLE (\w+)", re.IGNORECASE)
_FROM: Final = lazy_regex(r"\bFROM (\w+)", re.IGNORECASE)


def _check(plan: Plan, events: Iterable[TraceEvent]) -> Iterator[PropertyFinding]:
    """What the pool reports of the transaction, then rows, then temporary tables."""
    known = list(events)
    for event in known:
        if isinstance(event, PoolChanged) and not event.checked_out and event.in_transaction:
            message = f"pool {event.pool} took connection {event.session} back from {event.task} in an open transaction"
            yield PropertyViolation(message=message, evidence=(f"{event.task}: return",), task=event.task)
    yield from check_invisible_rows(known, WriteOutcome.RETURNED)
    yield from _TemporaryTables().check(known)


class _TemporaryTables:
    """The temporary tables that were made in transactions which were open when their connection was returned.

    They belong to a session, so they are followed by connection, not by task: the next owner is another task.
    """

    def __init__(self) -> None:
        self._in_transaction: set[str] = set()  # tasks
        self._made: dict[str, dict[str, StepCompleted]] = {}  # by task: what its open transaction made
        self._left: dict[tuple[int, str], StepCompleted] = {}  # by connection and name: what should be gone

    def check(self, events: Iterable[TraceEvent]) -> Iterator[PropertyFinding]:
        for event in events:
            if isinstance(event, PoolChanged):
                if not event.checked_out:
                    made = self._made.pop(event.task, {})
                    self._left |= {(event.session, name): step for name, step in made.items()}
                    self._in_transaction.discard(event.task)
                continue
            if not isinstance(event, StepCompleted):
                continue
            transaction = parse_transaction(event.what)
            if transaction is not None and not isinstance(event.outcome, Failed):
                if transaction.action is TransactionAction.BEGIN:
                    self._in_transaction.add(event.task)
                elif transaction.action in (TransactionAction.COMMIT, TransactionAction.ROLLBACK):
                    self._in_transaction.discard(event.task)
                    self._made.pop(event.task, None)
            elif event.session is not None:
                yield from self._statement(event, event.session)

    def _statement(self, event: StepCompleted, session: int) -> Iterator[PropertyFinding]:
        if match := _CREATE_TEMPORARY.match(event.what):
            name = match[1].lower()
            if not isinstance(event.outcome, Failed):
                self._left.pop((session, name), None)
                if event.task in self._in_transaction:
                    self._made.setdefault(event.task, {})[name] = event
            return
        match = _FROM.search(event.what)
        name = match[1].lower() if match else ""
        maker = self._left.get((session, name))
        if maker is None or name in self._made.get(event.task, {}):
            return
        if isinstance(event.outcome, Rows):
            message = f"{event.task} finds table {name}, which {maker.task} made in a transaction that it left open"
            evidence = (describe_step(maker), f"{maker.task}: return", describe_step(event))
            yield PropertyViolation(message=message, evidence=evidence, path=event.path, task=event.task)
        else:
            yield PropertyHeld(path=event.path)


@register(
    "pool-clean-return",
    specification=__doc__,
    summary="What was left open is gone when the connection is lent again.",
    check=_check,
    requires=(Requirement.POOLS,),
    unchecked="nobody read after a connection was returned within a transaction that had written",
)
def pool_clean_return(plan: PlanBuilder) -> None:
    """Tasks that return connections with open transactions, and a task that gets them next."""
    plan.use_keyed_tables()
    plan.pool_size = 1 + plan.choose(max(1, plan.size.writers), "size")
    for task in plan.writers():
        for turn in range(plan.size.rounds):
            task.add(task.checkout(), task.begin())
            if plan.choose(2, "temporary", task.number, turn):
                task.add(task.sql("CREATE TEMPORARY TABLE scratch (v INTEGER)", OK_OR_BUSY))
            task.add(*task.writes(task.number, turn), *task.extras(in_transaction=True), task.release())
    following = plan.task("next")
    for _ in range(plan.size.rounds + 1):
        # The COMMIT must find no transaction: in one that was left open it would make its writes permanent.
        commit = following.commit(expect_error(ErrorClass.NO_ACTIVE_TRANSACTION))
        following.add(following.checkout(), commit, following.read_all())
        missing = following.sql("SELECT v FROM scratch", expect_error(ErrorClass.UNDEFINED_TABLE))
        following.add(missing, *following.extras(), following.release())
