"""What is shown of a profile is that profile."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simdsl.plan.values import Json
from simdsl.profiles.load import MergedProfile, available_profiles, check_profile, check_text, to_json_text, to_yaml
from simdsl.profiles.profile import Key, Knob, KnobType, Profile, from_keys, knobs, to_keys

WIDE = 10_000
NAMES = ("concurrent", "ddl-heavy", "faulty", "quick", "read-heavy", "stress", "write-heavy")


def shown_again(profile: Profile, width: int) -> Profile:
    values = to_keys(profile)
    found = MergedProfile(
        profile=profile, values=values, origins=dict.fromkeys([("profile",), *values], "a: 'b' # c\n\u2028")
    )
    checked = check_text(to_yaml(found, width), "shown.yaml")
    assert checked.diagnostics == ()
    assert checked.merged is not None
    return checked.merged.profile


@pytest.mark.parametrize("width", [40, 60, WIDE])
@pytest.mark.parametrize("name", NAMES)
def test_what_is_shown_loads_as_the_same(here: Path, name: str, width: int) -> None:
    merged = check_profile(name, ["seed=7", "values.null=1e-7"]).merged
    assert merged is not None
    text = to_yaml(merged, width)
    checked = check_text(text, "shown.yaml")
    assert checked.diagnostics == ()
    assert checked.merged is not None
    assert checked.merged.profile == merged.profile
    if width == 60:
        assert max(map(len, text.splitlines())) <= 60


def test_the_order_is_that_of_the_schema(here: Path) -> None:
    merged = check_profile("stress", ["seed=1"]).merged
    assert merged is not None
    lines = [line.split(":")[0].strip() for line in to_yaml(merged, WIDE).splitlines() if "#" in line]
    assert lines == ["profile", *(knob.key[-1] for knob in knobs())]
    assert list(merged.values) == [knob.key for knob in knobs()]


def test_every_value_has_its_origin_behind_it(here: Path) -> None:
    merged = check_profile("quick", ["weights.update=0"]).merged
    assert merged is not None
    lines = to_yaml(merged, WIDE).splitlines()
    assert "steps: 50                 # bundled quick.yaml" in lines
    assert "  update: 0               # --set" in lines
    assert "  select: 40              # default" in lines
    assert not [line for line in lines if "#" not in line and not line.endswith(":") and line != "simdsl: 1"]


def test_json_has_profile_and_origins(here: Path) -> None:
    merged = check_profile("quick", ["weights.update=0"]).merged
    assert merged is not None
    data = json.loads(to_json_text(merged))
    assert data["profile"]["weights"]["update"] == 0
    assert data["origins"]["weights.update"] == "--set"
    assert set(data["origins"]) == {"profile", *(".".join(key) for key in merged.values)}
    checked = check_text(json.dumps(data["profile"]), "shown.json")
    assert checked.merged is not None
    assert checked.merged.profile == merged.profile


def test_every_name_that_is_available_is_bundled_here(here: Path) -> None:
    assert tuple(place.name for place in available_profiles()) == NAMES


def _values(knob: Knob) -> st.SearchStrategy[Json]:
    match knob.kind:
        case KnobType.RATE:
            return st.floats(0, 1)
        case KnobType.INTEGER:
            return st.integers(1, 10**9)
        case KnobType.DURATION:
            return st.integers(0, 10**9 - 1).map(lambda number: f"{number}ms")
        case KnobType.TEXT:
            return st.text(st.characters(exclude_categories=["Cs"]))
        case KnobType.WORDS:
            return st.lists(st.sampled_from(knob.words), min_size=1, unique=True).map(lambda words: [*words])


@pytest.mark.slow
@given(st.data(), st.sampled_from([40, 60, WIDE]))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_profile_that_is_shown_loads_as_the_same(data: st.DataObject, width: int) -> None:
    values: dict[Key, Json] = {knob.key: data.draw(_values(knob)) for knob in knobs() if data.draw(st.booleans())}
    profile = from_keys("any", values)
    assert shown_again(profile, width) == profile


@pytest.mark.slow
@given(st.text(st.characters(exclude_categories=["Cs"])), st.sampled_from([40, WIDE]))
@settings(max_examples=300, deadline=None)
def test_any_doc_that_is_shown_loads_as_the_same(doc: str, width: int) -> None:
    assert shown_again(Profile(name="any", doc=doc), width).doc == doc
