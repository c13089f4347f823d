"""The DB-API module under the sqlite backend (the stdlib's or a replacement), and versions of installed packages."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from simdsl.backends.protocol import BackendUnavailable
from simdsl.plan.dataclasses import dataclass

if TYPE_CHECKING:
    import sqlite3


STDLIB: Final = "sqlite3"
APSW: Final = "apsw"
_ADAPTED: Final = MappingProxyType({APSW: "simdsl.backends.sqlite.apsw_driver"})
"""Drivers that speak another way, and the modules that make them speak as the stdlib does."""

_SHARED_CACHE: Final = "file:{name}?mode=memory&cache=shared"
_ARGUMENTS: Final = MappingProxyType({"timeout": 0, "isolation_level": None, "check_same_thread": False})


@dataclass(frozen=True, slots=True, kw_only=True)
class SqliteDriver:
    """What the backend needs of a module that speaks PEP 249 as the stdlib's ``sqlite3`` does."""

    name: str
    version: str
    engine_version: str
    module_connect: Callable[..., Any]
    tells_codes: bool  # its exceptions carry ``sqlite_errorcode``; without it, messages classify
    memory: str = _SHARED_CACHE  # where a database in memory is that several connections share, with ``{name}`` in it

    def connect(self, target: str) -> sqlite3.Connection:
        """A connection that begins no transaction by itself and never waits. ``target`` is a file or a URI."""
        connection: sqlite3.Connection = self.module_connect(target, uri=target.startswith("file:"), **_ARGUMENTS)
        return connection

    @property
    def label(self) -> str:
        """How reports call it, with what it lacks."""
        if self.name == STDLIB:
            return "sqlite3 (stdlib)"
        return self.name if self.tells_codes else f"{self.name} (no error codes: messages classify)"


def load_driver(name: str) -> SqliteDriver:
    """The driver of this module name. Raises ``BackendUnavailable``."""
    try:
        module = import_module(_ADAPTED.get(name, name))
    except ImportError as error:
        if name == APSW:
            raise BackendUnavailable("the driver `apsw` is not installed: pip install 'simdsl[apsw]'") from None
        raise BackendUnavailable(f"the driver `{name}` cannot be imported: {error}") from None
    except Exception as error:  # a module of the user's may fail in any way while it loads
        raise BackendUnavailable(f"the driver `{name}` fails to load: {type(error).__name__}: {error}") from None
    connect = getattr(module, "connect", None)
    if not callable(connect):
        raise BackendUnavailable(f"the driver `{name}` is no DB-API module: it has no `connect`")
    return SqliteDriver(
        name=name,
        version=_module_version(module),
        engine_version=str(getattr(module, "sqlite_version", "unknown")),
        module_connect=connect,
        memory=module.MEMORY if name in _ADAPTED else _SHARED_CACHE,
        tells_codes=name == STDLIB or _tells_codes(name, connect),
    )


def _tells_codes(name: str, connect: Callable[..., Any]) -> bool:
    try:
        connection = connect(":memory:", **_ARGUMENTS)
    except Exception as error:  # the user's own code
        reason = f"{type(error).__name__}: {error}"
        raise BackendUnavailable(f"the driver `{name}` cannot open a database as sqlite3 does: {reason}") from error
    try:
        connection.cursor().execute("no statement")
    except Exception as error:  # of whatever class the module has for it
        return hasattr(error, "sqlite_errorcode")
    finally:
        connection.close()
    raise BackendUnavailable(f"the driver `{name}` is no SQLite: it runs what is no statement")


def _module_version(module: Any) -> str:
    if module.__name__ == STDLIB:
        return ".".join(map(str, sys.version_info[:3]))
    return str(getattr(module, "__version__", "unknown"))


def package_version(module: str, distribution: str) -> str | None:
    """The version of the distribution that brought this module; None where it is not installed."""
    place = package_directory(module)
    if place is None:
        return None
    found = sorted(place.glob(f"{distribution}-*.dist-info"))
    return found[-1].name.removesuffix(".dist-info").partition("-")[2] if found else "unknown"


def package_directory(module: str) -> Path | None:
    """The directory from which this module would be imported."""
    spec = find_spec(module)
    return None if spec is None or spec.origin is None else Path(spec.origin).parent.parent
