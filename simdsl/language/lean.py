"""Making the frozen classes that a long plan has ten thousands of, at a sixth of the price of their own constructors.

A frozen dataclass sets each field by ``object.__setattr__``, which looks the slot up by its name. A draft has the same
slots and is not frozen; filled in, it becomes what it is a draft of. Only the loader's hot path does this, and the
objects are equal to those that the constructors make (docs/adr/0021).
"""

from __future__ import annotations

from simdsl.plan.ir import (
    PLAIN,
    CellRow,
    ExactRows,
    Expectation,
    Options,
    Order,
    Override,
    Scalar,
    Sql,
    SqlKind,
    SqlStep,
    Transaction,
    Var,
)


def with_fragments(sql: Sql, fragments: tuple[str | Var, ...]) -> Sql:
    """Another statement of the same kind, which is no transaction control."""
    made = _Sql()
    made.fragments = fragments
    made.kind = sql.kind
    made.ordered = sql.ordered
    made.transaction = None
    made.__class__ = Sql  # type: ignore[assignment]
    return made  # type: ignore[return-value]


def sql_step(task: str, sql: Sql, expect: Expectation | None, beside: Options = PLAIN) -> SqlStep:
    """A statement as a step."""
    made = _SqlStep()
    made.task = task
    made.sql = sql
    made.expect = expect
    made.options = beside
    made.__class__ = SqlStep  # type: ignore[assignment]
    return made  # type: ignore[return-value]


def options(label: str | None, overrides: tuple[Override, ...], why: str | None) -> Options:
    """What stands beside a step that runs everywhere and has no timeout of its own."""
    made = _Options()
    made.label = label
    made.overrides = overrides
    made.skip = ()
    made.only = ()
    made.why = why
    made.timeout_us = None
    made.__class__ = Options  # type: ignore[assignment]
    return made  # type: ignore[return-value]


def scalar(value: int | str) -> Scalar:
    """A cell that is an integer or a text."""
    made = _Scalar()
    made.value = value
    made.__class__ = Scalar  # type: ignore[assignment]
    return made  # type: ignore[return-value]


def exact_rows(rows: tuple[CellRow, ...], order: Order | None) -> ExactRows:
    """Rows that are expected."""
    made = _ExactRows()
    made.rows = rows
    made.order = order
    made.__class__ = ExactRows  # type: ignore[assignment]
    return made  # type: ignore[return-value]


# The drafts. Python lets an object change its class only into one of the same slots.


class _Sql:
    __slots__ = ("fragments", "kind", "ordered", "transaction")
    fragments: tuple[str | Var, ...]
    kind: SqlKind
    ordered: bool
    transaction: Transaction | None


class _SqlStep:
    __slots__ = ("expect", "options", "sql", "task")
    task: str
    sql: Sql
    expect: Expectation | None
    options: Options


class _Options:
    __slots__ = ("label", "only", "overrides", "skip", "timeout_us", "why")
    label: str | None
    overrides: tuple[Override, ...]
    skip: tuple[str, ...]
    only: tuple[str, ...]
    why: str | None
    timeout_us: int | None


class _Scalar:
    __slots__ = ("value",)
    value: int | str


class _ExactRows:
    __slots__ = ("order", "rows")
    rows: tuple[CellRow, ...]
    order: Order | None
