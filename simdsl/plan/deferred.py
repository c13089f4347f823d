"""Work that a start puts off: methods of data classes, regular expressions, and the search for garbage.

``dataclasses.dataclass`` compiles the source of six methods for every class, about 0.25 ms a class on CPython 3.11. A run
of a small plan imports some 140 classes, constructs 50 of them and compares, hashes or prints none; that was a third of
its CPU time (docs/adr/0037). With ``dataclass`` of this module a class gets its slots at once, and placeholders beside
them. The first look-up of ``__init__`` compiles that one; the first look-up of anything else lets
``dataclasses.dataclass`` do its work on the original class and puts the results in the place of the placeholders. From
then on nothing is different, so hot paths pay nothing, and ``fields``, ``replace``, ``asdict``, ``match``, ``copy`` and
``pickle`` do what the standard library says because the standard library does it.

``re.compile`` runs in Python too. A run of a small plan imports some 70 patterns and uses a third of them; compiling the
others at import took 12 of its 180 ms of CPU time (docs/adr/0037)."""

from __future__ import annotations

import dataclasses
import gc
import re
import sys
from _thread import RLock
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import cycle
from typing import Any, AnyStr, Final, TypeVar, cast, dataclass_transform

_T = TypeVar("_T")


_BY_STANDARD_LIBRARY = ("__dataclass_fields__", "__dataclass_params__", "__match_args__", "__repr__") + (
    ("__replace__",) if sys.version_info >= (3, 13) else ()
)


class _Factory:
    """In a signature, a default that is made anew for each instance; ``dataclasses`` shows it so."""

    def __repr__(self) -> str:
        return "<factory>"


_FACTORY = _Factory()


# Two threads may meet a class for the first time at once, and Python's decorator changes the class that it reads.
# Re-entrant, because completing a class completes its bases first.
_COMPLETING = RLock()


@dataclass_transform(field_specifiers=(dataclasses.field, dataclasses.Field))
def dataclass(
    *, slots: bool, frozen: bool = False, kw_only: bool = False, eq: bool = True
) -> Callable[[type[_T]], type[_T]]:
    """As ``dataclasses.dataclass``, for classes with slots, without InitVar and KW_ONLY; their bases are made with it too.

    ``slots`` is written out at each class because readers and type checkers look for it there.

    Raises:
        TypeError: ``slots`` is false.
    """
    if not slots:
        raise TypeError("a class without slots is made with dataclasses.dataclass")

    def decorate(cls: type[_T]) -> type[_T]:
        return _with_slots(cls, _Deferred(cls, frozen=frozen, kw_only=kw_only, eq=eq))

    return decorate


class _Deferred:
    """What is put off for one class: its original, which keeps the defaults, and how it was declared."""

    __slots__ = ("_made", "_original", "eq", "final", "frozen", "kw_only", "names")

    def __init__(self, original: type, *, frozen: bool, kw_only: bool, eq: bool) -> None:
        self._original = original
        self._made: dict[str, Any] = {}
        self.final = original
        self.frozen = frozen
        self.kw_only = kw_only
        self.eq = eq
        # Annotations are text in all of simdsl (from __future__ import annotations).
        self.names = [name for name, kind in original.__annotations__.items() if not kind.startswith("ClassVar[")]

    def attribute(self, name: str) -> Any:
        """The real attribute, from now on in the place of its placeholder."""
        with _COMPLETING:
            if name not in self._made:
                if name == "__init__":
                    self._keep(name, _init(self.final))
                else:
                    self._complete()
        return self._made[name]

    def parameters(self) -> Iterator[tuple[str, dataclasses.Field[Any]]]:
        """The fields that the class itself declares, in order; ``kw_only`` of each is settled."""
        for name in self.names:
            value = vars(self._original).get(name, dataclasses.MISSING)
            field = value if isinstance(value, dataclasses.Field) else dataclasses.field(default=value)
            if field.kw_only is dataclasses.MISSING:
                field.kw_only = self.kw_only
            yield name, field

    def _complete(self) -> None:
        # A copy of the original, because Python's decorator takes the defaults out of the class that it is given.
        template = type(self._original)(self._original.__name__, self._original.__bases__, dict(vars(self._original)))
        template.__qualname__ = self._original.__qualname__
        made: type = dataclasses.dataclass(frozen=self.frozen, kw_only=self.kw_only, eq=self.eq)(template)
        for name, value in list(vars(self.final).items()):
            if isinstance(value, _Placeholder) and name != "__init__":
                self._keep(name, vars(made)[name])

    def _keep(self, name: str, value: Any) -> None:
        self._made[name] = value
        setattr(self.final, name, value)


class _Placeholder:
    """Stands for an attribute that is not made yet; looking it up, on the class or an instance, makes it."""

    __slots__ = ("_deferred", "_name")

    def __init__(self, deferred: _Deferred, name: str) -> None:
        self._deferred = deferred
        self._name = name

    def __get__(self, instance: object, owner: type) -> Any:
        made = self._deferred.attribute(self._name)
        return made.__get__(instance, owner) if hasattr(made, "__get__") else made


