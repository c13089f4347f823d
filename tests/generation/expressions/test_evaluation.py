"""Three-valued logic by its tables, and what is undefined, beside what the engines make of it."""

from __future__ import annotations

import pytest

from simdsl.generation.expressions.evaluation import (
    NO_DIVISOR,
    NOT_FINITE,
    OUT_OF_RANGE,
    OVERFLOW,
    VANISHED,
    Undefined,
    evaluate,
)
from simdsl.generation.expressions.ir import (
    Abs,
    Between,
    CaseBranch,
    Cast,
    ChangeCase,
    Coalesce,
    Compare,
    Concat,
    Extreme,
    InList,
    IsDistinct,
    IsNull,
    IsTruth,
    Length,
    Like,
    Negate,
    Not,
    NullIf,
    Parameter,
    SearchedCase,
    SimpleCase,
    SqlExpression,
    SqlType,
    Substring,
)
from simdsl.plan.expectations import ComparisonOperator
from simdsl.plan.outcomes import Failed
from simdsl.plan.values import INT64_MAX, INT64_MIN, Value, same
from tests.generation.expressions.short import A, F, S, both, either, equal, lit, math, null, truth
from tests.generation.expressions.tables import COLUMNS, Engine

# left, right, AND, OR: PostgreSQL manual, 9.1
_TABLE: list[tuple[bool | None, bool | None, bool | None, bool | None]] = [
    (True, True, True, True),
    (True, False, False, True),
    (True, None, None, True),
    (False, True, False, True),
    (False, False, False, False),
    (False, None, False, None),
    (None, True, None, True),
    (None, False, False, None),
    (None, None, None, None),
]


@pytest.mark.parametrize(("left", "right", "conjunction", "disjunction"), _TABLE)
def test_and_or(left: bool | None, right: bool | None, conjunction: bool | None, disjunction: bool | None) -> None:
    assert evaluate(both(truth(left), truth(right)), {}) is conjunction
    assert evaluate(either(truth(left), truth(right)), {}) is disjunction


@pytest.mark.parametrize(("value", "negation"), [(True, False), (False, True), (None, None)])
def test_not(value: bool | None, negation: bool | None) -> None:
    assert evaluate(Not(operand=truth(value)), {}) is negation


@pytest.mark.parametrize("value", [True, False, None])
@pytest.mark.parametrize("tried", [True, False])
def test_is_true_and_is_false_are_never_null(value: bool | None, tried: bool) -> None:
    assert evaluate(IsTruth(operand=truth(value), truth=tried), {}) is (value is tried)
    assert evaluate(IsTruth(operand=truth(value), truth=tried, negated=True), {}) is (value is not tried)


@pytest.mark.parametrize("comparison", list(ComparisonOperator))
def test_a_comparison_with_null_is_null(comparison: ComparisonOperator) -> None:
    assert evaluate(Compare(comparison=comparison, left=lit(1), right=null()), {}) is None
    assert evaluate(Compare(comparison=comparison, left=null(), right=null()), {}) is None


