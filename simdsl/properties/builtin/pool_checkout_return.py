"""A pool lends each connection once, never more than it has, and gets all of them back.

Claim: a connection has one owner; a pool counts what it has lent, and never lends more than its size. A checkout that finds
no connection waits, and is served when one comes back, or refused exactly at its deadline. After the last return nothing
is busy and nobody waits.

Steps: more tasks than connections check out, sleep a random time, and return; a task that is refused tries again.

Violated when: one of these is not so; also when a checkout is served after its deadline.

Evidence: the checkouts, returns and waits of the pool, up to the one that is wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import field
from typing import Final

from simdsl.core.trace import BlockReason, PoolChanged, StepCompleted, TaskBlocked, TraceEvent
from simdsl.generation.statements import expect_row_count, nothing_checked_out
from simdsl.plan.dataclasses import dataclass
from simdsl.plan.expressions import BinaryOperator, PoolCounter
from simdsl.plan.outcomes import ErrorClass, Failed
from simdsl.plan.plan import Plan
from simdsl.plan.source import Path
from simdsl.properties.plan_builder import POOL, PlanBuilder
from simdsl.properties.property import PropertyFinding, PropertyHeld, PropertyViolation, Requirement
from simdsl.properties.registry import register
from simdsl.properties.relations import all_of, binary, constant, pool_count, steps_with_paths
from simdsl.verbs.checkout import Checkout
from simdsl.verbs.retry import Retry

_TIMEOUT_MS: Final = 20


def _check(plan: Plan, events: Iterable[TraceEvent]) -> Iterator[PropertyFinding]:
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
    specification=__doc__,
    summary="A pool lends each connection once and gets all of them back.",
    check=_check,
    requires=(Requirement.POOLS,),
    unchecked="the pool never lent its last connection, and never got all of them back",
)
def pool_checkout_return(plan: PlanBuilder) -> None:
    """Tasks that hold connections for a random time, two more than there are connections."""
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
