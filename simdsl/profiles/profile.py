"""A profile as data: every knob with its default, and the way between the keys of a file and the fields.

The knobs are those of schemas/profile.schema.json, which says what each means. Weights are integers of 0 or more, rates
lie between 0 and 1, times are virtual microseconds: a key that is a duration has a field that ends in ``_us``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import field, fields
from enum import StrEnum
from functools import cache
from typing import Any, Final, TypeAlias

from simdsl.plan import codes
from simdsl.plan.deferred import dataclass
from simdsl.plan.plan import VERSION
from simdsl.plan.values import Json
from simdsl.syntax.expressions import parse_duration
from simdsl.syntax.printer import duration_text


class ColumnType(StrEnum):
    """The column types that all dialects have, each under its own name there."""

    INTEGER = "integer"
    BIGINT = "bigint"
    SMALLINT = "smallint"
    REAL = "real"
    DECIMAL = "decimal"
    TEXT = "text"
    VARCHAR = "varchar"
    BOOLEAN = "boolean"
    BLOB = "blob"
    DATE = "date"
    TIME = "time"
    TIMESTAMP = "timestamp"


class IndexKind(StrEnum):
    """What an index may be. ``PLAIN`` is on one column, ascending."""

    PLAIN = "plain"
    UNIQUE = "unique"
    COMPOSITE = "composite"
    DESCENDING = "descending"
    PARTIAL = "partial"
    EXPRESSION = "expression"


@dataclass(frozen=True, slots=True, kw_only=True)
class StepWeights:
    """Relative frequencies of the kinds of steps; 0 is never."""

    select: int = 40
    insert: int = 20
    update: int = 15
    delete: int = 5
    upsert: int = 5
    ddl: int = 2
    tx: int = 10
    savepoint: int = 2
    checkout: int = 4
    sleep: int = 1
    fault: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaKnobs:
    """The generated schema. Numbers are upper limits, everything else is a probability."""

    tables: int = 3
    columns: int = 6
    rows: int = 10
    types: tuple[ColumnType, ...] = tuple(ColumnType)
    primary_key: float = 0.9
    unique: float = 0.1
    not_null: float = 0.3
    check: float = 0.1
    default: float = 0.2
    foreign_key: float = 0.2
    indexes: int = 2
    index_kinds: tuple[IndexKind, ...] = tuple(IndexKind)


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueRates:
    """The probabilities that a value is one of these, rather than an ordinary one."""

    null: float = 0.1
    zero: float = 0.05
    limit: float = 0.05
    empty: float = 0.05
    unicode: float = 0.05
    long: float = 0.01
    duplicate: float = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryRates:
    """The probabilities that a query has each of these."""

    where: float = 0.8
    join: float = 0.2
    subquery: float = 0.1
    cte: float = 0.05
    group_by: float = 0.1
    having: float = 0.3
    distinct: float = 0.1
    set_operation: float = 0.05
    window: float = 0.05
    order_by: float = 0.3
    limit: float = 0.1
    case: float = 0.1
    cast: float = 0.1
    like: float = 0.1
    in_list: float = 0.1
    between: float = 0.1
    is_distinct_from: float = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultWeights:
    """Relative frequencies of the kinds of faults; 0 is never."""

    disconnect: int = 4
    cancel: int = 4
    timeout: int = 4
    io_error: int = 2
    disk_full: int = 1
    reopen: int = 1
    crash: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolKnobs:
    """The pool from which tasks take connections."""

    size: int = 4
    timeout_us: int = 30_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """The settings of generated plans. Without a ``seed`` each call uses a new one."""

    name: str
    doc: str | None = None
    seed: int | None = None
    steps: int = 100
    tasks: int = 4
    weights: StepWeights = field(default_factory=StepWeights)
    ddl_rate: float = 0.01
    # The two names that a user of the command line may know better: --hold-rate and --rollback-rate.
    busy_rate: float = 0.05
    panic_rate: float = 0.1
    sleep_rate: float = 0.05
    error_rate: float = 0.01
    contention_rate: float = 0.5
    max_sleep_us: int = 100_000
    expression_depth: int = 3
    schema: SchemaKnobs = field(default_factory=SchemaKnobs)
    values: ValueRates = field(default_factory=ValueRates)
    queries: QueryRates = field(default_factory=QueryRates)
    faults: FaultWeights = field(default_factory=FaultWeights)
    max_in_flight_tx: int = 4
    pool: PoolKnobs = field(default_factory=PoolKnobs)


Key: TypeAlias = tuple[str, ...]


GROUPS: Final[Mapping[str, type[Any]]] = {
    "weights": StepWeights,
    "schema": SchemaKnobs,
    "values": ValueRates,
    "queries": QueryRates,
    "faults": FaultWeights,
    "pool": PoolKnobs,
}


NAME_KEY: Final[Key] = ("profile",)
DOC_KEY: Final[Key] = ("doc",)
_HEAD: Final = ("simdsl", "profile", "extends")
# The schema has the words, and only these fields have an enum for them.
_LISTS: Final[Mapping[Key, type[StrEnum]]] = {("schema", "types"): ColumnType, ("schema", "index_kinds"): IndexKind}


class KnobType(StrEnum):
    """The kind of value that a knob takes."""

    INTEGER = "integer"
    RATE = "rate"
    DURATION = "duration"
    TEXT = "text"
    WORDS = "words"


@dataclass(frozen=True, slots=True, kw_only=True)
class Knob:
    """One setting of a profile. ``words`` are the allowed items if it is a list, else empty."""

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
    """Every knob in the order of the schema, without the version, the name and ``extends``."""
    return tuple(_knobs(schema()["properties"], ()))


@cache
def schema() -> dict[str, Any]:
    """The JSON Schema of profiles."""
    loaded: dict[str, Any] = json.loads(codes.path("schemas/profile.schema.json").read_text(encoding="utf-8"))
    return loaded


def to_keys(profile: Profile) -> dict[Key, Json]:
    """The value of every knob as a file would have it; knobs without a value are left out."""
    found: dict[Key, Json] = {}
    for knob in knobs():
        holder = getattr(profile, knob.key[0]) if len(knob.key) > 1 else profile
        value = getattr(holder, field_of(knob))
        if value is not None:
            found[knob.key] = _to_json(value, knob.kind)
    return found


def from_keys(name: str, values: Mapping[Key, Json]) -> Profile:
    """The profile with these values, which are valid by the schema."""
    top: dict[str, Any] = {}
    inner: dict[str, dict[str, Any]] = {group: {} for group in GROUPS}
    for knob in knobs():
        if knob.key in values:
            into = inner[knob.key[0]] if len(knob.key) > 1 else top
            into[field_of(knob)] = _to_field(values[knob.key], knob)
    return Profile(name=name, **top, **{group: GROUPS[group](**found) for group, found in inner.items()})


def nested(name: str, values: Mapping[Key, Json]) -> dict[str, Json]:
    """The data of a file with these values and without ``extends``."""
    data: dict[str, Any] = {"simdsl": VERSION, "profile": name}
    for knob in knobs():
        if knob.key in values:
            holder = data.setdefault(knob.key[0], {}) if len(knob.key) > 1 else data
            holder[knob.key[-1]] = values[knob.key]
    return data


def field_of(knob: Knob) -> str:
    """The name of the field that holds a knob."""
    return f"{knob.key[-1]}_us" if knob.kind is KnobType.DURATION else knob.key[-1]


def field_keys() -> list[tuple[str, ...]]:
    """Every field of ``Profile`` and of its groups, without the name. A test compares them with the knobs."""
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
        case _:  # every number that is no rate is a count
            return KnobType.INTEGER


def _to_json(value: Any, kind: KnobType) -> Json:
    match kind:
        case KnobType.DURATION:
            return duration_text(value)
        case KnobType.WORDS:
            return [str(word) for word in value]
        case KnobType.RATE:
            return int(value) if value in (0, 1) else float(value)  # `rate: 0`, as people write it
        case _:
            return value  # type: ignore[no-any-return]  # an integer or text, unchanged


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
        case _:  # text
            return value
