"""Blocking code that waits in virtual time: greenlet's only door.

A pool's checkout is written to block a thread. Here it runs in a ``Fiber``, and what it blocks on (locks, conditions,
sleeps, the time itself) comes from a ``FiberScheduler``, which parks the fiber and leaves the deadline to the virtual
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
"""What unwinds a fiber: no ``Exception``, so that code which goes on whatever happens does not."""

# A clock of a machine is never at zero, and code relies on it: psycopg_pool takes a connection made at 0 for outdated.
_EPOCH_S: Final = 1_000_000


class BlockedOutsideFiber(RuntimeError):
    """Code outside a fiber, which cannot be parked, asked for something that another one holds."""


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
    """A blocking call that can be parked. When it ``is_over``, either ``result`` or ``error`` is there."""

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
        """Unwind it from where it waits, as if the call were interrupted. Idempotent."""
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
        except Exception as error:  # whatever the pool raises is for the one who asked
            self.error = error
        finally:
            self.is_over = True


class FiberScheduler:
    """Where fibers wait. ``threading`` and ``time`` stand in for the modules of these names."""

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
        """Start a blocking call, and run it and whatever it wakes until all of them wait or have ended."""
        fiber: Fiber[T] = Fiber(call)
        self._fibers.append(fiber)  # type: ignore[arg-type]  # only its own result knows T
        self._resume(fiber)
        self.run_ready()
        return fiber

    def spawn(self, call: Callable[[], object]) -> None:
        """Start a call as soon as what runs now waits or has ended, after those that are ready already."""
        fiber: Fiber[object] = Fiber(call)
        self._fibers.append(fiber)
        sleeper = _Waiter()
        sleeper.fiber = fiber
        self._ready.append((fiber, sleeper))

    def run_ready(self) -> None:
        """Resume who was woken, first woken first."""
        if self._is_running:
            return
        while self._ready:
            fiber, sleeper = self._ready.popleft()
            if not fiber.is_over and sleeper.is_asleep:
                sleeper.is_asleep = False
                self._resume(fiber)

    def sleep(self, seconds: float) -> None:
        """Park for this virtual time."""
        self.park(_Waiter(), seconds)

    def park(self, sleeper: _Waiter, timeout_s: float | None) -> None:
        """Park what runs now until it is woken or its time has come."""
        fiber = self._current()
        sleeper.fiber = fiber
        timer = None
        if timeout_s is not None:
            deadline_us = self._clock.now_us + max(0, round(timeout_s * 1_000_000))
            timer = self._clock.call_at(deadline_us, lambda: self._time_out(sleeper))
        try:
            fiber.park()
        finally:
            sleeper.is_asleep = False
            if timer is not None:
                timer.cancel()

    def wake(self, sleeper: _Waiter) -> None:
        """Let a parked one go on as soon as nothing else runs."""
        assert sleeper.fiber is not None, "nobody sleeps before it has parked"
        self._ready.append((sleeper.fiber, sleeper))

    def _time_out(self, sleeper: _Waiter) -> None:
        self.wake(sleeper)
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
    """One wait of one fiber. A second wake-up of it does nothing."""

    __slots__ = ("fiber", "is_asleep", "notified")

    def __init__(self) -> None:
        self.fiber: Fiber[object] | None = None
        self.is_asleep = True
        self.notified = False


class VirtualLock:
    """``threading.Lock``, and the base of ``VirtualRLock``."""

    def __init__(self, waits: FiberScheduler) -> None:
        self._waits = waits
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
            sleeper = _Waiter()
            self._queue.append(sleeper)
            try:
                self._waits.park(sleeper, timeout if timeout > 0 else None)
            finally:
                if sleeper in self._queue:
                    self._queue.remove(sleeper)
            if self._owner is not None and timeout > 0 and not sleeper.notified:
                return False
        self._owner = me
        self._depth = 1
        return True

    def release(self) -> None:
        """As ``threading``'s."""
        if self._owner is None:
            raise RuntimeError("release of a lock that nobody holds")
        self._depth -= 1
        if self._depth == 0:
            self._owner = None
            if self._queue:
                sleeper = self._queue.popleft()
                sleeper.notified = True
                self._waits.wake(sleeper)

    def locked(self) -> bool:
        """Whether somebody holds it."""
        return self._owner is not None

    def release_all(self) -> int:
        """Give it up however often it was taken; what ``take_back`` needs."""
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

    def __init__(self, waits: FiberScheduler, lock: VirtualLock | None = None) -> None:
        self._waits = waits
        self._lock = lock if lock is not None else VirtualRLock(waits)
        self._waiters: deque[_Waiter] = deque()
        self.acquire = self._lock.acquire
        self.release = self._lock.release

    def wait(self, timeout: float | None = None) -> bool:
        """Give the lock up, park, take it back. False means that the time has passed."""
        sleeper = _Waiter()
        self._waiters.append(sleeper)
        depth = self._lock.release_all()
        try:
            self._waits.park(sleeper, timeout)
        finally:
            if sleeper in self._waiters:
                self._waiters.remove(sleeper)
            self._lock.take_back(depth)
        return sleeper.notified

    def wait_for(self, predicate: Callable[[], bool], timeout: float | None = None) -> bool:
        """Wait until the predicate holds, at most this long."""
        deadline = None if timeout is None else self._waits.now() + timeout
        while not (result := predicate()):
            remaining = None if deadline is None else deadline - self._waits.now()
            if remaining is not None and remaining <= 0:
                break
            self.wait(remaining)
        return result

    def notify(self, n: int = 1) -> None:
        """Wake those who have waited longest."""
        for _ in range(min(n, len(self._waiters))):
            sleeper = self._waiters.popleft()
            sleeper.notified = True
            self._waits.wake(sleeper)

    def notify_all(self) -> None:
        """Wake everybody."""
        self.notify(len(self._waiters))

    def __enter__(self) -> bool:
        return self._lock.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._lock.release()


class VirtualEvent:
    """``threading.Event``."""

    def __init__(self, waits: FiberScheduler) -> None:
        self._condition = VirtualCondition(waits, VirtualLock(waits))
        self._is_set = False

    def is_set(self) -> bool:
        """Whether it is."""
        return self._is_set

    def set(self) -> None:
        """Set it and wake everybody."""
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


def with_virtual_time(cls: type, waits: FiberScheduler, along: tuple[type, ...] = ()) -> type:
    """The class with ``threading`` and ``time`` replaced in its methods and in those of its bases.

    Where its code names one of the classes in ``along``, it finds that class rebound too.
    """
    return _GlobalsPatch(waits, along).of_class(cls)


class _GlobalsPatch:
    """One replacement. Classes and globals that occur twice are made once."""

    def __init__(self, waits: FiberScheduler, along: tuple[type, ...]) -> None:
        self._waits = waits
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
            return getattr(self._waits, value.__name__)
        if isinstance(value, BuiltinFunctionType) and value.__module__ == "time" and value.__name__ in _TIMES:
            return getattr(self._waits.time, value.__name__)
        if getattr(value, "__qualname__", None) == _DRAW:
            return _middle
        for name in _LOCKS:
            if value is getattr(threading, name):
                return getattr(self._waits.threading, name)
        return value


def _middle() -> float:
    return 0.5


def _is_python(cls: type) -> bool:
    return bool(cls.__flags__ & 1 << 9)  # Py_TPFLAGS_HEAPTYPE: made by a class statement


def _is_portable(member: Any) -> bool:
    # These belong to the layout of one class and are made anew for the next.
    return not isinstance(member, GetSetDescriptorType | MemberDescriptorType)
