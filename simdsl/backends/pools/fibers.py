"""Blocking code that waits in virtual time: greenlet's only door.

A pool's checkout is written to block a thread. Here it runs in a ``Fiber``, and what it blocks on (locks, conditions,
sleeps, the time itself) comes from a ``FiberScheduler``, which suspends the fiber and leaves the deadline to the virtual
clock. So the pool's own code decides who is served and who times out, an hour's wait takes microseconds, and nothing races.

The primitives behave as those of ``threading`` do (first come, first served; a condition's waiter must take the lock again
before it goes on), without threads: a fiber runs until it waits or ends, then the next one that is ready does.

``with_virtual_time(Queue, scheduler)`` gives a pool's own waiting code this clock without touching a module: a class of the
same name with the same code objects, but where that code names the module ``threading`` or ``time``, or a function imported
from them, it finds the virtual one. Base classes are copied with it, so ``super()`` stays within the copies. Nothing outside
of the new class changes: a pool that uses real time in the same process is not affected.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping
from types import (
    BuiltinFunctionType,
    CellType,
    FunctionType,
    GetSetDescriptorType,
    MemberDescriptorType,
    ModuleType,
    SimpleNamespace,
    TracebackType,
)
from typing import Any, Final, Generic, Protocol, TypeVar

from greenlet import GreenletExit, getcurrent, greenlet

from simdsl.core.clock import Clock

T = TypeVar("T")

FiberInterrupted = GreenletExit
"""What unwinds a fiber. It is not an ``Exception``, so that code which catches every ``Exception`` does not survive it."""

# A machine's clock never reads zero, and code relies on that: psycopg_pool takes a connection made at 0 for outdated.
_EPOCH_S: Final = 1_000_000


class BlockedOutsideFiber(RuntimeError):
    """Code outside a fiber, which cannot be suspended, asked for a lock that a fiber holds."""


class VirtualSeconds(float):
    """A moment in seconds whose sums and differences are whole microseconds, so that deadlines are met exactly.

    With plain floats, ``(now + timeout) - later`` may leave 1e-15 s of a timeout over when its moment has come.
    """

    __slots__ = ()

    def __add__(self, other: float) -> VirtualSeconds:
        return VirtualSeconds(round(float(self) + float(other), 6))

    __radd__ = __add__

    def __sub__(self, other: float) -> VirtualSeconds:
        return VirtualSeconds(round(float(self) - float(other), 6))

    def __rsub__(self, other: float) -> VirtualSeconds:
        return VirtualSeconds(round(float(other) - float(self), 6))


class Fiber(Generic[T]):
    """A blocking call that can be suspended. When it ``is_over``, either ``result`` or ``error`` is set."""

    def __init__(self, call: Callable[[], T]) -> None:
        self._call = call
        self._greenlet = greenlet(self._run)
        self.is_over = False
        self.result: T | None = None
        self.error: Exception | None = None

    def resume(self) -> None:
        """Run until it waits or ends. Only ever called from outside of fibers."""
        self._greenlet.switch()

    def kill(self, interruption: type[BaseException] = FiberInterrupted) -> None:
        """Unwind it from where it waits, so that its ``finally`` blocks run: a checkout that is interrupted must leave the
        pool's queue, or the pool would hand a connection to a caller that is gone. Idempotent."""
        if not self.is_over:
            self._greenlet.throw(interruption)

    def is_current(self) -> bool:
        """Whether this fiber is what runs now."""
        return getcurrent() is self._greenlet

    def park(self) -> None:
        """Let the resumer go on. Only ever called within this fiber."""
        self._greenlet.parent.switch()

    def _run(self) -> None:
        try:
            self.result = self._call()
        except Exception as error:  # the pool's error is the outcome of the checkout
            self.error = error
        finally:
            self.is_over = True


