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

from simdsl.core.trace import Event, PoolMoved, Stepped
from simdsl.plan.ir import Plan
from simdsl.plan.outcomes import ErrorClass, Failed
from simdsl.properties.book import told
from simdsl.properties.making import Draft, Line
from simdsl.properties.property import Finding, Held, Need, Property, Size, Violation

_LOST = frozenset((ErrorClass.CONNECTION_LOST, ErrorClass.CONNECTION_CLOSED))


def make(seed: int, size: Size) -> Plan:
    """Tasks whose connections are lost, and tasks that come after them."""
    draft = Draft("pool-survives-kill", "A pool hands out no dead connection, and makes new ones.", seed, size)
    tasks: dict[str, list[Line]] = {}
    for number in range(1, size.writers + 1):
        steps: list[Line] = [{"checkout": "from main"}]
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


def judge(plan: Plan, events: Iterable[Event]) -> Iterator[Finding]:
    """Follow the connections that were lost. Only what comes after the first loss is judged."""
    sizes = {f"checkout {spec.name}": (spec.name, spec.size) for spec in plan.pools}
    lost: dict[int, Stepped] = {}
    lent: dict[str, set[int]] = {}
    for event in events:
        if isinstance(event, PoolMoved):
            owned = lent.setdefault(event.pool, set())
            (owned.add if event.lent else owned.discard)(event.session)
            if not event.lent or not lost:
                continue
            if event.session not in lost:
                yield Held()
                continue
            step = lost[event.session]
            message = f"pool {event.pool} lends {event.task} connection {event.session}, which was lost"
            yield Violation(message=message, evidence=(told(step), f"{event.task}: checkout {event.pool}"), task=event.task)
        elif isinstance(event, Stepped) and isinstance(event.outcome, Failed):
            error = event.outcome.error_class
            if error in _LOST and event.session is not None:
                lost.setdefault(event.session, event)
            elif error is ErrorClass.POOL_TIMEOUT and event.what in sizes and lost:
                pool, size = sizes[event.what]
                if len(lent.get(pool, ())) < size:
                    message = f"pool {pool} has not replaced what it lost: {event.task} is refused"
                    evidence = (*(told(step) for step in lost.values()), told(event))
                    yield Violation(message=message, evidence=evidence, path=event.path, task=event.task)


PROPERTY = Property(
    name="pool-survives-kill",
    specification=__doc__,
    make=make,
    judge=judge,
    needs=(Need.POOLS, Need.DISCONNECT),
    never="no connection was lost and then another one lent",
)
