"""Our `@dataclass` against Python's: whatever can be asked of a class or an instance has the same answer."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
import threading
from collections.abc import Callable
from dataclasses import FrozenInstanceError, field
from typing import Any, ClassVar

import pytest

from simdsl.plan.deferred import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A frozen class with a default."""

    x: int
    y: int = 2
    names: tuple[str, ...] = field(default_factory=tuple)
    axes: ClassVar[int] = 2

    @property
    def total(self) -> int:
        """A method that reads fields."""
        return self.x + self.y


@dataclass(frozen=True, slots=True, kw_only=True)
class Point3(Point):
    """A field more, and another default for an old one."""

    z: int = 3
    y: int = 20


@dataclass(slots=True)
class Counter:
    """Neither frozen nor by keyword only."""

    start: int
    step: int = 1
    seen: list[int] = field(default_factory=list, compare=False, repr=False)
    total: int = field(init=False)
    limit: int | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        self.total = self.start


@dataclass(slots=True, eq=False)
class Identity:
    """Equal to itself only."""

    value: int


@dataclass(frozen=True, slots=True)
class Own:
    """With methods of its own in the place of the made ones."""

    value: int

    def __repr__(self) -> str:
        return "mine"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Own)

    def __hash__(self) -> int:
        return 7


def _twin(cls: type, **kind: bool) -> Any:
    """The same declaration made by Python's decorator."""
    bases = (_TWINS[Point],) if cls is Point3 else ()
    namespace = {
        name: value
        for name, value in vars(cls).items()
        if name in {"__annotations__", "__doc__", "__module__", "__post_init__", "axes", "total"}
        and not inspect.ismemberdescriptor(value)
    }
    for one in dataclasses.fields(cls):
        if cls.__annotations__.get(one.name) is None:
            continue
        namespace[one.name] = field(
            **{
                part: getattr(one, part)
                for part in ("default", "default_factory", "init", "repr", "hash", "compare", "metadata", "kw_only")
            }
        )
    made = type(cls.__name__, bases, namespace)
    return dataclasses.dataclass(slots=True, **kind)(made)


_TWINS: dict[type, Any] = {}
_TWINS[Point] = _twin(Point, frozen=True, kw_only=True)
_TWINS[Point3] = _twin(Point3, frozen=True, kw_only=True)
_TWINS[Counter] = _twin(Counter)
_TWINS[Identity] = _twin(Identity, eq=False)

_BOTH = pytest.mark.parametrize(("ours", "theirs"), list(_TWINS.items()), ids=lambda cls: cls.__name__)


@_BOTH
@pytest.mark.parametrize(
    "ask",
    [
        lambda cls: str(inspect.signature(cls)),
        lambda cls: cls.__match_args__,
        lambda cls: cls.__slots__,
        lambda cls: [(one.name, one.type, one.default, one.kw_only, one.init) for one in dataclasses.fields(cls)],
        lambda cls: cls.__name__,
        lambda cls: cls.__doc__,
        lambda cls: (cls.__dataclass_params__.frozen, cls.__dataclass_params__.eq),
        lambda cls: cls.__hash__ is None,
        lambda cls: hasattr(cls, "__replace__"),
    ],
)
def test_a_class_answers_as_pythons(ours: type, theirs: type, ask: Callable[[type], object]) -> None:
    assert ask(ours) == ask(theirs)


_ARGUMENTS: dict[type, dict[str, Any]] = {
    Point: {"x": 1},
    Point3: {"x": 1, "names": ("a",)},
    Counter: {"start": 5, "limit": 9},
    Identity: {"value": 1},
}


@_BOTH
def test_an_instance_answers_as_pythons(ours: Any, theirs: Any) -> None:
    mine, other = ours(**_ARGUMENTS[ours]), theirs(**_ARGUMENTS[ours])
    assert repr(mine) == repr(other)
    assert dataclasses.asdict(mine) == dataclasses.asdict(other)
    assert (mine == ours(**_ARGUMENTS[ours])) == (other == theirs(**_ARGUMENTS[ours]))
    assert mine != other
    if ours in {Point, Point3}:
        assert hash(mine) == hash(other)


@_BOTH
@pytest.mark.parametrize(
    "duplicate", [copy.copy, copy.deepcopy, dataclasses.replace, lambda one: pickle.loads(pickle.dumps(one))]
)
def test_duplicates(ours: Any, theirs: Any, duplicate: Callable[[Any], Any]) -> None:
    one = ours(**_ARGUMENTS[ours])
    made = duplicate(one)
    assert type(made) is ours
    assert dataclasses.astuple(made) == dataclasses.astuple(one)


@_BOTH
@pytest.mark.parametrize("wrong", [{}, {"strange": 1}])
def test_wrong_arguments_are_refused_in_pythons_words(ours: Any, theirs: Any, wrong: dict[str, int]) -> None:
    texts = []
    for cls in (ours, theirs):
        with pytest.raises(TypeError) as refused:
            cls(**wrong)
        texts.append(str(refused.value).removeprefix("Point."))
    assert texts[0].split(".")[-1] == texts[1].split(".")[-1]


def test_frozen_is_frozen() -> None:
    point = Point(x=1)
    with pytest.raises(FrozenInstanceError, match="cannot assign to field 'x'"):
        point.x = 2  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError, match="cannot delete field 'x'"):
        del point.x


def test_each_instance_has_its_own_list() -> None:
    assert Counter(1).seen is not Counter(1).seen


def test_positions_match() -> None:
    match Counter(3, 4):
        case Counter(start, step):
            assert (start, step) == (3, 4)


def test_methods_of_its_own_stay() -> None:
    assert repr(Own(1)) == "mine"
    assert Own(1) == Own(2)
    assert hash(Own(1)) == 7


def test_it_can_be_asked_before_anything_was_constructed() -> None:
    @dataclass(frozen=True, slots=True)
    class Fresh:
        value: int = 4

    assert [one.name for one in dataclasses.fields(Fresh)] == ["value"]
    assert Fresh() == Fresh(4)


def test_nothing_is_compiled_until_it_is_used() -> None:
    @dataclass(frozen=True, slots=True)
    class Fresh:
        value: int

    before = vars(Fresh)["__init__"]
    Fresh(1)
    assert vars(Fresh)["__init__"] is not before
    assert vars(Fresh)["__eq__"] is not vars(Point)["__eq__"]


def test_the_first_use_may_come_from_many_threads() -> None:
    @dataclass(frozen=True, slots=True)
    class Fresh:
        value: int = 1

    barrier, seen = threading.Barrier(8), []

    def use() -> None:
        barrier.wait()
        seen.append((Fresh(2), hash(Fresh()), repr(Fresh())))

    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(seen) == {(Fresh(2), hash(Fresh()), repr(Fresh()))}
    assert len(seen) == 8


def test_a_class_without_slots_is_not_for_it() -> None:
    with pytest.raises(TypeError, match="without slots"):
        dataclass(slots=False)
