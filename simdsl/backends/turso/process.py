"""The engine's process, seen from here: started, asked, and outlived.

It is asked one thing at a time and has a bounded real time to answer. When it dies instead, or is killed because it does not
answer, ``ask`` raises ``EngineDied`` with the first words of what it said of itself, and every later question
``EngineLost``. What it prints goes to a file that nobody sees until then.
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

from simdsl.backends.protocol import BackendUnavailable
from simdsl.backends.sqlite.driver import package_directory
from simdsl.backends.turso import child
from simdsl.plan.regexes import lazy_regex

# Not a limit of the plan's: no statement waits for another session here, so what takes this long has hung.
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
        """Of the process, for whoever wants to see or to end it."""
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
            # Interrupted between question and answer: nobody could tell any more which answer belongs to which question.
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
    # By the kernel: Python's own timeout would ask whether there is something to read before each read.
    limit = struct.pack("ll", *divmod(limit_us, 1_000_000))
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)


def _told(noise: IO[bytes]) -> str | None:
    """A panic's place and message on one line; else the last line of whatever was printed."""
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
    # A forked child inherits this finalizer, but not the process.
    if os.getpid() != owner:
        return
    _waited(process)
    noise.close()
