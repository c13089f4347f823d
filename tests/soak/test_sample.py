"""The sample of the soak that runs with every change: 200 seeds a backend, and 20,000 metamorphic checks.

Each seed makes a plan of the profile quick and those of three properties, in turn, so that every property has its share.
5,000 expressions are compared in tests/generation/expressions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Final

import pytest

from bench.soak.explained import explanation, load
from bench.soak.parts import METAMORPHIC, PARTS, Part, Unit
from bench.soak.records import Counts
from bench.soak.work import do
from simdsl.backends.registry import resolve
from simdsl.properties.property import Requirement
from simdsl.properties.registry import every, find

pytestmark = pytest.mark.slow

SEEDS: Final = 200
A_SEED: Final = 3  # properties
BACKENDS: Final = ("sqlite", "apsw", "libsql", "turso", "postgres")
RUNNABLE: Final = tuple(one.name for one in every() if Requirement.DISCONNECT not in one.requires)
CHECKS: Final = 20_000
MEANING: Final = tuple(name for name in METAMORPHIC if name in RUNNABLE)
CHUNK: Final = 25
EXPLAINED: Final = load()


def sampled(part: Part, subject: str, seed: int) -> Counts:
    """What one seed came to. It fails if there was an alarm that nobody has explained, or the plan was skipped."""
    counts = do(Unit(part=part.name, subject=subject, first=seed, last=seed), part)
    for alarm in counts.alarms:
        if explanation(alarm, part, subject, EXPLAINED) is None:
            pytest.fail(f"{subject}, seed {seed}: {alarm.fingerprint}: {alarm.message}\n{alarm.plan}")
    assert not counts.skipped, (subject, seed)
    return counts


def share(name: str) -> list[int]:
    """The seeds of a property: over all properties, each seed comes three times."""
    number, count = RUNNABLE.index(name), len(RUNNABLE)
    return [1 + turn // A_SEED for turn in range(number, SEEDS * A_SEED, count)]


def meant() -> Iterator[tuple[str, str]]:
    """Each property with each backend that its plans are for."""
    for name in RUNNABLE:
        backends = find(name).plan(1).backends
        for backend in BACKENDS:
            if not backends or resolve(PARTS[f"properties-{backend}"].backends[0]).name in backends:
                yield name, backend


@pytest.mark.parametrize(("name", "backend"), list(meant()))
def test_a_property_gives_no_alarm(name: str, backend: str) -> None:
    part = PARTS[f"properties-{backend}"]
    checks = [sampled(part, name, seed).checks for seed in share(name)]
    assert sum(checks) > len(checks), f"{name} checked next to nothing"


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("first", range(1, SEEDS + 1, CHUNK))
def test_generated_plans_give_no_alarm(first: int, backend: str) -> None:
    part = PARTS[f"plans-{backend}"]
    counts = [sampled(part, "quick", seed) for seed in range(first, first + CHUNK)]
    assert all(one.assertions for one in counts)


@pytest.mark.parametrize("other", ["postgres", "apsw"])
@pytest.mark.parametrize("first", range(1, SEEDS + 1, 2 * CHUNK))
def test_backends_agree_about_generated_plans(first: int, other: str) -> None:
    part = PARTS[f"differential-{other}"]
    counts = [sampled(part, "quick", seed) for seed in range(first, first + 2 * CHUNK, 2)]
    assert all(one.assertions for one in counts)


@pytest.mark.parametrize("name", MEANING)
def test_a_metamorphic_property_gives_no_alarm_on_the_newest_sqlite(name: str) -> None:
    wanted = -(-CHECKS // len(MEANING))
    checks = 0
    for seed in range(1, 201):
        checks += sampled(PARTS["metamorphic-apsw"], name, seed).checks
        if checks >= wanted:
            return
    pytest.fail(f"{name} checked {checks} times in 200 plans, not {wanted}")


def test_every_seed_comes_as_often_as_the_others() -> None:
    assert Counter(seed for name in RUNNABLE for seed in share(name)) == dict.fromkeys(range(1, SEEDS + 1), A_SEED)


def test_the_sample_would_hear_an_alarm() -> None:
    broken = replace(PARTS["properties-sqlite"], backends=("python:tests.soak.broken:make",))
    with pytest.raises(pytest.fail.Exception, match=r"tx-rollback-invisible, seed [1-5]: "):
        list(map(partial(sampled, broken, "tx-rollback-invisible"), range(1, 6)))
