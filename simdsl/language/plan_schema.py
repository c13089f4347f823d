"""The JSON Schema of plans, for editors and for other programs: schemas/plan.schema.json is written from it.

It is put together from the same vocabulary as the loader: the verbs (each has its own piece, ``Verb.schema``), the
names of backends, the enumerations of the IR. The loader does not use it: it checks plans itself and says more.
`python docs/generate.py` writes the file, and tests compare it.

This is also the only door to jsonschema, which is imported only when data is validated: no plan that is run or checked
ever is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from simdsl.plan import codes
from simdsl.plan.backend_facts import BACKEND_NAMES
from simdsl.plan.deferred import dataclass
from simdsl.plan.diagnostics import Path
from simdsl.plan.plan import ResetMode
from simdsl.plan.sql import Dialect
from simdsl.plan.values import INT64_MAX, INT64_MIN, Json
from simdsl.syntax.document import AmbiguousScalar, Data, PlainScalar
from simdsl.syntax.fields import RESERVED_NAMES
from simdsl.verbs.base import verbs

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator


Subject: TypeAlias = Literal["plan", "profile", "trace"]


def violations(instance: Json, subject: Subject) -> tuple[tuple[Path, str], ...]:
    """What the schema of a subject refuses: the deepest place that is to blame, and why, in the order of the paths."""
    from jsonschema.exceptions import best_match  # 60 ms of imports that a run of a plan does not need

    errors = sorted(_validator(subject).iter_errors(instance), key=lambda e: (list(map(str, e.absolute_path)), e.message))
    # A mistake deep inside of an `if ... then` is an error of every schema around it; only the innermost helps.
    deepest = [best_match([error]) or error for error in errors]
    return tuple(dict.fromkeys((tuple(error.absolute_path), error.message) for error in deepest))


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """One thing that a schema refuses: its path, the keyword of the schema, and the part of the schema with that keyword."""

    path: Path
    keyword: str
    shape: Mapping[str, Json]
    message: str


def refusals(instance: Json, subject: Subject) -> tuple[Violation, ...]:
    """Everything that the schema of a subject refuses, for callers that word the messages themselves."""
    return tuple(
        Violation(
            path=tuple(error.absolute_path), keyword=str(error.validator), shape=dict(error.schema), message=error.message
        )
        for error in _validator(subject).iter_errors(instance)
    )


def to_json(data: Data) -> Json:
    """Plain data as a schema sees it. What only looks like a number is text, as it is to the loader."""
    match data:
        case PlainScalar():
            return data.value
        case AmbiguousScalar():
            return data.text
        case str():
            return data
        case list():
            return [to_json(item) for item in data]
        case dict():
            return {key: to_json(value) for key, value in data.items()}


@cache  # compiling a schema takes longer than validating by it
def _validator(subject: Subject) -> Draft202012Validator:
    from jsonschema import Draft202012Validator  # see `violations`

    return Draft202012Validator(json.loads(codes.path(f"schemas/{subject}.schema.json").read_text(encoding="utf-8")))


NAME_PATTERN: Final = "^[a-z_][a-z0-9_]*$"


TASK_PATTERN: Final = "^[a-z][a-z0-9_]*$"


def plan_schema() -> dict[str, Json]:
    """The schema, as data that ``json.dumps`` takes."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A simdsl plan",
        "description": "Sessions at their databases, step by step, and what each of them must see. This schema knows the "
        "shape; the loader (`simdsl check`) also knows the language of the lines.",
        "type": "object",
        "properties": _keys(),
        "required": ["simdsl", "plan"],
        "additionalProperties": False,
        # `if` and not `oneOf`: for a plan that fits none of several shapes, validators report all of them, and editors show
        # the least helpful one.
        "allOf": [
            {
                "if": {"required": ["steps"]},
                "then": {"properties": {"tasks": False, "workload": False, "schedule": False}},
                "else": {
                    "required": ["schedule"],
                    "if": {"required": ["workload"]},
                    "then": {"properties": {"tasks": False}},
                    "else": {"required": ["tasks"]},
                },
            }
        ],
        "$defs": {**_scalars(), **_pieces(), **_steps()},
    }


