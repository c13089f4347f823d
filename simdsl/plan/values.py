"""The values that travel between a plan, a driver and a trace, and what it means that two are the same.

A value is one of Python's own: ``None`` (NULL), ``bool``, ``int`` (64 bits in plans), ``float``, ``Decimal``, ``str``,
``bytes``, ``date``, ``time`` or ``datetime``. They are different things and are never coerced into each other:
``NULL`` is not ``''`` is not ``0``, and ``1`` is not ``true`` is not ``1.0``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Final, TypeAlias

Value: TypeAlias = None | bool | int | float | Decimal | str | bytes | date | time | datetime
Row: TypeAlias = tuple[Value, ...]
Json: TypeAlias = None | bool | int | float | str | list["Json"] | dict[str, "Json"]

INT64_MIN: Final = -(2**63)
INT64_MAX: Final = 2**63 - 1

# The order of kinds in sort_key. The number itself never leaves the process.
_RANKS: Final = {bool: 1, int: 2, float: 3, Decimal: 4, str: 5, bytes: 6, date: 7, time: 8, datetime: 9}


def same(left: Value, right: Value) -> bool:
    """Whether two values are of one kind and equal. ``-0.0`` is ``0.0``; NaN is NaN; NULL is NULL."""
    if type(left) is not type(right):
        return False
    if isinstance(left, (float, Decimal)) and isinstance(right, (float, Decimal)) and math.isnan(left):
        return math.isnan(right)
    return left == right


def canonical(value: Value) -> Value:
    """The representative of all values that are ``same`` as this one: hashable, and equal only to itself in kind."""
    if isinstance(value, float):
        return 0.0 if value == 0 else value
    return value


def sort_key(value: Value) -> tuple[int, str | float | Decimal | bytes]:
    """A key that puts values of any kinds into one order that is the same in every process. NULL comes first."""
    if value is None:
        return (0, 0)
    rank = _RANKS[type(value)]
    if isinstance(value, (float, Decimal)) and math.isnan(value):
        return (rank, -math.inf)
    if isinstance(value, (bool, int, float, Decimal, str, bytes)):
        return (rank, value)
    return (rank, value.isoformat())


def row_key(row: Row) -> tuple[tuple[int, str | float | Decimal | bytes], ...]:
    """``sort_key`` of a whole row."""
    return tuple(map(sort_key, row))


def sorted_rows(rows: Sequence[Row]) -> list[Row]:
    """The rows in the order of ``row_key``: two equal bags give equal lists."""
    return sorted(rows, key=row_key) if len(rows) > 1 else list(rows)


def as_text(value: Value) -> str | None:
    """The canonical text of a value that a plan may write as ``'text'``; None where a value is never met by text.

    Text is itself. Dates and times are ISO 8601 with trailing zeros of the fraction trimmed, a zone turned to UTC.
    """
    match value:
        case str():
            return value
        case datetime():
            moment = value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
            return _trim(moment.isoformat(sep=" ")) + ("+00:00" if value.tzinfo else "")
        case date():
            return value.isoformat()
        case time():
            return _trim(value.isoformat())
        case _:  # numbers, booleans, bytes and NULL: `'1'` in a plan means a text, never the number
            return None


def literal(value: Value) -> str:
    """The value as the plan language writes it, for messages and for rewritten expectations."""
    match value:
        case None:
            return "NULL"
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float():
            return _real(value)
        case Decimal():
            return f"decimal {quoted(format(value, 'f'))}" if value == value.to_integral() else format(value, "f")
        case str():
            return quoted(value)
        case bytes():
            return f"x'{value.hex()}'"
        case datetime():
            return f"timestamp {quoted(as_text(value) or '')}"
        case date():
            return f"date {quoted(value.isoformat())}"
        case time():
            return f"time {quoted(as_text(value) or '')}"


def literal_row(row: Iterable[Value]) -> str:
    """A row as the plan language writes it: ``(1, 'a')``."""
    return f"({', '.join(map(literal, row))})"


def quoted(text: str) -> str:
    """The text between single quotes, ``''`` being the only escape."""
    return "'" + text.replace("'", "''") + "'"


def to_json(value: Value) -> Json:
    """The value as a trace keeps it. What JSON lacks becomes an object of one key, the kind: ``{"blob": "00ff"}``."""
    match value:
        case None | bool() | int() | str():
            return value
        case float():
            return value if math.isfinite(value) else {"real": _real(value)}
        case Decimal():
            return {"decimal": str(value)}
        case bytes():
            return {"blob": value.hex()}
        case datetime():
            return {"timestamp": value.isoformat()}
        case date():
            return {"date": value.isoformat()}
        case time():
            return {"time": value.isoformat()}


def from_json(data: Json) -> Value:
    """The inverse of ``to_json``. Raises ``ValueError`` for anything that it never wrote."""
    match data:
        case None | bool() | int() | float() | str():
            return data
        case {"real": str(text)}:
            return float(text)
        case {"decimal": str(text)}:
            return Decimal(text)
        case {"blob": str(text)}:
            return bytes.fromhex(text)
        case {"timestamp": str(text)}:
            return datetime.fromisoformat(text)
        case {"date": str(text)}:
            return date.fromisoformat(text)
        case {"time": str(text)}:
            return time.fromisoformat(text)
        case _:
            raise ValueError(f"not a value of a trace: {data!r}")


def _real(value: float) -> str:
    if math.isnan(value):
        return "nan"
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    text = repr(value)
    return text if "." in text or "e" in text else f"{text}.0"


def _trim(text: str) -> str:
    head, dot, fraction = text.partition(".")
    return f"{head}.{fraction.rstrip('0')}".rstrip(".") if dot else text
