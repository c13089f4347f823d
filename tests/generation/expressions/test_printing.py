"""The texts, and that the engines' own parsers read them as they were meant."""

from __future__ import annotations

import pytest

from simdsl.generation.expressions.ir import (
    Between,
    CaseBranch,
    Cast,
    ColumnRef,
    Concat,
    Extreme,
    InList,
    IsDistinct,
    IsNull,
    IsTruth,
    Length,
    Like,
    Literal,
    Negate,
    Not,
    Parameter,
    SearchedCase,
    SqlExpression,
    SqlType,
    Substring,
    walk,
)
from simdsl.generation.expressions.printing import PostgresPrinter, Precedence, Printed, SqlitePrinter, printer
from simdsl.plan.sql import Dialect
from simdsl.plan.values import INT64_MIN, Value
from tests.generation.expressions.agreement import drawn
from tests.generation.expressions.short import A, F, R, S, X, both, either, equal, lit, math, null, truth
from tests.generation.expressions.tables import Engine

_TEXTS: list[tuple[SqlExpression, str, str]] = [
    (both(either(F, F), equal(A, lit(1))), "(f OR f) AND a = 1", "(f OR f) AND a = 1::bigint"),
    (either(both(F, F), F), "f AND f OR f", "f AND f OR f"),
    (both(F, both(F, F)), "f AND (f AND f)", "f AND (f AND f)"),
    (Not(operand=equal(S, lit("it's"))), "NOT s = 'it''s'", "NOT s = 'it''s'"),
    (Not(operand=Not(operand=F)), "NOT (NOT f)", "NOT (NOT f)"),
    (equal(Not(operand=F), equal(A, A)), "(NOT f) = (a = a)", "(NOT f) = (a = a)"),
    (math(A, "-", math(A, "-", A)), "a - (a - a)", "a - (a - a)"),
    (math(math(A, "+", A), "*", A), "(a + a) * a", "(a + a) * a"),
    (Negate(operand=Negate(operand=A)), "-(-a)", "-(-a)"),
    (math(A, "-", lit(-5)), "a - -5", "a - -5::bigint"),
    (Negate(operand=lit(-5)), "-(-5)", "-(-5::bigint)"),
    (lit(INT64_MIN), "(-9223372036854775807 - 1)", "'-9223372036854775808'::bigint"),
    (lit(-2.5), "-2.5", "-2.5::double precision"),
    (lit(1e22), "1e+22", "1e+22::double precision"),
    (lit(b"\x00\xff"), "x'00ff'", "'\\x00ff'::bytea"),
    (null(SqlType.BLOB), "NULL", "NULL::bytea"),
    (truth(True), "TRUE", "TRUE"),
    (Parameter(name="p", type=SqlType.INTEGER), "$p", "$p::bigint"),
    (ColumnRef(name="t.c", type=SqlType.TEXT), "t.c", "t.c"),
    (IsNull(operand=IsNull(operand=A), negated=True), "(a IS NULL) IS NOT NULL", "(a IS NULL) IS NOT NULL"),
    (IsTruth(operand=F, truth=False, negated=True), "f IS NOT FALSE", "f IS NOT FALSE"),
    (IsDistinct(left=A, right=lit(1)), "a IS NOT 1", "a IS DISTINCT FROM 1::bigint"),
    (IsDistinct(left=S, right=S, negated=True), "s IS s", "s IS NOT DISTINCT FROM s"),
    (InList(operand=S, items=(lit("a"), S), negated=True), "s NOT IN ('a', s)", "s NOT IN ('a', s)"),
    (
        Between(operand=math(A, "+", A), low=lit(0), high=A, negated=True),
        "a + a NOT BETWEEN 0 AND a",
        "a + a NOT BETWEEN 0::bigint AND a",
    ),
    (Like(operand=S, pattern="a%_*[", exact=True), "s GLOB 'a*?[*][[]'", "s LIKE 'a%_*['"),
    (Like(operand=S, pattern="a%_*[", exact=False, negated=True), "s NOT LIKE 'a%_*['", "s NOT ILIKE 'a%_*['"),
    (Concat(left=S, right=Concat(left=S, right=S)), "s || (s || s)", "s || (s || s)"),
    (Length(operand=X), "length(x)", "length(x)::bigint"),
    (Substring(operand=S, start=2, count=3), "substr(s, 2, 3)", "substr(s, 2, 3)"),
    (Cast(operand=R, type=SqlType.INTEGER), "CAST(r AS INTEGER)", "CAST(trunc(r) AS bigint)"),
    (Cast(operand=F, type=SqlType.INTEGER), "CAST(f AS INTEGER)", "CAST(CAST(f AS integer) AS bigint)"),
    (
        Extreme(greatest=False, left=A, right=A),
        "min(a, a)",
        "CASE WHEN a <= a THEN a WHEN a > a THEN a END",
    ),
    (
        SearchedCase(branches=(CaseBranch(test=F, result=S),), otherwise=null(SqlType.TEXT)),
        "CASE WHEN f THEN s ELSE NULL END",
        "CASE WHEN f THEN s ELSE NULL::text END",
    ),
]