_VALUES: list[tuple[SqlExpression, Value]] = [
    (InList(operand=lit(1), items=(lit(1), null())), True),
    (InList(operand=lit(1), items=(lit(2), null())), None),
    (InList(operand=lit(1), items=(lit(2), null()), negated=True), None),
    (InList(operand=lit(1), items=(lit(2),), negated=True), True),
    (InList(operand=null(), items=(lit(2),)), None),
    (Between(operand=lit(1), low=lit(2), high=null()), False),
    (Between(operand=lit(1), low=lit(2), high=null(), negated=True), True),
    (Between(operand=lit(3), low=lit(2), high=null()), None),
    (Between(operand=lit(3), low=lit(2), high=lit(3)), True),
    (IsNull(operand=null()), True),
    (IsNull(operand=null(), negated=True), False),
    (IsDistinct(left=null(), right=null()), False),
    (IsDistinct(left=null(), right=lit(0)), True),
    (IsDistinct(left=lit(0), right=lit(0), negated=True), True),
    (Compare(comparison=ComparisonOperator.LT, left=truth(False), right=truth(True)), True),
    (Compare(comparison=ComparisonOperator.LT, left=lit("Z"), right=lit("a")), True),
    (Compare(comparison=ComparisonOperator.LT, left=lit("\uffff"), right=lit("😀")), True),
    (Compare(comparison=ComparisonOperator.LT, left=lit(""), right=lit(" ")), True),
    (Compare(comparison=ComparisonOperator.LT, left=lit(b"\x7f"), right=lit(b"\x80")), True),
    (equal(lit("a"), lit("a ")), False),
    (equal(lit("é"), lit("e\u0301")), False),
    (equal(lit(0.0), lit(-0.0)), True),
    (Coalesce(items=(null(), lit(2), lit(3))), 2),
    (NullIf(left=lit(1), right=lit(1)), None),
    (NullIf(left=lit(1), right=null()), 1),
    (NullIf(left=null(), right=lit(1)), None),
    (SearchedCase(branches=(CaseBranch(test=truth(None), result=lit(1)),)), None),
    (SearchedCase(branches=(CaseBranch(test=truth(None), result=lit(1)),), otherwise=lit(2)), 2),
    (
        SearchedCase(
            branches=(CaseBranch(test=truth(True), result=null()), CaseBranch(test=truth(True), result=lit(1))),
            otherwise=lit(2),
        ),
        None,
    ),
    (SimpleCase(subject=null(), branches=(CaseBranch(test=null(), result=lit(1)),), otherwise=lit(2)), 2),
    (
        SimpleCase(
            subject=lit(5), branches=(CaseBranch(test=null(), result=lit(1)), CaseBranch(test=lit(5), result=lit(3)))
        ),
        3,
    ),
    (math(lit(7), "/", lit(2)), 3),
    (math(lit(-7), "/", lit(2)), -3),
    (math(lit(-7), "%", lit(2)), -1),
    (math(lit(7), "%", lit(-2)), 1),
    (math(lit(INT64_MIN), "%", lit(-1)), 0),
    (math(null(), "/", lit(0)), None),
    (math(lit(INT64_MAX), "-", lit(1)), INT64_MAX - 1),
    (math(lit(0.1), "+", lit(0.2)), 0.30000000000000004),
    (math(lit(0.0), "*", lit(-5.0)), -0.0),
    (Cast(operand=lit(9007199254740993), type=SqlType.REAL), 9007199254740992.0),
    (Cast(operand=lit(INT64_MIN), type=SqlType.TEXT), str(INT64_MIN)),
    (Cast(operand=lit(-2.75), type=SqlType.INTEGER), -2),
    (Cast(operand=truth(True), type=SqlType.INTEGER), 1),
    (Cast(operand=null(SqlType.REAL), type=SqlType.INTEGER), None),
    (Abs(operand=lit(-2.5)), 2.5),
    (Negate(operand=Negate(operand=lit(-3))), -3),
    (Concat(left=lit("a"), right=null(SqlType.TEXT)), None),
    (Length(operand=lit("é😀e\u0301")), 4),
    (Length(operand=lit(b"\x00\xff")), 2),
    (ChangeCase(operand=lit("aéßıZ"), upper=True), "AéßıZ"),
    (ChangeCase(operand=lit("AÉİz"), upper=False), "aÉİz"),
    (Substring(operand=lit("h😀llo"), start=2, count=2), "😀l"),
    (Substring(operand=lit("ab"), start=3, count=2), ""),
    (Extreme(greatest=True, left=lit("a"), right=lit("B")), "a"),
    (Extreme(greatest=False, left=lit(1), right=null()), None),
    (Like(operand=lit("Ab"), pattern="a_", exact=False), True),
    (Like(operand=lit("Ab"), pattern="a_", exact=True), False),
    (Like(operand=lit("É"), pattern="é", exact=False), False),
    (Like(operand=lit("a\nb"), pattern="a%b", exact=False), True),
    (Like(operand=lit("😀"), pattern="_", exact=True), True),
    (Like(operand=lit(""), pattern="%", exact=True), True),
    (Like(operand=lit("a*[b]?"), pattern="a*[b]?", exact=True), True),
    (Like(operand=lit("axx"), pattern="a*", exact=True), False),
    (Like(operand=lit("b"), pattern="[b]", exact=True), False),
    (Like(operand=lit("b"), pattern="c", exact=True, negated=True), True),
    (Like(operand=null(SqlType.TEXT), pattern="%", exact=True, negated=True), None),
]


