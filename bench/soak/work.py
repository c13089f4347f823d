"""One unit, done in this process: make every plan, run it, count what it came to."""

from __future__ import annotations

import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from functools import cache
from typing import Final

from bench.soak.parts import EXPRESSIONS_A_SEED, PARTS, Kind, Part, Unit
from bench.soak.records import Alarm, Counts
from simdsl.backends.protocol import Backend
from simdsl.backends.registry import resolve
from simdsl.core.verdicts import Failure, PlanEnded, Progress, RunEnded, Verdict
from simdsl.generation.plans import generate
from simdsl.language.dump import dump
from simdsl.plan.plan import Plan
from simdsl.profiles.load import load_profile
from simdsl.profiles.profile import Profile
from simdsl.properties import registry
from simdsl.properties.property import PlanSize
from simdsl.rewriting.pin import pin_run
from simdsl.runs.context import RunOptions
from simdsl.runs.differential import run_differential
from simdsl.runs.single import run_plan

_LONG: Final = 500  # characters of a message


def do(unit: Unit, part: Part | None = None, at: Callable[[int], None] = lambda seed: None) -> Counts:
    """Do a unit of this part, by default of the one that it names. ``at`` hears of every seed before it begins.

    Raises ``BackendUnavailable``. Whatever is raised while a plan is made or run is an alarm of that seed.
    """
    part = part or PARTS[unit.part]
    if part.kind is Kind.EXPRESSIONS:
        return _expressions(unit, part, at)
    backends = tuple(map(_opened, part.backends))
    tally = _Tally()
    for seed in range(unit.first, unit.last + 1):
        at(seed)
        _one(part, unit.subject, seed, backends, tally)
    return tally.counts()


@dataclass(slots=True, kw_only=True, eq=False)
class _Tally:
    plans: int = 0
    steps: int = 0
    assertions: int = 0
    checks: int = 0
    failed: int = 0
    without_assertions: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    warned: Counter[str] = field(default_factory=Counter)
    alarms: list[Alarm] = field(default_factory=list)

    def alarm(self, seed: int, fingerprint: str, message: str, plan: str | None) -> None:
        self.failed += 1
        known = any(alarm.fingerprint == fingerprint for alarm in self.alarms)
        self.alarms.append(Alarm(seed=seed, fingerprint=fingerprint, message=message, plan=None if known else plan))

    def counts(self) -> Counts:
        return Counts(
            plans=self.plans,
            steps=self.steps,
            assertions=self.assertions,
            checks=self.checks,
            failed=self.failed,
            without_assertions=self.without_assertions,
            skipped=dict(sorted(self.skipped.items())),
            warned=dict(sorted(self.warned.items())),
            alarms=tuple(self.alarms),
        )


def _one(part: Part, subject: str, seed: int, backends: Sequence[Backend], tally: _Tally) -> None:
    tally.plans += 1
    plan: Plan | None = None
    try:
        plan = _plan(part, subject, seed)
        ended = _run(plan, seed, backends, tally)
    except Exception as error:
        text = dump(plan) if plan is not None else None
        where = traceback.extract_tb(error.__traceback__)[-1]
        message = f"{type(error).__name__}: {error} (line {where.lineno} of {where.filename.rpartition('/')[2]})"
        tally.alarm(seed, f"raised/{type(error).__name__}", message, text)
        return
    if ended.verdict is Verdict.SKIP:
        tally.skipped[_without_step(ended.reason or "")] += 1
    tally.warned.update({_without_step(warning) for warning in ended.warnings})
    if ended.failed is not None and ended.failed.failure is not None:
        failure = ended.failed.failure
        tally.alarm(seed, failure.fingerprint, _said(failure), dump(pin_run(plan, ended.failed, ended.seed)))


def _run(plan: Plan, seed: int, backends: Sequence[Backend], tally: _Tally) -> PlanEnded:
    options = RunOptions(seed=seed)
    events: Iterator[Progress]
    if len(backends) == 1:
        events = run_plan(plan, plan.name, backends[0], options)
    else:
        events = run_differential(plan, plan.name, backends, options)
    checks = 0
    for event in events:
        if isinstance(event, RunEnded):
            checks += sum(tried.assertions for tried in event.report.properties)
        elif isinstance(event, PlanEnded):
            tally.steps += event.steps
            tally.assertions += event.assertions
            tally.checks += checks
            if event.verdict is not Verdict.SKIP and not (checks if plan.properties else event.assertions):
                tally.without_assertions += 1
            return event
    raise AssertionError("a plan began and did not end")


def _plan(part: Part, subject: str, seed: int) -> Plan:
    if part.kind is Kind.PROPERTY:
        return registry.find(subject).plan(seed, PlanSize.of(_profile(part.profile)))
    return generate(_profile(subject), seed)


def _expressions(unit: Unit, part: Part, at: Callable[[int], None]) -> Counts:
    # Tests own the comparison, and are in every checkout.
    from tests.generation.expressions.agreement import agree
    from tests.generation.expressions.tables import Engine

    tally = _Tally()
    with ExitStack() as stack:
        engines = [stack.enter_context(closing(Engine(url))) for url in part.backends]
        for seed in range(unit.first, unit.last + 1):
            at(seed)
            found = agree(engines, seed=seed, count=EXPRESSIONS_A_SEED)
            tally.plans += found.expressions
            tally.assertions += found.values - found.undefined * len(engines)
            tally.warned.update(found.declared)
            for one in found.disagreements:
                tally.alarm(seed, f"disagreement/{one.engine}", str(one), None)
    return tally.counts()


def written(part: Part, subject: str, seed: int) -> str | None:
    """The plan of a seed, written out; None where there is none. Raises what making it raises."""
    return None if part.kind is Kind.EXPRESSIONS else dump(_plan(part, subject, seed))


def versions(part: Part) -> dict[str, str]:
    """What a part runs on: engines and drivers by the URL that selects them. Raises ``BackendUnavailable``."""
    told: dict[str, str] = {}
    for url in part.backends:
        found = _opened(url).describe()
        told[url] = f"{found.engine} {found.engine_version}, {found.driver} {found.driver_version}"
    return told


@cache
def _opened(url: str) -> Backend:
    return resolve(url)


@cache
def _profile(name: str) -> Profile:
    return load_profile(name)


def _said(failure: Failure) -> str:
    """What broke, and what came instead: an engine's own words tell its bugs apart."""
    said = "; ".join((failure.message, *failure.got))
    return said if len(said) <= _LONG else f"{said[:_LONG]}…"


def _without_step(text: str) -> str:
    """A reason or a warning without the step that it is about, which differs from plan to plan."""
    head, colon, rest = text.partition(": ")
    if head == "known difference":
        return f"{head}: {rest.rpartition(': ')[2]}"
    return rest if colon and head.startswith("step ") else text
