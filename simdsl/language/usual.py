"""The expectations of everyday, read without the grammar: a small plan need not wait for a parser to be built.

What is not of these few forms is for `simdsl.language.expectations`. Where this module answers, the grammar would answer
the same: tests/language/test_usual.py asks hypothesis.
"""

from __future__ import annotations

import re
from typing import Final

from simdsl.plan.ir import (
    AnError,
    Anything,
    Blocks,
    Cell,
    CellRow,
    Comparison,
    Count,
    Counted,
    ExactRows,
    Expectation,
    Ok,
    Scalar,
)
from simdsl.plan.outcomes import ErrorClass

_INTEGER: Final = r"-?(?:0|[1-9][0-9]{0,17})"
_STRING: Final = r"'(?:[^'\\\x00-\x1f]|'')*'"
_CELL: Final = rf"(?:{_INTEGER}|{_STRING}|NULL|_)"
_ROW: Final = rf"(?:{_CELL}|\({_CELL}(?:, {_CELL})*\))"
_ROWS: Final = re.compile(rf"{_ROW}(?:, {_ROW})*")
_EACH_ROW: Final = re.compile(rf"\(({_CELL}(?:, {_CELL})*)\)|({_CELL})")
_EACH_CELL: Final = re.compile(_CELL)
_COUNT: Final = re.compile(r"(?:(>=|<=|>|<) )?(0|[1-9][0-9]{0,17}) (rows?|affected|columns?)")
_ERROR: Final = re.compile(r"error ([a-z_]+)")
_COUNTED: Final = {"r": Counted.ROWS, "a": Counted.AFFECTED, "c": Counted.COLUMNS}
_CLASSES: Final = {str(error_class): error_class for error_class in ErrorClass}
_WORDS: Final[dict[str, Expectation]] = {
    "ok": (Ok(),),
    "blocks": (Blocks(),),
    "empty": (Count(what=Counted.ROWS, comparison=Comparison.EQ, n=0),),
}


def usual_expectation(text: str) -> Expectation | None:
    """A word, a count, an error class, or rows of integers, texts, NULL and ``_``; None for anything else."""
    if text in _WORDS:
        return _WORDS[text]
    if match := _COUNT.fullmatch(text):
        sign, n, what = match.groups()
        return (Count(what=_COUNTED[what[0]], comparison=Comparison(sign or "="), n=int(n)),)
    if match := _ERROR.fullmatch(text):
        error_class = _CLASSES.get(match.group(1))
        return (AnError(error_class=error_class),) if error_class else None
    return _exact(text) if _ROWS.fullmatch(text) else None


def _exact(text: str) -> Expectation | None:
    rows: tuple[CellRow, ...] = tuple(
        tuple(map(_cell, _EACH_CELL.findall(many or one))) for many, one in _EACH_ROW.findall(text)
    )
    widths = {len(row) for row in rows}
    return (ExactRows(rows=rows),) if len(widths) == 1 else None


def _cell(text: str) -> Cell:
    if text == "_":
        return Anything()
    if text == "NULL":
        return Scalar(value=None)
    return Scalar(value=text[1:-1].replace("''", "'") if text[0] == "'" else int(text))