class FiberScheduler:
    """Runs fibers one at a time and suspends them. ``threading`` and ``time`` stand in for the modules of these names.

    Order is the whole point. A fiber that is woken does not run inside the call that woke it; it goes to the end of a queue
    that is drained when the running fiber is suspended or ends. ``notify`` in the pool's code returns before the waiter
    moves, as with threads, and which waiter moves first depends on the order of waking only.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ready: deque[tuple[Fiber[object], _Waiter]] = deque()
        self._fibers: list[Fiber[object]] = []
        self._is_running = False
        self.threading = SimpleNamespace(
            Lock=lambda: VirtualLock(self),
            RLock=lambda: VirtualRLock(self),
            Condition=lambda lock=None: VirtualCondition(self, lock),
            Event=lambda: VirtualEvent(self),
        )
        self.time = SimpleNamespace(
            time=self.now, monotonic=self.now, perf_counter=self.now, sleep=lambda seconds: self.sleep(seconds)
        )

    def now(self) -> VirtualSeconds:
        """The virtual time in seconds, from no particular moment on, as ``time.monotonic`` has it."""
        return VirtualSeconds(_EPOCH_S + self._clock.now_us / 1_000_000)

    def run(self, call: Callable[[], T]) -> Fiber[T]:
        """Start a blocking call, and run it and the fibers that it wakes until all of them wait or have ended."""
        fiber: Fiber[T] = Fiber(call)
        self._fibers.append(fiber)  # type: ignore[arg-type]  # only its own result knows T
        self._resume(fiber)
        self.run_ready()
        return fiber

    def spawn(self, call: Callable[[], object]) -> None:
        """Start a call as soon as what runs now waits or has ended, after those that are ready already."""
        fiber: Fiber[object] = Fiber(call)
        self._fibers.append(fiber)
        waiter = _Waiter()
        waiter.fiber = fiber
        self._ready.append((fiber, waiter))

    def run_ready(self) -> None:
        """Resume the fibers that were woken, first woken first.

        Does nothing inside a fiber: the loop that resumed it will get to them. A nested loop would run fibers within the
        call stack of another one, and the order would depend on where in its code that one happened to be.
        """
        if self._is_running:
            return
        while self._ready:
            fiber, waiter = self._ready.popleft()
            if not fiber.is_over and waiter.is_waiting:
                waiter.is_waiting = False
                self._resume(fiber)

    def sleep(self, seconds: float) -> None:
        """Park for this virtual time."""
        self.park(_Waiter(), seconds)

    def park(self, waiter: _Waiter, timeout_s: float | None) -> None:
        """Park the running fiber until it is woken or its deadline comes.

        The deadline is a timer of the virtual clock, which fires only when no task of the plan can move: a timeout never
        overtakes a connection that is released at the same virtual moment.
        """
        fiber = self._current()
        waiter.fiber = fiber
        timer = None
        if timeout_s is not None:
            deadline_us = self._clock.now_us + max(0, round(timeout_s * 1_000_000))
            timer = self._clock.call_at(deadline_us, lambda: self._time_out(waiter))
        try:
            fiber.park()
        finally:
            waiter.is_waiting = False
            if timer is not None:
                timer.cancel()

    def wake(self, waiter: _Waiter) -> None:
        """Let a suspended fiber go on as soon as nothing else runs."""
        assert waiter.fiber is not None, "a wait is woken only after it was suspended"
        self._ready.append((waiter.fiber, waiter))

    def _time_out(self, waiter: _Waiter) -> None:
        self.wake(waiter)
        self.run_ready()

    def _resume(self, fiber: Fiber[T]) -> None:
        self._is_running = True
        try:
            fiber.resume()
        finally:
            self._is_running = False
            self._fibers = [other for other in self._fibers if not other.is_over]

    def _current(self) -> Fiber[object]:
        for fiber in self._fibers:
            if fiber.is_current():
                return fiber
        raise BlockedOutsideFiber("the pool waits outside of a checkout, where nothing can wake it")


class _Waiter:
    """One wait of one fiber.

    A wait can be woken twice, by ``notify`` and by its deadline at the same virtual moment; ``is_waiting`` makes the second
    wake-up do nothing, and ``notified`` tells the fiber which of the two it was.
    """

    __slots__ = ("fiber", "is_waiting", "notified")

    def __init__(self) -> None:
        self.fiber: Fiber[object] | None = None
        self.is_waiting = True
        self.notified = False


class VirtualLock:
    """``threading.Lock``, and the base of ``VirtualRLock``."""

    def __init__(self, scheduler: FiberScheduler) -> None:
        self._scheduler = scheduler
        self._owner: object | None = None
        self._depth = 0
        self._queue: deque[_Waiter] = deque()

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """As ``threading``'s."""
        me = getcurrent()
        if self._owner is me and self._is_mine_again():
            self._depth += 1
            return True
        while self._owner is not None:
            if not blocking or timeout == 0:
                return False
            waiter = _Waiter()
            self._queue.append(waiter)
            try:
                self._scheduler.park(waiter, timeout if timeout > 0 else None)
            finally:
                if waiter in self._queue:
                    self._queue.remove(waiter)
            if self._owner is not None and timeout > 0 and not waiter.notified:
                return False
        self._owner = me
        self._depth = 1
        return True

    def release(self) -> None:
        """As ``threading``'s."""
        if self._owner is None:
            raise RuntimeError("release of a lock that is not held")
        self._depth -= 1
        if self._depth == 0:
            self._owner = None
            if self._queue:
                waiter = self._queue.popleft()
                waiter.notified = True
                self._scheduler.wake(waiter)

    def locked(self) -> bool:
        """Whether it is held."""
        return self._owner is not None

    def release_all(self) -> int:
        """Release it, however often it was acquired; returns what ``take_back`` needs."""
        depth, self._depth = self._depth, 1
        self.release()
        return depth

    def take_back(self, depth: int) -> None:
        """Undo ``release_all``."""
        self.acquire()
        self._depth = depth

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.release()

    def _is_mine_again(self) -> bool:
        return False


