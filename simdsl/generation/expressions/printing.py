"""Expressions as SQL text: what all dialects write alike, and who writes the rest.

The text is that of a plan: a parameter is ``$name``. There are as few parentheses as are needed where dialects rank
operators differently: a condition is never an operand of a comparison without them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from enum import IntEnum
from types import MappingProxyType
from typing import Final, NamedTuple, TypeAlias, assert_never

from simdsl.generation.expressions.ir import (
    Abs,
    Arithmetic,
    Between,
    Case,
    Cast,
    Coalesce,
    Column,
    Compare,
    Concat,
    Connective,
    Distinct,
    Expression,
    Extreme,
    Fold,
    In,
    IsNull,
    IsTruth,
    Length,
    Like,
    Literal,
    Logic,
    Negate,
    Not,
    NullIf,
    Operator,
    Parameter,
    SqlType,
    Substring,
    Switch,
)
from simdsl.plan.ir import Comparison
from simdsl.plan.values import Value


class Rank(IntEnum):
    """How tightly a text holds together. An operand that ranks too low stands in parentheses."""

    OR = 1
    AND = 2
    NOT = 3
    CONDITION = 4  # a comparison, IS, LIKE, BETWEEN, IN
    SUM = 5
    PRODUCT = 6
    CONCAT = 7
    SIGN = 8
    ATOM = 9


Printed: TypeAlias = tuple[str, Rank]
"""A text and what its top operator is. No named tuple: making those would be a fifth of printing."""


class Bound(NamedTuple):
    """A text in which literals became variables, and their values by name."""

    text: str
    values: Mapping[str, Value]


class Printer(ABC):
    """Writes one dialect. It keeps nothing, so one serves everybody."""

    def text(self, expression: Expression) -> str:
        """The SQL of an expression."""
        return self._printed(expression, None, "")[0]

    def bound_text(self, expression: Expression, prefix: str) -> Bound:
        """The SQL with ``$prefix1``, ``$prefix2`` ... in place of literals that are not NULL, TRUE or FALSE."""
        values: dict[str, Value] = {}
        return Bound(self._printed(expression, values, prefix)[0], values)

    @abstractmethod
    def literal(self, value: Value, of: SqlType) -> Printed:
        """A value, of a type that the text makes plain where the dialect would guess another."""

    @abstractmethod
    def parameter(self, name: str, of: SqlType) -> str:
        """A variable, which ranks as an atom."""

    @abstractmethod
    def cast(self, text: str, source: SqlType, target: SqlType) -> str:
        """A cast, which ranks as an atom."""

    @abstractmethod
    def distinct(self, left: str, right: str, *, negated: bool) -> str:
        """IS [NOT] DISTINCT FROM."""

    @abstractmethod
    def like(self, text: str, node: Like) -> str:
        """A text and a pattern."""

    @abstractmethod
    def length(self, text: str) -> str:
        """A count, which ranks as an atom."""

    @abstractmethod
    def extreme(self, left: str, right: str, *, greatest: bool) -> str:
        """The greater or the less of two, which ranks as an atom. The operands are texts that may be operands of ``=``."""

    def _printed(self, expression: Expression, values: dict[str, Value] | None, prefix: str) -> Printed:
        def within(part: Expression, least: Rank) -> str:
            text, rank = self._printed(part, values, prefix)
            return text if rank >= least else f"({text})"

        def operand(part: Expression) -> str:
            return within(part, Rank.SUM)

        def argument(part: Expression) -> str:
            return self._printed(part, values, prefix)[0]

        match expression:
            case Literal(value=value, type=of):
                if values is None or value is None or of is SqlType.BOOLEAN:
                    return self.literal(value, of)
                name = f"{prefix}{len(values) + 1}"
                values[name] = value
                return (self.parameter(name, of), Rank.ATOM)
            case Column():
                return (expression.name, Rank.ATOM)
            case Parameter():
                return (self.parameter(expression.name, expression.type), Rank.ATOM)
            case Compare(left=left, right=right):
                return _condition(f"{operand(left)} {_SIGNS[expression.comparison]} {operand(right)}")
            case Logic(connective=connective, left=left, right=right):
                rank, next_rank = _CONNECTIVES[connective]
                return (f"{within(left, rank)} {connective} {within(right, next_rank)}", rank)
            case Not():
                return (f"NOT {within(expression.operand, Rank.CONDITION)}", Rank.NOT)
            case Arithmetic(operator=operator, left=left, right=right):
                rank, next_rank = _OPERATORS[operator]
                return (f"{within(left, rank)} {operator} {within(right, next_rank)}", rank)
            case Negate():
                return (f"-{within(expression.operand, Rank.ATOM)}", Rank.SIGN)
            case Abs():
                return _atom(f"abs({argument(expression.operand)})")
            case IsNull(negated=negated):
                return _condition(f"{operand(expression.operand)} IS {'NOT ' if negated else ''}NULL")
            case IsTruth(truth=truth, negated=negated):
                said = f"IS {'NOT ' if negated else ''}{'TRUE' if truth else 'FALSE'}"
                return _condition(f"{operand(expression.operand)} {said}")
            case Distinct(left=left, right=right):
                return _condition(self.distinct(operand(left), operand(right), negated=expression.negated))
            case Between(low=low, high=high, negated=negated):
                said = f"{operand(expression.operand)}{' NOT' if negated else ''} BETWEEN"
                return _condition(f"{said} {operand(low)} AND {operand(high)}")
            case In(items=items, negated=negated):
                listed = ", ".join(map(argument, items))
                return _condition(f"{operand(expression.operand)}{' NOT' if negated else ''} IN ({listed})")
            case Like():
                return _condition(self.like(operand(expression.operand), expression))
            case Case() | Switch():
                subject = f" {operand(expression.subject)}" if isinstance(expression, Switch) else ""
                branches = "".join(f" WHEN {argument(b.test)} THEN {argument(b.result)}" for b in expression.branches)
                otherwise = "" if expression.otherwise is None else f" ELSE {argument(expression.otherwise)}"
                return _atom(f"CASE{subject}{branches}{otherwise} END")
            case Coalesce(items=items):
                return _atom(f"coalesce({', '.join(map(argument, items))})")
            case NullIf(left=left, right=right):
                return _atom(f"nullif({argument(left)}, {argument(right)})")
            case Extreme(left=left, right=right):
                return _atom(self.extreme(operand(left), operand(right), greatest=expression.greatest))
            case Cast(operand=part):
                return _atom(self.cast(argument(part), part.type, expression.type))
            case Concat(left=left, right=right):
                return (f"{within(left, Rank.CONCAT)} || {within(right, Rank.SIGN)}", Rank.CONCAT)
            case Length():
                return _atom(self.length(argument(expression.operand)))
            case Fold(upper=upper):
                return _atom(f"{'upper' if upper else 'lower'}({argument(expression.operand)})")
            case Substring(start=start, count=count):
                return _atom(f"substr({argument(expression.operand)}, {start}, {count})")
            case _:
                assert_never(expression)


def _condition(text: str) -> Printed:
    return (text, Rank.CONDITION)


def _atom(text: str) -> Printed:
    return (text, Rank.ATOM)


# The rank of what is printed, and so the least of the operand on the left; the least of the one on the right.
_CONNECTIVES: Final = MappingProxyType({Connective.AND: (Rank.AND, Rank.NOT), Connective.OR: (Rank.OR, Rank.AND)})
_OPERATORS: Final = MappingProxyType(
    {
        **dict.fromkeys((Operator.ADD, Operator.SUBTRACT), (Rank.SUM, Rank.PRODUCT)),
        **dict.fromkeys((Operator.MULTIPLY, Operator.DIVIDE, Operator.REMAINDER), (Rank.PRODUCT, Rank.CONCAT)),
    }
)
_SIGNS: Final = MappingProxyType({one: "<>" if one is Comparison.NE else one.value for one in Comparison})