@pytest.mark.parametrize(("expression", "value"), _VALUES)
def test_value(expression: SqlExpression, value: Value) -> None:
    found = evaluate(expression, {})
    assert not isinstance(found, Undefined)
    assert same(found, value), found


def test_the_engines_give_the_same_values(engines: tuple[Engine, ...]) -> None:
    expressions, values = zip(*_VALUES, strict=True)
    for engine in engines:
        engine.fill([dict.fromkeys((column.name for column in COLUMNS), None)])
        answers = engine.values(expressions)
        assert not isinstance(answers, Failed), answers
        wrong = [
            (engine.printer.text(expression), theirs, ours)
            for expression, theirs, ours in zip(expressions, answers[0], values, strict=True)
            if not same(theirs, ours)
        ]
        assert not wrong, engine.dialect


_UNDEFINED: list[tuple[SqlExpression, str]] = [
    (math(lit(INT64_MAX), "+", lit(1)), OVERFLOW),
    (math(lit(INT64_MIN), "-", lit(1)), OVERFLOW),
    (math(lit(2**32), "*", lit(2**31)), OVERFLOW),
    (math(lit(INT64_MIN), "/", lit(-1)), OVERFLOW),
    (Negate(operand=lit(INT64_MIN)), OVERFLOW),
    (Abs(operand=lit(INT64_MIN)), OVERFLOW),
    (math(lit(1), "/", lit(0)), NO_DIVISOR),
    (math(lit(1), "%", lit(0)), NO_DIVISOR),
    (math(lit(1.0), "/", lit(-0.0)), NO_DIVISOR),
    (math(lit(1e300), "*", lit(1e300)), NOT_FINITE),
    (math(lit(1e-300), "*", lit(1e-300)), VANISHED),
    (math(lit(1e-300), "/", lit(1e300)), VANISHED),
    (Cast(operand=lit(1e19), type=SqlType.INTEGER), OUT_OF_RANGE),
]


@pytest.mark.parametrize(("expression", "reason"), _UNDEFINED)
def test_undefined_is_an_error_of_postgres(engines: tuple[Engine, ...], expression: SqlExpression, reason: str) -> None:
    assert evaluate(expression, {}) == Undefined(reason=reason)
    assert isinstance(engines[1].run(f"SELECT {engines[1].printer.text(expression)}"), Failed)


def test_one_undefined_part_makes_the_whole_undefined() -> None:
    bad = equal(math(lit(1), "/", A), lit(1))
    guarded = SearchedCase(branches=(CaseBranch(test=equal(A, lit(0)), result=truth(False)),), otherwise=bad)
    for whole in (both(truth(False), bad), either(bad, truth(True)), Coalesce(items=(truth(True), bad)), guarded):
        assert evaluate(whole, {"a": 0}) == Undefined(reason=NO_DIVISOR)


def test_columns_and_parameters_come_by_name() -> None:
    wanted = both(equal(S, Parameter(name="p", type=SqlType.TEXT)), F)
    assert evaluate(wanted, {"s": "x", "f": True}, {"p": "x"}) is True
    with pytest.raises(KeyError, match="f"):
        evaluate(wanted, {"s": "x"}, {"p": "x"})
