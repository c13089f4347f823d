"""The folder of all bugs, which processes may share.

Writers take turns by one lock, so no count is lost. Readers take none: a folder appears by being renamed, whole, and a file
changes by being replaced, whole. What a killed writer left behind begins with a dot, and the next writer removes it.
"""

from __future__ import annotations

import io
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import field, replace
from pathlib import Path
from typing import Final, NamedTuple

from filelock import FileLock, Timeout

from simdsl import __version__
from simdsl.backends.protocol import Backend
from simdsl.backends.registry import mask
from simdsl.bugbase.entry import (
    CONFIG,
    FAILURE,
    PLAN,
    SHRUNK,
    TRACE,
    BugbaseError,
    BugConfig,
    BugEntry,
    BugObject,
    BugRecord,
    BugState,
    RecordedBackend,
    RunMode,
    folder_name,
    unusable_base,
)
from simdsl.core.verdicts import FailureKind, PlanStarted, RunEnded, RunReport
from simdsl.failures import FailureIdentity, primary_failure
from simdsl.language.dump import dump
from simdsl.plan.codes import Code
from simdsl.plan.deferred import dataclass
from simdsl.plan.diagnostics import Diagnostic
from simdsl.plan.plan import Plan
from simdsl.plan.values import Json
from simdsl.report.context import Secrets
from simdsl.report.json_lines import TraceWriter, progress_json
from simdsl.rewriting.pin import pin_run
from simdsl.runs.differential import labels

DEFAULT_BUGBASE_DIR: Final = ".simdsl/bugs"


_LOCK: Final = ".lock"


_LEFT: Final = (".new-", ".gone-")


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundBug:
    """A bug as it was found. ``plan`` is pinned, ``trace`` are the lines of its run; secrets are masked in both JSONs."""

    bug: FailureIdentity
    plan: Plan
    config: BugConfig
    failure: BugObject
    trace: bytes


