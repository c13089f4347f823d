"""Functions, operators and storage that give another value than SQL says.

SQLite lets a connection put functions of its own in the place of the built-in ones; ``LIKE`` and ``GLOB`` are calls of such.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any, ClassVar, Final, TypeAlias

from sqlglot import exp

from simdsl.backends.protocol import Backend
from tests.mutation.bug import Bug, Kind, driver
from tests.mutation.rewriting import Node, Rewriting, bare, rewriting
from tests.runs.faulty_sqlite import Faithful

Cell: TypeAlias = int | float | str | bytes | None

_LONGEST: Final = 32


class SumRestarts:
    """The aggregate `sum`, which forgets what it has at a NULL."""

    def __init__(self) -> None:
        self.total: int | float | None = None

    def step(self, value: int | float | None, /) -> None:
        self.total = None if value is None else value + (self.total or 0)

    def finalize(self) -> Any:
        return self.total


class RestartsSums(Faithful):
    def __init__(self, connection: sqlite3.Connection) -> None:
        super().__init__(connection)
        connection.create_aggregate("sum", 1, SumRestarts)


def concatenation_skips_null(node: exp.DPipe) -> Node | None:
    empty = exp.Literal.string("")
    left, right = (exp.Coalesce(this=one.copy(), expressions=[empty.copy()]) for one in (node.this, node.expression))
    return exp.paren(exp.DPipe(this=left, expression=right))


def greatest_skips_null(node: exp.Func) -> Node | None:
    if not isinstance(node, exp.Greatest | exp.Least) or len(node.expressions) != 1:
        return None
    one, other = node.this, node.expressions[0]
    return exp.Coalesce(this=node.copy(), expressions=[one.copy(), other.copy()])


def not_of_a_comparison_is_the_opposite_or_equal(node: exp.Not) -> Node | None:
    inner = bare(node.this)
    if not isinstance(inner, exp.LT | exp.GT):
        return None
    opposite = exp.GT if isinstance(inner, exp.LT) else exp.LT
    return exp.paren(opposite(this=exp.paren(inner.this.copy()), expression=exp.paren(inner.expression.copy())))


class StoresLiterals(Rewriting):
    """Writes other values than an INSERT says."""

    words: ClassVar[tuple[str, ...]] = ("INSERT",)

    def rewrite(self, tree: Node) -> bool:
        changed = False
        for literal in list(tree.find_all(exp.Literal)):
            new = self.stored(literal)
            if new is not None:
                changed = True
                literal.replace(new)
        return changed

    def stored(self, literal: exp.Literal) -> Node | None:
        """What is stored for a literal, None for itself."""
        raise NotImplementedError


class TruncatesText(StoresLiterals):
    def stored(self, literal: exp.Literal) -> Node | None:
        text = literal.this
        return exp.Literal.string(text[:_LONGEST]) if literal.is_string and len(text) > _LONGEST else None


class StoresEmptyAsNull(StoresLiterals):
    def stored(self, literal: exp.Literal) -> Node | None:
        return exp.null() if literal.is_string and literal.this == "" else None


class TrimsText(StoresLiterals):
    def stored(self, literal: exp.Literal) -> Node | None:
        trimmed = literal.this.rstrip(" ")
        return exp.Literal.string(trimmed) if literal.is_string and trimmed != literal.this else None


class StoresIntegersIn32Bits(StoresLiterals):
    """An integer outside of 32 bits becomes the nearest limit."""

    def stored(self, literal: exp.Literal) -> Node | None:
        is_large = literal.is_int and int(literal.this) > 2**31 - 1
        return exp.Literal.number(2**31 - 1) if is_large else None


def _value(name: str, does: str, model: str, make: Callable[[], Backend], expected: str = "insert-values-select") -> Bug:
    return Bug(name=name, does=does, model=model, make=make, kind=Kind.VALUE, expected=expected)


def _rule(name: str, does: str, model: str, kind: type[Node], rule: Callable[..., Node | None]) -> Bug:
    return _value(name, does, model, driver(name, rewriting(kind, rule)))


BUGS: Final = (
    _value(
        "sum-restarts-at-null",
        "`sum` forgets at a NULL what it had.",
        "an accumulator that NULL resets",
        driver("sum-restarts-at-null", RestartsSums),
        "where-true-false-null",
    ),
    _rule(
        "concatenation-skips-null",
        "`||` takes NULL for an empty text.",
        "the operator of another engine (Oracle)",
        exp.DPipe,
        concatenation_skips_null,
    ),
    _rule(
        "greatest-skips-null",
        "`min` and `max` of two values pass over a NULL.",
        "the function of another engine (PostgreSQL)",
        exp.Func,
        greatest_skips_null,
    ),
    _rule(
        "not-less-is-greater",
        "`NOT a < b` is `a > b`.",
        "a negated comparison that loses the case of equality",
        exp.Not,
        not_of_a_comparison_is_the_opposite_or_equal,
    ),
    _value(
        "text-truncated",
        f"INSERT cuts a text behind {_LONGEST} characters.",
        "a column that is too short, in a mode that says nothing",
        driver("text-truncated", TruncatesText),
    ),
    _value(
        "empty-text-is-null",
        "INSERT stores an empty text as NULL.",
        "the storage of another engine (Oracle)",
        driver("empty-text-is-null", StoresEmptyAsNull),
    ),
    _value(
        "text-trimmed",
        "INSERT drops blanks at the end of a text.",
        "fixed-width columns",
        driver("text-trimmed", TrimsText),
    ),
    _value(
        "integer-in-32-bits",
        "INSERT stores an integer above 32 bits as the largest of them.",
        "a column that is too small, in a mode that says nothing",
        driver("integer-in-32-bits", StoresIntegersIn32Bits),
    ),
)
