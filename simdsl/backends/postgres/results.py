"""What PostgreSQL answers, as outcomes: values of its types, and errors with their classes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, Final

from psycopg import Connection, DataError, pq, sql
from psycopg.abc import Buffer
from psycopg.adapt import AdaptersMap, Loader, Transformer
from psycopg.postgres import adapters as psycopg_adapters
from psycopg.postgres import types

from simdsl.plan.outcomes import ErrorClass, Failed, Rows
from simdsl.plan.values import Value

_INT4: Final = 2**31


_OIDS: Final = {bool: 16, bytes: 17, float: 701, Decimal: 1700, date: 1082, time: 1083}


_INT4_OID: Final = 23


_INT8_OID: Final = 20


_TIMESTAMP_OID: Final = 1114


_TIMESTAMPTZ_OID: Final = 1184


_UNKNOWN_OID: Final = 0  # the server decides, as it does for a literal in quotes


_NUMBERS: Final = ("int2", "int4", "int8", "oid", "float4", "float8", "numeric")


_AS_PSYCOPG: Final = (*_NUMBERS, "bool", "bytea", "text", "varchar", "bpchar")


_LENIENT: Final = ("date", "time", "timestamp", "timestamptz")


def encode_parameters(arguments: Sequence[Value]) -> tuple[list[bytes | None], list[int]]:
    """The parameters as libpq takes them, in text format, and the oids of their types. Raises ``UnicodeError``."""
    texts: list[bytes | None] = []
    oids: list[int] = []
    for value in arguments:
        kind = type(value)
        if kind is int:
            texts.append(b"%d" % value)  # type: ignore[str-format]  # an int, as its class says
            oids.append(_INT4_OID if -_INT4 <= value < _INT4 else _INT8_OID)  # type: ignore[operator]
        elif kind is str:
            texts.append(encode_text(value))  # type: ignore[arg-type]
            oids.append(_UNKNOWN_OID)
        elif value is None:
            texts.append(None)
            oids.append(_UNKNOWN_OID)
        elif kind is datetime:
            texts.append(str(value).encode())
            oids.append(_TIMESTAMPTZ_OID if value.tzinfo else _TIMESTAMP_OID)  # type: ignore[union-attr]
        else:
            texts.append(_text(value))
            oids.append(_OIDS[kind])
    return texts, oids


def encode_text(text: str) -> bytes:
    """Text as the server reads it. Raises ``UnicodeError``; a NUL would silently end it."""
    if "\x00" in text:
        raise UnicodeError("a text of PostgreSQL cannot hold a NUL character")
    return text.encode()


class ResultReader:
    """How the results of one connection are read: what psycopg calls an adapt context."""

    def __init__(self, connection: Connection[Any], adapters: AdaptersMap) -> None:
        self.connection = connection
        self.adapters = adapters

    def rows(self, query: sql.Composed) -> Rows:
        """The rows of a query, at once. Raises psycopg's errors."""
        cursor = self.connection.execute(query)
        result = cursor.pgresult
        assert result is not None
        transformer = Transformer(self)
        transformer.set_pgresult(result)
        return Rows(result.nfields, transformer.load_rows(0, result.ntuples, tuple))


def make_loaders() -> AdaptersMap:
    """How each type is read, for all connections."""
    adapters = AdaptersMap(types=types)
    for name in _AS_PSYCOPG:
        _register(adapters, name, _psycopg_loader(name))
    for name in _LENIENT:
        _register(adapters, name, _lenient(_psycopg_loader(name)))
    # psycopg reads any other type with the loader of the unknown one.
    adapters.register_loader(_UNKNOWN_OID, _psycopg_loader("text"))
    return adapters


def _text(value: Value) -> bytes:
    match value:
        case bool():
            return b"t" if value else b"f"
        case bytes():
            return b"\\x" + value.hex().encode()
        case float():
            return repr(value).encode()
        case _:
            return str(value).encode()


def _psycopg_loader(name: str) -> type[Any]:
    loader = psycopg_adapters.get_loader(types[name].oid, pq.Format.TEXT)
    assert loader is not None
    return loader


def _register(adapters: AdaptersMap, name: str, loader: type[Any]) -> None:
    adapters.register_loader(types[name].oid, loader)


def _lenient(inner: type[Any]) -> type[Loader]:
    """A loader that gives PostgreSQL's own text where Python's class ends: infinity, years before 1 and after 9999."""

    class Lenient(Loader):
        def __init__(self, oid: int, context: Any = None) -> None:
            super().__init__(oid, context)
            self._inner = inner(oid, context)

        def load(self, data: Buffer) -> Any:
            try:
                return self._inner.load(data)
            except DataError:
                return bytes(data).decode()

    return Lenient