def _with_slots(cls: type[_T], deferred: _Deferred) -> type[_T]:
    """The same class once more: slots cannot be added to a class that exists."""
    namespace = dict(vars(cls))
    for name in ("__dict__", "__weakref__", *deferred.names):  # the defaults of fields would hide their slots
        namespace.pop(name, None)
    inherited = {name for base in cls.__mro__[1:] for name in vars(base).get("__slots__", ())}
    namespace["__slots__"] = tuple(name for name in deferred.names if name not in inherited)
    namespace["__deferred__"] = deferred
    comparing = ("__eq__", "__hash__") if deferred.eq and deferred.frozen else ("__eq__",) if deferred.eq else ()
    for name in ("__init__", *_BY_STANDARD_LIBRARY, *comparing):
        namespace.setdefault(name, _Placeholder(deferred, name))
    if deferred.frozen:
        namespace["__setattr__"] = _setattr
        namespace["__delattr__"] = _delattr
        namespace.setdefault("__getstate__", _getstate)
        namespace.setdefault("__setstate__", _setstate)
    metaclass: Any = type(cls)
    final: type[_T] = metaclass(cls.__name__, cls.__bases__, namespace)
    final.__qualname__ = cls.__qualname__
    deferred.final = final
    return final


def _init(cls: type) -> Callable[..., None]:
    """``__init__`` alone. It fills frozen instances by the slots' own setters.

    ``object.__setattr__``, which Python's decorator calls, looks each slot up by its name: 1.6 times as long.
    """
    fields: dict[str, dataclasses.Field[Any]] = {}
    kinds: dict[str, str] = {}
    frozen = False
    for base in reversed(cls.__mro__):
        deferred = vars(base).get("__deferred__")
        if deferred is not None:
            fields.update(deferred.parameters())
            kinds.update(base.__annotations__)
            frozen = deferred.frozen
    known: dict[str, Any] = {"FACTORY": _FACTORY}
    positional: list[str] = ["self"]
    keywords: list[str] = []
    body: list[str] = []
    for name, field in fields.items():
        value = name
        if field.default is not dataclasses.MISSING:
            known[f"default_{name}"] = field.default
            parameter = f"{name}=default_{name}"
            value = name if field.init else f"default_{name}"
        elif field.default_factory is not dataclasses.MISSING:
            known[f"factory_{name}"] = field.default_factory
            parameter = f"{name}=FACTORY"
            value = f"factory_{name}() if {name} is FACTORY else {name}" if field.init else f"factory_{name}()"
        else:
            parameter = name
            if not field.init:
                continue
        if field.init:
            (keywords if field.kw_only else positional).append(parameter)
        known[f"set_{name}"] = getattr(cls, name).__set__
        body.append(f"set_{name}(self, {value})" if frozen else f"self.{name} = {value}")
    if hasattr(cls, "__post_init__"):
        body.append("self.__post_init__()")
    star = ["*"] if keywords else []
    source = f"def __init__({', '.join(positional + star + keywords)}):\n " + "\n ".join(body or ["pass"])
    source = f"def make({', '.join(known)}):\n " + source.replace("\n", "\n ") + "\n return __init__"
    scope: dict[str, Any] = {}
    exec(source, {}, scope)
    init: Callable[..., None] = scope["make"](**known)
    init.__qualname__ = f"{cls.__qualname__}.__init__"
    init.__module__ = cls.__module__
    init.__annotations__ = {name: kinds[name] for name, field in fields.items() if field.init} | {"return": None}
    return init


def _setattr(self: object, name: str, value: object) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")


def _delattr(self: object, name: str) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")


# Without these two, copy and pickle would set the slots of a frozen instance by setattr.


def _getstate(self: Any) -> list[Any]:
    return [getattr(self, field.name) for field in dataclasses.fields(self)]


def _setstate(self: Any, state: list[Any]) -> None:
    for field, value in zip(dataclasses.fields(self), state, strict=True):
        object.__setattr__(self, field.name, value)


_METHODS = ("findall", "finditer", "fullmatch", "match", "search", "split", "sub", "subn")


def lazy_regex(source: AnyStr, flags: int = 0) -> re.Pattern[AnyStr]:
    """As ``re.compile``, for constants of modules. An error in the pattern is raised by its first use."""
    return cast("re.Pattern[AnyStr]", LazyRegex(source, flags))


class LazyRegex:
    """Has the methods of a compiled pattern once one of them was asked for: slots, so that they are found as fast."""

    __slots__ = ("_flags", "_source", *_METHODS)

    def __init__(self, source: str | bytes, flags: int) -> None:
        self._source = source
        self._flags = flags

    def __getattr__(self, name: str) -> Any:
        # Called only for what has no value yet, or is not kept here (.pattern, .groups).
        if name.startswith("__"):
            raise AttributeError(name)
        compiled = re.compile(self._source, self._flags)
        for method in _METHODS:
            setattr(self, method, getattr(compiled, method))
        return getattr(compiled, name)


LARGE: Final = 10_000
"""From this number of new objects on, it pays to keep the collector from walking over them."""


_PAUSES_PER_COLLECTION: Final = 50


@contextmanager
def gc_paused() -> Iterator[None]:
    """Run without the collector. Plans and traces are large and have no cycles, and looking for some is quadratic work.

    After a block that built much, the new objects are moved to the oldest generation. Left in the youngest, they would be
    walked over by the very next collection, and the pause would have saved nothing.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            # A freeze by the user of this library is not ours to undo.
            if gc.get_count()[0] > LARGE and not gc.get_freeze_count():
                _promote_to_oldest()
            gc.enable()


def _promote_to_oldest() -> None:
    """Move all objects to the oldest generation without looking at them; every now and then, look for cycles among them."""
    gc.freeze()
    gc.unfreeze()
    if not next(_TURNS):
        gc.collect()


_TURNS: Final = cycle(reversed(range(_PAUSES_PER_COLLECTION)))
