"""What is made on the hot path is equal to what the constructors make."""

from __future__ import annotations

from simdsl.plan.expectations import ExactRows, Ok, RowOrder, Scalar, fast_exact_rows, fast_scalar
from simdsl.plan.sql import Dialect, fast_sql
from simdsl.plan.steps import NO_OPTIONS, Override, SqlStep, StepOptions, fast_options, fast_sql_step
from simdsl.syntax.sql_lexer import parse_sql


def test_fast_constructors_make_equal_objects() -> None:
    one, two = parse_sql("SELECT 1 ORDER BY 1", Dialect.SQLITE), parse_sql("SELECT 2 ORDER BY 1", Dialect.SQLITE)
    made = fast_sql(one, two.fragments)
    assert made == two
    assert hash(made) == hash(two)
    assert repr(made) == repr(two)
    assert fast_scalar(3) == Scalar(value=3)
    rows = ((Scalar(value=1),),)
    assert fast_exact_rows(rows, RowOrder.IN_ORDER) == ExactRows(rows=rows, order=RowOrder.IN_ORDER)
    assert fast_sql_step("a", two, (Ok(),), NO_OPTIONS) == SqlStep(task="a", sql=two, expect=(Ok(),), options=NO_OPTIONS)
    assert fast_options(None, (), None) == NO_OPTIONS
    other = Override(backend="mysql", expect=(Ok(),))
    assert fast_options("l", (other,), "so") == StepOptions(label="l", overrides=(other,), why="so")
