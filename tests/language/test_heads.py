"""The texts of verbs: heads of loops, retries and sessions, durations, faults and schedules."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simdsl.plan.codes import Code
from simdsl.plan.expectations import FixedPoint, LiteralType, Scalar, TypedLiteral
from simdsl.plan.outcomes import ErrorClass
from simdsl.plan.schedules import ExhaustiveSchedule, ExplicitSchedule, RecordedSchedule
from simdsl.plan.sql import Variable
from simdsl.plan.steps import IntegerBounds, ItemList
from simdsl.syntax.cells import parse_duration
from simdsl.syntax.problems import ParseError
from simdsl.syntax.verb_arguments import parse_fault, parse_for, parse_retry, parse_schedule, parse_session


def code_of(parse: Callable[[], object]) -> Code:
    with pytest.raises(ParseError) as caught:
        parse()
    return caught.value.troubles[0].code


@pytest.mark.parametrize(
    ("text", "over"),
    [
        ("i in 1..3", IntegerBounds(first=1, last=3)),
        ("i in 1 .. $n", IntegerBounds(first=1, last=Variable(name="n"))),
        ("i in $a..$b", IntegerBounds(first=Variable(name="a"), last=Variable(name="b"))),
        ("i in -2..-1", IntegerBounds(first=-2, last=-1)),
        ("i in 1..0", IntegerBounds(first=1, last=0)),
        ("i in 1..100000", IntegerBounds(first=1, last=100_000)),
        ("i in [1]", ItemList(items=(Scalar(value=1),))),
        (
            "i in ['a', $x, 2.5, NULL, date '2026-01-31']",
            ItemList(
                items=(
                    Scalar(value="a"),
                    Variable(name="x"),
                    FixedPoint(text="2.5"),
                    Scalar(value=None),
                    TypedLiteral(kind=LiteralType.DATE, text="2026-01-31"),
                )
            ),
        ),
    ],
)
def test_rule_48_loops(text: str, over: IntegerBounds | ItemList) -> None:
    head = parse_for(text)
    assert head.variable.name == "i"
    assert head.over == over


def test_rule_48_a_loop_runs_at_most_100000_times() -> None:
    assert code_of(lambda: parse_for("i in 1..100001")) is Code.R048
    assert code_of(lambda: parse_for("i in -99999..1")) is Code.R048


@pytest.mark.parametrize("text", ["i on 1..2", "i in 1", "i in 1.5..2", "i in []", "1 in 1..2", "i in 1..2 3", "", "i"])
def test_other_loops_are_refused(text: str) -> None:
    assert code_of(lambda: parse_for(text)) in (Code.G201, Code.G202, Code.G203)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("3 times", (3, (), None)),
        ("1 times on busy", (1, (ErrorClass.BUSY,), None)),
        (
            "2 times on busy or serialization_failure every 5ms",
            (2, (ErrorClass.BUSY, ErrorClass.SERIALIZATION_FAILURE), 5_000),
        ),
        ("2 times every 1s", (2, (), 1_000_000)),
    ],
)
def test_rule_38_retries(text: str, expected: tuple[int, tuple[ErrorClass, ...], int | None]) -> None:
    assert tuple(parse_retry(text)) == expected


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("0 times", Code.G207),
        ("3 tims", Code.G201),
        ("3", Code.G202),
        ("3 times on bsy", Code.G204),
        ("3 times every 5", Code.G201),
    ],
)
def test_rule_38_other_retries_are_refused(text: str, code: Code) -> None:
    assert code_of(lambda: parse_retry(text)) is code


@pytest.mark.parametrize(
    ("verb", "text", "task", "pool"),
    [
        ("checkout", "a from main", "a", "main"),
        ("checkout", "a", "a", None),
        ("checkout", "from main", None, "main"),
        ("checkout", "", None, None),
        ("return", "a", "a", None),
        ("return", "", None, None),
        ("await", "b", "b", None),
        ("await", "all", None, None),
        ("await", "allan", "allan", None),
    ],
)
def test_sessions(verb: str, text: str, task: str | None, pool: str | None) -> None:
    head = parse_session(verb, text)
    assert (head.task and head.task.name, head.pool and head.pool.name) == (task, pool)


@pytest.mark.parametrize(("verb", "text"), [("checkout", "a form main"), ("return", "a from main"), ("await", "")])
def test_other_sessions_are_refused(verb: str, text: str) -> None:
    assert code_of(lambda: parse_session(verb, text)) in (Code.G201, Code.G202)


@pytest.mark.parametrize(
    ("text", "duration_us"),
    [("0ms", 0), ("10us", 10), ("5ms", 5_000), ("2s", 2_000_000), ("3m", 180_000_000), ("1h", 3_600_000_000)],
)
def test_rule_48_durations(text: str, duration_us: int) -> None:
    assert parse_duration(text) == duration_us


@pytest.mark.parametrize("text", ["5", "5 ms", "-5ms", "1.5s", "ms", "", "5d", "99999999999999h", "9" * 30 + "us"])
def test_rule_48_other_durations_are_refused(text: str) -> None:
    assert code_of(lambda: parse_duration(text)) is Code.G208


def test_faults_are_words_and_integers() -> None:
    assert parse_fault("io_error write 3") == ("io_error", "write", 3)
    assert parse_fault("disconnect a") == ("disconnect", "a")


@pytest.mark.parametrize("text", ["", "3", "crash 1.5", "crash-server"])
def test_other_faults_are_refused(text: str) -> None:
    assert code_of(lambda: parse_fault(text)) in (Code.G201, Code.G202, Code.G203)


def test_rule_36_schedules_that_are_text() -> None:
    assert parse_schedule("all") == ExhaustiveSchedule()
    assert parse_schedule("a b a") == ExplicitSchedule(words=("a", "b", "a"))
    assert parse_schedule("1-2-1") == RecordedSchedule(choices=(1, 2, 1))
    assert parse_schedule("1") == RecordedSchedule(choices=(1,))


@pytest.mark.parametrize("text", ["", "a-b", "1 2", "A B", "all all"])
def test_rule_36_other_schedules_are_refused(text: str) -> None:
    assert code_of(lambda: parse_schedule(text)) in (Code.G201, Code.G202)


PARSERS: list[Callable[[str], object]] = [
    parse_for,
    parse_retry,
    parse_duration,
    parse_fault,
    parse_schedule,
    lambda text: parse_session("checkout", text),
]


@given(
    text=st.text(alphabet="i in1.$[]times5ever on-all'a ", max_size=20) | st.text(max_size=20),
    parse=st.sampled_from(PARSERS),
)
def test_any_text_is_a_head_or_refused(text: str, parse: Callable[[str], object]) -> None:
    with contextlib.suppress(ParseError):
        parse(text)
