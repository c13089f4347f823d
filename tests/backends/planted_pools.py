"""Pools with one planted bug each in their queue of waiters, and two without. As a plan selects them:
``sqlite?pool=tests.backends.planted_pools:lost_hand_off``.

The queues import what they wait by, as any pool's module does, and know nothing of virtual time.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from importlib import import_module
from time import monotonic  # noqa: TID251  # as a pool of anybody's would
from types import SimpleNamespace
from typing import Any

from sqlalchemy.pool import QueuePool
from sqlalchemy.util.queue import Empty, Queue


class Waiter:
    """One waiting checkout, and the connection that was handed to it."""

    def __init__(self, condition: threading.Condition) -> None:
        self.condition = condition
        self.item: Any = None


class HandOffQueue(Queue[Any]):
    """Correct: a returned connection is handed to the checkout that has waited longest."""

    waiters: deque[Waiter]

    def _init(self, maxsize: int) -> None:
        super()._init(maxsize)
        self.waiters = deque()

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        with self.mutex:
            if not self._empty():
                return self._get()
            if not block or timeout is None:
                raise Empty
            waiter = Waiter(threading.Condition(self.mutex))
            self.waiters.append(waiter)
            try:
                self.wait(waiter, monotonic() + timeout)
            finally:
                if waiter.item is None:
                    self.forget(waiter)
            return waiter.item

    def wait(self, waiter: Waiter, deadline: float) -> None:
        while waiter.item is None:
            remaining = deadline - monotonic()
            if remaining <= 0:
                raise Empty
            waiter.condition.wait(remaining)

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        with self.mutex:
            if self.waiters:
                self.hand_over(self.next_waiter(), item)
            else:
                self._put(item)

    def next_waiter(self) -> Waiter:
        return self.waiters.popleft()

    def hand_over(self, waiter: Waiter, item: Any) -> None:
        waiter.item = item
        waiter.condition.notify()

    def forget(self, waiter: Waiter) -> None:
        if waiter in self.waiters:
            self.waiters.remove(waiter)


class LostHandOff(HandOffQueue):
    """The waiter is woken, but with nothing in his hand."""

    def hand_over(self, waiter: Waiter, item: Any) -> None:
        waiter.condition.notify()


class LastFirst(HandOffQueue):
    """Who came last is served first."""

    def next_waiter(self) -> Waiter:
        return self.waiters.pop()


class LeaseToTheGone(HandOffQueue):
    """Who has given up still stands in the queue, and is given a connection that he never takes."""

    def forget(self, waiter: Waiter) -> None:
        """Not at all."""


class NoWakeUp(HandOffQueue):
    """The connection is handed over, but the waiter is not notified."""

    def hand_over(self, waiter: Waiter, item: Any) -> None:
        waiter.item = item


class StubbornQueue(Queue[Any]):
    """Asks for the real time in a way that cannot be replaced: such a pool can only be polled."""

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        now = import_module("time").monotonic
        deadline = now() + (timeout or 0)
        while self._empty() and block and now() < deadline:
            pass
        return super().get(False)


def _factory(queue_class: type[Queue[Any]]) -> Callable[..., QueuePool]:
    pool_class = type("QueuePool", (QueuePool,), {"_queue_class": queue_class})

    def factory(connect: Callable[[], Any], *, size: int, timeout: float, **_: object) -> QueuePool:
        pool: QueuePool = pool_class(connect, pool_size=size, max_overflow=0, timeout=timeout)
        return pool

    return factory


correct = _factory(HandOffQueue)
lost_hand_off = _factory(LostHandOff)
last_first = _factory(LastFirst)
lease_to_the_gone = _factory(LeaseToTheGone)
no_wake_up = _factory(NoWakeUp)
stubborn = _factory(StubbornQueue)


class PlainPool:
    """Correct, not derived from any library, and waits by the modules that its factory is given."""

    def __init__(self, connect: Callable[[], Any], size: int, timeout: float, threading: SimpleNamespace) -> None:
        self._connect = connect
        self._timeout = timeout
        self._free: list[Any] = [None] * size
        self._returned = threading.Condition()

    def connect(self) -> PlainLease:
        with self._returned:
            if not self._returned.wait_for(lambda: self._free, self._timeout):
                raise TimeoutError(f"no connection within {self._timeout} s")
            return PlainLease(self, self._free.pop() or self._connect())

    def take_back(self, connection: Any) -> None:
        connection.rollback()
        with self._returned:
            self._free.append(connection)
            self._returned.notify()


class PlainLease:
    """What ``PlainPool`` lends."""

    def __init__(self, pool: PlainPool, connection: Any) -> None:
        self._pool = pool
        self.dbapi_connection = connection

    def close(self) -> None:
        self._pool.take_back(self.dbapi_connection)


def plain(
    connect: Callable[[], Any], *, size: int, timeout: float, threading: SimpleNamespace, time: SimpleNamespace
) -> PlainPool:
    """The factory of ``PlainPool``."""
    return PlainPool(connect, size, timeout, threading)


def broken(connect: Callable[[], Any], **_: object) -> None:
    """A factory that makes no pool."""


def raising(connect: Callable[[], Any], **_: object) -> None:
    """A factory that fails."""
    raise ValueError("not\ntoday")
