"""What a PEP 249 driver raises, as error classes: what holds for every driver, and a table for an engine to fill in.

A code decides where the driver gives one, because messages change between versions and languages. Where it gives none, the
message decides and then the name of the exception's class: names, so that no driver is imported to compare classes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import field
from typing import Final, TypeAlias

from simdsl.plan.dataclasses import dataclass
from simdsl.plan.outcomes import ErrorClass, Failed

MessagePatterns: TypeAlias = tuple[tuple[str, ErrorClass], ...]
"""Regular expressions to search for in a message; the first that is found decides, so put the specific ones first."""

CLOSED: Final = Failed(ErrorClass.CONNECTION_CLOSED, "the connection is closed")


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorTable:
    """How an engine's errors are classified, for a driver that has no module for it.

    ``code_of`` reads the code from an exception (an SQLSTATE or a native number; None where it has none), ``codes`` gives
    its class, ``messages`` are searched next, and ``exceptions`` maps names of exception classes, base classes included.
    """

    codes: Mapping[str | int, ErrorClass] = field(default_factory=dict)
    messages: MessagePatterns = ()
    exceptions: Mapping[str, ErrorClass] = field(default_factory=dict)
    code_of: Callable[[BaseException], str | int | None] = lambda error: getattr(error, "sqlstate", None)

    @property
    def declared(self) -> frozenset[ErrorClass]:
        """Every class that the table can give."""
        return frozenset((*self.codes.values(), *(found for _, found in self.messages), *self.exceptions.values()))

    def failed(self, error: BaseException) -> Failed:
        """An exception as the outcome of its statement. What the table does not know is ``OTHER``."""
        text = first_line(error)
        code = self.code_of(error)
        found = None if code is None else self.codes.get(code)
        found = found or class_of_python_error(error) or class_by_message(self.messages, text)
        if found is None:
            names = (cls.__name__ for cls in type(error).__mro__)
            found = next((self.exceptions[name] for name in names if name in self.exceptions), ErrorClass.OTHER)
        return Failed(found, text, code if isinstance(code, str) else None, code if isinstance(code, int) else None)


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
