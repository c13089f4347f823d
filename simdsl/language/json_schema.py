"""The only door to jsonschema: whether data has the shape that a schema of schemas/ describes.

The loader checks a plan itself and says more; the schemas are for editors. jsonschema is imported only when data is
validated, which no plan that is run or checked ever is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Literal, TypeAlias

from simdsl.plan import resources
from simdsl.plan.dataclasses import dataclass
from simdsl.plan.source import Path
from simdsl.plan.values import Json
from simdsl.syntax.document import AmbiguousScalar, Data, PlainScalar

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

    return Draft202012Validator(json.loads(resources.path(f"schemas/{subject}.schema.json").read_text(encoding="utf-8")))
