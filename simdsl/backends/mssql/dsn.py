"""Where a SQL Server is, which ODBC driver reaches it, and how a connection and its session are set up."""

from __future__ import annotations

import re
import struct
import sys
from collections.abc import Mapping
from dataclasses import field
from datetime import UTC, datetime, timedelta, timezone
from importlib.util import find_spec
from pathlib import Path
from platform import machine
from typing import Final
from urllib.parse import unquote

from simdsl.backends.odbc import driver as odbc
from simdsl.backends.odbc.driver import OdbcConnection
from simdsl.backends.protocol import BackendUnavailable
from simdsl.backends.registry import mask
from simdsl.plan.deferred import dataclass, lazy_regex

PORT: Final = 1433
ENCRYPT: Final = ("yes", "no", "strict")
TRUST: Final = ("yes", "no")
_SCHEME: Final = "mssql://"
_PACKAGE: Final = "mssql_python_odbc"  # Microsoft's driver on PyPI: only the library, by whose path it is loaded
_MICROSOFT: Final = lazy_regex(r"ODBC Driver (\d+) for SQL Server")
_FREETDS: Final = lazy_regex(r"freetds|tds", re.IGNORECASE)
_INSTALL: Final = "`pip install 'simdsl[mssql]'` brings Microsoft's, `apt-get install tdsodbc` brings FreeTDS"


@dataclass(frozen=True, slots=True, kw_only=True)
class MssqlDsn:
    """What a URL says of a server. ``user`` None: the driver authenticates by itself (Kerberos)."""

    host: str
    port: int = PORT
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    database: str = "master"  # where simdsl logs in to make its own
    driver: str | None = None
    encrypt: str | None = None
    trust: str | None = None

    @property
    def address(self) -> str:
        """For messages."""
        return f"{self.host}:{self.port}"


def parse_dsn(head: str, query: Mapping[str, str]) -> MssqlDsn:
    """The server that a URL names. Raises ``BackendUnavailable``."""
    rest = head.removeprefix(_SCHEME)
    authority, _, path = rest.partition("/")
    credentials, at, address = authority.rpartition("@")
    user, colon, password = credentials.partition(":")
    host, port = _host_and_port(address)
    if rest == head or not host or port is None or "/" in path or (at and not user):
        raise BackendUnavailable(f"`{mask(head)}` is no SQL Server URL: write mssql://user:password@host:{PORT}")
    return MssqlDsn(
        host=host,
        port=port,
        user=unquote(user) if at else None,
        password=unquote(password) if colon else None,
        database=unquote(path) or "master",
        driver=query.get("driver"),
        encrypt=_one_of("encrypt", query, ENCRYPT),
        trust=_one_of("trust", query, TRUST),
    )


def choose_driver(dsn: MssqlDsn) -> str:
    """The name or path of the ODBC driver. Raises ``BackendUnavailable`` where there is none."""
    if dsn.driver is not None:
        return dsn.driver
    return _packaged() or _registered(odbc.drivers()) or _no_driver()


def connection_string(dsn: MssqlDsn, driver: str, database: str) -> str:
    """What this driver wants to hear. Raises ``BackendUnavailable`` for what it cannot do."""
    attributes = {"DRIVER": driver}
    if is_freetds(driver):
        attributes |= {"SERVER": dsn.host, "PORT": str(dsn.port), "TDS_Version": "7.4", "ClientCharset": "UTF-8"}
    else:
        attributes |= {"SERVER": f"{dsn.host},{dsn.port}"}
    attributes["DATABASE"] = database
    if dsn.user is None:
        attributes["Trusted_Connection"] = "yes"
    else:
        attributes |= {"UID": dsn.user, "PWD": dsn.password or ""}
    return odbc.connection_string(attributes | _encryption(dsn, driver), doubles_braces=not is_freetds(driver))


def is_freetds(driver: str) -> bool:
    """By its name, or by the file's where it is given by path."""
    return _FREETDS.search(Path(driver).name) is not None


def driver_label(driver: str) -> str:
    """How reports call a driver: never by a path of this machine."""
    return Path(driver).name


