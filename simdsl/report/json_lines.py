"""JSON lines: what ``--json`` prints while a call goes on, and trace files."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, BinaryIO, Final, TypeAlias, assert_never

from simdsl import __version__
from simdsl.backends.protocol import Backend, Description
from simdsl.core.trace import (
    BlockReason,
    CheckEvaluated,
    ClockAdvanced,
    InvariantEvaluated,
    PoolChanged,
    RaceDetected,
    ScheduleEntrySkipped,
    SessionRolledBack,
    StepCompleted,
    TaskBlocked,
    TaskChosen,
    TraceEvent,
)
from simdsl.core.verdicts import (
    AllPlansEnded,
    Failure,
    GeneratorHealth,
    PlanEnded,
    PlanStarted,
    Progress,
    RunEnded,
    RunReport,
    Verdict,
)
from simdsl.plan.deferred import dataclass
from simdsl.plan.outcomes import Affected, ErrorClass, Failed, Outcome, Rows
from simdsl.plan.plan import Identifier, Param
from simdsl.plan.values import from_json, to_json
from simdsl.report.context import Secrets
from simdsl.runs.differential import labels

# A JSON object. Its shape is the schema's business, which a type checker cannot follow.
JsonObject: TypeAlias = dict[str, Any]


# The word that stands for each kind of event under the key "event".
EVENT_NAMES: Final[Mapping[type[TraceEvent], str]] = {
    StepCompleted: "step",
    TaskBlocked: "block",
    TaskChosen: "choose",
    ScheduleEntrySkipped: "skip_entry",
    ClockAdvanced: "advance",
    PoolChanged: "pool",
    CheckEvaluated: "check",
    InvariantEvaluated: "invariant",
    SessionRolledBack: "rollback",
    RaceDetected: "race",
}


_OLD_KEYS: Final[Mapping[str, str]] = {"judged": "has_expectation", "lent": "checked_out"}


def encode_event(event: TraceEvent) -> JsonObject:
    """An event as JSON."""
    return {"event": EVENT_NAMES[type(event)], **_fields(event)}


def decode_event(data: JsonObject) -> TraceEvent:
    """The event that was encoded so. Raises ``KeyError``, ``TypeError`` or ``ValueError`` for anything else."""
    # Bugs that were stored by version 0.1 have the old keys.
    fields = {_OLD_KEYS.get(key, key): value for key, value in data.items() if key != "event"}
    match data["event"]:
        case "step":
            fields |= {"path": tuple(data["path"]), "arguments": _values(data), "names": tuple(data["names"])}
            return StepCompleted(**fields | {"outcome": decode_outcome(data["outcome"])})
        case "block":
            fields |= {"path": tuple(data["path"]), "arguments": _values(data)}
            fields |= {"wait": BlockReason(data["wait"]), "blockers": tuple(data["blockers"])}
            return TaskBlocked(**fields)
        case "choose":
            return TaskChosen(choice=data["choice"], enabled=tuple(data["enabled"]))
        case "skip_entry":
            return ScheduleEntrySkipped(**fields)
        case "advance":
            return ClockAdvanced(**fields)
        case "pool":
            return PoolChanged(**fields)
        case "check":
            readings = tuple((name, value) for name, value in data["readings"])
            return CheckEvaluated(**fields | {"path": tuple(data["path"]), "readings": readings})
        case "invariant":
            return InvariantEvaluated(**fields | {"path": tuple(data["path"]), "outcome": decode_outcome(data["outcome"])})
        case "rollback":
            return SessionRolledBack(**fields)
        case "race":
            return RaceDetected(tasks=tuple(data["tasks"]))
        case other:
            raise ValueError(f"not an event of a trace: {other!r}")


def encode_outcome(outcome: Outcome) -> JsonObject:
    """An outcome as JSON: what it is can be told by its keys."""
    match outcome:
        case Rows(columns=columns, rows=rows, affected=affected):
            return {"columns": columns, "rows": [[to_json(v) for v in row] for row in rows], "affected": affected}
        case Affected(n=n):
            return {"affected": n}
        case Failed():
            return {
                "error": str(outcome.error_class),
                "text": outcome.text,
                "sqlstate": outcome.sqlstate,
                "native": outcome.native,
                "by": outcome.by,
            }
        case _:
            assert_never(outcome)


def decode_outcome(data: JsonObject) -> Outcome:
    """The outcome that was encoded so. Raises ``KeyError``, ``TypeError`` or ``ValueError`` for anything else."""
    if "error" in data:
        error_class = ErrorClass(data["error"])
        return Failed(error_class, data["text"], data["sqlstate"], data["native"], data["by"])
    if "rows" in data:
        rows = [tuple(from_json(value) for value in row) for row in data["rows"]]
        return Rows(data["columns"], rows, data["affected"])
    return Affected(data["affected"])


def _fields(event: TraceEvent) -> JsonObject:
    match event:
        case StepCompleted():
            return {
                "task": event.task,
                "path": list(event.path),
                "what": event.what,
                "arguments": [to_json(value) for value in event.arguments],
                "names": list(event.names),
                "outcome": encode_outcome(event.outcome),
                "in_transaction": event.in_transaction,
                "now_us": event.now_us,
                "session": event.session,
                "has_expectation": event.has_expectation,
                "ordered": event.ordered,
            }
        case TaskBlocked():
            return {
                "task": event.task,
                "path": list(event.path),
                "what": event.what,
                "wait": str(event.wait),
                "until_us": event.until_us,
                "now_us": event.now_us,
                "blockers": list(event.blockers),
                "arguments": [to_json(value) for value in event.arguments],
            }
        case CheckEvaluated():
            readings: Sequence[Sequence[str | int]] = [list(reading) for reading in event.readings]
            return {
                "task": event.task,
                "path": list(event.path),
                "held": event.held,
                "readings": readings,
                "now_us": event.now_us,
            }
        case InvariantEvaluated():
            return {"path": list(event.path), "outcome": encode_outcome(event.outcome), "held": event.held}
        case TaskChosen() | ScheduleEntrySkipped() | ClockAdvanced() | PoolChanged() | SessionRolledBack() | RaceDetected():
            return {name: _flat(getattr(event, name)) for name in event.__slots__}
        case _:
            assert_never(event)


def _flat(value: str | int | bool | tuple[str | int, ...]) -> str | int | bool | list[str | int]:
    return list(value) if isinstance(value, tuple) else value


def _values(data: JsonObject) -> tuple[Any, ...]:
    return tuple(from_json(value) for value in data["arguments"])


# The version of the trace format. A reader refuses any other.
FORMAT: Final = 2


class TraceError(ValueError):
    """A file is no trace. The message names the line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedRun:
    """One run as a trace file keeps it. ``header`` and ``end`` are the JSON objects around its events."""

    header: JsonObject
    events: tuple[TraceEvent, ...]
    end: JsonObject

    @property
    def verdict(self) -> Verdict:
        """What the run came to."""
        return Verdict(self.end["verdict"])

    @property
    def digest(self) -> str:
        """The digest of its trace."""
        return str(self.end["digest"])


