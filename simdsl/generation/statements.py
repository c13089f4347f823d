"""Generated statements: their SQL as a plan holds it, what they must return, and the values that they bind.

While the text of a statement is put together, a variable stands between two ``MARK``; a literal never holds one. So texts
can be joined freely, and are cut at their variables once, at the end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import Final, TypeAlias

from simdsl.core.choices import Sampler
from simdsl.generation.column_values import INTEGER_TYPES, ColumnValue, ColumnValues, expected_cell, value_literal
from simdsl.plan.deferred import dataclass
from simdsl.plan.expectations import (
    ComparisonOperator,
    Count,
    CountUnit,
    ExactRows,
    Expectation,
    ExpectedError,
    Scalar,
)
from simdsl.plan.expressions import BinaryOperation, BinaryOperator, Constant, Expression, PoolCounter, PoolReference
from simdsl.plan.outcomes import ErrorClass
from simdsl.plan.plan import Param
from simdsl.plan.sql import Dialect, IsolationLevel, Sql, SqlKind, TransactionAction, TransactionControl, Variable
from simdsl.profiles.profile import ColumnType
from simdsl.syntax.sql_lexer import parse_sql

TableRows: TypeAlias = Mapping[int, ColumnValues]
"""The rows of a table by their id."""

DatabaseState: TypeAlias = tuple[TableRows, ...]
"""The rows of every table, by the table's number. Never modified: a write makes a new one, and snapshots keep the old."""

MARK: Final = "\x01"

