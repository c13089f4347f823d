"""One Turso database, in a file of ours and in a process that has it open, and its sessions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from simdsl.backends.dbapi.file_backend import FileLocation
from simdsl.backends.dbapi.session import NOTHING, BlockingSession, counts_rows, wrong_argument_count
from simdsl.backends.protocol import Statement
from simdsl.backends.sqlite.database import SqliteFamilyDatabase
from simdsl.backends.sqlite.driver import SqliteDriver
from simdsl.backends.sqlite.session import fit_values
from simdsl.backends.turso.connection import EngineSupervisor, failed
from simdsl.plan.outcomes import Affected, Failed, Outcome, Rows
from simdsl.plan.plan import Reset
from simdsl.plan.sql import SqlKind
from simdsl.plan.values import Value


class TursoSession(BlockingSession):
    """One connection, a ``TursoConnection``."""

    __slots__ = ()

    def start(self, statement: Statement, arguments: Sequence[Value]) -> Outcome:
        """Run the statement to its end."""
        refusal = wrong_argument_count(statement, arguments)
        if refusal is not None:
            return refusal
        connection: Any = self.connection
        is_dml = statement.kind is SqlKind.DML
        try:
            width, rows, count = connection.run(statement.text, fit_values(arguments) if arguments else (), is_dml)
        except Exception as error:  # whatever a connection raises is an outcome of the statement
            return failed(error)
        if width:
            return Rows(width, rows, count if is_dml else None)
        return Affected(count) if counts_rows(statement) else NOTHING


class TursoDatabase(SqliteFamilyDatabase[TursoSession]):
    """See ``protocol.Database``.

    When the engine's process dies, its sessions are lost and stay lost. Sessions that are opened after that, and the
    database's own work, run in a new process over what the old one left on disk.
    """

    side_files: tuple[str, ...] = (*SqliteFamilyDatabase.side_files, "-log")
    own_tables: ClassVar[tuple[str, ...]] = (*SqliteFamilyDatabase.own_tables, "__turso_internal_")

    def __init__(self, location: FileLocation, pool: str | None, version: str, limit_us: int) -> None:
        self._engine = EngineSupervisor(limit_us)
        driver = SqliteDriver(
            name="pyturso",
            version=version,
            engine_version=version,
            module_connect=self._engine.connect,
            tells_codes=False,
        )
        try:
            super().__init__(driver, location, pool)
        except BaseException:  # Ctrl-C too: the process must not outlive a database that was never made
            self._engine.close()
            raise

    @property
    def process_id(self) -> int:
        """Of the process in which the engine runs now."""
        return self._engine.pid

    def wrap_connection(self, connection: Any, number: int) -> TursoSession:
        """The session over a new connection."""
        return TursoSession(connection, number)

    def failed(self, error: BaseException) -> Failed:
        """By the name of the exception, and by the message."""
        return failed(error)

    def reset(self, reset: Reset) -> Failed | None:
        """As for all, in a new process where the old one has died."""
        self._revive()
        return super().reset(reset)

    def snapshot(self) -> None:
        """As for all, in a new process where the old one has died."""
        self._revive()
        super().snapshot()

    def restore(self) -> None:
        """As for all, in a new process where the old one has died."""
        self._revive()
        super().restore()

    def end_state(self) -> Mapping[str, Rows]:
        """As for all, in a new process where the old one has died: after a death, what the engine can recover."""
        self._revive()
        return super().end_state()

    def close(self) -> None:
        """Close everything and end the process. Idempotent."""
        try:
            super().close()
        finally:
            self._engine.close()

    def _revive(self) -> None:
        if self._admin.is_lost:
            self._admin = self._open_admin()
