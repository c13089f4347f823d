"""The backends that a call names: by URLs, or by options such as ``--pg-host``, ``--turso-db-path`` and ``--mssql-user``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import quote

from simdsl.backends.protocol import Backend, BackendUnavailable
from simdsl.backends.registry import resolve
from simdsl.cli.errors import unavailable, usage
from simdsl.plan.codes import Code
from simdsl.report.secrets import Secrets, secrets_given

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
            raise usage(
                Code.U008, f"--{name} has no effect without `--backend {named}`", help=f"give `--backend {named}` too"
            )
        if selector not in _BACKENDS[family]:
            raise usage(Code.U008, f"--{name} and a URL both say where the backend is", help="give only one of them")
    return f"{alias}{equals}{_url(given)}"


def resolve_backends(urls: Sequence[str]) -> tuple[Backend, ...]:
    """The backends of these URLs. Raises ``Stop`` if there is no such backend, or its driver cannot be used."""
    return tuple(map(_resolve, urls))


def describe_backends(urls: Sequence[str], backends: Sequence[Backend], secrets: Secrets) -> str:
    """The backends with the versions of engines and drivers, in one line. Raises ``Stop`` if one cannot be reached."""
    told: list[str] = []
    for url, backend in zip(urls, backends, strict=True):
        try:
            description = backend.describe()
        except BackendUnavailable as error:
            raise unavailable(error, secrets, url) from error
        told.append(f"{backend.name} ({description.engine} {description.engine_version}, {description.driver})")
    return " against ".join(told)


def _resolve(url: str) -> Backend:
    try:
        return resolve(url)
    except BackendUnavailable as error:
        raise unavailable(error, secrets_given(url), url) from error


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
