"""The collector pauses, and much that was built meanwhile is old afterwards."""

from __future__ import annotations

import gc

from simdsl.plan import deferred


def test_it_is_off_within_and_on_afterwards() -> None:
    with deferred.gc_paused():
        with deferred.gc_paused():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()


def test_much_that_was_built_is_not_walked_through_again() -> None:
    assert not _young([[number] for number in range(3)], then_build=deferred.LARGE + 1000)
    assert gc.get_freeze_count() == 0


def test_little_stays_young_so_that_its_cycles_are_soon_found() -> None:
    gc.collect()
    assert _young([[number] for number in range(3)], then_build=10)


def test_what_somebody_else_froze_stays_frozen() -> None:
    gc.freeze()
    try:
        _young([], then_build=deferred.LARGE + 1000)
        assert gc.get_freeze_count() > 1000
    finally:
        gc.unfreeze()


def test_cycles_are_found_in_the_end() -> None:
    class Circle:
        def __init__(self) -> None:
            self.itself = self

    def circles() -> int:
        return sum(type(thing) is Circle for thing in gc.get_objects())

    for _ in range(60):
        with deferred.gc_paused():
            Circle()
            many = [[number] for number in range(deferred.LARGE + 1000)]
        del many
    assert circles() < 60


def _young(built: list[list[int]], *, then_build: int) -> bool:
    """Whether any of these is still young when the collector is on again."""
    with deferred.gc_paused():
        built = [list(one) for one in built]
        more = [[number] for number in range(then_build)]
    gc.disable()
    try:
        young = {id(thing) for thing in gc.get_objects(generation=0)}
    finally:
        gc.enable()
    del more
    return any(id(one) in young for one in built)
