"""Expressions of ``check:``."""

from __future__ import annotations

from enum import StrEnum
from typing import TypeAlias

from simdsl.plan.deferred import dataclass
from simdsl.plan.expectations import FixedPoint, Scalar, TypedLiteral
from simdsl.plan.outcomes import ErrorClass
from simdsl.plan.sql import Variable


class ResultFunction(StrEnum):
    """What ``check`` may ask of a labelled result."""

    ROWS = "rows"  # the number of rows
    COLUMNS = "columns"
    AFFECTED = "affected"
    VALUE = "value"  # the only cell
    ERROR = "error"  # the name of the error class as text, or NULL
    BAG = "bag"
    SET = "set"


class PoolCounter(StrEnum):
    """What ``check`` may ask of a pool."""

    SIZE = "size"
    IDLE = "idle"
    BUSY = "busy"
    WAITING = "waiting"


class BinaryOperator(StrEnum):
    """Binary operators. On bags, ``+`` is the bag union and ``-`` the bag difference."""

    OR = "or"
    AND = "and"
    EQ = "="
    NE = "!="
    LT = "<"
    LE = "<="
    GT = ">"
    GE = ">="
    SUBSET = "subset of"
    ADD = "+"
    SUB = "-"
    MUL = "*"
    DIV = "/"
    MOD = "%"


@dataclass(frozen=True, slots=True, kw_only=True)
class Constant:
    """A literal in an expression; its cell is a ``Scalar``, ``FixedPoint`` or ``TypedLiteral``."""

    cell: Scalar | FixedPoint | TypedLiteral


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultReference:
    """``rows(label)`` and the other functions of a labelled result."""

    function: ResultFunction
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultSlice:
    """``slice(label, offset, n)``: a bag of the rows offset .. offset+n-1 of a labelled result, in the order received."""

    label: str
    offset: Expression
    n: Expression


class ScalarFunction(StrEnum):
    """Functions of values. ``min`` and ``max`` skip NULL; ``coalesce`` gives the first that is not NULL."""

    MIN = "min"
    MAX = "max"
    COALESCE = "coalesce"
    ABS = "abs"


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionCall:
    """A scalar function over one or more expressions; ``abs`` takes exactly one."""

    function: ScalarFunction
    arguments: tuple[Expression, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolReference:
    """``pool.main.idle``."""

    pool: str
    count: PoolCounter


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorCount:
    """``errors.busy``: how many steps of this run, setup excluded, ended with an error of this class."""

    error_class: ErrorClass


@dataclass(frozen=True, slots=True, kw_only=True)
class VirtualNow:
    """``now``: the virtual time in microseconds since the run began."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogicalNot:
    """Logical negation."""

    operand: Expression


@dataclass(frozen=True, slots=True, kw_only=True)
class UnaryMinus:
    """Arithmetic negation."""

    operand: Expression


@dataclass(frozen=True, slots=True, kw_only=True)
class BinaryOperation:
    """Two operands under an operator, two-valued: ``NULL = NULL`` holds, NULL under ``<`` fails the check."""

    operator: BinaryOperator
    left: Expression
    right: Expression


Expression: TypeAlias = (
    Constant
    | Variable
    | ResultReference
    | ResultSlice
    | FunctionCall
    | PoolReference
    | ErrorCount
    | VirtualNow
    | LogicalNot
    | UnaryMinus
    | BinaryOperation
)
