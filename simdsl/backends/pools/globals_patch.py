"""A class whose code sees other globals: how a pool's own waiting code is given a virtual clock without touching a module.

``rebound(Queue, waits)`` is a class of the same name and the same code objects as ``Queue``; but where that code names the
module ``threading`` or ``time``, or a function of theirs that it imported, it finds the virtual one. Base classes are
rebound with it, so ``super()`` stays within. Nothing outside of the new class changes.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from types import BuiltinFunctionType, CellType, FunctionType, GetSetDescriptorType, MemberDescriptorType, ModuleType
from typing import Any, Final, Generic, Protocol

from simdsl.backends.pools.fibers import FiberScheduler

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
            case _:
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
