"""Carrying statements from dialect to dialect: what a step costs once its template is known, and sqlglot beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import sqlglot

from bench.measure import Result, cpu_seconds, side_by_side
from simdsl.dialect.translation import Translator
from simdsl.plan.sql import Dialect, Sql
from simdsl.syntax.sql_lexer import parse_sql

_STEPS = 10_000


def results(rounds: int) -> Iterator[Result]:
    """Microseconds a step of a plan in SQLite's dialect, for PostgreSQL and for SQL Server."""
    yield _measure("transpiling, SQLite to PostgreSQL", Dialect.POSTGRES, rounds)
    yield _measure("transpiling, SQLite to SQL Server", Dialect.TSQL, rounds)


def _statements(steps: int) -> list[Sql]:
    """Steps as a generator of plans writes them: some forms, each time with other literals, or with variables."""
    forms: tuple[Callable[[int], str], ...] = (
        lambda i: f"INSERT INTO t VALUES ({i}, 'x{i}')",
        lambda i: f"UPDATE t SET v = 'y{i}' WHERE id = {i} AND n > {i % 7}",
        lambda i: f"SELECT id, v || '!' FROM t WHERE n IN ({i}, {i + 1}) ORDER BY id LIMIT 5",
        lambda i: "SELECT count(*), sum(n) FROM t WHERE id > $low AND v LIKE 'x%'",
        lambda i: f"DELETE FROM t WHERE id = {i}",
    )
    return [parse_sql(forms[i % len(forms)](i), Dialect.SQLITE) for i in range(steps)]


def _measure(what: str, target: Dialect, rounds: int) -> Result:
    statements, few = _statements(_STEPS), _STEPS // 100
    translator = Translator(Dialect.SQLITE, target)

    def ours() -> None:
        for sql in statements:
            assert isinstance(translator.translate(sql), Sql)

    def peers() -> None:
        for sql in statements[:few]:
            sqlglot.transpile(sql.text.replace("$low", "3"), read=Dialect.SQLITE.value, write=target.value)

    sides = side_by_side(lambda: cpu_seconds(ours), lambda: cpu_seconds(peers), rounds)
    cold = cpu_seconds(lambda: [Translator(Dialect.SQLITE, target).translate(sql) for sql in statements[:few]])
    detail = (
        f"sqlglot alone takes {sides.peers / few * 1e6:.0f} us a statement, the first of its kind {cold / few * 1e6:.0f} us "
        f"here; CPU, {_STEPS} steps of 5 kinds"
    )
    return Result(what=what, value=sides.ours / _STEPS * 1e6, unit=" us", budget=10, stretch=5, detail=detail)
