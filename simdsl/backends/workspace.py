"""Temporary directories: where throwaway databases live, and how they are removed even when a process is killed.

A directory lies in shared memory where there is room, because syncs cost nothing there. It is removed when it is closed,
when its owner is garbage-collected and when the process ends. A process that was killed leaves its directory behind: the
name holds its pid, a lock tells whether it still lives, and the next process that creates a directory removes it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import weakref
from pathlib import Path
from typing import Final

from simdsl.plan.deferred import lazy_regex

_SHARED_MEMORY: Final = Path("/dev/shm")
_ROOM_BYTES: Final = 64 * 2**20
_LOCK: Final = "owner"
_NAME: Final = lazy_regex(r"simdsl-(\d+)-")


class Workspace:
    """A directory of this process. ``close`` removes it; so does the end of this object or of the process."""

    def __init__(self, root: Path | None = None, *, room_bytes: int = _ROOM_BYTES) -> None:
        """``room_bytes`` is what shared memory must have free to be chosen."""
        root = root or _root(room_bytes)
        sweep(root)
        self.path = Path(tempfile.mkdtemp(prefix=f"simdsl-{os.getpid()}-", dir=root))
        self._lock = _lock(self.path / _LOCK)
        self._finalizer = weakref.finalize(self, _remove, self.path, self._lock, os.getpid())

    def close(self) -> None:
        """Remove the directory with everything in it. Idempotent."""
        self._finalizer()


def sweep(root: Path) -> None:
    """Remove what killed processes have left in this directory."""
    with contextlib.suppress(OSError):
        for entry in list(root.iterdir()):
            found = _NAME.match(entry.name)
            if found and not _lives(int(found[1])) and (lock := _lock(entry / _LOCK)) is not None:
                shutil.rmtree(entry, ignore_errors=True)
                os.close(lock)


def _root(room_bytes: int) -> Path:
    with contextlib.suppress(OSError, AttributeError):
        room = os.statvfs(_SHARED_MEMORY)
        if room.f_bavail * room.f_frsize >= room_bytes and os.access(_SHARED_MEMORY, os.W_OK | os.X_OK):
            return _SHARED_MEMORY
    return Path(tempfile.gettempdir())


def _remove(path: Path, lock: int | None, owner: int) -> None:
    # A forked child inherits this finalizer, but the directory belongs to its parent.
    if os.getpid() != owner:
        return
    shutil.rmtree(path, ignore_errors=True)
    if lock is not None:
        os.close(lock)


def _lock(path: Path) -> int | None:
    # The pid alone is not enough: in a directory that containers share, it may be the pid of a process elsewhere.
    try:
        import fcntl  # not on Windows
    except ImportError:
        return None
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
