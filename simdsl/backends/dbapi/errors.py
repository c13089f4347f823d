"""What a PEP 249 driver raises, as error classes: the parts that are the same for every driver."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, TypeAlias

from simdsl.plan.outcomes import ErrorClass, Failed

MessagePatterns: TypeAlias = tuple[tuple[str, ErrorClass], ...]
"""Regular expressions to search for in a message; the first that is found decides, so put the specific ones first."""

CLOSED: Final = Failed(ErrorClass.CONNECTION_CLOSED, "the connection is closed")


def class_of_python_error(error: BaseException) -> ErrorClass | None:
    """The class of what Python raises while a driver converts a value, whatever the wording."""
    match error:
        case OverflowError():
            return ErrorClass.NUMERIC_VALUE_OUT_OF_RANGE
        case UnicodeError():
            return ErrorClass.INVALID_TEXT_REPRESENTATION
        case _:
            return None


def class_by_message(patterns: Iterable[tuple[str, ErrorClass]], text: str) -> ErrorClass | None:
    """The class of the first pattern that is found in the text."""
    for pattern, error_class in patterns:
        # Compiled by ``re`` on first use: most runs meet no error, and compiling all patterns costs 3 ms at start-up.
        if re.search(pattern, text):
            return error_class
    return None


def first_line(error: BaseException) -> str:
    """An exception's message without the lines below it, where drivers draw the statement and give hints."""
    return str(error).strip().partition("\n")[0] or type(error).__name__
