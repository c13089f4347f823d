"""One Turso database, in a file of ours and in a process that has it open, and its sessions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

from simdsl.backends.protocol import Statement
from simdsl.backends.sqlite.database import FileDatabase
from simdsl.backends.sqlite.driver import SqliteDriver
from simdsl.backends.sqlite.location import FileLocation
from simdsl.backends.sqlite.session import BlockingSession, fit_values
from simdsl.backends.turso.connection import EngineSupervisor, failed
from simdsl.plan.outcomes import Affected, ErrorClass, Failed, Outcome, Rows
from simdsl.plan.plan import Reset
from simdsl.plan.sql import SqlKind
from simdsl.plan.values import Value

_NOTHING: Final = Affected(None)


_DML: Final = SqlKind.DML


_OTHER: Final = SqlKind.OTHER


class TursoSession(BlockingSession):
    """One connection, a ``TursoConnection``."""

    __slots__ = ()

    def start(self, statement: Statement, arguments: Sequence[Value]) -> Outcome:
        """Run the statement to its end."""
        connection: Any = self.connection
        if len(arguments) != len(statement.parameters):
            # The driver would bind NULL to what is missing.
            text = f"{len(arguments)} values for {len(statement.parameters)} parameters"
            return Failed(ErrorClass.OTHER, text, by="simdsl")
        kind = statement.kind
        try:
            width, rows, count = connection.run(statement.text, fit_values(arguments) if arguments else (), kind is _DML)
        except Exception as error:  # whatever a connection raises is an outcome of the statement
            return failed(error)
        if width:
            return Rows(width, rows, count if kind is _DML else None)
        if kind is _DML or (kind is _OTHER and statement.text.lstrip()[:4].upper() == "WITH"):
            return Affected(count)
        return _NOTHING


class TursoDatabase(FileDatabase[TursoSession]):
    """See ``protocol.World``.

    When the process dies, its sessions are lost and stay so. Whatever is opened after that, and whatever the world itself
    does, finds a new process over what the old one left on disk.
    """

    side_files: ClassVar[tuple[str, ...]] = (*FileDatabase.side_files, "-log")
    own_tables: ClassVar[tuple[str, ...]] = (*FileDatabase.own_tables, "__turso_internal_")

    def __init__(self, place: FileLocation, pool: str | None, version: str, limit_us: int) -> None:
        self._engine = EngineSupervisor(limit_us)
        driver = SqliteDriver(
            name="pyturso",
            version=version,
            engine_version=version,
            module_connect=self._engine.connect,
            tells_codes=False,
        )
        try:
            super().__init__(driver, place, pool)
        except BaseException:  # Ctrl-C too: what was made is given up
            self._engine.close()
            raise

    @property
    def process_id(self) -> int:
        """Of the process in which the engine runs now."""
        return self._engine.pid

    def make_session(self, connection: Any, number: int) -> TursoSession:
        """The session around a new connection."""
        return TursoSession(connection, number)

    def failed(self, error: BaseException) -> Failed:
        """By the name of the exception, and by the message."""
        return failed(error)

    def reset(self, reset: Reset) -> Failed | None:
        """As any, in a new process if need be."""
        self._awake()
        return super().reset(reset)

    def snapshot(self) -> None:
        """As any, in a new process if need be."""
        self._awake()
        super().snapshot()

    def restore(self) -> None:
        """As any, in a new process if need be."""
        self._awake()
        super().restore()

    def end_state(self) -> Mapping[str, Rows]:
        """As any, in a new process if need be: after a death, what the engine can recover."""
        self._awake()
        return super().end_state()

    def close(self) -> None:
        """Close everything and end the process. Idempotent."""
        try:
            super().close()
        finally:
            self._engine.close()

    def _awake(self) -> None:
        if self._keeper.is_lost:
            self._keeper = self._keep()
