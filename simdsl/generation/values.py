"""Values of columns, as SQL writes them and as expectations do.

Dates and times are their canonical texts, for that is how they are written, and what they are in SQLite.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from itertools import islice
from types import MappingProxyType
from typing import Final, TypeAlias

from simdsl.generation.draws import Draws
from simdsl.plan.ir import Cell, Fixed, Scalar
from simdsl.plan.values import quoted
from simdsl.profiles.profile import ColumnType
from simdsl.profiles.profile import Values as Rates

Plain: TypeAlias = bool | int | float | str | bytes | Decimal | None
Row: TypeAlias = tuple[Plain, ...]

VARCHAR: Final = 20
"""How long a VARCHAR is, at most."""

WHOLE: Final = frozenset({ColumnType.INTEGER, ColumnType.BIGINT, ColumnType.SMALLINT})
TEXTS: Final = frozenset({ColumnType.TEXT, ColumnType.VARCHAR})
MOMENTS: Final = frozenset({ColumnType.DATE, ColumnType.TIME, ColumnType.TIMESTAMP})
COMPARED: Final = WHOLE | MOMENTS | {ColumnType.REAL, ColumnType.DECIMAL}
"""The types whose order is the same everywhere."""


def draw_value(draws: Draws, of: ColumnType, rates: Rates, rows: Mapping[int, Row], position: int) -> Plain:
    """A value of a type, never NULL. Duplicates are of those that the rows have at the position."""
    if rows and draws.chance(rates.duplicate):
        row = next(islice(rows.values(), draws.below(len(rows)), None))
        value = row[position]
        if value is not None:
            return value
    if of in TEXTS or of is ColumnType.BLOB:
        return _sized(draws, of, rates)
    if draws.chance(rates.zero) and of in _ZEROS:
        return draws.one_of(_ZEROS[of])
    if draws.chance(rates.limit) and of in _LIMITS:
        return draws.one_of(_LIMITS[of])
    return ordinary(draws, of)


def ordinary(draws: Draws, of: ColumnType) -> Plain:
    """A value at which nothing goes wrong, never NULL."""
    match of:
        case ColumnType.INTEGER | ColumnType.BIGINT | ColumnType.SMALLINT:
            return draws.below(400) - 100
        case ColumnType.REAL:
            return (draws.below(2000) - 1000) / 4
        case ColumnType.DECIMAL:
            return Decimal(draws.below(20_000) - 10_000) / 4
        case ColumnType.BOOLEAN:
            return draws.below(2) == 1
        case ColumnType.BLOB:
            return bytes(draws.below(256) for _ in range(1 + draws.below(4)))
        case ColumnType.DATE:
            return _day(draws)
        case ColumnType.TIME:
            return _clock(draws)
        case ColumnType.TIMESTAMP:
            return f"{_day(draws)} {_clock(draws)}"
        case ColumnType.TEXT | ColumnType.VARCHAR:
            return "".join(draws.one_of(_LETTERS) for _ in range(1 + draws.below(5)))


def literal(value: Plain) -> str:
    """The value as both dialects write it."""
    match value:
        case None:
            return "NULL"
        case bool():
            return "TRUE" if value else "FALSE"
        case str():
            return quoted(value)
        case bytes():
            return f"x'{value.hex()}'"
        case Decimal():
            return format(value, "f")
        case _:
            return repr(value)


def cell(value: Plain) -> Cell:
    """The value as an expectation demands it. A whole decimal is an integer in SQLite, and so it is written."""
    match value:
        case float():
            text = repr(value)
            return Scalar(value=value) if "e" in text else Fixed(text=text)
        case Decimal():
            return Scalar(value=int(value)) if value == value.to_integral_value() else Fixed(text=format(value, "f"))
        case _:
            return Scalar(value=value)


def _sized(draws: Draws, of: ColumnType, rates: Rates) -> Plain:
    is_text = of is not ColumnType.BLOB
    if draws.chance(rates.empty):
        return "" if is_text else b""
    if draws.chance(rates.long):
        if not is_text:
            return bytes((draws.below(256),)) * 100
        return draws.one_of(_LETTERS) * (VARCHAR if of is ColumnType.VARCHAR else 200 + draws.below(100))
    if is_text and draws.chance(rates.unicode):
        return draws.one_of(_LETTERS) + draws.one_of(_UNICODE)
    return ordinary(draws, of)


def _day(draws: Draws) -> str:
    return (_FIRST + timedelta(days=draws.below(9000))).isoformat()


def _clock(draws: Draws) -> str:
    return f"{draws.below(24):02}:{draws.below(60):02}:{draws.below(60):02}"


_FIRST: Final = date(2001, 1, 1)
_LETTERS: Final = "abcdefgABXYZ 019%_'-"
_UNICODE: Final = ("é", "É", "e\u0301", "ß", "İ", "ς", "日本", "😀", "Ω", "א", "ﬁ")
_ZEROS: Final = MappingProxyType[ColumnType, tuple[Plain, ...]](
    {
        ColumnType.INTEGER: (0,),
        ColumnType.BIGINT: (0,),
        ColumnType.SMALLINT: (0,),
        ColumnType.REAL: (0.0, -0.0),
        ColumnType.DECIMAL: (Decimal(0),),
        ColumnType.TIME: ("00:00:00",),
    }
)
# The fractions are those that a binary number has, and the smallest BIGINT is left out, which is no literal everywhere.
_LIMITS: Final = MappingProxyType[ColumnType, tuple[Plain, ...]](
    {
        ColumnType.INTEGER: (2**31 - 1, -(2**31)),
        ColumnType.BIGINT: (2**63 - 1, -(2**63) + 1),
        ColumnType.SMALLINT: (2**15 - 1, -(2**15)),
        ColumnType.REAL: (1e300, -1e300, 1e-200),
        ColumnType.DECIMAL: (Decimal("9999999999.75"), Decimal("-9999999999.75")),
        ColumnType.DATE: ("0001-01-01", "9999-12-31"),
        ColumnType.TIME: ("23:59:59",),
        ColumnType.TIMESTAMP: ("0001-01-01 00:00:00", "9999-12-31 23:59:59"),
    }
)