@pytest.mark.parametrize(("expression", "sqlite", "postgres"), _TEXTS)
def test_text(expression: SqlExpression, sqlite: str, postgres: str) -> None:
    assert printer(Dialect.SQLITE).text(expression) == sqlite
    assert printer(Dialect.POSTGRES).text(expression) == postgres


def test_literals_become_variables() -> None:
    wanted = both(InList(operand=A, items=(lit(1), null(), lit(2))), both(truth(True), equal(S, lit("x"))))
    text = "a IN ($p1, NULL, $p2) AND (TRUE AND s = $p3)"
    assert printer(Dialect.SQLITE).bound_text(wanted, "p") == (text, {"p1": 1, "p2": 2, "p3": "x"})
    bound = printer(Dialect.POSTGRES).bound_text(wanted, "p")
    assert bound.text == "a IN ($p1::bigint, NULL::bigint, $p2::bigint) AND (TRUE AND s = $p3::text)"


def test_a_dialect_without_a_printer() -> None:
    with pytest.raises(KeyError):
        printer(Dialect.TSQL)


@pytest.mark.parametrize("name", ["", "A", "a b", 'a"', "a.b.c", "1a", "a;--"])
def test_a_column_has_a_plain_name(name: str) -> None:
    with pytest.raises(ValueError, match="plain name"):
        ColumnRef(name=name, type=SqlType.TEXT)


def test_what_means_something_else_elsewhere_cannot_be_said() -> None:
    with pytest.raises(ValueError, match="backslash"):
        Like(operand=S, pattern="a\\", exact=True)
    with pytest.raises(ValueError, match="not the same"):
        Substring(operand=S, start=0, count=1)


class _FencedSqlite(SqlitePrinter):
    """Every part stands between parentheses, so that nothing is left to the ranks of operators."""

    def _printed(self, expression: SqlExpression, values: dict[str, Value] | None, prefix: str) -> Printed:
        return (f"({super()._printed(expression, values, prefix)[0]})", Precedence.ATOM)


class _FencedPostgres(PostgresPrinter):
    """The same."""

    def _printed(self, expression: SqlExpression, values: dict[str, Value] | None, prefix: str) -> Printed:
        return (f"({super()._printed(expression, values, prefix)[0]})", Precedence.ATOM)


def test_sqlite_reads_the_text_as_it_was_meant(engines: tuple[Engine, ...]) -> None:
    """SQLite makes the same program of it as of the text with all parentheses."""
    sqlite = engines[0]
    for expression in drawn(7, 0, 1_000):
        if any(isinstance(node, Literal) and isinstance(node.value, bytes) for node in walk(expression)):
            continue  # EXPLAIN shows a blob as text, which it may not be
        programs = [
            sqlite.must(f"EXPLAIN SELECT {made.text(expression)} FROM v") for made in (SqlitePrinter(), _FencedSqlite())
        ]
        assert programs[0] == programs[1], sqlite.printer.text(expression)


def test_postgres_reads_the_text_as_it_was_meant(engines: tuple[Engine, ...]) -> None:
    """PostgreSQL makes the same view of it as of the text with all parentheses."""
    postgres, expressions = engines[1], drawn(7, 0, 1_000)
    for first in range(0, len(expressions), 50):
        views = []
        for made in (PostgresPrinter(), _FencedPostgres()):
            shown = [f"{made.text(expression)} AS c{i}" for i, expression in enumerate(expressions[first : first + 50])]
            postgres.must(f"CREATE VIEW w AS SELECT {', '.join(shown)} FROM v")
            views.append(postgres.must("SELECT pg_get_viewdef('w'::regclass)"))
            postgres.must("DROP VIEW w")
        assert views[0] == views[1]
