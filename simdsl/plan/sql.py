"""SQL statements as plans hold them: text cut at its variables, and what lexing tells about it."""

from __future__ import annotations

from enum import StrEnum

from simdsl.plan.deferred import dataclass


class Dialect(StrEnum):
    """The SQL in which a line is written; it decides how the line is lexed and translated."""

    SQLITE = "sqlite"
    POSTGRES = "postgres"
    TSQL = "tsql"
    DUCKDB = "duckdb"
    MYSQL = "mysql"


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """``$name``: a bound parameter, or an identifier where a param declares one."""

    name: str


class TransactionAction(StrEnum):
    """What a transaction statement does."""

    BEGIN = "begin"
    COMMIT = "commit"
    ROLLBACK = "rollback"
    SAVEPOINT = "savepoint"
    ROLLBACK_TO = "rollback to"
    RELEASE = "release"


class TransactionMode(StrEnum):
    """How a transaction begins."""

    DEFERRED = "deferred"
    IMMEDIATE = "immediate"
    EXCLUSIVE = "exclusive"
    CONCURRENT = "concurrent"


class IsolationLevel(StrEnum):
    """The isolation levels that a plan may ask for, by the SQL standard's names and one of SQL Server's."""

    READ_UNCOMMITTED = "read uncommitted"
    READ_COMMITTED = "read committed"
    REPEATABLE_READ = "repeatable read"
    SNAPSHOT = "snapshot"
    SERIALIZABLE = "serializable"


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionControl:
    """Transaction control, parsed by the loader and written by each backend in its own SQL."""

    action: TransactionAction
    mode: TransactionMode | None = None
    isolation: IsolationLevel | None = None
    read_only: bool | None = None
    name: str | None = None  # of the savepoint, as it was written


class SqlKind(StrEnum):
    """What the first keyword of a statement says about its outcome."""

    QUERY = "query"  # rows
    DML = "dml"  # a count of affected rows, and rows too with RETURNING
    DDL = "ddl"  # neither
    TRANSACTION = "transaction"  # neither
    OTHER = "other"  # known only when it has run: PRAGMA, EXPLAIN, CALL, some WITH ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Sql:
    """One statement: its text cut at the variables, and what lexing found out about it.

    ``fragments`` holds text and ``Variable`` in the order of the text; neighbouring texts are one. The other fields follow
    from the text and the dialect.
    """

    fragments: tuple[str | Variable, ...]
    kind: SqlKind
    ordered: bool = False  # ORDER BY stands at depth 0
    transaction: TransactionControl | None = None

    @property
    def text(self) -> str:
        """The statement as it was written."""
        match self.fragments:
            case (str() as text,):
                return text
        return "".join(part if isinstance(part, str) else f"${part.name}" for part in self.fragments)


# Fast path of the constructor. A frozen dataclass sets each field by ``object.__setattr__``, which looks the slot up by
# name: 730 ns for a ``Sql``, against 210 ns for filling in a draft that has the same slots, is not frozen, and then
# changes its class. A plan of 10,000 lines loads in two thirds of the time with this and its siblings in
# `simdsl.plan.steps` and `simdsl.plan.expectations` (docs/adr/0021). Only the loader's hot path uses them;
# tests/language/test_fast_constructors.py compares what they make with what the constructors make.


def fast_sql(sql: Sql, fragments: tuple[str | Variable, ...]) -> Sql:
    """A statement that differs from another one in its fragments only, and is not transaction control."""
    made = _SqlDraft()
    made.fragments = fragments
    made.kind = sql.kind
    made.ordered = sql.ordered
    made.transaction = None
    made.__class__ = Sql  # type: ignore[assignment]
    return made  # type: ignore[return-value]


class _SqlDraft:
    # Python lets an object change its class only into one that has the same slots.
    __slots__ = ("fragments", "kind", "ordered", "transaction")
    fragments: tuple[str | Variable, ...]
    kind: SqlKind
    ordered: bool
    transaction: TransactionControl | None
