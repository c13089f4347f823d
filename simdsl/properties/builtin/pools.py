"""Properties of connection pools: what is lent comes back, comes back clean, and is alive."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import field
from typing import Final

from simdsl.core.trace import BlockReason, PoolChanged, StepCompleted, TaskBlocked, TraceEvent
from simdsl.generation.statements import expect_error, expect_row_count, expect_rows, nothing_checked_out
from simdsl.plan.deferred import dataclass, lazy_regex
from simdsl.plan.diagnostics import Path
from simdsl.plan.expressions import BinaryOperator, PoolCounter
from simdsl.plan.outcomes import ErrorClass, Failed, Rows
from simdsl.plan.plan import Plan
from simdsl.plan.sql import TransactionAction
from simdsl.properties.owned_rows import check_invisible_rows
from simdsl.properties.plan_builder import OK_OR_BUSY, POOL, PlanBuilder
from simdsl.properties.property import PropertyFinding, PropertyHeld, PropertyViolation, Requirement
from simdsl.properties.registry import register
from simdsl.properties.relations import all_of, binary, constant, pool_count, steps_with_paths
from simdsl.properties.row_history import WriteOutcome, describe_step
from simdsl.syntax.sql_lexer import parse_transaction
from simdsl.verbs.checkout import Checkout
from simdsl.verbs.fault import Fault
from simdsl.verbs.retry import Retry

# pool-checkout-return


_TIMEOUT_MS: Final = 20


def _check_checkout(plan: Plan, events: Iterable[TraceEvent]) -> Iterator[PropertyFinding]:
    """Follow the connections of every pool."""
    timeouts = dict(_own_timeouts(plan))
    pools = {spec.name: _PoolModel(name=spec.name, size=spec.size, timeout_us=spec.timeout_us) for spec in plan.pools}
    for event in events:
        if isinstance(event, PoolChanged) and event.pool in pools:
            yield from pools[event.pool].changed(event)
        elif isinstance(event, TaskBlocked) and event.wait is BlockReason.POOL:
            pool = pools.get(event.what.removeprefix("checkout "))
            if pool is not None:
                pool.blocked(event, timeouts.get(event.path))
        elif isinstance(event, StepCompleted):
            pool = pools.get(event.what.removeprefix("checkout "))
            if pool is not None:
                yield from pool.checkout_completed(event)
    for pool in pools.values():
        yield from pool.ended()


def _own_timeouts(plan: Plan) -> Iterator[tuple[Path, int]]:
    """The checkouts that do not use the timeout of their pool."""
    for path, step in steps_with_paths(plan):
        if isinstance(step, Checkout) and step.options.timeout_us is not None:
            yield path, step.options.timeout_us


@dataclass(slots=True, kw_only=True, eq=False)
class _PoolModel:
    """What a pool must do next, by the trace so far."""

    name: str
    size: int
    timeout_us: int
    owners: dict[int, str] = field(default_factory=dict)  # tasks by connection
    deadlines: dict[str, int] = field(default_factory=dict)  # of the tasks that wait
    served: dict[str, int] = field(default_factory=dict)  # the deadlines of those that were given a connection since
    history: list[str] = field(default_factory=list)
    last: PoolChanged | None = None

    def changed(self, event: PoolChanged) -> Iterator[PropertyFinding]:
        self.last = event
        deadline = self.deadlines.pop(event.task, None)
        if event.checked_out and deadline is not None:
            self.served[event.task] = deadline
        verb = "is lent" if event.checked_out else "returns"
        self.history.append(f"{event.task} {verb} connection {event.session}: {event.busy} busy, {event.idle} idle")
        owner = self.owners.pop(event.session, None)
        if event.checked_out:
            self.owners[event.session] = event.task
            if owner is not None:
                message = f"connection {event.session} is lent to {event.task}, and {owner} still has it"
                yield self._violation(message, event.task)
        if len(self.owners) > self.size:
            message = f"{len(self.owners)} connections are lent, and the size is {self.size}"
            yield self._violation(message, event.task)
        # A returned connection may go straight to a task that waits. The pool counts it as busy at once, but the task's
        # own event comes only when the task moves next: until then as many are busy without an owner as stopped waiting.
        handed_over = len(self.deadlines) - event.waiting
        if not 0 <= event.busy - len(self.owners) <= handed_over:
            message = f"{event.busy} are counted as busy, {len(self.owners)} are lent, and {event.waiting} wait"
            yield self._violation(message, event.task)
        if event.idle < 0 or event.busy < 0 or event.busy + event.idle > self.size:
            message = f"{event.busy} busy and {event.idle} idle are not within {self.size}"
            yield self._violation(message, event.task)

    def blocked(self, event: TaskBlocked, timeout_us: int | None) -> None:
        deadline = event.now_us + (self.timeout_us if timeout_us is None else timeout_us)
        self.deadlines[event.task] = deadline
        self.history.append(f"{event.task} waits for a connection until {deadline} us")

    def checkout_completed(self, event: StepCompleted) -> Iterator[PropertyFinding]:
        deadline = self.deadlines.pop(event.task, self.served.pop(event.task, None))
        if isinstance(event.outcome, Failed):
            if event.outcome.error_class is ErrorClass.POOL_TIMEOUT:
                self.history.append(f"{event.task} is refused at {event.now_us} us")
                yield from self._refused(event, deadline)
        elif deadline is not None and deadline < event.now_us:
            message = f"{event.task} is served at {event.now_us} us, and its deadline is {deadline} us"
            yield self._violation(message, event.task, event.path)
        elif deadline is not None or len(self.owners) == self.size:
            # The last connection was lent, or a task that waited was served: only then can a pool do wrong.
            yield PropertyHeld(path=event.path)

    def ended(self) -> Iterator[PropertyFinding]:
        if self.last is None or self.owners:
            return
        if self.last.busy or self.last.idle > self.size:
            message = f"all is returned, and {self.last.busy} are counted as busy"
            yield self._violation(message, self.last.task)
        elif self.last.waiting:
            yield self._violation(f"all is returned, and {self.last.waiting} still wait", self.last.task)
        else:
            yield PropertyHeld()

    def _refused(self, event: StepCompleted, deadline: int | None) -> Iterator[PropertyFinding]:
        if len(self.owners) < self.size:
            message = f"{event.task} is refused, and {self.size - len(self.owners)} of {self.size} are not lent"
        elif deadline is None:
            message = f"{event.task} is refused without having waited"
        elif deadline != event.now_us:
            message = f"{event.task} is refused at {event.now_us} us, and its deadline is {deadline} us"
        else:
            yield PropertyHeld(path=event.path)
            return
        yield self._violation(message, event.task, event.path)

    def _violation(self, message: str, task: str, path: Path = ()) -> PropertyViolation:
        evidence = tuple(self.history[-8:])  # what is older has been returned and waited for since
        return PropertyViolation(message=f"pool {self.name}: {message}", evidence=evidence, path=path, task=task)


@register(
    "pool-checkout-return",
    summary="A pool lends each connection once and gets all of them back.",
    check=_check_checkout,
    requires=(Requirement.POOLS,),
    unchecked="the pool never lent its last connection, and never got all of them back",
)
def pool_checkout_return(plan: PlanBuilder) -> None:
    """A pool lends each connection once, never more than it has, and gets all of them back.

    Claim: a connection has one owner; a pool counts what it has lent, and never lends more than its size. A checkout that
    finds no connection waits, and is served when one comes back, or refused exactly at its deadline. After the last return
    nothing is busy and nobody waits.

    Steps: more tasks than connections check out, sleep a random time, and return; a task that is refused tries again.

    Violated when: one of these is not so; also when a checkout is served after its deadline.

    Evidence: the checkouts, returns and waits of the pool, up to the one that is wrong.
    """
    plan.pool_size = pool = 1 + plan.choose(plan.size.writers, "size")
    plan.pool_timeout_us = _TIMEOUT_MS * 1000
    attempts = 20 * (pool + 2) * plan.size.rounds
    busy, size = pool_count(POOL, PoolCounter.BUSY), pool_count(POOL, PoolCounter.SIZE)
    is_counted = all_of(binary(busy, BinaryOperator.GE, constant(1)), binary(busy, BinaryOperator.LE, size))
    for number in range(1, pool + 3):
        task = plan.task(f"t{number}", number)
        for turn in range(plan.size.rounds):
            refused = (ErrorClass.POOL_TIMEOUT,)
            task.add(Retry(times=attempts, classes=refused, every_us=3000, body=(task.checkout(),)))
            task.add(task.sql(f"SELECT {plan.new_value()}", expect_row_count(1)))
            if plan.choose(3, "sleep", number, turn):
                # Up to twice the timeout, so that some waits end by a return and some at the deadline.
                task.add(task.sleep(1 + plan.choose(2 * _TIMEOUT_MS, "long", number, turn)))
            task.add(task.check(is_counted), task.release())
    plan.finally_.add(plan.finally_.check(nothing_checked_out(POOL)))


# pool-clean-return


_CREATE_TEMPORARY: Final = lazy_regex(r"CREATE TEMP(?:ORARY)? TABLE (\w+)", re.IGNORECASE)
_FROM: Final = lazy_regex(r"\bFROM (\w+)", re.IGNORECASE)


def _check_clean_return(plan: Plan, events: Iterable[TraceEvent]) -> Iterator[PropertyFinding]:
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
    summary="What was left open is gone when the connection is lent again.",
    check=_check_clean_return,
    requires=(Requirement.POOLS,),
    unchecked="nobody read after a connection was returned within a transaction that had written",
)
def pool_clean_return(plan: PlanBuilder) -> None:
    """What a transaction left open is gone when its connection is lent again.

    Claim: when a connection is returned within a transaction, the next owner finds no transaction, no row that it wrote and
    nothing that it made. What a session set outside of a transaction is the pool's contract, and is not checked.

    Steps: BEGIN, writes, perhaps a temporary table, `return` without COMMIT; other tasks check connections out of the same
    pool, find that there is no transaction to commit, and read.

    Violated when: a connection comes back with its transaction open; a query shows a row that was left open at a return; or
    a temporary table of such a transaction is still there.

    Evidence: the write, the return, and what shows it.
    """
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


# pool-survives-kill


_LOST: Final = frozenset((ErrorClass.CONNECTION_LOST, ErrorClass.CONNECTION_CLOSED))


def _check_kill(plan: Plan, events: Iterable[TraceEvent]) -> Iterator[PropertyFinding]:
    """Follow the connections that were lost. Only what comes after the first loss is checked."""
    sizes = {f"checkout {spec.name}": (spec.name, spec.size) for spec in plan.pools}
    lost: dict[int, StepCompleted] = {}
    checked_out: dict[str, set[int]] = {}
    for event in events:
        if isinstance(event, PoolChanged):
            owned = checked_out.setdefault(event.pool, set())
            (owned.add if event.checked_out else owned.discard)(event.session)
            if not event.checked_out or not lost:
                continue
            if event.session not in lost:
                yield PropertyHeld()
                continue
            step = lost[event.session]
            message = f"pool {event.pool} lends {event.task} connection {event.session}, which was lost"
            evidence = (describe_step(step), f"{event.task}: checkout {event.pool}")
            yield PropertyViolation(message=message, evidence=evidence, task=event.task)
        elif isinstance(event, StepCompleted) and isinstance(event.outcome, Failed):
            error = event.outcome.error_class
            if error in _LOST and event.session is not None:
                lost.setdefault(event.session, event)
            elif error is ErrorClass.POOL_TIMEOUT and event.what in sizes and lost:
                pool, size = sizes[event.what]
                # A refusal is right while all connections are lent; with fewer the pool counts dead ones as its own.
                if len(checked_out.get(pool, ())) < size:
                    message = f"pool {pool} has not replaced what it lost: {event.task} is refused"
                    losses = (*map(describe_step, lost.values()), describe_step(event))
                    yield PropertyViolation(message=message, evidence=losses, path=event.path, task=event.task)


@register(
    "pool-survives-kill",
    summary="A pool hands out no dead connection, and makes new ones.",
    check=_check_kill,
    requires=(Requirement.POOLS, Requirement.DISCONNECT),
    unchecked="no connection was lost and then another one lent",
)
def pool_survives_kill(plan: PlanBuilder) -> None:
    """A pool that loses connections hands out none of the dead ones, and makes new ones.

    Claim: a connection that was lost is not lent again, and the pool can lend as many as its size afterwards.

    Steps: a connection is lost while it is idle, while it is lent, and within a transaction; then as many tasks as the pool
    has connections check out and ask something. This needs `fault: disconnect`, which no backend of this version has: there
    the plan is skipped and says so.

    Violated when: a connection on which a statement came to `connection_lost` is lent again; or a checkout is refused
    although fewer are lent than the pool's size.

    Evidence: the statement that lost the connection, and the checkout that was served or refused.
    """
    plan.use_keyed_tables()
    for task in plan.writers():
        task.add(task.checkout())
        if plan.choose(2, "in transaction", task.number):
            task.add(task.begin(), *task.writes(task.number))
        task.add(Fault(words=("disconnect",), task=task.name))
        task.add(task.sql("SELECT 1", expect_error(ErrorClass.CONNECTION_LOST)), task.release())
    for number in range(1, plan.size.writers + 1):
        task = plan.task(f"next{number}", number)
        for _ in range(plan.size.rounds):
            task.add(task.checkout(), task.sql("SELECT 2", expect_rows([(2,)])), task.release())