def _ref(name: str, description: str | None = None, **more: Json) -> dict[str, Json]:
    described: dict[str, Json] = {} if description is None else {"description": description}
    return {**described, "$ref": f"#/$defs/{name}", **more}


def _keys() -> dict[str, Json]:
    """The keys of a plan."""
    return {
        # YAML reads `simdsl: 1` as a number; text is typed by its position, so a quoted one means the same.
        "simdsl": {"description": "The version of the language. This is version 1.", "enum": [1, "1"]},
        "plan": _ref(
            "text", "The plan's name: lower-case letters, digits and single hyphens.", pattern="^[a-z0-9]+(-[a-z0-9]+)*$"
        ),
        "doc": _ref("text", "What the plan shows, in a sentence."),
        "tags": _ref("words", "Words by which plans are selected: `simdsl run --tag locks`."),
        "dialect": {
            "description": "The SQL in which the lines are written. By default the one of the only backend, else sqlite.",
            "enum": [dialect.value for dialect in Dialect],
        },
        "backends": _ref(
            "backends", "The backends for which the plan is meant; it is skipped on all others. By default any."
        ),
        "pools": {
            "description": "Connection pools by name. With pools every task needs a `checkout` before its SQL.",
            "type": "object",
            "propertyNames": {"pattern": NAME_PATTERN},
            "additionalProperties": _ref("pool"),
        },
        "params": {
            "description": "One run for each entry. All entries have the same keys; `$key` is the value in every line.",
            "type": "array",
            "items": {
                "type": "object",
                "propertyNames": {"pattern": NAME_PATTERN},
                "additionalProperties": _ref("param"),
            },
        },
        "reset": _ref("reset", "Tables that are emptied before each setup, for databases that outlive a run."),
        "setup": _ref("sectionSteps", "Steps before the run, on a connection of their own."),
        "steps": _ref("steps", "The steps of all tasks in one order. The order is the schedule."),
        "tasks": {
            "description": "A list of steps for each task; `schedule` says which task takes the next step.",
            "type": "object",
            "propertyNames": {"pattern": TASK_PATTERN},
            "additionalProperties": _ref("taskSteps"),
        },
        "workload": _ref(
            "workload", "Weighted actions, drawn for each run; `invariants` say what must hold for every draw."
        ),
        "schedule": _ref(
            "schedule",
            "Which task takes the next step: `a b b a`, `[a, b]`, `1-2-1`, `all`, `{all: 500}`, `{seed: 7, runs: 200}` "
            "or `{pct: 3, seed: 7, runs: 200}`.",
        ),
        "finally": _ref("sectionSteps", "Steps after the run, on a connection of their own, even when the run failed."),
        "invariants": _ref(
            "invariants",
            "Queries with an expectation that must hold whenever no transaction is open, and at the end.",
        ),
        "properties": _ref("words", "Named properties that also check the run; `simdsl properties` lists them."),
        "seed": _ref("integer", "The seed of random decisions, if neither `--seed` nor the schedule gives one."),
        "timeout": _ref("duration", "The virtual deadline of every step that has none of its own: `30s`."),
    }


def _scalars() -> dict[str, Json]:
    return {
        "text": {
            "description": "Text. Where text is wanted, `no`, `1` and `null` are text too.",
            "type": ["string", "number", "boolean", "null"],
        },
        "line": {"type": "string", "minLength": 1},  # a number or a null is never sent to a database as text
        "words": {"type": "array", "items": _ref("text"), "uniqueItems": True},
        "integer": {"type": "integer", "minimum": INT64_MIN, "maximum": INT64_MAX},
        "positive": {"type": "integer", "minimum": 1, "maximum": INT64_MAX},
        # The grammar allows blanks around a duration, as around every text.
        "duration": {"type": "string", "pattern": "^\\s*[0-9]+(us|ms|s|m|h)\\s*$"},
        "backend": {"enum": list(BACKEND_NAMES)},
        "backends": {"type": "array", "items": _ref("backend"), "uniqueItems": True},
    }