def write_line(out: BinaryIO, data: JsonObject, secrets: Secrets) -> None:
    """One JSON object on a line of UTF-8. Lone surrogates, which some drivers give, are kept as JSON's own escapes."""
    # No spaces: a trace of a million events is read by programs, and is a third smaller.
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    out.write(secrets.hide(text).encode("utf-8", "backslashreplace") + b"\n")


def progress_json(progress: Progress) -> JsonObject:
    """What a call came to so far, as ``--json`` prints it."""
    match progress:
        case PlanStarted():
            return {
                "event": "plan_started",
                "plan": progress.plan.name,
                "file": progress.file,
                "backend": progress.backend,
                "seed": progress.seed,
            }
        case RunEnded(report=report):
            return {"event": "run_ended", "plan": report.plan, "backend": report.backend, **_run(report)}
        case PlanEnded():
            return {
                "event": "plan_ended",
                "plan": progress.plan.name,
                "file": progress.file,
                "backend": progress.backend,
                "seed": progress.seed,
                "verdict": str(progress.verdict),
                "runs": progress.runs,
                "assertions": progress.assertions,
                "steps": progress.steps,
                "reason": progress.reason,
                "warnings": list(progress.warnings),
                "digest": progress.digest,
            }
        case AllPlansEnded():
            counts = {name: getattr(progress, name) for name in progress.__slots__ if name != "health"}
            health = {} if progress.health is None else {"health": health_json(progress.health)}
            return {"event": "call_ended", **counts, **health}
        case _:
            assert_never(progress)


