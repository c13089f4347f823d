"""Trace events as JSON objects and back: ``decode(encode(event)) == event``.

schemas/trace.schema.json describes the same objects for readers that are not written in Python.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias, assert_never

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
from simdsl.plan.outcomes import Affected, ErrorClass, Failed, Outcome, Rows
from simdsl.plan.values import from_json, to_json

JsonObject: TypeAlias = dict[str, Any]
"""A JSON object. Its shape is the schema's business, which a type checker cannot follow."""


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
            return ScheduleEntrySkipped(index=data["index"], word=data["entry"], why=data["why"])
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
        case ScheduleEntrySkipped(index=index, word=entry, why=why):
            return {"index": index, "entry": entry, "why": why}
        case TaskChosen() | ClockAdvanced() | PoolChanged() | SessionRolledBack() | RaceDetected():
            return {name: _flat(getattr(event, name)) for name in event.__slots__}
        case _:
            assert_never(event)


def _flat(value: str | int | bool | tuple[str | int, ...]) -> str | int | bool | list[str | int]:
    return list(value) if isinstance(value, tuple) else value


def _values(data: JsonObject) -> tuple[Any, ...]:
    return tuple(from_json(value) for value in data["arguments"])