def _pieces() -> dict[str, Json]:
    """Pools, params, reset, schedules, workloads."""
    return {
        "pool": _closed(
            {
                "size": _ref("positive", "How many connections it has."),
                "timeout": _ref("duration", "How long a checkout waits in virtual time. By default 30s."),
                "driver": _ref("text", "A pool of your own, if it is not to be the backend's."),
            },
            required=["size"],
        ),
        "param": {
            "description": "A value, or one of a kind that YAML does not have.",
            "if": {"type": "object"},
            "then": {
                "properties": {
                    "identifier": _ref("text", "The name of a table or column; always quoted."),
                    "decimal": _ref("text", "An exact number: `{decimal: '12.50'}`."),
                    "date": _ref("text", "A date: `{date: '2026-01-31'}`."),
                    "time": _ref("text", "A time of day: `{time: '23:59:59'}`."),
                    "timestamp": _ref("text", "A date and a time: `{timestamp: '2026-01-31 23:59:59'}`."),
                    "blob": _ref("text", "Bytes in hexadecimal: `{blob: '00ff'}`."),
                },
                "additionalProperties": False,
                "minProperties": 1,
                "maxProperties": 1,
            },
            "else": _ref("text"),
        },
        "reset": _closed(
            {
                "tables": _ref("words", "Which tables."),
                "mode": {"description": "How: delete by default.", "enum": [mode.value for mode in ResetMode]},
            },
            required=["tables"],
        ),
        "schedule": {
            "if": {"type": "object"},
            "then": {
                "properties": {
                    "all": _ref("positive", "Every interleaving, but at most this many."),
                    "runs": _ref("positive", "How many random schedules."),
                    "seed": _ref("integer", "The seed of the random schedules."),
                    "pct": _ref("positive", "Probabilistic concurrency testing at this depth."),
                },
                "additionalProperties": False,
                "if": {"required": ["all"]},
                "then": {"maxProperties": 1},
                "else": {"required": ["runs"]},
            },
            "else": {"if": {"type": "array"}, "then": {"items": _ref("text")}, "else": _ref("text")},
        },
        "workload": _closed(
            {
                "tasks": {
                    "description": "How many tasks there are, `t1`, `t2` and so on, or their names.",
                    "if": {"type": "array"},
                    "then": _ref("words", minItems=1),
                    "else": _ref("positive"),
                },
                "repeat": _ref("positive", "How many actions each task does in a run."),
                "actions": {
                    "description": "What a task may do next, by name.",
                    "type": "object",
                    "propertyNames": {"pattern": NAME_PATTERN},
                    "additionalProperties": _ref("action"),
                    "minProperties": 1,
                },
            },
            required=["tasks", "repeat", "actions"],
        ),
        "action": _closed(
            {
                "weight": _ref("positive", "How often it is drawn, compared with the others. By default 1."),
                "with": {
                    "description": "Values that are drawn each time, bound as `$name`: `{cents: 1..50, who: [ann, ben]}`.",
                    "type": "object",
                    "propertyNames": {"pattern": NAME_PATTERN},
                    "additionalProperties": _ref("domain"),
                },
                "distinct": _ref("words", "Names of `with` whose values differ from each other."),
                "do": _ref("actionSteps", "The steps of the action, in this order."),
            },
            required=["do"],
        ),
        "domain": {
            "description": "What a value is drawn from: `1..50`, both ends included, or a list of values.",
            "if": {"type": "array"},
            "then": {"items": _ref("param"), "minItems": 1},
            "else": {"type": "string", "pattern": "^-?(0|[1-9][0-9]*)\\.\\.-?(0|[1-9][0-9]*)$"},
        },
    }


