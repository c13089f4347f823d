"""The JSON Schema of one line of a trace file: schemas/trace.schema.json is written from it.

The shapes of events follow from the classes of `simdsl.core.trace`, and the closed lists from their enumerations, so that
a field or an event that is added there is in the schema. `python docs/generate.py` writes the file, and tests compare it.
"""

from __future__ import annotations

from dataclasses import fields
from enum import Enum
from types import NoneType, UnionType
from typing import Any, Final, Union, get_args, get_origin, get_type_hints

from simdsl.backends.protocol import Description
from simdsl.core.trace import TraceEvent
from simdsl.core.verdicts import BackendOutput, Failure, FailureKind, Verdict
from simdsl.plan.diagnostics import Path
from simdsl.plan.outcomes import Outcome
from simdsl.plan.values import Json, Value
from simdsl.report.json_lines import EVENT_NAMES, FORMAT

_Shape = dict[str, Json]


def trace_schema() -> _Shape:
    """The schema, as data that ``json.dumps`` takes."""
    records: list[Json] = ["run", "end"]
    events: list[Json] = list(EVENT_NAMES.values())
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A line of a simdsl trace",
        "description": "A trace file holds runs one after another: a header line, a line for every event, an end line. This "
        "is the schema of one line. Times are virtual microseconds since the run began.",
        "type": "object",
        "if": {"required": ["record"]},
        "then": _by_key("record", records),
        "else": {"required": ["event"], **_by_key("event", events)},
        "$defs": {
            "run": _run(),
            "end": _end(),
            **{name: _event(event, name) for event, name in EVENT_NAMES.items()},
            "path": {
                "description": "Mapping keys and sequence indices from the root of the plan.",
                "type": "array",
                "items": {"type": ["string", "integer"]},
            },
            "value": _value(),
            **_outcomes(),
            "failure": _failure(),
        },
    }


def _by_key(key: str, names: list[Json]) -> _Shape:
    """One shape for each value of a key. Not ``anyOf``: a validator would blame every shape for a mistake in one."""
    cases: list[Json] = [
        {"if": {"properties": {key: {"const": name}}, "required": [key]}, "then": {"$ref": f"#/$defs/{name}"}}
        for name in names
    ]
    return {"properties": {key: {"enum": names}}, "allOf": cases}