def _host_and_port(address: str) -> tuple[str, int | None]:
    found = re.fullmatch(r"(\[[^\]]+\]|[^:]*)(?::(\d{1,5}))?", address)
    if found is None:
        return "", None
    port = int(found[2] or PORT)
    return unquote(found[1]).strip("[]"), port if port < 65536 else None


def _one_of(key: str, query: Mapping[str, str], known: tuple[str, ...]) -> str | None:
    value = query.get(key)
    if value is not None and value not in known:
        raise BackendUnavailable(f"{key} is {', '.join(known[:-1])} or {known[-1]}, not `{value}`")
    return value


def _encryption(dsn: MssqlDsn, driver: str) -> dict[str, str]:
    """What is not said stays as the driver has it: Microsoft's encrypts and wants a certificate that it can check."""
    if is_freetds(driver):
        if dsn.trust == "no":
            raise BackendUnavailable("FreeTDS checks no certificates: `trust=no` needs Microsoft's driver")
        words = {"yes": "require", "no": "off", "strict": "strict"}
        return {"Encryption": words[dsn.encrypt]} if dsn.encrypt else {}
    given = {"Encrypt": dsn.encrypt, "TrustServerCertificate": dsn.trust}
    return {key: value for key, value in given.items() if value is not None}


def _packaged() -> str | None:
    spec = find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        return None
    libraries = Path(spec.origin).parent / "libs"
    if sys.platform == "win32":
        found = sorted(libraries.glob("windows/*/msodbcsql*.dll"))
    elif sys.platform == "darwin":
        found = sorted(libraries.glob(f"macos/{machine()}/lib/libmsodbcsql*.dylib"))
    else:
        found = sorted(libraries.glob(f"linux/{_distribution()}/{machine()}/lib/libmsodbcsql*.so*"))
    return str(found[-1]) if found else None


def _distribution() -> str:
    # The four families for which Microsoft builds, told apart as its own loader does.
    if Path("/etc/alpine-release").exists():
        return "alpine"
    if any(Path(f"/etc/{name}-release").exists() for name in ("redhat", "centos")):
        return "rhel"
    if any(Path(f"/etc/{name}").exists() for name in ("SuSE-release", "SUSE-brand")):
        return "suse"
    return "debian_ubuntu"


def _registered(names: tuple[str, ...]) -> str | None:
    microsoft = [(int(found[1]), name) for name in names if (found := _MICROSOFT.fullmatch(name))]
    if microsoft:
        return max(microsoft)[1]
    return next((name for name in names if _FREETDS.search(name)), None)


def _no_driver() -> str:
    raise BackendUnavailable(f"there is no ODBC driver for SQL Server: {_INSTALL}")


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


def connect(dsn: MssqlDsn, driver: str, database: str) -> OdbcConnection:
    """A connection to a database of this server. Raises the driver's errors, and ``BackendUnavailable``."""
    connection = odbc.connect(connection_string(dsn, driver, database))
    connection.add_output_converter(_DATETIMEOFFSET, decode_datetimeoffset)
    return connection


def session_setup_sql(number: int) -> str:
    """What the session of this number says first.

    The deadlock monitor comes by every five seconds, and after it has found one more often: if it should be there before
    simdsl, then its victim is at least the same one every time, the session that was opened last.
    """
    priority = max(-10, 10 - number)
    return "; ".join((*_GREETING, f"SET DEADLOCK_PRIORITY {priority}"))


def decode_datetimeoffset(raw: bytes) -> datetime:
    """A datetimeoffset as the driver hands it over. Raises ``ValueError`` for anything else."""
    if len(raw) != _STRUCTURE.size:
        raise ValueError(f"the driver gives a datetimeoffset in {len(raw)} bytes, not in {_STRUCTURE.size}")
    year, month, day, hour, minute, second, nanoseconds, zone_hours, zone_minutes = _STRUCTURE.unpack(raw)
    zone = timezone(timedelta(hours=zone_hours, minutes=zone_minutes))
    there = datetime(year, month, day, hour, minute, second, nanoseconds // 1_000, tzinfo=zone)
    return there.astimezone(UTC)
