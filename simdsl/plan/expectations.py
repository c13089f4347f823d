"""Expectations: what a step's outcome must be. An expectation is a tuple of alternatives, in the order of the text."""

from __future__ import annotations

from enum import StrEnum
from typing import TypeAlias

from simdsl.plan.deferred import dataclass
from simdsl.plan.outcomes import ErrorClass
from simdsl.plan.sql import Variable


@dataclass(frozen=True, slots=True, kw_only=True)
class Scalar:
    """A cell that is written as a plain value: NULL, true, 3, 1e3, nan, 'x', x'00ff'."""

    value: bool | int | float | str | bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FixedPoint:
    """``3.0``: matches a decimal or a real of that value, never an integer."""

    text: str


class LiteralType(StrEnum):
    """The kinds of value that a typed cell may demand."""

    DATE = "date"
    TIME = "time"
    TIMESTAMP = "timestamp"
    DECIMAL = "decimal"


@dataclass(frozen=True, slots=True, kw_only=True)
class TypedLiteral:
    """``date '2026-01-31'``: matches that value of that kind only."""

    kind: LiteralType
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Wildcard:
    """``_``: matches every value, NULL too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """``?x``: matches every value and binds it; a second ``?x`` in the same expectation matches that value only."""

    name: str


Cell: TypeAlias = Scalar | FixedPoint | TypedLiteral | Wildcard | Binding | Variable


CellRow: TypeAlias = tuple[Cell, ...]


class CountUnit(StrEnum):
    """What a count counts."""

    ROWS = "rows"
    AFFECTED = "affected"
    COLUMNS = "columns"


class ComparisonOperator(StrEnum):
    """The comparisons of counts and of ``check``."""

    EQ = "="
    NE = "!="
    LT = "<"
    LE = "<="
    GT = ">"
    GE = ">="


class RowOrder(StrEnum):
    """An order that the plan demands, whether or not the statement has an ORDER BY."""

    IN_ORDER = "in order"
    ANY_ORDER = "in any order"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ok:
    """``ok``: no error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """``3 affected``, ``>= 2 rows``, ``2 columns``; ``empty`` is ``0 rows``. Never uses ``NE``."""

    what: CountUnit
    comparison: ComparisonOperator
    n: int | Variable


@dataclass(frozen=True, slots=True, kw_only=True)
class ExactRows:
    """Exactly these rows, one at least; ordered if the statement is, or if ``order`` says so."""

    rows: tuple[CellRow, ...]
    order: RowOrder | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Contains:
    """These rows are a sub-bag of the result."""

    rows: tuple[CellRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Excludes:
    """None of these rows occurs in the result."""

    rows: tuple[CellRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SameAs:
    """The same bag of rows, or an error of the same class, as the step with this label gave."""

    label: str
    order: RowOrder | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedError:
    """``error [CLASS | SQLSTATE | native N] [/regex/]``. At most one of the first three is set."""

    error_class: ErrorClass | None = None
    sqlstate: str | None = None
    native: int | None = None
    regex: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocks:
    """The statement waits for another session, or the checkout for the pool."""


Alternative: TypeAlias = Ok | Count | ExactRows | Contains | Excludes | SameAs | ExpectedError | Blocks


Expectation: TypeAlias = tuple[Alternative, ...]


# Fast path of the constructors: see `simdsl.plan.sql.fast_sql` for the reason and the figures.


def fast_scalar(value: int | str) -> Scalar:
    """A ``Scalar`` that is an integer or a text."""
    made = _ScalarDraft()
    made.value = value
    made.__class__ = Scalar  # type: ignore[assignment]
    return made  # type: ignore[return-value]


def fast_exact_rows(rows: tuple[CellRow, ...], order: RowOrder | None) -> ExactRows:
    """An ``ExactRows``."""
    made = _ExactRowsDraft()
    made.rows = rows
    made.order = order
    made.__class__ = ExactRows  # type: ignore[assignment]
    return made  # type: ignore[return-value]


class _ScalarDraft:
    __slots__ = ("value",)
    value: int | str


class _ExactRowsDraft:
    __slots__ = ("order", "rows")
    rows: tuple[CellRow, ...]
    order: RowOrder | None
