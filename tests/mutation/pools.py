"""Bugs of pools. Each factory is what ``sqlite?pool=tests.mutation.pools:NAME`` makes a pool by."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Final

from sqlalchemy.pool import QueuePool
from sqlalchemy.util.queue import Queue

from simdsl.backends.protocol import Backend
from tests.mutation.bug import Bug, Kind, pool

Connect = Callable[[], Any]

# A pool logs what its reset meets under the name of its own module; here that is what is planted.
logging.getLogger(__name__).addHandler(logging.NullHandler())


def _factory(kind: type[QueuePool] = QueuePool, *, times: float = 1, **options: Any) -> Callable[..., QueuePool]:
    """A factory of such pools, whose timeout is so many times what was asked for."""

    def factory(connect: Connect, *, size: int, timeout: float, **_: object) -> QueuePool:
        return kind(connect, **{"pool_size": size, "max_overflow": 0, "timeout": timeout * times, **options})

    return factory


class _Counting(QueuePool):
    """Counts what comes back."""

    returned = 0

    def _do_return_conn(self, record: Any) -> None:
        self.returned += 1
        self.take_back(record)

    def take_back(self, record: Any) -> None:
        super()._do_return_conn(record)


class Forgetful(_Counting):
    def take_back(self, record: Any) -> None:
        if self.returned % 3:
            super().take_back(record)


class LendingWhatIsClosed(_Counting):
    def take_back(self, record: Any) -> None:
        if self.returned % 3 == 0:
            record.dbapi_connection.close()
        super().take_back(record)


class ResettingEverySecondTime(_Counting):
    """To be made without the pool's own reset."""

    def take_back(self, record: Any) -> None:
        if self.returned % 2 == 0:
            record.dbapi_connection.rollback()
        super().take_back(record)


class KeepsWhatItLends(Queue[Any]):
    checked_out = 0

    def _get(self) -> Any:
        self.checked_out += 1
        return self.queue[0] if self.checked_out % 3 == 0 else super()._get()


class LendingTwice(QueuePool):
    _queue_class = KeepsWhatItLends


resets_by_commit = _factory(reset_on_return="commit")
resets_every_second_time = _factory(ResettingEverySecondTime, reset_on_return=None)
lends_one_more = _factory(max_overflow=1)
lends_twice = _factory(LendingTwice)
lends_what_is_closed = _factory(LendingWhatIsClosed)
forgets_a_return = _factory(Forgetful)
gives_up_early = _factory(times=0.5)
gives_up_late = _factory(times=2)


def _own(name: str) -> Callable[[], Backend]:
    return pool(f"tests.mutation.pools:{name}")


BUGS: Final = (
    Bug(
        name="lost-hand-off",
        kind=Kind.POOL,
        does="Who waits is woken with nothing in his hand, and the connection is gone.",
        model="a wake-up that is lost between two who wait",
        expected="pool-checkout-return",
        make=pool("tests.backends.planted_pools:lost_hand_off"),
    ),
    Bug(
        name="lease-to-the-gone",
        kind=Kind.POOL,
        does="Who has given up still stands in the queue and is lent a connection, which he never takes.",
        model="a queue that is not left on a timeout",
        expected="pool-checkout-return",
        make=pool("tests.backends.planted_pools:lease_to_the_gone"),
    ),
    Bug(
        name="no-wake-up",
        kind=Kind.POOL,
        does="A connection is put into the hand of who waits, and nobody tells him.",
        model="a missing notify",
        expected="pool-checkout-return",
        make=pool("tests.backends.planted_pools:no_wake_up"),
    ),
    Bug(
        name="double-checkout",
        kind=Kind.POOL,
        does="Every third connection that is taken out of the queue stays in it.",
        model="a queue that is read and not emptied",
        expected="pool-checkout-return",
        make=_own("lends_twice"),
    ),
    Bug(
        name="one-too-many",
        kind=Kind.POOL,
        does="The pool lends one connection more than its size.",
        model="SQLAlchemy's max_overflow, where nobody asked for it",
        expected="pool-checkout-return",
        make=_own("lends_one_more"),
    ),
    Bug(
        name="never-idle",
        kind=Kind.POOL,
        does="Every third connection that comes back is not put back.",
        model="a leaked place",
        expected="pool-checkout-return",
        make=_own("forgets_a_return"),
    ),
    Bug(
        name="early-timeout",
        kind=Kind.POOL,
        does="A checkout is refused after half of its time.",
        model="a timeout in another unit, or shared by two waits",
        expected="pool-checkout-return",
        make=_own("gives_up_early"),
    ),
    Bug(
        name="late-timeout",
        kind=Kind.POOL,
        does="A checkout is refused after twice its time.",
        model="a timeout that begins anew at a wake-up",
        expected="pool-checkout-return",
        make=_own("gives_up_late"),
    ),
    Bug(
        name="stale-connection",
        kind=Kind.POOL,
        does="Every third connection that comes back is closed, and lent again.",
        model="a server that closes what is idle, and a pool that does not look",
        expected="pool-checkout-return",
        make=_own("lends_what_is_closed"),
    ),
    Bug(
        name="leaked-transaction",
        kind=Kind.POOL,
        does="A connection is lent again with the transaction that its last owner left open.",
        model="SQLAlchemy's reset_on_return=None",
        expected="pool-clean-return",
        make=pool("tests.properties.planted:never_resets"),
    ),
    Bug(
        name="leaked-transaction-every-second",
        kind=Kind.POOL,
        does="Every second connection that comes back is lent again with its open transaction.",
        model="a reset that one path of two leaves out",
        expected="pool-clean-return",
        make=_own("resets_every_second_time"),
    ),
    Bug(
        name="return-commits",
        kind=Kind.POOL,
        does="What a connection has open when it comes back is committed.",
        model="SQLAlchemy's reset_on_return='commit'",
        expected="pool-clean-return",
        make=_own("resets_by_commit"),
    ),
)
