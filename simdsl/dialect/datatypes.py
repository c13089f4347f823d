"""Types of columns, by target: a closed list."""

from __future__ import annotations

from typing import Final

from simdsl.dialect.dialect_pair import DialectPair, Unsupported
from simdsl.dialect.sqlglot_adapter import exp
from simdsl.plan.sql import Dialect

SERIALS: Final = (exp.DType.SERIAL, exp.DType.BIGSERIAL, exp.DType.SMALLSERIAL)


def render_type(kind: exp.DataType, route: DialectPair, written: str, *, is_key: bool) -> str:
    """The type as the target writes it; ``written`` is its first word. Raises ``Unsupported``."""
    said = written or kind.sql(route.source.value)
    sizes = [size.name for size in kind.expressions]
    if kind.this in (exp.DType.DECIMAL, exp.DType.UDECIMAL):
        return _decimal(sizes, said, route)
    if kind.this in _TEXTS:
        return _text(kind.this, sizes, said, route, is_key)
    names = _NAMES.get(kind.this)
    name = names.get(route.target) if names else None
    if kind.this is exp.DType.FLOAT and route.source is Dialect.SQLITE:
        name = _NAMES[exp.DType.DOUBLE][route.target]  # all reals of SQLite have 64 bits
    elif kind.this is exp.DType.FLOAT and route.target is not Dialect.TSQL:
        raise Unsupported("the type REAL, which has 32 bits", "write DOUBLE PRECISION")
    if name is None or (sizes and kind.this not in (exp.DType.INT,)):
        raise Unsupported(f"the type {said}")
    if is_key and name in ("VARBINARY(MAX)", "LONGBLOB"):
        raise Unsupported(f"the type {said} in a key")
    return name


def _decimal(sizes: list[str], said: str, route: DialectPair) -> str:
    if not sizes and route.target in (Dialect.TSQL, Dialect.DUCKDB, Dialect.MYSQL):
        raise Unsupported(f"the type {said} without a size, which is another one everywhere", "write NUMERIC(p, s)")
    return "NUMERIC" + (f"({', '.join(sizes)})" if sizes else "")


def _text(kind: exp.DType, sizes: list[str], said: str, route: DialectPair, is_key: bool) -> str:
    if kind in (exp.DType.CHAR, exp.DType.NCHAR) and route.source is Dialect.POSTGRES:
        raise Unsupported(f"the type {said}, which pads", "write VARCHAR(n)")
    size = f"({sizes[0]})" if sizes else ""
    match route.target:
        case Dialect.TSQL:
            # What is in a key may have 900 bytes; else a text has no limit. The databases of a server usually ignore the
            # case, which neither SQLite nor PostgreSQL does.
            return f"NVARCHAR{size or ('(450)' if is_key else '(MAX)')} COLLATE Latin1_General_100_BIN2"
        case Dialect.MYSQL:
            return f"VARCHAR{size}" if size else "VARCHAR(191)" if is_key else "LONGTEXT"
        case _:
            return f"VARCHAR{size}" if size else "TEXT"


_TEXTS: Final = (exp.DType.TEXT, exp.DType.VARCHAR, exp.DType.CHAR, exp.DType.NCHAR, exp.DType.NVARCHAR)


def _everywhere(name: str, **others: str) -> dict[Dialect, str]:
    return {dialect: others.get(dialect.value, name) for dialect in Dialect if others.get(dialect.value, name)}


_NAMES: Final = {
    exp.DType.INT: _everywhere("INTEGER", tsql="INT", mysql="INT"),
    exp.DType.BIGINT: _everywhere("BIGINT"),
    exp.DType.SMALLINT: _everywhere("SMALLINT"),
    exp.DType.TINYINT: _everywhere("SMALLINT"),  # PostgreSQL has none, and SQL Server's has no sign
    exp.DType.MEDIUMINT: _everywhere("INTEGER", tsql="INT", mysql="INT"),
    exp.DType.FLOAT: _everywhere("REAL", mysql="FLOAT"),
    exp.DType.DOUBLE: _everywhere("DOUBLE PRECISION", tsql="FLOAT", duckdb="DOUBLE", mysql="DOUBLE", sqlite="REAL"),
    exp.DType.BOOLEAN: _everywhere("BOOLEAN", tsql="BIT"),
    exp.DType.VARBINARY: _everywhere("BLOB", postgres="BYTEA", tsql="VARBINARY(MAX)", mysql="LONGBLOB"),
    exp.DType.BLOB: _everywhere("BLOB", postgres="BYTEA", tsql="VARBINARY(MAX)", mysql="LONGBLOB"),
    exp.DType.DATE: _everywhere("DATE", sqlite="TEXT"),
    exp.DType.TIME: _everywhere("TIME", sqlite="TEXT"),
    exp.DType.DATETIME: _everywhere("TIMESTAMP", tsql="DATETIME2", mysql="DATETIME(6)", sqlite="TEXT"),
    exp.DType.TIMESTAMP: _everywhere("TIMESTAMP", tsql="DATETIME2", mysql="DATETIME(6)", sqlite="TEXT"),
    exp.DType.TIMESTAMPTZ: _everywhere("TIMESTAMPTZ", tsql="DATETIMEOFFSET", mysql="", sqlite=""),
    exp.DType.UUID: _everywhere("UUID", tsql="UNIQUEIDENTIFIER", mysql="", sqlite=""),
    exp.DType.SERIAL: _everywhere("INTEGER", tsql="INT", mysql="INT"),
    exp.DType.BIGSERIAL: _everywhere("BIGINT"),
    exp.DType.SMALLSERIAL: _everywhere("SMALLINT"),
}
