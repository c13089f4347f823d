"""Bugs of what lies between a value and the place where it is kept."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from tests.mutation.bug import Bug, Kind, driver, fault
from tests.mutation.texts import LITERAL
from tests.runs.faulty_sqlite import Faithful


class Storing(Faithful):
    """What INSERT is given is stored otherwise."""

    def execute(self, sql: str, parameters: Any = ()) -> Any:
        head, values, rows = sql.partition(" VALUES ")
        if sql.startswith("INSERT") and values:
            sql = f"{head} VALUES {self.stored(rows)}"
        return super().execute(sql, parameters)

    def stored(self, rows: str) -> str:
        raise NotImplementedError


class NullIsZero(Storing):
    def stored(self, rows: str) -> str:
        return _outside(rows, r"\bNULL\b", lambda found: "0")


class RoundsReals(Storing):
    def stored(self, rows: str) -> str:
        return _outside(rows, r"(?<![\w.])\d+\.\d+(?![\w.])", lambda found: repr(round(float(found[0]))))


class EndsAtZero(Storing):
    def stored(self, rows: str) -> str:
        def cut(found: re.Match[str]) -> str:
            return f"x'{bytes.fromhex(found[1]).partition(bytes(1))[0].hex()}'"

        return re.sub(r"\bx'([0-9a-fA-F]*)'", cut, rows)


def _outside(rows: str, pattern: str, change: Callable[[re.Match[str]], str]) -> str:
    """What is found outside of quotes is changed."""
    parts, last = list[str](), 0
    for quoted in LITERAL.finditer(rows):
        parts += [re.sub(pattern, change, rows[last : quoted.start()]), quoted[0]]
        last = quoted.end()
    return "".join([*parts, re.sub(pattern, change, rows[last:])])


class Declaring(Faithful):
    """Columns of text are declared with this collation."""

    collation = "BINARY"

    def execute(self, sql: str, parameters: Any = ()) -> Any:
        if sql.startswith("CREATE TABLE"):
            sql = re.sub(r" TEXT\b", f" TEXT COLLATE {self.collation}", sql)
        return super().execute(sql, parameters)


class IgnoresCase(Declaring):
    collation = "NOCASE"


BUGS: Final = (
    Bug(
        name="text-for-integer",
        kind=Kind.VALUE,
        does="Integers from 10 upwards come as texts.",
        model="a text protocol whose types are not converted",
        expected="table-has-expected-content",
        make=fault("gives_text_for_integers"),
    ),
    Bug(
        name="swapped-columns",
        kind=Kind.VALUE,
        does="The last two columns of a row are swapped.",
        model="columns by position, in another order",
        expected="table-has-expected-content",
        make=fault("swaps_two_columns"),
    ),
    Bug(
        name="null-is-zero",
        kind=Kind.VALUE,
        does="INSERT stores NULL as 0.",
        model="a struct without room for NULL",
        expected="insert-values-select",
        make=driver("null-is-zero", NullIsZero),
    ),
    Bug(
        name="rounded-real",
        kind=Kind.VALUE,
        does="INSERT stores a real as a whole number.",
        model="a column of type NUMERIC without a scale",
        expected="insert-values-select",
        make=driver("rounded-real", RoundsReals),
    ),
    Bug(
        name="blob-ends-at-zero",
        kind=Kind.VALUE,
        does="INSERT stores a blob up to its first zero byte.",
        model="bytes that are taken for a string of C",
        expected="insert-values-select",
        make=driver("blob-ends-at-zero", EndsAtZero),
    ),
    Bug(
        name="equal-without-case",
        kind=Kind.VALUE,
        does="Columns of text compare without their case.",
        model="MySQL's default collation",
        expected="insert-values-select",
        make=driver("equal-without-case", IgnoresCase),
    ),
)
