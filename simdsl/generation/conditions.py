"""Random conditions on the rows of one table: their text, and a function that evaluates them for a row.

Conditions are about values that occur in the rows, so that they keep some rows and not others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Final, TypeAlias

from simdsl.core.choices import Sampler
from simdsl.generation.column_values import ORDERED_TYPES, TEXT_TYPES, ColumnValue, ColumnValues, draw_typical, value_literal
from simdsl.generation.expressions.evaluation import compile_expression
from simdsl.generation.expressions.ir import (
    Between,
    Coalesce,
    ColumnRef,
    Compare,
    Connective,
    InList,
    IsDistinct,
    IsNull,
    IsTruth,
    Length,
    Like,
    Literal,
    Logic,
    Not,
    NullIf,
    Parameter,
    SqlExpression,
    SqlType,
    Substring,
)
from simdsl.generation.expressions.printing import Precedence, Printed, SqlitePrinter
from simdsl.generation.schema import TableDef
from simdsl.generation.statements import MARK, BoundParameters, TableRows
from simdsl.plan.deferred import dataclass
from simdsl.plan.expectations import ComparisonOperator
from simdsl.plan.values import Value
from simdsl.profiles.profile import ColumnType, QueryRates

RowTest: TypeAlias = Callable[[ColumnValues], object]
"""True, False or None (NULL) for a row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowCondition:
    """A condition for WHERE. ``is_loose``: its top is AND or OR, so it needs parentheses under another AND."""

    text: str
    test: RowTest
    is_loose: bool


class ConditionGenerator:
    """Draws conditions over a table. ``prefix`` stands before the names of columns (``a.``); ``like`` allows LIKE.

    A column is only compared with values of its own type. So a decimal may be taken for a real here, and a date for a text,
    though no expression could compute with them.
    """

    def __init__(
        self,
        table: TableDef,
        rows: TableRows,
        rates: QueryRates,
        parameters: BoundParameters,
        *,
        prefix: str = "",
        like: bool = True,
    ) -> None:
        self._table = table
        self._rows = rows
        self._ids = tuple(rows)
        self._rates = rates
        self._parameters = parameters
        self._prefix = prefix
        self._like = like
        self._used: dict[str, int] = {}

    def draw(self, sampler: Sampler, depth: int) -> RowCondition:
        """A condition, at most ``depth`` connectives deep."""
        expression = self._condition(sampler, depth)
        return RowCondition(
            text=_PRINTER.text(expression),
            test=compile_expression(expression, self._used, self._parameters.values),
            is_loose=isinstance(expression, Logic),
        )

    def _condition(self, sampler: Sampler, depth: int) -> SqlExpression:
        form = sampler.below(20) if depth > 1 else 19
        if form > 6:  # most conditions are a single comparison, as in the programs that use databases
            return self._leaf(sampler)
        left = self._condition(sampler, depth - 1)
        if form < 2:
            return Not(operand=left)
        if form == 2:
            return IsTruth(operand=left, truth=sampler.below(2) == 1, negated=sampler.below(2) == 1)
        connective = Connective.AND if form < 5 else Connective.OR
        return Logic(connective=connective, left=left, right=self._condition(sampler, depth - 1))

    def _leaf(self, sampler: Sampler) -> SqlExpression:
        rates = self._rates
        if sampler.chance(rates.in_list):
            return self._in_list(sampler)
        if sampler.chance(rates.between):
            return self._between(sampler)
        if self._like and sampler.chance(rates.like):
            # Patterns hold no letters whose case is folded differently: only ASCII, and few of those.
            texts = [i for i, column in enumerate(self._table.columns) if column.type in TEXT_TYPES]
            if texts:
                pattern = sampler.one_of("aAbX09%_") + sampler.one_of("%_") * sampler.below(3)
                negated = sampler.below(4) == 0
                return Like(operand=self._column(sampler.one_of(texts)), pattern=pattern, exact=False, negated=negated)
        position = sampler.below(len(self._table.columns))
        if sampler.chance(rates.is_distinct_from):
            value = self._literal(position, self._value(sampler, position))
            return IsDistinct(left=self._column(position), right=value, negated=sampler.below(3) == 0)
        match sampler.below(6):
            case 0 | 1:
                return IsNull(operand=self._column(position), negated=sampler.below(2) == 1)
            case 2 | 3:
                return self._id_comparison(sampler)
            case _:
                return self._comparison(sampler, position)

    def _comparison(self, sampler: Sampler, position: int) -> SqlExpression:
        if sampler.below(4) == 0:
            return self._computed_comparison(sampler, position)
        column = self._table.columns[position]
        comparison = sampler.one_of(_COMPARISONS if column.type in ORDERED_TYPES else _EQUALITIES)
        others = [i for i, other in enumerate(self._table.columns) if i != position and other.type is column.type]
        if others and sampler.below(6) == 0:
            right: SqlExpression = self._column(sampler.one_of(others))
        else:
            value = self._value(sampler, position)
            if value is None:
                return self._id_comparison(sampler)
            name = self._parameters.bound(sampler, column.type)
            right = self._literal(position, value) if name is None else Parameter(name=name, type=_TYPES[column.type])
        return Compare(comparison=comparison, left=self._column(position), right=right)

    def _computed_comparison(self, sampler: Sampler, position: int) -> SqlExpression:
        """A comparison of a function of a column with a value that it could have."""
        column, operand = self._table.columns[position], self._column(position)
        other, wanted = (self._literal(position, draw_typical(sampler, column.type)) for _ in range(2))
        comparison = sampler.one_of(_COMPARISONS if column.type in ORDERED_TYPES else _EQUALITIES)
        form = sampler.below(4)
        if form == 0 and column.type in TEXT_TYPES:
            size = Literal(type=SqlType.INTEGER, value=sampler.below(6))
            return Compare(comparison=sampler.one_of(_COMPARISONS), left=Length(operand=operand), right=size)
        if form == 1 and column.type in TEXT_TYPES:
            made: SqlExpression = Substring(operand=operand, start=1 + sampler.below(2), count=1)
            wanted = Literal(type=SqlType.TEXT, value=sampler.one_of("aAbX09"))
        elif form < 3:
            made = Coalesce(items=(operand, other))
        else:
            value = self._literal(position, self._value(sampler, position))
            made, wanted = NullIf(left=operand, right=other if value.value is None else value), other
        return Compare(comparison=comparison, left=made, right=wanted)

    def _id_comparison(self, sampler: Sampler) -> SqlExpression:
        comparison = ComparisonOperator.EQ if sampler.below(3) else ComparisonOperator.GT
        return Compare(comparison=comparison, left=self._column(0), right=self._literal(0, self._id(sampler)))

    def _in_list(self, sampler: Sampler) -> SqlExpression:
        """IN, mostly of ids: few other columns have values that tell rows apart."""
        position = sampler.below(len(self._table.columns)) if sampler.below(3) == 0 else 0
        values = [self._value(sampler, position) for _ in range(1 + sampler.below(4))]
        items = tuple(self._literal(position, value) for value in values)
        return InList(operand=self._column(position), items=items, negated=sampler.below(5) == 0)

    def _between(self, sampler: Sampler) -> SqlExpression:
        """BETWEEN, mostly of ids."""
        position, negated = sampler.below(len(self._table.columns)) if sampler.below(3) == 0 else 0, sampler.below(5) == 0
        # The bounds are sorted: with the larger one first the condition is true for no row, which is seldom worth a query.
        ends = [value for _ in range(2) if (value := self._value(sampler, position)) is not None]
        if self._table.columns[position].type in ORDERED_TYPES and len(ends) == 2:
            low, high = (self._literal(position, end) for end in sorted(ends))
        else:
            least = self._id(sampler) - sampler.below(3)
            position, low, high = 0, self._literal(0, least), self._literal(0, least + sampler.below(6))
        return Between(operand=self._column(position), low=low, high=high, negated=negated)

    def _column(self, position: int) -> ColumnRef:
        column = self._table.columns[position]
        name = self._prefix + column.name
        self._used[name] = position
        return ColumnRef(name=name, type=_TYPES[column.type])

    def _literal(self, position: int, value: ColumnValue) -> Literal:
        return Literal(type=_TYPES[self._table.columns[position].type], value=value)

    def _id(self, sampler: Sampler) -> int:
        return sampler.one_of(self._ids) if self._ids else 1

    def _value(self, sampler: Sampler, position: int) -> ColumnValue:
        """A value that the column has in some row, or an everyday one."""
        if self._ids and sampler.below(4):
            return self._rows[sampler.one_of(self._ids)][position]
        return draw_typical(sampler, self._table.columns[position].type)


