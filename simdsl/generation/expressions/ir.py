"""Typed SQL expressions as data, and how to walk and rebuild them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields, replace
from enum import StrEnum
from typing import Any, Final, TypeAlias

from simdsl.plan.deferred import dataclass, lazy_regex
from simdsl.plan.expectations import ComparisonOperator
from simdsl.plan.values import Value

_NAME: Final = lazy_regex(r"[a-z_][a-z0-9_]*(?:\.[a-z_][a-z0-9_]*)?")


class SqlType(StrEnum):
    """The types that the dialects share without doubt."""

    INTEGER = "integer"  # 64 bits with a sign
    REAL = "real"  # an IEEE double; neither NaN nor infinite
    TEXT = "text"  # Unicode without U+0000, compared by code points
    BOOLEAN = "boolean"
    BLOB = "blob"


class ArithmeticOperator(StrEnum):
    """Arithmetic. Division of integers truncates towards zero, and a remainder has the sign of the dividend."""

    ADD = "+"
    SUBTRACT = "-"
    MULTIPLY = "*"
    DIVIDE = "/"
    REMAINDER = "%"  # of integers only


class Connective(StrEnum):
    """What joins two conditions."""

    AND = "AND"
    OR = "OR"


@dataclass(frozen=True, slots=True, kw_only=True)
class Literal:
    """A value that is written out; None is NULL, of a type like every other."""

    type: SqlType
    value: Value


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnRef:
    """A column ``c`` or ``t.c``, by a name that needs no quotes. ``ValueError`` for another name.

    A ``narrow`` column promises numbers that arithmetic of some depth cannot take out of bounds (see ``reach``).
    """

    name: str
    type: SqlType
    nullable: bool = True
    narrow: bool = False

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"a column needs a plain name, not {self.name!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A variable ``$name`` of the plan. ``narrow`` as of a column."""

    name: str
    type: SqlType
    narrow: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Negate:
    """Unary minus of a number."""

    operand: SqlExpression

    @property
    def type(self) -> SqlType:
        """The number's."""
        return self.operand.type


@dataclass(frozen=True, slots=True, kw_only=True)
class Arithmetic:
    """Two numbers of one type."""

    operator: ArithmeticOperator
    left: SqlExpression
    right: SqlExpression

    @property
    def type(self) -> SqlType:
        """Both operands'."""
        return self.left.type


@dataclass(frozen=True, slots=True, kw_only=True)
class _Condition:
    @property
    def type(self) -> SqlType:
        """A condition is TRUE, FALSE or NULL."""
        return SqlType.BOOLEAN


@dataclass(frozen=True, slots=True, kw_only=True)
class Not(_Condition):
    """NOT of a condition; NULL stays NULL."""

    operand: SqlExpression


@dataclass(frozen=True, slots=True, kw_only=True)
class Compare(_Condition):
    """Two values of one type; NULL if either is NULL. FALSE is less than TRUE."""

    comparison: ComparisonOperator
    left: SqlExpression
    right: SqlExpression


@dataclass(frozen=True, slots=True, kw_only=True)
class IsNull(_Condition):
    """``IS NULL``, or ``IS NOT NULL``; never NULL itself."""

    operand: SqlExpression
    negated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class IsTruth(_Condition):
    """``IS [NOT] TRUE`` or ``IS [NOT] FALSE`` of a condition; never NULL itself."""

    operand: SqlExpression
    truth: bool
    negated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class IsDistinct(_Condition):
    """``IS DISTINCT FROM``, or with ``negated`` ``IS NOT DISTINCT FROM``: NULL is like NULL. Never NULL itself."""

    left: SqlExpression
    right: SqlExpression
    negated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Logic(_Condition):
    """Two conditions joined in three-valued logic."""

    connective: Connective
    left: SqlExpression
    right: SqlExpression


@dataclass(frozen=True, slots=True, kw_only=True)
class Between(_Condition):
    """``operand >= low AND operand <= high``, or its NOT."""

    operand: SqlExpression
    low: SqlExpression
    high: SqlExpression
    negated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class InList(_Condition):
    """Equal to one of ``items``, of which there is at least one; or its NOT."""

    operand: SqlExpression
    items: tuple[SqlExpression, ...]
    negated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Like(_Condition):
    """A text meets a pattern of ``%`` and ``_``. ``ValueError`` for a pattern with a backslash.

    With ``exact`` letters must be the same; else a letter of ASCII is like its other case, and no other letter is.
    """

    operand: SqlExpression
    pattern: str
    exact: bool
    negated: bool = False

    def __post_init__(self) -> None:
        if "\\" in self.pattern or "\0" in self.pattern:
            raise ValueError("a pattern holds no backslash, which escapes in some dialects only, and no U+0000")


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseBranch:
    """One branch of ``CASE``. No expression by itself: ``test`` is a condition of a Case, a value of a Switch."""

    test: SqlExpression
    result: SqlExpression


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchedCase:
    """``CASE WHEN condition THEN ...``: the first branch that is TRUE, else ``otherwise``, else NULL."""

    branches: tuple[CaseBranch, ...]
    otherwise: SqlExpression | None = None

    @property
    def type(self) -> SqlType:
        """Every result's."""
        return self.branches[0].result.type


