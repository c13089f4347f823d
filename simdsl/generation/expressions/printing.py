"""Expressions as SQL text: what all dialects share, a printer for each dialect, and texts in both dialects at once.

The text is that of a plan: a parameter is ``$name``. There are as few parentheses as are needed where dialects rank
operators differently: a condition is never an operand of a comparison without them."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from enum import IntEnum
from types import MappingProxyType
from typing import Final, NamedTuple, TypeAlias, assert_never

from simdsl.generation.expressions.ir import (
    Abs,
    Arithmetic,
    ArithmeticOperator,
    Between,
    Cast,
    ChangeCase,
    Coalesce,
    ColumnRef,
    Compare,
    Concat,
    Connective,
    Extreme,
    InList,
    IsDistinct,
    IsNull,
    IsTruth,
    Length,
    Like,
    Literal,
    Logic,
    Negate,
    Not,
    NullIf,
    Parameter,
    SearchedCase,
    SimpleCase,
    SqlExpression,
    SqlType,
    Substring,
)
from simdsl.plan.deferred import dataclass
from simdsl.plan.expectations import ComparisonOperator
from simdsl.plan.sql import Dialect
from simdsl.plan.values import INT64_MIN, Value, literal, quoted


class Precedence(IntEnum):
    """How tightly the top operator of a text binds. An operand that binds less than it must is put in parentheses."""

    OR = 1
    AND = 2
    NOT = 3
    CONDITION = 4  # a comparison, IS, LIKE, BETWEEN, IN
    SUM = 5
    PRODUCT = 6
    CONCAT = 7
    SIGN = 8
    ATOM = 9


Printed: TypeAlias = tuple[str, Precedence]
"""A text and the precedence of its top operator. No named tuple: making those would be a fifth of printing."""


class ParameterizedText(NamedTuple):
    """A text in which literals became variables, and their values by name."""

    text: str
    values: Mapping[str, Value]


class Printer(ABC):
    """Prints expressions in one dialect. It has no state, so one instance serves all."""

    def text(self, expression: SqlExpression) -> str:
        """The SQL of an expression."""
        return self._printed(expression, None, "")[0]

    def bound_text(self, expression: SqlExpression, prefix: str) -> ParameterizedText:
        """The SQL with ``$prefix1``, ``$prefix2`` ... in place of literals that are not NULL, TRUE or FALSE."""
        values: dict[str, Value] = {}
        return ParameterizedText(self._printed(expression, values, prefix)[0], values)

    @abstractmethod
    def literal(self, value: Value, of: SqlType) -> Printed:
        """A value. The text states its type where the dialect would infer another one."""

    @abstractmethod
    def parameter(self, name: str, of: SqlType) -> str:
        """A variable, which binds as an atom."""

    @abstractmethod
    def cast(self, text: str, source: SqlType, target: SqlType) -> str:
        """A cast, which binds as an atom."""

    @abstractmethod
    def distinct(self, left: str, right: str, *, negated: bool) -> str:
        """IS [NOT] DISTINCT FROM."""

    @abstractmethod
    def like(self, text: str, node: Like) -> str:
        """A text and a pattern."""

    @abstractmethod
    def length(self, text: str) -> str:
        """A length, which binds as an atom."""

    @abstractmethod
    def extreme(self, left: str, right: str, *, greatest: bool) -> str:
        """The greater or the lesser of two, which binds as an atom. The operands are texts that may be operands of ``=``."""

    def _printed(self, expression: SqlExpression, values: dict[str, Value] | None, prefix: str) -> Printed:
        def within(part: SqlExpression, least: Precedence) -> str:
            text, rank = self._printed(part, values, prefix)
            return text if rank >= least else f"({text})"

        # An operand of a comparison. Dialects rank comparisons, IS and LIKE differently, so one never stands in another.
        def operand(part: SqlExpression) -> str:
            return within(part, Precedence.SUM)

        def argument(part: SqlExpression) -> str:
            return self._printed(part, values, prefix)[0]

        match expression:
            case Literal(value=value, type=of):
                if values is None or value is None or of is SqlType.BOOLEAN:
                    return self.literal(value, of)
                name = f"{prefix}{len(values) + 1}"
                values[name] = value
                return (self.parameter(name, of), Precedence.ATOM)
            case ColumnRef():
                return (expression.name, Precedence.ATOM)
            case Parameter():
                return (self.parameter(expression.name, expression.type), Precedence.ATOM)
            case Compare(left=left, right=right):
                return _condition(f"{operand(left)} {_SIGNS[expression.comparison]} {operand(right)}")
            case Logic(connective=connective, left=left, right=right):
                rank, next_rank = _CONNECTIVES[connective]
                return (f"{within(left, rank)} {connective} {within(right, next_rank)}", rank)
            case Not():
                return (f"NOT {within(expression.operand, Precedence.CONDITION)}", Precedence.NOT)
            case Arithmetic(operator=operator, left=left, right=right):
                rank, next_rank = _OPERATORS[operator]
                return (f"{within(left, rank)} {operator} {within(right, next_rank)}", rank)
            case Negate():
                return (f"-{within(expression.operand, Precedence.ATOM)}", Precedence.SIGN)
            case Abs():
                return _atom(f"abs({argument(expression.operand)})")
            case IsNull(negated=negated):
                return _condition(f"{operand(expression.operand)} IS {'NOT ' if negated else ''}NULL")
            case IsTruth(truth=truth, negated=negated):
                test = f"IS {'NOT ' if negated else ''}{'TRUE' if truth else 'FALSE'}"
                return _condition(f"{operand(expression.operand)} {test}")
            case IsDistinct(left=left, right=right):
                return _condition(self.distinct(operand(left), operand(right), negated=expression.negated))
            case Between(low=low, high=high, negated=negated):
                test = f"{operand(expression.operand)}{' NOT' if negated else ''} BETWEEN"
                return _condition(f"{test} {operand(low)} AND {operand(high)}")
            case InList(items=items, negated=negated):
                listed = ", ".join(map(argument, items))
                return _condition(f"{operand(expression.operand)}{' NOT' if negated else ''} IN ({listed})")
            case Like():
                return _condition(self.like(operand(expression.operand), expression))
            case SearchedCase() | SimpleCase():
                subject = f" {operand(expression.subject)}" if isinstance(expression, SimpleCase) else ""
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
                return (f"{within(left, Precedence.CONCAT)} || {within(right, Precedence.SIGN)}", Precedence.CONCAT)
            case Length():
                return _atom(self.length(argument(expression.operand)))
            case ChangeCase(upper=upper):
                return _atom(f"{'upper' if upper else 'lower'}({argument(expression.operand)})")
            case Substring(start=start, count=count):
                return _atom(f"substr({argument(expression.operand)}, {start}, {count})")
            case _:
                assert_never(expression)


def _condition(text: str) -> Printed:
    return (text, Precedence.CONDITION)


def _atom(text: str) -> Printed:
    return (text, Precedence.ATOM)


# The precedence of the result, which is also the least for the operand on the left, and the least for that on the right:
# one more, for the operators group from the left.
_CONNECTIVES: Final = MappingProxyType(
    {Connective.AND: (Precedence.AND, Precedence.NOT), Connective.OR: (Precedence.OR, Precedence.AND)}
)

_OPERATORS: Final = MappingProxyType(
    {
        **dict.fromkeys((ArithmeticOperator.ADD, ArithmeticOperator.SUBTRACT), (Precedence.SUM, Precedence.PRODUCT)),
        **dict.fromkeys(
            (ArithmeticOperator.MULTIPLY, ArithmeticOperator.DIVIDE, ArithmeticOperator.REMAINDER),
            (Precedence.PRODUCT, Precedence.CONCAT),
        ),
    }
)

_SIGNS: Final = MappingProxyType({one: "<>" if one is ComparisonOperator.NE else one.value for one in ComparisonOperator})


class SqlitePrinter(Printer):
    """Types are those of the values. ``IS`` is IS NOT DISTINCT FROM, LIKE folds ASCII, GLOB does not."""

    def literal(self, value: Value, of: SqlType) -> Printed:
        """See ``Printer``. A boolean is a word for 1 or 0."""
        if isinstance(value, bool):
            return ("TRUE" if value else "FALSE", Precedence.ATOM)
        if value == INT64_MIN and of is SqlType.INTEGER:
            # Without the sign the digits are a real, and the sign is an operator that is applied to it.
            return (f"({INT64_MIN + 1} - 1)", Precedence.ATOM)
        text = literal(value)
        return (text, Precedence.SIGN if text.startswith("-") else Precedence.ATOM)

    def parameter(self, name: str, of: SqlType) -> str:
        """See ``Printer``."""
        return f"${name}"

    def cast(self, text: str, source: SqlType, target: SqlType) -> str:
        """See ``Printer``. A boolean is an integer, and stays one."""
        return f"CAST({text} AS {_SQLITE_TYPES[target]})"

    def distinct(self, left: str, right: str, *, negated: bool) -> str:
        """See ``Printer``."""
        return f"{left} IS {'' if negated else 'NOT '}{right}"

    def like(self, text: str, node: Like) -> str:
        """See ``Printer``. What GLOB would take for a wildcard stands between brackets."""
        # LIKE of SQLite ignores the case of ASCII letters, GLOB does not.
        word = "GLOB" if node.exact else "LIKE"
        pattern = "".join(_GLOB.get(letter, letter) for letter in node.pattern) if node.exact else node.pattern
        return f"{text} {'NOT ' if node.negated else ''}{word} {quoted(pattern)}"

    def length(self, text: str) -> str:
        """See ``Printer``."""
        return f"length({text})"

    def extreme(self, left: str, right: str, *, greatest: bool) -> str:
        """See ``Printer``. With two arguments max and min are scalar functions."""
        return f"{'max' if greatest else 'min'}({left}, {right})"


_SQLITE_TYPES: Final = {
    SqlType.INTEGER: "INTEGER",
    SqlType.REAL: "REAL",
    SqlType.TEXT: "TEXT",
    SqlType.BOOLEAN: "BOOLEAN",
    SqlType.BLOB: "BLOB",
}

_GLOB: Final = {"%": "*", "_": "?", "*": "[*]", "?": "[?]", "[": "[[]"}


class PostgresPrinter(Printer):
    """Integers are BIGINT, reals DOUBLE PRECISION, blobs BYTEA. ILIKE folds ASCII alone where the locale is C."""

    def literal(self, value: Value, of: SqlType) -> Printed:
        """See ``Printer``."""
        match value:
            case None:
                return (f"NULL::{_POSTGRES_TYPES[of]}", Precedence.ATOM)
            case bool():
                return ("TRUE" if value else "FALSE", Precedence.ATOM)
            case int() if value == INT64_MIN:
                return (f"'{value}'::bigint", Precedence.ATOM)  # the sign binds less than the cast
            case int() | float():
                is_negative = math.copysign(1, value) < 0
                return (f"{literal(value)}::{_POSTGRES_TYPES[of]}", Precedence.SIGN if is_negative else Precedence.ATOM)
            case bytes():
                return (f"'\\x{value.hex()}'::bytea", Precedence.ATOM)
            case _:  # a text; dates and decimals are no literals of expressions
                return (literal(value), Precedence.ATOM)

    def parameter(self, name: str, of: SqlType) -> str:
        """See ``Printer``."""
        return f"${name}::{_POSTGRES_TYPES[of]}"

    def cast(self, text: str, source: SqlType, target: SqlType) -> str:
        """See ``Printer``. A cast of a real would round; of a boolean there is one to 32 bits only."""
        if source is SqlType.REAL:
            text = f"trunc({text})"
        if source is SqlType.BOOLEAN:
            text = f"CAST({text} AS integer)"
        return f"CAST({text} AS {_POSTGRES_TYPES[target]})"

    def distinct(self, left: str, right: str, *, negated: bool) -> str:
        """See ``Printer``."""
        return f"{left} IS {'NOT ' if negated else ''}DISTINCT FROM {right}"

    def like(self, text: str, node: Like) -> str:
        """See ``Printer``."""
        return f"{text} {'NOT ' if node.negated else ''}{'LIKE' if node.exact else 'ILIKE'} {quoted(node.pattern)}"

    def length(self, text: str) -> str:
        """See ``Printer``. The function's own result has 32 bits, and sums of it would leave them."""
        return f"length({text})::bigint"

    def extreme(self, left: str, right: str, *, greatest: bool) -> str:
        """See ``Printer``. GREATEST and LEAST would pass over NULL."""
        # Neither test holds with a NULL, so the CASE is NULL, as SQLite's max and min are.
        first, second = (">=", "<") if greatest else ("<=", ">")
        return f"CASE WHEN {left} {first} {right} THEN {left} WHEN {left} {second} {right} THEN {right} END"


