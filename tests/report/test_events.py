"""Traces: every event can be written, read back, and is what the schema says."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Callable
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, get_args

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simdsl.backends.registry import resolve
from simdsl.core.trace import (
    BlockReason,
    CheckEvaluated,
    ClockAdvanced,
    InvariantEvaluated,
    PoolChanged,
    RaceDetected,
    ScheduleEntrySkipped,
    SessionRolledBack,
    StepCompleted,
    TaskBlocked,
    TaskChosen,
    Trace,
    TraceEvent,
)
from simdsl.core.verdicts import Failure, FailureKind, PlanStarted, RunEnded, RunReport, Verdict
from simdsl.plan import codes
from simdsl.plan.outcomes import Affected, ErrorClass, Failed, Rows
from simdsl.plan.plan import Identifier, Param, Plan
from simdsl.report.context import NO_SECRETS, Secrets
from simdsl.report.json_lines import EVENT_NAMES, TraceError, TraceWriter, decode_event, encode_event, read_trace

words = st.text(max_size=12)
numbers = st.integers(-(2**63), 2**63 - 1)
values = (
    st.none()
    | st.booleans()
    | numbers
    | st.floats(allow_nan=False)
    | st.decimals(allow_nan=False, allow_infinity=False)
    | words
    | st.binary(max_size=8)
    | st.dates()
    | st.times().map(lambda moment: moment.replace(fold=0))
    | st.datetimes().map(lambda moment: moment.replace(fold=0))
)
rows = st.lists(values, max_size=3).map(tuple)
outcomes = (
    st.builds(Rows, st.integers(0, 99), st.lists(rows, max_size=3), st.none() | numbers)
    | st.builds(Affected, st.none() | numbers)
    | st.builds(
        Failed,
        st.sampled_from(ErrorClass),
        words,
        st.none() | words,
        st.none() | numbers,
        st.sampled_from(["engine", "simdsl"]),
    )
)
paths = st.lists(words | st.integers(0, 99), max_size=4).map(tuple)
names = st.lists(words, max_size=3).map(tuple)
counts = st.integers(0, 2**40)


def made(kind: Callable[..., TraceEvent], **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[TraceEvent]:
    return st.builds(kind, **fields)


events: st.SearchStrategy[TraceEvent] = st.one_of(
    made(
        StepCompleted,
        task=words,
        path=paths,
        what=words,
        arguments=rows,
        outcome=outcomes,
        in_transaction=st.booleans(),
        now_us=counts,
        session=st.none() | counts,
        has_expectation=st.booleans(),
        ordered=st.booleans(),
        names=names,
    ),
    made(
        TaskBlocked,
        task=words,
        path=paths,
        what=words,
        wait=st.sampled_from(BlockReason),
        until_us=st.none() | counts,
        now_us=counts,
        blockers=names,
        arguments=rows,
    ),
    made(TaskChosen, choice=counts, enabled=st.lists(counts, max_size=3).map(tuple)),
    made(ScheduleEntrySkipped, index=counts, entry=words, why=words),
    made(ClockAdvanced, now_us=counts),
    made(
        PoolChanged,
        pool=words,
        task=words,
        session=counts,
        checked_out=st.booleans(),
        size=counts,
        idle=counts,
        busy=counts,
        waiting=counts,
        in_transaction=st.booleans(),
    ),
    made(
        CheckEvaluated,
        task=st.none() | words,
        path=paths,
        held=st.booleans(),
        readings=st.lists(st.tuples(words, numbers), max_size=3).map(tuple),
        now_us=counts,
    ),
    made(InvariantEvaluated, path=paths, outcome=outcomes, held=st.booleans()),
    made(SessionRolledBack, task=words, why=words),
    made(RaceDetected, tasks=names),
)


SCHEMA: dict[str, Any] = json.loads(codes.path("schemas/trace.schema.json").read_text(encoding="utf-8"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


@given(events)
def test_an_event_is_read_back_as_it_was_written(event: TraceEvent) -> None:
    line = json.dumps(encode_event(event), ensure_ascii=False).encode("utf-8", "backslashreplace")
    assert repr(decode_event(json.loads(line))) == repr(event)


@given(events)
def test_an_event_is_what_the_schema_says(event: TraceEvent) -> None:
    VALIDATOR.validate(json.loads(json.dumps(encode_event(event))))


def test_every_kind_of_event_has_a_name_and_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert set(EVENT_NAMES) == set(get_args(TraceEvent))
    assert set(EVENT_NAMES.values()) == set(SCHEMA["else"]["properties"]["event"]["enum"])


@pytest.mark.parametrize(
    "value", [math.inf, -math.inf, Decimal("1.50"), b"\x00\xff", date.max, time.max, datetime.min, "\udc80"]
)
def test_values_that_json_lacks(value: Any) -> None:
    event = InvariantEvaluated(path=(), outcome=Rows(1, [(value,)]), held=True)
    line = json.dumps(encode_event(event), ensure_ascii=False).encode("utf-8", "backslashreplace")
    assert decode_event(json.loads(line)) == event


def report(verdict: Verdict = Verdict.PASS, failure: Failure | None = None) -> RunReport:
    trace = Trace(between=[(0, TaskChosen(choice=0, enabled=(0, 1))), (0, ClockAdvanced(now_us=5))])
    return RunReport(
        plan="p",
        backend="sqlite",
        params=(Param(name="n", value=Decimal("1.5")), Param(name="t", value=Identifier(name="hunter22"))),
        run=1,
        choices=(1,),
        verdict=verdict,
        assertions=1,
        steps=1,
        digest=trace.digest(),
        trace=trace,
        failure=failure,
    )


FAILURE = Failure(
    kind=FailureKind.EXPECTATION,
    message="m",
    path=("steps", 0),
    expected=("1",),
    got=("(2)",),
    arguments=(("x", "1"),),
    fingerprint="f",
)


def written(*reports: RunReport, secrets: Secrets = NO_SECRETS) -> bytes:
    out = io.BytesIO()
    writer = TraceWriter(out, [resolve("sqlite")], secrets)
    writer.tell(PlanStarted(plan=Plan(name="p"), file="p.yaml", backend="sqlite", seed=7))
    for one in reports:
        writer.tell(RunEnded(report=one))
    return out.getvalue()


def test_runs_follow_each_other() -> None:
    text = written(report(), report(Verdict.FAIL, FAILURE))
    for line in text.splitlines():
        VALIDATOR.validate(json.loads(line))
    first, second = read_trace(text.splitlines())
    assert first.header["seed"] == 7
    assert first.header["file"] == "p.yaml"
    assert first.header["params"] == {"n": {"decimal": "1.5"}, "t": {"identifier": "hunter22"}}
    assert first.events == (TaskChosen(choice=0, enabled=(0, 1)), ClockAdvanced(now_us=5))
    assert first.verdict is Verdict.PASS
    assert first.digest == report().digest
    assert second.end["failure"]["path"] == ["steps", 0]


def test_secrets_are_masked_in_all_lines() -> None:
    text = written(report(), secrets=Secrets(pairs=(("hunter22", "***"),)))
    assert b"hunter22" not in text
    assert b'"***"' in text


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"{", "line 1: not a line of JSON"),
        (b"[]", "line 1: not a JSON object"),
        (b'{"event": "advance", "now_us": 1}', "line 1: an event has no place here"),
        (b'{"record": "end"}', "line 1: end has no place here"),
        (b'{"record": "run", "format": 1}', "line 1: this trace has format 1, not 2"),
        (b'{"record": "run", "format": 2}', "line 1: the file ends in the middle of a run"),
        (b'{"record": "run", "format": 2}\n{"event": "advance"}', "line 2: not an event"),
        (b'{"record": "run", "format": 2}\n{"event": "what"}', "line 2: not an event"),
    ],
)
def test_what_is_no_trace(text: bytes, reason: str) -> None:
    with pytest.raises(TraceError, match=reason):
        list(read_trace(text.splitlines()))
