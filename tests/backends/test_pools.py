"""Pools through the protocol: whose code waits, and which bugs of a wait queue are found."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy.pool import QueuePool

from simdsl.backends.pools import queuepool
from simdsl.backends.protocol import BackendUnavailable, Database, Lease, Pool, PoolCounts, Tx
from simdsl.backends.registry import resolve
from simdsl.core.clock import Clock
from simdsl.core.verdicts import RunReport
from simdsl.language.load import load_file
from simdsl.plan.outcomes import ErrorClass, Failed
from simdsl.plan.plan import PoolSpec
from simdsl.testing.conformance import lent, refused
from tests.backends.planted_pools import StubbornQueue
from tests.running import run_loaded

PLANTED = "tests.backends.planted_pools"
FIRST_COME = Path(__file__).parents[2] / "plans" / "pool" / "first-come-first-served.yaml"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def make(clock: Clock) -> Iterator[Callable[..., Pool]]:
    databases: list[Database] = []

    def pool(factory: str, size: int = 1, timeout_us: int = 100) -> Pool:
        database = resolve(f"sqlite?pool={PLANTED}:{factory}").create()
        databases.append(database)
        return database.pool(PoolSpec(name="main", size=size, timeout_us=timeout_us), clock)

    yield pool
    for database in databases:
        database.close()


def is_first_come_first_served(pool: Pool, clock: Clock) -> bool:
    """Two wait; one return serves the first of them at once, and the second when it returns."""
    holder = lent(pool.request("a"))
    first, second = pool.request("b"), pool.request("c")
    clock.advance_to(10)
    pool.release(holder)
    if second.poll() is not None:
        return False
    served = first.poll()
    if served is None or isinstance(served, Failed):
        return False
    pool.release(served)
    last = second.poll()
    if last is None or isinstance(last, Failed):
        return False
    pool.release(last)
    return pool.counts() == PoolCounts(size=1, idle=1, busy=0, waiting=0)


def survives_a_timeout(pool: Pool, clock: Clock) -> bool:
    """One gives up; what is returned afterwards is free for the next."""
    holder = lent(pool.request("a"))
    gone = pool.request("b")
    clock.advance_to(clock.now_us + 100)
    if refused(gone) is not ErrorClass.POOL_TIMEOUT:
        return False
    pool.release(holder)
    return pool.counts() == PoolCounts(size=1, idle=1, busy=0, waiting=0) and pool.request("c").poll() is not None


@pytest.mark.parametrize("factory", ["correct", "plain"])
def test_correct_pools_hold(make: Callable[..., Pool], clock: Clock, factory: str) -> None:
    assert is_first_come_first_served(make(factory), clock)
    assert survives_a_timeout(make(factory), clock)


@pytest.mark.parametrize("factory", ["lost_hand_off", "last_first", "no_wake_up"])
def test_planted_bug_in_serving_is_found(make: Callable[..., Pool], clock: Clock, factory: str) -> None:
    assert not is_first_come_first_served(make(factory), clock)


def test_planted_lease_to_a_timed_out_waiter_is_found(make: Callable[..., Pool], clock: Clock) -> None:
    assert is_first_come_first_served(make("lease_to_the_gone"), clock)
    assert not survives_a_timeout(make("lease_to_the_gone"), clock)


@pytest.mark.parametrize("factory", ["correct", "plain", "queuepool"])
def test_plan_holds_on_correct_pools(factory: str) -> None:
    assert _failed(factory) is None


@pytest.mark.parametrize("factory", ["lost_hand_off", "last_first", "lease_to_the_gone", "no_wake_up"])
def test_plan_finds_each_planted_bug(factory: str) -> None:
    assert _failed(factory) is not None


def test_lost_hand_off_shows_in_the_counts(make: Callable[..., Pool], clock: Clock) -> None:
    pool = make("lost_hand_off")
    holder, waiting = lent(pool.request("a")), pool.request("b")
    pool.release(holder)
    clock.advance_to(100)
    assert refused(waiting) is ErrorClass.POOL_TIMEOUT
    assert pool.counts() == PoolCounts(size=1, idle=0, busy=1, waiting=0)


def test_missed_wake_up_is_served_only_at_its_deadline(make: Callable[..., Pool], clock: Clock) -> None:
    pool = make("no_wake_up")
    holder, waiting = lent(pool.request("a")), pool.request("b")
    clock.advance_to(10)
    pool.release(holder)
    clock.advance_to(99)
    assert waiting.poll() is None
    clock.advance_to(100)
    assert lent(waiting).session is holder.session


def test_deadlines_are_met_to_the_microsecond(make: Callable[..., Pool], clock: Clock) -> None:
    clock.advance_to(1_234_567)
    pool = make("correct", timeout_us=100_003)
    lent(pool.request("a"))
    tickets = []
    for moment in (1_300_001, 1_300_002, 1_333_333):
        clock.advance_to(moment)
        tickets.append((moment + 100_003, pool.request("b")))
    for deadline, ticket in tickets:
        clock.advance_to(deadline - 1)
        assert ticket.poll() is None
        clock.advance_to(deadline)
        assert refused(ticket) is ErrorClass.POOL_TIMEOUT


def test_plain_pool_counts_and_invalidation(make: Callable[..., Pool], clock: Clock) -> None:
    pool = make("plain", size=2)
    lease = lent(pool.request("a"))
    other = lent(pool.request("b"))
    assert pool.counts() == PoolCounts(size=2, idle=0, busy=2, waiting=0)
    assert "no connection within" in _text(pool, clock)
    pool.release(other)
    assert pool.counts() == PoolCounts(size=2, idle=1, busy=1, waiting=0)
    pool.invalidate(lease)
    assert lease.session.tx() is Tx.LOST
    assert pool.counts() == PoolCounts(size=2, idle=1, busy=0, waiting=0)


def test_queue_that_cannot_wait_virtually_is_polled_loudly(make: Callable[..., Pool], clock: Clock) -> None:
    with pytest.warns(RuntimeWarning, match="polled"):
        pool = make("stubborn")
    assert is_first_come_first_served(pool, clock)
    assert survives_a_timeout(pool, clock)


def test_description_says_what_another_version_of_sqlalchemy_would_lack(monkeypatch: pytest.MonkeyPatch) -> None:
    backend = resolve("sqlite")
    assert queuepool.problem() is None
    assert backend.describe().pool.endswith(", waits in virtual time")
    monkeypatch.setattr(QueuePool, "_queue_class", StubbornQueue)
    assert backend.describe().pool.endswith(", is polled: a wait of StubbornQueue does not use the virtual clock")
    monkeypatch.setattr(QueuePool, "_queue_class", staticmethod(lambda size, use_lifo: deque(maxlen=size)))
    assert "its queue is not built as expected" in backend.describe().pool


def test_polled_pool_leaves_the_queue_on_cancel(make: Callable[..., Pool]) -> None:
    with pytest.warns(RuntimeWarning, match="polled"):
        pool = make("stubborn")
    holder = lent(pool.request("a"))
    gone, waiting = pool.request("b"), pool.request("c")
    gone.cancel()
    pool.release(holder)
    assert gone.poll() is None
    assert lent(waiting).session is holder.session
    assert pool.release(holder) is not None
    unread = pool.request("d")
    assert unread.poll() is None
    pool.close()


def test_lease_that_nobody_took_goes_back_on_cancel(make: Callable[..., Pool]) -> None:
    with pytest.warns(RuntimeWarning, match="polled"):
        polled = make("stubborn")
    for pool in (polled, make("correct"), make("plain")):
        pool.request("a").cancel()
        assert pool.counts() == PoolCounts(size=1, idle=1, busy=0, waiting=0)


@pytest.mark.parametrize(
    ("factory", "message"),
    [
        ("broken", "no pool: it has no `connect`"),
        ("raising", "ValueError: not today"),
        ("missing", "cannot be imported"),
        ("PLANTED", "cannot be imported"),
    ],
)
def test_factory_that_makes_no_pool(make: Callable[..., Pool], factory: str, message: str) -> None:
    with pytest.raises(BackendUnavailable, match=message) as caught:
        make(factory)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["nocolon", ":f", "m:"])
def test_factory_must_be_module_and_name(text: str) -> None:
    with pytest.raises(BackendUnavailable, match="module:factory"):
        resolve(f"sqlite?pool={text}")


def test_pool_of_the_plan_wins_over_the_url(clock: Clock) -> None:
    database = resolve(f"sqlite?pool={PLANTED}:lost_hand_off").create()
    try:
        spec = PoolSpec(name="main", size=1, timeout_us=100, driver="queuepool")
        assert is_first_come_first_served(database.pool(spec, clock), clock)
    finally:
        database.close()


def test_lease_of_another_pool_is_refused(clock: Clock) -> None:
    database = resolve("sqlite").create()
    try:
        one, other = (database.pool(PoolSpec(name=name, size=1), clock) for name in ("one", "other"))
        lease: Lease = lent(one.request("a"))
        assert other.release(lease) is not None
        other.invalidate(lease)
        assert one.counts().busy == 1
    finally:
        database.close()


def _failed(factory: str) -> RunReport | None:
    text = factory if factory == "queuepool" else f"{PLANTED}:{factory}"
    return run_loaded(load_file(str(FIRST_COME)), f"sqlite?pool={text}").ended.failed


def _text(pool: Pool, clock: Clock) -> str:
    ticket = pool.request("late")
    clock.advance_to(clock.now_us + 100)
    outcome = ticket.poll()
    assert isinstance(outcome, Failed)
    assert outcome.error_class is ErrorClass.POOL_TIMEOUT
    return outcome.text
