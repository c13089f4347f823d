"""Bugs of conditions: three-valued logic, comparisons, patterns."""

from __future__ import annotations

import re
from typing import Any, Final

from tests.mutation.bug import Bug, Kind, driver
from tests.mutation.texts import items, rewritten
from tests.properties.planted import TurnsIsNullRound
from tests.runs.faulty_sqlite import Faithful


class Rewriting(Faithful):
    """What is said otherwise to the engine, in queries only."""

    def execute(self, sql: str, parameters: Any = ()) -> Any:
        return super().execute(self.otherwise(sql) if sql.startswith("SELECT") else sql, parameters)

    def otherwise(self, sql: str) -> str:
        raise NotImplementedError


class NotOfNullIsTrue(Rewriting):
    def otherwise(self, sql: str) -> str:
        return rewritten(sql, " WHERE NOT ", lambda inner: f" WHERE ({inner}) IS NOT TRUE")


class NullPassesAFilter(Rewriting):
    """In a plain query only: within a subquery or a union nothing changes."""

    def otherwise(self, sql: str) -> str:
        if sql.count(" WHERE (") != 1 or sql.count("SELECT ") != 1:
            return sql
        return rewritten(sql, " WHERE ", lambda inner: f" WHERE ({inner}) IS NOT FALSE")


class DropsTheLastOfAList(Rewriting):
    def otherwise(self, sql: str) -> str:
        return rewritten(sql, " IN ", lambda inner: f" IN ({', '.join(items(inner)[:2])})")


class NotInIgnoresNull(Rewriting):
    def otherwise(self, sql: str) -> str:
        def without(inner: str) -> str:
            return f" NOT IN ({', '.join(item for item in items(inner) if item != 'NULL') or 'NULL'})"

        return rewritten(sql, " NOT IN ", without)


class IsNotIsUnequal(Rewriting):
    def otherwise(self, sql: str) -> str:
        return re.sub(r" IS NOT (?!NULL|TRUE|FALSE)", " <> ", sql)


class HalvesDoubleNegation(Rewriting):
    def otherwise(self, sql: str) -> str:
        return sql.replace("NOT (NOT ", "NOT (")


BUGS: Final = (
    Bug(
        name="not-null-is-true",
        kind=Kind.CONDITION,
        does="NOT of NULL is true where it is the whole condition.",
        model="two-valued logic",
        expected="where-true-false-null",
        make=driver("not-null-is-true", NotOfNullIsTrue),
    ),
    Bug(
        name="is-null-turned-round",
        kind=Kind.CONDITION,
        does="IS NULL in a query is true where it should be false.",
        model="a condition that is negated once too often",
        expected="where-true-false-null",
        make=driver("is-null-turned-round", TurnsIsNullRound),
    ),
    Bug(
        name="null-passes-a-filter",
        kind=Kind.CONDITION,
        does="A query keeps the rows for which its condition is NULL.",
        model="a filter that asks for `not false`",
        expected="select-select-optimizer",
        make=driver("null-passes-a-filter", NullPassesAFilter),
    ),
    Bug(
        name="short-in-list",
        kind=Kind.CONDITION,
        does="Of an IN list only the first two values are looked at.",
        model="a list that is cut when it becomes a table",
        expected="insert-values-select",
        make=driver("short-in-list", DropsTheLastOfAList),
    ),
    Bug(
        name="not-in-ignores-null",
        kind=Kind.CONDITION,
        does="NOT IN takes no notice of a NULL in its list.",
        model="an anti-join in place of NOT IN",
        expected="insert-values-select",
        make=driver("not-in-ignores-null", NotInIgnoresNull),
    ),
    Bug(
        name="is-not-is-unequal",
        kind=Kind.CONDITION,
        does="IS NOT between two values is NULL if one of them is.",
        model="IS DISTINCT FROM taken for <>",
        expected="insert-values-select",
        make=driver("is-not-is-unequal", IsNotIsUnequal),
    ),
    Bug(
        name="halved-double-negation",
        kind=Kind.CONDITION,
        does="NOT (NOT x) is NOT x.",
        model="a rewrite of expressions that forgets half of itself",
        expected="rewrite-equivalence",
        make=driver("halved-double-negation", HalvesDoubleNegation),
    ),
)
