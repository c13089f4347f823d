"""Expectations against outcomes: every form, and the rules of values (rules.md 11-21)."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal

import pytest

from simdsl.core.matcher import MatchResult, Mismatch, compile_expectation, describe
from simdsl.language.load import load_text
from simdsl.plan.outcomes import Affected, ErrorClass, Failed, Outcome, Rows
from simdsl.plan.steps import SqlStep
from simdsl.plan.values import Value


def judge(
    expectation: str,
    outcome: Outcome,
    *,
    ordered: bool = False,
    boolean_type: bool = True,
    labels: dict[str, Outcome] | None = None,
    statement: str = "SELECT 1 AS x",
    **env: Value,
) -> MatchResult:
    """Judge an outcome by the text of an expectation; its variables are params."""
    params = f"params:\n  - {{{', '.join(f'{name}: 0' for name in env)}}}\n" if env else ""
    before = "".join(f"  - a: SELECT 1\n    label: {label}\n" for label in labels or {})
    block = "\n      ".join((statement, f"=> {expectation}"))
    plan = load_text(f"simdsl: 1\nplan: test\n{params}steps:\n{before}  - a: |\n      {block}\n")
    assert plan.steps is not None
    step = plan.steps[-1]
    assert isinstance(step, SqlStep)
    assert step.expect is not None
    return compile_expectation(step.expect, ordered=ordered, boolean_type=boolean_type)(outcome, env, labels or {})


def held(expectation: str, outcome: Outcome, **options: object) -> bool:
    return not isinstance(judge(expectation, outcome, **options), Mismatch)  # type: ignore[arg-type]  # handed on as they are


def one(value: Value) -> Rows:
    return Rows(1, [(value,)])


@pytest.mark.parametrize(
    ("cell", "met", "unmet"),
    [
        ("3", [3, Decimal(3), Decimal("3.0")], [3.0, "3", True, None, 4]),
        ("3.0", [3.0, Decimal(3), Decimal("3.00")], [3, "3.0", None]),
        ("1e3", [1000.0], [1000, Decimal(1000)]),
        ("-0.0", [0.0, -0.0], [0]),
        ("nan", [float("nan")], [0.0, None, "nan"]),
        ("inf", [float("inf")], [float("-inf"), "inf"]),
        ("-inf", [float("-inf")], [float("inf")]),
        ("'x'", ["x"], ["x ", "X", b"x", None]),
        ("''", [""], [None, 0, b""]),
        ("NULL", [None], [0, "", False]),
        ("true", [True], [1, "true", False, None]),
        ("false", [False], [0, None]),
        ("x'00ff'", [b"\x00\xff"], ["\x00\xff", None]),
        ("'2026-01-31'", [date(2026, 1, 31), "2026-01-31"], [datetime(2026, 1, 31)]),
        ("'12:30:45.5'", [time(12, 30, 45, 500_000), "12:30:45.5"], []),
        ("'2026-01-31 10:00:00+00:00'", [datetime(2026, 1, 31, 10, tzinfo=UTC)], [datetime(2026, 1, 31, 10)]),
        ("date '2026-01-31'", [date(2026, 1, 31)], ["2026-01-31", datetime(2026, 1, 31)]),
        ("time '12:30:00'", [time(12, 30)], ["12:30:00"]),
        ("timestamp '2026-01-31 10:00:00'", [datetime(2026, 1, 31, 10)], ["2026-01-31 10:00:00", date(2026, 1, 31)]),
        ("decimal '1.50'", [Decimal("1.5")], [1.5, "1.50"]),
        ("_", [None, 1, "x"], []),
    ],
)
def test_rules_11_to_13_what_a_cell_meets(cell: str, met: list[Value], unmet: list[Value]) -> None:
    for value in met:
        assert held(f"({cell})", one(value)), value
    for value in unmet:
        assert not held(f"({cell})", one(value)), value


def test_rule_13_true_meets_1_where_the_backend_has_no_boolean() -> None:
    assert held("true", one(1), boolean_type=False)
    assert held("false", one(0), boolean_type=False)
    assert not held("true", one(2), boolean_type=False)
    assert not held("1", one(True))


def test_rule_13_a_variable_meets_by_the_same_rules() -> None:
    assert held("$x", one(3), x=3)
    assert held("$x", one(Decimal(3)), x=3)
    assert not held("$x", one(3.0), x=3)
    assert held("$x", one(None), x=None)
    assert not held("$x", one(0), x=None)
    assert held("$x", one(1.5), x=Decimal("1.5"))
    assert held("$x", one("2026-01-31"), x=date(2026, 1, 31))
    assert held("$x", one(1), x=True, boolean_type=False)
    assert held("($x, 2)", Rows(2, [("a", 2)]), x="a")
    assert not held("($x, 2)", Rows(2, [("b", 2)]), x="a")


def test_rule_14_widths_and_numbers_of_rows() -> None:
    assert held("1, 2", Rows(1, [(2,), (1,)]))
    assert not held("1, 2", Rows(1, [(1,)]))
    assert not held("(1, 2)", Rows(1, [(1,), (2,)]))
    miss = judge("(1, 2)", Rows(3, [(1, 2, 3)]))
    assert miss == Mismatch(message="expected 2 columns, got 3")
    assert held("empty", Rows(2, []))
    assert not held("empty", Affected(0))


def test_rule_16_counts() -> None:
    assert held("3 affected", Affected(3), statement="DELETE FROM t")
    assert not held("3 affected", Affected(2), statement="DELETE FROM t")
    assert held(">= 2 rows", Rows(1, [(1,), (2,)]))
    assert not held("< 2 rows", Rows(1, [(1,), (2,)]))
    assert held("2 columns", Rows(2, []))
    assert held("$n rows", Rows(1, [(1,)]), n=1)
    assert judge("1 row", Rows(1, [])) == Mismatch(message="expected 1 row, got 0")
    assert judge("0 rows", Rows(1, [(1,)])) == Mismatch(message="expected 0 rows, got 1")


def test_rule_15_an_affected_count_stands_beside_rows() -> None:
    assert held("2 affected", Rows(1, [(1,), (2,)], 2), statement="DELETE FROM t RETURNING id")


def test_rule_17_order() -> None:
    rows = Rows(1, [(2,), (1,)])
    assert held("1, 2", rows)
    assert not held("1, 2", rows, ordered=True)
    assert held("1, 2 in any order", rows, ordered=True)
    assert not held("1, 2 in order", rows)
    assert held("2, 1 in order", rows)


def test_rule_18_bindings() -> None:
    assert judge("(?x, ?y)", Rows(2, [(1, "a")])) == {"x": 1, "y": "a"}
    assert judge("(?x, ?x)", Rows(2, [(1, 1)])) == {"x": 1}
    assert isinstance(judge("(?x, ?x)", Rows(2, [(1, 2)])), Mismatch)
    assert isinstance(judge("(?x, ?x)", Rows(2, [(1, 1.0)])), Mismatch)


def test_rule_19_contains_and_excludes() -> None:
    rows = Rows(2, [(1, "a"), (1, "a"), (2, None)])
    assert held("contains (1, 'a'), (1, 'a')", rows)
    assert not held("contains (1, 'a'), (1, 'a'), (1, 'a')", rows)
    assert held("contains (_, NULL)", rows)
    assert held("excludes (3, _)", rows)
    assert judge("excludes (_, NULL)", rows) == Mismatch(message="(2, NULL) is in the result")


def test_wildcards_are_matched_as_well_as_can_be() -> None:
    # A greedy reading gives `_` the row that `(1, 1)` needs.
    assert held("(1, _), (1, 1), (_, 2)", Rows(2, [(1, 1), (1, 2), (3, 2)]))
    assert held("(_, 1), (1, _)", Rows(2, [(1, 1), (2, 1)]))
    assert not held("(_, 1), (1, _)", Rows(2, [(2, 1), (3, 1)]))


def test_rule_19_same_as() -> None:
    base = Rows(1, [(1,), (2,), (2,)])
    assert held("same as l", Rows(1, [(2,), (1,), (2,)]), labels={"l": base})
    assert not held("same as l", Rows(1, [(2,), (1,), (1,)]), labels={"l": base})
    assert not held("same as l in order", Rows(1, [(2,), (1,), (2,)]), labels={"l": base})
    assert not held("same as l", Rows(2, []), labels={"l": Rows(1, [])})
    busy = Failed(ErrorClass.BUSY, "locked")
    assert held("same as l", busy, labels={"l": Failed(ErrorClass.BUSY, "another text")})
    assert not held("same as l", base, labels={"l": busy})
    assert not held("same as l", Failed(ErrorClass.OTHER, ""), labels={"l": busy})


def test_rule_20_alternatives() -> None:
    assert held("1 or 2", one(2))
    assert held("1 or error busy", Failed(ErrorClass.BUSY, ""))
    assert isinstance(judge("1 or 2", one(3)), Mismatch)


def test_rule_21_errors() -> None:
    unique = Failed(ErrorClass.UNIQUE_VIOLATION, "UNIQUE constraint failed: t.id", None, 1555)
    assert held("error", unique)
    assert held("error unique_violation", unique)
    assert held("error 23505", unique)
    assert held("error native 1555", unique)
    assert held("error unique_violation /failed: t/", unique)
    assert held("error /^UNIQUE/", unique)
    assert not held("error busy", unique)
    assert not held("error 23503", unique)
    assert not held("error native 1", unique)
    assert not held("error /^unique/", unique)
    assert not held("error", one(1))
    assert not held("1", unique)
    for error_class in (ErrorClass.DRIVER_PANIC, ErrorClass.CONNECTION_LOST, ErrorClass.OTHER):
        assert not held("error", Failed(error_class, ""))
        assert held(f"error {error_class}", Failed(error_class, ""))


def test_a_native_sqlstate_goes_before_the_canonical_one() -> None:
    assert not held("error 23505", Failed(ErrorClass.UNIQUE_VIOLATION, "", "23000"))
    assert held("error 23000", Failed(ErrorClass.UNIQUE_VIOLATION, "", "23000"))


def test_blocks_never_meets_an_outcome() -> None:
    assert not held("blocks", one(1))
    assert held("blocks or 1", one(1))


def test_a_mismatch_names_the_cell() -> None:
    assert judge("(1, 'a')", Rows(2, [(1, "b")])) == Mismatch(message="column 2: expected 'a', got 'b'")
    assert judge("(1, 'a'), (2, 'b')", Rows(2, [(1, "a"), (2, "c")]), ordered=True) == Mismatch(
        message="row 2, column 2: expected 'b', got 'c'"
    )
    assert judge("1.5", one(6)) == Mismatch(message="expected 1.5, got 6")
    assert judge("date '2026-01-31'", one(6)) == Mismatch(message="expected date '2026-01-31', got 6")
    assert judge("$n", one(6), n="x") == Mismatch(message="expected 'x', got 6")
    assert judge("(?x, ?x)", Rows(2, [(1, 2)])) == Mismatch(message="column 2: expected 1, got 2")
    assert judge(">= 2 rows", one(6)) == Mismatch(message="expected >= 2 rows, got 1")
    assert judge("5", one(6)) == Mismatch(message="expected 5, got 6")


def test_outcomes_are_described_in_the_words_of_plans() -> None:
    assert describe(Rows(2, [(1, None)])) == ("(1, NULL)",)
    assert describe(Rows(1, [])) == ("no rows (1 column)",)
    assert describe(Affected(2)) == ("2 affected",)
    assert describe(Affected()) == ("ok",)
    assert describe(Failed(ErrorClass.BUSY, "locked", None, 5)) == ("error busy native 5", "locked")
    assert describe(Rows(1, [(i,) for i in range(30)]))[-1] == "... and 10 more"
