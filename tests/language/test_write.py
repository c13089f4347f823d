"""What is written loads as what it was."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, time
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simdsl.language.dump import dump, dump_json, emit_yaml, is_plain
from simdsl.language.load import check_text, load_text
from simdsl.plan.diagnostics import Severity
from simdsl.plan.expectations import Expectation
from simdsl.plan.expressions import Expression
from simdsl.plan.plan import Param, Plan
from simdsl.plan.sql import SqlKind
from simdsl.syntax.document import Data
from simdsl.syntax.expectations import parse_expectation
from simdsl.syntax.expressions import parse_check
from simdsl.syntax.files import read_text
from simdsl.syntax.printer import duration_text, expectation_text, expression_text
from simdsl.syntax.yaml_reader import read_events, to_data
from tests.strategies import TEXTS, Scope, expectations, expressions, plans

SCOPE = Scope(("n", "who"), ("l",), ("main",))


@pytest.mark.slow
@given(plans())
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_every_plan_loads_as_it_was_dumped(plan: Plan) -> None:
    assert_loads(dump(plan), "p.yaml", plan)
    assert_loads(dump_json(plan), "p.json", plan)


def assert_loads(text: str, name: str, plan: Plan) -> None:
    checked = check_text(text, name)
    errors = [d for d in checked.diagnostics if d.severity is Severity.ERROR]
    assert errors == [], text
    # By their texts, since NaN is not equal to itself and 0.0 is equal to -0.0.
    assert repr(checked.plan) == repr(plan), text


@given(expressions(SCOPE))
def test_expressions(expression: Expression) -> None:
    assert repr(parse_check(expression_text(expression))) == repr(expression)


@given(expectations(SCOPE, SqlKind.OTHER))
def test_expectations(expectation: Expectation) -> None:
    assert repr(parse_expectation(expectation_text(expectation))) == repr(expectation)


@pytest.mark.parametrize(
    "text",
    [
        "1 + 2 * 3 = 7",
        "(1 + 2) * 3 = 9",
        "1 - (2 - 3) = 2",
        "1 - 2 - 3 = -4",
        "not (1 = 2 or 2 = 3) and 1 = 1",
        "1 = 1 or 2 = 2 and 3 = 3",
        "(1 = 1) = (2 = 2)",
        "-(3) = -3",
        "-(-3) = 3",
        "bag(l) + bag(m) subset of bag(n)",
        "slice(l, 0, 2) = bag(m)",
        "max(1, coalesce(NULL, $n)) >= pool.main.idle",
    ],
)
def test_brackets_stand_only_where_they_are_needed(text: str) -> None:
    assert expression_text(parse_check(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "ok",
        "empty",
        "1 row",
        "2 rows",
        "1 affected",
        "1 column",
        ">= $n rows",
        "0",
        "'it''s', NULL, x'00ff', 1e3, 2.50, date '2026-01-31'",
        "(1, 'a'), (2, _) in any order",
        "(?x, $y)",
        "contains 1, 2",
        "excludes (1, 'a')",
        "same as l in order",
        "error",
        "error busy /x/ or error 23505 or error native -5 or blocks or ok",
    ],
)
def test_expectations_in_their_one_form(text: str) -> None:
    assert expectation_text(parse_expectation(text)).replace("1000e0", "1e3") == text


@pytest.mark.parametrize(
    ("duration_us", "text"),
    [(0, "0ms"), (1, "1us"), (1_500, "1500us"), (50_000, "50ms"), (90_000_000, "90s"), (7_200_000_000, "2h")],
)
def test_durations(duration_us: int, text: str) -> None:
    assert duration_text(duration_us) == text


PLAN = """\
# yaml-language-server: $schema=../schemas/plan.schema.json
simdsl: 1
plan: the-one-form
doc: |-
  Words: more words.
tags: [tx, '010']
backends: [sqlite, postgres]
pools:
  main: {size: 1, timeout: 50ms}
params:
  - n: 3
    who: '010'
    t: {identifier: t1}
    d: {decimal: '1.50'}
setup:
  - CREATE TABLE t (id INTEGER)
  - sql: INSERT INTO t VALUES (1) => 1 affected
    why: one row
steps:
  - checkout: a from main => ok
  - a: |
      SELECT '#' # 1
    postgres: => error syntax_error
    only: [sqlite, postgres]
  - a: |
      SELECT 1 -- one
      => 1
    label: l
  - for: i in 1..$n
    do:
      - a: SELECT $i => $i
  - retry: 3 times on busy every 5ms
    do:
      - a: BEGIN
  - a: "SELECT '\\u2028'"
  - check: rows(l) = 1
  - return: a
finally:
  - SELECT 1 => 1
seed: 7
timeout: 30s
"""


def test_the_one_form() -> None:
    plan = load_text(PLAN)
    assert dump(plan, schema="../schemas/plan.schema.json") == PLAN


def test_json_has_a_step_a_line() -> None:
    plan = load_text(
        "simdsl: 1\nplan: p\ntasks:\n  a:\n    - BEGIN\n    - COMMIT\nschedule: all\nfinally:\n  - SELECT 1 => 1\n"
    )
    assert dump_json(plan) == (
        '{\n  "simdsl": 1,\n  "plan": "p",\n  "tasks": {\n    "a": [\n      "BEGIN",\n      "COMMIT"\n    ]\n  },\n'
        '  "schedule": "all",\n  "finally": [\n    "SELECT 1 => 1"\n  ]\n}\n'
    )
    assert json.loads(dump_json(plan))["plan"] == "p"


@pytest.mark.parametrize(
    "value",
    [
        Decimal("1E+5"),
        Decimal("-0.00"),
        date(1, 1, 1),
        time(1, 2, 3, 4),
        datetime(2026, 1, 31, tzinfo=UTC),
        b"\0",
        "\0",
        -0.0,
    ],
)
def test_params_of_every_kind(value: Decimal | date | time | bytes | str | float) -> None:
    plan = Plan(name="p", params=((Param(name="x", value=value),),), steps=())
    assert repr(load_text(dump(plan)).params) == repr(plan.params)


def test_a_param_that_no_file_can_hold() -> None:
    with pytest.raises(ValueError, match="no plan file can hold"):
        dump(Plan(name="p", params=((Param(name="x", value=float("nan")),),), steps=()))


@given(TEXTS, st.sampled_from(["doc", "params", "tags"]))
def test_every_text_reads_back(text: str, place: str) -> None:
    data: dict[str, Data] = {place: text if place == "doc" else [text] if place == "tags" else [{"x": text}]}
    written = emit_yaml(data)
    document = read_text(written, "p.yaml").document
    assert document is not None
    assert document.data == data


@given(TEXTS)
def test_what_is_plain_is_plain_for_the_parser_too(text: str) -> None:
    if is_plain(text):
        events = read_events(f"x:\n  - {text}\n")
        assert events.issues.found == []
        assert events.root is not None
        assert to_data(events.root) == {"x": [text]}
