"""Random values of columns, how SQL writes them, and how an expectation does.

Dates and times are their canonical texts: SQLite has no other form of them, and PostgreSQL reads them as literals.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from itertools import islice
from types import MappingProxyType
from typing import Final, TypeAlias

from simdsl.core.choices import Sampler
from simdsl.plan.expectations import Cell, FixedPoint, Scalar
from simdsl.plan.values import quoted
from simdsl.profiles.profile import ColumnType
from simdsl.profiles.profile import ValueRates as Rates

ColumnValue: TypeAlias = bool | int | float | str | bytes | Decimal | None
ColumnValues: TypeAlias = tuple[ColumnValue, ...]

VARCHAR_LENGTH: Final = 20
"""The length of a VARCHAR."""

INTEGER_TYPES: Final = frozenset({ColumnType.INTEGER, ColumnType.BIGINT, ColumnType.SMALLINT})
TEXT_TYPES: Final = frozenset({ColumnType.TEXT, ColumnType.VARCHAR})
DATETIME_TYPES: Final = frozenset({ColumnType.DATE, ColumnType.TIME, ColumnType.TIMESTAMP})

ORDERED_TYPES: Final = INTEGER_TYPES | DATETIME_TYPES | {ColumnType.REAL, ColumnType.DECIMAL}
"""The types whose order is the same everywhere: texts depend on a collation, blobs and booleans are not always ordered."""


def draw_value(
    sampler: Sampler, of: ColumnType, rates: Rates, rows: Mapping[int, ColumnValues], position: int
) -> ColumnValue:
    """A value of a type, never NULL. A duplicate is one of the values that the rows have at the position."""
    if rows and sampler.chance(rates.duplicate):
        row = next(islice(rows.values(), sampler.below(len(rows)), None))
        value = row[position]
        if value is not None:
            return value
    if of in TEXT_TYPES or of is ColumnType.BLOB:
        return _draw_sized(sampler, of, rates)
    if sampler.chance(rates.zero) and of in _ZEROS:
        return sampler.one_of(_ZEROS[of])
    if sampler.chance(rates.limit) and of in _LIMITS:
        return sampler.one_of(_LIMITS[of])
    return draw_typical(sampler, of)


def draw_typical(sampler: Sampler, of: ColumnType) -> ColumnValue:
    """An everyday value, never NULL."""
    match of:
        case ColumnType.INTEGER | ColumnType.BIGINT | ColumnType.SMALLINT:
            return sampler.below(400) - 100
        case ColumnType.REAL:
            return (sampler.below(2000) - 1000) / 4  # quarters are exact in binary: sums are the same everywhere
        case ColumnType.DECIMAL:
            return Decimal(sampler.below(20_000) - 10_000) / 4
        case ColumnType.BOOLEAN:
            return sampler.below(2) == 1
        case ColumnType.BLOB:
            return bytes(sampler.below(256) for _ in range(1 + sampler.below(4)))
        case ColumnType.DATE:
            return _draw_date(sampler)
        case ColumnType.TIME:
            return _draw_time(sampler)
        case ColumnType.TIMESTAMP:
            return f"{_draw_date(sampler)} {_draw_time(sampler)}"
        case ColumnType.TEXT | ColumnType.VARCHAR:
            return "".join(sampler.one_of(_LETTERS) for _ in range(1 + sampler.below(5)))


def value_literal(value: ColumnValue) -> str:
    """The value as a literal of SQLite and of PostgreSQL."""
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
        case int() | float():
            return repr(value)


def expected_cell(value: ColumnValue) -> Cell:
    """The cell that an expectation compares with the value."""
    match value:
        case float():
            # 3.0 as a plain value would match an integer too, and as a fixed-point one it has no exponent.
            text = repr(value)
            return Scalar(value=value) if "e" in text else FixedPoint(text=text)
        case Decimal():
            # SQLite stores a whole decimal as an integer, and PostgreSQL's 3.00 compares equal to it.
            return Scalar(value=int(value)) if value == value.to_integral_value() else FixedPoint(text=format(value, "f"))
        case None | int() | str() | bytes():
            return Scalar(value=value)


def _draw_sized(sampler: Sampler, of: ColumnType, rates: Rates) -> ColumnValue:
    is_text = of is not ColumnType.BLOB
    if sampler.chance(rates.empty):
        return "" if is_text else b""
    if sampler.chance(rates.long):
        if not is_text:
            return bytes((sampler.below(256),)) * 100
        return sampler.one_of(_LETTERS) * (VARCHAR_LENGTH if of is ColumnType.VARCHAR else 200 + sampler.below(100))
    if is_text and sampler.chance(rates.unicode):
        return sampler.one_of(_LETTERS) + sampler.one_of(_UNICODE)
    return draw_typical(sampler, of)


def _draw_date(sampler: Sampler) -> str:
    return (_FIRST + timedelta(days=sampler.below(9000))).isoformat()


def _draw_time(sampler: Sampler) -> str:
    return f"{sampler.below(24):02}:{sampler.below(60):02}:{sampler.below(60):02}"


_FIRST: Final = date(2001, 1, 1)
_LETTERS: Final = "abcdefgABXYZ 019%_'-"
# Accents composed and decomposed, letters whose case has another length, two to four bytes, right to left, a ligature.
_UNICODE: Final = ("é", "É", "e\u0301", "ß", "İ", "ς", "日本", "😀", "Ω", "א", "ﬁ")

_ZEROS: Final = MappingProxyType[ColumnType, tuple[ColumnValue, ...]](
    {
        ColumnType.INTEGER: (0,),
        ColumnType.BIGINT: (0,),
        ColumnType.SMALLINT: (0,),
        ColumnType.REAL: (0.0, -0.0),
        ColumnType.DECIMAL: (Decimal(0),),
        ColumnType.TIME: ("00:00:00",),
    }
)

# Fractions are exact in binary. The smallest BIGINT is left out: -9223372036854775808 is a negated literal out of range.
_LIMITS: Final = MappingProxyType[ColumnType, tuple[ColumnValue, ...]](
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