_POSTGRES_TYPES: Final = {
    SqlType.INTEGER: "bigint",
    SqlType.REAL: "double precision",
    SqlType.TEXT: "text",
    SqlType.BOOLEAN: "boolean",
    SqlType.BLOB: "bytea",
}

PRINTERS: Final = MappingProxyType({Dialect.SQLITE: SqlitePrinter(), Dialect.POSTGRES: PostgresPrinter()})


def printer(dialect: Dialect) -> Printer:
    """The printer of a dialect. Raises ``KeyError`` if there is none."""
    return PRINTERS[dialect]


@dataclass(frozen=True, slots=True, kw_only=True)
class DialectText:
    """A text in SQLite's and in PostgreSQL's dialect, which are mostly equal."""

    sqlite: str
    postgres: str


TemplatePart: TypeAlias = SqlExpression | DialectText | str | int
"""What a template may be filled with: an expression, a rendered text, a name or a number."""


def render(template: str, **parts: TemplatePart) -> DialectText:
    """The template with its ``{parts}`` filled in, once for each dialect. A literal brace is written twice."""
    return DialectText(
        sqlite=template.format_map({name: _part_text(part, Dialect.SQLITE) for name, part in parts.items()}),
        postgres=template.format_map({name: _part_text(part, Dialect.POSTGRES) for name, part in parts.items()}),
    )


def join_texts(separator: str, parts: list[DialectText]) -> DialectText:
    """The texts with the separator between them."""
    return DialectText(
        sqlite=separator.join(part.sqlite for part in parts), postgres=separator.join(part.postgres for part in parts)
    )


def _part_text(part: TemplatePart, dialect: Dialect) -> str:
    match part:
        case str():
            return part
        case int():
            return str(part)
        case DialectText():
            return part.sqlite if dialect is Dialect.SQLITE else part.postgres
        case ColumnRef() | Literal():
            return PRINTERS[dialect].text(part)
        case _:  # any other expression, in parentheses: the template decides nothing about precedence
            return f"({PRINTERS[dialect].text(part)})"
