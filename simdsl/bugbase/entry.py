"""A bug in the bug base: how it was found, what failed, how often it was seen, and what was decided about it.

``replay_bug`` runs a stored bug again and says whether it is still there."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from enum import StrEnum
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final, TypeAlias, TypeVar

from simdsl.core.verdicts import FailureKind, PlanEnded, Progress, RunEnded, RunReport, Verdict
from simdsl.failures import FailureIdentity, PlanRunner, primary_failure
from simdsl.language.load import CheckResult, check_file
from simdsl.plan.codes import Code
from simdsl.plan.deferred import dataclass
from simdsl.plan.diagnostics import Diagnostic, Severity
from simdsl.plan.plan import ExplicitSchedule, Plan, RecordedSchedule
from simdsl.plan.values import Json


class BugState(StrEnum):
    """What somebody decided about a bug."""

    OPEN = "open"
    KNOWN = "known"  # it may fail, and somebody said why
    FIXED = "fixed"  # it must not come back


class RunMode(StrEnum):
    """How the plan was run when it failed."""

    ONCE = "run"
    DIFFERENTIAL = "differential"
    DOUBLECHECK = "doublecheck"


# A JSON object.
BugObject: TypeAlias = dict[str, Any]


_T = TypeVar("_T")


class BugbaseError(Exception):
    """The bug base cannot do what was asked for; the diagnostic says why."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(f"{diagnostic.file}: {diagnostic.message}")
        self.diagnostic = diagnostic


def corrupt_file(path: Path, message: str) -> BugbaseError:
    """A file of a bug is missing, or is not what was written there."""
    hint = "take the folder away, or bring the file back"
    return BugbaseError(Diagnostic(code=Code.K002, message=message, file=str(path), help=hint))


def unusable_base(path: Path, error: OSError) -> BugbaseError:
    """The base cannot be written, or read."""
    message = f"cannot be used: {error.strerror or error}"
    return BugbaseError(Diagnostic(code=Code.U009, message=message, file=str(path)))


def read_object(path: Path, version: int) -> BugObject:
    """The JSON object in a file of this format. Raises ``BugbaseError``."""
    try:
        data = json.loads(path.read_bytes())
    except OSError as error:
        raise corrupt_file(path, f"cannot be read: {error.strerror}") from None
    except ValueError:  # not UTF-8, or not JSON
        raise corrupt_file(path, "is not JSON") from None
    if not isinstance(data, dict):
        raise corrupt_file(path, "is not a JSON object")
    if data.get("format") != version:
        raise corrupt_file(path, f"has format {data.get('format')!r}, and this version of simdsl reads {version}")
    return data


def field_of(data: Mapping[str, Any], key: str, kind: type[_T], path: Path) -> _T:
    """A value of an object, which is of this type. Raises ``BugbaseError``."""
    value = data.get(key)
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise corrupt_file(path, f"`{key}` is missing" if key not in data else f"`{key}` is not of type {kind.__name__}")
    return value


def string_list(data: Mapping[str, Any], key: str, path: Path) -> tuple[str, ...]:
    """A list of texts. Raises ``BugbaseError``."""
    values = field_of(data, key, list, path)
    if not all(isinstance(value, str) for value in values):
        raise corrupt_file(path, f"`{key}` is not a list of texts")
    return tuple(values)


# The version of config.json and failure.json. A reader refuses any other.
BUG_FORMAT: Final = 1


PLAN: Final = "plan.yaml"


SHRUNK: Final = "shrunk_plan.yaml"


CONFIG: Final = "config.json"


FAILURE: Final = "failure.json"


