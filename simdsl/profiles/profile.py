"""A profile as data: every knob, and the value that it has where nobody says another.

The knobs are those of schemas/profile.schema.json, which says what each means. Weights are integers of 0 or more, rates
lie between 0 and 1, times are virtual microseconds. A key that is a duration has a field that ends in ``_us``.
"""

from __future__ import annotations

from dataclasses import field
from enum import StrEnum

from simdsl.plan.dataclasses import dataclass


class ColumnType(StrEnum):
    """The types that the dialects share, each written as the dialect writes it."""

    INTEGER = "integer"
    BIGINT = "bigint"
    SMALLINT = "smallint"
    REAL = "real"
    DECIMAL = "decimal"
    TEXT = "text"
    VARCHAR = "varchar"
    BOOLEAN = "boolean"
    BLOB = "blob"
    DATE = "date"
    TIME = "time"
    TIMESTAMP = "timestamp"


class IndexKind(StrEnum):
    """What an index may be. ``NO_OPTIONS`` is on one column, ascending."""

    PLAIN = "plain"
    UNIQUE = "unique"
    COMPOSITE = "composite"
    DESCENDING = "descending"
    PARTIAL = "partial"
    EXPRESSION = "expression"


@dataclass(frozen=True, slots=True, kw_only=True)
class StepWeights:
    """How often each kind of step is drawn, against the others."""

    select: int = 40
    insert: int = 20
    update: int = 15
    delete: int = 5
    upsert: int = 5
    ddl: int = 2
    tx: int = 10
    savepoint: int = 2
    checkout: int = 4
    sleep: int = 1
    fault: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaKnobs:
    """What the generated database is like. Numbers are upper limits, the rest are rates."""

    tables: int = 3
    columns: int = 6
    rows: int = 10
    types: tuple[ColumnType, ...] = tuple(ColumnType)
    primary_key: float = 0.9
    unique: float = 0.1
    not_null: float = 0.3
    check: float = 0.1
    default: float = 0.2
    foreign_key: float = 0.2
    indexes: int = 2
    index_kinds: tuple[IndexKind, ...] = tuple(IndexKind)


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueRates:
    """How often a value is one of these, rather than an ordinary one."""

    null: float = 0.1
    zero: float = 0.05
    limit: float = 0.05
    empty: float = 0.05
    unicode: float = 0.05
    long: float = 0.01
    duplicate: float = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryRates:
    """How often a query has each of these."""

    where: float = 0.8
    join: float = 0.2
    subquery: float = 0.1
    cte: float = 0.05
    group_by: float = 0.1
    having: float = 0.3
    distinct: float = 0.1
    set_operation: float = 0.05
    window: float = 0.05
    order_by: float = 0.3
    limit: float = 0.1
    case: float = 0.1
    cast: float = 0.1
    like: float = 0.1
    in_list: float = 0.1
    between: float = 0.1
    is_distinct_from: float = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultWeights:
    """How often each kind of fault is drawn, against the others."""

    disconnect: int = 4
    cancel: int = 4
    timeout: int = 4
    io_error: int = 2
    disk_full: int = 1
    reopen: int = 1
    crash: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolKnobs:
    """The pool from which tasks take connections."""

    size: int = 4
    timeout_us: int = 30_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What a generated workload is made of. ``seed`` None: each call draws its own."""

    name: str
    doc: str | None = None
    seed: int | None = None
    steps: int = 100
    tasks: int = 4
    weights: StepWeights = field(default_factory=StepWeights)
    ddl_rate: float = 0.01
    busy_rate: float = 0.05
    panic_rate: float = 0.1
    sleep_rate: float = 0.05
    error_rate: float = 0.01
    contention_rate: float = 0.5
    max_sleep_us: int = 100_000
    expression_depth: int = 3
    schema: SchemaKnobs = field(default_factory=SchemaKnobs)
    values: ValueRates = field(default_factory=ValueRates)
    queries: QueryRates = field(default_factory=QueryRates)
    faults: FaultWeights = field(default_factory=FaultWeights)
    max_in_flight_tx: int = 4
    pool: PoolKnobs = field(default_factory=PoolKnobs)
