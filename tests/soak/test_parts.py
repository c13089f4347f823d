"""Parts and their units."""

from __future__ import annotations

from itertools import islice

import pytest

from bench.soak.parts import METAMORPHIC, PARTS, PROFILES, Kind, Part
from simdsl.language.property_names import built_in
from simdsl.profiles.load import load_profile

PLAIN = Part(
    name="plain", what="a part", kind=Kind.PLAN, backends=("sqlite",), subjects=("quick", "stress"), seeds=20, chunk=10
)


def test_units_are_seed_by_seed_and_subject_by_subject() -> None:
    assert [str(unit) for unit in PLAIN.units()] == [
        "plain quick 1..10",
        "plain stress 1..10",
        "plain quick 11..20",
        "plain stress 11..20",
    ]


@pytest.mark.parametrize(("first", "last", "units"), [(1, 1, 2), (10, 11, 4), (11, 20, 2), (21, 40, 4)])
def test_asked_for_some_seeds_the_units_are_the_same(first: int, last: int, units: int) -> None:
    some = list(PLAIN.units(first, last))
    assert len(some) == units
    assert set(some) <= set(PLAIN.units(1, 40))


def test_a_target_has_no_last_seed() -> None:
    part = PARTS["metamorphic-apsw"]
    assert part.target == 1_000_000
    assert len(list(islice(part.units(), 1_000))) == 1_000


def test_every_property_and_every_profile_is_measured() -> None:
    assert set(METAMORPHIC) <= set(built_in())
    for part in PARTS.values():
        if part.kind is Kind.PROPERTY and part.target is None:
            assert part.subjects == built_in()
        if part.kind in (Kind.PLAN, Kind.DIFFERENTIAL):
            assert part.subjects == PROFILES
    for name in PROFILES:
        assert load_profile(name).name == name


@pytest.mark.parametrize(("name", "seeds"), [("sqlite", 2_000), ("libsql", 500), ("turso", 200), ("postgres", 500)])
def test_as_many_seeds_as_are_promised_and_no_unit_beyond(name: str, seeds: int) -> None:
    for part in (PARTS[f"properties-{name}"], PARTS[f"plans-{name}"]):
        done = [
            seed for unit in part.units() if unit.subject == part.subjects[0] for seed in range(unit.first, unit.last + 1)
        ]
        assert done == list(range(1, seeds + 1))