class VirtualRLock(VirtualLock):
    """``threading.RLock``."""

    def _is_mine_again(self) -> bool:
        return True


class VirtualCondition:
    """``threading.Condition``."""

    def __init__(self, scheduler: FiberScheduler, lock: VirtualLock | None = None) -> None:
        self._scheduler = scheduler
        self._lock = lock if lock is not None else VirtualRLock(scheduler)
        self._waiters: deque[_Waiter] = deque()
        self.acquire = self._lock.acquire
        self.release = self._lock.release

    def wait(self, timeout: float | None = None) -> bool:
        """Release the lock, park, acquire it again. False means that the time has passed."""
        waiter = _Waiter()
        self._waiters.append(waiter)
        depth = self._lock.release_all()
        try:
            self._scheduler.park(waiter, timeout)
        finally:
            if waiter in self._waiters:
                self._waiters.remove(waiter)
            self._lock.take_back(depth)
        return waiter.notified

    def wait_for(self, predicate: Callable[[], bool], timeout: float | None = None) -> bool:
        """Wait until the predicate holds, at most this long."""
        deadline = None if timeout is None else self._scheduler.now() + timeout
        while not (result := predicate()):
            remaining = None if deadline is None else deadline - self._scheduler.now()
            if remaining is not None and remaining <= 0:
                break
            self.wait(remaining)
        return result

    def notify(self, n: int = 1) -> None:
        """Wake the fibers that have waited longest."""
        for _ in range(min(n, len(self._waiters))):
            waiter = self._waiters.popleft()
            waiter.notified = True
            self._scheduler.wake(waiter)

    def notify_all(self) -> None:
        """Wake all of them."""
        self.notify(len(self._waiters))

    def __enter__(self) -> bool:
        return self._lock.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._lock.release()


