"""The engine's process, and connections in it, as seen from this side: started, asked, and outlived.

The process is asked one thing at a time and has a bounded real time to answer. When it dies instead, or is killed because
it does not answer, ``ask`` raises ``EngineDied`` with the first words of what it printed about itself, and every later
question raises ``EngineLost``. What it prints goes to a file that is read only then.

Measured on 0.8.3: ``BusySnapshot`` and ``IoError`` are not subclasses of ``turso.Error``, so the names of classes are
compared and none is imported; integers beyond 64 bits would become reals and missing values NULL, which the session
prevents; in MVCC mode a write-write conflict ends the transaction, which ``in_transaction`` tells after every statement.
"""

from __future__ import annotations

import contextlib
import marshal
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import weakref
from pathlib import Path
from typing import IO, Any, Final

from simdsl.backends.dbapi.session import BufferedResult
from simdsl.backends.protocol import BackendUnavailable
from simdsl.backends.sqlite.errors import class_by_message
from simdsl.backends.sqlite.session import package_directory
from simdsl.backends.turso import child
from simdsl.plan.deferred import lazy_regex
from simdsl.plan.outcomes import ErrorClass, Failed

# Not a limit of the plan's: no statement waits for another session here, so one that takes this long hangs.
LIMIT_US: Final = 60_000_000

_FAREWELL_S: Final = 5.0
_PANIC: Final = lazy_regex(r"panicked at ([^\n]*?):?\n([^\n]*)")
_NOISE_BYTES: Final = 1 << 20


class EngineDied(Exception):
    """The process ended instead of answering; the message says what is known of the reason."""


class EngineLost(Exception):
    """The process had ended before this question."""


class EngineProcess:
    """One process. Raises ``BackendUnavailable`` where it cannot be started."""

    def __init__(self, limit_us: int = LIMIT_US) -> None:
        self.reason: str | None = None  # why it has ended
        self._limit_us = limit_us
        ours, theirs = socket.socketpair()
        self._socket = ours
        self._noise: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - the finalizer closes it
        try:
            self._process = _started(theirs, self._noise)
        except OSError as error:
            ours.close()
            self._noise.close()
            raise BackendUnavailable(f"turso: its process cannot be started: {error}") from error
        finally:
            theirs.close()
        _limit(ours, limit_us)
        self._finalizer = weakref.finalize(self, _end, self._process, ours, self._noise, os.getpid())

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    def ask(self, *request: Any) -> tuple[Any, ...]:
        """The answer. Raises ``EngineDied`` and ``EngineLost``."""
        if self.reason is not None:
            raise EngineLost(f"the engine's process has ended: {self.reason}")
        message = marshal.dumps(request)
        try:
            self._socket.sendall(len(message).to_bytes(child.HEAD, "big") + message)
            return self._received()
        except BlockingIOError:
            self._lose(f"no answer within {self._limit_us / 1_000_000:g} s, so its process was killed")
        except (OSError, EOFError):
            self._lose(None)
        except BaseException:  # Ctrl-C and its like
            # Interrupted between question and answer: from now on, answers would be read as those of later questions.
            self._lose("interrupted")
            raise
        raise EngineDied(self.reason)

    def close(self) -> None:
        """End it. Idempotent."""
        if self.reason is None:
            self.reason = "closed"
        self._finalizer()

    def _received(self) -> tuple[Any, ...]:
        data = self._some()
        while len(data) < child.HEAD:
            data += self._some()
        missing = child.HEAD + int.from_bytes(data[: child.HEAD], "big") - len(data)
        if missing:
            parts = [data]
            while missing > 0:
                parts.append(self._some())
                missing -= len(parts[-1])
            data = b"".join(parts)
        answer: tuple[Any, ...] = marshal.loads(data[child.HEAD :])
        return answer

    def _some(self) -> bytes:
        data = self._socket.recv(child.CHUNK)
        if not data:
            raise EOFError
        return data

    def _lose(self, reason: str | None) -> None:
        """End the process, and keep why. None is what it says itself."""
        self._socket.close()
        if reason is not None:
            self._process.kill()
        code = _waited(self._process)
        self.reason = reason or _told(self._noise) or _ended(code)
        self._finalizer()


def _started(theirs: socket.socket, noise: IO[bytes]) -> subprocess.Popen[bytes]:
    directory = package_directory("turso")
    if directory is None:
        raise BackendUnavailable("turso: install its driver: pip install 'simdsl[turso]'")
    # -I and -S: nothing is read from the environment or from site-packages, for the driver's place is known.
    command = [sys.executable, "-I", "-S", str(Path(child.__file__)), str(directory)]
    return subprocess.Popen(
        command,
        stdin=theirs.fileno(),
        stdout=subprocess.DEVNULL,
        stderr=noise,
        start_new_session=True,  # Ctrl-C at the terminal is for simdsl, which then ends this process
        env={**os.environ, "RUST_BACKTRACE": "0"},
    )


def _limit(ours: socket.socket, limit_us: int) -> None:
    # By the kernel: Python's own timeout makes a poll() call before each read, in the inner loop of every statement.
    limit = struct.pack("ll", *divmod(limit_us, 1_000_000))
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)


def _told(noise: IO[bytes]) -> str | None:
    """A panic's location and message on one line; else the last line that was printed."""
    noise.seek(0)
    text = noise.read(_NOISE_BYTES).decode("utf-8", "replace")
    if found := _PANIC.search(text):
        return f"panicked at {found[1]}: {found[2]}"
    lines = text.split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), None)


def _ended(code: int) -> str:
    if code >= 0:
        return f"its process ended with code {code}"
    with contextlib.suppress(ValueError):
        return f"its process ended by {signal.Signals(-code).name}"
    return f"its process ended by signal {-code}"


def _waited(process: subprocess.Popen[bytes]) -> int:
    try:
        return process.wait(_FAREWELL_S)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def _end(process: subprocess.Popen[bytes], ours: socket.socket, noise: IO[bytes], owner: int) -> None:
    ours.close()
    # A forked child inherits this finalizer, but the process belongs to its parent.
    if os.getpid() != owner:
        return
    _waited(process)
    noise.close()


_CLASSES: Final = {
    "BusySnapshot": ErrorClass.SNAPSHOT_CONFLICT,
    "IoError": ErrorClass.IO_ERROR,
    "PanicException": ErrorClass.DRIVER_PANIC,
}

# Messages of Turso's own. The rest are SQLite's, behind a prefix such as "Parse error: ".
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
    """The process of one database: started when it is first needed, and started again after it has died."""

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
    if isinstance(error, TursoError):
        return error.failure
    if isinstance(error, OverflowError):
        return Failed(ErrorClass.NUMERIC_VALUE_OUT_OF_RANGE, text, by="simdsl")
    return Failed(ErrorClass.OTHER, text)


def _failure(kind: str, text: str) -> Failed:
    known = _CLASSES.get(kind)
    if known is None:
        own = (error_class for words, error_class in _MESSAGES if words in text)
        known = next(own, None) or class_by_message(_PREFIX.sub("", text)) or ErrorClass.OTHER
    return Failed(known, text or kind)
