"""Lanes: what stands where, who waits from when to when, who woke whom."""

from __future__ import annotations

from simdsl.core.trace import BlockReason, TaskBlocked
from simdsl.plan.outcomes import Failed
from simdsl.report.html.timeline import ItemKind, SpanKind, Timeline, TimelineItem, TimelineSpan, build_timeline
from tests.running import THREADED, run

TABLE = """\
setup:
  - CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER)
  - INSERT INTO t VALUES (1, 0)
"""


def lanes(text: str, backend: str = "sqlite") -> Timeline:
    return build_timeline(run(text, backend).last.trace, lambda path: "/".join(map(str, path)))


def brief(item: TimelineItem) -> tuple[int | None, str, str]:
    return item.number, item.task, item.what


def of(drawn: Timeline, kind: SpanKind) -> list[tuple[str, str, str | None]]:
    """(task, what it begins with, what ends it)."""
    items = drawn.items
    return [
        (span.task, items[span.first].what, None if span.last is None else items[span.last].what)
        for span in drawn.spans
        if span.kind is kind
    ]


def wakes(drawn: Timeline) -> list[tuple[str, str, str]]:
    """(who let go, with what, who goes on)."""
    items = drawn.items
    return [(items[item.woken_by].task, items[item.woken_by].what, item.task) for item in items if item.woken_by is not None]


def test_steps_are_counted_as_on_the_screen_and_setup_is_not() -> None:
    drawn = lanes(TABLE + "steps:\n  - a: SELECT 1\n  - check: now = 0\n  - b: SELECT 2\nfinally:\n  - SELECT 3\n")
    assert [brief(item) for item in drawn.items] == [
        (None, "setup", "CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER)"),
        (None, "setup", "INSERT INTO t VALUES (1, 0)"),
        (1, "a", "SELECT 1"),
        (2, "", "check: steps/1"),
        (3, "b", "SELECT 2"),
        (4, "finally", "SELECT 3"),
    ]
    assert drawn.tasks == ("a", "b")


def test_a_transaction_lasts_through_its_end() -> None:
    drawn = lanes(TABLE + "steps:\n  - a: BEGIN\n  - b: SELECT 1\n  - a: COMMIT\n  - b: SELECT 2\n  - b: BEGIN\n")
    assert of(drawn, SpanKind.TRANSACTION) == [("a", "BEGIN", "SELECT 2"), ("b", "BEGIN", "rolled back: the end of the run")]


def test_who_lets_go_of_a_lock_wakes_who_waits() -> None:
    drawn = lanes(
        TABLE + "steps:\n  - a: BEGIN\n  - a: UPDATE t SET v = 1\n  - b: UPDATE t SET v = 2 => blocks\n"
        "  - a: COMMIT\n  - await: b\n",
        THREADED,
    )
    assert of(drawn, SpanKind.LOCK) == [("b", "UPDATE t SET v = 2", "UPDATE t SET v = 2")]
    assert wakes(drawn) == [("a", "COMMIT", "b")]
    [parked] = [item for item in drawn.items if item.kind is ItemKind.PARK]
    assert parked.note == "waits for a lock of a"


def test_a_connection_that_comes_back_goes_to_the_first_who_waits() -> None:
    drawn = lanes(
        "pools:\n  main: {size: 1}\nsteps:\n  - checkout: a\n  - checkout: b => blocks\n  - checkout: c => blocks\n"
        "  - return: a\n  - await: b\n  - return: b\n  - await: c\n"
    )
    assert wakes(drawn) == [("a", "return", "b"), ("b", "return", "c")]
    assert of(drawn, SpanKind.POOL) == [("b", "checkout main", "checkout main"), ("c", "checkout main", "checkout main")]
    returned = next(item for item in drawn.items if item.what == "return")
    assert returned.note.endswith("released to main: 1 busy, 0 idle, 1 waiting")


def test_nobody_wakes_who_gives_up() -> None:
    drawn = lanes(
        "pools:\n  main: {size: 1, timeout: 10ms}\nsteps:\n  - checkout: a\n  - checkout: b => error pool_timeout\n"
    )
    assert isinstance(drawn.items[-1].outcome, Failed)
    assert wakes(drawn) == []
    assert of(drawn, SpanKind.POOL) == [("b", "checkout main", "checkout main")]


def test_a_sleep_ends_when_the_clock_moves() -> None:
    drawn = lanes("tasks:\n  a:\n    - sleep: 5ms\n    - SELECT 1\n  b:\n    - SELECT 2\nschedule: a b a\n")
    assert of(drawn, SpanKind.SLEEP) == [("a", "sleep", "virtual clock advances to 5ms")]


def test_who_still_waits_at_the_end_waits_for_ever() -> None:
    parked = TaskBlocked(
        task="b",
        path=("steps", 1),
        what="checkout main",
        wait=BlockReason.POOL,
        until_us=None,
        now_us=0,
        blockers=("a", "c"),
    )
    drawn = build_timeline([parked], lambda path: "")
    assert drawn.spans == (TimelineSpan(task="b", kind=SpanKind.POOL, first=0, last=None),)
    assert drawn.items[0].note == "waits for a connection of a, c"


def test_what_a_rolled_back_task_held_ends_there() -> None:
    drawn = lanes(TABLE + "steps:\n  - a: BEGIN\n  - a: UPDATE t SET v = 1\n")
    assert drawn.items[-1].kind is ItemKind.NOTE
    assert drawn.items[-1].task == "a"


def test_an_invariant_that_broke_stands_across_the_lanes() -> None:
    drawn = lanes(TABLE + "steps:\n  - a: UPDATE t SET v = 3\ninvariants:\n  - SELECT v FROM t => 0\n")
    assert [(item.what, item.task) for item in drawn.items if item.is_bad] == [("invariant: invariants/0", "")]