@dataclass(frozen=True, slots=True, kw_only=True)
class SimpleCase:
    """``CASE subject WHEN value THEN ...``: the first value that is equal; NULL is equal to nothing."""

    subject: SqlExpression
    branches: tuple[CaseBranch, ...]
    otherwise: SqlExpression | None = None

    @property
    def type(self) -> SqlType:
        """Every result's."""
        return self.branches[0].result.type


@dataclass(frozen=True, slots=True, kw_only=True)
class Coalesce:
    """The first of two or more ``items`` that is not NULL."""

    items: tuple[SqlExpression, ...]

    @property
    def type(self) -> SqlType:
        """Every item's."""
        return self.items[0].type


@dataclass(frozen=True, slots=True, kw_only=True)
class NullIf:
    """``left``, or NULL where the two are equal."""

    left: SqlExpression
    right: SqlExpression

    @property
    def type(self) -> SqlType:
        """Both operands'."""
        return self.left.type


@dataclass(frozen=True, slots=True, kw_only=True)
class Cast:
    """Integer to real or text, real to integer (cut off towards zero), boolean to integer: see ``typing.CASTS``."""

    operand: SqlExpression
    type: SqlType


@dataclass(frozen=True, slots=True, kw_only=True)
class Concat:
    """``||`` of two texts; NULL if either is NULL."""

    left: SqlExpression
    right: SqlExpression

    @property
    def type(self) -> SqlType:
        """A text."""
        return SqlType.TEXT


@dataclass(frozen=True, slots=True, kw_only=True)
class Abs:
    """A number without its sign."""

    operand: SqlExpression

    @property
    def type(self) -> SqlType:
        """The number's."""
        return self.operand.type


@dataclass(frozen=True, slots=True, kw_only=True)
class Length:
    """The code points of a text, the bytes of a blob."""

    operand: SqlExpression

    @property
    def type(self) -> SqlType:
        """A count."""
        return SqlType.INTEGER


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeCase:
    """``upper`` or ``lower`` of a text: of letters of ASCII, no others."""

    operand: SqlExpression
    upper: bool

    @property
    def type(self) -> SqlType:
        """A text."""
        return SqlType.TEXT


@dataclass(frozen=True, slots=True, kw_only=True)
class Substring:
    """At most ``count`` code points of a text, from the one numbered ``start``, the first being 1.

    ``ValueError`` for a start below 1 or a count below 0, which mean something else in each dialect.
    """

    operand: SqlExpression
    start: int
    count: int

    def __post_init__(self) -> None:
        if self.start < 1 or self.count < 0:
            raise ValueError(f"substr({self.start}, {self.count}) is not the same everywhere")

    @property
    def type(self) -> SqlType:
        """A text."""
        return SqlType.TEXT


@dataclass(frozen=True, slots=True, kw_only=True)
class Extreme:
    """The greater or the less of two values of one type; NULL if either is NULL.

    PostgreSQL writes each operand twice, so they are better small.
    """

    greatest: bool
    left: SqlExpression
    right: SqlExpression

    @property
    def type(self) -> SqlType:
        """Both operands'."""
        return self.left.type


SqlExpression: TypeAlias = (
    Literal
    | ColumnRef
    | Parameter
    | Negate
    | Arithmetic
    | Not
    | Compare
    | IsNull
    | IsTruth
    | IsDistinct
    | Logic
    | Between
    | InList
    | Like
    | SearchedCase
    | SimpleCase
    | Coalesce
    | NullIf
    | Cast
    | Concat
    | Abs
    | Length
    | ChangeCase
    | Substring
    | Extreme
)

TRUE: Final = Literal(type=SqlType.BOOLEAN, value=True)
FALSE: Final = Literal(type=SqlType.BOOLEAN, value=False)


def operands(expression: SqlExpression) -> tuple[SqlExpression, ...]:
    """The operands, in the order of the fields; a branch of CASE gives its test, then its result."""
    return () if isinstance(expression, (Literal, ColumnRef, Parameter)) else tuple(_operand_fields(expression))


def with_operands(expression: SqlExpression, operands: Sequence[SqlExpression]) -> SqlExpression:
    """The same node over other operands, which come in the order of ``parts``."""
    if isinstance(expression, (Literal, ColumnRef, Parameter)):
        return expression
    made: SqlExpression = _refill(expression, iter(operands))
    return made


def walk(expression: SqlExpression) -> Iterator[SqlExpression]:
    """The expression and everything within, the outer before the inner."""
    yield expression
    for part in operands(expression):
        yield from walk(part)


def _operand_fields(node: Any) -> Iterator[SqlExpression]:
    for field in fields(node):
        value = getattr(node, field.name)
        for item in value if isinstance(value, tuple) else (value,):
            if isinstance(item, CaseBranch):
                yield from (item.test, item.result)
            elif isinstance(item, SqlExpression):
                yield item


def _refill(node: Any, remaining: Iterator[SqlExpression]) -> Any:
    changes: dict[str, Any] = {}
    for field in fields(node):
        value = getattr(node, field.name)
        if isinstance(value, tuple):
            changes[field.name] = tuple(
                _refill(i, remaining) if isinstance(i, CaseBranch) else next(remaining) for i in value
            )
        elif isinstance(value, SqlExpression):
            changes[field.name] = next(remaining)
    return replace(node, **changes)
