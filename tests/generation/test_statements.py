"""Statements that are drawn: their text is what a loader would make of it, and every knob changes them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal

import pytest

from simdsl.core.choices import Sampler
from simdsl.generation.column_values import ColumnValue, expected_cell, value_literal
from simdsl.generation.plans import UNSUPPORTED_KNOBS, generate
from simdsl.generation.statements import MARK, sql
from simdsl.language.dump import dump
from simdsl.plan.expectations import Cell, FixedPoint, Scalar
from simdsl.plan.plan import Plan
from simdsl.plan.sql import Dialect, SqlKind, Variable
from simdsl.plan.steps import SqlStep, Step
from simdsl.profiles.load import load_profile
from simdsl.profiles.profile import Knob, KnobType, knobs
from simdsl.syntax.sql_lexer import parse_sql
from simdsl.verbs.checkout import Checkout
from simdsl.verbs.sleep import Sleep

SEEDS = range(6)
BASE = ("steps=80", "schema.indexes=2", "schema.rows=4")


def plans(*settings: str) -> Iterator[Plan]:
    profile = load_profile("quick", [*BASE, *settings])
    for seed in SEEDS:
        yield generate(profile, seed)


def said(*settings: str) -> str:
    """Everything that is said in the steps of some plans, a statement a line."""
    return "\n".join(step.sql.text for plan in plans(*settings) for step in plan.steps or () if isinstance(step, SqlStep))


def counted(kind: type[Step], *settings: str) -> int:
    return sum(isinstance(step, kind) for plan in plans(*settings) for step in plan.steps or ())


@pytest.mark.parametrize("name", ["quick", "ddl-heavy", "write-heavy"])
def test_every_statement_is_what_the_loader_makes_of_its_text(name: str) -> None:
    plan = generate(load_profile(name), 5)
    for step in (*plan.setup, *(plan.steps or ()), *plan.finally_):
        if isinstance(step, SqlStep):
            assert parse_sql(step.sql.text, Dialect.SQLITE) == step.sql


def test_variables_are_cut_out() -> None:
    made = sql(f"SELECT {MARK}i0{MARK}, {MARK}s1{MARK}", SqlKind.QUERY)
    assert made.fragments == ("SELECT ", Variable(name="i0"), ", ", Variable(name="s1"))


@pytest.mark.parametrize(
    ("value", "written", "expected"),
    [
        (None, "NULL", Scalar(value=None)),
        (True, "TRUE", Scalar(value=True)),
        (-3, "-3", Scalar(value=-3)),
        (2.5, "2.5", FixedPoint(text="2.5")),
        (-0.0, "-0.0", FixedPoint(text="-0.0")),
        (1e300, "1e+300", Scalar(value=1e300)),
        (Decimal("2.50"), "2.50", FixedPoint(text="2.50")),
        (Decimal("3.00"), "3.00", Scalar(value=3)),
        ("it's", "'it''s'", Scalar(value="it's")),
        (b"\x00\xff", "x'00ff'", Scalar(value=b"\x00\xff")),
    ],
    ids=repr,
)
def test_a_value_is_written_and_expected(value: ColumnValue, written: str, expected: Cell) -> None:
    assert value_literal(value) == written
    assert expected_cell(value) == expected


def test_draws_are_functions_of_their_place() -> None:
    def drawn(*place: int | str) -> list[int]:
        draws = Sampler(7, "test", *place)
        return [draws.below(10) for _ in range(1000)]

    assert drawn("a", 1) == drawn("a", 1)
    assert drawn("a", 1) != drawn("a", 2)
    assert all(60 < drawn("a", 1).count(digit) < 140 for digit in range(10))
    assert not Sampler(7, "test").chance(0.0)
    assert Sampler(7, "test").chance(1.0)


# Knobs

WRITES = ("weights.select=0", "weights.insert=20", "weights.tx=0", "weights.savepoint=0", "error_rate=0")
READS = ("weights.select=1000", "queries.join=0", "queries.group_by=0", "queries.set_operation=0", "queries.distinct=0")
TEXTS = (*WRITES, "schema.types=[text]", "values.duplicate=0", "schema.unique=0", "schema.foreign_key=0")
WHOLE = (*WRITES, "schema.types=[smallint]", "values.duplicate=0", "schema.foreign_key=0")

RATES = [
    ("queries.where", r"^SELECT .* WHERE ", (*READS, "queries.subquery=0", "weights.ddl=0", "ddl_rate=0")),
    ("queries.join", r" JOIN ", READS),
    ("queries.subquery", r"IN \(SELECT", READS),
    ("queries.cte", r"^WITH ", READS),
    ("queries.group_by", r" GROUP BY ", READS),
    ("queries.having", r" HAVING ", (*READS, "queries.group_by=1")),
    ("queries.distinct", r"SELECT DISTINCT ", READS),
    ("queries.set_operation", r" (?:UNION|INTERSECT|EXCEPT) ", READS),
    ("queries.window", r" OVER ", READS),
    ("queries.order_by", r" ORDER BY \w+(?: DESC)?(?:, id)?$", (*READS, "queries.limit=0")),
    ("queries.limit", r" LIMIT ", READS),
    ("queries.case", r"CASE WHEN ", READS),
    ("queries.cast", r"CAST\(", READS),
    ("queries.like", r" LIKE ", (*READS, "queries.in_list=0", "queries.between=0", "schema.types=[text]")),
    ("queries.in_list", r" IN \(\d", READS),
    ("queries.between", r" BETWEEN ", (*READS, "queries.in_list=0")),
    ("queries.is_distinct_from", r" IS DISTINCT FROM ", (*READS, "queries.in_list=0", "queries.between=0")),
    ("values.null", r"[(,] ?NULL", (*WRITES, "schema.not_null=0", "schema.foreign_key=0", "values.duplicate=0")),
    ("values.zero", r", 0[,)]", (*WHOLE, "values.limit=0")),
    ("values.limit", r"32767|-32768", WHOLE),
    ("values.empty", r", ''[,)]", TEXTS),
    ("values.unicode", r"日本|😀|Ω|א", (*TEXTS, "values.empty=0", "values.long=0")),
    ("values.long", r"(.)\1{19}", (*TEXTS, "values.empty=0")),
    ("panic_rate", r"^ROLLBACK$", ("weights.tx=40", "error_rate=0", "contention_rate=0")),
    ("ddl_rate", r"^(?:CREATE|DROP|ALTER) ", ("weights.ddl=0",)),
    ("error_rate", r" missing", ()),
]


@pytest.mark.slow
@pytest.mark.parametrize(("knob", "pattern", "base"), RATES, ids=[knob for knob, *_ in RATES])
def test_a_rate_of_0_is_never_and_a_rate_of_1_is_often(knob: str, pattern: str, base: tuple[str, ...]) -> None:
    assert not re.findall(pattern, said(*base, f"{knob}=0"), re.MULTILINE)
    assert len(re.findall(pattern, said(*base, f"{knob}=1"), re.MULTILINE)) > 5


WEIGHTS = [
    ("select", r"^SELECT ", ("weights.insert=20", "error_rate=0", "ddl_rate=0", "weights.ddl=0")),
    ("insert", r"^INSERT (?!.*CONFLICT)", ("weights.upsert=0", "error_rate=0")),
    ("update", r"^UPDATE ", ()),
    ("delete", r"^DELETE ", ("weights.insert=0", "weights.upsert=0")),
    ("upsert", r" ON CONFLICT ", ()),
    ("ddl", r"^(?:CREATE|DROP|ALTER) ", ("ddl_rate=0",)),
    ("tx", r"^BEGIN ", ("weights.savepoint=0",)),
    ("savepoint", r"^SAVEPOINT ", ()),
]


@pytest.mark.parametrize(("weight", "pattern", "base"), WEIGHTS, ids=[weight for weight, *_ in WEIGHTS])
def test_a_weight_of_0_is_never(weight: str, pattern: str, base: tuple[str, ...]) -> None:
    if weight == "select":  # without transactions every write is possible, and none turns into a query
        base = (*base, "weights.tx=0", "weights.savepoint=0")
    base = (*base, "contention_rate=0")  # a conflicting write leaves rows to contend for
    without, with_it = (said("weights.tx=0", *base, f"weights.{weight}={n}") for n in (0, 60))
    assert not re.findall(pattern, without, re.MULTILINE)
    assert len(re.findall(pattern, with_it, re.MULTILINE)) > 5


def test_sleeps_and_checkouts_come_of_their_weights_and_rates() -> None:
    assert counted(Sleep, "weights.sleep=0", "sleep_rate=0") == 0
    assert counted(Sleep, "weights.sleep=0", "sleep_rate=0.5") > 50
    assert counted(Sleep, "weights.sleep=60", "sleep_rate=0") > 50
    few, many = (counted(Checkout, "weights.sleep=0", "sleep_rate=0", f"weights.checkout={n}") for n in (0, 60))
    assert many > 3 * few
    held, lent = (counted(Checkout, "sleep_rate=0.5", f"busy_rate={n}", "weights.checkout=0") for n in (1, 0))
    assert lent > 3 * held


def test_a_rate_of_contention_is_how_often_writes_conflict() -> None:
    def seconds(rate: str) -> int:
        many = ("weights.tx=40", "weights.update=80", "tasks=6", "pool.size=6", "max_in_flight_tx=6")
        steps = (step for plan in plans(*many, f"contention_rate={rate}") for step in plan.steps or ())
        return sum(isinstance(step, SqlStep) and step.options.only != () for step in steps)

    assert seconds("0") == 0
    assert seconds("1") > 2 * seconds("0.2") > 5


def test_an_expression_is_as_deep_as_its_knob_says() -> None:
    assert " AND " not in said(*READS, "expression_depth=1", "queries.subquery=0", "queries.between=0")
    within = r"NOT \(.* (?:AND|OR) "  # AND is a level of its own within NOT
    base = (*READS, "queries.subquery=0", "queries.between=0")
    assert not re.search(within, said(*base, "expression_depth=2"))
    assert re.search(within, said(*base, "expression_depth=4"))


def _others(knob: Knob) -> tuple[str, str]:
    """Two values of a knob."""
    match knob.kind:
        case KnobType.INTEGER:
            return ("1", "5")
        case KnobType.RATE:
            return ("0", "1")
        case KnobType.DURATION:
            return ("5ms", "7s")
        case _:
            return (f"[{knob.words[0]}]", f"[{knob.words[1]}]")


@pytest.mark.slow
@pytest.mark.parametrize(
    "knob", [knob for knob in knobs() if knob.dotted not in UNSUPPORTED_KNOBS], ids=lambda knob: knob.dotted
)
def test_every_knob_that_is_heeded_changes_plans(knob: Knob) -> None:
    base = ("sleep_rate=0.2", "queries.group_by=0.5", "schema.tables=4", "weights.tx=30")
    one, other = ([dump(plan) for plan in plans(*base, f"{knob.dotted}={value}")] for value in _others(knob))
    assert one != other


@pytest.mark.slow
@pytest.mark.parametrize(
    "knob", [knob for knob in knobs() if knob.dotted in UNSUPPORTED_KNOBS], ids=lambda knob: knob.dotted
)
def test_every_knob_that_is_not_heeded_changes_none(knob: Knob) -> None:
    values = ("1", "5") if knob.kind is KnobType.INTEGER else ("one", "other")
    one, other = ([dump(plan) for plan in plans(f"{knob.dotted}={value}")] for value in values)
    assert one == other


def test_what_is_not_heeded_is_a_knob() -> None:
    assert set(UNSUPPORTED_KNOBS) <= {knob.dotted for knob in knobs()}
