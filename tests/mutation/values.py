"""Functions, operators and storage that give another value than SQL says.

SQLite lets a connection put functions of its own in the place of the built-in ones; ``LIKE`` and ``GLOB`` are calls of such.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from typing import Any, ClassVar, Final, TypeAlias

from sqlglot import exp

from simdsl.backends.protocol import Backend
from tests.modes.faulty_sqlite import Faithful
from tests.mutation.bug import Bug, Kind, driver
from tests.mutation.rewriting import Node, Rewriting, bare, in_where, rewriting

Cell: TypeAlias = int | float | str | bytes | None

_LONGEST: Final = 32


def replacing(name: str, arguments: int, function: Callable[..., Cell]) -> type[Faithful]:
    """A driver on which a function of SQL is another one. It is asked where no argument is NULL."""

    def asked(*given: Cell) -> Cell:
        return None if any(one is None for one in given) else function(*given)

    class Replacing(Faithful):
        def __init__(self, connection: sqlite3.Connection) -> None:
            super().__init__(connection)
            connection.create_function(name, arguments, asked, deterministic=True)

    return Replacing


def like(pattern: Cell, text: Cell, *, any_one: str, flags: int) -> int:
    """LIKE, with what ``_`` means and whether case counts."""
    parts = (".*" if one == "%" else any_one if one == "_" else re.escape(one) for one in str(pattern))
    return int(re.fullmatch("".join(parts), str(text), flags | re.DOTALL) is not None)


def case_counts(pattern: Cell, text: Cell) -> int:
    return like(pattern, text, any_one=".", flags=0)


def underscore_matches_nothing(pattern: Cell, text: Cell) -> int:
    return like(pattern, text, any_one=".?", flags=re.IGNORECASE | re.ASCII)


def lower_of_everything(text: Cell) -> str:
    return str(text).lower()


def length_in_bytes(value: Cell) -> int:
    return len(value) if isinstance(value, bytes) else len(str(value).encode())


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


def division_rounds_down(node: exp.Div) -> Node | None:
    left, right = exp.paren(node.this.copy()), exp.paren(node.expression.copy())
    exact = exp.Mul(this=exp.Div(this=left, expression=right), expression=right.copy())
    inexact = exp.NEQ(this=exp.paren(exact), expression=left.copy())
    negative = exp.NEQ(
        this=exp.paren(exp.LT(this=left.copy(), expression=exp.Literal.number(0))),
        expression=exp.paren(exp.LT(this=right.copy(), expression=exp.Literal.number(0))),
    )
    whole = exp.EQ(this=exp.func("typeof", left.copy()), expression=exp.Literal.string("integer"))
    less = exp.paren(exp.and_(whole, inexact, negative))
    return exp.paren(exp.Sub(this=exp.Div(this=left.copy(), expression=right.copy()), expression=less))


def remainder_is_positive(node: exp.Mod) -> Node | None:
    return exp.Abs(this=exp.paren(exp.Mod(this=exp.paren(node.this.copy()), expression=exp.paren(node.expression.copy()))))


def cast_rounds(node: exp.Cast) -> Node | None:
    if not node.to.is_type(exp.DataType.Type.INT, exp.DataType.Type.BIGINT):
        return None
    half = exp.Case(
        ifs=[exp.If(this=exp.LT(this=node.this.copy(), expression=exp.Literal.number(0)), true=exp.Literal.number("-0.5"))],
        default=exp.Literal.number("0.5"),
    )
    is_real = exp.EQ(this=exp.func("typeof", node.this.copy()), expression=exp.Literal.string("real"))
    rounded = exp.Add(this=exp.paren(node.this.copy()), expression=half)
    value = exp.Case(ifs=[exp.If(this=is_real, true=rounded)], default=node.this.copy())
    return exp.Cast(this=value, to=node.to.copy())


def concatenation_skips_null(node: exp.DPipe) -> Node | None:
    empty = exp.Literal.string("")
    left, right = (exp.Coalesce(this=one.copy(), expressions=[empty.copy()]) for one in (node.this, node.expression))
    return exp.paren(exp.DPipe(this=left, expression=right))


def greatest_skips_null(node: exp.Func) -> Node | None:
    if not isinstance(node, exp.Greatest | exp.Least) or len(node.expressions) != 1:
        return None
    one, other = node.this, node.expressions[0]
    return exp.Coalesce(this=node.copy(), expressions=[one.copy(), other.copy()])


def nullif_compares_as_text(node: exp.Nullif) -> Node | None:
    if not in_where(node):
        return None
    text = exp.DataType.build("text")
    same = exp.EQ(
        this=exp.Cast(this=node.this.copy(), to=text), expression=exp.Cast(this=node.expression.copy(), to=text.copy())
    )
    return exp.Case(ifs=[exp.If(this=same, true=exp.null())], default=node.this.copy())


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


def _function(name: str, does: str, model: str, of: str, arguments: int, function: Callable[..., Cell]) -> Bug:
    return _value(name, does, model, driver(name, replacing(of, arguments, function)))


BUGS: Final = (
    _function("like-case-counts", "LIKE tells upper from lower case.", "a setting that leaks", "like", 2, case_counts),
    _function(
        "like-underscore-optional",
        "`_` in LIKE matches nothing, too.",
        "a pattern that is translated to another kind of pattern",
        "like",
        2,
        underscore_matches_nothing,
    ),
    _function(
        "lower-of-unicode",
        "`lower` changes letters beyond ASCII.",
        "a build with another library for text",
        "lower",
        1,
        lower_of_everything,
    ),
    _function("length-in-bytes", "`length` counts bytes.", "characters and bytes confused", "length", 1, length_in_bytes),
    _value(
        "sum-restarts-at-null",
        "`sum` forgets at a NULL what it had.",
        "an accumulator that NULL resets",
        driver("sum-restarts-at-null", RestartsSums),
        "where-true-false-null",
    ),
    _rule(
        "division-rounds-down",
        "A negative quotient of integers is rounded down.",
        "the division of another language",
        exp.Div,
        division_rounds_down,
    ),
    _rule(
        "remainder-positive", "`%` is never negative.", "the remainder of another language", exp.Mod, remainder_is_positive
    ),
    _rule(
        "cast-rounds",
        "CAST of a real to an integer rounds.",
        "the cast of another engine (PostgreSQL rounds)",
        exp.Cast,
        cast_rounds,
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
        "nullif-compares-text",
        "In a WHERE, `nullif` compares the texts of its arguments.",
        "types that are lost in a rewriting",
        exp.Nullif,
        nullif_compares_as_text,
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