def _closed(properties: dict[str, Json], *, required: list[Json]) -> dict[str, Json]:
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


# Steps


def _steps() -> dict[str, Json]:
    # Derived from the verbs, as everything about steps is: a verb with a body is the only other place to forget.
    blocks: list[Json] = [{"required": [verb.name]} for verb in verbs() if verb.has_body]
    beside: dict[str, Json] = {
        "description": "What goes together in one step.",
        "allOf": [
            {"if": {"required": ["do"]}, "then": {"anyOf": blocks}},
            {"if": {"anyOf": blocks}, "then": {"required": ["do"]}},
            {"if": {"required": ["skip"]}, "then": {"properties": {"only": False}}},
        ],
    }
    return {
        "beside": beside,
        "steps": {"type": "array", "items": _ref("step")},
        "step": _step("A task and its line, or a verb.", "steps", do="steps", tasks=True, sql=False),
        "taskSteps": _step_list("A line of this task, or a verb.", "taskStep"),
        "taskStep": _step(_BESIDE, "tasks", do="taskSteps", tasks=True),
        "actionSteps": _step_list("A line of the task that does this, or a verb.", "actionStep"),
        "actionStep": _step(_BESIDE, "workload", do="actionSteps", tasks=True, label=False),
        "sectionSteps": _step_list("A line, or a verb.", "sectionStep"),
        "sectionStep": _step(_BESIDE, "setup", do="sectionSteps"),
        "invariants": _step_list("`QUERY => expectation`.", "invariant"),
        "invariant": _step("A query line with something beside it.", "invariants"),
    }


def _step_list(description: str, step: str) -> dict[str, Json]:
    """A list that says whose its steps are, so that a statement may stand alone."""
    return {
        "type": "array",
        "items": {
            "description": description,
            "type": ["string", "object"],
            "if": {"type": "object"},
            "then": _ref(step),
            "else": _ref("line"),
        },
    }


def _step(
    description: str, section: str, *, do: str | None = None, tasks: bool = False, sql: bool = True, label: bool = True
) -> dict[str, Json]:
    """A step of a section. ``do`` is the list under ``do:``; ``tasks`` allows a task's name in place of ``sql``."""
    properties: dict[str, Json] = {}
    if sql:
        properties["sql"] = _ref("line", "`SQL [=> expectation]`. Long SQL goes in a `|` block.")
    properties |= {verb.name: verb.schema() for verb in verbs() if section in verb.sections}
    if do is not None:
        properties["do"] = _ref(do, "The steps that are repeated.")
    if label:
        properties["label"] = _ref("text", "A name for the result, for `check` and `same as`.")
    properties |= {
        "skip": _ref("backends", "Backends on which this step is left out."),
        "only": _ref("backends", "The only backends that take this step."),
        "why": _ref("text", "Why it is so. Shown when the step fails."),
        "timeout": _ref("duration", "The virtual deadline of this step: `50ms`."),
    }
    for backend in BACKEND_NAMES:
        differs = f"What is different on {backend}: its SQL, its `=> expectation`, or both."
        properties[backend] = _ref("text", differs)
    step: dict[str, Json] = {"description": description, "type": "object", "properties": properties}
    if tasks:
        # A name that is misspelt is one of a task, unless it is reserved: JSON Schema cannot tell more.
        reserved = "|".join(sorted(RESERVED_NAMES))
        task = _ref("line", "The task that runs this: `SQL [=> expectation]`. Long SQL goes in a `|` block.")
        step["patternProperties"] = {f"^(?!(?:{reserved})$){TASK_PATTERN[1:]}": task}
    else:
        step["$comment"] = "No task's name stands here: the section has a connection of its own."
    return {**step, "additionalProperties": False, "minProperties": 1, "allOf": [_ref("beside")]}


_BESIDE: Final = "A line with something beside it, or a verb."
