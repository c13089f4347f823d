"""Trace events as JSON objects and back: ``decode(encode(event)) == event``.

schemas/trace.schema.json describes the same objects for readers that are not written in Python.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias, assert_never

from simdsl.core.trace import (
    Advanced,
    Checked,
    Chosen,
    Event,
    InvariantHeld,
    Parked,
    PoolMoved,
    Raced,
    RolledBack,
    Stepped,
    Wait,
    WordSkipped,
)
from simdsl.plan.outcomes import Affected, ErrorClass, Failed, Outcome, Rows
from simdsl.plan.values import from_json, to_json

Object: TypeAlias = dict[str, Any]
"""A JSON object. Its shape is the schema's business, which a type checker cannot follow."""

# The word that stands for each kind of event under the key "event".
NAMES: Final[Mapping[type[Event], str]] = {
    Stepped: "step",
    Parked: "park",
    Chosen: "choose",
    WordSkipped: "skip_word",
    Advanced: "advance",
    PoolMoved: "pool",
    Checked: "check",
    InvariantHeld: "invariant",
    RolledBack: "rollback",
    Raced: "race",
}


def encode(event: Event) -> Object:
    """An event as JSON."""
    return {"event": NAMES[type(event)], **_fields(event)}


def decode(data: Object) -> Event:
    """The event that was encoded so. Raises ``KeyError``, ``TypeError`` or ``ValueError`` for anything else."""
    fields = {key: value for key, value in data.items() if key != "event"}
    match data["event"]:
        case "step":
            fields |= {"path": tuple(data["path"]), "arguments": _values(data), "names": tuple(data["names"])}
            return Stepped(**fields | {"outcome": decode_outcome(data["outcome"])})
        case "park":
            fields |= {"path": tuple(data["path"]), "arguments": _values(data)}
            fields |= {"wait": Wait(data["wait"]), "blockers": tuple(data["blockers"])}
            return Parked(**fields)
        case "choose":
            return Chosen(choice=data["choice"], enabled=tuple(data["enabled"]))
        case "skip_word":
            return WordSkipped(**fields)
        case "advance":
            return Advanced(**fields)
        case "pool":
            return PoolMoved(**fields)
        case "check":
            readings = tuple((name, value) for name, value in data["readings"])
            return Checked(**fields | {"path": tuple(data["path"]), "readings": readings})
        case "invariant":
            return InvariantHeld(**fields | {"path": tuple(data["path"]), "outcome": decode_outcome(data["outcome"])})
        case "rollback":
            return RolledBack(**fields)
        case "race":
            return Raced(tasks=tuple(data["tasks"]))
        case other:
            raise ValueError(f"not an event of a trace: {other!r}")


def encode_outcome(outcome: Outcome) -> Object:
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


def decode_outcome(data: Object) -> Outcome:
    """The outcome that was encoded so. Raises ``KeyError``, ``TypeError`` or ``ValueError`` for anything else."""
    if "error" in data:
        error_class = ErrorClass(data["error"])
        return Failed(error_class, data["text"], data["sqlstate"], data["native"], data["by"])
    if "rows" in data:
        rows = [tuple(from_json(value) for value in row) for row in data["rows"]]
        return Rows(data["columns"], rows, data["affected"])
    return Affected(data["affected"])


def _fields(event: Event) -> Object:
    match event:
        case Stepped():
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
                "judged": event.judged,
                "ordered": event.ordered,
            }
        case Parked():
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
        case Checked():
            readings: Sequence[Sequence[str | int]] = [list(reading) for reading in event.readings]
            return {
                "task": event.task,
                "path": list(event.path),
                "held": event.held,
                "readings": readings,
                "now_us": event.now_us,
            }
        case InvariantHeld():
            return {"path": list(event.path), "outcome": encode_outcome(event.outcome), "held": event.held}
        case Chosen() | WordSkipped() | Advanced() | PoolMoved() | RolledBack() | Raced():
            return {name: _flat(getattr(event, name)) for name in event.__slots__}
        case _:
            assert_never(event)


def _flat(value: str | int | bool | tuple[str | int, ...]) -> str | int | bool | list[str | int]:
    return list(value) if isinstance(value, tuple) else value


def _values(data: Object) -> tuple[Any, ...]:
    return tuple(from_json(value) for value in data["arguments"])