class _Printer(SqlitePrinter):
    """Prints in SQLite's dialect, in forms that are valid in PostgreSQL too or can be transpiled to it."""

    def literal(self, value: Value, of: SqlType) -> Printed:
        if isinstance(value, Decimal):
            return (value_literal(value), Precedence.SIGN if value < 0 else Precedence.ATOM)
        return super().literal(value, of)

    def parameter(self, name: str, of: SqlType) -> str:
        return f"{MARK}{name}{MARK}"

    def distinct(self, left: str, right: str, *, negated: bool) -> str:
        return f"{left} IS {'NOT ' if negated else ''}DISTINCT FROM {right}"


_PRINTER: Final = _Printer()
_EQUALITIES: Final = (ComparisonOperator.EQ, ComparisonOperator.NE)
_COMPARISONS: Final = tuple(ComparisonOperator)
_TYPES: Final[Mapping[ColumnType, SqlType]] = MappingProxyType(
    {
        ColumnType.INTEGER: SqlType.INTEGER,
        ColumnType.BIGINT: SqlType.INTEGER,
        ColumnType.SMALLINT: SqlType.INTEGER,
        ColumnType.REAL: SqlType.REAL,
        ColumnType.DECIMAL: SqlType.REAL,
        ColumnType.TEXT: SqlType.TEXT,
        ColumnType.VARCHAR: SqlType.TEXT,
        ColumnType.BOOLEAN: SqlType.BOOLEAN,
        ColumnType.BLOB: SqlType.BLOB,
        ColumnType.DATE: SqlType.TEXT,
        ColumnType.TIME: SqlType.TEXT,
        ColumnType.TIMESTAMP: SqlType.TEXT,
    }
)
