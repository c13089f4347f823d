"""A pool that loses connections hands out none of the dead ones, and makes new ones.

Claim: a connection that was lost is not lent again, and the pool can lend as many as its size afterwards.

Steps: a connection is lost while it is idle, while it is lent, and within a transaction; then as many tasks as the pool has
connections check out and ask something. This needs `fault: disconnect`, which no backend of this version has: there the
plan is skipped and says so.

Violated when: a connection on which a statement came to `connection_lost` is lent again; or a checkout is refused although
fewer are lent than the pool's size.

Evidence: the statement that lost the connection, and the checkout that was served or refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from simdsl.core.trace import PoolChanged, StepCompleted, TraceEvent
from simdsl.generation.statements import expect_error, expect_rows
from simdsl.plan.outcomes import ErrorClass, Failed
from simdsl.plan.plan import Plan
from simdsl.properties.plan_builder import PlanBuilder
from simdsl.properties.property import PropertyFinding, PropertyHeld, PropertyViolation, Requirement
from simdsl.properties.registry import register
from simdsl.properties.row_history import describe_step
from simdsl.verbs.fault import Fault

_LOST: Final = frozenset((ErrorClass.CONNECTION_LOST, ErrorClass.CONNECTION_CLOSED))


def _check(plan: Plan, events: Iterable[TraceEvent]) -> Iterator[PropertyFinding]:
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
    specification=__doc__,
    summary="A pool hands out no dead connection, and makes new ones.",
    check=_check,
    requires=(Requirement.POOLS, Requirement.DISCONNECT),
    unchecked="no connection was lost and then another one lent",
)
def pool_survives_kill(plan: PlanBuilder) -> None:
    """Tasks whose connections are lost, and tasks that come after them."""
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
