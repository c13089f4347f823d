"""Bugs of what lies between a value and the place where it is kept."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from tests.modes.faulty_sqlite import Faithful
from tests.mutation.bug import Bug, Kind, driver, fault
from tests.mutation.texts import LITERAL


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


def _outside(rows: str, pattern: str, change: Callable[[re.Match[str]], str]) -> str:
    """What is found outside of quotes is changed."""
    parts, last = list[str](), 0
    for quoted in LITERAL.finditer(rows):
        parts += [re.sub(pattern, change, rows[last : quoted.start()]), quoted[0]]
        last = quoted.end()
    return "".join([*parts, re.sub(pattern, change, rows[last:])])


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
)
