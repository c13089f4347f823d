"""What a statement can come to: rows, a count, or an error of a known class.

An outcome is made for every step of every run, so these are named tuples: immutable, and four times as cheap to make
as frozen dataclasses (docs/adr/0004).
"""

from __future__ import annotations

from enum import StrEnum
from typing import Literal, NamedTuple, TypeAlias

from simdsl.plan.values import Row


class ErrorClass(StrEnum):
    """Every error that simdsl knows, named after PostgreSQL's condition names (PostgreSQL manual, appendix A).

    Each backend maps its driver's errors to one of these by code; what it cannot map is ``OTHER``.
    """

    UNIQUE_VIOLATION = "unique_violation"
    NOT_NULL_VIOLATION = "not_null_violation"
    FOREIGN_KEY_VIOLATION = "foreign_key_violation"
    CHECK_VIOLATION = "check_violation"
    SYNTAX_ERROR = "syntax_error"
    UNDEFINED_TABLE = "undefined_table"
    UNDEFINED_COLUMN = "undefined_column"
    UNDEFINED_FUNCTION = "undefined_function"
    UNDEFINED_OBJECT = "undefined_object"
    DUPLICATE_TABLE = "duplicate_table"
    DUPLICATE_OBJECT = "duplicate_object"
    DATATYPE_MISMATCH = "datatype_mismatch"
    NUMERIC_VALUE_OUT_OF_RANGE = "numeric_value_out_of_range"
    DIVISION_BY_ZERO = "division_by_zero"
    STRING_DATA_RIGHT_TRUNCATION = "string_data_right_truncation"
    INVALID_TEXT_REPRESENTATION = "invalid_text_representation"
    BUSY = "busy"
    LOCK_NOT_AVAILABLE = "lock_not_available"
    DEADLOCK_DETECTED = "deadlock_detected"
    SERIALIZATION_FAILURE = "serialization_failure"
    SNAPSHOT_CONFLICT = "snapshot_conflict"
    IN_FAILED_SQL_TRANSACTION = "in_failed_sql_transaction"
    NO_ACTIVE_TRANSACTION = "no_active_transaction"
    ACTIVE_SQL_TRANSACTION = "active_sql_transaction"
    INVALID_SAVEPOINT_SPECIFICATION = "invalid_savepoint_specification"
    QUERY_CANCELED = "query_canceled"
    STATEMENT_TIMEOUT = "statement_timeout"
    CONNECTION_LOST = "connection_lost"
    CONNECTION_CLOSED = "connection_closed"
    POOL_TIMEOUT = "pool_timeout"
    READ_ONLY = "read_only"
    DISK_FULL = "disk_full"
    IO_ERROR = "io_error"
    DATA_CORRUPTED = "data_corrupted"
    INSUFFICIENT_PRIVILEGE = "insufficient_privilege"
    FEATURE_NOT_SUPPORTED = "feature_not_supported"
    DRIVER_PANIC = "driver_panic"
    OTHER = "other"

    @property
    def sqlstate(self) -> str | None:
        """The canonical SQLSTATE, where the class has one."""
        return _SQLSTATES.get(self)

    @property
    def is_ordinary(self) -> bool:
        """Whether a bare ``=> error`` accepts it: not a panic, a lost connection or something unknown."""
        return self not in _EXTRAORDINARY


class Rows(NamedTuple):
    """A result set: its width, its rows in the order received, and the affected count of a DML with RETURNING."""

    columns: int
    rows: list[Row]
    affected: int | None = None


class Affected(NamedTuple):
    """A statement without a result set. ``n`` is None where a count has no meaning (DDL, transaction control)."""

    n: int | None = None


class Failed(NamedTuple):
    """An error. ``by`` tells whether the engine (or its driver, or its pool) refused, or simdsl did in its place."""

    error_class: ErrorClass
    text: str
    sqlstate: str | None = None
    native: int | None = None
    by: Literal["engine", "simdsl"] = "engine"


Outcome: TypeAlias = Rows | Affected | Failed

_SQLSTATES = {
    ErrorClass.UNIQUE_VIOLATION: "23505",
    ErrorClass.NOT_NULL_VIOLATION: "23502",
    ErrorClass.FOREIGN_KEY_VIOLATION: "23503",
    ErrorClass.CHECK_VIOLATION: "23514",
    ErrorClass.SYNTAX_ERROR: "42601",
    ErrorClass.UNDEFINED_TABLE: "42P01",
    ErrorClass.UNDEFINED_COLUMN: "42703",
    ErrorClass.UNDEFINED_FUNCTION: "42883",
    ErrorClass.UNDEFINED_OBJECT: "42704",
    ErrorClass.DUPLICATE_TABLE: "42P07",
    ErrorClass.DUPLICATE_OBJECT: "42710",
    ErrorClass.DATATYPE_MISMATCH: "42804",
    ErrorClass.NUMERIC_VALUE_OUT_OF_RANGE: "22003",
    ErrorClass.DIVISION_BY_ZERO: "22012",
    ErrorClass.STRING_DATA_RIGHT_TRUNCATION: "22001",
    ErrorClass.INVALID_TEXT_REPRESENTATION: "22P02",
    ErrorClass.LOCK_NOT_AVAILABLE: "55P03",
    ErrorClass.DEADLOCK_DETECTED: "40P01",
    ErrorClass.SERIALIZATION_FAILURE: "40001",
    ErrorClass.IN_FAILED_SQL_TRANSACTION: "25P02",
    ErrorClass.NO_ACTIVE_TRANSACTION: "25P01",
    ErrorClass.ACTIVE_SQL_TRANSACTION: "25001",
    ErrorClass.INVALID_SAVEPOINT_SPECIFICATION: "3B001",
    ErrorClass.QUERY_CANCELED: "57014",
    ErrorClass.CONNECTION_LOST: "08006",
    ErrorClass.CONNECTION_CLOSED: "08003",
    ErrorClass.READ_ONLY: "25006",
    ErrorClass.DISK_FULL: "53100",
    ErrorClass.IO_ERROR: "58030",
    ErrorClass.DATA_CORRUPTED: "XX001",
    ErrorClass.INSUFFICIENT_PRIVILEGE: "42501",
    ErrorClass.FEATURE_NOT_SUPPORTED: "0A000",
}

_EXTRAORDINARY = frozenset({ErrorClass.DRIVER_PANIC, ErrorClass.CONNECTION_LOST, ErrorClass.OTHER})
