"""Generated statements: their SQL as a plan holds it, what they must return, and the values that they bind.

In the text of a statement that is being built, a variable stands between two ``MARK``; a literal never holds one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

from simdsl.generation.column_values import INTEGER_TYPES, ColumnValue, ColumnValues, expected_cell, value_literal
from simdsl.generation.sampler import Sampler
from simdsl.plan.dataclasses import dataclass
from simdsl.plan.expectations import ComparisonOperator, Count, CountUnit, ExactRows, Expectation, Scalar
from simdsl.plan.expressions import BinaryOperation, BinaryOperator, Constant, Expression, PoolCounter, PoolReference
from simdsl.plan.plan import Param
from simdsl.plan.sql import IsolationLevel, Sql, SqlKind, TransactionAction, TransactionControl, Variable
from simdsl.profiles.profile import ColumnType

TableRows: TypeAlias = Mapping[int, ColumnValues]
"""The rows of a table by their id."""


DatabaseState: TypeAlias = tuple[TableRows, ...]
"""The rows of every table, by the table's number. Never changed: who writes makes another one."""


MARK: Final = "\x01"


MANY: Final = 3
"""So many rows are expected one by one; of more only the number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteStatement:
    """A statement that changes one table, what it must come to, and what is there afterwards."""

    sql: Sql
    affected: int
    number: int  # of the table
    rows: TableRows
    touched: tuple[int, ...]  # ids of rows that were there before


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadQuery:
    """A query, and what it must come to."""

    sql: Sql
    expect: Expectation


class BoundParameters:
    """The values that are bound rather than written: small integers and short texts, some for each type of column.

    A variable is only ever bound to columns of its type, for PostgreSQL takes one that stands twice to be of one type.
    """

    def __init__(self, seed: int) -> None:
        draws = Sampler(seed, "bank")
        values: dict[str, int | str] = {}
        names: dict[ColumnType, tuple[str, ...]] = {}
        for of in _BOUND:
            names[of] = tuple(f"{of}_{i}" for i in range(3))
            for i, name in enumerate(names[of]):
                values[name] = (
                    draws.below(90) - 30 if of in INTEGER_TYPES else f"{draws.one_of('abcXYZ')}{draws.one_of('é ß')}{i}"
                )
        self._names: Mapping[ColumnType, tuple[str, ...]] = names
        self.values: Mapping[str, int | str] = values

    @property
    def params(self) -> tuple[Param, ...]:
        """All of them, as the plan declares them."""
        return tuple(Param(name=name, value=value) for name, value in self.values.items())

    def said(self, draws: Sampler, of: ColumnType, value: ColumnValue) -> tuple[str, ColumnValue]:
        """A value and its text: mostly the one that is given, and now and then a bound one in its place."""
        name = self.bound(draws, of)
        return (value_literal(value), value) if name is None else (f"{MARK}{name}{MARK}", self.values[name])

    def bound(self, draws: Sampler, of: ColumnType) -> str | None:
        """Now and then the name of a value for a type of column."""
        names = self._names.get(of)
        return None if names is None or draws.below(8) else draws.one_of(names)


def sql(text: str, kind: SqlKind, *, ordered: bool = False) -> Sql:
    """The text as a plan holds it, cut at its variables."""
    if MARK not in text:
        return Sql(fragments=(text,), kind=kind, ordered=ordered)
    parts: list[str | Variable] = []
    for i, part in enumerate(text.split(MARK)):
        if i % 2:
            parts.append(Variable(name=part))
        elif part:
            parts.append(part)
    return Sql(fragments=tuple(parts), kind=kind, ordered=ordered)


def affected(n: int) -> Expectation:
    """``n affected``."""
    return (Count(what=CountUnit.AFFECTED, comparison=ComparisonOperator.EQ, n=n),)


def expect_rows(rows: Sequence[ColumnValues], *, many: int = MANY) -> Expectation:
    """Exactly these rows, or where there are more than ``many`` so many rows."""
    if 0 < len(rows) <= many:
        return (ExactRows(rows=tuple(tuple(map(expected_cell, row)) for row in rows)),)
    return (Count(what=CountUnit.ROWS, comparison=ComparisonOperator.EQ, n=len(rows)),)


_BOUND: Final = (ColumnType.INTEGER, ColumnType.BIGINT, ColumnType.SMALLINT, ColumnType.TEXT, ColumnType.VARCHAR)


def savepoint(name: str) -> Sql:
    """``SAVEPOINT name``."""
    return _transaction_control(f"SAVEPOINT {name}", TransactionAction.SAVEPOINT, name=name)


def rollback_to(name: str) -> Sql:
    """``ROLLBACK TO name``, after which the savepoint is still there."""
    return _transaction_control(f"ROLLBACK TO {name}", TransactionAction.ROLLBACK_TO, name=name)


def release(name: str) -> Sql:
    """``RELEASE name``."""
    return _transaction_control(f"RELEASE {name}", TransactionAction.RELEASE, name=name)


def nothing_is_lent(pool: str) -> Expression:
    """The pool has all of its connections, and nobody waits for one."""
    left, right = _is_zero(pool, PoolCounter.BUSY), _is_zero(pool, PoolCounter.WAITING)
    return BinaryOperation(operator=BinaryOperator.AND, left=left, right=right)


def _is_zero(pool: str, count: PoolCounter) -> Expression:
    zero = Constant(cell=Scalar(value=0))
    return BinaryOperation(operator=BinaryOperator.EQ, left=PoolReference(pool=pool, count=count), right=zero)


def _transaction_control(
    text: str, action: TransactionAction, *, isolation: IsolationLevel | None = None, name: str | None = None
) -> Sql:
    said = TransactionControl(action=action, isolation=isolation, name=name)
    return Sql(fragments=(text,), kind=SqlKind.TRANSACTION, transaction=said)


BEGIN: Final = _transaction_control(
    "BEGIN ISOLATION LEVEL SERIALIZABLE", TransactionAction.BEGIN, isolation=IsolationLevel.SERIALIZABLE
)


COMMIT: Final = _transaction_control("COMMIT", TransactionAction.COMMIT)


ROLLBACK: Final = _transaction_control("ROLLBACK", TransactionAction.ROLLBACK)
