"""Where databases are made: on the throwaway server, or on one that the user named."""

from __future__ import annotations

import re
from dataclasses import field
from typing import Any, Final

import psycopg
from psycopg import conninfo, sql

from simdsl.backends.postgres.embedded_server import DatabaseNames, UniqueNames, shared
from simdsl.backends.postgres.results import raised
from simdsl.backends.protocol import BackendUnavailable
from simdsl.plan.deferred import dataclass
from simdsl.plan.outcomes import ErrorClass

# For equal traces in every run: sequential scans begin at the first page, not where another scan is, and no parallel worker
# delivers rows in its own time.
_OPTIONS: Final = (
    "-c timezone=UTC -c datestyle=ISO -c intervalstyle=postgres -c extra_float_digits=1 -c bytea_output=hex "
    "-c synchronize_seqscans=off -c max_parallel_workers_per_gather=0"
)

_PATIENT: Final = "-c deadlock_timeout=1h"
_CONNECT_TIMEOUT_S: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetDatabase:
    """A database, or a schema in one, of one ``PostgresDatabase``. ``parameters`` are libpq's, for ``connect``."""

    parameters: dict[str, Any] = field(repr=False)
    database: str
    schema: str | None  # None: the whole database is ours
    is_superuser: bool

    def connect(self) -> psycopg.Connection[Any]:
        """A connection in autocommit mode, on which only ``session`` prepares statements. Raises psycopg's errors."""
        return psycopg.connect(**self.parameters, autocommit=True, prepare_threshold=None)


class DatabaseProvisioner:
    """Creates a database on a server, or a schema where the role may create no database.

    ``parameters`` are libpq's; what they leave out comes from libpq's environment and defaults. What was not made here is
    never dropped.
    """

    def __init__(self, parameters: dict[str, Any], names: DatabaseNames) -> None:
        self._parameters = parameters
        self._names = names
        self._admin = _connected(_with_options(parameters, _OPTIONS))
        self._options = _OPTIONS
        self.is_superuser = self._admin.pgconn.parameter_status(b"is_superuser") == b"on"
        if self.is_superuser or self._may("SET deadlock_timeout = '1h'"):
            self._options = f"{_OPTIONS} {_PATIENT}"

    @property
    def version(self) -> str:
        """The server's, as it says."""
        return (self._admin.pgconn.parameter_status(b"server_version") or b"").decode()

    def make(self) -> TargetDatabase:
        """A new database, or a new schema where the role may create no database."""
        name = self._names.take()
        try:
            self._create(name, None)
        except psycopg.Error as error:
            self._names.release(name)
            if raised(error).error_class is not ErrorClass.INSUFFICIENT_PRIVILEGE:
                raise _unavailable(error) from error
            return self._make_schema()
        return self._home(name, None)

    def remake(self, target: TargetDatabase, template: str | None) -> None:
        """Drop the database and create it again as a copy of ``template``. No session may be connected to either."""
        try:
            self._drop(target.database)
            self._create(target.database, template)
        except psycopg.Error as error:
            raise _unavailable(error) from error

    def copy(self, target: TargetDatabase) -> str:
        """Create a copy of the database and return its name; no session may be connected to it."""
        name = f"{target.database}_kept"
        try:
            self._create(name, target.database)
        except psycopg.Error as error:
            raise _unavailable(error) from error
        return name

    def give_up(self, target: TargetDatabase, *copies: str) -> None:
        """Drop what ``make`` and ``copy`` created, even with sessions connected."""
        try:
            if target.schema is not None:
                self._run(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(target.schema)))
                return
            for name in (target.database, *copies):
                self._drop(name)
        except psycopg.Error:
            # The server is gone, and with a throwaway one its databases; on a server of the user's nothing more can be done.
            return
        self._names.release(target.database)

    def close(self) -> None:
        """Disconnect."""
        self._admin.close()

    def _make_schema(self) -> TargetDatabase:
        name = UniqueNames().take()
        try:
            self._run(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(name)))
        except psycopg.Error as error:
            raise BackendUnavailable(
                f"postgres: this role may neither make a database nor a schema ({raised(error).text}): `GRANT CREATE ON "
                "DATABASE ...` or `ALTER ROLE ... CREATEDB` lets it"
            ) from error
        return self._home(self._admin.info.dbname, name)

    def _home(self, database: str, schema: str | None) -> TargetDatabase:
        options = self._options if schema is None else f"{self._options} -c search_path={schema}"
        parameters = _with_options({**self._parameters, "dbname": database}, options)
        return TargetDatabase(parameters=parameters, database=database, schema=schema, is_superuser=self.is_superuser)

    def _create(self, name: str, template: str | None) -> None:
        # template0 is as the server's version brings it; template1 holds what administrators have added.
        source = sql.Identifier(template or "template0")
        strategy = sql.SQL(" STRATEGY file_copy") if self._admin.info.server_version >= 150000 else sql.SQL("")
        self._run(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), source) + strategy)

    def _drop(self, name: str) -> None:
        self._run(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def _run(self, statement: sql.Composed) -> None:
        self._admin.execute(statement)

    def _may(self, text: str) -> bool:
        try:
            self._admin.execute(text.encode())
        except psycopg.Error as error:
            if raised(error).error_class is ErrorClass.INSUFFICIENT_PRIVILEGE:
                return False
            raise _unavailable(error) from error
        return True


def embedded_provisioner() -> DatabaseProvisioner:
    """This process's own server, started if need be. Raises ``BackendUnavailable``."""
    server = shared()
    return DatabaseProvisioner(
        {"host": server.host, "port": server.port, "user": server.user, "dbname": "postgres"}, server.names
    )


def external_provisioner(uri: str) -> DatabaseProvisioner:
    """A server that libpq finds by this URI and its environment. Raises ``BackendUnavailable``."""
    try:
        parameters = conninfo.conninfo_to_dict(uri)
    except psycopg.Error as error:
        raise BackendUnavailable(f"postgres: this is no URL of a server: {_one_line(error)}") from error
    parameters.setdefault("connect_timeout", str(_CONNECT_TIMEOUT_S))
    return DatabaseProvisioner(dict(parameters), UniqueNames())


def _connected(parameters: dict[str, Any]) -> psycopg.Connection[Any]:
    try:
        return psycopg.connect(**parameters, autocommit=True)
    except psycopg.Error as error:
        raise _unavailable(error) from error


def _with_options(parameters: dict[str, Any], options: str) -> dict[str, Any]:
    given = parameters.get("options")
    return {**parameters, "options": f"{given} {options}" if given else options}


def _unavailable(error: psycopg.Error) -> BackendUnavailable:
    return BackendUnavailable(f"postgres: {_one_line(error)}")


def _one_line(error: psycopg.Error) -> str:
    return re.sub(r"\s+", " ", error.diag.message_primary or str(error)).strip()