_BY_STATE: Final = {
    "23505": ErrorClass.UNIQUE_VIOLATION,
    "23P01": ErrorClass.UNIQUE_VIOLATION,  # exclusion_violation: an EXCLUDE constraint generalises UNIQUE
    "23502": ErrorClass.NOT_NULL_VIOLATION,
    "23503": ErrorClass.FOREIGN_KEY_VIOLATION,
    "23001": ErrorClass.FOREIGN_KEY_VIOLATION,  # restrict_violation: ON DELETE RESTRICT, since PostgreSQL 18
    "23514": ErrorClass.CHECK_VIOLATION,
    "44000": ErrorClass.CHECK_VIOLATION,  # with_check_option_violation
    "42601": ErrorClass.SYNTAX_ERROR,
    "42702": ErrorClass.SYNTAX_ERROR,  # ambiguous_column
    "42803": ErrorClass.SYNTAX_ERROR,  # grouping_error
    "42P20": ErrorClass.SYNTAX_ERROR,  # windowing_error
    "42P10": ErrorClass.SYNTAX_ERROR,  # invalid_column_reference
    "42P01": ErrorClass.UNDEFINED_TABLE,
    "42703": ErrorClass.UNDEFINED_COLUMN,
    "42883": ErrorClass.UNDEFINED_FUNCTION,
    "42725": ErrorClass.UNDEFINED_FUNCTION,  # ambiguous_function
    "42704": ErrorClass.UNDEFINED_OBJECT,
    "3F000": ErrorClass.UNDEFINED_OBJECT,  # invalid_schema_name
    "3D000": ErrorClass.UNDEFINED_OBJECT,  # invalid_catalog_name
    "26000": ErrorClass.UNDEFINED_OBJECT,  # invalid_sql_statement_name
    "34000": ErrorClass.UNDEFINED_OBJECT,  # invalid_cursor_name
    "42P02": ErrorClass.UNDEFINED_OBJECT,  # undefined_parameter
    "42P07": ErrorClass.DUPLICATE_TABLE,
    "42710": ErrorClass.DUPLICATE_OBJECT,
    "42701": ErrorClass.DUPLICATE_OBJECT,  # duplicate_column
    "42712": ErrorClass.DUPLICATE_OBJECT,  # duplicate_alias
    "42723": ErrorClass.DUPLICATE_OBJECT,  # duplicate_function
    "42P06": ErrorClass.DUPLICATE_OBJECT,  # duplicate_schema
    "42P04": ErrorClass.DUPLICATE_OBJECT,  # duplicate_database
    "42P05": ErrorClass.DUPLICATE_OBJECT,  # duplicate_prepared_statement
    "42P03": ErrorClass.DUPLICATE_OBJECT,  # duplicate_cursor
    "42804": ErrorClass.DATATYPE_MISMATCH,
    "42846": ErrorClass.DATATYPE_MISMATCH,  # cannot_coerce
    "42P18": ErrorClass.DATATYPE_MISMATCH,  # indeterminate_datatype
    "42P21": ErrorClass.DATATYPE_MISMATCH,  # collation_mismatch
    "22003": ErrorClass.NUMERIC_VALUE_OUT_OF_RANGE,
    "22008": ErrorClass.NUMERIC_VALUE_OUT_OF_RANGE,  # datetime_field_overflow
    "22015": ErrorClass.NUMERIC_VALUE_OUT_OF_RANGE,  # interval_field_overflow
    "22012": ErrorClass.DIVISION_BY_ZERO,
    "22001": ErrorClass.STRING_DATA_RIGHT_TRUNCATION,
    "22P02": ErrorClass.INVALID_TEXT_REPRESENTATION,
    "22007": ErrorClass.INVALID_TEXT_REPRESENTATION,  # invalid_datetime_format
    "22021": ErrorClass.INVALID_TEXT_REPRESENTATION,  # character_not_in_repertoire
    "22030": ErrorClass.INVALID_TEXT_REPRESENTATION,  # duplicate_json_object_key_value
    "22032": ErrorClass.INVALID_TEXT_REPRESENTATION,  # invalid_json_text
    "22P05": ErrorClass.INVALID_TEXT_REPRESENTATION,  # untranslatable_character
    "55P03": ErrorClass.LOCK_NOT_AVAILABLE,
    "40P01": ErrorClass.DEADLOCK_DETECTED,
    "40001": ErrorClass.SERIALIZATION_FAILURE,
    "25P02": ErrorClass.IN_FAILED_SQL_TRANSACTION,
    "25P01": ErrorClass.NO_ACTIVE_TRANSACTION,
    "25001": ErrorClass.ACTIVE_SQL_TRANSACTION,
    "3B001": ErrorClass.INVALID_SAVEPOINT_SPECIFICATION,
    "57014": ErrorClass.QUERY_CANCELED,
    "57P01": ErrorClass.CONNECTION_LOST,  # admin_shutdown: pg_terminate_backend too
    "57P02": ErrorClass.CONNECTION_LOST,  # crash_shutdown
    "57P03": ErrorClass.CONNECTION_LOST,  # cannot_connect_now
    "57P05": ErrorClass.CONNECTION_LOST,  # idle_session_timeout
    "25P03": ErrorClass.CONNECTION_LOST,  # idle_in_transaction_session_timeout
    "25P04": ErrorClass.CONNECTION_LOST,  # transaction_timeout
    "08000": ErrorClass.CONNECTION_LOST,
    "08003": ErrorClass.CONNECTION_LOST,
    "08006": ErrorClass.CONNECTION_LOST,
    "25006": ErrorClass.READ_ONLY,
    "53100": ErrorClass.DISK_FULL,
    "53200": ErrorClass.IO_ERROR,  # out_of_memory
    "58030": ErrorClass.IO_ERROR,
    "58P01": ErrorClass.IO_ERROR,  # undefined_file
    "XX001": ErrorClass.DATA_CORRUPTED,
    "XX002": ErrorClass.DATA_CORRUPTED,  # index_corrupted
    "42501": ErrorClass.INSUFFICIENT_PRIVILEGE,
    "28000": ErrorClass.INSUFFICIENT_PRIVILEGE,  # invalid_authorization_specification
    "28P01": ErrorClass.INSUFFICIENT_PRIVILEGE,  # invalid_password
    "0A000": ErrorClass.FEATURE_NOT_SUPPORTED,
    "42809": ErrorClass.FEATURE_NOT_SUPPORTED,  # wrong_object_type
    "55000": ErrorClass.FEATURE_NOT_SUPPORTED,  # object_not_in_prerequisite_state, as a view that takes no rows
    "428C9": ErrorClass.FEATURE_NOT_SUPPORTED,  # generated_always
    "2BP01": ErrorClass.FEATURE_NOT_SUPPORTED,  # dependent_objects_still_exist
}


