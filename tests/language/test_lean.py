"""What is made on the hot path is equal to what the constructors make."""

from __future__ import annotations

from simdsl.language.lean import exact_rows, options, scalar, sql_step, with_fragments
from simdsl.language.lexing import parse_sql
from simdsl.plan.ir import PLAIN, Dialect, ExactRows, Ok, Options, Order, Override, Scalar, SqlStep


def test_lean_objects_are_the_same() -> None:
    one, two = parse_sql("SELECT 1 ORDER BY 1", Dialect.SQLITE), parse_sql("SELECT 2 ORDER BY 1", Dialect.SQLITE)
    made = with_fragments(one, two.fragments)
    assert made == two
    assert hash(made) == hash(two)
    assert repr(made) == repr(two)
    assert scalar(3) == Scalar(value=3)
    rows = ((Scalar(value=1),),)
    assert exact_rows(rows, Order.IN_ORDER) == ExactRows(rows=rows, order=Order.IN_ORDER)
    assert sql_step("a", two, (Ok(),), PLAIN) == SqlStep(task="a", sql=two, expect=(Ok(),), options=PLAIN)
    assert options(None, (), None) == PLAIN
    other = Override(backend="mysql", expect=(Ok(),))
    assert options("l", (other,), "so") == Options(label="l", overrides=(other,), why="so")
