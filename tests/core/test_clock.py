"""The virtual clock."""

from __future__ import annotations

from simdsl.core.clock import Clock


def test_it_fires_what_is_due_in_the_order_of_deadlines_and_of_asking() -> None:
    clock, fired = Clock(), list[str]()
    clock.call_at(20, lambda: fired.append("late"))
    clock.call_at(10, lambda: fired.append("first of ten"))
    clock.call_at(10, lambda: fired.append("second of ten"))
    clock.advance_to(10)
    assert fired == ["first of ten", "second of ten"]
    assert clock.now_us == 10
    assert clock.next_deadline_us() == 20


def test_a_cancelled_timer_never_fires_and_is_no_deadline() -> None:
    clock, fired = Clock(), list[str]()
    timer = clock.call_at(5, lambda: fired.append("never"))
    timer.cancel()
    assert clock.next_deadline_us() is None
    clock.advance_to(10)
    assert fired == []
    assert not timer.is_pending


def test_a_call_sees_the_time_of_its_deadline_and_may_ask_for_another() -> None:
    clock, seen = Clock(), list[int]()

    def again() -> None:
        seen.append(clock.now_us)
        if len(seen) < 3:
            clock.call_at(clock.now_us + 10, again)

    clock.call_at(10, again)
    clock.advance_to(100)
    assert seen == [10, 20, 30]
    assert clock.now_us == 100


def test_time_never_goes_back() -> None:
    clock = Clock()
    clock.advance_to(10)
    clock.advance_to(5)
    assert clock.now_us == 10