MANY: Final = 3
"""Up to this many rows an expectation lists the rows; of more it only has their number, which reads better."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteStatement:
    """A statement that changes one table, how many rows it must affect, and the rows that it leaves."""

    sql: Sql
    affected: int
    number: int  # of the table
    rows: TableRows
    touched: tuple[int, ...]  # ids of rows that were there before


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadQuery:
    """A query, and what it must return."""

    sql: Sql
    expect: Expectation


class BoundParameters:
    """The variables of a plan: small integers and short texts, some for each type of column.

    A variable is only used for columns of its type: PostgreSQL gives a parameter one type, even if it stands twice.
    """

    def __init__(self, seed: int) -> None:
        sampler = Sampler(seed, "bank")  # part of what a seed means, so the word stays
        values: dict[str, int | str] = {}
        names: dict[ColumnType, tuple[str, ...]] = {}
        for of in _BOUND:
            names[of] = tuple(f"{of}_{i}" for i in range(3))
            for i, name in enumerate(names[of]):
                values[name] = (
                    sampler.below(90) - 30
                    if of in INTEGER_TYPES
                    else f"{sampler.one_of('abcXYZ')}{sampler.one_of('é ß')}{i}"
                )
        self._names: Mapping[ColumnType, tuple[str, ...]] = names
        self.values: Mapping[str, int | str] = values

    @property
    def params(self) -> tuple[Param, ...]:
        """All variables, as the plan declares them."""
        return tuple(Param(name=name, value=value) for name, value in self.values.items())

    def literal_or_bound(self, sampler: Sampler, of: ColumnType, value: ColumnValue) -> tuple[str, ColumnValue]:
        """A text and its value: a literal of the given value, or one time in eight a variable of the type."""
        name = self.bound(sampler, of)
        return (value_literal(value), value) if name is None else (f"{MARK}{name}{MARK}", self.values[name])

    def bound(self, sampler: Sampler, of: ColumnType) -> str | None:
        """One time in eight the name of a variable for a type of column, else None."""
        names = self._names.get(of)
        return None if names is None or sampler.below(8) else sampler.one_of(names)


def sql(text: str, kind: SqlKind, *, ordered: bool = False) -> Sql:
    """The SQL of a text with marked variables. The caller knows its kind and its order; nothing is lexed."""
    if MARK not in text:
        return Sql(fragments=(text,), kind=kind, ordered=ordered)
    parts: list[str | Variable] = []
    for i, part in enumerate(text.split(MARK)):
        if i % 2:
            parts.append(Variable(name=part))
        elif part:
            parts.append(part)
    return Sql(fragments=tuple(parts), kind=kind, ordered=ordered)


def sql_of(text: str, *, ordered: bool = False) -> Sql:
    """The SQL of a statement without variables, comments and semicolons, as the loader would lex it, without blanks around.

    The kind is read off the first keyword. ``ordered``: ORDER BY stands at depth 0, which the caller knows, while the
    lexer would have to scan the text for it. Transaction control has a grammar of its own and few texts: it is lexed,
    once for each text.
    """
    text = text.strip()
    first = text.split(maxsplit=1)[0].upper()
    if first in _TRANSACTION_KEYWORDS:
        return _lexed(text)
    return Sql(fragments=(text,), kind=_KINDS.get(first, SqlKind.OTHER), ordered=ordered)


@lru_cache(maxsize=64)
def _lexed(text: str) -> Sql:
    return parse_sql(text, Dialect.SQLITE)


def expect_affected(n: int) -> Expectation:
    """``n affected``."""
    return (Count(what=CountUnit.AFFECTED, comparison=ComparisonOperator.EQ, n=n),)


def expect_row_count(n: int) -> Expectation:
    """``n rows``."""
    return (Count(what=CountUnit.ROWS, comparison=ComparisonOperator.EQ, n=n),)


def expect_column_count(n: int) -> Expectation:
    """``n columns``."""
    return (Count(what=CountUnit.COLUMNS, comparison=ComparisonOperator.EQ, n=n),)


def expect_error(*classes: ErrorClass) -> Expectation:
    """``error a or error b``: one alternative for each class."""
    return tuple(ExpectedError(error_class=one) for one in classes)


def expect_rows(rows: Sequence[ColumnValues], *, many: int = MANY) -> Expectation:
    """Exactly these rows, or only their number if there are more than ``many``."""
    # An empty result has no list of rows to be written: it is `0 rows`.
    if 0 < len(rows) <= many:
        return (ExactRows(rows=tuple(tuple(map(expected_cell, row)) for row in rows)),)
    return expect_row_count(len(rows))


_KINDS: Final = MappingProxyType(
    {
        "SELECT": SqlKind.QUERY,
        **dict.fromkeys(("INSERT", "UPDATE", "DELETE"), SqlKind.DML),
        **dict.fromkeys(("CREATE", "DROP", "ALTER"), SqlKind.DDL),
    }
)
_TRANSACTION_KEYWORDS: Final = frozenset(("BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE"))
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


def nothing_checked_out(pool: str) -> Expression:
    """A `check:` that the pool has all of its connections, and no task waits for one."""
    left, right = _is_zero(pool, PoolCounter.BUSY), _is_zero(pool, PoolCounter.WAITING)
    return BinaryOperation(operator=BinaryOperator.AND, left=left, right=right)


def _is_zero(pool: str, count: PoolCounter) -> Expression:
    zero = Constant(cell=Scalar(value=0))
    return BinaryOperation(operator=BinaryOperator.EQ, left=PoolReference(pool=pool, count=count), right=zero)


def _transaction_control(
    text: str, action: TransactionAction, *, isolation: IsolationLevel | None = None, name: str | None = None
) -> Sql:
    control = TransactionControl(action=action, isolation=isolation, name=name)
    return Sql(fragments=(text,), kind=SqlKind.TRANSACTION, transaction=control)


BEGIN_SERIALIZABLE: Final = _transaction_control(
    "BEGIN ISOLATION LEVEL SERIALIZABLE", TransactionAction.BEGIN, isolation=IsolationLevel.SERIALIZABLE
)

COMMIT: Final = _transaction_control("COMMIT", TransactionAction.COMMIT)
ROLLBACK: Final = _transaction_control("ROLLBACK", TransactionAction.ROLLBACK)
