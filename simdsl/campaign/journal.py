"""What of a campaign is done, in a file to which lines are appended: the same campaign resumes where it stopped.

The first line says which campaign it is; each further line is a part. A part is written after its bugs have been stored, so
every bug of the journal is in the bug base. A process that is killed leaves half a line at most, which the next one cuts
off. Nothing is ever rewritten: a journal of a million seeds costs one short line for each batch.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from hashlib import blake2b
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from simdsl.bugbase.store import ProcessLock
from simdsl.campaign.jobs import InternalFailure
from simdsl.campaign.progress import BugSighting, SeedRangeResult
from simdsl.core.verdicts import GeneratorHealth, GeneratorStats
from simdsl.plan.codes import Code
from simdsl.plan.deferred import dataclass
from simdsl.plan.diagnostics import Diagnostic
from simdsl.plan.values import Json

# The version of the journal. A journal of another one is refused: its counts have other names.
FORMAT: Final = 2

DIRECTORY: Final = ".simdsl/campaigns"


class JournalError(Exception):
    """The journal cannot be used; the diagnostic says why."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(f"{diagnostic.file}: {diagnostic.message}")
        self.diagnostic = diagnostic


def default_path(work: Mapping[str, Json]) -> str:
    """Where the journal of a campaign is by default: named by a digest of what makes it this campaign."""
    text = json.dumps(work, sort_keys=True)
    return f"{DIRECTORY}/{blake2b(text.encode(), digest_size=6).hexdigest()}.jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Read:
    parts: tuple[SeedRangeResult, ...]
    size: int  # of what is whole


class Journal:
    """One file, locked as long as it is open: two processes must not do the same seeds.

    ``work`` is plain data that tells one campaign from another. With ``fresh`` the contents are discarded. Raises
    ``JournalError`` if the file cannot be used, belongs to another campaign, or is in use.
    """

    def __init__(self, path: str, work: Mapping[str, Json], *, fresh: bool = False) -> None:
        self.path = path
        try:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            self._file = open(path, "a+b", buffering=0)  # noqa: SIM115 - `close` closes it
        except OSError as error:
            raise _refused(Code.U009, path, f"cannot be used: {error.strerror}") from None
        self._lock = ProcessLock(Path(f"{path}.lock"))
        try:
            if not self._lock.acquire(wait=False):
                pid = self._lock.holder()
                hint = "wait for it, or give this one another `--journal`"
                raise _refused(Code.K004, path, f"campaign already running{'' if pid is None else f' (pid {pid})'}", hint)
            self._lock.note_holder()
            if fresh:
                self._file.truncate(0)
            self._file.seek(0)
            found = _read(path, self._file.read(), work)
            self._file.truncate(found.size)
            self.parts = found.parts
            """What earlier calls have done."""
            if not found.size:
                self._write([{"record": "campaign", "format": FORMAT, "work": dict(work)}])
        except BaseException:  # Ctrl-C as well: whoever made this object has none to close
            self.close()
            raise

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def add(self, parts: Iterable[SeedRangeResult]) -> None:
        """Append parts that are done, and sync: they survive a loss of power. Raises ``JournalError``."""
        self._write([_encode(part) for part in parts])

    def close(self) -> None:
        """Close the file and release the lock. Idempotent."""
        self._file.close()
        self._lock.release()

    def _write(self, lines: list[dict[str, Any]]) -> None:
        data = b"".join(json.dumps(line, ensure_ascii=True, separators=(",", ":")).encode() + b"\n" for line in lines)
        try:
            left = memoryview(data)
            while left:
                left = left[self._file.write(left) or 0 :]
            os.fsync(self._file.fileno())
        except OSError as error:
            raise _refused(Code.U009, self.path, f"cannot be written: {error.strerror}") from None


def _read(path: str, data: bytes, work: Mapping[str, Json]) -> _Read:
    size = data.rfind(b"\n") + 1  # behind it is what a killed process could not finish
    parts: list[SeedRangeResult] = []
    for number, line in enumerate(data[:size].splitlines(), 1):
        try:
            found = json.loads(line)
            if number > 1:
                parts.append(_decode(found))
                continue
            if found["record"] != "campaign":
                raise ValueError
            if found["format"] != FORMAT:
                message = f"this journal has format {found['format']!r}, and this version of simdsl reads {FORMAT}"
                raise _refused(Code.K005, path, message, "name another file, or restart with `--fresh`")
        except (ValueError, KeyError, TypeError):
            message = f"line {number} is not a line of a journal"
            raise _refused(Code.K005, path, message, "name another file, or restart with `--fresh`") from None
        if found["work"] != json.loads(json.dumps(dict(work))):
            hint = "name another file, or restart with `--fresh`"
            raise _refused(Code.K005, path, "this is the journal of another campaign", hint)
    return _Read(parts=tuple(parts), size=size)


def _encode(part: SeedRangeResult) -> dict[str, Any]:
    return {
        "record": "part",
        "first": part.first,
        "last": part.last,
        "health": asdict(part.health),
        "bugs": [asdict(bug) for bug in part.bugs],
        "internal_failures": [asdict(failure) for failure in part.internal_failures],
        "micros": part.micros,
    }


def _decode(data: dict[str, Any]) -> SeedRangeResult:
    health = data["health"]
    of = tuple(
        GeneratorStats(**{**one, "skipped": tuple((str(why), int(n)) for why, n in one["skipped"])}) for one in health["of"]
    )
    return SeedRangeResult(
        first=int(data["first"]),
        last=int(data["last"]),
        health=GeneratorHealth(**{**health, "of": of}),
        bugs=tuple(BugSighting(**bug) for bug in data["bugs"]),
        internal_failures=tuple(InternalFailure(**failure) for failure in data["internal_failures"]),
        micros=int(data["micros"]),
    )


def _refused(code: Code, path: str, message: str, hint: str | None = None) -> JournalError:
    return JournalError(Diagnostic(code=code, message=message, file=path, help=hint))
