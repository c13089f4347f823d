"""The schema and the dataclasses have the same knobs, so that none can be forgotten."""

from __future__ import annotations

from dataclasses import fields

import pytest

from simdsl.language.plan_schema import violations
from simdsl.profiles.profile import (
    GROUPS,
    ColumnType,
    IndexKind,
    Knob,
    KnobType,
    Profile,
    field_keys,
    field_of,
    from_keys,
    knobs,
    nested,
    schema,
    to_keys,
)

DEFAULTS = Profile(name="defaults")


def test_every_key_is_a_field_and_every_field_a_key() -> None:
    assert [(*knob.key[:-1], field_of(knob)) for knob in knobs()] == field_keys()


def test_every_group_of_the_schema_is_a_class() -> None:
    properties = schema()["properties"]
    assert [name for name, shape in properties.items() if "properties" in shape] == list(GROUPS)
    for name, group in GROUPS.items():
        assert isinstance(getattr(DEFAULTS, name), group)


def test_the_head_is_no_knob() -> None:
    keys = {knob.key[0] for knob in knobs()}
    assert set(schema()["properties"]) - keys == {"simdsl", "profile", "extends"}


def test_every_key_is_described() -> None:
    assert all(knob.description.endswith(".") for knob in knobs())
    assert all(shape["description"].endswith(".") for shape in schema()["properties"].values())


def test_words_are_those_of_the_schema() -> None:
    words = {knob.dotted: knob.words for knob in knobs() if knob.kind is KnobType.WORDS}
    assert words == {"schema.types": tuple(ColumnType), "schema.index_kinds": tuple(IndexKind)}


def test_defaults_have_the_shape_and_come_back() -> None:
    values = to_keys(DEFAULTS)
    assert violations(nested("defaults", values), "profile") == ()
    assert from_keys("defaults", values) == DEFAULTS
    assert {knob.key for knob in knobs()} - set(values) == {("doc",), ("seed",)}


@pytest.mark.parametrize("knob", knobs(), ids=lambda knob: knob.dotted)
def test_every_knob_takes_what_its_kind_says(knob: Knob) -> None:
    shape = schema()["properties"][knob.key[0]]
    shape = shape["properties"][knob.key[1]] if len(knob.key) > 1 else shape
    reference = str(shape.get("$ref", "")).rpartition("/")[2]
    expected = {"rate": KnobType.RATE, "duration": KnobType.DURATION, "count": KnobType.INTEGER, "weight": KnobType.INTEGER}
    assert knob.kind is expected.get(reference, knob.kind)
    holder = getattr(DEFAULTS, knob.key[0]) if len(knob.key) > 1 else DEFAULTS
    value = getattr(holder, field_of(knob))
    kinds = {KnobType.RATE: float, KnobType.DURATION: int, KnobType.INTEGER: int, KnobType.WORDS: tuple, KnobType.TEXT: str}
    assert value is None or type(value) is kinds[knob.kind]


def test_profiles_are_frozen_all_through() -> None:
    for group in GROUPS.values():
        assert group.__dataclass_params__.frozen
        assert all(one.kw_only for one in fields(group))
