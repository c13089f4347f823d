"""A connection to a SQL Server, and how its session is set up."""

from __future__ import annotations

import struct
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

from simdsl.backends.mssql.place import Place, connection_string
from simdsl.backends.odbc import driver as odbc
from simdsl.backends.odbc.driver import Connection

# SQL_SS_TIMESTAMPOFFSET, which pyodbc does not know, and its structure: year to second, nanoseconds, hours and minutes.
# https://learn.microsoft.com/sql/relational-databases/native-client-odbc-date-time/data-type-support-for-odbc-date-and-time-improvements
_DATETIMEOFFSET: Final = -155
_STRUCTURE: Final = struct.Struct("<6hI2h")

_GREETING: Final = (
    "SET LANGUAGE us_english",  # inside one number the message decides
    "SET DATEFORMAT ymd",
    "SET XACT_ABORT OFF",
    "SET LOCK_TIMEOUT -1",
    "SET IMPLICIT_TRANSACTIONS OFF",
    "SET NOCOUNT OFF",
    "SET QUOTED_IDENTIFIER ON",
    "SET ANSI_NULLS ON",
    "SET ANSI_PADDING ON",
    "SET ANSI_WARNINGS ON",
    "SET ARITHABORT ON",
    "SET CONCAT_NULL_YIELDS_NULL ON",
)


def connect(place: Place, driver: str, database: str) -> Connection:
    """A connection to a database of this server. Raises the driver's errors, and ``BackendUnavailable``."""
    connection = odbc.connect(connection_string(place, driver, database))
    connection.add_output_converter(_DATETIMEOFFSET, moment)
    return connection


def greeting(number: int) -> str:
    """What the session of this number says first.

    The deadlock monitor comes by every five seconds, and after it has found one more often: if it should be there before
    simdsl, then its victim is at least the same one every time, the session that was opened last.
    """
    priority = max(-10, 10 - number)
    return "; ".join((*_GREETING, f"SET DEADLOCK_PRIORITY {priority}"))


def moment(raw: bytes) -> datetime:
    """A datetimeoffset as the driver hands it over. Raises ``ValueError`` for anything else."""
    if len(raw) != _STRUCTURE.size:
        raise ValueError(f"the driver gives a datetimeoffset in {len(raw)} bytes, not in {_STRUCTURE.size}")
    year, month, day, hour, minute, second, nanoseconds, zone_hours, zone_minutes = _STRUCTURE.unpack(raw)
    zone = timezone(timedelta(hours=zone_hours, minutes=zone_minutes))
    there = datetime(year, month, day, hour, minute, second, nanoseconds // 1_000, tzinfo=zone)
    return there.astimezone(UTC)
