"""The expressions of ``check:`` (rule 43)."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simdsl.plan.codes import Code
from simdsl.plan.expectations import FixedPoint, LiteralType, Scalar, TypedLiteral
from simdsl.plan.expressions import (
    BinaryOperation,
    BinaryOperator,
    Constant,
    ErrorCount,
    Expression,
    FunctionCall,
    LogicalNot,
    PoolCounter,
    PoolReference,
    ResultFunction,
    ResultReference,
    ResultSlice,
    ScalarFunction,
    UnaryMinus,
    VirtualNow,
)
from simdsl.plan.outcomes import ErrorClass
from simdsl.plan.sql import Variable
from simdsl.syntax.expressions import parse_check, subexpressions
from simdsl.syntax.problems import ParseError, ParseIssue


def number(value: int) -> Constant:
    return Constant(cell=Scalar(value=value))


def binary(operator: BinaryOperator, left: Expression, right: Expression) -> BinaryOperation:
    return BinaryOperation(operator=operator, left=left, right=right)


def trouble(text: str) -> ParseIssue:
    with pytest.raises(ParseError) as caught:
        parse_check(text)
    return caught.value.issues[0]


ONE, TWO, THREE = number(1), number(2), number(3)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1", ONE),
        ("-1", number(-1)),
        ("-(1)", UnaryMinus(operand=ONE)),
        ("--1", UnaryMinus(operand=number(-1))),
        ("- $x", UnaryMinus(operand=Variable(name="x"))),
        ("2.50", Constant(cell=FixedPoint(text="2.50"))),
        ("-2.50", Constant(cell=FixedPoint(text="-2.50"))),
        ("'it''s'", Constant(cell=Scalar(value="it's"))),
        ("NULL", Constant(cell=Scalar(value=None))),
        ("date '2026-01-31'", Constant(cell=TypedLiteral(kind=LiteralType.DATE, text="2026-01-31"))),
        ("now", VirtualNow()),
        ("$x", Variable(name="x")),
        ("pool.main.idle", PoolReference(pool="main", count=PoolCounter.IDLE)),
        ("pool.pool.waiting", PoolReference(pool="pool", count=PoolCounter.WAITING)),
        ("errors.deadlock_detected", ErrorCount(error_class=ErrorClass.DEADLOCK_DETECTED)),
        ("abs(-1)", FunctionCall(function=ScalarFunction.ABS, arguments=(number(-1),))),
        ("min(1, 2, 3)", FunctionCall(function=ScalarFunction.MIN, arguments=(ONE, TWO, THREE))),
        ("coalesce(NULL, 1)", FunctionCall(function=ScalarFunction.COALESCE, arguments=(parse_check("NULL"), ONE))),
        ("slice(l, 1, 1 + 2)", ResultSlice(label="l", offset=ONE, n=binary(BinaryOperator.ADD, ONE, TWO))),
    ],
)
def test_rule_43_operands(text: str, expected: Expression) -> None:
    assert parse_check(text) == expected


@pytest.mark.parametrize("function", list(ResultFunction))
def test_rule_43_functions_of_labels(function: ResultFunction) -> None:
    assert parse_check(f"{function}(min)") == ResultReference(function=function, label="min")


@pytest.mark.parametrize("count", list(PoolCounter))
def test_rule_43_pool_counts(count: PoolCounter) -> None:
    assert parse_check(f"pool.p.{count}") == PoolReference(pool="p", count=count)


@pytest.mark.parametrize("operator", list(BinaryOperator))
def test_every_operator(operator: BinaryOperator) -> None:
    assert parse_check(f"1 {operator} 2") == binary(operator, ONE, TWO)


def test_unequal_has_a_second_spelling() -> None:
    assert parse_check("1 <> 2") == parse_check("1 != 2")


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("1 + 2 * 3", "1 + (2 * 3)"),
        ("1 - 2 - 3", "(1 - 2) - 3"),
        ("1 * 2 / 3 % 2", "((1 * 2) / 3) % 2"),
        ("1 = 2 or 2 = 3 and 3 = 1", "(1 = 2) or ((2 = 3) and (3 = 1))"),
        ("not 1 = 2 and 2 = 3", "(not (1 = 2)) and (2 = 3)"),
        ("not not 1 = 2", "not (not (1 = 2))"),
        ("1 + 2 < 3 * 3", "(1 + 2) < (3 * 3)"),
        ("-$x * 2", "(-$x) * 2"),
        ("bag(a) = bag(b) + bag(c) + bag(d)", "bag(a) = ((bag(b) + bag(c)) + bag(d))"),
    ],
)
def test_precedence(text: str, same: str) -> None:
    assert parse_check(text) == parse_check(same)


def test_not_stands_before_a_comparison() -> None:
    assert parse_check("not 1 = 2") == LogicalNot(operand=binary(BinaryOperator.EQ, ONE, TWO))


@pytest.mark.parametrize(
    ("text", "code", "pointed"),
    [
        ("whole = 1", Code.G201, "whole"),
        ("1 = 2 = 3", Code.G201, "="),
        ("abs(1, 2)", Code.G201, "abs"),
        ("pool.main.idel = 1", Code.G201, "idel"),
        ("errors.bussy = 1", Code.G204, "bussy"),
        ("rows(a, b)", Code.G201, ","),
        ("?x = 1", Code.G201, "?x"),
        ("007 = 7", Code.G203, "007"),
        ("1 +", Code.G202, ""),
        ("", Code.G202, ""),
        ("min()", Code.G201, ")"),
    ],
)
def test_rule_43_anything_else_is_refused(text: str, code: Code, pointed: str) -> None:
    found = trouble(text)
    assert found.code is code
    assert text[found.start : found.end] == pointed


def test_a_bare_name_is_helped() -> None:
    assert trouble("pol.main.idle = 1").help == "did you mean `pool`?"


def test_parts_are_all_that_is_in_an_expression() -> None:
    expression = parse_check("not rows(a) = min($x, -slice(b, $y, 1)) or pool.p.idle = 1")
    names = [part.name for part in subexpressions(expression) if isinstance(part, Variable)]
    labels = [part.label for part in subexpressions(expression) if isinstance(part, (ResultReference, ResultSlice))]
    assert (names, labels) == (["x", "y"], ["a", "b"])


@given(text=st.text(alphabet="abs(rows)poli.main$x1-+*=<>'/, ", max_size=30) | st.text(max_size=30))
def test_any_text_is_an_expression_or_refused(text: str) -> None:
    with contextlib.suppress(ParseError):
        assert parse_check(text)