class TraceWriter:
    """Writes the trace of every run that it is told of."""

    def __init__(self, out: BinaryIO, backends: Sequence[Backend], secrets: Secrets) -> None:
        self._out = out
        self._backends = dict(zip(labels(backends), backends, strict=True))
        self._secrets = secrets
        self._descriptions: dict[str, Description] = {}
        self._started: PlanStarted | None = None

    def tell(self, progress: Progress) -> None:
        """Note which plan runs; write the runs as they end."""
        match progress:
            case PlanStarted():
                self._started = progress
            case RunEnded(report=report):
                self._write(report)
            case PlanEnded() | AllPlansEnded():
                pass
            case _:
                assert_never(progress)

    def _write(self, report: RunReport) -> None:
        backend = self._backends[report.backend]
        # Asked once for each backend, and only when a run of it has ended: a plan that is skipped opens no connection.
        if report.backend not in self._descriptions:
            self._descriptions[report.backend] = backend.describe()
        self._line(self._header(report, backend, self._descriptions[report.backend]))
        for event in report.trace:
            self._line(encode_event(event))
        self._line(_end(report))

    def _header(self, report: RunReport, backend: Backend, description: Description) -> JsonObject:
        return {
            "record": "run",
            "format": FORMAT,
            "simdsl": __version__,
            "plan": report.plan,
            "file": self._started.file if self._started else None,
            "backend": report.backend,
            "url": backend.url,
            "description": {name: getattr(description, name) for name in description.__slots__},
            "seed": self._started.seed if self._started else None,
            "run": report.run,
            "params": _params(report.params),
            "choices": list(report.choices),
        }

    def _line(self, data: JsonObject) -> None:
        write_line(self._out, data, self._secrets)


def read_trace(lines: Iterable[bytes | str]) -> Iterator[RecordedRun]:
    """The runs of a trace file, given its lines (an open file will do). Raises ``TraceError``."""
    header: JsonObject | None = None
    events: list[TraceEvent] = []
    number = 0
    for number, line in enumerate(lines, 1):
        data = _object(line, number)
        match data.get("record"), header:
            case "run", None:
                if data.get("format") != FORMAT:
                    raise TraceError(f"line {number}: this trace has format {data.get('format')!r}, not {FORMAT}")
                header, events = data, []
            # Events have no `record` key, which would be repeated a million times.
            case None, dict():
                events.append(_event(data, number))
            case "end", dict():
                yield RecordedRun(header=header, events=tuple(events), end=data)
                header = None
            case record, _:
                raise TraceError(f"line {number}: {record or 'an event'} has no place here")
    if header is not None:
        raise TraceError(f"line {number}: the file ends in the middle of a run")


def _run(report: RunReport) -> JsonObject:
    return {
        "run": report.run,
        "params": _params(report.params),
        "choices": list(report.choices),
        **{key: value for key, value in _end(report).items() if key != "record"},
    }


def _end(report: RunReport) -> JsonObject:
    return {
        "record": "end",
        "verdict": str(report.verdict),
        "digest": report.digest,
        "assertions": report.assertions,
        "steps": report.steps,
        "raced": report.raced,
        "warnings": list(report.warnings),
        "failure": _failure(report.failure) if report.failure else None,
        "consequences": [_failure(failure) for failure in report.consequences],
    }


def _failure(failure: Failure) -> JsonObject:
    return {
        "kind": str(failure.kind),
        "message": failure.message,
        "path": list(failure.path),
        "override": failure.override,
        "task": failure.task,
        "expected": list(failure.expected),
        "got": list(failure.got),
        "help": failure.help,
        "arguments": dict(failure.arguments),
        "fingerprint": failure.fingerprint,
        "backend_outputs": [said._asdict() for said in failure.backend_outputs],
    }


def health_json(health: GeneratorHealth) -> JsonObject:
    """What generated plans came to, as ``--json`` prints it."""
    below = {one.name for one in health.below}
    return {
        "floor": health.floor,
        "of": [
            {
                "name": one.name,
                "generated": one.generated,
                "assertions": one.assertions,
                "failed": one.failed,
                "skipped": dict(one.skipped),
                "without_assertions": one.without_assertions,
                "never": one.never,
                "below_floor": one.name in below,
            }
            for one in health.of
        ],
        "conflicts": health.conflicts,
        "pool_waits": health.pool_waits,
    }


def _params(params: tuple[Param, ...]) -> JsonObject:
    return {
        param.name: {"identifier": param.value.name} if isinstance(param.value, Identifier) else to_json(param.value)
        for param in params
    }


def _object(line: bytes | str, number: int) -> JsonObject:
    try:
        data: Any = json.loads(line)
    except ValueError:
        raise TraceError(f"line {number}: not a line of JSON") from None
    if not isinstance(data, dict):
        raise TraceError(f"line {number}: not a JSON object")
    return data


def _event(data: JsonObject, number: int) -> TraceEvent:
    try:
        return decode_event(data)
    except (KeyError, TypeError, ValueError) as error:
        raise TraceError(f"line {number}: not an event of a trace ({error})") from None
