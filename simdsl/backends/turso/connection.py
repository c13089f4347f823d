"""Connections of pyturso's, as seen from the other side of a process boundary, and what their errors mean.

Measured on 0.8.3: ``BusySnapshot`` and ``IoError`` are no ``turso.Error``, so the names of classes are compared and none is
imported; integers beyond 64 bits would become reals and missing values NULL, which the session prevents; in MVCC mode a
write-write conflict ends the transaction, which ``in_transaction`` tells after every statement.
"""

from __future__ import annotations

from typing import Any, Final

from simdsl.backends.dbapi.session import BufferedResult
from simdsl.backends.sqlite.errors import class_by_message
from simdsl.backends.turso import child
from simdsl.backends.turso.process import EngineDied, EngineLost, EngineProcess
from simdsl.plan.outcomes import ErrorClass, Failed
from simdsl.plan.regexes import lazy_regex

_CLASSES: Final = {
    "BusySnapshot": ErrorClass.SNAPSHOT_CONFLICT,
    "IoError": ErrorClass.IO_ERROR,
    "PanicException": ErrorClass.DRIVER_PANIC,
}

# What Turso says in words of its own. The rest are SQLite's, behind a prefix such as "Parse error: ".
_MESSAGES: Final = (
    ("Write-write conflict", ErrorClass.SERIALIZATION_FAILURE),
    ("query_only mode", ErrorClass.READ_ONLY),
    ("extension loading is disabled", ErrorClass.INSUFFICIENT_PRIVILEGE),
    ("Cannot drop system table", ErrorClass.INSUFFICIENT_PRIVILEGE),
    ("reserved for internal use", ErrorClass.INSUFFICIENT_PRIVILEGE),
    ("is an experimental feature", ErrorClass.FEATURE_NOT_SUPPORTED),
    ("only supported when MVCC", ErrorClass.FEATURE_NOT_SUPPORTED),
    ("require an exclusive transaction", ErrorClass.FEATURE_NOT_SUPPORTED),
    ("No such index", ErrorClass.UNDEFINED_OBJECT),
    ("no such database", ErrorClass.UNDEFINED_TABLE),
    ("with no arguments", ErrorClass.UNDEFINED_FUNCTION),
    ("unexpected parameter value", ErrorClass.INVALID_TEXT_REPRESENTATION),
    ("Corrupt", ErrorClass.DATA_CORRUPTED),
    ("Invalid page type", ErrorClass.DATA_CORRUPTED),
    ("Connection closed", ErrorClass.CONNECTION_CLOSED),
)

_PREFIX: Final = lazy_regex(r"^[A-Z][a-z]+ error: ")
_CLOSED: Final = Failed(ErrorClass.CONNECTION_CLOSED, "the connection is closed")


class TursoError(Exception):
    """What a question came to that has no answer, with its outcome."""

    def __init__(self, failure: Failed) -> None:
        super().__init__(failure.text)
        self.failure = failure


class TursoConnection:
    """A connection of the driver's in the engine's process, with the face of ``sqlite3``'s as far as it is used here."""

    __slots__ = ("_in_transaction", "_is_closed", "_number", "_process", "text_factory")

    def __init__(self, process: EngineProcess, number: int, target: str) -> None:
        self._process = process
        self._number = number
        self._in_transaction = False
        self._is_closed = False
        self.text_factory: Any = str  # the driver has none; databases may set it and get nothing by it
        self._ask(child.OPEN, target)

    @property
    def in_transaction(self) -> bool:
        """As the driver said after the last statement, for nothing else changes it. Raises ``TursoError``."""
        if self._is_closed or self.is_lost:
            raise TursoError(_CLOSED)
        return self._in_transaction

    @property
    def is_lost(self) -> bool:
        """Whether the process has ended and taken it along."""
        return self._process.reason is not None

    def run(self, text: str, arguments: tuple[Any, ...], is_counted: bool) -> tuple[int, Any, int]:
        """Width (0 is no result set), rows, count. Raises ``TursoError``."""
        answer: tuple[int, Any, int] = self._ask(child.EXECUTE, text, arguments, is_counted)
        return answer

    def execute(self, text: str, arguments: tuple[Any, ...] = ()) -> BufferedResult:
        """As ``run``, for databases. Raises ``TursoError``."""
        width, rows, count = self.run(text, arguments, False)
        return BufferedResult(range(width) if width else None, rows or [], count)

    def cursor(self) -> TursoConnection:
        """Itself: for a pool that asks a connection whether it lives."""
        return self

    def commit(self) -> None:
        """The driver's own. Raises ``TursoError``."""
        self._ask(child.COMMIT)

    def rollback(self) -> None:
        """The driver's own: how a pool cleans what comes back. Raises ``TursoError``."""
        self._ask(child.ROLLBACK)

    def close(self) -> None:
        """Idempotent, and nothing is left to close where the process has ended or ends over it."""
        if not self._is_closed and not self.is_lost:
            try:
                self._ask(child.CLOSE)
            except TursoError:
                if not self.is_lost:
                    raise
        self._is_closed = True

    def _ask(self, operation: int, *rest: Any) -> Any:
        if self._is_closed:
            raise TursoError(_CLOSED)
        try:
            answer = self._process.ask(operation, self._number, *rest)
        except EngineDied as error:
            raise TursoError(Failed(ErrorClass.DRIVER_PANIC, str(error))) from None
        except EngineLost as error:
            raise TursoError(Failed(ErrorClass.CONNECTION_LOST, str(error))) from None
        self._in_transaction = answer[-1]
        if answer[0]:
            return answer[1]
        raise TursoError(_failure(answer[1], answer[2]))


class EngineSupervisor:
    """The process of one database: started when it is first needed, and anew after it has died."""

    def __init__(self, limit_us: int) -> None:
        self._limit_us = limit_us
        self._process: EngineProcess | None = None
        self._opened = 0

    @property
    def pid(self) -> int:
        """Of the process. Raises ``LookupError`` where there is none."""
        if self._process is None:
            raise LookupError("no process")
        return self._process.pid

    def connect(self, target: str, **_: object) -> TursoConnection:
        """A connection. Raises ``TursoError`` and ``BackendUnavailable``."""
        if self._process is None or self._process.reason is not None:
            self._process = EngineProcess(self._limit_us)
        self._opened += 1
        return TursoConnection(self._process, self._opened, target)

    def close(self) -> None:
        """End the process. Idempotent."""
        if self._process is not None:
            self._process.close()


def failed(error: BaseException) -> Failed:
    """What a connection raised, as an outcome."""
    text = str(error) or type(error).__name__
    match error:
        case TursoError():
            return error.failure
        case OverflowError():
            return Failed(ErrorClass.NUMERIC_VALUE_OUT_OF_RANGE, text, by="simdsl")
        case _:
            return Failed(ErrorClass.OTHER, text)


def _failure(kind: str, text: str) -> Failed:
    known = _CLASSES.get(kind)
    if known is None:
        own = (error_class for words, error_class in _MESSAGES if words in text)
        known = next(own, None) or class_by_message(_PREFIX.sub("", text)) or ErrorClass.OTHER
    return Failed(known, text or kind)
