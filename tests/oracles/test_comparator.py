"""Lining two runs up: traces made by hand, one for everything that can differ and for what must not matter."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import pytest

from simdsl.core.trace import BlockReason, CheckEvaluated, SessionRolledBack, StepCompleted, TaskBlocked, Trace, TraceEvent
from simdsl.oracles.comparator import Aspect, BackendRun, Comparison, compare, describe_one
from simdsl.oracles.equivalence import ACROSS, IDENTICAL
from simdsl.plan.diagnostics import Path
from simdsl.plan.outcomes import Affected, ErrorClass, Failed, Outcome, Rows
from simdsl.plan.values import Row, Value
from simdsl.syntax.sql_lexer import parse_transaction

OK = Affected(None)
ONE = Affected(1)
BUSY = Failed(ErrorClass.BUSY, "database is locked")


def step(
    at: int | Path,
    outcome: Outcome,
    *,
    task: str = "a",
    what: str = "SELECT 1",
    open_: bool | None = None,
    ordered: bool = False,
    arguments: tuple[Value, ...] = (),
) -> StepCompleted:
    return StepCompleted(
        task=task,
        path=("steps", at) if isinstance(at, int) else at,
        what=what,
        arguments=arguments,
        outcome=outcome,
        in_transaction=open_,
        now_us=0,
        session=1,
        has_expectation=False,
        ordered=ordered,
    )


def parked(at: int, wait: BlockReason = BlockReason.LOCK, task: str = "a") -> TaskBlocked:
    return TaskBlocked(
        task=task, path=("steps", at), what="UPDATE", wait=wait, until_us=None, now_us=0, blockers=(), arguments=()
    )


@dataclass(frozen=True)
class Op:
    """What a trace needs of an instruction."""

    task: str
    path: Path
    what: str
    ordered: bool
    has_expectation: bool = False
    parameters: tuple[str, ...] = ()
    nondeterministic: bool = False


def written(*events: TraceEvent) -> Trace:
    """A trace as the machine writes it: steps in columns, everything else between."""
    trace = Trace()
    for event in events:
        if not isinstance(event, StepCompleted):
            trace.add(event)
            continue
        if event.in_transaction is not None:
            trace.transactions[len(trace.ops)] = int(event.in_transaction)
        trace.ops.append(Op(event.task, event.path, event.what, event.ordered))
        trace.arguments.append(event.arguments)
        trace.outcomes.append(event.outcome)
        trace.moments.append((event.now_us, event.session))
    return trace


def side(
    *events: TraceEvent, tables: Mapping[str, Rows] | None = None, whole: bool = True, paths: Iterable[Path] | None = None
) -> BackendRun:
    steps = [event for event in events if isinstance(event, StepCompleted)]
    control = {event.path: found for event in steps if (found := parse_transaction(event.what)) is not None}
    return BackendRun(
        trace=written(*events),
        paths=frozenset(paths if paths is not None else (event.path for event in steps)),
        control=control,
        tables=tables,
        is_whole=whole,
    )


def differ(left: BackendRun, right: BackendRun, *, keys: tuple[int, ...] | None = None, locks: bool = False) -> Comparison:
    return compare(left, right, equivalence=ACROSS, sort_keys=lambda text: keys, locks_differ=locks)


def aspects(left: BackendRun, right: BackendRun, *, keys: tuple[int, ...] | None = None) -> list[tuple[Aspect, int | None]]:
    return [(one.aspect, one.step) for one in differ(left, right, keys=keys).divergences]


def rows(*found: Row, columns: int = 1, affected: int | None = None) -> Rows:
    return Rows(len(found[0]) if found else columns, list(found), affected)


# What came of a step


@pytest.mark.parametrize(
    ("left", "right", "aspect"),
    [
        (ONE, Affected(2), Aspect.AFFECTED),
        (ONE, OK, Aspect.AFFECTED),
        (rows((1,)), rows((2,)), Aspect.ROWS),
        (rows((1,)), rows((1,), (1,)), Aspect.ROWS),
        (rows(), rows((None,)), Aspect.ROWS),
        (rows((1,)), rows((1, 2)), Aspect.COLUMNS),
        (rows(columns=1), rows(columns=2), Aspect.COLUMNS),
        (rows((1,)), ONE, Aspect.COLUMNS),
        (rows((1,), affected=1), rows((1,), affected=2), Aspect.AFFECTED),
        (Failed(ErrorClass.UNIQUE_VIOLATION, "x"), ONE, Aspect.ERROR),
        (rows((1,)), Failed(ErrorClass.OTHER, "x"), Aspect.ERROR),
        (Failed(ErrorClass.UNIQUE_VIOLATION, "x"), Failed(ErrorClass.CHECK_VIOLATION, "x"), Aspect.ERROR),
    ],
)
def test_what_differs(left: Outcome, right: Outcome, aspect: Aspect) -> None:
    for one, other in ((left, right), (right, left)):
        assert aspects(side(step(0, OK), step(1, one)), side(step(0, OK), step(1, other))) == [(aspect, 2)]


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (OK, OK),
        (rows((1,), (2,)), rows((2,), (1,))),  # without ORDER BY an order means nothing
        (rows((1, True)), rows((1.0, 1))),
        (rows(columns=3), rows(columns=3)),
        (Failed(ErrorClass.BUSY, "one text", "55P03", 5), Failed(ErrorClass.BUSY, "another", None, 7)),
    ],
)
def test_what_does_not_matter(left: Outcome, right: Outcome) -> None:
    found = differ(side(step(0, left)), side(step(0, right)))
    assert not found.divergences
    assert found.steps == 1


def test_each_of_many_rows_is_looked_for() -> None:
    (found,) = differ(side(step(0, rows((1,), (2,), (3,)))), side(step(0, rows((1,), (3,))))).divergences
    assert found.said == ("3 rows, (2) among them", "2 rows")
    (found,) = differ(side(step(0, rows((1,), (2,)))), side(step(0, rows((1,), (4,))))).divergences
    assert found.said == ("2 rows, (2) among them", "2 rows, (4) among them")
    (found,) = differ(side(step(0, rows((1,)))), side(step(0, rows((2,))))).divergences
    assert found.said == ("(1)", "(2)")
    (found,) = differ(side(step(0, rows((1,)))), side(step(0, rows()))).divergences
    assert found.said == ("(1)", "no rows")


def test_an_outcome_in_one_line() -> None:
    assert describe_one(OK) == "ok"
    assert describe_one(Affected(3)) == "3 affected"
    assert describe_one(BUSY) == "error busy"
    assert describe_one(rows()) == "no rows (1 column)"
    assert describe_one(rows((1, None))) == "(1, NULL)"
    assert describe_one(rows((1,), (2,))) == "2 rows, (1) first"


# Order


@pytest.mark.parametrize(
    ("right", "keys", "expected"),
    [
        ([(1, "b"), (1, "a"), (2, "c")], (0,), []),  # ties may come in any order
        ([(1, "b"), (1, "a"), (2, "c")], (0, 1), [(Aspect.ORDER, 1)]),
        ([(2, "c"), (1, "a"), (1, "b")], (0,), [(Aspect.ORDER, 1)]),
        ([(2, "c"), (1, "a"), (1, "b")], None, []),  # nobody knows by what
        ([(2, "c"), (1, "a"), (1, "b")], (), []),  # by nothing that is selected
        ([(1.0, "a"), (True, "b"), (2, "c")], (0, 1), []),
    ],
)
def test_the_order_of_what_is_sorted_by(
    right: list[Row], keys: tuple[int, ...] | None, expected: list[tuple[Aspect, int]]
) -> None:
    left = rows((1, "a"), (1, "b"), (2, "c"))
    assert aspects(side(step(0, left, ordered=True)), side(step(0, rows(*right), ordered=True)), keys=keys) == expected


def test_an_order_is_told_by_the_first_row_out_of_place() -> None:
    left, right = rows((1,), (2,), (3,)), rows((1,), (3,), (2,))
    (found,) = differ(side(step(0, left, ordered=True)), side(step(0, right, ordered=True)), keys=(0,)).divergences
    assert found.said == ("row 2 is (2)", "row 2 is (3)")


def test_without_an_order_by_nobody_asks_for_its_keys() -> None:
    def never(text: str) -> tuple[int, ...]:
        raise AssertionError(text)

    left, right = side(step(0, rows((1,), (2,)))), side(step(0, rows((2,), (1,))))
    assert not compare(left, right, equivalence=IDENTICAL, sort_keys=never, locks_differ=False).divergences
    same = side(step(0, rows((1,), (2,)), ordered=True))
    assert not compare(same, same, equivalence=IDENTICAL, sort_keys=never, locks_differ=False).divergences


# Which steps stand beside each other


def test_steps_are_lined_up_by_task_and_place_not_by_their_order() -> None:
    left = side(step(0, ONE, task="a"), step(1, rows((2,)), task="b"))
    right = side(step(1, rows((2,)), task="b"), step(0, ONE, task="a"))
    assert not differ(left, right).divergences


def test_what_only_one_plan_has_is_not_compared() -> None:
    """``skip`` and ``only``."""
    left = side(step(0, ONE), step(1, ONE), step(2, ONE))
    right = side(step(0, ONE), step(2, ONE))
    found = differ(left, right)
    assert not found.divergences
    assert found.steps == 2


def test_what_ran_on_one_only_is_a_difference() -> None:
    both = [("steps", 0), ("steps", 1)]
    long, short = side(step(0, ONE), step(1, ONE)), side(step(0, ONE), paths=both)
    assert aspects(long, short) == [(Aspect.PRESENCE, 2)]
    assert aspects(short, long) == [(Aspect.PRESENCE, None)]
    assert differ(long, short).divergences[0].said == ("1 affected", "did not run")
    assert differ(short, long).divergences[0].said == ("did not run", "1 affected")


def test_a_run_that_a_failure_ended_lacks_what_comes_behind() -> None:
    both = [("steps", 0), ("steps", 1)]
    long, short = side(step(0, ONE), step(1, ONE)), side(step(0, ONE), paths=both, whole=False)
    assert not differ(long, short).divergences
    assert not differ(short, long).divergences


def test_rounds_of_a_loop_and_attempts_are_counted() -> None:
    left = side(step(0, ONE), step(0, ONE), step(0, Affected(2)))
    assert not differ(left, left).divergences
    assert aspects(left, side(step(0, ONE), step(0, Affected(2)), step(0, ONE))) == [
        (Aspect.AFFECTED, 2),
        (Aspect.AFFECTED, 3),
    ]
    assert aspects(left, side(step(0, ONE), step(0, ONE))) == [(Aspect.PRESENCE, 3)]


def test_the_first_difference_in_time_is_the_first() -> None:
    left = side(step(3, ONE), step(1, ONE), step(2, ONE))
    right = side(step(3, ONE), step(1, Affected(2)), step(2, Affected(3)))
    assert aspects(left, right) == [(Aspect.AFFECTED, 2), (Aspect.AFFECTED, 3)]


def test_setup_is_compared_and_numbered_by_itself() -> None:
    def trace(first: Outcome, second: Outcome) -> BackendRun:
        check = CheckEvaluated(task=None, path=("steps", 0), held=True, readings=(), now_us=0)
        return side(step(("setup", 0), OK), step(("setup", 1), first), check, step(1, second))

    assert aspects(trace(ONE, ONE), trace(Affected(2), ONE)) == [(Aspect.AFFECTED, 2)]
    # A transcript leaves setup out, and counts checks.
    assert aspects(trace(ONE, ONE), trace(ONE, Affected(2))) == [(Aspect.AFFECTED, 2)]


def test_finally_comes_behind_the_tables() -> None:
    def trace(value: int) -> BackendRun:
        late = step(("finally", 0), rows((value,)), task="finally")
        return side(step(0, ONE), late, tables={"t": rows((value,))})

    assert [one.aspect for one in differ(trace(1), trace(2)).divergences] == [Aspect.TABLE, Aspect.ROWS]


# Waiting


@pytest.mark.parametrize("wait", [BlockReason.LOCK, BlockReason.POOL])
def test_waiting_is_compared(wait: BlockReason) -> None:
    left, right = side(parked(0, wait), step(0, ONE)), side(step(0, ONE))
    assert aspects(left, right) == [(Aspect.WAITING, 1)]
    assert differ(left, right).divergences[0].said == ("waits", "does not wait")
    assert differ(right, left).divergences[0].said == ("does not wait", "waits")
    assert not differ(left, left).divergences


def test_it_is_the_same_round_that_waits() -> None:
    first = side(parked(0), step(0, ONE), step(0, ONE))
    second = side(step(0, ONE), parked(0), step(0, ONE))
    assert aspects(first, second) == [(Aspect.WAITING, 1), (Aspect.WAITING, 2)]


def test_sleeping_is_not() -> None:
    assert not differ(side(parked(0, BlockReason.SLEEP), step(0, ONE)), side(step(0, ONE))).divergences


def test_where_locks_differ_only_waiting_for_a_pool_is_compared() -> None:
    assert not differ(side(parked(0), step(0, ONE)), side(step(0, ONE)), locks=True).divergences
    pool = side(parked(0, BlockReason.POOL), step(0, ONE))
    assert [one.aspect for one in differ(pool, side(step(0, ONE)), locks=True).divergences] == [Aspect.WAITING]


# Parted by locks


BEGUN = (step(0, OK, task="a", what="BEGIN", open_=True), step(1, ONE, task="a", what="UPDATE t SET v = 1"))
ENDED = step(3, OK, task="a", what="COMMIT", open_=False)
WRITE = "UPDATE t SET v = 2"


def refusing(*more: TraceEvent, value: int = 1) -> BackendRun:
    return side(*BEGUN, step(2, BUSY, task="b", what=WRITE), ENDED, *more, tables={"t": rows((value,))})


def waiting(*more: TraceEvent, value: int = 2) -> BackendRun:
    done = step(2, ONE, task="b", what=WRITE)
    return side(*BEGUN, parked(2, task="b"), ENDED, done, *more, tables={"t": rows((value,))})


def test_a_refusal_because_of_a_transaction_parts_the_two() -> None:
    found = differ(refusing(), waiting(), locks=True)
    assert not found.divergences
    assert found.stopped_at is not None
    assert found.stopped_at.path == ("steps", 2)
    assert found.stopped_at.said == ("error busy", "waits")
    assert found.steps == 2
    assert found.tables == 0  # they did not commit the same


def test_it_does_not_where_both_have_such_locks() -> None:
    found = differ(refusing(), waiting())
    assert found.stopped_at is None
    assert [one.aspect for one in found.divergences] == [Aspect.ERROR, Aspect.WAITING, Aspect.TABLE]


def test_a_refusal_without_a_transaction_of_somebody_else_is_a_difference() -> None:
    alone = (step(0, OK, task="b", what="BEGIN", open_=True),)
    left = side(*alone, step(1, BUSY, task="b"))
    right = side(*alone, step(1, ONE, task="b"))
    found = differ(left, right, locks=True)
    assert found.stopped_at is None
    assert [one.aspect for one in found.divergences] == [Aspect.ERROR]


def test_a_transaction_that_ended_holds_no_lock() -> None:
    left = side(*BEGUN, ENDED, step(4, BUSY, task="b", what=WRITE))
    right = side(*BEGUN, ENDED, step(4, ONE, task="b", what=WRITE))
    assert [one.aspect for one in differ(left, right, locks=True).divergences] == [Aspect.ERROR]
    rolled = SessionRolledBack(task="a", why="a further attempt")
    left = side(*BEGUN, rolled, step(4, BUSY, task="b", what=WRITE))
    right = side(*BEGUN, rolled, step(4, ONE, task="b", what=WRITE))
    assert [one.aspect for one in differ(left, right, locks=True).divergences] == [Aspect.ERROR]


def test_a_refusal_on_both_parts_nothing() -> None:
    found = differ(refusing(), refusing(), locks=True)
    assert found.stopped_at is None
    assert found.steps == 4


def test_what_both_committed_alike_is_compared() -> None:
    """The one that was refused tries again, and comes to the same."""
    again = step(2, ONE, task="b", what=WRITE)
    assert differ(refusing(again, value=2), waiting(), locks=True).tables == 1
    (found,) = differ(refusing(again, value=3), waiting(), locks=True).divergences
    assert found.aspect is Aspect.TABLE


def test_reads_commit_nothing() -> None:
    again, read = step(2, ONE, task="b", what=WRITE), step(5, rows((1,)), task="b")
    assert differ(refusing(again, read), waiting(), locks=True).tables == 1


def test_the_same_statement_with_other_values_is_another_one() -> None:
    def last(value: int) -> StepCompleted:
        return step(2, ONE, task="b", what="UPDATE t SET v = $v", arguments=(value,))

    left = side(*BEGUN, step(2, BUSY, task="b"), ENDED, last(1), tables={})
    assert differ(left, side(*BEGUN, ENDED, last(1), tables={"t": rows((1,))}), locks=True).tables == 1
    assert differ(left, side(*BEGUN, ENDED, last(2), tables={"t": rows((1,))}), locks=True).tables == 0


@pytest.mark.parametrize(
    "undone",
    [
        [("ROLLBACK", OK, False)],
        [("ROLLBACK TRANSACTION", OK, False)],
        [("COMMIT", Failed(ErrorClass.SERIALIZATION_FAILURE, "x"), False)],
        [("SAVEPOINT s", OK, True), ("UPDATE t SET v = 5", ONE, None), ("ROLLBACK TO SAVEPOINT s", OK, True)],
        [("SAVEPOINT S", OK, True), ("UPDATE t SET v = 5", ONE, None), ("ROLLBACK TRANSACTION TO s", OK, True)],
    ],
)
def test_what_is_undone_is_not_committed(undone: list[tuple[str, Outcome, bool | None]]) -> None:
    """The left run undoes something that the right one never did; the rest is the same."""
    begin = step(10, OK, task="c", what="BEGIN", open_=True)
    steps = [step(20 + i, outcome, task="c", what=what, open_=now) for i, (what, outcome, now) in enumerate(undone)]
    kept = [] if undone[-1][2] is False else [step(30, OK, task="c", what="COMMIT", open_=False)]
    refused = (*BEGUN, step(2, BUSY, task="b"), ENDED)
    write = () if kept else (step(11, ONE, task="c", what="UPDATE t SET v = 4"),)
    left = side(*refused, begin, *write, *steps, *kept, tables={"t": rows((1,))})
    right = side(*BEGUN, step(2, rows(), task="b"), ENDED, tables={"t": rows((1,))})
    assert differ(left, right, locks=True).tables == 1


def test_what_a_savepoint_keeps_is_committed() -> None:
    steps = [
        step(10, OK, task="c", what="BEGIN", open_=True),
        step(11, ONE, task="c", what="UPDATE t SET v = 4"),
        step(12, OK, task="c", what="SAVEPOINT s", open_=True),
        step(13, ONE, task="c", what="UPDATE t SET v = 5"),
        step(14, OK, task="c", what="ROLLBACK TO s", open_=True),
        step(15, OK, task="c", what="COMMIT", open_=False),
    ]
    refused = (*BEGUN, step(2, BUSY, task="b"), ENDED)
    free = (*BEGUN, step(2, rows(), task="b"), ENDED)
    left = side(*refused, *steps, tables={"t": rows((1,))})
    assert differ(left, side(*free, tables={"t": rows((1,))}), locks=True).tables == 0
    assert differ(left, side(*free, *steps, tables={"t": rows((1,))}), locks=True).tables == 1
    assert differ(left, side(*free, steps[1], tables={"t": rows((1,))}), locks=True).tables == 1


def test_what_simdsl_rolled_back_is_not_committed() -> None:
    begin = step(10, OK, task="c", what="BEGIN", open_=True)
    write = step(11, ONE, task="c", what="UPDATE t SET v = 4")
    refused = (*BEGUN, step(2, BUSY, task="b"), ENDED)
    left = side(*refused, begin, write, SessionRolledBack(task="c", why="the end"), tables={"t": rows((1,))})
    right = side(*BEGUN, step(2, rows(), task="b"), ENDED, tables={"t": rows((1,))})
    assert differ(left, right, locks=True).tables == 1


# Runs that are the same are not lined up, which must not show


@pytest.mark.parametrize("value", [1, 1.0, True, None, "x", b"x", Decimal("1.5"), date(2024, 2, 29)])
def test_twins_are_counted(value: Value) -> None:
    text = Failed(ErrorClass.CHECK_VIOLATION, "one"), Failed(ErrorClass.CHECK_VIOLATION, "another")
    left, right = (side(step(0, OK), step(1, error), step(2, rows((value,))), tables={"t": rows()}) for error in text)
    found = differ(left, right)
    assert (found.steps, found.tables, found.divergences, found.stopped_at) == (3, 1, (), None)


@pytest.mark.parametrize(("value", "other"), [(1, True), (1, 1.0), (0, False), (Decimal(1), 1), (1.0, Decimal(1))])
def test_equal_values_of_two_types_are_no_twins(value: Value, other: Value) -> None:
    for left, right in ((value, other), (other, value)):
        found = compare(
            side(step(0, rows((left,)))),
            side(step(0, rows((right,)))),
            equivalence=IDENTICAL,
            sort_keys=lambda text: None,
            locks_differ=False,
        )
        assert [one.aspect for one in found.divergences] == [Aspect.ROWS]


def test_twins_may_leave_different_tables() -> None:
    begin, end = step(0, OK, what="BEGIN", open_=True), step(2, OK, what="ROLLBACK", open_=False)
    for events, undone in (((begin, step(1, ONE)), False), ((begin, step(1, ONE), end), True), ((step(1, BUSY),), True)):
        left, right = (side(*events, tables={"t": rows((value,))}) for value in (1, 2))
        (found,) = differ(left, right).divergences
        assert (found.aspect, found.undone) == (Aspect.TABLE, undone)


# What may follow


def test_a_step_that_only_read_leaves_nothing_behind() -> None:
    (found,) = differ(side(step(0, rows((1,)))), side(step(0, rows((2,))))).divergences
    assert found.is_alone
    (found,) = differ(side(step(0, ONE)), side(step(0, Affected(2)))).divergences
    assert not found.is_alone
    (found,) = differ(side(step(0, rows((1,), affected=1))), side(step(0, rows((2,), affected=1)))).divergences
    assert not found.is_alone


def test_an_error_leaves_nothing_behind_outside_of_a_transaction() -> None:
    wrong = Failed(ErrorClass.DIVISION_BY_ZERO, "x")
    (found,) = differ(side(step(0, rows((None,)))), side(step(0, wrong))).divergences
    assert found.is_alone
    begin = step(0, OK, what="BEGIN", open_=True)
    (found,) = differ(side(begin, step(1, rows((None,)))), side(begin, step(1, wrong))).divergences
    assert not found.is_alone
    (found,) = differ(side(step(0, ONE)), side(step(0, wrong))).divergences
    assert not found.is_alone


# Tables


def test_tables_are_compared_as_bags() -> None:
    left = side(tables={"t": rows((1, True), (2, None)), "u": rows(columns=2)})
    right = side(tables={"t": rows((2, None), (1, 1)), "u": rows(columns=2)})
    found = differ(left, right)
    assert not found.divergences
    assert found.tables == 2


@pytest.mark.parametrize(
    ("theirs", "said"),
    [
        ({"t": rows((1,), (3,))}, ("has 2 rows, (2) among them", "has 2 rows, (3) among them")),
        ({"t": rows((1,))}, ("has 2 rows, (2) among them", "has 1 row")),
        ({"t": rows((1,), (2,), (2,))}, ("has 2 rows", "has 3 rows, (2) among them")),
        ({"t": rows((1, 1), (2, 2))}, ("has 1 column", "has 2 columns")),
        ({}, ("has 2 rows", "is not there")),
    ],
)
def test_a_table_that_differs(theirs: dict[str, Rows], said: tuple[str, str]) -> None:
    left = side(tables={"t": rows((1,), (2,))})
    (found,) = differ(left, side(tables=theirs)).divergences
    assert (found.aspect, found.what, found.said, found.path) == (Aspect.TABLE, "t", said, ())
    (found,) = differ(side(tables=theirs), left).divergences
    assert found.said == said[::-1]


def test_the_case_of_a_name_does_not_matter_where_it_names_one_table() -> None:
    found = differ(side(tables={"Account": rows((1,))}), side(tables={"account": rows((1,))}))
    assert not found.divergences
    assert found.tables == 1
    left = side(tables={"T": rows((1,)), "t": rows((2,))})
    assert not differ(left, left).divergences
    assert [one.what for one in differ(left, side(tables={"t": rows((2,))})).divergences] == ["T"]
    (found_one,) = differ(left, side(tables={"t": rows((1,)), "T": rows((1,))})).divergences
    assert found_one.what == "t"


def test_nobody_looked() -> None:
    assert differ(side(tables={"t": rows((1,))}), side()).tables == 0