DECLARED: Final = frozenset({*_BY_STATE.values(), ErrorClass.CONNECTION_CLOSED, ErrorClass.POOL_TIMEOUT})
"""The classes that the adapter can give; each is provoked on the engine by the conformance suite."""


def failed(sqlstate: str | None, text: str) -> Failed:
    """An error that the server sent. Without a SQLSTATE it is libpq's own: the connection is gone."""
    if sqlstate is None:
        return lost(text)
    error_class = _BY_STATE.get(sqlstate, ErrorClass.OTHER)
    return Failed(error_class, text, sqlstate, _native(sqlstate))


def lost(text: str) -> Failed:
    """The connection broke under the statement."""
    return Failed(ErrorClass.CONNECTION_LOST, _first_line(text), ErrorClass.CONNECTION_LOST.sqlstate)


def closed() -> Failed:
    """The connection was closed on this side."""
    return Failed(ErrorClass.CONNECTION_CLOSED, "the connection is closed", ErrorClass.CONNECTION_CLOSED.sqlstate)


def raised(error: BaseException) -> Failed:
    """What psycopg or its pool raised, as an outcome."""
    sqlstate = getattr(error, "sqlstate", None)
    diagnostic = getattr(error, "diag", None)
    text = getattr(diagnostic, "message_primary", None) or _first_line(str(error)) or type(error).__name__
    if sqlstate is not None:
        return failed(sqlstate, text)
    names = {cls.__name__ for cls in type(error).__mro__}
    if "OperationalError" in names or "InterfaceError" in names:
        return closed() if "is closed" in text else lost(text)
    return Failed(ErrorClass.OTHER, f"{type(error).__name__}: {text}")


def _native(sqlstate: str) -> int | None:
    # PostgreSQL numbers nothing. A SQLSTATE that is a number can stand beside another class: in a circle that was broken.
    return int(sqlstate) if sqlstate.isdecimal() else None


def _first_line(text: str) -> str:
    # libpq explains itself on further lines; they depend on its version and on where the server is.
    return text.strip().partition("\n")[0]
