"""A session over one connection of Turso's: a statement is one question to the engine's process."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from simdsl.backends.protocol import Statement
from simdsl.backends.sqlite.session import AtOnceSession, fitted
from simdsl.backends.turso.driver import failed
from simdsl.plan.ir import SqlKind
from simdsl.plan.outcomes import Affected, ErrorClass, Failed, Outcome, Rows
from simdsl.plan.values import Value

_NOTHING: Final = Affected(None)
_DML: Final = SqlKind.DML
_OTHER: Final = SqlKind.OTHER


class TursoSession(AtOnceSession):
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
            width, rows, count = connection.run(statement.text, fitted(arguments) if arguments else (), kind is _DML)
        except Exception as error:  # whatever a connection raises is an outcome of the statement
            return failed(error)
        if width:
            return Rows(width, rows, count if kind is _DML else None)
        if kind is _DML or (kind is _OTHER and statement.text.lstrip()[:4].upper() == "WITH"):
            return Affected(count)
        return _NOTHING
