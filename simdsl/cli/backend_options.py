"""Where a backend is, by options instead of a URL: ``--pg-host``, ``--turso-db-path``, ``--mssql-user`` and their like."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

from simdsl.cli.errors import usage
from simdsl.plan.codes import Code

_BACKENDS: Final = {"pg": ("postgres", "postgresql"), "turso": ("turso",), "mssql": ("mssql",)}


def backend_url(backend: str, options: Mapping[str, str | int | None]) -> str:
    """The URL that the options mean. Their names are those of the command line without the dashes: ``pg-host``.

    Raises ``Stop`` where they belong to another backend, or where a URL says already where the backend is.
    """
    given = {name: str(value) for name, value in options.items() if value is not None}
    if not given:
        return backend
    alias, equals, selector = backend.rpartition("=") if "://" not in backend and "?" not in backend else ("", "", backend)
    for name in given:
        family = name.partition("-")[0]
        if selector.partition(":")[0].partition("?")[0] not in _BACKENDS[family]:
            named = _BACKENDS[family][0]
            raise usage(Code.U008, f"--{name} goes with `--backend {named}`", help=f"give `--backend {named}` too")
        if selector not in _BACKENDS[family]:
            raise usage(Code.U008, f"--{name} and a URL both say where the backend is", help="give one of them")
    return f"{alias}{equals}{_url(given)}"


def _url(given: Mapping[str, str]) -> str:
    family = next(iter(given)).partition("-")[0]
    values = {name.removeprefix(f"{family}-"): value for name, value in given.items()}
    match family:
        case "turso":
            return f"turso:///{quote(values['db-path'], safe='/:')}"
        case "mssql":
            return _server("mssql", values, {"driver": values.get("driver")})
        case _:
            # libpq takes all of it as parameters, and a host may be the directory of a socket.
            return f"postgresql://?{_query(values)}"


def _server(scheme: str, values: Mapping[str, str], query: Mapping[str, str | None]) -> str:
    user = quote(values.get("user", ""), safe="")
    password = f":{quote(values['password'], safe='')}" if "password" in values else ""
    port = f":{values['port']}" if "port" in values else ""
    at = "@" if user or password else ""
    place = f"{scheme}://{user}{password}{at}{values.get('host', 'localhost')}{port}/{quote(values.get('dbname', ''))}"
    asked = _query({key: value for key, value in query.items() if value is not None})
    return f"{place}?{asked}" if asked else place


def _query(values: Mapping[str, str]) -> str:
    return "&".join(f"{key}={quote(value, safe='')}" for key, value in values.items())
