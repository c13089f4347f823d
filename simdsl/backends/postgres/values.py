"""Values to and from PostgreSQL. Parameters go as text with a type, results come as text and are read by psycopg's loaders.

What Python has no class for in a plan (uuid, json, arrays, intervals, ranges, ``infinity`` as a date ...) comes as the text
that PostgreSQL writes.
"""

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

from simdsl.plan.outcomes import Rows
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
