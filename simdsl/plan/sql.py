"""SQL statements as plans hold them: text cut at its variables, and what lexing tells about it."""

from __future__ import annotations

from enum import StrEnum

from simdsl.plan.dataclasses import dataclass


class Dialect(StrEnum):
    """The SQL in which a line is written, and so by which it is lexed."""

    SQLITE = "sqlite"
    POSTGRES = "postgres"
    TSQL = "tsql"
    DUCKDB = "duckdb"
    MYSQL = "mysql"


# SQL lines


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
    """Transaction control, understood by the loader and done by each backend in its own way."""

    action: TransactionAction
    mode: TransactionMode | None = None
    isolation: IsolationLevel | None = None
    read_only: bool | None = None
    name: str | None = None  # of the savepoint, as it was written


class SqlKind(StrEnum):
    """What the first keyword of a statement says about its answer."""

    QUERY = "query"  # rows
    DML = "dml"  # a count of affected rows, and rows too with RETURNING
    DDL = "ddl"  # neither
    TRANSACTION = "transaction"  # neither
    OTHER = "other"  # nobody knows before it runs: PRAGMA, EXPLAIN, CALL, WITH that cannot be told ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Sql:
    """One statement: its text cut at the variables, and what its lexing says of it.

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


def fast_sql(sql: Sql, fragments: tuple[str | Variable, ...]) -> Sql:
    """Another statement of the same kind, which is no transaction control."""
    made = _SqlDraft()
    made.fragments = fragments
    made.kind = sql.kind
    made.ordered = sql.ordered
    made.transaction = None
    made.__class__ = Sql  # type: ignore[assignment]
    return made  # type: ignore[return-value]


# The drafts. Python lets an object change its class only into one of the same slots.


class _SqlDraft:
    __slots__ = ("fragments", "kind", "ordered", "transaction")
    fragments: tuple[str | Variable, ...]
    kind: SqlKind
    ordered: bool
    transaction: TransactionControl | None
