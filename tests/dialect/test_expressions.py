"""Expressions that nobody chose: on another engine they mean the same, or the engine complains, or they are refused.

The columns have types, which the translation does not know. Left out is what only those would tell apart: the text of a
real and of a boolean column, and division of what is an integer in one row and a real in the next.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simdsl.dialect.translation import Translator, Untranslatable
from simdsl.plan.outcomes import Failed
from simdsl.plan.sql import Dialect, Sql
from simdsl.syntax.sql_lexer import parse_sql
from tests.dialect.engines import Engine, make
from tests.dialect.running import difference

SETUP = (
    "CREATE TABLE v (id INTEGER PRIMARY KEY, a INTEGER, b INTEGER, s TEXT, z TEXT, f BOOLEAN)",
    "INSERT INTO v (id, a, b, s, z, f) VALUES (1, 7, 2, 'Hello', 'lo', TRUE), (2, -7, 2, 'hello world', 'WORLD', FALSE), "
    "(3, NULL, 0, NULL, 'x', NULL), (4, 0, 3, '  pad ', '', FALSE), (5, 12, 5, 'ab%c_d', '%', TRUE)",
)
_LEAF_NUMBERS = st.sampled_from(["a", "b", "1", "0", "7", "-3", "10", "NULL"])
_LEAF_TEXTS = st.sampled_from(["s", "z", "'lo'", "'Hello'", "''", "'a%b'", "'12'", "'x\\y'"])
_LEAF_CONDITIONS = st.sampled_from(["a > b", "s LIKE 'h%'", "b IS NULL", "a IN (1, 7)", "f", "TRUE", "b"])


def _formed(
    forms: list[str], number: st.SearchStrategy[str], text: st.SearchStrategy[str], condition: st.SearchStrategy[str]
) -> st.SearchStrategy[str]:
    """One of the forms with its letters N, T and C replaced."""
    parts = st.tuples(st.sampled_from(forms), *([number, text, condition] * 3))

    def filled(drawn: tuple[str, ...]) -> str:
        form, rest = drawn[0], list(drawn[1:])
        made = ""
        for letter in form:
            if letter in "NTC":
                index = next(i for i, _ in enumerate(rest) if i % 3 == "NTC".index(letter) and rest[i])
                made, rest[index] = made + rest[index], ""
            else:
                made += letter
        return made

    return parts.map(filled)


NUMBER_FORMS = [
    *("N + N", "N - N", "N * N", "N / N", "N % N", "N & N", "N | N", "(N)", "- N", "abs(N)", "coalesce(N, N)"),
    *("length(T)", "cast(N as integer)", "nullif(N, N)", "max(N, N)", "min(N, N)", "instr(T, 'l')", "sign(N)"),
    *("case when C then N else N end", "iif(C, N, N)", "(C)", "unicode(T)", "ceil(N)"),
]
TEXT_FORMS = [
    *("T || T", "upper(T)", "lower(T)", "substr(T, 2)", "substr(T, -2)", "substr(T, 2, 1)", "trim(T)"),
    *("replace(T, 'l', 'L')", "coalesce(T, T)", "case when C then T end", "nullif(T, 'lo')", "T || a", "cast(a as text)"),
]
CONDITION_FORMS = [
    *("N = N", "N <> N", "N < N", "N >= N", "N is N", "N is not N", "T = T", "T <> T", "T < T", "T is T", "C and C"),
    *("C or C", "not C", "(C)", "N is null", "T is not null", "T like T", "T not like 'h_%'", "N between N and N"),
    *("N in (N, N)", "(C) is true", "(C) is not false", "N", "T glob 'h*'", "(N) = N is null"),
]


def _expressions() -> tuple[st.SearchStrategy[str], st.SearchStrategy[str], st.SearchStrategy[str]]:
    numbers, texts, conditions = _LEAF_NUMBERS, _LEAF_TEXTS, _LEAF_CONDITIONS
    for _ in range(3):
        numbers, texts, conditions = (
            leaf | _formed(forms, numbers, texts, conditions)
            for leaf, forms in (
                (_LEAF_NUMBERS, NUMBER_FORMS),
                (_LEAF_TEXTS, TEXT_FORMS),
                (_LEAF_CONDITIONS, CONDITION_FORMS),
            )
        )
    return numbers, texts, conditions


NUMBERS, TEXTS, CONDITIONS = _expressions()
QUERIES = (
    NUMBERS.map(lambda one: f"SELECT id, {one} FROM v")
    | TEXTS.map(lambda one: f"SELECT id, {one} FROM v")
    | CONDITIONS.map(lambda one: f"SELECT id FROM v WHERE {one}")
)


@pytest.fixture(scope="module", params=[Dialect.POSTGRES, Dialect.DUCKDB])
def sides(request: pytest.FixtureRequest) -> Iterator[tuple[Engine, Engine, Translator]]:
    """SQLite, another engine, and the way there; the same table in both."""
    here, there, translator = make(Dialect.SQLITE), make(request.param), Translator(Dialect.SQLITE, request.param)
    for text in SETUP:
        sql = parse_sql(text, Dialect.SQLITE)
        carried = translator.translate(sql)
        assert isinstance(carried, Sql)
        assert not isinstance(here.run(sql, {}), Failed)
        assert not isinstance(there.run(carried, {}), Failed)
    yield here, there, translator
    here.close()
    there.close()


@pytest.mark.slow
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(text=QUERIES)
def test_nothing_means_something_else_in_silence(sides: tuple[Engine, Engine, Translator], text: str) -> None:
    here, there, translator = sides
    sql = parse_sql(text.replace("--", "- -"), Dialect.SQLITE)
    carried = translator.translate(sql)
    if isinstance(carried, Untranslatable):
        return
    ours, theirs = here.run(sql, {}), there.run(carried, {})
    if isinstance(ours, Failed) or isinstance(theirs, Failed):
        return
    assert difference([ours], [theirs], [sql]) is None, carried.text