class VirtualEvent:
    """``threading.Event``."""

    def __init__(self, scheduler: FiberScheduler) -> None:
        self._condition = VirtualCondition(scheduler, VirtualLock(scheduler))
        self._is_set = False

    def is_set(self) -> bool:
        """Whether it is."""
        return self._is_set

    def set(self) -> None:
        """Set it and wake all that wait."""
        with self._condition:
            self._is_set = True
            self._condition.notify_all()

    def clear(self) -> None:
        """Unset it."""
        self._is_set = False

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it is set, at most this long."""
        with self._condition:
            return self._condition.wait_for(self.is_set, timeout)


_LEFT_ALONE: Final = (object, Generic, Protocol)
_TIMES: Final = ("time", "monotonic", "perf_counter", "sleep")
_LOCKS: Final = ("Lock", "RLock", "Condition", "Event")
_DRAW: Final = "Random.random"  # `random.random`: jitter, of which pools have some and traces must not


def with_virtual_time(cls: type, scheduler: FiberScheduler, along: tuple[type, ...] = ()) -> type:
    """The class with ``threading`` and ``time`` replaced in its methods and in those of its bases.

    Where its code names one of the classes in ``along``, it finds that class rebound too.
    """
    return _GlobalsPatch(scheduler, along).of_class(cls)


class _GlobalsPatch:
    """One replacement. Classes and globals that occur twice are made once."""

    def __init__(self, scheduler: FiberScheduler, along: tuple[type, ...]) -> None:
        self._scheduler = scheduler
        self._along = along
        self._classes: dict[type, type] = {}
        self._globals: dict[int, dict[str, Any]] = {}

    def of_class(self, cls: type) -> type:
        if cls in _LEFT_ALONE or not _is_python(cls):
            return cls
        if cls not in self._classes:
            cell = CellType()
            members = {name: self._of_member(member, cell) for name, member in vars(cls).items() if _is_portable(member)}
            bases = tuple(self.of_class(base) for base in cls.__bases__)
            made: type = type(cls)(cls.__name__, bases, members)
            cell.cell_contents = made
            self._classes[cls] = made
        return self._classes[cls]

    def _of_member(self, member: Any, cell: CellType) -> Any:
        match member:
            case FunctionType():
                return self._of_function(member, cell)
            case staticmethod():
                return staticmethod(self._of_member(member.__func__, cell))
            case classmethod():
                return classmethod(self._of_member(member.__func__, cell))
            case property():
                return property(*(f and self._of_member(f, cell) for f in (member.fget, member.fset, member.fdel)))
            case _:  # data, and what C implements: neither has globals
                return member

    def _of_function(self, function: FunctionType, cell: CellType) -> FunctionType:
        names = function.__code__.co_freevars
        cells = tuple(
            cell if name == "__class__" else old for name, old in zip(names, function.__closure__ or (), strict=True)
        )
        copy = FunctionType(
            function.__code__, self._of_globals(function.__globals__), function.__name__, function.__defaults__, cells
        )
        copy.__kwdefaults__ = function.__kwdefaults__
        copy.__qualname__ = function.__qualname__
        copy.__dict__.update(function.__dict__)
        return copy

    def _of_globals(self, names: Mapping[str, Any]) -> dict[str, Any]:
        key = id(names)
        if key not in self._globals:
            self._globals[key] = made = dict(names)  # there before it is filled: its own classes name it again
            made.update((name, self._of_global(value)) for name, value in names.items())
        return self._globals[key]

    def _of_global(self, value: Any) -> Any:
        if isinstance(value, type) and (value in self._along or value in self._classes):
            return self.of_class(value)
        if isinstance(value, ModuleType) and value.__name__ in ("threading", "time"):
            return getattr(self._scheduler, value.__name__)
        if isinstance(value, BuiltinFunctionType) and value.__module__ == "time" and value.__name__ in _TIMES:
            return getattr(self._scheduler.time, value.__name__)
        if getattr(value, "__qualname__", None) == _DRAW:
            return _middle
        for name in _LOCKS:
            if value is getattr(threading, name):
                return getattr(self._scheduler.threading, name)
        return value


def _middle() -> float:
    return 0.5


def _is_python(cls: type) -> bool:
    return bool(cls.__flags__ & 1 << 9)  # Py_TPFLAGS_HEAPTYPE: made by a class statement


def _is_portable(member: Any) -> bool:
    # These belong to the memory layout of one class; Python creates them for the copy.
    return not isinstance(member, GetSetDescriptorType | MemberDescriptorType)
