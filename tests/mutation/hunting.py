"""Looking for a bug with the plans of properties, seed by seed, and for none where there is none."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from statistics import median
from typing import Final

from simdsl.backends.protocol import Backend
from simdsl.backends.registry import resolve
from simdsl.core.verdicts import FailureKind, PlanEnded, RunEnded, Verdict
from simdsl.profiles.load import load_profile
from simdsl.properties import registry
from simdsl.properties.property import PlanSize
from simdsl.runs.context import RunOptions
from simdsl.runs.single import run_plan
from tests.mutation.bug import Bug

PROFILES: Final = ("quick", "stress")
STARTS: Final = (1, 101, 201, 301, 401)
SEEDS: Final = 20
"""So many seeds are tried from each start, the start included."""

SURVEY: Final = (3,)
"""The seeds of the profile quick with which every property looks for every bug. Its tables have several rows and columns."""

TELLING: Final = frozenset({FailureKind.PROPERTY, FailureKind.CHECK, FailureKind.EXPECTATION})
"""What of a failed run says that its plan has found the bug: an error that merely stops a plan is not among them."""


class FalseAlarm(Exception):
    """A plan failed, or judged nothing, on a backend without a bug."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One plan on one backend. ``steps`` are those of its runs, up to and with the first that failed."""

    is_found: bool
    is_failed: bool
    steps: int
    assertions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Hunt:
    """What came of a bug. An item each for every start: the seed that found it, and the steps until then."""

    bug: str
    finder: str | None  # the property that was to find it; None: none was, and none did
    profile: str | None  # None: not found from every start with any profile
    seeds: tuple[int, ...] = ()
    steps: tuple[int, ...] = ()
    also: tuple[str, ...] = ()  # properties that found it in the survey

    @property
    def tried(self) -> tuple[int, ...]:
        """How many seeds it took from each start."""
        return tuple(seed - start + 1 for seed, start in zip(self.seeds, STARTS, strict=True))

    @property
    def median_steps(self) -> int:
        """Steps to detection, the median over the starts."""
        return int(median(self.steps))


def hunt(bug: Bug) -> Hunt:
    """Look for a bug. Raises ``FalseAlarm`` if one of the same plans fails without it."""
    broken = bug.make()
    surveyed = {one.name: took for one in registry.every() if (took := _surveyed(bug, broken, one.name)) is not None}
    name = bug.expected or min(surveyed, key=surveyed.__getitem__, default=None)
    if name is None:
        return Hunt(bug=bug.name, finder=None, profile=None)
    for profile in PROFILES:
        found = list(_from_every_start(bug, broken, name, profile))
        if len(found) == len(STARTS):
            seeds, steps = tuple(seed for seed, _ in found), tuple(steps for _, steps in found)
            return Hunt(bug=bug.name, finder=name, profile=profile, seeds=seeds, steps=steps, also=tuple(surveyed))
    return Hunt(bug=bug.name, finder=name, profile=None, also=tuple(surveyed))


def attempt(backend: Backend, name: str, profile: str, seed: int) -> Attempt:
    """Run the plan of a property. Raises ``BackendUnavailable``."""
    plan = registry.find(name).plan(seed, _size(profile))
    judged = 0
    for event in run_plan(plan, plan.name, backend, RunOptions(seed=seed)):
        if isinstance(event, RunEnded):
            judged += sum(tried.assertions for tried in event.report.properties)
        elif isinstance(event, PlanEnded):
            return Attempt(
                is_found=_tells(event), is_failed=event.verdict is Verdict.FAIL, steps=event.steps, assertions=judged
            )
    raise AssertionError("a plan began and did not end")


def check_sound(bug: Bug, name: str, profile: str, seed: int) -> None:
    """Run the same plan where there is no bug. Raises ``FalseAlarm``."""
    came = _sound(bug.sound, name, profile, seed)
    if came.is_failed or not came.assertions:
        raise FalseAlarm(f"{name}, profile {profile}, seed {seed}: {came} on {bug.sound}")


def _surveyed(bug: Bug, broken: Backend, name: str) -> int | None:
    """Steps until a property finds the bug in the survey, None if it does not."""
    steps = 0
    for seed in SURVEY:
        came = attempt(broken, name, PROFILES[0], seed)
        steps += came.steps
        if came.is_found:
            check_sound(bug, name, PROFILES[0], seed)
            return steps
    return None


def _from_every_start(bug: Bug, broken: Backend, name: str, profile: str) -> Iterator[tuple[int, int]]:
    for start in STARTS:
        steps = 0
        for seed in range(start, start + SEEDS):
            came = attempt(broken, name, profile, seed)
            check_sound(bug, name, profile, seed)
            steps += came.steps
            if came.is_found:
                yield seed, steps
                break
        else:
            return


def _tells(ended: PlanEnded) -> bool:
    failed = ended.failed
    told = (failed.failure, *failed.consequences) if failed is not None else ()
    return any(one is not None and one.kind in TELLING for one in told)


@cache
def _sound(url: str, name: str, profile: str, seed: int) -> Attempt:
    return attempt(resolve(url), name, profile, seed)


@cache
def _size(profile: str) -> PlanSize:
    return PlanSize.of(load_profile(profile))
