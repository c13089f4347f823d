"""Steps are kept in columns and read as events; the digest says what a plan can observe of them, and no more."""

from __future__ import annotations

import gc
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import pytest

from simdsl.backends.registry import resolve
from simdsl.core.trace import (
    CheckEvaluated,
    ClockAdvanced,
    ScheduleEntrySkipped,
    SessionRolledBack,
    StepCompleted,
    TaskChosen,
    Trace,
    TraceEvent,
)
from simdsl.language.load import load_text
from simdsl.plan import deferred
from simdsl.plan.diagnostics import Path
from simdsl.plan.outcomes import Affected, ErrorClass, Failed, Outcome, Rows
from simdsl.plan.values import Value
from simdsl.runs.context import RunOptions
from simdsl.runs.single import run_plan


@dataclass(eq=False, kw_only=True)
class Op:
    """An instruction, as far as a trace knows it."""

    task: str = "a"
    path: Path = ("steps", 0)
    what: str = "SELECT $x"
    has_expectation: bool = True
    ordered: bool = False
    parameters: tuple[str, ...] = ("x",)
    nondeterministic: bool = False


class Writer:
    """A trace, written a step at a time."""

    def __init__(self) -> None:
        self.trace = Trace()

    def step(
        self,
        op: Op,
        *arguments: Value,
        outcome: Outcome = Affected(1),  # noqa: B008 - a tuple
        now_us: int = 0,
        session: int = 1,
        tx: int | None = None,
    ) -> Writer:
        if tx is not None:
            self.trace.transactions[len(self.trace.ops)] = tx
        self.trace.ops.append(op)
        self.trace.arguments.append(arguments)
        self.trace.outcomes.append(outcome)
        self.trace.moments.append((now_us, session))
        return self

    def event(self, event: TraceEvent) -> Writer:
        self.trace.add(event)
        return self

    def digest(self) -> str:
        return self.trace.digest()


CHOSEN = TaskChosen(choice=1, enabled=(0, 1))
CLOCK = ClockAdvanced(now_us=7)
UNDONE = SessionRolledBack(task="a", why="the end of the run")
HELD = CheckEvaluated(task="a", path=("steps", 3), held=True, readings=(), now_us=7)


def test_events_are_read_in_the_order_in_which_they_came() -> None:
    written = Writer().event(CHOSEN).step(Op(), 1).step(Op(), 2, tx=0).event(CLOCK).event(CHOSEN).step(Op(), 3, tx=1)
    trace = written.event(HELD).event(UNDONE).trace
    told = [event.arguments[0] if isinstance(event, StepCompleted) else event for event in trace]
    assert told == [CHOSEN, 1, 2, CLOCK, CHOSEN, 3, HELD, UNDONE]
    assert len(trace) == 8
    assert [step.arguments for step in trace.steps()] == [(1,), (2,), (3,)]
    assert [step.in_transaction for step in trace.steps()] == [None, False, True]
    assert trace.choices() == (2, 2)
    assert trace.count() == 4


def test_control_leaves_out_the_steps_that_nobody_asked_about_transactions() -> None:
    trace = Writer().step(Op(), 1).event(CLOCK).step(Op(), 2, tx=1).step(Op(), 3).event(UNDONE).trace
    told = [event.arguments[0] if isinstance(event, StepCompleted) else event for event in trace.control()]
    assert told == [CLOCK, 2, UNDONE]


def test_a_copy_goes_on_by_itself() -> None:
    first = Writer().step(Op(), 1, tx=1).event(CLOCK)
    second = Writer()
    second.trace = first.trace.copy()
    second.step(Op(), 2).event(UNDONE)
    assert len(first.trace) == 2
    assert len(second.trace) == 4
    assert next(iter(second.trace)) == next(iter(first.trace))


def test_the_digest_knows_no_places_and_no_instructions() -> None:
    op = Op()
    other = Op(path=("tasks", "a", 5), parameters=("y",), has_expectation=False)
    assert Writer().step(op, 1).step(op, 2).digest() == Writer().step(op, 1, now_us=5, session=9).step(other, 2).digest()
    skipped = ScheduleEntrySkipped(index=1, entry="a", why="finished")
    assert (
        Writer().step(op, 1).step(op, 2).digest() == Writer().step(op, 1).event(CHOSEN).event(skipped).step(op, 2).digest()
    )


@pytest.mark.parametrize("length", [1, 3, 600, 1100])
def test_the_digest_knows_everything_else(length: int) -> None:
    def digest(last: Op, *arguments: Value, outcome: Outcome = Affected(1)) -> str:  # noqa: B008 - a tuple
        written = Writer()
        for i in range(length):
            written.step(Op(what=f"SELECT {i % 7}"), i)
        return written.step(last, *arguments, outcome=outcome).digest()

    said = [
        digest(Op(), 1),
        digest(Op(), 2),
        digest(Op(), 1.0),
        digest(Op(), True),
        digest(Op(), 1, 1),
        digest(Op()),
        digest(Op(), Decimal(1)),
        digest(Op(), date(2026, 1, 31)),
        digest(Op(task="b"), 1),
        digest(Op(what="SELECT 0"), 1),
        digest(Op(what="SELECT $x "), 1),
        digest(Op(), 1, outcome=Affected(2)),
        digest(Op(), 1, outcome=Affected()),
        digest(Op(), 1, outcome=Rows(1, [])),
        digest(Op(), 1, outcome=Rows(1, [(1,)])),
        digest(Op(), 1, outcome=Rows(1, [(1,)], 1)),
        digest(Op(), 1, outcome=Rows(1, [(1,), (1,)])),
        digest(Op(), 1, outcome=Failed(ErrorClass.BUSY, "database is locked")),
        digest(Op(), 1, outcome=Failed(ErrorClass.BUSY, "database is locked", native=5)),
        digest(Op(), 1, outcome=Failed(ErrorClass.OTHER, "1")),
    ]
    assert len(set(said)) == len(said)


def test_the_digest_knows_where_an_event_came() -> None:
    digests = [
        Writer().event(UNDONE).step(Op(), 1).step(Op(), 2).digest(),
        Writer().step(Op(), 1).event(UNDONE).step(Op(), 2).digest(),
        Writer().step(Op(), 1).step(Op(), 2).event(UNDONE).digest(),
        Writer().step(Op(), 1).step(Op(), 2).digest(),
        Writer().step(Op(), 2).step(Op(), 1).digest(),
    ]
    assert len(set(digests)) == len(digests)


def test_a_bag_of_rows_has_one_digest_and_a_sequence_another() -> None:
    one, other = Rows(1, [(1,), (2,)]), Rows(1, [(2,), (1,)])
    assert Writer().step(Op(), outcome=one).digest() == Writer().step(Op(), outcome=other).digest()
    in_order = Op(ordered=True)
    assert Writer().step(in_order, outcome=one).digest() != Writer().step(in_order, outcome=other).digest()


def test_a_trace_is_freed_with_the_last_who_reads_it() -> None:
    def traces() -> int:
        return sum(type(thing) is Trace for thing in gc.get_objects())

    plan = load_text("simdsl: 1\nplan: p\nsteps:\n  - a: SELECT 1 => 1\n")
    gc.collect()
    with deferred.gc_paused():
        before = traces()
        *events, _ = run_plan(plan, "p", resolve("sqlite:///:memory:"), RunOptions(seed=1))
        assert traces() > before
        del events
        assert traces() == before