TRACE: Final = "trace.jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedBackend:
    """A backend as it was; secrets of the URL are masked."""

    url: str
    driver: str
    driver_version: str
    engine: str
    engine_version: str
    pool: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BugConfig:
    """How a bug was found. ``profile`` is the whole profile that made the plan, None for a plan that somebody wrote."""

    simdsl: str  # the version
    how: RunMode
    seed: int
    file: str  # what the call named
    backends: tuple[RecordedBackend, ...]  # the first, and those that it was compared with
    profile: Json = None

    def to_json(self) -> BugObject:
        """As config.json holds it."""
        return {
            "format": BUG_FORMAT,
            **asdict(self),
            "how": str(self.how),
            "backends": [asdict(one) for one in self.backends],
        }

    @classmethod
    def read(cls, path: Path) -> BugConfig:
        """Raises ``BugbaseError``."""
        data = read_object(path, BUG_FORMAT)
        backends = field_of(data, "backends", list, path)
        if not backends or not all(isinstance(one, dict) for one in backends):
            raise corrupt_file(path, "`backends` is not a list of objects")
        fields = RecordedBackend.__dataclass_fields__
        return cls(
            simdsl=field_of(data, "simdsl", str, path),
            how=_enum_of(RunMode, data, "how", path),
            seed=field_of(data, "seed", int, path),
            file=field_of(data, "file", str, path),
            backends=tuple(RecordedBackend(**{name: field_of(one, name, str, path) for name in fields}) for one in backends),
            profile=data.get("profile"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class BugRecord:
    """What failed and how often. Times are UTC, as ``2025-01-31T23:59:59Z``; ``failure`` is as in a trace."""

    bug: FailureIdentity
    failure: BugObject
    first_seen: str
    last_seen: str
    count: int
    state: BugState = BugState.OPEN
    why: str | None = None

    @property
    def message(self) -> str:
        """What failed, in one sentence."""
        return str(self.failure.get("message", ""))

    def seen(self, now: str, times: int = 1) -> BugRecord:
        """The record when the bug is found again. One that was thought to be fixed is open again."""
        # A bug that was marked as fixed and is seen again is a regression: the decision no longer holds.
        came_back = self.state is BugState.FIXED
        return replace(
            self,
            first_seen=min(self.first_seen, now),
            last_seen=max(self.last_seen, now),
            count=self.count + times,
            state=BugState.OPEN if came_back else self.state,
            why=None if came_back else self.why,
        )

    def to_json(self) -> BugObject:
        """As failure.json holds it."""
        return {
            "format": BUG_FORMAT,
            "verdict": "fail",
            "state": str(self.state),
            "why": self.why,
            "fingerprint": self.bug.fingerprint,
            "said": list(self.bug.details),
            "first_seen": self.first_seen,
            "last_seen": self.last_seen,
            "count": self.count,
            "failure": self.failure,
        }

    @classmethod
    def read(cls, path: Path) -> BugRecord:
        """Raises ``BugbaseError``."""
        data = read_object(path, BUG_FORMAT)
        return cls(
            bug=FailureIdentity(
                fingerprint=field_of(data, "fingerprint", str, path), details=string_list(data, "said", path)
            ),
            failure=field_of(data, "failure", dict, path),
            first_seen=field_of(data, "first_seen", str, path),
            last_seen=field_of(data, "last_seen", str, path),
            count=field_of(data, "count", int, path),
            state=_enum_of(BugState, data, "state", path),
            why=None if data.get("why") is None else field_of(data, "why", str, path),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class BugEntry:
    """A bug of the base. Its plans are loaded when they are asked for: a property of theirs may no longer be there."""

    folder: Path
    config: BugConfig
    record: BugRecord

    @property
    def name(self) -> str:
        """The name of the folder, by which the command line calls it."""
        return self.folder.name

    @property
    def shrunk(self) -> Path | None:
        """The file of the shrunk plan, if there is one."""
        path = self.folder / SHRUNK
        return path if path.is_file() else None

    def plan_file(self, *, shrunk: bool = False) -> Path:
        """The file of the plan; the shrunk one if that is wanted and there."""
        return (self.shrunk if shrunk else None) or self.folder / PLAN

    def checked(self, *, shrunk: bool = False) -> CheckResult:
        """The plan, and what is wrong with it."""
        return check_file(str(self.plan_file(shrunk=shrunk)))

    def to_json(self) -> BugObject:
        """Everything but plans and trace, which are named."""
        return {
            "name": self.name,
            **{key: value for key, value in self.record.to_json().items() if key != "format"},
            "config": {key: value for key, value in self.config.to_json().items() if key != "format"},
            "plan": str(self.plan_file()),
            "shrunk_plan": None if self.shrunk is None else str(self.shrunk),
            "trace": str(self.folder / TRACE),
        }

    @classmethod
    def read(cls, folder: Path) -> BugEntry:
        """Raises ``BugbaseError``."""
        for name in (PLAN, TRACE):
            if not (folder / name).is_file():
                raise corrupt_file(folder / name, "is missing")
        return cls(folder=folder, config=BugConfig.read(folder / CONFIG), record=BugRecord.read(folder / FAILURE))


def _enum_of(kind: Any, data: BugObject, key: str, path: Path) -> Any:
    value = field_of(data, key, str, path)
    if value not in set(kind):
        raise corrupt_file(path, f"`{key}` is `{value}`, and not one of {', '.join(kind)}")
    return kind(value)


_LONGEST: Final = 60


_DIGEST_BYTES: Final = 4


def folder_name(bug: FailureIdentity) -> str:
    """Such as ``property_violated-tx-commit-visible-1f3a9c2e``: of the fingerprint, and a digest of the whole identity."""
    slug = re.sub(r"[^a-z0-9_]+", "-", bug.fingerprint.lower()).strip("-")[:_LONGEST].rstrip("-")
    # The whole identity goes into the digest: two bugs of one fingerprint expect or get different rows.
    whole = json.dumps([bug.fingerprint, *bug.details]).encode()
    return f"{slug or 'bug'}-{blake2b(whole, digest_size=_DIGEST_BYTES).hexdigest()}"


class ReplayVerdict(StrEnum):
    """What a replay says."""

    FIXED = "FIXED"  # every run holds, and what failed was judged
    FAILED = "FAILED"  # it fails as it did
    ERROR = "ERROR"  # it cannot be said: the plan did not run, fails in another way, or judged nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class BugReplay:
    """A bug that was run again. ``reason`` says why where the answer does not."""

    entry: BugEntry
    answer: ReplayVerdict
    reason: str | None = None
    other: str | None = None  # the fingerprint, if it fails in another way

    @property
    def is_expected(self) -> bool:
        """Whether nobody need look: the bug is not there, or it is known."""
        return self.answer is ReplayVerdict.FIXED or (
            self.answer is ReplayVerdict.FAILED and self.entry.record.state is BugState.KNOWN
        )

    @property
    def is_failure(self) -> bool:
        """Whether a database did wrong: the bug is there and nobody said that it may, or another one is."""
        return not self.is_expected and (self.answer is ReplayVerdict.FAILED or self.other is not None)


def replay_bug(entry: BugEntry, run: PlanRunner, *, shrunk: bool = False, repeats: int = 1) -> BugReplay:
    """Run its plan, so many times or until it fails, and compare. Raises ``BackendUnavailable``.

    The recorded schedule is followed strictly. A bug that is fixed may leave it, since what failed then goes on now: the
    plan runs again, and the schedule is followed as far as it goes.
    """
    checked = entry.checked(shrunk=shrunk)
    if checked.plan is None:
        first = next(one for one in checked.diagnostics if one.severity is Severity.ERROR)
        return BugReplay(
            entry=entry, answer=ReplayVerdict.ERROR, reason=f"the plan cannot be used: {first.code.name}: {first.message}"
        )
    reports, ended = _run(run(checked.plan))
    for _ in range(repeats - 1):
        if ended.failed is not None:
            break
        reports, ended = _run(run(checked.plan))
    lenient = _lenient(checked.plan) if _diverged(ended.failed) else None
    if lenient is not None and not _is_same(entry, ended.failed):
        reports, ended = _run(run(lenient))
    if ended.failed is not None:
        return _failed(entry, ended.failed)
    if ended.verdict is Verdict.SKIP:
        return BugReplay(entry=entry, answer=ReplayVerdict.ERROR, reason=f"it did not run: {ended.reason}")
    if not _judged(entry.record.bug, reports, ended):
        return BugReplay(entry=entry, answer=ReplayVerdict.ERROR, reason="nothing fails, and what failed was not checked")
    return BugReplay(entry=entry, answer=ReplayVerdict.FIXED, reason="; ".join(ended.warnings) or None)


def _run(events: Iterator[Progress]) -> tuple[list[RunReport], PlanEnded]:
    reports: list[RunReport] = []
    for event in events:
        if isinstance(event, RunEnded):
            reports.append(event.report)
        elif isinstance(event, PlanEnded):
            return reports, event
    raise AssertionError("what runs a plan says that it has ended")


def _failed(entry: BugEntry, report: RunReport) -> BugReplay:
    first = primary_failure(report)
    if _is_same(entry, report):
        return BugReplay(entry=entry, answer=ReplayVerdict.FAILED, reason=first.message)
    reason = f"it fails in another way, {first.fingerprint}: {first.message}"
    return BugReplay(entry=entry, answer=ReplayVerdict.ERROR, reason=reason, other=first.fingerprint)


def _is_same(entry: BugEntry, report: RunReport | None) -> bool:
    failures = () if report is None or report.failure is None else (report.failure, *report.consequences)
    return entry.record.bug in map(FailureIdentity.of, failures)


def _diverged(report: RunReport | None) -> bool:
    """Whether a run left the recorded schedule; what properties say of such a run is another matter."""
    return report is not None and report.failure is not None and report.failure.kind is FailureKind.DIVERGENCE


def _judged(bug: FailureIdentity, reports: list[RunReport], ended: PlanEnded) -> bool:
    if bug.kind == FailureKind.CRASH:
        return True  # it is judged by coming to its end
    if bug.kind == FailureKind.PROPERTY:
        name = bug.fingerprint.partition("/")[2]
        return any(one.name == name and one.assertions for report in reports for one in report.properties)
    return ended.assertions > 0


def _lenient(plan: Plan) -> Plan | None:
    """The plan with its recorded choices as words, which need not fit."""
    if plan.tasks is None or not isinstance(plan.schedule, RecordedSchedule):
        return None
    names = [task.name for task in plan.tasks]
    words = tuple(names[choice - 1] for choice in plan.schedule.choices if choice <= len(names))
    return replace(plan, schedule=ExplicitSchedule(entries=words)) if words else None
