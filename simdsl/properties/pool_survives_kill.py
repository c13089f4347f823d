"""A pool that loses connections hands out none of the dead ones, and makes new ones.

Claim: a connection that was lost is not lent again, and the pool can lend as many as its size afterwards.

Steps: a connection is lost while it is idle, while it is lent, and within a transaction; then as many tasks as the pool has
connections check out and ask something. This needs `fault: disconnect`, which no backend of this version has: there the
plan is skipped and says so.

Violated when: a connection on which a statement came to `connection_lost` is lent again; or a checkout is refused although
fewer are lent than the pool's size.

Evidence: the statement that lost the connection, and the loan or the refusal.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from simdsl.core.trace import PoolChanged, StepCompleted, TraceEvent
from simdsl.plan.outcomes import ErrorClass, Failed
from simdsl.plan.plan import Plan
from simdsl.properties.plan_builder import PlanBuilder, StepText
from simdsl.properties.property import PlanSize, Property, PropertyFinding, PropertyHeld, PropertyViolation, Requirement
from simdsl.properties.row_history import told

_LOST = frozenset((ErrorClass.CONNECTION_LOST, ErrorClass.CONNECTION_CLOSED))


def make(seed: int, size: PlanSize) -> Plan:
    """Tasks whose connections are lost, and tasks that come after them."""
    draft = PlanBuilder("pool-survives-kill", "A pool hands out no dead connection, and makes new ones.", seed, size)
    tasks: dict[str, list[StepText]] = {}
    for number in range(1, size.writers + 1):
        steps: list[StepText] = [{"checkout": "from main"}]
        if draft.pick(2, "in transaction", number):
            steps += ["BEGIN", *draft.write(number)]
        steps += [{"fault": "disconnect"}, "SELECT 1 => error connection_lost", {"return": f"w{number}"}]
        tasks[f"w{number}"] = steps
    for number in range(1, size.writers + 1):
        steps = []
        for _ in range(size.rounds):
            steps += [{"checkout": "from main"}, "SELECT 2 => 2", {"return": f"next{number}"}]
        tasks[f"next{number}"] = steps
    return draft.finish(tasks, pool=max(1, size.writers))


def judge(plan: Plan, events: Iterable[TraceEvent]) -> Iterator[PropertyFinding]:
    """Follow the connections that were lost. Only what comes after the first loss is judged."""
    sizes = {f"checkout {spec.name}": (spec.name, spec.size) for spec in plan.pools}
    lost: dict[int, StepCompleted] = {}
    lent: dict[str, set[int]] = {}
    for event in events:
        if isinstance(event, PoolChanged):
            owned = lent.setdefault(event.pool, set())
            (owned.add if event.checked_out else owned.discard)(event.session)
            if not event.checked_out or not lost:
                continue
            if event.session not in lost:
                yield PropertyHeld()
                continue
            step = lost[event.session]
            message = f"pool {event.pool} lends {event.task} connection {event.session}, which was lost"
            yield PropertyViolation(
                message=message, evidence=(told(step), f"{event.task}: checkout {event.pool}"), task=event.task
            )
        elif isinstance(event, StepCompleted) and isinstance(event.outcome, Failed):
            error = event.outcome.error_class
            if error in _LOST and event.session is not None:
                lost.setdefault(event.session, event)
            elif error is ErrorClass.POOL_TIMEOUT and event.what in sizes and lost:
                pool, size = sizes[event.what]
                if len(lent.get(pool, ())) < size:
                    message = f"pool {pool} has not replaced what it lost: {event.task} is refused"
                    evidence = (*(told(step) for step in lost.values()), told(event))
                    yield PropertyViolation(message=message, evidence=evidence, path=event.path, task=event.task)


PROPERTY = Property(
    name="pool-survives-kill",
    specification=__doc__,
    make=make,
    judge=judge,
    needs=(Requirement.POOLS, Requirement.DISCONNECT),
    never="no connection was lost and then another one lent",
)
