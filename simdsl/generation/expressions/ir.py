"""The vocabulary of expressions: a closed union of frozen nodes, each of which knows its type.

What is here means the same in SQLite and in PostgreSQL, or is not here: no number is mixed with one of another type, no
text is cast to a number, a pattern of LIKE has no backslash, ``substr`` begins at 1 or later. What still may fail or
differ, such as an overflow, is for ``evaluation.Undefined`` to say. docs/adr/0029 lists what was left out.

Nothing checks the types of operands when a node is made, for that would cost more than drawing it: ``typing`` does.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final, TypeAlias

from simdsl.plan.dataclasses import dataclass
from simdsl.plan.ir import Comparison
from simdsl.plan.values import Value

_NAME: Final = re.compile(r"[a-z_][a-z0-9_]*(?:\.[a-z_][a-z0-9_]*)?")


class SqlType(StrEnum):
    """The types that the dialects share without doubt."""

    INTEGER = "integer"  # 64 bits with a sign
    REAL = "real"  # an IEEE double; neither NaN nor infinite
    TEXT = "text"  # Unicode without U+0000, compared by code points
    BOOLEAN = "boolean"
    BLOB = "blob"


class Operator(StrEnum):
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
class Column:
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

    operand: Expression

    @property
    def type(self) -> SqlType:
        """The number's."""
        return self.operand.type


@dataclass(frozen=True, slots=True, kw_only=True)
class Arithmetic:
    """Two numbers of one type."""

    operator: Operator
    left: Expression
    right: Expression

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

    operand: Expression


@dataclass(frozen=True, slots=True, kw_only=True)
class Compare(_Condition):
    """Two values of one type; NULL if either is NULL. FALSE is less than TRUE."""

    comparison: Comparison
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True, kw_only=True)
class IsNull(_Condition):
    """``IS NULL``, or ``IS NOT NULL``; never NULL itself."""

    operand: Expression
    negated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class IsTruth(_Condition):
    """``IS [NOT] TRUE`` or ``IS [NOT] FALSE`` of a condition; never NULL itself."""

    operand: Expression
    truth: bool
    negated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Distinct(_Condition):
    """``IS DISTINCT FROM``, or with ``negated`` ``IS NOT DISTINCT FROM``: NULL is like NULL. Never NULL itself."""

    left: Expression
    right: Expression
    negated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Logic(_Condition):
    """Two conditions joined in three-valued logic."""

    connective: Connective
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True, kw_only=True)
class Between(_Condition):
    """``operand >= low AND operand <= high``, or its NOT."""

    operand: Expression
    low: Expression
    high: Expression
    negated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class In(_Condition):
    """Equal to one of ``items``, of which there is at least one; or its NOT."""

    operand: Expression
    items: tuple[Expression, ...]
    negated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Like(_Condition):
    """A text meets a pattern of ``%`` and ``_``. ``ValueError`` for a pattern with a backslash.

    With ``exact`` letters must be the same; else a letter of ASCII is like its other case, and no other letter is.
    """

    operand: Expression
    pattern: str
    exact: bool
    negated: bool = False

    def __post_init__(self) -> None:
        if "\\" in self.pattern or "\0" in self.pattern:
            raise ValueError("a pattern holds no backslash, which escapes in some dialects only, and no U+0000")


@dataclass(frozen=True, slots=True, kw_only=True)
class When:
    """One branch of ``CASE``. No expression by itself: ``test`` is a condition of a Case, a value of a Switch."""

    test: Expression
    result: Expression


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """``CASE WHEN condition THEN ...``: the first branch that is TRUE, else ``otherwise``, else NULL."""

    branches: tuple[When, ...]
    otherwise: Expression | None = None

    @property
    def type(self) -> SqlType:
        """Every result's."""
        return self.branches[0].result.type


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch:
    """``CASE subject WHEN value THEN ...``: the first value that is equal; NULL is equal to nothing."""

    subject: Expression
    branches: tuple[When, ...]
    otherwise: Expression | None = None

    @property
    def type(self) -> SqlType:
        """Every result's."""
        return self.branches[0].result.type


@dataclass(frozen=True, slots=True, kw_only=True)
class Coalesce:
    """The first of two or more ``items`` that is not NULL."""

    items: tuple[Expression, ...]

    @property
    def type(self) -> SqlType:
        """Every item's."""
        return self.items[0].type


@dataclass(frozen=True, slots=True, kw_only=True)
class NullIf:
    """``left``, or NULL where the two are equal."""

    left: Expression
    right: Expression

    @property
    def type(self) -> SqlType:
        """Both operands'."""
        return self.left.type


@dataclass(frozen=True, slots=True, kw_only=True)
class Cast:
    """Integer to real or text, real to integer (cut off towards zero), boolean to integer: see ``typing.CASTS``."""

    operand: Expression
    type: SqlType


@dataclass(frozen=True, slots=True, kw_only=True)
class Concat:
    """``||`` of two texts; NULL if either is NULL."""

    left: Expression
    right: Expression

    @property
    def type(self) -> SqlType:
        """A text."""
        return SqlType.TEXT


@dataclass(frozen=True, slots=True, kw_only=True)
class Abs:
    """A number without its sign."""

    operand: Expression

    @property
    def type(self) -> SqlType:
        """The number's."""
        return self.operand.type


@dataclass(frozen=True, slots=True, kw_only=True)
class Length:
    """The code points of a text, the bytes of a blob."""

    operand: Expression

    @property
    def type(self) -> SqlType:
        """A count."""
        return SqlType.INTEGER


@dataclass(frozen=True, slots=True, kw_only=True)
class Fold:
    """``upper`` or ``lower`` of a text: of letters of ASCII, no others."""

    operand: Expression
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

    operand: Expression
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
    left: Expression
    right: Expression

    @property
    def type(self) -> SqlType:
        """Both operands'."""
        return self.left.type


Expression: TypeAlias = (
    Literal
    | Column
    | Parameter
    | Negate
    | Arithmetic
    | Not
    | Compare
    | IsNull
    | IsTruth
    | Distinct
    | Logic
    | Between
    | In
    | Like
    | Case
    | Switch
    | Coalesce
    | NullIf
    | Cast
    | Concat
    | Abs
    | Length
    | Fold
    | Substring
    | Extreme
)

TRUE: Final = Literal(type=SqlType.BOOLEAN, value=True)
FALSE: Final = Literal(type=SqlType.BOOLEAN, value=False)
