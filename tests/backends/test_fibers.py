"""Blocking code in virtual time."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Any

import pytest

from simdsl.backends.pools.fibers import BlockedOutsideFiber, FiberScheduler, VirtualSeconds, with_virtual_time
from simdsl.core.clock import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def waits(clock: Clock) -> FiberScheduler:
    return FiberScheduler(clock)


def test_sleep_takes_virtual_time(clock: Clock, waits: FiberScheduler) -> None:
    woken: list[float] = []

    def sleeper() -> None:
        start = waits.time.monotonic()
        waits.time.sleep(3600)
        woken.append(waits.time.monotonic() - start)

    waits.run(sleeper)
    assert woken == []
    clock.advance_to(7_200_000_000)
    assert woken == [3600.0]


def test_lock_is_handed_over_in_order(waits: FiberScheduler) -> None:
    lock = waits.threading.Lock()
    order: list[str] = []

    def worker(name: str) -> Callable[[], None]:
        def work() -> None:
            with lock:
                order.append(name)

        return work

    lock.acquire()
    for name in "abc":
        waits.run(worker(name))
    assert order == []
    assert lock.locked()
    lock.release()
    waits.run_ready()
    assert order == ["a", "b", "c"]
    assert not lock.locked()


def test_lock_gives_up_at_its_timeout(clock: Clock, waits: FiberScheduler) -> None:
    lock = waits.threading.Lock()
    lock.acquire()
    fiber = waits.run(lambda: lock.acquire(timeout=0.5))
    clock.advance_to(499_999)
    assert not fiber.is_over
    clock.advance_to(500_000)
    assert fiber.result is False
    assert waits.run(lambda: lock.acquire(blocking=False)).result is False


def test_rlock_is_reentrant(waits: FiberScheduler) -> None:
    lock = waits.threading.RLock()
    with lock, lock:
        fiber = waits.run(lock.acquire)
        assert not fiber.is_over
    waits.run_ready()
    assert fiber.result is True


def test_release_of_a_free_lock_is_an_error(waits: FiberScheduler) -> None:
    with pytest.raises(RuntimeError, match="is not held"):
        waits.threading.Lock().release()


def test_waiting_outside_of_a_fiber_is_refused(waits: FiberScheduler) -> None:
    with pytest.raises(BlockedOutsideFiber):
        waits.threading.Event().wait()


def test_condition_wakes_in_order_and_times_out(clock: Clock, waits: FiberScheduler) -> None:
    condition = waits.threading.Condition()

    def wait() -> bool:
        with condition:
            return bool(condition.wait(1.0))

    fibers = [waits.run(wait) for _ in range(3)]
    with condition:
        condition.notify()
    waits.run_ready()
    assert [fiber.result for fiber in fibers] == [True, None, None]
    clock.advance_to(1_000_000)
    assert [fiber.result for fiber in fibers] == [True, False, False]


def test_event_wakes_everybody(waits: FiberScheduler) -> None:
    event = waits.threading.Event()
    fibers = [waits.run(lambda: event.wait(9)) for _ in range(2)]
    waits.run(event.set)
    assert [fiber.result for fiber in fibers] == [True, True]
    event.clear()
    assert not event.is_set()


def test_error_is_kept_for_who_asked(waits: FiberScheduler) -> None:
    def fail() -> None:
        raise ValueError("no")

    fiber = waits.run(fail)
    assert fiber.is_over
    assert isinstance(fiber.error, ValueError)


def test_kill_unwinds(clock: Clock, waits: FiberScheduler) -> None:
    unwound: list[str] = []

    def wait() -> None:
        try:
            waits.time.sleep(1)
        finally:
            unwound.append("yes")

    fiber = waits.run(wait)
    fiber.kill()
    fiber.kill()
    assert fiber.is_over
    assert unwound == ["yes"]
    assert clock.next_deadline_us() is None


@pytest.mark.parametrize("start_us", [0, 1, 333_333, 1_234_567, 86_399_999_999])
@pytest.mark.parametrize("timeout_us", [1, 100_003, 333_333, 30_000_000])
def test_seconds_leave_nothing_over(start_us: int, timeout_us: int) -> None:
    deadline = VirtualSeconds(start_us / 1e6) + timeout_us / 1e6
    assert deadline - VirtualSeconds((start_us + timeout_us) / 1e6) == 0.0
    assert deadline - VirtualSeconds((start_us + timeout_us - 1) / 1e6) > 0


@pytest.mark.parametrize("queue_class", [queue.Queue, queue.LifoQueue, queue.PriorityQueue])
def test_standard_queue_rebound_waits_virtually(clock: Clock, waits: FiberScheduler, queue_class: type) -> None:
    waiting: Any = with_virtual_time(queue_class, waits)()
    first = waits.run(lambda: waiting.get(timeout=10))
    second = waits.run(lambda: waiting.get(timeout=20))
    clock.advance_to(5_000_000)
    waits.run(lambda: waiting.put("x"))
    assert first.result == "x"
    clock.advance_to(19_999_999)
    assert not second.is_over
    clock.advance_to(20_000_000)
    assert isinstance(second.error, queue.Empty)


class Base:
    """With everything that a class may hold."""

    count = 3

    def __init__(self) -> None:
        self.lock = threading.Lock()

    @classmethod
    def make_lock(cls) -> object:
        return threading.Lock()

    @staticmethod
    def make_other_lock() -> object:
        return threading.RLock()

    @property
    def has_lock(self) -> bool:
        return self.lock is not None

    def name(self) -> str:
        return "base"


class Derived(Base):
    """With a call of super."""

    def name(self, *, more: str = "derived") -> str:
        return f"{super().name()} {more}"


def test_rebinding_touches_every_method_and_nothing_outside(waits: FiberScheduler) -> None:
    made = with_virtual_time(Derived, waits)()
    assert made.name() == "base derived"
    assert made.has_lock
    assert made.count == 3
    for lock in (made.lock, made.make_lock(), made.make_other_lock()):
        assert type(lock).__module__ == "simdsl.backends.pools.fibers"
    assert isinstance(Derived().lock, type(threading.Lock()))
