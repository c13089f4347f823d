"""Connections that tasks have from pools, and the trace of their coming and going."""

from __future__ import annotations

from collections.abc import Mapping

from simdsl.backends.protocol import Lease, Pool, Session, Ticket, Tx
from simdsl.core.trace import PoolMoved, Trace
from simdsl.plan.outcomes import Failed
from simdsl.runner.state import Actor


class Leases:
    """The pools of a run and who has what of them."""

    def __init__(self, pools: Mapping[str, Pool], trace: Trace) -> None:
        self.pools = pools
        self._trace = trace

    def request(self, pool: str, actor: Actor) -> Ticket:
        """Begin a checkout, by the pool's own code."""
        return self.pools[pool].request(actor.name)

    def lend(self, actor: Actor, pool: str, lease: Lease) -> None:
        """The pool has lent a connection: it is the task's from now on."""
        actor.lease, actor.session, actor.pool = lease, lease.session, pool
        self._record(actor, lease.session, was_lent=True)

    def give_back(self, actor: Actor) -> Failed | None:
        """Return the task's connection as it is; the pool's own refusal, if it refuses."""
        lease, session = actor.lease, actor.session
        assert lease is not None
        assert session is not None
        actor.lease = actor.session = None
        refused = self.pools[actor.pool].give_back(lease)
        self._record(actor, session, was_lent=False)
        return refused

    def _record(self, actor: Actor, session: Session, *, was_lent: bool) -> None:
        counts = self.pools[actor.pool].counts()
        self._trace.add(
            PoolMoved(
                pool=actor.pool,
                task=actor.name,
                session=session.id,
                lent=was_lent,
                size=counts.size,
                idle=counts.idle,
                busy=counts.busy,
                waiting=counts.waiting,
                in_transaction=session.tx() in (Tx.OPEN, Tx.FAILED),
            )
        )