def _closed(properties: _Shape, description: str | None = None) -> _Shape:
    """An object that has all of these keys, and no others."""
    shape: _Shape = {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
    return shape if description is None else {**shape, "description": description}


def _list_of(items: Json, description: str | None = None) -> _Shape:
    shape: _Shape = {"type": "array", "items": items}
    return shape if description is None else {**shape, "description": description}


# Events


def _event(event: type[TraceEvent], name: str) -> _Shape:
    """What ``json_lines.encode_event`` writes of an event: its fields, under its name."""
    hints = get_type_hints(event)
    properties: _Shape = {"event": {"const": name}}
    for field in fields(event):
        shape = _shape(hints[field.name], field.name)
        described = _FIELDS.get((name, field.name))
        properties[field.name] = shape if described is None else {**shape, "description": described}
    summary = (event.__doc__ or "").split("\n")[0].replace("``", "`")
    return _closed(properties, summary)


def _shape(hint: Any, name: str) -> _Shape:
    """The shape of a field by its type."""
    if hint == Path:
        return {"$ref": "#/$defs/path"}
    if hint == Outcome:
        return {"$ref": "#/$defs/outcome"}
    if hint == Value:
        return {"$ref": "#/$defs/value"}
    if isinstance(hint, type) and issubclass(hint, Enum):
        return {"enum": [member.value for member in hint]}
    if hint in _TYPES:
        bounds: _Shape = {"minimum": 0} if hint is int and name in _NEVER_NEGATIVE else {}
        return {"type": _TYPES[hint], **bounds}
    if get_origin(hint) in (Union, UnionType):
        (inner,) = (part for part in get_args(hint) if part is not NoneType)
        shape = _shape(inner, name)
        return {**shape, "type": [shape["type"], "null"]}
    assert get_origin(hint) is tuple, f"{name}: there is no JSON for {hint}"
    parts = get_args(hint)
    if parts[1:] == (...,):
        return _list_of(_shape(parts[0], name))
    items: list[Json] = [_shape(part, name) for part in parts]
    return {"type": "array", "prefixItems": items, "minItems": len(parts), "maxItems": len(parts)}


_TYPES: Final[dict[Any, str]] = {str: "string", int: "integer", bool: "boolean"}
_NEVER_NEGATIVE: Final = frozenset({"now_us", "until_us", "choice", "enabled", "index"})
_FIELDS: Final = {
    ("step", "what"): "The SQL as the plan wrote it, or `checkout main`, `return`.",
    ("step", "names"): "The variables that the arguments are values of.",
    ("step", "in_transaction"): "Afterwards; null where the step could not change it.",
    ("step", "has_expectation"): "The step had an expectation of its own.",
    ("step", "ordered"): "The statement promises an order.",
    ("block", "until_us"): "The virtual deadline; null for ever.",
    ("block", "blockers"): "The tasks that it waits for.",
    ("choose", "choice"): "Tasks are numbered from 0, in the order of the file.",
    ("pool", "in_transaction"): "Of the connection, afterwards.",
    ("check", "readings"): "What it read of pools, error counts and the clock.",
}


# Values and outcomes


def _value() -> _Shape:
    kinds = ("real", "decimal", "blob", "timestamp", "date", "time")
    tagged: list[Json] = [_closed({kind: {"type": "string"}}) for kind in kinds]
    return {
        "description": "A value; what JSON lacks is an object of one key, its kind.",
        "anyOf": [{"type": ["null", "boolean", "integer", "number", "string"]}, *tagged],
    }


def _outcomes() -> _Shape:
    nullable_integer: Json = {"type": ["integer", "null"]}
    return {
        "outcome": {
            "description": "The outcome of a statement.",
            "type": "object",
            "if": {"required": ["error"]},
            "then": {"$ref": "#/$defs/failed"},
            "else": {"if": {"required": ["rows"]}, "then": {"$ref": "#/$defs/rows"}, "else": {"$ref": "#/$defs/affected"}},
        },
        "failed": _closed(
            {
                "error": {"type": "string", "description": "The error class."},
                "text": {"type": "string"},
                "sqlstate": {"type": ["string", "null"]},
                "native": nullable_integer,
                "by": {"enum": ["engine", "simdsl"]},
            },
            "An error.",
        ),
        "rows": _closed(
            {
                "columns": {"type": "integer", "minimum": 0},
                "rows": _list_of(_list_of({"$ref": "#/$defs/value"})),
                "affected": nullable_integer,
            },
            "A result set, its rows in the order received.",
        ),
        "affected": _closed({"affected": nullable_integer}, "A statement without a result set."),
    }


# The first and the last line of a run


def _run() -> _Shape:
    text: Json = {"type": "string"}
    identifier = _closed({"identifier": text})
    return _closed(
        {
            "record": {"const": "run"},
            "format": {"const": FORMAT},
            "simdsl": {"type": "string", "description": "The version that wrote this."},
            "plan": text,
            "file": {"type": ["string", "null"]},
            "backend": text,
            "url": {"type": "string", "description": "Secrets are masked."},
            "description": _closed({field.name: text for field in fields(Description)}),
            "seed": {"type": ["integer", "null"]},
            "run": {"type": "integer", "minimum": 1, "description": "Which run of the plan, from 1."},
            "params": {
                "type": "object",
                "additionalProperties": {"anyOf": [{"$ref": "#/$defs/value"}, identifier]},
            },
            "choices": _list_of(
                {"type": "integer", "minimum": 1},
                "The schedule that replays this run, tasks numbered from 1; empty for `steps:`.",
            ),
        },
        "A run begins.",
    )


def _end() -> _Shape:
    count: Json = {"type": "integer", "minimum": 0}
    return _closed(
        {
            "record": {"const": "end"},
            "verdict": {"enum": [verdict.value for verdict in Verdict]},
            "digest": {"type": "string", "pattern": "^[0-9a-f]{16}$"},
            "assertions": {
                "type": "integer",
                "minimum": 0,
                "description": "Expectations, checks, invariants and comparisons that were evaluated.",
            },
            "steps": count,
            "raced": {"type": "boolean"},
            "warnings": _list_of({"type": "string"}),
            "failure": {"anyOf": [{"$ref": "#/$defs/failure"}, {"type": "null"}]},
            "consequences": _list_of({"$ref": "#/$defs/failure"}),
        },
        "The run ended.",
    )


def _failure() -> _Shape:
    nullable_text: Json = {"type": ["string", "null"]}
    properties: _Shape = {
        "kind": {"enum": [kind.value for kind in FailureKind]},
        "message": {"type": "string"},
        "path": {"$ref": "#/$defs/path"},
        "override": nullable_text,
        "task": nullable_text,
        "expected": _list_of({"type": "string"}),
        "got": _list_of({"type": "string"}),
        "help": nullable_text,
        "arguments": {"type": "object", "additionalProperties": {"type": "string"}},
        "fingerprint": {"type": "string"},
        "backend_outputs": _list_of(
            _closed({name: nullable_text if name == "sent" else {"type": "string"} for name in BackendOutput._fields}),
            "Where backends differ, each of them: what it said, and what was sent to it.",
        ),
    }
    assert set(properties) == {field.name for field in fields(Failure)}, "a field of Failure is not in the schema"
    return _closed(properties, "What broke, in the plan's own terms.")
