"""The built-in invariants of pools and transactions, which are checked on the trace of every run.

A connection has at most one owner; a connection in a transaction has an owner; a pool's counts add up; no statement
runs on a returned connection; after a successful COMMIT or ROLLBACK no transaction is open, and after a successful BEGIN
one is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field

from simdsl.core.trace import BlockReason, PoolChanged, StepCompleted, TaskBlocked, Trace
from simdsl.core.verdicts import Failure, FailureKind
from simdsl.plan.deferred import dataclass
from simdsl.plan.diagnostics import Path
from simdsl.plan.outcomes import Failed
from simdsl.plan.sql import TransactionAction


def violations(trace: Trace, actions: Mapping[Path, TransactionAction], *, pooled: bool) -> Iterator[Failure]:
    """A failure for each violation of an invariant, in the order of the trace.

    ``actions`` maps the steps that control transactions to what they do. ``pooled`` says whether the plan has pools.
    """
    # Without pools only the steps that control transactions matter, and a trace finds those without building the others.
    owners = _Owners()
    for event in trace if pooled else trace.control():
        match event:
            case PoolChanged():
                yield from owners.moved(event)
            case TaskBlocked(wait=BlockReason.POOL):
                owners.queued[event.task] = event.what
            case StepCompleted():
                yield from owners.used(event)
                action = actions.get(event.path)
                if action is not None:
                    yield from _transaction(event, action)
            case _:  # the other events change neither an owner nor a transaction
                pass


@dataclass(slots=True, eq=False)
class _Owners:
    """Which task has which connection, and what each pool has lent."""

    by_session: dict[int, str] = field(default_factory=dict)
    pooled: set[int] = field(default_factory=set)
    checked_out: dict[str, int] = field(default_factory=dict)
    queued: dict[str, str] = field(default_factory=dict)  # the tasks that wait for a connection, and their steps

    def moved(self, event: PoolChanged) -> Iterator[Failure]:
        self.pooled.add(event.session)
        self.queued.pop(event.task, None)
        change = 1 if event.checked_out else -1
        self.checked_out[event.pool] = self.checked_out.get(event.pool, 0) + change
        if event.checked_out:
            owner = self.by_session.get(event.session)
            if owner is not None:
                yield _pool(f"pool {event.pool} lent {event.task} a connection that {owner} still has", event.task)
            self.by_session[event.session] = event.task
        else:
            # Recorded after the pool has reset the connection: what is open now, the next owner gets.
            self.by_session.pop(event.session, None)
            if event.in_transaction:
                yield _pool(
                    f"pool {event.pool} took a connection back from {event.task} and left its transaction open", event.task
                )
        # A pool may count a connection as busy before the trace says so: a waiter that has left the queue without an event
        # was just handed a connection, or its checkout was canceled.
        left = sum(step == f"checkout {event.pool}" for step in self.queued.values()) - event.waiting
        if not 0 <= event.busy - self.checked_out[event.pool] <= left:
            yield _pool(
                f"pool {event.pool} counts {event.busy} busy connections, and {self.checked_out[event.pool]} are lent",
                event.task,
            )
        if event.idle < 0 or event.busy + event.idle > event.size:
            yield _pool(
                f"pool {event.pool} of size {event.size} counts {event.busy} busy and {event.idle} idle connections",
                event.task,
            )

    def used(self, event: StepCompleted) -> Iterator[Failure]:
        self.queued.pop(event.task, None)
        if event.session in self.pooled and event.session is not None and not isinstance(event.outcome, Failed):
            owner = self.by_session.get(event.session)
            if owner is None:
                yield _pool(f"{event.task} used a connection after it was returned", event.task, event.path)
            elif owner != event.task:
                yield _pool(f"{event.task} used a connection that {owner} has", event.task, event.path)


def _transaction(event: StepCompleted, action: TransactionAction) -> Iterator[Failure]:
    # A COMMIT that fails may leave the transaction open, and engines differ about it.
    if isinstance(event.outcome, Failed):
        return
    match action:
        case TransactionAction.COMMIT | TransactionAction.ROLLBACK if event.in_transaction:
            yield _tx(f"{event.task}'s {event.what} succeeded and left a transaction open", event)
        case TransactionAction.BEGIN if event.in_transaction is False:
            yield _tx(f"{event.task}'s {event.what} succeeded and no transaction is open", event)
        case _:  # savepoints neither begin nor end a transaction in every engine
            pass


def _pool(message: str, task: str, path: Path = ()) -> Failure:
    return Failure(kind=FailureKind.POOL, message=message, path=path, task=task, fingerprint=str(FailureKind.POOL))


def _tx(message: str, event: StepCompleted) -> Failure:
    kind = FailureKind.TRANSACTION
    return Failure(kind=kind, message=message, path=event.path, task=event.task, fingerprint=str(kind))
