"""A pool lends each connection once, never more than it has, and gets all of them back.

Claim: a connection has one owner; a pool counts what it has lent, and never more than its size. A checkout that finds
nothing waits, and is served when a connection comes back, or refused exactly at its deadline. After the last return nothing
is busy and nobody waits.

Steps: more tasks than connections check out, sleep a random time, and return; who is refused tries again.

Violated when: one of that is not so; also when a checkout is served after its deadline.

Evidence: the loans and the waits of the pool, up to the one that is wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import field

from simdsl.core.trace import BlockReason, PoolChanged, StepCompleted, TaskBlocked, TraceEvent
from simdsl.plan.dataclasses import dataclass
from simdsl.plan.outcomes import ErrorClass, Failed
from simdsl.plan.plan import Plan
from simdsl.plan.source import Path
from simdsl.plan.steps import Checkout, For, Retry, Step
from simdsl.properties.plan_builder import PlanBuilder, StepText
from simdsl.properties.property import PlanSize, Property, PropertyFinding, PropertyHeld, PropertyViolation, Requirement

_TIMEOUT_MS = 20


def make(seed: int, size: PlanSize) -> Plan:
    """Tasks that want connections for a random time."""
    draft = PlanBuilder("pool-checkout-return", "A pool lends each connection once and gets all of them back.", seed, size)
    pool = 1 + draft.pick(size.writers, "size")
    tasks: dict[str, list[StepText]] = {}
    for number in range(1, pool + 3):
        name, steps = f"t{number}", list[StepText]()
        for turn in range(size.rounds):
            attempts = 20 * (pool + 2) * size.rounds
            checkout: StepText = {"retry": f"{attempts} times on pool_timeout every 3ms", "do": [{"checkout": "from main"}]}
            steps += [checkout, f"SELECT {draft.value()} => 1 row"]
            if draft.pick(3, "sleep", number, turn):
                steps.append({"sleep": f"{1 + draft.pick(2 * _TIMEOUT_MS, 'long', number, turn)}ms"})
            steps += [{"check": "pool.main.busy >= 1 and pool.main.busy <= pool.main.size"}, {"return": name}]
        tasks[name] = steps
    last: list[StepText] = [{"check": "pool.main.busy = 0 and pool.main.waiting = 0"}]
    return draft.finish(tasks, pool=pool, timeout=f"{_TIMEOUT_MS}ms", setup=[], last=last)


def judge(plan: Plan, events: Iterable[TraceEvent]) -> Iterator[PropertyFinding]:
    """Follow the loans of every pool."""
    timeouts = dict(_timeouts(plan))
    pools = {spec.name: _Pool(name=spec.name, size=spec.size, timeout_us=spec.timeout_us) for spec in plan.pools}
    for event in events:
        match event:
            case PoolChanged() if event.pool in pools:
                yield from pools[event.pool].moved(event)
            case TaskBlocked(wait=BlockReason.POOL) if (pool := pools.get(event.what.removeprefix("checkout "))) is not None:
                pool.parked(event, timeouts.get(event.path))
            case StepCompleted() if (pool := pools.get(event.what.removeprefix("checkout "))) is not None:
                yield from pool.came(event)
            case _:
                pass
    for pool in pools.values():
        yield from pool.ended()


def _timeouts(plan: Plan) -> Iterator[tuple[Path, int]]:
    """The checkouts that have a timeout of their own."""
    lists: list[tuple[Path, Sequence[Step]]] = [(("steps",), plan.steps or ())]
    lists += [(("tasks", task.name), task.steps) for task in plan.tasks or ()]
    lists += [
        (("workload", "actions", deed.name, "do"), deed.body)
        for deed in (plan.workload.actions if plan.workload is not None else ())
    ]
    while lists:
        at, steps = lists.pop()
        for i, step in enumerate(steps):
            if isinstance(step, For | Retry):
                lists.append(((*at, i, "do"), step.body))
            elif isinstance(step, Checkout) and step.options.timeout_us is not None:
                yield (*at, i), step.options.timeout_us


@dataclass(slots=True, kw_only=True, eq=False)
class _Pool:
    name: str
    size: int
    timeout_us: int
    owners: dict[int, str] = field(default_factory=dict)
    deadlines: dict[str, int] = field(default_factory=dict)  # of those who wait
    served: dict[str, int] = field(default_factory=dict)  # the deadlines of those who have been lent one since
    history: list[str] = field(default_factory=list)
    last: PoolChanged | None = None

    def moved(self, event: PoolChanged) -> Iterator[PropertyFinding]:
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
                yield self._wrong(
                    f"connection {event.session} is lent to {event.task}, and {owner} still has it", event.task
                )
        if len(self.owners) > self.size:
            yield self._wrong(f"{len(self.owners)} connections are lent, and the size is {self.size}", event.task)
        # A connection is in the hand of somebody who waited: it is busy, and its loan comes with his next move.
        left = len(self.deadlines) - event.waiting
        if not 0 <= event.busy - len(self.owners) <= left:
            message = f"{event.busy} are counted as busy, {len(self.owners)} are lent, and {event.waiting} wait"
            yield self._wrong(message, event.task)
        if event.idle < 0 or event.busy < 0 or event.busy + event.idle > self.size:
            yield self._wrong(f"{event.busy} busy and {event.idle} idle are not within {self.size}", event.task)

    def parked(self, event: TaskBlocked, timeout_us: int | None) -> None:
        deadline = event.now_us + (self.timeout_us if timeout_us is None else timeout_us)
        self.deadlines[event.task] = deadline
        self.history.append(f"{event.task} waits for a connection until {deadline} us")

    def came(self, event: StepCompleted) -> Iterator[PropertyFinding]:
        deadline = self.deadlines.pop(event.task, self.served.pop(event.task, None))
        if isinstance(event.outcome, Failed):
            if event.outcome.error_class is ErrorClass.POOL_TIMEOUT:
                self.history.append(f"{event.task} is refused at {event.now_us} us")
                yield from self._refused(event, deadline)
        elif deadline is not None and deadline < event.now_us:
            message = f"{event.task} is served at {event.now_us} us, and its deadline is {deadline} us"
            yield self._wrong(message, event.task, event.path)
        elif deadline is not None or len(self.owners) == self.size:
            yield PropertyHeld(path=event.path)  # the last connection was lent, or somebody who waited was served

    def ended(self) -> Iterator[PropertyFinding]:
        if self.last is None or self.owners:
            return
        if self.last.busy or self.last.idle > self.size:
            yield self._wrong(f"all is returned, and {self.last.busy} are counted as busy", self.last.task)
        elif self.last.waiting:
            yield self._wrong(f"all is returned, and {self.last.waiting} still wait", self.last.task)
        else:
            yield PropertyHeld()

    def _refused(self, event: StepCompleted, deadline: int | None) -> Iterator[PropertyFinding]:
        if len(self.owners) < self.size:
            free = self.size - len(self.owners)
            yield self._wrong(f"{event.task} is refused, and {free} of {self.size} are not lent", event.task, event.path)
        elif deadline is None:
            yield self._wrong(f"{event.task} is refused without having waited", event.task, event.path)
        elif deadline != event.now_us:
            message = f"{event.task} is refused at {event.now_us} us, and its deadline is {deadline} us"
            yield self._wrong(message, event.task, event.path)
        else:
            yield PropertyHeld(path=event.path)

    def _wrong(self, message: str, task: str, path: Path = ()) -> PropertyViolation:
        return PropertyViolation(
            message=f"pool {self.name}: {message}", evidence=tuple(self.history[-8:]), path=path, task=task
        )


PROPERTY = Property(
    name="pool-checkout-return",
    specification=__doc__,
    make=make,
    judge=judge,
    needs=(Requirement.POOLS,),
    never="the pool never lent its last connection, and never got all of them back",
)
