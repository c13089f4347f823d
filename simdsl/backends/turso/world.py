"""One Turso database, in a file of ours and in a process that has it open."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from simdsl.backends.sqlite.driver import Driver
from simdsl.backends.sqlite.files import FileWorld
from simdsl.backends.sqlite.place import Place
from simdsl.backends.turso.driver import Engine, failed
from simdsl.backends.turso.session import TursoSession
from simdsl.plan.ir import Reset
from simdsl.plan.outcomes import Failed, Rows


class TursoWorld(FileWorld[TursoSession]):
    """See ``protocol.World``.

    When the process dies, its sessions are lost and stay so. Whatever is opened after that, and whatever the world itself
    does, finds a new process over what the old one left on disk.
    """

    side_files: ClassVar[tuple[str, ...]] = (*FileWorld.side_files, "-log")
    own_tables: ClassVar[tuple[str, ...]] = (*FileWorld.own_tables, "__turso_internal_")

    def __init__(self, place: Place, pool: str | None, version: str, limit_us: int) -> None:
        self._engine = Engine(limit_us)
        driver = Driver(
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
