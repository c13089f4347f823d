"""The knobs, as the schema has them: their keys, their order, what they take; and the way between keys and fields."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import fields
from enum import StrEnum
from functools import cache
from typing import Any, Final, TypeAlias

from simdsl.plan import resources
from simdsl.plan.dataclasses import dataclass
from simdsl.plan.plan import VERSION
from simdsl.plan.values import Json
from simdsl.profiles.profile import (
    ColumnType,
    FaultWeights,
    IndexKind,
    PoolKnobs,
    Profile,
    QueryRates,
    SchemaKnobs,
    StepWeights,
    ValueRates,
)
from simdsl.syntax.cells import parse_duration
from simdsl.syntax.printer import duration_text

Key: TypeAlias = tuple[str, ...]

GROUPS: Final[Mapping[str, type[Any]]] = {
    "weights": StepWeights,
    "schema": SchemaKnobs,
    "values": ValueRates,
    "queries": QueryRates,
    "faults": FaultWeights,
    "pool": PoolKnobs,
}
NAME: Final[Key] = ("profile",)
DOC: Final[Key] = ("doc",)

_HEAD: Final = ("simdsl", "profile", "extends")
_LISTS: Final[Mapping[Key, type[StrEnum]]] = {("schema", "types"): ColumnType, ("schema", "index_kinds"): IndexKind}


class KnobType(StrEnum):
    """What a knob takes, in one word."""

    INTEGER = "integer"
    RATE = "rate"
    DURATION = "duration"
    TEXT = "text"
    WORDS = "words"


@dataclass(frozen=True, slots=True, kw_only=True)
class Knob:
    """One key that has a value of its own. ``words`` are those of which a list is made, else empty."""

    key: Key
    kind: KnobType
    description: str
    words: tuple[str, ...] = ()

    @property
    def dotted(self) -> str:
        """As ``--set`` names it: ``weights.update``."""
        return ".".join(self.key)


@cache
def knobs() -> tuple[Knob, ...]:
    """Every knob in the order of the schema; the version, the name and ``extends`` are none."""
    return tuple(_knobs(schema()["properties"], ()))


@cache
def schema() -> dict[str, Any]:
    """The JSON Schema of profiles."""
    loaded: dict[str, Any] = json.loads(resources.path("schemas/profile.schema.json").read_text(encoding="utf-8"))
    return loaded


def to_keys(profile: Profile) -> dict[Key, Json]:
    """The value of every knob as a file would have it; one without a value is left out."""
    found: dict[Key, Json] = {}
    for knob in knobs():
        holder = getattr(profile, knob.key[0]) if len(knob.key) > 1 else profile
        value = getattr(holder, field_of(knob))
        if value is not None:
            found[knob.key] = _to_json(value, knob.kind)
    return found


def from_keys(name: str, values: Mapping[Key, Json]) -> Profile:
    """The profile that has these values, which the schema lets through."""
    top: dict[str, Any] = {}
    inner: dict[str, dict[str, Any]] = {group: {} for group in GROUPS}
    for knob in knobs():
        if knob.key in values:
            into = inner[knob.key[0]] if len(knob.key) > 1 else top
            into[field_of(knob)] = _to_field(values[knob.key], knob)
    return Profile(name=name, **top, **{group: GROUPS[group](**found) for group, found in inner.items()})


def nested(name: str, values: Mapping[Key, Json]) -> dict[str, Json]:
    """Values as the data of a file that extends nothing."""
    data: dict[str, Any] = {"simdsl": VERSION, "profile": name}
    for knob in knobs():
        if knob.key in values:
            holder = data.setdefault(knob.key[0], {}) if len(knob.key) > 1 else data
            holder[knob.key[-1]] = values[knob.key]
    return data


def field_of(knob: Knob) -> str:
    """The name of the field that a knob fills."""
    return f"{knob.key[-1]}_us" if knob.kind is KnobType.DURATION else knob.key[-1]


def field_keys() -> list[tuple[str, ...]]:
    """Every field of ``Profile`` but the name, those of its parts included."""
    found: list[tuple[str, ...]] = []
    for one in fields(Profile):
        group = GROUPS.get(one.name)
        found += [(one.name,)] if group is None else [(one.name, inner.name) for inner in fields(group)]
    return [key for key in found if key != ("name",)]


def _knobs(properties: Mapping[str, Any], above: Key) -> Iterator[Knob]:
    for name, shape in properties.items():
        key = (*above, name)
        if "properties" in shape:
            yield from _knobs(shape["properties"], key)
        elif above or name not in _HEAD:
            words = tuple(shape["items"]["enum"]) if "items" in shape else ()
            yield Knob(key=key, kind=_kind(shape), description=shape["description"], words=words)


def _kind(shape: Mapping[str, Any]) -> KnobType:
    match shape:
        case {"$ref": "#/$defs/duration"}:
            return KnobType.DURATION
        case {"$ref": "#/$defs/rate"}:
            return KnobType.RATE
        case {"type": "array"}:
            return KnobType.WORDS
        case {"type": "string"}:
            return KnobType.TEXT
        case _:
            return KnobType.INTEGER


def _to_json(value: Any, kind: KnobType) -> Json:
    match kind:
        case KnobType.DURATION:
            return duration_text(value)
        case KnobType.WORDS:
            return [str(word) for word in value]
        case KnobType.RATE:
            return int(value) if value in (0, 1) else float(value)
        case _:
            return value  # type: ignore[no-any-return]  # an integer, as it is


def _to_field(value: Any, knob: Knob) -> Any:
    match knob.kind:
        case KnobType.DURATION:
            return parse_duration(value)
        case KnobType.WORDS:
            return tuple(_LISTS[knob.key](word) for word in value)
        case KnobType.RATE:
            return float(value) + 0.0  # -0.0 is 0.0
        case KnobType.INTEGER:
            return int(value)  # 3.0 is an integer to a JSON Schema
        case _:
            return value