class ProcessLock:
    """An exclusive lock between processes. The operating system releases it when its process ends, however it ends.

    The file of the lock stays: to delete it while another process opens it would let two processes hold the lock.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        # Not one object per path for the whole process, nor one hold per thread: two journals of one process exclude
        # each other as those of two processes do.
        self._lock = FileLock(path, is_singleton=False, thread_local=False)

    def acquire(self, *, wait: bool) -> bool:
        """Take the lock; False if another process has it and this one should not wait. Raises ``OSError``."""
        try:
            self._lock.acquire(timeout=-1 if wait else 0)
        except Timeout:
            return False
        return True

    def release(self) -> None:
        """Idempotent."""
        self._lock.release(force=True)

    def note_holder(self) -> None:
        """Write down who holds the lock, for ``holder`` of a process that does not get it."""
        self._path.write_text(f"{os.getpid()}\n", encoding="ascii")

    def holder(self) -> int | None:
        """The process that said that it holds the lock, if one did."""
        try:
            return int(self._path.read_text(encoding="ascii"))
        except (OSError, ValueError):
            return None


class StoreResult(NamedTuple):
    """What storing came to."""

    name: str
    is_new: bool


class BugStore:
    """A base. Nothing is made before something is stored. Every method raises ``BugbaseError``."""

    def __init__(self, directory: str | Path) -> None:
        self.directory = Path(directory)

    def add(self, found: FoundBug, now: str) -> StoreResult:
        """Store a bug, or count it if it is there."""
        name = folder_name(found.bug)
        with self._writing():
            folder = self.directory / name
            if folder.exists():
                self._write_record(folder, BugRecord.read(folder / FAILURE).seen(now))
                return StoreResult(name, is_new=False)
            record = BugRecord(bug=found.bug, failure=found.failure, first_seen=now, last_seen=now, count=1)
            new = self.directory / f"{_LEFT[0]}{name}"
            new.mkdir()
            _write(new / PLAN, dump(found.plan).encode("utf-8"))
            _write(new / CONFIG, _json(found.config.to_json()))
            _write(new / TRACE, found.trace)
            _write(new / FAILURE, _json(record.to_json()))
            _sync_folder(new)
            # Everything is on disk before the entry appears: after a loss of power there is a whole one or none.
            new.rename(folder)
            _sync_folder(self.directory)
            return StoreResult(name, is_new=True)

    def add_shrunk(self, name: str, plan: Plan) -> None:
        """Store the shrunk plan of a bug, in place of an earlier one that is larger or as large."""
        with self._writing():
            entry = self.find(name)
            text = dump(plan).encode("utf-8")
            # A rerun may shrink less far, for want of time. The smaller plan is kept.
            if entry.shrunk is None or len(text) <= entry.shrunk.stat().st_size:
                _replace(entry.folder / SHRUNK, text)

    def seen(self, name: str, now: str, times: int = 1) -> None:
        """Count a bug that was met again, so many times."""
        with self._writing():
            entry = self.find(name)
            self._write_record(entry.folder, entry.record.seen(now, times))

    def mark(self, name: str, state: BugState, why: str | None = None) -> None:
        """Note what somebody decided about a bug."""
        with self._writing():
            entry = self.find(name)
            self._write_record(entry.folder, replace(entry.record, state=state, why=why))

    def remove(self, name: str) -> None:
        """Take a bug out."""
        with self._writing():
            # Renamed first: a reader sees the whole entry or none, never one that is being deleted.
            gone = self.directory / f"{_LEFT[1]}{name}"
            self.find(name).folder.rename(gone)
            shutil.rmtree(gone)

    def entries(self) -> tuple[tuple[BugEntry, ...], tuple[Diagnostic, ...]]:
        """All bugs by name, and what is wrong with the folders that are none."""
        entries: list[BugEntry] = []
        problems: list[Diagnostic] = []
        for name in self._names():
            try:
                entries.append(BugEntry.read(self.directory / name))
            except BugbaseError as error:
                if (self.directory / name).exists():  # else somebody has just removed it
                    problems.append(error.diagnostic)
        return tuple(entries), tuple(problems)

    def find(self, name: str) -> BugEntry:
        """The bug of this name, or the only one whose name begins so."""
        names = self._names()
        hits = [name] if name in names else [one for one in names if one.startswith(name)]
        if len(hits) > 1:
            hint = f"these do: {', '.join(hits)}"
            message = f"{len(hits)} bugs begin with `{name}`"
            raise BugbaseError(Diagnostic(code=Code.K003, message=message, file=str(self.directory), help=hint))
        if not hits:
            hint = "`simdsl bugs list` shows all"
            message = f"there is no bug `{name}`"
            raise BugbaseError(Diagnostic(code=Code.K001, message=message, file=str(self.directory), help=hint))
        return BugEntry.read(self.directory / hits[0])

    def _names(self) -> list[str]:
        try:
            with os.scandir(self.directory) as found:
                return sorted(one.name for one in found if one.is_dir() and not one.name.startswith("."))
        except FileNotFoundError:
            return []
        except OSError as error:
            raise unusable_base(self.directory, error) from error

    def _write_record(self, folder: Path, record: BugRecord) -> None:
        _replace(folder / FAILURE, _json(record.to_json()))

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            lock = ProcessLock(self.directory / _LOCK)
            lock.acquire(wait=True)
            try:
                self._sweep()
                yield
            finally:
                lock.release()
        except OSError as error:
            raise unusable_base(self.directory, error) from error

    def _sweep(self) -> None:
        """Whoever left these has not got the lock, so it is gone."""
        for path in self.directory.iterdir():
            if path.name.startswith(_LEFT) and path.is_dir():
                shutil.rmtree(path)


def _json(data: BugObject) -> bytes:
    return (json.dumps(data, indent=2, ensure_ascii=False) + "\n").encode("utf-8", "backslashreplace")


def _write(path: Path, content: bytes) -> None:
    with open(path, "wb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())


def _replace(path: Path, content: bytes) -> None:
    new = path.with_name(f".{path.name}")
    _write(new, content)
    new.replace(path)
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """See that the names in a folder outlast a loss of power, where the system can do that."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@dataclass(slots=True, kw_only=True)
class BugCapture:
    """Knows what the runs of a call have in common. ``profile`` is the expanded profile of generated plans."""

    backends: Sequence[Backend]
    backend_urls: Sequence[str]  # as they were given, the first one, and those that it is compared with
    secrets: Secrets
    how: RunMode
    profile: Json = None
    _parties: list[RecordedBackend] = field(default_factory=list)

    def bug(self, report: RunReport) -> FailureIdentity:
        """The bug that a run shows, as it is stored. Raises ``ValueError`` for a run that did not fail."""
        bug = FailureIdentity.of_run(report)
        return FailureIdentity(fingerprint=bug.fingerprint, details=tuple(map(self.secrets.hide, bug.details)))

    def found(self, started: PlanStarted, report: RunReport) -> FoundBug:
        """Everything about a run that failed."""
        told: BugObject = progress_json(RunEnded(report=replace(report, failure=primary_failure(report), consequences=())))[
            "failure"
        ]
        return FoundBug(
            bug=self.bug(report),
            plan=_plan(started, report),
            config=BugConfig(
                simdsl=__version__,
                how=self.how,
                seed=started.seed,
                file=started.file,
                backends=self._described(),
                profile=self.profile,
            ),
            failure={key: self._hidden(value) for key, value in told.items()},
            trace=self._trace(started, report),
        )

    def _hidden(self, value: Json) -> Json:
        match value:
            case str():
                return self.secrets.hide(value)
            case list():
                return [self._hidden(item) for item in value]
            case dict():
                return {key: self._hidden(item) for key, item in value.items()}
            case _:
                return value

    def _trace(self, started: PlanStarted, report: RunReport) -> bytes:
        out = io.BytesIO()
        writer = TraceWriter(out, self.backends, self.secrets)
        known = labels(self.backends)
        if report.backend not in known:  # its process died before it could say
            report = replace(report, backend=known[0])
        writer.tell(started)
        writer.tell(RunEnded(report=report))
        return out.getvalue()

    def _described(self) -> tuple[RecordedBackend, ...]:
        if not self._parties:
            for url, backend in zip(self.backend_urls, self.backends, strict=True):
                said = backend.describe()
                fields = {name: self.secrets.hide(getattr(said, name)) for name in said.__slots__}
                self._parties.append(RecordedBackend(url=self.secrets.hide(mask(url)), **fields))
        return tuple(self._parties)


def _plan(started: PlanStarted, report: RunReport) -> Plan:
    """The plan of this one run. Where a process died before anything was chosen, nothing can be pinned but the seed."""
    if primary_failure(report).kind is FailureKind.CRASH and not report.choices:
        params = (report.params,) if report.params else started.plan.params
        return replace(started.plan, params=params, seed=started.seed)
    return pin_run(started.plan, report, started.seed)
